//! What it all comes to, in a few figures.

use maud::{Markup, html};

use super::survey::Survey;
use super::{Contents, count};
use crate::graph::{Graph, Kind};
use crate::lint::Severity;
use crate::proof::{AttackResult, Verdict};

/// What the page is about, in one sentence.
pub(super) fn sentence(contents: &Contents<'_>, graph: &Graph) -> String {
    let targets = graph.sides.len().saturating_sub(1);
    let instances: usize = graph.sides.iter().map(|side| side.instances).sum();
    let dev = graph.sides.first().map_or("", |side| &side.account);
    let buckets = graph.nodes.iter();
    let mut buckets = buckets.filter(|node| node.kind == Kind::OutputBucket);
    let first = buckets.next().map_or("", |bucket| &bucket.name);
    let whose = match contents.proof.pipelines.len() {
        0 | 1 => format!("The pipeline of account {dev}"),
        several => format!("The {several} pipelines of account {dev}"),
    };
    let into = match (targets, instances) {
        (0 | 1, 0 | 1) => format!("bucket {first} of account {}", account(graph, 1)),
        (1, several) => format!("{several} buckets, one for each account and region"),
        (several, _) => format!("{several} targets, {}", count(instances, "output bucket")),
    };
    format!(
        "{whose} may deploy files into {into}. This page shows all that it is allowed for that, \
             and who else is kept out."
    )
}

fn account(graph: &Graph, side: usize) -> &str {
    graph.sides.get(side).map_or("", |side| &side.account)
}

/// A figure with its words.
struct Card {
    figure: String,
    words: String,
    /// `good`, `warn` or `bad`.
    looks: &'static str,
    section: &'static str,
}

pub(super) fn part(contents: &Contents<'_>, survey: &Survey<'_>) -> Markup {
    let proof = contents.proof;
    let calls = |verdict: Option<Verdict>| -> usize {
        let calls = proof.calls.iter().map(|(decided, _)| decided);
        calls
            .filter(|decided| verdict.is_none_or(|verdict| decided.verdict == verdict))
            .map(|decided| decided.instances)
            .sum()
    };
    let attacks = |result: Option<AttackResult>| -> usize {
        let attacks = proof.attacks.iter();
        attacks
            .filter(|attack| result.is_none_or(|result| attack.result == result))
            .map(|attack| attack.instances)
            .sum()
    };
    let findings = |severity| -> usize {
        let reports = contents
            .lint
            .iter()
            .flat_map(|(_, report)| &report.findings);
        reports
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (allowed, denied) = (calls(Some(Verdict::Allowed)), calls(Some(Verdict::Denied)));
    let stopped = attacks(Some(AttackResult::Denied));
    let passing = attacks(Some(AttackResult::Allowed));
    let excess = proof.excess.unexplained().count() + proof.excess.unknown.len();
    let (errors, warnings) = (findings(Severity::Error), findings(Severity::Warning));
    let suppressed: usize = contents
        .lint
        .iter()
        .map(|(_, report)| report.suppressed.len())
        .sum();
    // A template that is too large to be sent inline still deploys, from a bucket.
    let usages = contents.usages.iter().flat_map(|(_, usages)| usages);
    let usages = usages.filter(|usage| usage.used <= usage.limit || !usage.is_soft());
    let fullest = usages.map(super::Usage::percent).max().unwrap_or(0);
    let card = |figure: String, words: String, looks, section| Card {
        figure,
        words,
        looks,
        section,
    };
    let looks = |bad: bool, warn: bool| match (bad, warn) {
        (true, _) => "bad",
        (_, true) => "warn",
        _ => "good",
    };
    let cards = [
        card(
            format!("{allowed} of {}", calls(None)),
            "calls of a run are allowed".to_owned(),
            looks(denied > 0, allowed < calls(None)),
            "#calls",
        ),
        card(
            format!("{stopped} of {}", attacks(None)),
            "attacks are denied".to_owned(),
            looks(passing > 0, stopped < attacks(None)),
            "#attacks",
        ),
        card(
            excess.to_string(),
            match excess {
                1 => "statement grants",
                _ => "statements grant",
            }
            .to_owned()
                + " what no call needs",
            looks(!proof.excess.unknown.is_empty(), excess > 0),
            "#grants",
        ),
        card(
            errors.to_string(),
            format!(
                "lint errors, {}, {suppressed} suppressed",
                count(warnings, "warning")
            ),
            looks(errors > 0, warnings > 0),
            "#lint",
        ),
        card(
            format!("{fullest} %"),
            "of the fullest quota is used".to_owned(),
            looks(fullest > 100, fullest > 90),
            "#quotas",
        ),
    ];
    let unproven = (
        calls(Some(Verdict::Unproven)),
        attacks(Some(AttackResult::Unproven)),
    );
    let outsiders = survey
        .statements
        .iter()
        .filter(|statement| !statement.outsiders.is_empty());
    let outsiders = outsiders.count();
    let unchecked = survey.unchecked().count();
    let reserves: Vec<String> = [
        (
            unproven.0,
            "call",
            "depending on policies that were not given",
        ),
        (
            unproven.1,
            "attack",
            "depending on policies that were not given",
        ),
        (proof.doubts.len(), "value", "that cannot be resolved"),
        (
            attacks(Some(AttackResult::OverGranted)),
            "attack",
            "that AWS's published procedure lets succeed, as configured",
        ),
        (excess, "statement", "granting what no call needs"),
        (outsiders, "statement", "letting in outsiders"),
        (unchecked, "statement", "that no call was checked against"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, what, says)| format!("{} {says}", count(number, what)))
    .collect();
    let verdict = if proof.has_errors() || errors > 0 {
        ("bad", "Not fit to be deployed: see what is red.".to_owned())
    } else if unproven != (0, 0) || !proof.doubts.is_empty() {
        ("warn", format!("Not proven: {}.", reserves.join("; ")))
    } else if !reserves.is_empty() {
        (
            "warn",
            format!(
                "The run is proven. To be looked at: {}.",
                reserves.join("; ")
            ),
        )
    } else {
        (
            "good",
            "Proven: every call of a run is allowed on both sides, and every attack is denied."
                .to_owned(),
        )
    };
    html! {
        p class=(format!("verdict {}", verdict.0)) { strong { (verdict.1) } }
        ul class="cards" {
            @for card in &cards {
                li class=(card.looks) {
                    a href=(card.section) { span class="figure" { (card.figure) } " " (card.words) }
                }
            }
        }
        (not_given(contents))
    }
}

/// What was not given, each thing once.
fn not_given(contents: &Contents<'_>) -> Markup {
    let calls = contents.proof.calls.iter().map(|(decided, _)| decided);
    let attacks = contents.proof.attacks.iter();
    let attacks = attacks.filter_map(|attack| attack.decided.as_ref());
    let mut missing: Vec<_> = calls
        .chain(attacks)
        .flat_map(|decided| &decided.missing)
        .collect();
    missing.sort();
    missing.dedup();
    html! {
        @if !missing.is_empty() {
            p { "Not given, so that what depends on it is unproven:" }
            ul {
                @for missing in missing {
                    li { (missing.what) " (" code { (missing.option) } ")" }
                }
            }
        }
    }
}
