//! The diagram, and the calls of each arrow with the statements that decide them on both sides.

use maud::{Markup, html};

use super::links::Links;
use super::words::breakable;
use super::{Contents, count, table};
use crate::graph::{Arrow, Graph};
use crate::policy::evaluation::Layer;
use crate::proof::{Decided, Proof, Remedy, Verdict};
use crate::run::Step;

/// The maximum number of targets whose calls are initially expanded.
const OPENED: usize = 3;

const COLUMNS: [&str; 5] = [
    "Decision",
    "Actions",
    "Resource",
    "Caller's statements",
    "Resource's statements",
];

pub(super) fn diagram(drawn: &Graph, diagrams: &Markup) -> Markup {
    let some_are_alike = drawn.sides.iter().any(|side| !side.alike.is_empty());
    html! {
        p {
            "Each arrow represents the calls from one box to another. Thick arrows represent calls \
             that move the artifact. The numbers show the order of the steps. Dashed red arrows \
             represent denied calls, and dashed amber arrows represent unproven calls. Select an \
             arrow to see its calls."
            @if some_are_alike {
                " One target represents all targets with the same calls and findings. The sections \
                 below list the calls of each target."
            }
        }
        p class="hint" { "Scroll sideways to see the whole diagram." }
        div class="scroll" tabindex="0" role="region" aria-label="Diagram, scrollable" {
            (diagrams)
        }
    }
}

pub(super) fn part(contents: &Contents<'_>, graph: &Graph, links: &Links<'_>) -> Markup {
    let mut arrows: Vec<Vec<&Arrow>> = vec![Vec::new(); graph.sides.len()];
    for arrow in &graph.arrows {
        // An arrow between the dev account and a target belongs to the target.
        let sides = [arrow.from, arrow.to].map(|node| graph.nodes[node].side);
        arrows[sides[0].max(sides[1])].push(arrow);
    }
    let opened = graph.sides.len() <= OPENED + 1;
    html! {
        @for obstacle in &contents.proof.obstacles {
            p class="why" data-find {
                span class="tag bad" { "error" } " " (breakable(&obstacle.resource)) ", "
                (links.place(obstacle.place)) ": " (breakable(&obstacle.reason))
            }
        }
        @for (side, arrows) in graph.sides.iter().zip(&arrows) {
            @let title = format!("{}, {}", side.title(), side.accounts());
            @let verdicts = arrows.iter().map(|arrow| arrow.verdict);
            @let worst = verdicts.fold(Verdict::Allowed, Verdict::worse);
            details class="group" data-group=(title) open[opened || side.target.is_none()] {
                summary {
                    h3 { (breakable(&title)) }
                    " " (verdict(worst))
                }
                @for arrow in arrows { (calls_of(contents.proof, graph, arrow, links)) }
                @if let Some(target) = &side.target { (instances(contents, target)) }
            }
        }
    }
}

/// Returns the accounts and regions of a target that has several.
fn instances(contents: &Contents<'_>, target: &str) -> Markup {
    let mut stacks = contents.inputs.stacks.iter();
    let stack = stacks.find(|stack| stack.is_target && stack.name == target);
    let instances = stack.map_or(&[][..], |stack| &stack.instances);
    html! {
        @if instances.len() > 1 {
            details class="instances" {
                summary { (instances.len()) " accounts and regions" }
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

/// Returns the calls of an arrow.
fn calls_of(proof: &Proof, graph: &Graph, arrow: &Arrow, links: &Links<'_>) -> Markup {
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
                (from.kind.words()) " " b { (breakable(&from.name)) } " to "
                (to.kind.words()) " " b { (breakable(&to.name)) }
                @if arrow.instances > 1 { " × " (arrow.instances) }
                " " (verdict(arrow.verdict))
            }
            @if let Some((decided, _)) = calls.first() {
                p class="needed" {
                    (count(calls.len(), "call")) ", required by " (links.place(decided.call.place))
                }
            }
            (table(&Step::list(&arrow.steps), &COLUMNS, &rows(&calls, links), false))
            @for (decided, remedies) in calls.iter().filter(|call| call.0.verdict != Verdict::Allowed) {
                (why(decided, remedies, links))
            }
        }
    }
}

/// Returns the rows for calls. Calls that differ only in their action share a row.
fn rows(calls: &[&(Decided, Vec<Remedy>)], links: &Links<'_>) -> Vec<Vec<Markup>> {
    let mut rows: Vec<(Verdict, String, [Markup; 3], Vec<&str>)> = Vec::new();
    for (decided, _) in calls {
        let cells = [
            html! { code { (breakable(&decided.call.resource)) } },
            side(decided, true, links),
            side(decided, false, links),
        ];
        let text = html! { @for cell in &cells { (cell) } }.into_string();
        let mut known = rows.iter_mut();
        match known.find(|(verdict, known, ..)| *verdict == decided.verdict && *known == text) {
            // The same action with a different encryption context is shown once.
            Some((.., actions)) if actions.contains(&decided.call.action.as_str()) => {}
            Some((.., actions)) => actions.push(&decided.call.action),
            None => rows.push((decided.verdict, text, cells, vec![&decided.call.action])),
        }
    }
    rows.into_iter()
        .map(|(decision, _, cells, actions)| {
            let actions = html! { @for action in actions { code { (breakable(action)) } " " } };
            [verdict(decision), actions]
                .into_iter()
                .chain(cells)
                .collect()
        })
        .collect()
}

/// Returns the statements of one side that decide a call.
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

/// Returns the reason why a call is not allowed, and the statement to add.
fn why(decided: &Decided, remedies: &[Remedy], links: &Links<'_>) -> Markup {
    html! {
        div class="why" {
            p {
                code { (breakable(&decided.call.action)) } ": "
                (breakable(&decided.reason.because))
            }
            @if let Some(rejection) = decided.rejection() {
                p {
                    "To fix this problem: " (breakable(&rejection.fix)) " ("
                    @if let Some(resource) = &rejection.resource { (breakable(resource)) ", " }
                    (links.place(rejection.place)) ")"
                }
            }
            @for missing in &decided.missing {
                p {
                    "Not given: " (breakable(&missing.what)) " ("
                    code { (breakable(&missing.option)) } ")"
                }
            }
            @for doubt in &decided.doubts {
                p {
                    "Not resolved: " (breakable(&doubt.resource)) ", " (links.place(doubt.place))
                    ": " (breakable(&doubt.reason))
                }
            }
            @for remedy in remedies {
                p {
                    "Add to "
                    @match (&remedy.resource, remedy.place) {
                        (Some(resource), Some(place)) => {
                            (breakable(resource)) ", " (links.place(place))
                        }
                        _ => { "a new policy" }
                    }
                    ":"
                }
                pre tabindex="0" { (remedy.statement) }
            }
        }
    }
}
