//! The problems of a proof, each on one line or with an explanation.

use crate::proof::{AttackResult, Outcome, Proof};

use super::explain::{explanation, serving};
use crate::cli::excerpt::shortened;
use crate::cli::output::Text;

/// Returns the problems with explanations, and a line for each missing input of an unproven call.
/// With `strict`, includes the unresolved values and the excess. Returns empty text if there are no
/// problems.
pub(crate) fn complaints(proof: &Proof, strict: bool) -> Text {
    let mut out = Text::new();
    emptiness(&mut out, &proof.outcome());
    first(&mut out, proof.denied(), |out, (decided, remedies)| {
        out.append(&explanation(proof, decided, remedies));
    });
    let allowed = proof.attacks_that(AttackResult::Allowed);
    let allowed = allowed.filter_map(|attack| Some((attack, attack.decided.as_ref()?)));
    first(&mut out, allowed, |out, (attack, decided)| {
        out.prose(format_args!("allowed attack: {}", attack.what));
        out.append(&explanation(proof, decided, &[]));
    });
    unknown_actions(&mut out, proof);
    obstacles(&mut out, proof);
    for missing in proof.missing(strict) {
        out.prose(format_args!(
            "warning: unproven: depends on {}; run `s3ferry prove` with {}",
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

/// The maximum number of items shown for each kind. The JSON output contains all items.
const MOST_SHOWN: usize = 20;

/// Shows the first items of a kind, and counts the others.
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
            "… and {more} more: `s3ferry prove --format json` lists them all\n\n"
        ));
    }
}

/// Explains an empty proof.
pub(super) fn emptiness(out: &mut Text, outcome: &Outcome) {
    if let Some(empty) = outcome.empty {
        out.prose(format_args!("error: {}", empty.because()));
    }
}

/// Lists the unresolved values.
pub(super) fn unresolved(out: &mut Text, proof: &Proof) {
    first(out, &proof.doubts, |out, doubt| {
        let place = proof.at(doubt.place);
        out.prose(format_args!(
            "unresolved: {place} ({}): {}",
            doubt.resource, doubt.reason
        ));
    });
}

/// Lists the actions that do not exist in their service.
pub(super) fn unknown_actions(out: &mut Text, proof: &Proof) {
    first(out, &proof.excess.unknown, |out, unknown| {
        let near = unknown
            .near
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        out.prose(format_args!(
            "error: {} ({}): unknown action `{}`{near}",
            proof.at(unknown.place),
            unknown.resource,
            shortened(&unknown.action)
        ));
    });
}

/// Lists the causes that end an execution early.
pub(super) fn obstacles(out: &mut Text, proof: &Proof) {
    first(out, &proof.obstacles, |out, obstacle| {
        let place = proof.at(obstacle.place);
        out.prose(format_args!(
            "error: {place} ({}): {}",
            obstacle.resource, obstacle.reason
        ));
    });
}
