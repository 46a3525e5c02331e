//! Where everything stands in a drawn picture, in pixels: the dev account on the left with three
//! columns, the targets on the right, one below the other.

use super::{Graph, Kind};

/// Width of a node's box.
pub(super) const WIDTH: f64 = 204.0;
/// Height of a node's box.
pub(super) const HEIGHT: f64 = 62.0;
/// Between two columns, at least; a longer label makes it wider.
const COLUMN_GAP: f64 = 94.0;
/// Room for a character of a label.
const CHARACTER: f64 = 7.6;
const ROW_GAP: f64 = 36.0;
/// Between the dev account and the targets.
const CHANNEL: f64 = 150.0;
const PADDING: f64 = 22.0;
/// Height of a side's title.
const TITLE: f64 = 46.0;
const MARGIN: f64 = 8.0;

/// A rectangle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    fn right(&self) -> f64 {
        self.x + self.width
    }
}

/// How an arrow runs, and where its label stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    /// Path data.
    pub(super) path: String,
    /// The points of its head.
    pub(super) head: String,
    pub(super) label: (f64, f64),
    /// `start`, `middle` or `end`.
    pub(super) anchor: &'static str,
}

/// Where everything stands.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) sides: Vec<Rect>,
    pub(super) nodes: Vec<Rect>,
    pub(super) arrows: Vec<Route>,
}

/// Column and row in a side.
type Cell = (usize, usize);

pub(super) fn layout(graph: &Graph) -> Layout {
    let cells = cells(graph);
    let side = |node: usize| graph.nodes[node].side;
    let arrows = graph.arrows.iter();
    let within = arrows.filter(|arrow| side(arrow.from) == side(arrow.to));
    let longest = within.map(|arrow| super::label::arrow(arrow).chars().count());
    let longest = longest.max().unwrap_or(0) as f64;
    let gap = COLUMN_GAP.max(longest * CHARACTER + 14.0);
    let mut sides = Vec::new();
    let mut below = MARGIN;
    let mut dev_right = MARGIN;
    for number in 0..graph.sides.len() {
        let own = || {
            let nodes = graph.nodes.iter().zip(&cells);
            nodes.filter(|(node, _)| node.side == number)
        };
        let columns = own().map(|(_, cell)| cell.0 + 1).max().unwrap_or(1);
        let rows = own().map(|(_, cell)| cell.1 + 1).max().unwrap_or(1);
        let rect = Rect {
            x: match number {
                0 => MARGIN,
                _ => dev_right + CHANNEL,
            },
            y: below,
            width: 2.0 * PADDING + spread(columns, WIDTH, gap),
            height: TITLE + PADDING + spread(rows, HEIGHT, ROW_GAP),
        };
        match number {
            0 => dev_right = rect.right(),
            _ => below = rect.y + rect.height + ROW_GAP,
        }
        sides.push(rect);
    }
    let nodes: Vec<Rect> = graph
        .nodes
        .iter()
        .zip(&cells)
        .map(|(node, (column, row))| Rect {
            x: sides[node.side].x + PADDING + *column as f64 * (WIDTH + gap),
            y: sides[node.side].y + TITLE + *row as f64 * (HEIGHT + ROW_GAP),
            width: WIDTH,
            height: HEIGHT,
        })
        .collect();
    let extent = |of: fn(&Rect) -> f64| sides.iter().map(of).fold(0.0, f64::max) + MARGIN;
    Layout {
        width: extent(Rect::right),
        height: extent(|rect| rect.y + rect.height),
        arrows: routes(graph, &nodes, &cells, dev_right),
        sides,
        nodes,
    }
}

fn spread(count: usize, size: f64, gap: f64) -> f64 {
    count as f64 * (size + gap) - gap
}

/// The cell of every node: columns by kind, rows in the order of the run.
fn cells(graph: &Graph) -> Vec<Cell> {
    let mut cells = vec![(0, 0); graph.nodes.len()];
    let leads_away = graph.sides.len() > 1;
    for side in 0..graph.sides.len() {
        let of = |kinds: &[Kind]| -> Vec<usize> {
            let nodes = graph.nodes_of(side);
            let nodes = nodes.filter(|(_, node)| kinds.contains(&node.kind));
            nodes.map(|(id, _)| id).collect()
        };
        let columns: [Vec<Option<usize>>; 3] = if side == 0 {
            let left = [
                Kind::SourceBucket,
                Kind::SourceKey,
                Kind::RuleRole,
                Kind::EventBridge,
            ];
            let middle = [
                Kind::ServiceRole,
                Kind::Pipeline,
                Kind::Account,
                Kind::ActionRole,
                Kind::Service,
            ];
            let by_kind = |kinds: &[Kind]| {
                let nodes = kinds.iter().flat_map(|kind| of(&[*kind]));
                nodes.map(Some).collect::<Vec<_>>()
            };
            // The way from the service role to the targets leaves over the stores.
            let mut right = vec![None; usize::from(leads_away)];
            // Every artifact bucket with its key below it.
            let (buckets, keys) = (of(&[Kind::ArtifactBucket]), of(&[Kind::DeployKey]));
            for row in 0..buckets.len().max(keys.len()) {
                let pair = [buckets.get(row), keys.get(row)];
                right.extend(pair.into_iter().flatten().copied().map(Some));
            }
            right.extend(by_kind(&[
                Kind::DeployRole,
                Kind::OutputBucket,
                Kind::OutputKey,
            ]));
            [by_kind(&left), by_kind(&middle), right]
        } else {
            let left = of(&[
                Kind::DeployRole,
                Kind::ServiceRole,
                Kind::ActionRole,
                Kind::Service,
            ]);
            let right = of(&[
                Kind::OutputBucket,
                Kind::OutputKey,
                Kind::ArtifactBucket,
                Kind::DeployKey,
                Kind::SourceBucket,
                Kind::SourceKey,
            ]);
            let all = |column: Vec<usize>| column.into_iter().map(Some).collect();
            [all(left), all(right), Vec::new()]
        };
        let bottom = columns.iter().map(Vec::len).max().unwrap_or(0);
        for (column, nodes) in columns.iter().enumerate() {
            for (row, id) in nodes.iter().enumerate() {
                if let Some(id) = id {
                    cells[*id] = (column, row);
                }
            }
        }
        // Logs stand below everything: their arrows cross all columns.
        let last_column = if side == 0 { 2 } else { 1 };
        for (kind, column) in [(Kind::LogDelivery, 0), (Kind::LogBucket, last_column)] {
            for (row, id) in of(&[kind]).into_iter().enumerate() {
                cells[id] = (column, bottom + row);
            }
        }
    }
    cells
}

/// One of the four edges of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Left,
    Right,
    Top,
    Bottom,
}

/// Which edges an arrow leaves and enters.
fn edges(graph: &Graph, cells: &[Cell], from: usize, to: usize) -> (Edge, Edge) {
    let (a, b) = (cells[from], cells[to]);
    if graph.nodes[from].side != graph.nodes[to].side {
        return match graph.nodes[from].side {
            0 => (Edge::Right, Edge::Left),
            _ => (Edge::Left, Edge::Right),
        };
    }
    match (a.0.cmp(&b.0), a.1.abs_diff(b.1)) {
        (std::cmp::Ordering::Less, _) => (Edge::Right, Edge::Left),
        (std::cmp::Ordering::Greater, _) => (Edge::Left, Edge::Right),
        (_, 1) if a.1 > b.1 => (Edge::Top, Edge::Bottom),
        (_, 1) => (Edge::Bottom, Edge::Top),
        // Around what stands between them.
        _ => (Edge::Left, Edge::Left),
    }
}

/// The points where arrows meet a box are spread over its edge, in the order of where they come
/// from, so that they cross as little as they can. What leaves the side shares one point.
fn routes(graph: &Graph, nodes: &[Rect], cells: &[Cell], dev_right: f64) -> Vec<Route> {
    /// A meeting point of a box: its node and edge, whether it is shared, and the other end's
    /// height.
    struct Port {
        node: usize,
        edge: Edge,
        across: bool,
        other: f64,
    }
    let mut ports: Vec<Port> = Vec::new();
    for arrow in &graph.arrows {
        let (leaves, enters) = edges(graph, cells, arrow.from, arrow.to);
        let across = graph.nodes[arrow.from].side != graph.nodes[arrow.to].side;
        let ends = [
            (arrow.from, leaves, arrow.to),
            (arrow.to, enters, arrow.from),
        ];
        for (node, edge, other) in ends {
            ports.push(Port {
                node,
                edge,
                across: across && graph.nodes[node].side == 0,
                other: match across && graph.nodes[node].side == 0 {
                    true => -1.0,
                    false => nodes[other].y,
                },
            });
        }
    }
    let at = |port: &Port| -> (f64, f64) {
        let mut heights: Vec<f64> = ports
            .iter()
            .filter(|other| (other.node, other.edge) == (port.node, port.edge))
            .map(|other| other.other)
            .collect();
        heights.sort_by(f64::total_cmp);
        if port.across {
            heights.dedup();
        } else {
            let shared = heights.iter().filter(|height| **height < 0.0).count();
            heights.drain(..shared.saturating_sub(1));
        }
        let position = heights.iter().position(|height| *height == port.other);
        let part = (position.unwrap_or(0) + 1) as f64 / (heights.len() + 1) as f64;
        let rect = nodes[port.node];
        match port.edge {
            Edge::Left => (rect.x, rect.y + rect.height * part),
            Edge::Right => (rect.right(), rect.y + rect.height * part),
            Edge::Top => (rect.x + rect.width * part, rect.y),
            Edge::Bottom => (rect.x + rect.width * part, rect.y + rect.height),
        }
    };
    ports
        .chunks(2)
        .map(|ends| {
            let [leaves, enters] = ends else {
                return Route {
                    path: String::new(),
                    head: String::new(),
                    label: (0.0, 0.0),
                    anchor: "middle",
                };
            };
            let (start, end) = (at(leaves), at(enters));
            let across = graph.nodes[leaves.node].side != graph.nodes[enters.node].side;
            let route = match (leaves.edge, enters.edge) {
                _ if across => Run::Across(dev_right),
                (Edge::Top | Edge::Bottom, _) => Run::Down,
                (Edge::Left, Edge::Left) => Run::Around,
                _ => Run::Beside,
            };
            run(&route, start, end)
        })
        .collect()
}

/// How an arrow runs.
enum Run {
    /// From one column to another.
    Beside,
    /// To the next row of its column.
    Down,
    /// To a row farther away, around those between.
    Around,
    /// From the dev account to a target, or back; the dev account's right border.
    Across(f64),
}

fn run(run: &Run, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Route {
    /// Length of a head.
    const HEAD: f64 = 9.0;
    let horizontal = |x: f64, y: f64, sign: f64| {
        let back = x - sign * HEAD;
        format!(
            "{x:.1},{y:.1} {back:.1},{:.1} {back:.1},{:.1}",
            y - 4.5,
            y + 4.5
        )
    };
    match run {
        Run::Down => {
            let sign = (y2 - y1).signum();
            let back = y2 - sign * HEAD;
            let (left, right) = (x2 - 4.5, x2 + 4.5);
            Route {
                path: format!("M{x1:.1},{y1:.1} L{x2:.1},{back:.1}"),
                head: format!("{x2:.1},{y2:.1} {left:.1},{back:.1} {right:.1},{back:.1}"),
                label: (x1.max(x2) + 7.0, f64::midpoint(y1, y2) + 4.0),
                anchor: "start",
            }
        }
        Run::Around => {
            let out = x1.min(x2) - COLUMN_GAP * 0.4;
            Route {
                path: format!(
                    "M{x1:.1},{y1:.1} C{out:.1},{y1:.1} {out:.1},{y2:.1} {:.1},{y2:.1}",
                    x2 - HEAD
                ),
                head: horizontal(x2, y2, 1.0),
                // Near its end: the way there and the way back run side by side.
                label: (out + 4.0, y1 + (y2 - y1) * 0.76),
                anchor: "middle",
            }
        }
        Run::Beside => {
            let sign = (x2 - x1).signum();
            let half = (x2 - x1).abs() * 0.5;
            // A level arrow has room in its middle; others have parted only near their ends.
            let (label, anchor) = if (y2 - y1).abs() < HEIGHT * 0.2 {
                let middle = (f64::midpoint(x1, x2), f64::midpoint(y1, y2) - 5.0);
                (middle, "middle")
            } else {
                let end = (x2 - sign * 14.0, y2 - 4.0);
                (end, if sign > 0.0 { "end" } else { "start" })
            };
            let back = x2 - sign * HEAD;
            Route {
                path: format!(
                    "M{x1:.1},{y1:.1} C{:.1},{y1:.1} {:.1},{y2:.1} {back:.1},{y2:.1}",
                    x1 + sign * half,
                    x2 - sign * half,
                ),
                head: horizontal(x2, y2, sign),
                label,
                anchor,
            }
        }
        Run::Across(border) => {
            let sign = (x2 - x1).signum();
            let back = x2 - sign * HEAD;
            let (near_dev, near_target) = if sign > 0.0 { (x1, x2) } else { (x2, x1) };
            let turn = border.max(near_dev);
            let bend = (near_target - turn) * 0.5;
            let path = if sign > 0.0 {
                format!(
                    "M{x1:.1},{y1:.1} H{turn:.1} C{:.1},{y1:.1} {:.1},{y2:.1} {back:.1},{y2:.1}",
                    turn + bend,
                    near_target - bend
                )
            } else {
                format!(
                    "M{x1:.1},{y1:.1} C{:.1},{y1:.1} {:.1},{y2:.1} {turn:.1},{y2:.1} H{back:.1}",
                    near_target - bend,
                    turn + bend
                )
            };
            let label_y = if sign > 0.0 { y2 } else { y1 };
            Route {
                path,
                head: horizontal(x2, y2, sign),
                label: (near_target - 14.0, label_y - 4.0),
                anchor: "end",
            }
        }
    }
}
