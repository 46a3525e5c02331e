//! The words of a picture, the same in every format.

use super::{Arrow, Graph, Kind, Node};
use crate::proof::Verdict;
use crate::run::Step;

/// An arrow's: `4 check, assume`.
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

/// What an arrow is, in a sentence for those who do not see it.
pub(super) fn arrow_sentence(graph: &Graph, arrow: &Arrow) -> String {
    let [from, to] = [arrow.from, arrow.to].map(|end| {
        let node = &graph.nodes[end];
        format!("{} {}", node.kind.words(), node.name)
    });
    let verdict = match arrow.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::NotGranted => "allowed, but for permissions that are only documented",
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

/// A node's first line: its name, and how many it stands for.
pub(super) fn name(node: &Node) -> String {
    match (node.kind, node.instances) {
        (Kind::EventBridge, _) => "EventBridge".to_owned(),
        (Kind::LogDelivery, _) => "S3".to_owned(),
        (_, 0 | 1) => node.name.clone(),
        (_, several) => format!("{} × {several}", node.name),
    }
}

/// A node's second line: what it is.
pub(super) fn what(node: &Node) -> String {
    match node.detail.as_str() {
        "" => node.kind.words().to_owned(),
        detail => format!("{}, {detail}", node.kind.words()),
    }
}

/// Whether an arrow moves the artifact, and not only what surrounds it.
pub(super) fn moves_artifact(arrow: &Arrow) -> bool {
    arrow.steps.iter().any(|step| step.moves_artifact())
}

/// A text cut in its middle to a number of characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let back = (most - 1) / 2;
    let front = most - 1 - back;
    let start: String = text.chars().take(front).collect();
    let end: String = text.chars().skip(count - back).collect();
    format!("{start}…{end}")
}
