//! The report for the security reviewer of the targets' accounts: one HTML page that needs nothing
//! else. It loads nothing, works from a file and without scripts, and says the same for the same
//! templates, byte for byte.
//!
//! Here live the page and its parts, one file each. What it says comes from the [`Proof`], the
//! lint's [`Report`]s and the quotas; the picture is [`crate::graph`]'s. Every link to a statement
//! leads to the line of the template that is in the page itself.

mod attacks;
mod calls;
mod checks;
mod grants;
mod links;
mod sources;
mod summary;
mod survey;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::checked::Checked;
use crate::diagnostic::Source;
use crate::escape::lines;
use crate::graph::{Graph, STYLE};
use crate::lint::quotas::Usage;
use crate::lint::{self, Report};
use crate::proof::{Inputs, Proof};
use links::Links;

/// What a report is made from.
struct Contents<'a> {
    /// The proof; instances that are alike may stand for each other.
    proof: &'a Proof,
    inputs: &'a Inputs,
    /// The findings of each template, in the order of the proof's files.
    lint: &'a [(Source, Report)],
    /// How much of each quota the templates use.
    usages: Vec<(&'a Source, Vec<Usage>)>,
}

/// Without a network, frames or forms, whatever a name in a template may hold.
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
    // The sources come last: they are marked where the other parts point to.
    let parts = [
        ("summary", "Summary", summary::part(contents, &survey)),
        ("picture", "Picture", calls::picture(&graph)),
        (
            "calls",
            "Calls of a run",
            calls::part(contents, &graph, &links),
        ),
        (
            "attacks",
            "What must be denied",
            attacks::part(contents.proof, &links),
        ),
        (
            "grants",
            "What each statement is for",
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
                title { (name) ": what the pipeline may do" }
                style { (PreEscaped(STYLE)) (PreEscaped(include_str!("page.css"))) }
            }
            body {
                a class="skip" href="#summary" { "To the content" }
                header {
                    h1 { (name) ": what the pipeline may do" }
                    p { (summary::sentence(contents, &graph)) }
                    nav aria-label="Sections" {
                        ul {
                            @for (id, title, _) in sections() {
                                li { a href=(format!("#{id}")) { (title) } }
                            }
                        }
                    }
                    // Only the script can filter, so only the script shows it.
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
    // Hidden characters are escaped, wherever they come from.
    lines(&page).into_owned() + "\n"
}

fn made_by() -> Markup {
    html! {
        p {
            "Made by s3ferry " (VERSION) " from the templates below, whose SHA-256 stands \
             beside each. The calls of a run are those that AWS documents; each was evaluated \
             offline against every policy, as AWS's documentation describes it. Not evaluated: what \
             stands outside of these files, such as service and resource control policies that \
             were not given."
        }
    }
}

/// A table that scrolls by itself where it is too wide.
fn table(name: &str, columns: &[&str], rows: &[Markup]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(name) {
            table aria-label=(name) {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

/// As many rows are told each by itself; of more, those that say the same are told once.
const MOST_ROWS: usize = 200;

/// Where else something stands that is told once.
fn and_others(templates: usize) -> String {
    match templates {
        0 | 1 => String::new(),
        more => format!(" and in {}", count(more - 1, "other template")),
    }
}

/// `1 call`, `2 calls`.
fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
