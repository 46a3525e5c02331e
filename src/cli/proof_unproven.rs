//! The unproven calls of a proof, together where they depend on the same, and what settles them.

use s3ferry::proof::{Decided, Proof, Verdict};

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
        out.push_str(&format!(
            "unproven: {} (needed by {})\n",
            group.first.call.caller_shown(),
            at(proof, group.first.call.place)
        ));
        for (resource, actions) in &group.on {
            out.push_str(&format!("  {}\n    on {resource}\n", actions.join(", ")));
        }
        for missing in &group.first.missing {
            out.push_str(&format!(
                "  not given: {}; give {}\n",
                missing.what, missing.option
            ));
        }
        for doubt in &group.first.doubts {
            out.push_str(&format!(
                "  not known: {} ({})\n",
                doubt.reason,
                at(proof, doubt.place)
            ));
        }
        out.push('\n');
    }
    out + &options(proof)
}

/// Whether what is not known is the same of two calls.
fn is_alike(one: &Decided, other: &Decided) -> bool {
    one.call.caller == other.call.caller
        && one.missing == other.missing
        && one.doubts == other.doubts
}

/// The options that settle what depends on files that are not given.
fn options(proof: &Proof) -> String {
    let attacks = proof.attacks.iter();
    let attacks = attacks.filter_map(|attack| attack.decided.as_ref());
    let calls = proof.calls.iter().map(|(decided, _)| decided);
    let open = calls
        .chain(attacks)
        .filter(|decided| decided.verdict == Verdict::Unproven);
    let mut found: Vec<(&str, &str)> = open
        .flat_map(|decided| &decided.missing)
        .map(|missing| (missing.option.as_str(), missing.what.as_str()))
        .collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        return String::new();
    }
    let mut out = "To settle what depends on policies that are not given, add:\n".to_owned();
    for (option, what) in found {
        out.push_str(&format!("  {option}\n      {what}\n"));
    }
    out.push('\n');
    out
}
