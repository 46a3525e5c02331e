//! The routes of the arrows: straight to a neighbor in the same column, or along a track in a
//! channel.
//!
//! Arrows with the same label and a common node also share a track. They form one net, with one
//! port at the common node (the hub) and one port at each of the other nodes.

use std::collections::HashMap;

use super::layout::{Columns, Rect, Rows, UNIT};
use super::path::Route;
use super::place::{Shape, Stacks};
use super::text::text_width;
use super::{Graph, label};

/// Gap between a box and the label of an arrow that meets it.
const LABEL_GAP: f64 = 14.0;
/// Height of a label's baseline above the line of its arrow.
const ABOVE: f64 = 6.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Edge {
    Left,
    Right,
}

/// The labeled end of an arrow in a net.
#[derive(Debug, Clone)]
struct End {
    arrow: usize,
    node: usize,
    edge: Edge,
}

/// Arrows that share a track.
#[derive(Debug, Clone)]
struct Net {
    hub: usize,
    hub_edge: Edge,
    /// Whether the arrows leave the hub.
    is_outgoing: bool,
    ends: Vec<End>,
    /// The channel of its track. A net with a lane also has a track in the next channel.
    channel: usize,
    /// Whether the net crosses a column, on a lane above the boxes of the column.
    has_lane: bool,
    /// The side that contains the entire net, if any.
    side: Option<usize>,
}

/// All nets of a diagram, and the arrows that need no net.
#[derive(Debug, Clone)]
pub(super) struct Nets {
    /// The column of every node.
    pub(super) column: Vec<usize>,
    nets: Vec<Net>,
    /// Arrows between neighbors, with the upper and the lower node.
    downs: Vec<(usize, usize, usize)>,
}

impl Nets {
    pub(super) fn new(graph: &Graph, shape: Shape, stacks: &[Stacks]) -> Self {
        let mut column = vec![0; graph.nodes.len()];
        let mut below: HashMap<usize, usize> = HashMap::new();
        for stacks in stacks {
            for part in [&stacks.main, &stacks.logs] {
                for (number, ids) in part.iter().enumerate() {
                    ids.iter().for_each(|id| column[*id] = number);
                    below.extend(ids.windows(2).map(|pair| (pair[0], pair[1])));
                }
            }
        }
        let mut nets: Vec<Net> = Vec::new();
        let mut downs: Vec<(usize, usize, usize)> = Vec::new();
        let mut shared = HashMap::new();
        for (number, arrow) in graph.arrows.iter().enumerate() {
            let (from, to) = (arrow.from, arrow.to);
            let pairs = [(from, to), (to, from)];
            let neighbors = pairs
                .into_iter()
                .find(|pair| below.get(&pair.0) == Some(&pair.1));
            let is_free = |pair: &(usize, usize)| downs.iter().all(|down| down.1 != pair.0);
            if let Some((upper, lower)) = neighbors.filter(is_free) {
                downs.push((number, upper, lower));
                continue;
            }
            let sides = [from, to].map(|node| graph.nodes[node].side);
            let crosses = sides[0] != sides[1];
            // The shared end is in the dev account.
            let is_outgoing = !(crosses && sides[1] == 0);
            let (hub, node) = if is_outgoing { (from, to) } else { (to, from) };
            let (hub_edge, edge) = match column[hub].cmp(&column[node]) {
                std::cmp::Ordering::Less => (Edge::Right, Edge::Left),
                std::cmp::Ordering::Greater => (Edge::Left, Edge::Right),
                std::cmp::Ordering::Equal => (Edge::Right, Edge::Right),
            };
            let end = End {
                arrow: number,
                node,
                edge,
            };
            let key = (hub, is_outgoing, column[node], crosses, label::arrow(arrow));
            if let Some(net) = shared.get(&key) {
                let net: &mut Net = &mut nets[*net];
                net.ends.push(end);
                continue;
            }
            shared.insert(key, nets.len());
            nets.push(Net {
                hub,
                hub_edge,
                is_outgoing,
                ends: vec![end],
                channel: column[hub].min(column[node]),
                has_lane: shape == Shape::Wide && column[hub].abs_diff(column[node]) > 1,
                side: (!crosses).then_some(sides[0]),
            });
        }
        Self {
            column,
            nets,
            downs,
        }
    }

    pub(super) fn columns(&self) -> usize {
        self.column.iter().max().map_or(1, |last| last + 1).max(2)
    }

    pub(super) fn lanes(&self) -> usize {
        self.nets.iter().filter(|net| net.has_lane).count()
    }

    /// Returns whether an arrow runs directly between two neighbors.
    pub(super) fn is_down(&self, upper: usize, lower: usize) -> bool {
        self.downs
            .iter()
            .any(|down| (down.1, down.2) == (upper, lower))
    }

    /// Returns the number of grid lines that the ports of a node need.
    pub(super) fn slots(&self, node: usize) -> usize {
        let on = |edge: Edge| self.meeting(node, edge).len();
        // Left ports are on the grid lines. Right ports are between them.
        on(Edge::Right).max(on(Edge::Left) + 1)
    }

    /// Returns the nets that meet an edge of a node, each with the index of the end at the node.
    /// The index is `None` if the node is the hub of the net.
    fn meeting(&self, node: usize, edge: Edge) -> Vec<(usize, Option<usize>)> {
        let mut found = Vec::new();
        for (number, net) in self.nets.iter().enumerate() {
            if (net.hub, net.hub_edge) == (node, edge) {
                found.push((number, None));
            }
            for (end, at) in net.ends.iter().enumerate() {
                if (at.node, at.edge) == (node, edge) {
                    found.push((number, Some(end)));
                }
            }
        }
        found
    }

    /// Returns the widths of the zones in a channel: to the right of its left column, and to the
    /// left of its right column.
    pub(super) fn zones(&self, graph: &Graph, channel: usize) -> (f64, f64) {
        let widest = |column: usize, edge: Edge| {
            let ends = self.nets.iter().flat_map(|net| &net.ends);
            let ends = ends.filter(|end| (self.column[end.node], end.edge) == (column, edge));
            let labels = ends.map(|end| label_width(graph, end.arrow) + LABEL_GAP + 8.0);
            labels.fold(PORT_ROOM, f64::max).ceil()
        };
        (
            widest(channel, Edge::Right),
            widest(channel + 1, Edge::Left),
        )
    }

    /// Returns the nets that have a track in a channel. The first list contains the nets within one
    /// side, with the numbers of their tracks. The second list contains the nets between sides, in
    /// the order of their tracks.
    pub(super) fn tracks(
        &self,
        channel: usize,
        known: Option<(&Ports, &Rows)>,
    ) -> (Vec<(usize, usize)>, Vec<usize>) {
        let nets = self.nets.iter().enumerate();
        let here = nets.filter(|(_, net)| {
            net.channel == channel || net.has_lane && net.channel + 1 == channel
        });
        let mut here: Vec<usize> = here.map(|(number, _)| number).collect();
        if let Some((ports, _)) = known {
            here.sort_by(|a, b| {
                let [a, b] = [a, b].map(|net| self.track_order(*net, channel, ports));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
            });
        }
        // The sides that share a channel are stacked vertically, so each side starts with the first
        // track.
        let mut used: HashMap<usize, usize> = HashMap::new();
        let mut inner = Vec::new();
        here.retain(|net| {
            let Some(side) = self.nets[*net].side else {
                return true;
            };
            let track = used.entry(side).or_default();
            inner.push((*net, *track));
            *track += 1;
            false
        });
        (inner, here)
    }

    /// Returns the sort key of a track. This order minimizes line crossings.
    fn track_order(&self, number: usize, channel: usize, ports: &Ports) -> (u8, f64) {
        let net = &self.nets[number];
        let hub = ports.hubs[number];
        let ends = &ports.ends[number];
        let end = ends.iter().sum::<f64>() / ends.len().max(1) as f64;
        if net.has_lane && channel > net.channel {
            // Its lane ends before any other line starts.
            return (0, hub);
        }
        if net.has_lane {
            return (2, -hub);
        }
        if net.ends.iter().all(|end| end.edge == net.hub_edge) {
            return (1, (hub - end).abs());
        }
        let (left, right) = match net.hub_edge {
            Edge::Right => (hub, end),
            Edge::Left => (end, hub),
        };
        match right >= left {
            true => (2, -left),
            false => (3, left),
        }
    }

    /// Returns the routes of all arrows.
    pub(super) fn routes(
        &self,
        graph: &Graph,
        ports: &Ports,
        columns: &Columns,
        nodes: &[Rect],
    ) -> Vec<Route> {
        let mut routes: HashMap<usize, Route> = HashMap::new();
        for (arrow, upper, lower) in &self.downs {
            let (top, bottom) = (nodes[*upper].bottom(), nodes[*lower].y);
            let x = nodes[*upper].x + 28.0;
            let mut points = vec![(x, top), (x, bottom)];
            if graph.arrows[*arrow].from == *lower {
                points.reverse();
            }
            let route = Route {
                points,
                label: (x + 10.0, f64::midpoint(top, bottom) + 4.0),
                anchor: "start",
            };
            routes.insert(*arrow, route);
        }
        for (number, net) in self.nets.iter().enumerate() {
            let track = |channel: usize| {
                let mut tracks = columns.tracks[channel].iter();
                tracks
                    .find(|(net, _)| *net == number)
                    .map_or(0.0, |(_, x)| *x)
            };
            for (end, y) in net.ends.iter().zip(&ports.ends[number]) {
                let hub = ports.hubs[number];
                let start = (border(&nodes[net.hub], net.hub_edge), hub);
                let finish = (border(&nodes[end.node], end.edge), *y);
                let mut points = vec![start];
                match ports.lanes[number] {
                    Some(lane) => {
                        let (near, far) = match net.hub_edge {
                            Edge::Right => (track(net.channel), track(net.channel + 1)),
                            Edge::Left => (track(net.channel + 1), track(net.channel)),
                        };
                        points.extend([(near, hub), (near, lane), (far, lane), (far, *y)]);
                    }
                    None => {
                        let x = track(net.channel);
                        points.extend([(x, hub), (x, *y)]);
                    }
                }
                points.push(finish);
                if !net.is_outgoing {
                    points.reverse();
                }
                let (label, anchor) = match end.edge {
                    Edge::Left => (finish.0 - LABEL_GAP, "end"),
                    Edge::Right => (finish.0 + LABEL_GAP, "start"),
                };
                let route = Route {
                    points: straight(points),
                    label: (label, y - ABOVE),
                    anchor,
                };
                routes.insert(end.arrow, route);
            }
        }
        let arrows = 0..graph.arrows.len();
        arrows.filter_map(|arrow| routes.remove(&arrow)).collect()
    }
}

/// Room for the head of an arrow next to a box.
const PORT_ROOM: f64 = 18.0;

fn label_width(graph: &Graph, arrow: usize) -> f64 {
    let arrow = &graph.arrows[arrow];
    text_width(&label::arrow(arrow), label::is_bold(arrow))
}

fn border(rect: &Rect, edge: Edge) -> f64 {
    match edge {
        Edge::Left => rect.x,
        Edge::Right => rect.right(),
    }
}

/// Removes repeated points and points in the middle of a straight line.
fn straight(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for point in points {
        if kept.last() == Some(&point) {
            continue;
        }
        if let [.., before, last] = kept.as_slice() {
            let level = before.1 == last.1 && last.1 == point.1;
            let upright = before.0 == last.0 && last.0 == point.0;
            if level || upright {
                kept.pop();
            }
        }
        kept.push(point);
    }
    kept
}

/// The vertical positions at which the nets meet the boxes.
#[derive(Debug, Clone)]
pub(super) struct Ports {
    hubs: Vec<f64>,
    ends: Vec<Vec<f64>>,
    lanes: Vec<Option<f64>>,
}

impl Ports {
    pub(super) fn new(nets: &Nets, nodes: &[Rect]) -> Self {
        let all = &nets.nets;
        let mut ports = Self {
            hubs: vec![0.0; all.len()],
            ends: all.iter().map(|net| vec![0.0; net.ends.len()]).collect(),
            lanes: vec![None; all.len()],
        };
        for (node, rect) in nodes.iter().enumerate() {
            for edge in [Edge::Left, Edge::Right] {
                let mut meeting = nets.meeting(node, edge);
                // Sort the nets by the positions of their other ends, so that lines do not cross
                // near the box.
                meeting.sort_by(|a, b| {
                    let [a, b] = [a, b].map(|(net, end)| other(&all[*net], *end, nodes));
                    a.total_cmp(&b)
                });
                let slots = (rect.height / UNIT) as usize;
                let (slots, offset) = match edge {
                    Edge::Left => (slots.saturating_sub(1), UNIT),
                    Edge::Right => (slots, UNIT / 2.0),
                };
                let first = slots.saturating_sub(meeting.len()) / 2;
                for (slot, (net, end)) in meeting.into_iter().enumerate() {
                    let y = rect.y + offset + (first + slot) as f64 * UNIT;
                    match end {
                        Some(end) => ports.ends[net][end] = y,
                        None => ports.hubs[net] = y,
                    }
                }
            }
        }
        ports.lay_lanes(nets, nodes);
        ports.straighten(nets, nodes);
        ports
    }

    /// Places the lanes above the boxes in the middle column, which the lanes cross.
    fn lay_lanes(&mut self, nets: &Nets, nodes: &[Rect]) {
        let crossed = nodes
            .iter()
            .zip(&nets.column)
            .filter(|(_, column)| **column == 1);
        let below = crossed
            .map(|(rect, _)| rect.y)
            .fold(f64::INFINITY, f64::min);
        let mut lanes: Vec<usize> = (0..self.hubs.len()).collect();
        lanes.retain(|net| nets.nets[*net].has_lane);
        lanes.sort_by(|a, b| self.hubs[*a].total_cmp(&self.hubs[*b]));
        let top = below - (lanes.len() + 1) as f64 * UNIT;
        for (row, net) in lanes.into_iter().enumerate() {
            let y = top + row as f64 * UNIT;
            // The first lane is level with the hub's port if the port is half a grid unit below
            // the lane's row.
            let is_level = row == 0 && self.hubs[net] == top + UNIT / 2.0;
            self.lanes[net] = Some(if is_level { self.hubs[net] } else { y });
        }
    }

    /// Straightens each line that is the only line at the edges where it meets its two boxes, if the
    /// end's port is within the vertical extent of the hub.
    fn straighten(&mut self, nets: &Nets, nodes: &[Rect]) {
        for (number, net) in nets.nets.iter().enumerate() {
            let [end] = net.ends.as_slice() else { continue };
            let is_alone = |node, edge| nets.meeting(node, edge).len() == 1;
            let y = self.ends[number][0];
            let hub = &nodes[net.hub];
            let is_level = hub.y + UNIT / 2.0 <= y && y <= hub.bottom() - UNIT / 2.0;
            if !net.has_lane
                && end.edge != net.hub_edge
                && is_level
                && is_alone(net.hub, net.hub_edge)
                && is_alone(end.node, end.edge)
            {
                self.hubs[number] = y;
            }
        }
    }
}

/// Returns the vertical position of what a net connects to this end or hub: the middle of the hub,
/// or the average of the ends. Nets with a lane sort first, because lanes come from above.
fn other(net: &Net, end: Option<usize>, nodes: &[Rect]) -> f64 {
    match end {
        _ if net.has_lane => f64::NEG_INFINITY,
        Some(_) => nodes[net.hub].middle(),
        None => {
            let heights = net.ends.iter().map(|end| nodes[end.node].middle());
            heights.sum::<f64>() / net.ends.len().max(1) as f64
        }
    }
}
