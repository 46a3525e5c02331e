//! The result in a few figures.

use maud::{Markup, html};

use super::survey::Survey;
use super::words::breakable;
use super::{Contents, count};
use crate::graph::{Graph, Kind, Side};
use crate::lint::Figures;
use crate::proof::Conclusion;

/// The headline of a page with errors.
const ERRORS: &str = "Do not deploy: fix the errors marked in red.";

/// Returns the subject of the page in a few sentences.
pub(super) fn sentence(contents: &Contents<'_>, graph: &Graph) -> String {
    let targets = graph.sides.len().saturating_sub(1);
    let instances: usize = graph.sides.iter().map(|side| side.instances).sum();
    let account = |side| {
        graph
            .sides
            .get(side)
            .map_or("", |side: &Side| &side.account)
    };
    let dev = account(0);
    let buckets = graph.nodes.iter();
    let mut buckets = buckets.filter(|node| node.kind == Kind::OutputBucket);
    let first = buckets.next().map_or("", |bucket| &bucket.name);
    let whose = match contents.proof.pipelines.len() {
        0 | 1 => format!("The pipeline in account {dev}"),
        several => format!("The {several} pipelines in account {dev}"),
    };
    let into = match (targets, instances) {
        (0 | 1, 0 | 1) => format!("bucket {first} in account {}", account(1)),
        (1, several) => format!("{several} buckets, one for each account and region"),
        (several, _) => format!(
            "{several} targets with {}",
            count(instances, "output bucket")
        ),
    };
    format!(
        "{whose} can deploy files to {into}. This page lists the permissions that the deployment \
         requires, and the access that is denied to others."
    )
}

pub(super) fn part(contents: &Contents<'_>, survey: &Survey<'_>) -> Markup {
    let proof = contents.proof;
    let outcome = proof.outcome();
    let lint = Figures::of(contents.lint);
    let excess = outcome.excess + outcome.unknown_actions;
    // A template that is too large to be sent inline can still be deployed from a bucket.
    let usages = contents.usages.iter().flat_map(|(_, usages)| usages);
    let usages = usages.filter(|usage| usage.used <= usage.limit || !usage.is_soft());
    let fullest = usages.map(super::Usage::percent).max().unwrap_or(0);
    let looks = |bad: bool, warn: bool| match (bad, warn) {
        (true, _) => "bad",
        (_, true) => "warn",
        _ => "good",
    };
    // Figure, words, looks, and section of each card.
    let cards = [
        (
            format!("{} of {}", outcome.allowed, outcome.calls),
            "calls in the run are allowed".to_owned(),
            looks(
                outcome.denied > 0 || outcome.empty.is_some(),
                outcome.allowed < outcome.calls,
            ),
            "#calls",
        ),
        (
            format!("{} of {}", outcome.denied_attacks, outcome.attacks),
            "attacks are denied".to_owned(),
            looks(
                outcome.allowed_attacks > 0,
                outcome.denied_attacks < outcome.attacks,
            ),
            "#attacks",
        ),
        (
            excess.to_string(),
            match excess {
                1 => "statement has excess permissions".to_owned(),
                _ => "statements have excess permissions".to_owned(),
            },
            looks(!proof.excess.unknown.is_empty(), excess > 0),
            "#grants",
        ),
        (
            lint.errors.to_string(),
            format!(
                "{}, {}, {}{} suppressed",
                if lint.errors == 1 {
                    "lint error"
                } else {
                    "lint errors"
                },
                count(lint.warnings, "warning"),
                match lint.notes {
                    0 => String::new(),
                    notes => format!("{}, ", count(notes, "note")),
                },
                lint.suppressed
            ),
            looks(lint.errors > 0, lint.warnings > 0),
            "#lint",
        ),
        (
            format!("{fullest}%"),
            "highest quota usage".to_owned(),
            looks(fullest > 100, fullest > 90),
            "#quotas",
        ),
    ];
    let statements = survey.statements.iter();
    let outsiders = statements.filter(|statement| !statement.outsiders.is_empty());
    let unknown = "that cannot be decided without more information";
    let reserves: Vec<String> = [
        (outcome.unproven, "call", unknown),
        (outcome.unproven_attacks, "attack", unknown),
        (outcome.unresolved, "value", "that cannot be resolved"),
        (
            outcome.over_granted_attacks,
            "attack",
            "allowed by AWS's published procedure, as configured",
        ),
        (excess, "statement", "with excess permissions"),
        (outsiders.count(), "statement", "with access for outsiders"),
        (
            survey.unchecked().count(),
            "statement",
            "outside the policies of the run",
        ),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, what, says)| format!("{} {says}", count(number, what)))
    .collect();
    let look = format!(
        "The run is proven. Review these points: {}.",
        reserves.join("; ")
    );
    let (looks, verdict) = match (outcome.conclusion(), outcome.empty) {
        (Conclusion::Failed, Some(empty)) => {
            ("bad", format!("Do not deploy: {}.", empty.because()))
        }
        (Conclusion::Failed, None) => ("bad", ERRORS.to_owned()),
        _ if lint.errors > 0 => ("bad", ERRORS.to_owned()),
        (Conclusion::Unproven, _) => (
            "warn",
            format!("Not fully proven: {}.", reserves.join("; ")),
        ),
        (Conclusion::Excess, _) => ("warn", look),
        (Conclusion::Proven, _) if !reserves.is_empty() => ("warn", look),
        (Conclusion::Proven, _) => (
            "good",
            "Proven: every call of the run is allowed on both sides, and every attack is denied."
                .to_owned(),
        ),
    };
    html! {
        p class=(format!("verdict {looks}")) { strong { (breakable(&verdict)) } }
        ul class="cards" {
            @for (figure, words, looks, section) in &cards {
                li class=(looks) {
                    a href=(section) { span class="figure" { (figure) } " " (words) }
                }
            }
        }
        (not_given(contents))
    }
}

/// Returns the inputs that were not given, each once.
fn not_given(contents: &Contents<'_>) -> Markup {
    let missing = contents.proof.missing(true);
    html! {
        @if !missing.is_empty() {
            p { "These inputs were not given. Calls that depend on them are unproven:" }
            ul {
                @for missing in missing {
                    li {
                        (breakable(&missing.what)) " (" code { (breakable(&missing.option)) } ")"
                    }
                }
            }
        }
    }
}
