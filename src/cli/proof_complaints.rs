//! What is wrong with a proof, a line or an explanation for each thing.

use s3ferry::proof::{AttackResult, Empty, Outcome, Proof};

use super::output::line;
use super::proof_reports::{at, explanation, serving};

/// What is wrong, with its explanation, and what is unproven, in a line for each thing that is
/// not given; with `strict` also all else that is an error then. Empty where all is well.
pub(crate) fn complaints(proof: &Proof, strict: bool) -> String {
    let mut out = emptiness(&proof.outcome());
    for (decided, remedies) in proof.denied() {
        out.push_str(&explanation(proof, decided, remedies));
    }
    for attack in proof.attacks_that(AttackResult::Allowed) {
        if let Some(decided) = &attack.decided {
            out.push_str(&line(&format!("must not be: {}", attack.what)));
            out.push_str(&explanation(proof, decided, &[]));
        }
    }
    out.push_str(&unknown_actions(proof));
    out.push_str(&obstacles(proof));
    for missing in proof.missing(strict) {
        out.push_str(&line(&format!(
            "warning: unproven, because it depends on {}; give it to `s3ferry prove` with {}",
            missing.what, missing.option
        )));
    }
    if strict {
        out.push_str(&unresolved(proof));
        let unexplained = proof.excess.unexplained();
        out.extend(unexplained.map(|found| serving(proof, found)));
    }
    out.trim_end().to_owned()
}

/// Why there was nothing to check; empty where there was.
pub(crate) fn emptiness(outcome: &Outcome) -> String {
    let because = outcome.empty.map(Empty::because);
    because.map_or(String::new(), |because| line(&format!("error: {because}")))
}

/// What cannot be resolved.
pub(crate) fn unresolved(proof: &Proof) -> String {
    let doubts = proof.doubts.iter();
    doubts
        .map(|doubt| {
            line(&format!(
                "unresolved: {} ({}): {}",
                at(proof, doubt.place),
                doubt.resource,
                doubt.reason
            ))
        })
        .collect()
}

/// The actions that their service does not have.
pub(crate) fn unknown_actions(proof: &Proof) -> String {
    let mut out = String::new();
    for unknown in &proof.excess.unknown {
        let near = unknown
            .near
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        out.push_str(&line(&format!(
            "error: {} ({}): there is no action `{}`{near}",
            at(proof, unknown.place),
            unknown.resource,
            unknown.action
        )));
    }
    out
}

/// What ends a run early.
pub(crate) fn obstacles(proof: &Proof) -> String {
    let obstacles = proof.obstacles.iter();
    obstacles
        .map(|obstacle| {
            line(&format!(
                "error: {} ({}): {}",
                at(proof, obstacle.place),
                obstacle.resource,
                obstacle.reason
            ))
        })
        .collect()
}
