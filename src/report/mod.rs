//! The report for the security reviewer of the targets' accounts: one self-contained HTML page. The
//! page loads no other files, works offline and without scripts, and is byte-identical for the same
//! templates.
//!
//! This module contains the page, and each submodule contains one part of it. The content comes
//! from the [`Proof`], the lint [`Report`]s, and the quotas; the diagram comes from
//! [`crate::graph`]. Every link to a statement leads to the statement's line in the template on the
//! same page.

mod attacks;
mod calls;
mod checks;
mod grants;
mod links;
mod sources;
mod summary;
mod survey;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::checked::Checked;
use crate::diagnostic::Source;
use crate::escape::lines;
use crate::graph::{Graph, STYLE};
use crate::lint::quotas::Usage;
use crate::lint::{self, Report};
use crate::proof::{Inputs, Proof};
use links::Links;
use words::breakable;

/// The input of a report.
struct Contents<'a> {
    /// The proof, in which one instance can represent similar instances.
    proof: &'a Proof,
    inputs: &'a Inputs,
    /// The findings of each template, in the order of the proof's files.
    lint: &'a [(Source, Report)],
    /// The quota usage of each template.
    usages: Vec<(&'a Source, Vec<Usage>)>,
}

/// The content security policy of the page. It forbids network access, frames, and forms,
/// regardless of the names in the templates.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn page(checked: &Checked<Inputs>) -> String {
    let inputs = &checked.templates;
    let usages = inputs.stacks.iter().filter_map(|stack| {
        let root = stack.template.root().ok()?;
        let usages = lint::quotas::usages(&stack.template, &root, &checked.quotas);
        Some((stack.template.source(), usages))
    });
    let contents = &Contents {
        proof: &checked.proof,
        inputs,
        lint: &checked.reports,
        usages: usages.collect(),
    };
    let links = Links::new(contents.proof);
    let graph = Graph::new(contents.proof);
    let name = contents.proof.pipelines.join(", ");
    let survey = survey::survey(contents);
    let drawn = graph.clone().alike();
    let diagram = drawn.to_html(&|arrow| format!("#{}", arrow.id));
    // The templates come last, because they contain an anchor for each link from another part.
    let parts = [
        ("summary", "Summary", summary::part(contents, &survey)),
        (
            "diagram",
            "Diagram",
            calls::diagram(&drawn, &diagram.diagrams),
        ),
        (
            "calls",
            "Calls in the run",
            calls::part(contents, &graph, &links),
        ),
        (
            "attacks",
            "Calls that must be denied",
            attacks::part(contents.proof, &links),
        ),
        (
            "grants",
            "Purpose of each statement",
            grants::part(contents, &survey, &links),
        ),
        ("lint", "Lint", checks::lint(contents, &links)),
        ("quotas", "Quotas", checks::quotas(contents, &links)),
    ];
    let sources = sources::part(contents, &survey, &links);
    let sections = || {
        let parts = parts.iter().map(|(id, title, part)| (*id, *title, part));
        parts.chain([("templates", "Templates", &sources)])
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(format!("s3ferry {VERSION}"));
                title { (name) ": permissions of the pipeline" }
                style {
                    (PreEscaped(STYLE)) (PreEscaped(include_str!("page.css")))
                    (PreEscaped(&diagram.style))
                }
            }
            body {
                a class="skip" href="#summary" { "Skip to content" }
                header {
                    h1 { (breakable(&name)) ": permissions of the pipeline" }
                    p { (breakable(&summary::sentence(contents, &graph))) }
                    nav aria-label="Sections" {
                        ul {
                            @for (id, title, _) in sections() {
                                li { a href=(format!("#{id}")) { (title) } }
                            }
                        }
                    }
                    // The filter needs the script, so the script shows it.
                    div id="finder" role="search" hidden {
                        label for="find" { "Filter" }
                        input id="find" type="search" autocomplete="off" spellcheck="false"
                            placeholder="account, role, action, statement, rule …";
                        output id="found" for="find" {}
                    }
                }
                main {
                    @for (id, title, part) in sections() {
                        section id=(id) aria-labelledby=(format!("{id}-title")) {
                            h2 id=(format!("{id}-title")) { (title) }
                            (part)
                        }
                    }
                }
                footer { (made_by()) }
                dialog id="panel" aria-labelledby="panel-title" {
                    div class="panel-head" {
                        h2 id="panel-title" tabindex="-1" {}
                        button id="panel-close" type="button" { "Close" }
                    }
                    div id="panel-body" {}
                }
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    }
    .into_string();
    // Hidden characters are escaped, regardless of their origin.
    lines(&page).into_owned() + "\n"
}

fn made_by() -> Markup {
    html! {
        p {
            "Generated by s3ferry " (VERSION) " from the templates below. The SHA-256 digest of each \
             template is in its heading. s3ferry evaluated each call that AWS documents for a \
             pipeline execution against every policy. The evaluation was offline and followed the \
             AWS documentation. It did not cover anything outside these files, such as service \
             control policies or resource control policies that were not given."
        }
    }
}

/// Returns a table. On a narrow screen, the table becomes a list of blocks in which every cell has
/// the name of its column. If `finds_rows` is set, the filter finds individual rows.
fn table(name: &str, columns: &[&str], rows: &[Vec<Markup>], finds_rows: bool) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(name) {
            table aria-label=(name) {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody {
                    @for row in rows {
                        tr data-find[finds_rows] {
                            @for (column, cell) in columns.iter().zip(row) {
                                td data-label=(column) { div { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The maximum number of entries that are listed individually. If there are more entries, similar
/// entries share a row.
const MOST_ROWS: usize = 200;

/// Returns the number of other templates that a row also represents, in words.
fn and_others(templates: usize) -> String {
    match templates {
        0 | 1 => String::new(),
        more => format!(" and in {}", count(more - 1, "other template")),
    }
}

/// Returns a count in words: `1 call`, `2 calls`.
fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
