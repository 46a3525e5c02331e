//! The columns of a diagram and the order of the nodes in them.

use super::{Graph, Kind};

/// The two shapes of a diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The targets are to the right of the dev account, for screens and for paper.
    Wide,
    /// The targets are below the dev account, for narrow screens.
    Tall,
}

/// The nodes of a side, column by column from top to bottom.
#[derive(Debug, Clone, Default)]
pub(super) struct Stacks {
    pub(super) main: [Vec<usize>; 3],
    /// The nodes below all of `main`, so that the log delivery and the log bucket are at the same
    /// height.
    pub(super) logs: [Vec<usize>; 3],
}

impl Shape {
    /// Returns the first and the last column of a side.
    pub(super) fn columns(self, side: usize) -> (usize, usize) {
        match (self, side) {
            (Self::Wide, 0) | (Self::Tall, _) => (0, 1),
            (Self::Wide, _) => (2, 2),
        }
    }
}

/// Returns the stacks of every side.
pub(super) fn stacks(graph: &Graph, shape: Shape) -> Vec<Stacks> {
    let sides = 0..graph.sides.len();
    sides.map(|side| stacks_of(graph, shape, side)).collect()
}

fn stacks_of(graph: &Graph, shape: Shape, side: usize) -> Stacks {
    let of = |kinds: &[Kind]| -> Vec<usize> {
        let of_kind = |kind: &Kind| {
            let nodes = graph
                .nodes_of(side)
                .filter(move |(_, node)| node.kind == *kind);
            nodes.map(|(id, _)| id).collect::<Vec<_>>()
        };
        kinds.iter().flat_map(of_kind).collect()
    };
    let mut stacks = Stacks::default();
    let (first, last) = shape.columns(side);
    if side == 0 {
        // The service role calls almost all other nodes. It is at the top, where the path to the
        // targets is free. The nodes that start the pipeline are below it.
        stacks.main[0] = of(&[
            Kind::ServiceRole,
            Kind::Pipeline,
            Kind::RuleRole,
            Kind::EventBridge,
            Kind::Project,
            Kind::BuildRole,
            Kind::ActionRole,
            Kind::Service,
        ]);
        stacks.main[1] = of(&[Kind::SourceBucket, Kind::Connection, Kind::SourceKey]);
        let (buckets, keys) = (of(&[Kind::ArtifactBucket]), of(&[Kind::DeployKey]));
        for row in 0..buckets.len().max(keys.len()) {
            let pair = [buckets.get(row), keys.get(row)];
            stacks.main[1].extend(pair.into_iter().flatten());
        }
        stacks.main[1].extend(of(&[Kind::LogGroup, Kind::Secret]));
        // The account is next to its key or, if there are several keys, in the column that has a
        // path to all of them.
        let accounts = if keys.len() == 1 { 1 } else { 0 };
        stacks.main[accounts].extend(of(&[Kind::Account]));
        stacks.main[1].extend(of(&[Kind::Alarm, Kind::Topic]));
        stacks.main[1].extend(deployed(graph, &of));
        stacks.main[1].extend(of(&INVALIDATION));
    } else {
        stacks.main[last] = deployed(graph, &of);
        stacks.main[last].extend(of(&INVALIDATION));
        stacks.main[last].extend(of(&[
            Kind::ServiceRole,
            Kind::Pipeline,
            Kind::RuleRole,
            Kind::EventBridge,
            Kind::Project,
            Kind::BuildRole,
            Kind::LogGroup,
            Kind::Secret,
            Kind::ActionRole,
            Kind::Service,
            Kind::Account,
            Kind::ArtifactBucket,
            Kind::DeployKey,
            Kind::SourceBucket,
            Kind::Connection,
            Kind::SourceKey,
            Kind::Alarm,
            Kind::Topic,
        ]));
    }
    if first == last {
        // The log delivery is after the first log bucket, so that it is next to two of them.
        let mut logs = of(&[Kind::LogBucket]);
        let middle = usize::from(logs.len() > 1);
        logs.splice(middle..middle, of(&[Kind::LogDelivery]));
        stacks.main[last].extend(logs);
    } else {
        stacks.logs[first] = of(&[Kind::LogDelivery]);
        stacks.logs[last] = of(&[Kind::LogBucket]);
    }
    stacks
}

/// The resources of an invalidation. The distribution is next to the output bucket.
const INVALIDATION: [Kind; 4] = [
    Kind::Distribution,
    Kind::StateMachineRole,
    Kind::StateMachine,
    Kind::StartRole,
];

/// Returns the deploy roles of a side, each between the keys and the buckets that it uses, so that
/// it is next to both.
fn deployed(graph: &Graph, of: &dyn Fn(&[Kind]) -> Vec<usize>) -> Vec<usize> {
    let (keys, buckets) = (of(&[Kind::OutputKey]), of(&[Kind::OutputBucket]));
    let mut order: Vec<usize> = Vec::new();
    for role in of(&[Kind::DeployRole]) {
        let used = |order: &[usize], nodes: &[usize]| {
            let is_used = |id: &&usize| {
                let mut arrows = graph.arrows.iter();
                arrows.any(|arrow| (arrow.from, arrow.to) == (role, **id)) && !order.contains(*id)
            };
            nodes.iter().filter(is_used).copied().collect::<Vec<_>>()
        };
        order.extend(used(&order, &keys));
        order.push(role);
        order.extend(used(&order, &buckets));
    }
    let rest = keys.into_iter().chain(buckets);
    let rest: Vec<usize> = rest.filter(|id| !order.contains(id)).collect();
    order.extend(rest);
    order
}
