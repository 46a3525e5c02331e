//! Targets that represent others, and targets that are left out.

use std::collections::HashMap;

use super::{Arrow, Graph, Side};

/// Returns the graph with only the wanted sides, their nodes, and the arrows between them.
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
    // Nodes without a remaining arrow, such as the key of a region, are removed.
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

/// The maximum number of targets that are drawn individually.
const MOST_TARGETS: usize = 6;

/// Returns the graph with fewer targets. The first of several similar targets represents all of
/// them.
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

/// Returns the features of each side: its arrows, each with its node in the dev account, and its
/// problems. Sides with the same features are similar. The kinds of the nodes in a target count,
/// but not the names.
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
    // No target is similar to the dev account.
    if let Some(dev) = looks.first_mut() {
        dev.push("dev".to_owned());
    }
    looks
}

fn look(arrow: &Arrow, ends: &[String; 2]) -> String {
    let calls = arrow.calls.len();
    format!("{ends:?} {:?} {:?} {calls}", arrow.steps, arrow.verdict)
}
