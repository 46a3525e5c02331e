//! What is wrong with a proof, a line or an explanation for each thing.

use crate::proof::{AttackResult, Outcome, Proof};

use super::explain::{explanation, serving};
use crate::cli::excerpt::shortened;
use crate::cli::output::Text;

/// What is wrong, with its explanation, and what is unproven, in a line for each thing that is
/// not given; with `strict` also all else that is an error then. Empty where all is well.
pub(crate) fn complaints(proof: &Proof, strict: bool) -> Text {
    let mut out = Text::new();
    emptiness(&mut out, &proof.outcome());
    first(&mut out, proof.denied(), |out, (decided, remedies)| {
        out.append(&explanation(proof, decided, remedies));
    });
    let allowed = proof.attacks_that(AttackResult::Allowed);
    let allowed = allowed.filter_map(|attack| Some((attack, attack.decided.as_ref()?)));
    first(&mut out, allowed, |out, (attack, decided)| {
        out.line(format_args!("must not be: {}", attack.what));
        out.append(&explanation(proof, decided, &[]));
    });
    unknown_actions(&mut out, proof);
    obstacles(&mut out, proof);
    for missing in proof.missing(strict) {
        out.line(format_args!(
            "warning: unproven, because it depends on {}; give it to `s3ferry prove` with {}",
            missing.what, missing.option
        ));
    }
    if strict {
        unresolved(&mut out, proof);
        first(&mut out, proof.excess.unexplained(), |out, found| {
            serving(out, proof, found);
        });
    }
    out.trim_end()
}

/// As many things of a kind are shown; the JSON has all of them.
const MOST_SHOWN: usize = 20;

/// Shows the first things of a kind, and how many more there are.
pub(super) fn first<T>(
    out: &mut Text,
    things: impl IntoIterator<Item = T>,
    show: impl Fn(&mut Text, T),
) {
    let mut things = things.into_iter();
    for thing in things.by_ref().take(MOST_SHOWN) {
        show(out, thing);
    }
    if let more @ 1.. = things.count() {
        out.push_str(&format!(
            "… and {more} more: `s3ferry prove --format json` has all\n\n"
        ));
    }
}

/// Why there was nothing to check, if there was nothing.
pub(super) fn emptiness(out: &mut Text, outcome: &Outcome) {
    if let Some(empty) = outcome.empty {
        out.line(format_args!("error: {}", empty.because()));
    }
}

/// What cannot be resolved.
pub(super) fn unresolved(out: &mut Text, proof: &Proof) {
    first(out, &proof.doubts, |out, doubt| {
        let place = proof.at(doubt.place);
        out.line(format_args!(
            "unresolved: {place} ({}): {}",
            doubt.resource, doubt.reason
        ));
    });
}

/// The actions that their service does not have.
pub(super) fn unknown_actions(out: &mut Text, proof: &Proof) {
    first(out, &proof.excess.unknown, |out, unknown| {
        let near = unknown
            .near
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        out.line(format_args!(
            "error: {} ({}): there is no action `{}`{near}",
            proof.at(unknown.place),
            unknown.resource,
            shortened(&unknown.action)
        ));
    });
}

/// What ends a run early.
pub(super) fn obstacles(out: &mut Text, proof: &Proof) {
    first(out, &proof.obstacles, |out, obstacle| {
        let place = proof.at(obstacle.place);
        out.line(format_args!(
            "error: {place} ({}): {}",
            obstacle.resource, obstacle.reason
        ));
    });
}
