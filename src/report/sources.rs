//! The templates and policies, with line numbers and marked statements.

use std::collections::BTreeSet;

use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use super::links::{Links, anchor};
use super::survey::{File, Statement, Survey, Use};
use super::words::breakable;
use super::{Contents, count};
use crate::diagnostic::Source;

pub(super) fn part(contents: &Contents<'_>, survey: &Survey<'_>, links: &Links<'_>) -> Markup {
    let given: Vec<&File> = survey
        .files
        .iter()
        .filter(|file| file.given_for.is_some())
        .collect();
    html! {
        p {
            "The color of a statement shows its effect: "
            mark class="allow" { "allows calls that the execution makes" } ", "
            mark class="excess" { "allows more, or was not checked" } ", "
            mark class="deny" { "denies" } "."
        }
        p {
            "Only open templates are printed. Open the templates that you want to print. "
            // Without the script, the user opens each template individually.
            button id="open-templates" type="button" hidden { "Open all templates" }
        }
        @if !given.is_empty() {
            p { "s3ferry treated these additional files as the live state of the accounts:" }
            ul {
                @for file in given {
                    li data-find {
                        (breakable(file.given_for.as_deref().unwrap_or_default())) ": "
                        @match file.number {
                            Some(number) => a href=(format!("#file-{number}")) {
                                (breakable(contents.proof.files[number].name()))
                            },
                            None => span class="tag warn" { "none, as stated by the author of this report" },
                        }
                    }
                }
            }
        }
        @for file in &survey.files {
            @if let Some(number) = file.number { (listing(contents, survey, links, number)) }
        }
    }
}

fn listing(contents: &Contents<'_>, survey: &Survey<'_>, links: &Links<'_>, file: usize) -> Markup {
    let source = &contents.proof.files[file];
    let statements: Vec<&Statement<'_>> = survey.of_file(file).collect();
    html! {
        details class="source" id=(format!("file-{file}")) data-find {
            summary {
                h3 { (breakable(source.name())) } " "
                (count(source.text().lines().count(), "line")) ", SHA-256 "
                code class="digest" { (breakable(&digest(source))) }
            }
            (code_of(source, file, &statements, links.into(file)))
        }
    }
}

fn digest(source: &Source) -> String {
    let digest = Sha256::digest(source.text());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn code_of(
    source: &Source,
    file: usize,
    statements: &[&Statement<'_>],
    wanted: Vec<usize>,
) -> Markup {
    let text = source.text();
    let lines = text.lines().count();
    let numbers: Vec<String> = (1..=lines).map(|line| line.to_string()).collect();
    let mut wanted: BTreeSet<usize> = wanted.into_iter().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    for statement in statements {
        let span = statement.place.span;
        // A statement inside another statement is not marked.
        if span.start < at {
            continue;
        }
        parts.push(plain(text, at..span.start, file, &wanted));
        wanted.remove(&span.start);
        let (looks, title) = marking(statement);
        parts.push(html! {
            mark class=(looks) id=(anchor(file, span.start)) title=(title) {
                (plain(text, span.start..span.end, file, &wanted))
            }
        });
        at = span.end;
    }
    parts.push(plain(text, at..text.len() + 1, file, &wanted));
    html! {
        div class="code" tabindex="0" role="region" aria-label=(source.name()) {
            pre class="numbers" aria-hidden="true" { (numbers.join("\n")) }
            pre { code { @for part in &parts { (part) } } }
        }
    }
}

/// Returns text with an anchor at every place that a link leads to.
fn plain(
    text: &str,
    range: std::ops::Range<usize>,
    file: usize,
    wanted: &BTreeSet<usize>,
) -> Markup {
    let mut at = range.start;
    let mut parts = Vec::new();
    for start in wanted.range(range.clone()).copied() {
        parts.push((text.get(at..start), Some(start)));
        at = start;
    }
    parts.push((text.get(at..range.end.min(text.len())), None));
    html! {
        @for (part, start) in parts {
            (part.unwrap_or_default())
            @if let Some(start) = start { span id=(anchor(file, start)) {} }
        }
    }
}

/// Returns the class and the title of a statement's mark.
fn marking(statement: &Statement<'_>) -> (&'static str, String) {
    let serves = statement.proven.map_or(0, |used| used.serves.len());
    let excess = statement.proven.map_or(0, |used| used.excess.len());
    match statement.used_as {
        Use::Denies => ("deny", "denies".to_owned()),
        Use::Limit => (
            "limit",
            "limits the permissions of other policies".to_owned(),
        ),
        Use::Unchecked => ("excess", "was not checked against the run".to_owned()),
        Use::Excess if excess == 0 => ("excess", "not needed by any call".to_owned()),
        Use::Excess => (
            "excess",
            format!("allows {} that no call needs", count(excess, "action")),
        ),
        Use::Needed => {
            let documented = statement.proven.and_then(|used| used.documented);
            let served = format!("needed by {}", count(serves, "call"));
            ("allow", documented.map_or(served, str::to_owned))
        }
    }
}
