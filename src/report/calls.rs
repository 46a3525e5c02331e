//! The picture, and behind every arrow of it the calls, with the statements that decide them on
//! both sides.

use maud::{Markup, PreEscaped, html};

use super::links::Links;
use super::{Contents, count, table};
use crate::graph::{Arrow, Graph};
use crate::policy::evaluation::Layer;
use crate::proof::{Decided, Proof, Remedy, Verdict};
use crate::run::Step;

/// Targets that are shown opened.
const OPENED: usize = 3;

const COLUMNS: [&str; 5] = [
    "Decision",
    "Actions",
    "On",
    "Statements of the caller's side",
    "Statements of the resource's side",
];

pub(super) fn picture(graph: &Graph) -> Markup {
    let drawn = graph.clone().alike();
    let some_are_alike = drawn.sides.iter().any(|side| !side.alike.is_empty());
    html! {
        p {
            "An arrow is what one calls the other for. Thick ones move the artifact, and the number \
             is the place on its way. Dashed red ones are denied, dashed amber ones unproven. Choose an \
             arrow to see its calls."
            @if some_are_alike {
                " Of targets whose calls and findings are the same, one is drawn; below, each has its own \
                 calls."
            }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Picture, can be scrolled" {
            (drawn.to_html(&|arrow| format!("#{}", arrow.id)))
        }
    }
}

pub(super) fn part(contents: &Contents<'_>, graph: &Graph, links: &Links<'_>) -> Markup {
    let mut arrows: Vec<Vec<&Arrow>> = vec![Vec::new(); graph.sides.len()];
    for arrow in &graph.arrows {
        // An arrow of the dev account's that ends at a target is the target's.
        let sides = [arrow.from, arrow.to].map(|node| graph.nodes[node].side);
        arrows[sides[0].max(sides[1])].push(arrow);
    }
    let opened = graph.sides.len() <= OPENED + 1;
    html! {
        @for obstacle in &contents.proof.obstacles {
            p class="why" data-find {
                span class="tag bad" { "error" } " " (obstacle.resource) ", "
                (links.place(obstacle.place)) ": " (obstacle.reason)
            }
        }
        @for (side, arrows) in graph.sides.iter().zip(&arrows) {
            @let title = format!("{}, {}", side.title(), side.accounts());
            @let verdicts = arrows.iter().map(|arrow| arrow.verdict);
            @let worst = verdicts.fold(Verdict::Allowed, Verdict::worse);
            details class="group" data-group=(title) open[opened || side.target.is_none()] {
                summary {
                    h3 { (title) }
                    " " (verdict(worst))
                }
                @for arrow in arrows { (behind(contents.proof, graph, arrow, links)) }
                @if let Some(target) = &side.target { (instances(contents, target)) }
            }
        }
    }
}

/// The accounts and regions of a target, where it has several.
fn instances(contents: &Contents<'_>, target: &str) -> Markup {
    let mut stacks = contents.inputs.stacks.iter();
    let stack = stacks.find(|stack| stack.is_target && stack.name == target);
    let instances = stack.map_or(&[][..], |stack| &stack.instances);
    html! {
        @if instances.len() > 1 {
            details class="instances" {
                summary { "The " (instances.len()) " accounts and regions" }
                ul {
                    @for instance in instances {
                        li data-find { (instance.account) " " (instance.region) }
                    }
                }
            }
        }
    }
}

fn verdict(verdict: Verdict) -> Markup {
    let (looks, word) = match verdict {
        Verdict::Allowed => ("good", "allowed"),
        Verdict::Denied => ("bad", "denied"),
        Verdict::NotGranted => ("warn", "not granted"),
        Verdict::Unproven => ("warn", "unproven"),
    };
    html! { span class=(format!("tag {looks}")) { (word) } }
}

/// What is behind an arrow.
fn behind(proof: &Proof, graph: &Graph, arrow: &Arrow, links: &Links<'_>) -> Markup {
    let [from, to] = [arrow.from, arrow.to].map(|node| &graph.nodes[node]);
    let calls: Vec<&(Decided, Vec<Remedy>)> = arrow
        .calls
        .iter()
        .map(|number| &proof.calls[*number])
        .collect();
    html! {
        details class="arrow-calls" id=(arrow.id) data-find {
            summary {
                @if let Some(number) = arrow.number() { span class="number" { (number) } " " }
                span class="steps" { (Step::list(&arrow.steps)) } ": "
                (from.kind.words()) " " b { (from.name) } " to "
                (to.kind.words()) " " b { (to.name) }
                @if arrow.instances > 1 { " × " (arrow.instances) }
                " " (verdict(arrow.verdict))
            }
            @if let Some((decided, _)) = calls.first() {
                p class="needed" {
                    (count(calls.len(), "call")) ", needed by " (links.place(decided.call.place))
                }
            }
            (table(&Step::list(&arrow.steps), &COLUMNS, &rows(&calls, links)))
            @for (decided, remedies) in calls.iter().filter(|call| call.0.verdict != Verdict::Allowed) {
                (why(decided, remedies, links))
            }
        }
    }
}

/// Calls that differ in nothing but their action share a row.
fn rows(calls: &[&(Decided, Vec<Remedy>)], links: &Links<'_>) -> Vec<Markup> {
    let mut rows: Vec<(Verdict, String, Vec<&str>)> = Vec::new();
    for (decided, _) in calls {
        let on = html! {
            td { code { (decided.call.resource) } }
            @for caller in [true, false] { td { (side(decided, caller, links)) } }
        };
        let on = on.into_string();
        let mut known = rows.iter_mut();
        match known.find(|(verdict, known, _)| *verdict == decided.verdict && *known == on) {
            // The same action with another encryption context is shown once.
            Some((.., actions)) if actions.contains(&decided.call.action.as_str()) => {}
            Some((.., actions)) => actions.push(&decided.call.action),
            None => rows.push((decided.verdict, on, vec![&decided.call.action])),
        }
    }
    rows.into_iter()
        .map(|(decision, on, actions)| {
            html! {
                tr {
                    td { (verdict(decision)) }
                    td { @for action in actions { code { (action) } " " } }
                    (PreEscaped(on))
                }
            }
        })
        .collect()
}

/// The statements of one side that decide a call.
fn side(decided: &Decided, caller: bool, links: &Links<'_>) -> Markup {
    let found = decided.decisive.iter().filter(|decisive| {
        let of_resource = matches!(decisive.layer, Layer::ResourcePolicy | Layer::Rcps);
        of_resource != caller
    });
    let found: Vec<_> = found.collect();
    html! {
        @if found.is_empty() { span class="none" { "none" } }
        @for decisive in found { div { (links.statement(decisive)) } }
    }
}

/// Why a call is not allowed, and what to add.
fn why(decided: &Decided, remedies: &[Remedy], links: &Links<'_>) -> Markup {
    html! {
        div class="why" {
            p { code { (decided.call.action) } ": " (decided.reason.because) }
            @if let Some(rejection) = decided.rejection() {
                p {
                    "To fix it: " (rejection.fix) " ("
                    @if let Some(resource) = &rejection.resource { (resource) ", " }
                    (links.place(rejection.place)) ")"
                }
            }
            @for missing in &decided.missing {
                p { "Not given: " (missing.what) " (" code { (missing.option) } ")" }
            }
            @for doubt in &decided.doubts {
                p { "Not resolved: " (doubt.resource) ", " (links.place(doubt.place)) ": " (doubt.reason) }
            }
            @for remedy in remedies {
                p {
                    "Add to "
                    @match (&remedy.resource, remedy.place) {
                        (Some(resource), Some(place)) => { (resource) ", " (links.place(place)) }
                        _ => { "a policy that is not there yet" }
                    }
                    ":"
                }
                pre tabindex="0" { (remedy.statement) }
            }
        }
    }
}
