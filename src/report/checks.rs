//! The lint findings, the suppressed rules with their reasons, and the quota usage.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::links::Links;
use super::words::breakable;
use super::{Contents, and_others, count, table};
use crate::diagnostic::{Severity, Source};
use crate::lint::quotas::Usage;
use crate::lint::{Figures, Suppressed, all_findings};

/// The maximum number of resources that are listed for a quota.
const NAMED: usize = 20;

pub(super) fn lint(contents: &Contents<'_>, links: &Links<'_>) -> Markup {
    let findings: Vec<_> = all_findings(contents.lint).collect();
    let rules = Figures::of(contents.lint).rules;
    let suppressed = suppressed(contents);
    let rows: Vec<Vec<Markup>> = suppressed
        .iter()
        .map(|(first, source, templates)| {
            vec![
                html! { code { (breakable(&first.rule)) } },
                html! {
                    (breakable(&first.resource)) " "
                    span class="at" { (links.in_source(source, first.span)) }
                    (and_others(*templates))
                },
                breakable(first.reason.as_deref().unwrap_or("no reason given")),
            ]
        })
        .collect();
    html! {
        p {
            (count(rules, "AWS CloudFormation Guard rule")) " evaluated on "
            (count(contents.lint.len(), "template")) ": " (count(findings.len(), "finding")) "."
        }
        @for (source, finding) in findings {
            div class="why" data-find {
                @let looks = match finding.severity {
                    Severity::Error => "bad",
                    Severity::Warning => "warn",
                    Severity::Note => "",
                };
                p {
                    span class=(format!("tag {looks}")) { (finding.severity.name()) } " "
                    code { (breakable(finding.code())) } " "
                    @if let Some(resource) = finding.resource() { (breakable(resource)) ", " }
                    (links.in_source(source, finding.span)) ": " (breakable(&finding.message))
                }
                @if let Some(fix) = &finding.help { p { (breakable(fix)) } }
            }
        }
        @if !suppressed.is_empty() {
            details class="group" data-group="suppressed" {
                summary { h3 { (count(suppressed.len(), "suppressed rule")) ", with reasons" } }
                (table("Suppressed rules", &["Rule", "Resource", "Reason"], &rows, true))
            }
        }
    }
}

/// Returns each suppression once, with the first template that contains it and the number of such
/// templates.
fn suppressed<'a>(contents: &Contents<'a>) -> Vec<(&'a Suppressed, &'a Source, usize)> {
    let mut order = Vec::new();
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for (source, report) in contents.lint {
        for suppressed in &report.suppressed {
            let key = (&suppressed.resource, &suppressed.rule, &suppressed.reason);
            let templates = counts.entry(key).or_default();
            *templates += 1;
            if *templates == 1 {
                order.push((suppressed, source, key));
            }
        }
    }
    order
        .into_iter()
        .map(|(suppressed, source, key)| (suppressed, source, counts[&key]))
        .collect()
}

pub(super) fn quotas(contents: &Contents<'_>, links: &Links<'_>) -> Markup {
    let mut by_rule: BTreeMap<&str, Vec<(&Source, &Usage)>> = BTreeMap::new();
    for (source, usages) in &contents.usages {
        for usage in usages {
            by_rule.entry(usage.rule).or_default().push((source, usage));
        }
    }
    let mut rules: Vec<Vec<(&Source, &Usage)>> = by_rule.into_values().collect();
    for usages in &mut rules {
        // The sort is stable, so equal usages stay in the order of the files.
        usages.sort_by_key(|(_, usage)| std::cmp::Reverse(usage.percent()));
    }
    let fullest =
        |usages: &[(&Source, &Usage)]| usages.first().map_or(0, |(_, usage)| usage.percent());
    rules.sort_by_key(|usages| std::cmp::Reverse(fullest(usages)));
    html! {
        p { "For each quota, this list shows the resource with the highest usage." }
        ul class="bars" {
            @for usages in &rules {
                @if let Some((source, usage)) = usages.first() {
                    li data-find {
                        (bar(source, usage, links))
                        @if usages.len() > 1 { (others(&usages[1..])) }
                    }
                }
            }
        }
    }
}

fn bar(source: &Source, usage: &Usage, links: &Links<'_>) -> Markup {
    let limit = usage.limit;
    html! {
        div class="bar" {
            span class="what" {
                (breakable(&usage.what)) " "
                span class="at" { (links.in_source(source, usage.span)) }
            }
            // The bar ends at the limit. The text contains the actual usage.
            meter min="0" max=(limit) value=(usage.used.min(limit)) low=(limit * 3 / 4)
                high=(limit * 9 / 10) optimum="0" aria-label=(format!(
                    "{}, {}: {} of {limit} {}", usage.what, source.name(), usage.used, usage.quota.unit
                )) {}
            span class="used" {
                (usage.used) " of " (limit) " " (usage.quota.unit) ", " (usage.percent()) "%"
            }
        }
        @if usage.used > limit { p class="why" { (breakable(&usage.fix)) } }
    }
}

fn others(usages: &[(&Source, &Usage)]) -> Markup {
    html! {
        details {
            summary { (count(usages.len(), "other")) }
            ul {
                @for (source, usage) in usages.iter().take(NAMED) {
                    li {
                        (breakable(&usage.what)) ", " (breakable(source.name())) ": " (usage.used) " of " (usage.limit) " "
                        (usage.quota.unit) ", " (usage.percent()) "%"
                    }
                }
                @if usages.len() > NAMED {
                    li { "and " (usages.len() - NAMED) " more with lower usage" }
                }
            }
        }
    }
}
