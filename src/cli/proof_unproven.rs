//! The unproven calls of a proof, together where they depend on the same, and what settles them.

use crate::proof::{Decided, Proof, Verdict};

use super::output::line;
use super::proof_reports::at;

/// Calls of one caller that depend on the same.
struct Group<'p> {
    first: &'p Decided,
    /// Actions by resource.
    on: Vec<(&'p str, Vec<&'p str>)>,
}

/// Everything unproven; empty where nothing is.
pub(crate) fn together(proof: &Proof) -> String {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let calls = proof.calls.iter().map(|(decided, _)| decided);
    for decided in calls.filter(|decided| decided.verdict == Verdict::Unproven) {
        let mut known = groups.iter_mut();
        let group = match known.find(|group| is_alike(group.first, decided)) {
            Some(group) => group,
            None => {
                groups.push(Group {
                    first: decided,
                    on: Vec::new(),
                });
                let last = groups.len() - 1;
                &mut groups[last]
            }
        };
        let (action, resource) = (decided.call.action.as_str(), decided.call.resource.as_str());
        match group.on.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, actions)) if actions.contains(&action) => {}
            Some((_, actions)) => actions.push(action),
            None => group.on.push((resource, vec![action])),
        }
    }
    let mut out = String::new();
    for group in &groups {
        out.push_str(&line(&format!(
            "unproven: {} (needed by {})",
            group.first.call.caller_shown(),
            at(proof, group.first.call.place)
        )));
        for (resource, actions) in &group.on {
            out.push_str(&line(&format!("  {}", actions.join(", "))));
            out.push_str(&line(&format!("    on {resource}")));
        }
        out.push_str(&unknowns(proof, group.first));
        out.push('\n');
    }
    out + &options(proof)
}

/// What an unproven call depends on, a line each.
pub(crate) fn unknowns(proof: &Proof, decided: &Decided) -> String {
    let missing = decided.missing.iter();
    let missing = missing.map(|missing| {
        line(&format!(
            "  not given: {}; give {}",
            missing.what, missing.option
        ))
    });
    let doubts = decided.doubts.iter();
    let doubts = doubts.map(|doubt| {
        let resource = match doubt.resource.as_str() {
            "" => String::new(),
            resource => format!("{resource} at "),
        };
        let place = at(proof, doubt.place);
        line(&format!(
            "  not known: {} ({resource}{place})",
            doubt.reason
        ))
    });
    missing.chain(doubts).collect()
}

/// Whether what is not known is the same of two calls.
fn is_alike(one: &Decided, other: &Decided) -> bool {
    one.call.caller == other.call.caller
        && one.missing == other.missing
        && one.doubts == other.doubts
}

/// The options that settle what depends on files that are not given.
fn options(proof: &Proof) -> String {
    let found = proof.missing(true);
    if found.is_empty() {
        return String::new();
    }
    let mut out = "To settle what depends on policies that are not given, add:\n".to_owned();
    for missing in found {
        out.push_str(&line(&format!("  {}", missing.option)));
        out.push_str(&line(&format!("      {}", missing.what)));
    }
    out.push('\n');
    out
}
