//! The lines at the bottom of the terminal that are updated in place. All other output goes through
//! [`above`], which erases these lines first and redraws them below the output. This prevents
//! overwritten and duplicate lines.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::escape::shown;
use terminal_size::{Height, Width, terminal_size_of};

/// Interval between redraws while there is no other output.
pub(crate) const TICK: Duration = Duration::from_millis(120);
/// The frames of the spinner before a line.
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The size to assume for a terminal that does not report its size.
const SIZE: (usize, usize) = (80, 24);

static REGION: Mutex<Region> = Mutex::new(Region {
    lines: Vec::new(),
    drawn: Vec::new(),
    frame: 0,
    last: None,
});

/// The lines and their state on the screen.
struct Region {
    lines: Vec<Line>,
    /// Lengths of the drawn lines.
    drawn: Vec<usize>,
    frame: usize,
    /// Time of the last redraw.
    last: Option<Instant>,
}

struct Line {
    id: String,
    text: String,
    /// Start time, to show the elapsed time.
    since: Option<Instant>,
}

/// Returns the number of columns of the terminal on standard error.
pub(crate) fn width() -> usize {
    size().0
}

fn size() -> (usize, usize) {
    match terminal_size_of(std::io::stderr()) {
        // A terminal of unknown size reports zero.
        Some((Width(columns), Height(rows))) if columns > 0 && rows > 0 => {
            (usize::from(columns), usize::from(rows))
        }
        _ => SIZE,
    }
}

/// Shows a line and replaces the line with the same ID. With `since`, the line includes the elapsed
/// time.
pub(crate) fn show(id: &str, text: String, since: Option<Instant>) {
    let text = shown(&text).into_owned();
    let mut region = region();
    match region.lines.iter_mut().find(|line| line.id == id) {
        Some(line) => line.text = text,
        None => region.lines.push(Line {
            id: id.to_owned(),
            text,
            since,
        }),
    }
    region.draw_soon();
}

/// Removes a line.
pub(crate) fn remove(id: &str) {
    let mut region = region();
    region.lines.retain(|line| line.id != id);
    region.draw(|| ());
}

/// Removes all lines.
pub(crate) fn clear() {
    let mut region = region();
    region.lines.clear();
    region.draw(|| ());
}

/// Redraws the lines to show the passage of time.
pub(crate) fn tick() {
    let mut region = region();
    if !region.lines.is_empty() {
        region.frame += 1;
        region.draw(|| ());
    }
}

/// Writes permanent output above the lines. The output must end with a newline, unless no lines are
/// shown.
pub(crate) fn above<R>(write: impl FnOnce() -> R) -> R {
    region().draw(write)
}

/// Locks the live region of the terminal. A panic during a redraw leaves no invalid state.
fn region() -> MutexGuard<'static, Region> {
    REGION.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Region {
    /// Redraws unless the last redraw was very recent. In that case, the next tick redraws.
    fn draw_soon(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() >= TICK / 2) {
            self.draw(|| ());
        }
    }

    /// Erases the drawn lines, writes, and redraws the current lines. Ignores write errors, because
    /// the terminal may be closed.
    fn draw<R>(&mut self, write: impl FnOnce() -> R) -> R {
        if self.drawn.is_empty() && self.lines.is_empty() {
            return write();
        }
        let (columns, rows) = size();
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(erasing(&self.drawn, columns).as_bytes());
        let _ = out.flush();
        // The writer may lock standard error on this thread.
        let written = write();
        let lines = self.shown(columns, rows);
        self.drawn = lines.iter().map(|line| line.chars().count()).collect();
        let _ = out.write_all(lines.join("\n").as_bytes());
        let _ = out.flush();
        self.last = Some(Instant::now());
        written
    }

    /// Returns the lines cut to the terminal size, so that none wraps or scrolls away.
    fn shown(&self, columns: usize, rows: usize) -> Vec<String> {
        let frame = FRAMES[self.frame % FRAMES.len()];
        let room = rows.saturating_sub(1).max(1);
        let fits = match self.lines.len() > room {
            true => room.saturating_sub(1).max(1),
            false => self.lines.len(),
        };
        let mut shown: Vec<String> = (self.lines.iter().take(fits))
            .map(|line| {
                let mut text = format!("{frame} {}", line.text);
                if let Some(since) = line.since {
                    text.push_str(&format!(" {}s", since.elapsed().as_secs()));
                }
                cut(&text, columns.saturating_sub(1))
            })
            .collect();
        let more = self.lines.len() - fits;
        if more > 0 {
            shown.push(cut(
                &format!("  and {more} more"),
                columns.saturating_sub(1),
            ));
        }
        shown
    }
}

/// Returns the control sequence that erases the drawn lines. The cursor is at the end of the last
/// line. A terminal that became narrower has wrapped the lines.
fn erasing(drawn: &[usize], columns: usize) -> String {
    let rows: usize = (drawn.iter())
        .map(|length| length.div_ceil(columns.max(1)).max(1))
        .sum();
    match rows {
        0 => String::new(),
        1 => "\r\x1b[J".to_owned(),
        _ => format!("\r\x1b[{}A\x1b[J", rows - 1),
    }
}

/// Truncates text to at most `length` characters.
pub(crate) fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(length.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region_of(lines: usize) -> Region {
        Region {
            lines: (0..lines)
                .map(|number| Line {
                    id: number.to_string(),
                    text: format!("line {number} with some text"),
                    since: None,
                })
                .collect(),
            drawn: Vec::new(),
            frame: 0,
            last: None,
        }
    }

    #[test]
    fn lines_are_cut_to_the_terminal_in_both_directions() {
        let shown = region_of(9).shown(12, 5);
        assert_eq!(
            shown,
            ["⠋ line 0 w…", "⠋ line 1 w…", "⠋ line 2 w…", "  and 6 mo…"]
        );
        assert_eq!(region_of(4).shown(80, 5).len(), 4);
        assert_eq!(region_of(2).shown(1, 1), ["", ""].map(|_| "…".to_owned()));
    }

    #[test]
    fn lines_that_the_terminal_has_wrapped_are_taken_away() {
        assert_eq!(erasing(&[], 80), "");
        assert_eq!(erasing(&[10], 80), "\r\x1b[J");
        assert_eq!(erasing(&[10, 0, 79], 80), "\r\x1b[2A\x1b[J");
        assert_eq!(erasing(&[79, 79], 40), "\r\x1b[3A\x1b[J");
    }
}
