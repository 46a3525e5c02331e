//! The unproven calls of a proof, grouped by their cause, and the inputs that would decide them.

use crate::proof::{Decided, Proof, Verdict};

use super::explain::unknowns;
use crate::cli::output::Text;

/// The actions of calls by resource, in the order of the calls.
#[derive(Default)]
pub(super) struct Actions<K>(pub(super) Vec<(K, Vec<String>)>);

impl<K: PartialEq> Actions<K> {
    pub(super) fn add(&mut self, on: K, action: &str) {
        match self.0.iter_mut().find(|(known, _)| *known == on) {
            Some((_, actions)) if actions.iter().any(|known| known == action) => {}
            Some((_, actions)) => actions.push(action.to_owned()),
            None => self.0.push((on, vec![action.to_owned()])),
        }
    }
}

/// Shows the unproven calls.
pub(super) fn together(out: &mut Text, proof: &Proof) {
    let mut groups: Vec<(&Decided, Actions<&str>)> = Vec::new();
    let calls = proof.calls.iter().map(|(decided, _)| decided);
    for decided in calls.filter(|decided| decided.verdict == Verdict::Unproven) {
        let known = groups
            .iter()
            .position(|(first, _)| is_alike(first, decided));
        let at = known.unwrap_or_else(|| {
            groups.push((decided, Actions(Vec::new())));
            groups.len() - 1
        });
        groups[at]
            .1
            .add(&decided.call.resource, &decided.call.action);
    }
    for (first, on) in &groups {
        out.prose(format_args!(
            "unproven: {} (needed by {})",
            first.call.caller_shown(),
            proof.at(first.call.place)
        ));
        for (resource, actions) in &on.0 {
            out.prose(format_args!("  {}", actions.join(", ")));
            out.prose(format_args!("    on {resource}"));
        }
        unknowns(out, proof, first);
        out.push_str("\n");
    }
    let found = proof.missing(true);
    if !found.is_empty() {
        out.push_str(
            "To determine whether the calls that depend on missing policies are allowed, add:\n",
        );
        for missing in found {
            out.prose(format_args!("  {}", missing.option));
            out.prose(format_args!("      {}", missing.what));
        }
        out.push_str("\n");
    }
}

/// Returns whether two calls depend on the same unknown inputs.
fn is_alike(one: &Decided, other: &Decided) -> bool {
    one.call.caller == other.call.caller
        && one.missing == other.missing
        && one.doubts == other.doubts
}
