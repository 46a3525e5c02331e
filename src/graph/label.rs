//! The texts of a diagram, which are the same in every format.

use super::{Arrow, Graph, Kind, Node};
use crate::proof::Verdict;
use crate::run::Step;

/// Returns the label of an arrow: `4 check, assume`.
pub(super) fn arrow(arrow: &Arrow) -> String {
    let steps = Step::list(&arrow.steps);
    let mut text = match arrow.number() {
        Some(number) => format!("{number} {steps}"),
        None => steps,
    };
    match arrow.verdict {
        Verdict::Allowed | Verdict::NotGranted => {}
        Verdict::Denied => text.push_str(" DENIED"),
        Verdict::Unproven => text.push_str(" unproven"),
    }
    text
}

/// Returns a sentence that describes an arrow, for screen readers.
pub(super) fn arrow_sentence(graph: &Graph, arrow: &Arrow) -> String {
    let [from, to] = [arrow.from, arrow.to].map(|end| {
        let node = &graph.nodes[end];
        format!("{} {}", node.kind.words(), node.name)
    });
    let verdict = match arrow.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::NotGranted => {
            "allowed, except for documented calls that are not known to be \
             required"
        }
        Verdict::Unproven => "unproven",
    };
    let calls = match arrow.calls.len() {
        1 => "1 call".to_owned(),
        several => format!("{several} calls"),
    };
    let number = arrow.number();
    let number = number.map_or(String::new(), |number| format!("{number}: "));
    let steps = Step::list(&arrow.steps);
    format!("{number}{steps}: {from} to {to}, {calls}, {verdict}")
}

/// Returns the first line of a node: its name, and the number of nodes that it represents.
pub(super) fn name(node: &Node) -> String {
    match (node.kind, node.instances) {
        (Kind::EventBridge, _) => "EventBridge".to_owned(),
        (Kind::LogDelivery, _) => "S3".to_owned(),
        (_, 0 | 1) => node.name.clone(),
        (_, several) => format!("{} × {several}", node.name),
    }
}

/// Returns the second line of a node: its kind and details.
pub(super) fn what(node: &Node) -> String {
    match node.detail.as_str() {
        "" => node.kind.words().to_owned(),
        detail => format!("{}, {detail}", node.kind.words()),
    }
}

/// Returns whether the calls of an arrow move the artifact.
pub(super) fn moves_artifact(arrow: &Arrow) -> bool {
    arrow.steps.iter().any(|step| step.moves_artifact())
}

/// Returns whether the label of an arrow is bold.
pub(super) fn is_bold(arrow: &Arrow) -> bool {
    moves_artifact(arrow) || matches!(arrow.verdict, Verdict::Denied | Verdict::Unproven)
}
