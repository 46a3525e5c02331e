//! The progress of long computations: a line on the terminal that disappears when they are done.
//!
//! Operations in AWS have their own lines, in `aws::live`.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Global;
use super::output::Stream;

/// Shorter computations show no progress, because the line would only flicker.
const PATIENCE: Duration = Duration::from_millis(500);

/// The end of the progress line.
const ENDING: &str = " ...";

/// Returns whether standard error is a terminal that can erase lines. `TERM` is `dumb`, empty, or
/// unset for terminals that cannot.
pub(crate) fn can_move() -> bool {
    let is_dumb = match std::env::var("TERM") {
        Ok(term) => term.is_empty() || term == "dumb",
        Err(_) => cfg!(unix),
    };
    !is_dumb && std::io::stderr().is_terminal()
}

/// A progress message, shown until it is dropped.
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Starts to show a message such as `Checking 1,001 templates`. Shows nothing with `--quiet`,
    /// without a terminal, or on a terminal that cannot erase a line.
    pub(crate) fn start(global: &Global, text: impl Into<String>) -> Self {
        if global.quiet || !can_move() {
            return Self(None);
        }
        let mut text = text.into();
        // Only one line can be erased.
        if let Some(width) = Stream::Notes.width() {
            let room = width.saturating_sub(ENDING.len());
            text = text.chars().take(room).collect();
        }
        let (sender, receiver) = mpsc::channel();
        let work = move || {
            if receiver.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let mut out = std::io::stderr();
                // Ignore write errors: progress is optional.
                let _ = write!(out, "{text}{ENDING}").and_then(|()| out.flush());
                let _ = receiver.recv();
                let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
            }
        };
        // Without a thread, the command shows no progress.
        let thread = thread::Builder::new().spawn(work).ok();
        Self(thread.map(|thread| (sender, thread)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            // Wait until the line is erased, so that the thread does not erase later output.
            let _ = thread.join();
        }
    }
}
