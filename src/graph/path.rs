//! The line and the head of an arrow in SVG.

/// Length of an arrowhead.
const HEAD: f64 = 9.0;
/// The route of an arrow and the position of its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    /// The corners.
    pub(super) points: Vec<(f64, f64)>,
    pub(super) label: (f64, f64),
    /// The text anchor of the label: `start` or `end`.
    pub(super) anchor: &'static str,
}

impl Route {
    /// Returns the path data of the line, with rounded corners. The line ends where the head
    /// begins.
    pub(super) fn path(&self) -> String {
        const RADIUS: f64 = 6.0;
        let mut points = self.points.clone();
        if let [.., before, last] = points.as_mut_slice() {
            *last = toward(*last, *before, HEAD - 1.0);
        }
        let mut path = String::new();
        for (number, point) in points.iter().enumerate() {
            let near = |other: &(f64, f64)| {
                let length = (other.0 - point.0).abs() + (other.1 - point.1).abs();
                toward(*point, *other, RADIUS.min(length / 2.0))
            };
            let around = (
                number.checked_sub(1).map(|before| &points[before]),
                points.get(number + 1),
            );
            path += &match around {
                (None, _) => format!("M{:.1},{:.1}", point.0, point.1),
                (_, None) => format!(" L{:.1},{:.1}", point.0, point.1),
                (Some(before), Some(after)) => {
                    let ((x1, y1), (x2, y2)) = (near(before), near(after));
                    format!(
                        " L{x1:.1},{y1:.1} Q{:.1},{:.1} {x2:.1},{y2:.1}",
                        point.0, point.1
                    )
                }
            };
        }
        path
    }

    /// Returns the points of the arrowhead.
    pub(super) fn head(&self) -> String {
        let [.., before, (x, y)] = self.points.as_slice() else {
            return String::new();
        };
        let (back_x, back_y) = toward((*x, *y), *before, HEAD);
        let (side_x, side_y) = match back_y == *y {
            true => (0.0, 5.0),
            false => (5.0, 0.0),
        };
        format!(
            "{x:.1},{y:.1} {:.1},{:.1} {:.1},{:.1}",
            back_x - side_x,
            back_y - side_y,
            back_x + side_x,
            back_y + side_y
        )
    }
}

/// Returns the point at a distance from `from`, on the horizontal or vertical line to `to`.
fn toward(from: (f64, f64), to: (f64, f64), distance: f64) -> (f64, f64) {
    let step = |from: f64, to: f64| match to - from {
        0.0 => 0.0,
        away => away.signum() * distance,
    };
    (from.0 + step(from.0, to.0), from.1 + step(from.1, to.1))
}
