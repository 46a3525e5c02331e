//! What each statement is for: the calls that it serves, and what it grants beyond them.

use std::collections::HashMap;

use maud::{Markup, html};

use super::links::Links;
use super::survey::{Statement, Survey};
use super::{Contents, MOST_ROWS, and_others, count, table};
use crate::proof::{Proof, StatementUse};

/// Actions that are named; the rest is counted.
const NAMED: usize = 12;

/// Statements of the same name and use, in one template or several.
struct Use<'p> {
    first: &'p StatementUse,
    templates: usize,
}

pub(super) fn part(contents: &Contents<'_>, survey: &Survey<'_>, links: &Links<'_>) -> Markup {
    let proof = contents.proof;
    let uses = uses(proof);
    let rows: Vec<Markup> = uses.iter().map(|found| row(found, links)).collect();
    html! {
        p {
            "Every statement that allows something, with the calls of a run that it serves. What \
             serves none, and has no documented reason, is excess."
        }
        @for unknown in &proof.excess.unknown {
            p class="why" data-find {
                span class="tag bad" { "error" } " there is no action " code { (unknown.action) }
                " in " (unknown.resource) ", " (links.place(unknown.place))
                @if let Some(near) = unknown.near { "; did you mean " code { (near) } "?" }
            }
        }
        @for doubt in &proof.doubts {
            p class="why" data-find {
                span class="tag warn" { "unresolved" } " " (doubt.resource) ", "
                (links.place(doubt.place)) ": " (doubt.reason)
            }
        }
        (outsiders(survey, links))
        (unchecked(survey, links))
        details class="group" data-group="statements" open {
            summary { h3 { (count(uses.len(), "statement")) } }
            (table("What each statement is for", &["Statement", "Resource", "Serves", "Beyond the run"], &rows))
        }
    }
}

/// Who is let in from accounts that have no part in the run: the reviewer's first question.
fn outsiders(survey: &Survey<'_>, links: &Links<'_>) -> Markup {
    html! {
        @for statement in &survey.statements {
            @for principal in &statement.outsiders {
                p class="why" data-find {
                    span class="tag warn" { "outsider" } " " code { (principal) }
                    " is allowed by " (links.named(statement.place, name(statement))) ", "
                    (links.place(statement.place))
                }
            }
        }
    }
}

/// What allows something that no call of the run was evaluated against.
fn unchecked(survey: &Survey<'_>, links: &Links<'_>) -> Markup {
    let found: Vec<&Statement<'_>> = survey.unchecked().collect();
    html! {
        @if !found.is_empty() {
            details class="group" data-group="not checked" open {
                summary {
                    h3 { (count(found.len(), "statement")) " beside the run's own policies" }
                }
                p {
                    "They stand in policies of resources that have no part in the run, or in files \
                     that were given. What they allow beyond the run is not told: read them."
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
        .unwrap_or("a statement without a Sid")
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
        // Only other templates may hold the same: two statements of one are two.
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

fn row(used: &Use<'_>, links: &Links<'_>) -> Markup {
    let found = used.first;
    let name = found.sid.as_deref().unwrap_or("without a Sid");
    let left = found.excess.len().saturating_sub(NAMED);
    html! {
        tr data-find {
            td {
                (links.named(found.place, name)) " " span class="at" { (links.place(found.place)) }
                (and_others(used.templates))
            }
            td { (found.resource) }
            td {
                @if found.serves.is_empty() { span class="none" { "no call" } }
                @else { (calls(&found.serves)) }
            }
            td {
                @match (found.documented, found.excess.is_empty()) {
                    (None, true) if found.serves.is_empty() =>
                        span class="tag warn" { "all of it" },
                    (_, true) => span class="none" { "nothing" },
                    (Some(why), _) => { (why) }
                    (None, _) => {
                        span class="tag warn" { (count(found.excess.len(), "action")) } " "
                        @for action in found.excess.iter().take(NAMED) { code { (action) } " " }
                        @if left > 0 { "and " (left) " more" }
                    }
                }
            }
        }
    }
}

/// The actions that are served, each once, and how many calls that are.
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
        @for action in actions { code { (action) } " " }
    }
}
