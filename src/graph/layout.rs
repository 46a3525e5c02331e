//! The geometry of a diagram, in pixels. Everything is on a grid: boxes are stacked in columns, and
//! arrows run on tracks in the channels between the columns. Labels have zones that no other arrow
//! enters. As a result, nothing overlaps, regardless of the configuration.

use super::path::Route;
use super::place::{Shape, Stacks, stacks};
use super::route::{Nets, Ports};
use super::text::{NAME_SIZE, name_lines, text_lines, text_width};
use super::{Graph, Node, label};

/// The grid unit: the height of a label and its line. Ports on left edges are at multiples of the
/// unit. Ports on right edges are halfway between these multiples, so that lines in a channel never
/// coincide.
pub(super) const UNIT: f64 = 20.0;
const MARGIN: f64 = 8.0;
pub(super) const PADDING: f64 = 16.0;
/// Distance between two tracks in a channel.
const TRACK: f64 = 10.0;
const NAME_LINE: f64 = 17.0;
const TEXT_LINE: f64 = 16.0;
/// Distance between the left edge of a box and its text.
const INDENT: f64 = 12.0;
const NARROWEST: f64 = 184.0;
const WIDEST: f64 = 300.0;

/// A rectangle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub(super) fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }
}

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A rectangle with its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Frame {
    pub(super) rect: Rect,
    pub(super) lines: Vec<Line>,
}

/// The geometry of a diagram.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) sides: Vec<Frame>,
    pub(super) nodes: Vec<Frame>,
    /// In the order of [`Graph::arrows`].
    pub(super) arrows: Vec<Route>,
}

/// The left edges of the columns, and the borders and tracks between the columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    left: [f64; 3],
    /// For each column, the left border of the sides that begin in it, and the right border of the
    /// sides that end in it.
    borders: [(f64, f64); 3],
    /// For each channel, the tracks of its nets: the index of the net and the x coordinate.
    pub(super) tracks: [Vec<(usize, f64)>; 3],
    width: f64,
}

/// The width of a diagram that fits on a landscape A4 page with its texts at full size.
pub(super) const PAPER: f64 = 1040.0;

impl Shape {
    /// Returns the widths to try for a diagram, each with the maximum number of lines in a name. A
    /// wide diagram fits on paper if possible, or else on a screen that is 1,400 pixels wide. A
    /// tall diagram fits on a screen that is 800 pixels wide.
    fn budgets(self) -> &'static [(f64, usize)] {
        match self {
            Self::Wide => &[(PAPER, 2), (PAPER, 3), (1320.0, 2)],
            Self::Tall => &[(740.0, 2)],
        }
    }
}

pub(super) fn layout(graph: &Graph, shape: Shape) -> Layout {
    let stacks = stacks(graph, shape);
    let nets = Nets::new(graph, shape, &stacks);
    let count = nets.columns();
    let fixed = columns(graph, shape, &nets, 0.0, None).width;
    let rooms = shape.budgets().iter();
    let rooms = rooms.map(|(budget, lines)| ((budget - fixed) / count as f64, *lines));
    let width = box_width(graph, &rooms.collect::<Vec<_>>());
    let heights = heights(graph, &nets, width);
    // In a tall diagram, arrows pass to the right of the title of a target.
    let title_width = |side| match (shape, side) {
        (_, 0) => 2.0 * width,
        (Shape::Tall, _) => width,
        (Shape::Wide, _) => width + nets.zones(graph, 1).1 - PADDING,
    };
    let rows = Rows::new(graph, shape, &stacks, &nets, &title_width, &heights);
    let ports = Ports::new(&nets, &rows.nodes);
    let columns = columns(graph, shape, &nets, width, Some((&ports, &rows)));
    let mut nodes: Vec<Frame> = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        let rect = Rect {
            x: columns.left[nets.column[id]],
            width,
            ..rows.nodes[id]
        };
        nodes.push(Frame {
            rect,
            lines: node_lines(node, &rect),
        });
    }
    let mut sides: Vec<Frame> = Vec::new();
    for (side, (top, bottom)) in rows.sides.iter().enumerate() {
        let (first, last) = shape.columns(side);
        let (x, right) = (
            columns.borders[first].0,
            columns.borders[last.min(count - 1)].1,
        );
        let rect = Rect {
            x,
            y: *top,
            width: right - x,
            height: bottom - top,
        };
        sides.push(Frame {
            rect,
            lines: title(graph, side, title_width(side), (x + PADDING, *top)),
        });
    }
    let rects: Vec<Rect> = nodes.iter().map(|node| node.rect).collect();
    Layout {
        width: columns.width,
        height: rows.sides.iter().map(|side| side.1).fold(0.0, f64::max) + MARGIN,
        arrows: nets.routes(graph, &ports, &columns, &rects),
        sides,
        nodes,
    }
}

/// Returns the narrowest box width at which every name fits in the permitted number of lines. If no
/// permitted width is sufficient, the names have more lines.
fn box_width(graph: &Graph, rooms: &[(f64, usize)]) -> f64 {
    let fits = |width: f64, lines: usize| {
        let mut nodes = graph.nodes.iter();
        nodes.all(|node| name_lines(&node_name(node), width - 2.0 * INDENT).len() <= lines)
    };
    for (room, lines) in rooms {
        let widths = (0..).map(|step| NARROWEST + f64::from(step) * 4.0);
        let mut widths = widths.take_while(|width| *width <= room.min(WIDEST));
        if let Some(width) = widths.find(|width| fits(*width, *lines)) {
            return width;
        }
    }
    let room = rooms.iter().map(|(room, _)| *room).fold(0.0, f64::max);
    room.clamp(NARROWEST, WIDEST).floor()
}

/// Returns the name of a node, without a possible line break before the number of its instances.
fn node_name(node: &Node) -> String {
    label::name(node).replace("× ", "×\u{a0}")
}

/// Returns the positions of the columns and tracks. The order of the tracks depends on the rows, so
/// it is unknown until the rows are known. The widths do not depend on this order.
fn columns(
    graph: &Graph,
    shape: Shape,
    nets: &Nets,
    width: f64,
    known: Option<(&Ports, &Rows)>,
) -> Columns {
    let mut found = Columns::default();
    let starts = |column: usize| (0..graph.sides.len()).any(|side| shape.columns(side).0 == column);
    let ends = |column: usize| {
        let last = nets.columns() - 1;
        (0..graph.sides.len()).any(|side| shape.columns(side).1.min(last) == column)
    };
    let mut x = MARGIN;
    found.borders[0].0 = x;
    x += PADDING;
    for column in 0..nets.columns() {
        found.left[column] = x;
        x += width;
        let zones = nets.zones(graph, column);
        x += zones.0;
        let (inner, outer) = nets.tracks(column, known);
        let count = inner.iter().map(|(_, track)| track + 1).max().unwrap_or(0);
        for (net, track) in inner {
            found.tracks[column].push((net, x + track as f64 * TRACK));
        }
        x += count as f64 * TRACK;
        if ends(column) {
            x += (PADDING - zones.0).max(TRACK / 2.0);
            found.borders[column].1 = x;
            x += if outer.is_empty() { 0.0 } else { TRACK };
        }
        for net in outer {
            found.tracks[column].push((net, x));
            x += TRACK;
        }
        if column + 1 < nets.columns() {
            if starts(column + 1) {
                x += TRACK / 2.0;
                found.borders[column + 1].0 = x;
            }
            x += zones.1;
        }
    }
    found.width = x + if nets.tracks(nets.columns() - 1, None).1.is_empty() {
        MARGIN
    } else {
        0.0
    };
    found
}

/// The vertical positions of the nodes and sides.
pub(super) struct Rows {
    /// The rectangles of the nodes. Only `y` and `height` are set.
    pub(super) nodes: Vec<Rect>,
    /// The top and bottom of each side.
    sides: Vec<(f64, f64)>,
}

impl Rows {
    fn new(
        graph: &Graph,
        shape: Shape,
        stacks: &[Stacks],
        nets: &Nets,
        title_width: &dyn Fn(usize) -> f64,
        heights: &[f64],
    ) -> Self {
        let mut nodes = vec![Rect::default(); graph.nodes.len()];
        let mut sides: Vec<(f64, f64)> = Vec::new();
        let mut next = MARGIN;
        for (side, stacks) in stacks.iter().enumerate() {
            let top = if side == 1 && shape == Shape::Wide {
                MARGIN
            } else {
                next
            };
            let lines = title(graph, side, title_width(side), (0.0, 0.0));
            let title = up(lines.last().map_or(0.0, |line| line.y) + 8.0);
            let mut stack = |nodes_of: &[usize], from: f64| {
                let mut y = from;
                for (row, id) in nodes_of.iter().enumerate() {
                    if let Some(above) = row.checked_sub(1).map(|above| nodes_of[above]) {
                        // An arrow between two neighbors needs room for its label.
                        y += if nets.is_down(above, *id) { 2.0 } else { 1.0 } * UNIT;
                    }
                    nodes[*id].y = y;
                    nodes[*id].height = heights[*id];
                    y += heights[*id];
                }
                y
            };
            let mut bottom = top + title;
            for (column, ids) in stacks.main.iter().enumerate() {
                // In a tall diagram, the title of a target is next to its boxes.
                let is_beside = shape == Shape::Tall && side > 0 && column > 0;
                let mut from = top + if is_beside { UNIT } else { title };
                if side == 0 && column == 1 && nets.lanes() > 0 {
                    from += (nets.lanes() + 1) as f64 * UNIT;
                }
                bottom = f64::max(bottom, stack(ids, from));
            }
            let logs = bottom + UNIT;
            for ids in stacks.logs.iter().filter(|ids| !ids.is_empty()) {
                bottom = f64::max(bottom, stack(ids, logs));
            }
            let bottom = bottom + UNIT;
            sides.push((top, bottom));
            next = match (shape, side) {
                (Shape::Wide, 0) => MARGIN,
                _ => bottom + UNIT,
            };
        }
        Self { nodes, sides }
    }
}

/// Rounds a height up to the grid.
fn up(height: f64) -> f64 {
    (height / UNIT).ceil() * UNIT
}

/// Returns the heights of the nodes, with room for their text and for the lines that meet their
/// edges.
fn heights(graph: &Graph, nets: &Nets, width: f64) -> Vec<f64> {
    let rect = Rect {
        width,
        ..Rect::default()
    };
    let height = |(id, node)| {
        let text = text_height(&node_lines(node, &rect)) + 10.0;
        up(text).max(nets.slots(id) as f64 * UNIT)
    };
    graph.nodes.iter().enumerate().map(height).collect()
}

fn text_height(lines: &[Line]) -> f64 {
    let height = |line: &Line| {
        if line.class == "name" {
            NAME_LINE
        } else {
            TEXT_LINE
        }
    };
    lines.iter().map(height).sum()
}

/// Returns the text of a node, vertically centered in its box.
fn node_lines(node: &Node, rect: &Rect) -> Vec<Line> {
    let room = rect.width - 2.0 * INDENT;
    let names = name_lines(&node_name(node), room).into_iter();
    let details = text_lines(&label::what(node), room).into_iter();
    let lines = names
        .map(|text| ("name", text))
        .chain(details.map(|text| ("detail", text)));
    let mut lines: Vec<Line> = lines
        .map(|(class, text)| Line {
            x: rect.x + INDENT,
            y: 0.0,
            class,
            text,
        })
        .collect();
    let mut y = rect.y + (rect.height - text_height(&lines)) / 2.0;
    for line in &mut lines {
        line.y = y + NAME_SIZE;
        y += if line.class == "name" {
            NAME_LINE
        } else {
            TEXT_LINE
        };
    }
    lines
}

/// Returns the title of a side and, below the title, the problems that no arrow shows.
fn title(graph: &Graph, side: usize, room: f64, (x, top): (f64, f64)) -> Vec<Line> {
    let side_of = &graph.sides[side];
    let parts = [
        ("side-title", side_of.title()),
        ("side-accounts", side_of.accounts()),
        ("trouble", side_of.troubles()),
    ];
    let mut lines = Vec::new();
    let mut y = top + 6.0;
    for (class, text) in parts {
        if text.is_empty() {
            continue;
        }
        for text in text_lines(&text, room) {
            // The ID of the dev account is on the same line as the title.
            let goes_on = class == "side-accounts" && side == 0;
            let x = if goes_on {
                x + text_width(&side_of.title(), true) + 8.0
            } else {
                x
            };
            y += if goes_on { 0.0 } else { NAME_LINE };
            lines.push(Line { x, y, class, text });
        }
    }
    lines
}
