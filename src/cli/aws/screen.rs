//! Displays the progress of AWS operations: one live line per resource on a terminal, plain lines
//! otherwise. Progress goes to standard error, and results go to standard output.

mod text;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::{Duration, Instant};

use crate::deploy::Observer;
use crate::deploy::events::Event;
use crate::deploy::stack_set::Progress;
use crate::deploy::unexecuted::Unexecuted;
use crate::escape::shown;
use anstyle::{AnsiColor, Style};

use crate::cli::aws::live;
use crate::cli::output::{self, Stream, Text};
use crate::cli::progress::can_move;
use crate::cli::{Failure, Global};
use text::{bytes, capitalized, event_text, is_news, progress_line, wrapped};

/// Time without output after which a plain line reports the pending operation.
const SILENCE: Duration = Duration::from_secs(15);
/// IDs of the line for the pending operation and the line for transferred bytes. No resource can
/// have such a name.
const WAITING: &str = "/waiting";
const BYTES: &str = "/bytes";

/// A row of the screen: one of several items in progress.
pub(crate) struct Row<'r> {
    /// ID of the item; a new row replaces the row with the same ID.
    pub(crate) id: &'r str,
    /// State of the item.
    pub(crate) state: RowState,
    /// Text of the row.
    pub(crate) text: String,
    /// Why the item failed; may be empty.
    pub(crate) reason: &'r str,
    /// Time from AWS, in seconds since 1970. The first row of an item sets its start time.
    pub(crate) time: f64,
}

/// The state of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowState {
    /// In progress.
    Moving,
    /// Succeeded.
    Done,
    Failed,
}

/// The output of a command while its work is in progress.
pub(crate) struct Screen<'g> {
    pub(crate) global: &'g Global,
    live: bool,
    state: RefCell<State>,
}

struct State {
    /// The pending operation, and when the wait for it started.
    waiting: Option<(String, Instant)>,
    /// A label, the number of transferred bytes, and the total.
    bytes: Option<(String, u64, u64)>,
    /// Start time of each resource or action in progress, in seconds since 1970, by ID.
    began: HashMap<String, f64>,
    /// The work that continues in AWS: a sentence without a period.
    executing: Option<String>,
    /// The command that resumes the work.
    resume: String,
    /// Change sets to delete before the program ends.
    open: Vec<Unexecuted>,
    /// The progress of a stack set operation in the last plain line.
    written: Option<Progress>,
    /// Time of the last plain line.
    last_line: Instant,
}

impl<'g> Screen<'g> {
    /// Creates a screen. `resume` is the command that resumes the work after an interruption.
    pub(crate) fn new(global: &'g Global, resume: impl Into<String>) -> Self {
        Self {
            global,
            live: !global.quiet && can_move(),
            state: RefCell::new(State {
                waiting: None,
                bytes: None,
                began: HashMap::new(),
                executing: None,
                resume: resume.into(),
                open: Vec::new(),
                written: None,
                last_line: Instant::now(),
            }),
        }
    }

    /// Asks a yes-or-no question, unless `--yes` is set.
    pub(crate) async fn confirm(&self, yes: bool, question: &str) -> Result<bool, Failure> {
        if yes {
            return Ok(true);
        }
        let answer = self.ask(&format!("{question} [y/N] "), "--yes").await?;
        Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
    }

    /// Asks for a line of text.
    ///
    /// # Errors
    /// Returns an error if standard input is not a terminal. The error names `option`, which
    /// replaces the answer.
    pub(crate) async fn ask(&self, question: &str, option: &str) -> Result<String, Failure> {
        self.clear();
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                "cannot prompt: standard input is not a terminal; nothing was changed",
                format!("review the output above, then use {option}"),
            ));
        }
        output::ask(question);
        // Read on a separate thread, so that signals are still handled.
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            let _ = std::io::stdin().lock().read_line(&mut answer);
            answer
        });
        let answer = answer
            .await
            .map_err(|error| Failure::new(format!("cannot read the answer: {error}"), ""))?;
        Ok(answer.trim().to_owned())
    }

    /// Removes the live lines.
    pub(crate) fn clear(&self) {
        let mut state = self.state.borrow_mut();
        state.waiting = None;
        state.bytes = None;
        state.began.clear();
        drop(state);
        live::clear();
    }

    /// Reports the work that continues after an interruption, and the command that resumes it.
    pub(crate) fn interrupted(&self) {
        self.clear();
        let state = self.state.borrow();
        let said = match &state.executing {
            Some(what) => format!(
                "Interrupted. {}.\nNext: run `{}` to resume.",
                capitalized(what),
                state.resume
            ),
            // Partial work may have been rolled back.
            None => format!("Interrupted. Next: run `{}` to start again.", state.resume),
        };
        output::error(&said);
    }

    /// Adds a note to a failure: the work that continues in AWS, and the command that resumes it.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let state = self.state.borrow();
        match &state.executing {
            Some(what) => failure.with_note(format!("{what}; run `{}` to resume", state.resume)),
            None => failure,
        }
    }

    /// Deletes the change sets that were not executed, and reports them. Reports change sets that
    /// cannot be deleted even with `--quiet`.
    pub(crate) async fn tidy(&self, limit: impl Future<Output = ()>) {
        let remove = async {
            while let Some(next) = self.last_open() {
                let (stack, name) = (&next.stack, &next.name);
                let removed = next.remove().await;
                self.closed(&next);
                match removed {
                    Ok(()) => self.says(format!(
                        "Deleted change set {name} of stack {stack} without executing it."
                    )),
                    Err(error) => output::error(&format!(
                        "Cannot delete the unexecuted change set {name} of stack {stack}: {error}."
                    )),
                }
            }
        };
        tokio::select! {
            () = remove => {}
            () = limit => {
                while let Some(left) = self.last_open() {
                    self.closed(&left);
                    output::error(&format!(
                        "The unexecuted change set {} of stack {} was not deleted.",
                        left.name, left.stack
                    ));
                }
            }
        }
    }

    fn last_open(&self) -> Option<Unexecuted> {
        self.state.borrow().open.last().cloned()
    }

    /// Redraws the live lines, or reports the pending operation after a long time without output.
    pub(crate) fn tick(&self) {
        if self.live {
            live::tick();
            return;
        }
        let state = self.state.borrow();
        if state.last_line.elapsed() < SILENCE {
            return;
        }
        let said = match (&state.bytes, &state.waiting) {
            (Some((what, done, total)), _) => {
                format!("{what}: {} of {}", bytes(*done), bytes(*total))
            }
            (None, Some((what, since))) => match since.elapsed().as_secs() {
                0 => format!("Waiting for the {what}."),
                seconds => format!("Still waiting for the {what} ({seconds}s)."),
            },
            (None, None) => return,
        };
        drop(state);
        self.says(said);
    }

    /// Shows a row. On a terminal, the row replaces the item's previous row. Otherwise, each state
    /// is a separate line.
    pub(crate) fn row(&self, row: &Row<'_>) {
        let is_failure = row.state == RowState::Failed && !row.reason.is_empty();
        if !self.live {
            let reason = match is_failure {
                true => format!("\n      {}", shown(row.reason)),
                false => String::new(),
            };
            self.says(format!("  {}{reason}", shown(&row.text)));
            return;
        }
        let began = {
            let mut state = self.state.borrow_mut();
            *state.began.entry(row.id.to_owned()).or_insert(row.time)
        };
        let (mark, color) = match row.state {
            RowState::Moving => {
                live::show(row.id, row.text.clone(), None);
                return;
            }
            RowState::Failed => ("✗", AnsiColor::Red),
            RowState::Done => ("✓", AnsiColor::Green),
        };
        self.state.borrow_mut().began.remove(row.id);
        live::remove(row.id);
        let style = if output::colors() {
            Style::new().fg_color(Some(color.into()))
        } else {
            Style::new()
        };
        let width = live::width();
        let time = format!(" {:.0}s", row.time - began);
        let text = live::cut(&shown(&row.text), width.saturating_sub(4 + time.len()));
        let mut line = Text::from("  ");
        line.styled(style, mark);
        line.push_str(&format!(" {text}{time}"));
        if is_failure {
            line.push_str(&wrapped(row.reason, width));
        }
        self.line(line);
    }

    /// Starts to show the progress of a transfer of `total` bytes.
    pub(crate) fn bytes(&self, what: &str, total: u64) -> Bytes<'_> {
        self.state.borrow_mut().bytes = Some((what.to_owned(), 0, total));
        Bytes {
            screen: self,
            since: Instant::now(),
        }
    }

    /// Returns whether the screen shows live lines.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Sets the command that resumes the work after an interruption.
    pub(crate) fn resumes_with(&self, command: String) {
        self.state.borrow_mut().resume = command;
    }

    /// Prints a message to standard error, unless `--quiet` is set.
    pub(crate) fn says(&self, text: impl AsRef<str>) {
        self.line(Text::from(text.as_ref()));
    }

    pub(crate) fn line(&self, text: impl Into<Text>) {
        if self.global.quiet {
            return;
        }
        self.state.borrow_mut().last_line = Instant::now();
        output::error(text.into().fitted(Stream::Notes));
    }
}

/// The progress of a transfer, shown until it is dropped.
pub(crate) struct Bytes<'s> {
    screen: &'s Screen<'s>,
    since: Instant,
}

impl Bytes<'_> {
    /// Adds to the number of transferred bytes.
    pub(crate) fn inc(&self, more: u64) {
        let state = self.screen.state.borrow();
        let done = state.bytes.as_ref().map_or(0, |bytes| bytes.1);
        drop(state);
        self.set_position(done + more);
    }

    /// Sets the number of transferred bytes.
    pub(crate) fn set_position(&self, now: u64) {
        let mut state = self.screen.state.borrow_mut();
        let Some((what, done, total)) = &mut state.bytes else {
            return;
        };
        *done = now;
        let seconds = self.since.elapsed().as_secs().max(1);
        let text = format!(
            "{what} {} of {}, {}/s",
            bytes(now),
            bytes(*total),
            bytes(now / seconds)
        );
        drop(state);
        if self.screen.live {
            live::show(BYTES, text, None);
        } else {
            self.screen.tick();
        }
    }
}

impl Drop for Bytes<'_> {
    fn drop(&mut self) {
        self.screen.state.borrow_mut().bytes = None;
        live::remove(BYTES);
    }
}

impl Observer for Screen<'_> {
    fn begins(&self, what: &str) {
        self.clear();
        let now = Instant::now();
        self.state.borrow_mut().waiting = Some((what.to_owned(), now));
        if self.live {
            live::show(WAITING, format!("Waiting for the {what}"), Some(now));
        }
    }

    fn says(&self, what: &str) {
        self.says(what);
    }

    fn event(&self, event: &Event) {
        if self.global.quiet {
            return;
        }
        if !self.live {
            let columns = std::io::stderr().is_terminal().then(live::width);
            let reason = if event.reason.is_empty() || event.whole_stack {
                String::new()
            } else if let Some(width) = columns {
                wrapped(&event.reason, width)
            } else {
                format!("  {}", shown(&event.reason))
            };
            let text = event_text(event, columns.map(|width| width.saturating_sub(2)));
            self.says(format!("  {}{reason}", shown(&text)));
            return;
        }
        if event.whole_stack {
            return;
        }
        let state = if event.status.ends_with("_IN_PROGRESS") {
            RowState::Moving
        } else if event.status.ends_with("_FAILED") {
            RowState::Failed
        } else {
            RowState::Done
        };
        self.row(&Row {
            id: &event.logical_id,
            state,
            text: event_text(event, Some(live::width())),
            reason: &event.reason,
            time: event.time,
        });
    }

    fn progress(&self, progress: &Progress) {
        if self.global.quiet || progress.counts.total() == 0 {
            return;
        }
        let text = shown(&progress_line(progress)).into_owned();
        if self.live {
            live::show(WAITING, text, None);
            return;
        }
        let mut state = self.state.borrow_mut();
        if is_news(state.written.as_ref(), progress) {
            state.written = Some(progress.clone());
            drop(state);
            self.says(format!("  {text}"));
        }
    }

    fn executing(&self, sentence: &str) {
        self.state.borrow_mut().executing = Some(shown(sentence).into_owned());
    }

    fn ended(&self) {
        self.clear();
        self.state.borrow_mut().executing = None;
    }

    fn opened(&self, change_set: &Unexecuted) {
        self.state.borrow_mut().open.push(change_set.clone());
    }

    fn closed(&self, change_set: &Unexecuted) {
        let mut state = self.state.borrow_mut();
        state.open.retain(|other| !other.is(change_set));
    }
}
