//! Writes a diagram as a Mermaid flowchart, which code hosts render in Markdown.

use super::{Graph, label};
use crate::escape::shown;
use crate::proof::Verdict;

pub(super) fn write(graph: &Graph) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (number, side) in graph.sides.iter().enumerate() {
        let title = format!("{} {} {}", side.title(), side.accounts(), side.troubles());
        let title = text(title.trim_end());
        out += &format!("  subgraph side{number}[\"{title}\"]\n");
        for (id, node) in graph.nodes_of(number) {
            let (open, close) = match node.kind.is_store() {
                true => ("[(", ")]"),
                false => ("[", "]"),
            };
            let (name, what) = (text(&label::name(node)), text(&label::what(node)));
            out += &format!("    n{id}{open}\"{name}<br/>{what}\"{close}\n");
        }
        out += "  end\n";
    }
    for arrow in &graph.arrows {
        let line = match (arrow.verdict, label::moves_artifact(arrow)) {
            (Verdict::Allowed | Verdict::NotGranted, true) => "==>",
            (Verdict::Allowed | Verdict::NotGranted, false) => "-->",
            _ => "-.->",
        };
        let (from, to, label) = (arrow.from, arrow.to, text(&label::arrow(arrow)));
        out += &format!("  n{from} {line}|\"{label}\"| n{to}\n");
    }
    for (verdict, color) in [(Verdict::Denied, "#c62828"), (Verdict::Unproven, "#b26a00")] {
        let arrows = graph.arrows.iter().enumerate();
        let arrows = arrows.filter(|(_, arrow)| arrow.verdict == verdict);
        let numbers: Vec<String> = arrows.map(|(number, _)| number.to_string()).collect();
        if !numbers.is_empty() {
            let numbers = numbers.join(",");
            out.push_str(&format!(
                "  linkStyle {numbers} stroke:{color},color:{color},stroke-width:3px\n"
            ));
        }
    }
    out
}

/// Escapes a text for use in quotes in Mermaid.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in shown(text).chars() {
        match c {
            '<' => out += "#lt;",
            '>' => out += "#gt;",
            '&' => out += "#amp;",
            '"' => out += "#quot;",
            // `#` begins an entity. Mermaid interprets the other characters as markup.
            '#' | '`' | '%' => out += &format!("#{};", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}
