//! The lines at the end of the terminal that change in place. Everything else that is printed goes
//! through [`beside`], which takes these lines away first and draws them again below, so that no
//! line is drawn over another or twice.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::escape::shown;
use terminal_size::{Height, Width, terminal_size_of};

/// How often the lines are drawn while nothing else happens.
pub(crate) const TICK: Duration = Duration::from_millis(120);
/// What turns before a line.
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The size of a terminal that does not say it.
const SIZE: (usize, usize) = (80, 24);

static REGION: Mutex<Region> = Mutex::new(Region {
    lines: Vec::new(),
    drawn: Vec::new(),
    frame: 0,
    last: None,
});

/// The lines, and what of them is on the screen.
struct Region {
    lines: Vec<Line>,
    /// Lengths of the lines as they were drawn.
    drawn: Vec<usize>,
    frame: usize,
    /// When they were last drawn.
    last: Option<Instant>,
}

struct Line {
    id: String,
    text: String,
    /// Since when, to show for how long.
    since: Option<Instant>,
}

/// Columns of the terminal that standard error is.
pub(crate) fn width() -> usize {
    size().0
}

fn size() -> (usize, usize) {
    match terminal_size_of(std::io::stderr()) {
        // A terminal of unknown size says zero.
        Some((Width(columns), Height(rows))) if columns > 0 && rows > 0 => {
            (usize::from(columns), usize::from(rows))
        }
        _ => SIZE,
    }
}

/// Shows a line, in the place of the one with the same ID; `since`: for how long is shown too.
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

/// Takes a line away.
pub(crate) fn remove(id: &str) {
    let mut region = region();
    region.lines.retain(|line| line.id != id);
    region.draw(|| ());
}

/// Takes all lines away.
pub(crate) fn clear() {
    let mut region = region();
    region.lines.clear();
    region.draw(|| ());
}

/// Draws the lines again, since time has passed.
pub(crate) fn tick() {
    let mut region = region();
    if !region.lines.is_empty() {
        region.frame += 1;
        region.draw(|| ());
    }
}

/// Writes something that stays, above the lines. It ends with the end of a line, or no lines are
/// shown.
pub(crate) fn beside<R>(write: impl FnOnce() -> R) -> R {
    region().draw(write)
}

/// A drawing that panicked has nothing that could be wrong afterwards.
fn region() -> MutexGuard<'static, Region> {
    REGION.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Region {
    /// Draws unless it was drawn a moment ago: the next tick does it then.
    fn draw_soon(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() >= TICK / 2) {
            self.draw(|| ());
        }
    }

    /// Takes the drawn lines away, writes, and draws the lines as they are now. A terminal that
    /// has gone away is no error.
    fn draw<R>(&mut self, write: impl FnOnce() -> R) -> R {
        if self.drawn.is_empty() && self.lines.is_empty() {
            return write();
        }
        let (columns, rows) = size();
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(erasing(&self.drawn, columns).as_bytes());
        let _ = out.flush();
        // What is written may lock standard error itself, on this thread.
        let written = write();
        let lines = self.shown(columns, rows);
        self.drawn = lines.iter().map(|line| line.chars().count()).collect();
        let _ = out.write_all(lines.join("\n").as_bytes());
        let _ = out.flush();
        self.last = Some(Instant::now());
        written
    }

    /// The lines as they fit a terminal: none is wrapped, and all of them are visible.
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

/// What takes drawn lines away: the cursor is at the end of the last one. A terminal that was made
/// narrower meanwhile has wrapped them.
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

/// A text that is at most so many characters long.
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
