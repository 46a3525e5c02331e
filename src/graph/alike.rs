//! What is drawn once for many, and what is left out.

use std::collections::HashMap;

use super::{Arrow, Graph, Side};

/// Leaves the sides that are wanted, with what stands in them and the arrows between it.
pub(super) fn only(mut graph: Graph, mut wanted: impl FnMut(&Side) -> bool) -> Graph {
    let mut kept_sides = Vec::new();
    let mut sides = Vec::new();
    for side in graph.sides {
        let keep = wanted(&side);
        kept_sides.push(keep.then_some(sides.len()));
        if keep {
            sides.push(side);
        }
    }
    graph.arrows.retain(|arrow| {
        [arrow.from, arrow.to]
            .iter()
            .all(|node| kept_sides[graph.nodes[*node].side].is_some())
    });
    // What nothing leads to any more, such as the key of a region, says nothing.
    let mut used = vec![false; graph.nodes.len()];
    for arrow in &graph.arrows {
        used[arrow.from] = true;
        used[arrow.to] = true;
    }
    let mut kept_nodes = Vec::new();
    let mut nodes = Vec::new();
    for (mut node, used) in graph.nodes.into_iter().zip(used) {
        match kept_sides[node.side].filter(|_| used) {
            Some(side) => {
                node.side = side;
                kept_nodes.push(nodes.len());
                nodes.push(node);
            }
            None => kept_nodes.push(usize::MAX),
        }
    }
    for arrow in &mut graph.arrows {
        arrow.from = kept_nodes[arrow.from];
        arrow.to = kept_nodes[arrow.to];
    }
    Graph {
        sides,
        nodes,
        arrows: graph.arrows,
    }
}

/// As many targets are drawn each by itself.
const MOST_TARGETS: usize = 6;

/// Of more targets, the first of those that look the same stands for all.
pub(super) fn alike(mut graph: Graph) -> Graph {
    if graph.sides.len() <= MOST_TARGETS + 1 {
        return graph;
    }
    let mut first_with: HashMap<Vec<String>, usize> = HashMap::new();
    let mut stands_for: Vec<Option<usize>> = Vec::new();
    for (side, looks) in looks(&graph).into_iter().enumerate() {
        let first = *first_with.entry(looks).or_insert(side);
        stands_for.push((first != side).then_some(first));
    }
    for (side, first) in stands_for.iter().enumerate() {
        let Some(first) = *first else { continue };
        let name = graph.sides[side].target.clone();
        let instances = graph.sides[side].instances;
        graph.sides[first].alike.extend(name);
        graph.sides[first].instances += instances;
    }
    let mut number = 0;
    only(graph, |_| {
        number += 1;
        stands_for[number - 1].is_none()
    })
}

/// How each side looks: its arrows, each with what it leads to in the dev account. Kinds stand for
/// the names of what is its own.
fn looks(graph: &Graph) -> Vec<Vec<String>> {
    let mut looks = vec![Vec::new(); graph.sides.len()];
    for arrow in &graph.arrows {
        let ends = [arrow.from, arrow.to].map(|end| &graph.nodes[end]);
        let Some(own) = ends.iter().find(|node| node.side != 0) else {
            continue;
        };
        let shown = ends.map(|node| match node.side {
            0 => node.arn.clone(),
            _ => format!("{:?}", node.kind),
        });
        looks[own.side].push(look(arrow, &shown));
    }
    for (looks, side) in looks.iter_mut().zip(&graph.sides) {
        looks.extend(side.trouble.iter().cloned());
    }
    // The dev account looks like nothing else.
    if let Some(dev) = looks.first_mut() {
        dev.push("dev".to_owned());
    }
    looks
}

fn look(arrow: &Arrow, ends: &[String; 2]) -> String {
    let calls = arrow.calls.len();
    format!("{ends:?} {:?} {:?} {calls}", arrow.steps, arrow.verdict)
}
