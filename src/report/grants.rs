//! The purpose of each statement: the calls that need it, and its excess permissions.

use std::collections::HashMap;

use maud::{Markup, html};

use super::links::Links;
use super::survey::{Statement, Survey};
use super::words::breakable;
use super::{Contents, MOST_ROWS, and_others, count, table};
use crate::proof::{Proof, StatementUse};

/// The maximum number of actions that are listed. The other actions are only counted.
const NAMED: usize = 12;

/// Statements with the same name and use, in one or more templates.
struct Use<'p> {
    first: &'p StatementUse,
    templates: usize,
}

const COLUMNS: [&str; 4] = ["Statement", "Resource", "Needed by", "Excess"];

pub(super) fn part(contents: &Contents<'_>, survey: &Survey<'_>, links: &Links<'_>) -> Markup {
    let proof = contents.proof;
    let uses = uses(proof);
    let rows: Vec<Vec<Markup>> = uses.iter().map(|found| row(found, links)).collect();
    html! {
        p {
            "This table lists all statements that allow actions, with the calls in the run that \
             need them. A permission that no call needs is excess, unless it has a documented \
             reason."
        }
        @for unknown in &proof.excess.unknown {
            p class="why" data-find {
                span class="tag bad" { "error" } " unknown action " code { (breakable(&unknown.action)) }
                " in " (breakable(&unknown.resource)) ", " (links.place(unknown.place))
                @if let Some(near) = unknown.near { "; did you mean " code { (breakable(near)) } "?" }
            }
        }
        @for doubt in &proof.doubts {
            p class="why" data-find {
                span class="tag warn" { "unresolved" } " " (breakable(&doubt.resource)) ", "
                (links.place(doubt.place)) ": " (breakable(&doubt.reason))
            }
        }
        (outsiders(survey, links))
        (unchecked(survey, links))
        details class="group" data-group="statements" open {
            summary { h3 { (count(uses.len(), "statement")) } }
            (table("Purpose of each statement", &COLUMNS, &rows, true))
        }
    }
}

/// Returns the principals in accounts that are not part of the run. Reviewers usually check these
/// principals first.
fn outsiders(survey: &Survey<'_>, links: &Links<'_>) -> Markup {
    html! {
        @for statement in &survey.statements {
            @for principal in &statement.outsiders {
                p class="why" data-find {
                    span class="tag warn" { "outsider" } " " code { (breakable(principal)) }
                    " is allowed by " (links.named(statement.place, name(statement))) ", "
                    (links.place(statement.place))
                }
            }
        }
    }
}

/// Returns the statements that no call of the run was evaluated against.
fn unchecked(survey: &Survey<'_>, links: &Links<'_>) -> Markup {
    let found: Vec<&Statement<'_>> = survey.unchecked().collect();
    html! {
        @if !found.is_empty() {
            details class="group" data-group="not checked" open {
                summary {
                    h3 { (count(found.len(), "statement")) " outside the policies of the run" }
                }
                p {
                    "These statements are in policies of resources that are not part of the run, \
                     or in additional files. s3ferry does not check them for excess permissions. \
                     Review these statements."
                }
                ul {
                    @for statement in found {
                        li data-find {
                            (links.named(statement.place, name(statement))) " "
                            span class="at" { (links.place(statement.place)) }
                        }
                    }
                }
            }
        }
    }
}

fn name<'s>(statement: &'s Statement<'_>) -> &'s str {
    statement
        .sid
        .as_deref()
        .unwrap_or("statement without a Sid")
}

fn uses(proof: &Proof) -> Vec<Use<'_>> {
    let are_many = proof.excess.statements.len() > MOST_ROWS;
    let mut uses: Vec<Use<'_>> = Vec::new();
    let mut known = HashMap::new();
    for found in &proof.excess.statements {
        let same = (
            &found.resource,
            &found.sid,
            &found.excess,
            found.documented,
            found.serves.len(),
        );
        // Two statements in one template are listed separately.
        let alike = known.get(&same).filter(|_| are_many);
        match alike.filter(|(_, file)| *file != found.place.file) {
            Some((number, _)) => {
                let found: &mut Use<'_> = &mut uses[*number];
                found.templates += 1;
            }
            None => {
                known.insert(same, (uses.len(), found.place.file));
                uses.push(Use {
                    first: found,
                    templates: 1,
                });
            }
        }
    }
    uses
}

fn row(used: &Use<'_>, links: &Links<'_>) -> Vec<Markup> {
    let found = used.first;
    let name = found.sid.as_deref().unwrap_or("statement without a Sid");
    let left = found.excess.len().saturating_sub(NAMED);
    let excess = html! {
        @match (found.documented, found.excess.is_empty()) {
            (None, true) if found.serves.is_empty() =>
                span class="tag warn" { "entire statement" },
            (_, true) => span class="none" { "none" },
            (Some(why), _) => { (breakable(why)) }
            (None, _) => {
                span class="tag warn" { (count(found.excess.len(), "action")) } " "
                @for action in found.excess.iter().take(NAMED) { code { (breakable(action)) } " " }
                @if left > 0 { "and " (left) " more" }
            }
        }
    };
    vec![
        html! {
            (links.named(found.place, name)) " " span class="at" { (links.place(found.place)) }
            (and_others(used.templates))
        },
        breakable(&found.resource),
        html! {
            @if found.serves.is_empty() { span class="none" { "no call" } }
            @else { (calls(&found.serves)) }
        },
        excess,
    ]
}

/// Returns the number of calls that need a statement, and their actions.
fn calls(serves: &[String]) -> Markup {
    let mut actions: Vec<&str> = Vec::new();
    for id in serves {
        let mut parts = id.split('/').filter(|part| part.contains(':'));
        actions.extend(parts.next());
    }
    actions.sort_unstable();
    actions.dedup();
    html! {
        (count(serves.len(), "call")) ": "
        @for action in actions { code { (breakable(action)) } " " }
    }
}
