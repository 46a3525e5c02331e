//! What is wrong with a proof, a line or an explanation for each thing.

use crate::proof::{AttackResult, Empty, Outcome, Proof};

use super::excerpt::shortened;
use super::output::line;
use super::proof_reports::{at, explanation, serving};

/// What is wrong, with its explanation, and what is unproven, in a line for each thing that is
/// not given; with `strict` also all else that is an error then. Empty where all is well.
pub(crate) fn complaints(proof: &Proof, strict: bool) -> String {
    let mut out = emptiness(&proof.outcome());
    out.push_str(&first(proof.denied(), |(decided, remedies)| {
        explanation(proof, decided, remedies)
    }));
    let allowed = proof.attacks_that(AttackResult::Allowed);
    let allowed = allowed.filter_map(|attack| Some((attack, attack.decided.as_ref()?)));
    out.push_str(&first(allowed, |(attack, decided)| {
        let title = line(&format!("must not be: {}", attack.what));
        format!("{title}{}", explanation(proof, decided, &[]))
    }));
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
        out.push_str(&first(unexplained, |found| serving(proof, found)));
    }
    out.trim_end().to_owned()
}

/// As many things of a kind are shown; the JSON has all of them.
const MOST_SHOWN: usize = 20;

/// The first things of a kind, and how many there are beside them.
pub(crate) fn first<T>(things: impl IntoIterator<Item = T>, show: impl Fn(T) -> String) -> String {
    let mut things = things.into_iter();
    let mut out: String = things.by_ref().take(MOST_SHOWN).map(show).collect();
    if let more @ 1.. = things.count() {
        out.push_str(&format!(
            "… and {more} more: `s3ferry prove --format json` has all\n\n"
        ));
    }
    out
}

/// Why there was nothing to check; empty where there was.
pub(crate) fn emptiness(outcome: &Outcome) -> String {
    let because = outcome.empty.map(Empty::because);
    because.map_or(String::new(), |because| line(&format!("error: {because}")))
}

/// What cannot be resolved.
pub(crate) fn unresolved(proof: &Proof) -> String {
    first(&proof.doubts, |doubt| {
        line(&format!(
            "unresolved: {} ({}): {}",
            at(proof, doubt.place),
            doubt.resource,
            doubt.reason
        ))
    })
}

/// The actions that their service does not have.
pub(crate) fn unknown_actions(proof: &Proof) -> String {
    first(&proof.excess.unknown, |unknown| {
        let near = unknown
            .near
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        line(&format!(
            "error: {} ({}): there is no action `{}`{near}",
            at(proof, unknown.place),
            unknown.resource,
            shortened(&unknown.action)
        ))
    })
}

/// What ends a run early.
pub(crate) fn obstacles(proof: &Proof) -> String {
    first(&proof.obstacles, |obstacle| {
        line(&format!(
            "error: {} ({}): {}",
            at(proof, obstacle.place),
            obstacle.resource,
            obstacle.reason
        ))
    })
}
