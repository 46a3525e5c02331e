//! How work at AWS looks while it goes on: a line for each resource on a terminal, plain lines
//! elsewhere. All of it goes to standard error; results go to standard output.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use s3ferry::deploy::Observer;
use s3ferry::deploy::events::Event;
use s3ferry::deploy::stack_set::Progress;
use s3ferry::escape::shown;

use super::output::{self, Text};
use super::{Failure, Global};

const TICK: Duration = Duration::from_millis(120);

/// A row of the screen: something that goes on beside others.
pub(crate) struct Row<'r> {
    /// What it is about; a second row of the same takes the place of the first.
    pub(crate) id: &'r str,
    /// Whether it goes on or how it ended.
    pub(crate) state: RowState,
    /// What is shown.
    pub(crate) text: String,
    /// Why it failed; may be empty.
    pub(crate) reason: &'r str,
    /// AWS's time of it: seconds since 1970. The first row of something says when it began.
    pub(crate) time: f64,
}

/// How a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowState {
    /// It goes on.
    Moving,
    /// It has come to a good end.
    Done,
    /// It failed.
    Failed,
}

/// What the user sees of work that goes on.
pub(crate) struct Screen {
    quiet: bool,
    live: bool,
    bars: MultiProgress,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// What is being waited for now.
    current: Option<ProgressBar>,
    /// One line for each resource or action, by its name, and when AWS says that it began:
    /// seconds since 1970.
    resources: HashMap<String, (ProgressBar, f64)>,
    /// What goes on at AWS without us, a sentence.
    executing: Option<String>,
    /// The command that resumes the work.
    resume: String,
    /// The progress of a stack set's operation as it was last written in a plain line.
    written: Option<Progress>,
}

impl Screen {
    /// A screen; `resume` is the command that goes on after an interruption.
    pub(crate) fn new(global: &Global, resume: impl Into<String>) -> Self {
        Self {
            quiet: global.quiet,
            live: !global.quiet && std::io::stderr().is_terminal(),
            bars: MultiProgress::new(),
            state: RefCell::new(State {
                resume: resume.into(),
                ..State::default()
            }),
        }
    }

    /// Asks a question whose answer is yes or no. Without a terminal the answer is the option's:
    /// `--yes`.
    ///
    /// # Errors
    /// There is no terminal to ask on.
    pub(crate) async fn confirm(&self, question: &str) -> Result<bool, Failure> {
        let answer = self.ask(&format!("{question} [y/N] "), "--yes").await?;
        Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
    }

    /// Asks for a line of text.
    ///
    /// # Errors
    /// There is no terminal to ask on; `option` is what stands for the answer there.
    pub(crate) async fn ask(&self, question: &str, option: &str) -> Result<String, Failure> {
        self.clear();
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                "there is no terminal to ask on, and nothing was changed",
                format!("look at what is shown above, then give {option}"),
            ));
        }
        output::ask(question);
        // On a thread of its own, so that Ctrl-C is heard meanwhile.
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

    /// Takes away what moves.
    pub(crate) fn clear(&self) {
        let mut state = self.state.borrow_mut();
        if let Some(bar) = state.current.take() {
            bar.finish_and_clear();
        }
        for (_, (bar, _)) in state.resources.drain() {
            bar.abandon();
        }
    }

    /// Says what goes on after an interruption, and how to follow it.
    pub(crate) fn interrupted(&self) {
        self.clear();
        let state = self.state.borrow();
        let said = match &state.executing {
            Some(what) => format!(
                "Interrupted. {what}\nNext: `{}` follows it and goes on from there.",
                state.resume
            ),
            // What there was of it may have been taken back.
            None => format!("Interrupted. Next: `{}` runs it again.", state.resume),
        };
        output::error(&said);
    }

    /// Shows a row, on a terminal in the place of the one before it; elsewhere as a line, once
    /// for each state.
    pub(crate) fn row(&self, row: &Row<'_>) {
        let reason = if row.state == RowState::Failed && !row.reason.is_empty() {
            format!("\n      {}", shown(row.reason))
        } else {
            String::new()
        };
        let text = shown(&row.text);
        if !self.live {
            self.line(&format!("  {text}{reason}"));
            return;
        }
        let mut state = self.state.borrow_mut();
        let (bar, began) = state.resources.entry(row.id.to_owned()).or_insert_with(|| {
            let bar = self.spinner("  {spinner} {msg}", String::new());
            (bar, row.time)
        });
        if bar.is_finished() {
            return;
        }
        let (mark, color) = match row.state {
            RowState::Moving => {
                bar.set_message(text.into_owned());
                return;
            }
            RowState::Failed => ("✗", AnsiColor::Red),
            RowState::Done => ("✓", AnsiColor::Green),
        };
        let style = if output::colors() {
            Style::new().fg_color(Some(color.into()))
        } else {
            Style::new()
        };
        let done = ProgressStyle::with_template("  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(done);
        bar.finish_with_message(format!(
            "{style}{mark}{style:#} {text} {:.0}s{reason}",
            row.time - *began
        ));
    }

    /// A bar for work on so many bytes; hidden where there is no terminal.
    pub(crate) fn bytes(&self, what: &str, total: u64) -> ProgressBar {
        if !self.live {
            return ProgressBar::hidden();
        }
        let template =
            "  {msg} {wide_bar} {binary_bytes:>10} of {binary_total_bytes}, {binary_bytes_per_sec}";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(total).with_style(style));
        bar.set_message(what.to_owned());
        bar
    }

    /// Whether what moves is shown in place.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// From now on this command goes on after an interruption.
    pub(crate) fn resumes_with(&self, command: String) {
        self.state.borrow_mut().resume = command;
    }

    /// Remembers what goes on at AWS without us, a sentence for an interruption.
    pub(crate) fn goes_on(&self, sentence: String) {
        self.state.borrow_mut().executing = Some(shown(&sentence).into_owned());
    }

    fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.live {
            let _ = self.bars.println(Text::from(text).to_print());
        } else {
            output::error(text);
        }
    }

    fn spinner(&self, template: &str, message: String) -> ProgressBar {
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style));
        bar.set_message(shown(&message).into_owned());
        bar.enable_steady_tick(TICK);
        bar
    }
}

impl Observer for Screen {
    fn begins(&self, what: &str) {
        self.clear();
        if self.live {
            let bar = self.spinner(
                "{spinner} {msg} {elapsed:.dim}",
                format!("Waiting for the {what}"),
            );
            self.state.borrow_mut().current = Some(bar);
        }
    }

    fn says(&self, what: &str) {
        self.line(what);
    }

    fn event(&self, event: &Event) {
        if self.quiet {
            return;
        }
        if !self.live {
            let reason = if event.reason.is_empty() || event.whole_stack {
                String::new()
            } else {
                format!("  {}", event.reason)
            };
            let text = format!(
                "  {:<28} {:<34} {}{reason}",
                event.status, event.resource_type, event.logical_id
            );
            self.line(&shown(&text));
            return;
        }
        if event.whole_stack {
            return;
        }
        let text = format!(
            "{:<28} {:<34} {}",
            event.status, event.resource_type, event.logical_id
        );
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
            text,
            reason: &event.reason,
            time: event.time,
        });
    }

    fn progress(&self, progress: &Progress) {
        if self.quiet || progress.counts.total() == 0 {
            return;
        }
        let text = shown(&progress_line(progress)).into_owned();
        let mut state = self.state.borrow_mut();
        if self.live {
            if let Some(bar) = &state.current {
                bar.set_message(text);
            }
            return;
        }
        if is_news(state.written.as_ref(), progress) {
            state.written = Some(progress.clone());
            drop(state);
            self.line(&format!("  {text}"));
        }
    }

    fn executing(&self, stack: &str) {
        self.goes_on(format!("CloudFormation goes on with stack {stack}."));
    }

    fn ended(&self) {
        self.clear();
        self.state.borrow_mut().executing = None;
    }
}

/// One line for a whole operation, however many instances it has.
fn progress_line(progress: &Progress) -> String {
    let counts = &progress.counts;
    let number = output::thousands;
    let mut parts = vec![format!(
        "{} of {} instances done",
        number(counts.succeeded),
        number(counts.total())
    )];
    for (count, what) in [
        (counts.running, "under way"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", number(count)));
        }
    }
    let stack_set = &progress.stack_set;
    match progress.status.as_str() {
        "RUNNING" => format!("Stack set {stack_set}: {}", parts.join(", ")),
        status => format!("Stack set {stack_set}: {}, {status}", parts.join(", ")),
    }
}

/// Whether a plain line is worth it: a tenth of the instances more, a failure, or another status.
fn is_news(before: Option<&Progress>, now: &Progress) -> bool {
    let Some(before) = before.filter(|before| before.stack_set == now.stack_set) else {
        return true;
    };
    let step = now.counts.total().div_ceil(10);
    before.status != now.status
        || now.counts.ended() < before.counts.ended()
        || now.counts.ended() >= before.counts.ended() + step
        || now.counts.failed > before.counts.failed && before.counts.failed == 0
}
