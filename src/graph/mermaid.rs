//! A picture as a Mermaid flowchart, as code hosts render it in Markdown.

use super::{Graph, label};
use crate::escape::shown;
use crate::proof::Verdict;

pub(super) fn write(graph: &Graph) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (number, side) in graph.sides.iter().enumerate() {
        let title = format!("{} {} {}", side.title(), side.accounts(), side.troubles());
        let title = text(title.trim_end());
        out.push_str(&format!("  subgraph side{number}[\"{title}\"]\n"));
        for (id, node) in graph.nodes.iter().enumerate() {
            if node.side != number {
                continue;
            }
            let (open, close) = match node.kind.is_store() {
                true => ("[(", ")]"),
                false => ("[", "]"),
            };
            let shown = format!(
                "{}<br/>{}",
                text(&label::name(node)),
                text(&label::what(node))
            );
            out.push_str(&format!("    n{id}{open}\"{shown}\"{close}\n"));
        }
        out.push_str("  end\n");
    }
    for arrow in &graph.arrows {
        let line = match (arrow.verdict, label::moves_artifact(arrow)) {
            (Verdict::Allowed | Verdict::NotGranted, true) => "==>",
            (Verdict::Allowed | Verdict::NotGranted, false) => "-->",
            _ => "-.->",
        };
        out.push_str(&format!(
            "  n{} {line}|\"{}\"| n{}\n",
            arrow.from,
            text(&label::arrow(arrow)),
            arrow.to
        ));
    }
    for (verdict, color) in [(Verdict::Denied, "#c62828"), (Verdict::Unproven, "#b26a00")] {
        let numbers: Vec<String> = graph
            .arrows
            .iter()
            .enumerate()
            .filter(|(_, arrow)| arrow.verdict == verdict)
            .map(|(number, _)| number.to_string())
            .collect();
        if !numbers.is_empty() {
            let numbers = numbers.join(",");
            out.push_str(&format!(
                "  linkStyle {numbers} stroke:{color},color:{color},stroke-width:3px\n"
            ));
        }
    }
    out
}

/// What Mermaid takes as text in quotes.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in shown(text).chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            // Markdown of Mermaid's own.
            '`' => out.push_str("#96;"),
            '%' => out.push_str("#37;"),
            c => out.push(c),
        }
    }
    out
}
