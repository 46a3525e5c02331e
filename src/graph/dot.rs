//! Writes a diagram in the DOT language of Graphviz.

use super::{Graph, label};
use crate::escape::shown;
use crate::proof::Verdict;

pub(super) fn write(graph: &Graph) -> String {
    let mut out = "digraph run {\n  rankdir=LR;\n  node [shape=box, style=rounded, \
                   fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=11];\n"
        .to_owned();
    for (number, side) in graph.sides.iter().enumerate() {
        let title = quoted(&[&side.title(), &side.accounts(), &side.troubles()]);
        out += &format!("  subgraph cluster_{number} {{\n");
        out += &format!("    label={title};\n    fontname=\"sans-serif\";\n");
        for (id, node) in graph.nodes_of(number) {
            let shown = quoted(&[&label::name(node), &label::what(node)]);
            let shape = match node.kind.is_store() {
                true => ", shape=cylinder, style=solid",
                false => "",
            };
            out += &format!("    n{id} [label={shown}{shape}];\n");
        }
        out.push_str("  }\n");
    }
    for arrow in &graph.arrows {
        let look = match arrow.verdict {
            Verdict::Denied => ", color=\"#c62828\", fontcolor=\"#c62828\", style=dashed",
            Verdict::Unproven => ", color=\"#b26a00\", fontcolor=\"#b26a00\", style=dashed",
            Verdict::Allowed | Verdict::NotGranted if label::moves_artifact(arrow) => {
                ", penwidth=2.5"
            }
            Verdict::Allowed | Verdict::NotGranted => "",
        };
        let (from, to, label) = (arrow.from, arrow.to, quoted(&[&label::arrow(arrow)]));
        out += &format!("  n{from} -> n{to} [label={label}{look}];\n");
    }
    out.push_str("}\n");
    out
}

/// Returns the lines as a DOT string.
fn quoted(lines: &[&str]) -> String {
    let lines = lines.iter().filter(|line| !line.is_empty());
    let lines = lines.map(|line| shown(line).replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}
