//! The layout of messages: the problem, the source line with the cause underlined, and the fix.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::escape::{lines, shown};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::excerpt::{Excerpt, shortened};
use super::output::{self, Stream, Text};
use super::table::paragraph;

/// Minimum width of a wrapped message.
const NARROWEST: usize = 30;

/// Maximum number of errors shown. A file with more errors usually repeats one mistake.
const MOST_SHOWN: usize = 20;

/// The reason why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A problem without a location in a file.
    Message {
        /// The problem.
        message: String,
        /// The fix; may be empty.
        help: String,
        /// The exit code.
        code: u8,
    },
    /// The problems of one document.
    Document(Box<Source>, Vec<Diagnostic>),
    /// Several failures of the same input.
    Several(Vec<Failure>),
    /// A failure with a note.
    Noted(Box<Failure>, String),
}

impl Failure {
    /// Returns a failure with exit code 2, for invalid usage or for invalid input without a
    /// location in a file.
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::with_code(message, help, 2)
    }

    /// Returns a failure with exit code 1, for a refusal or for an operation that failed in AWS.
    pub(crate) fn finding(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::with_code(message, help, 1)
    }

    /// Returns a failure with the given exit code.
    pub(crate) fn with_code(message: impl Into<String>, help: impl Into<String>, code: u8) -> Self {
        Self::Message {
            message: message.into(),
            help: help.into(),
            code,
        }
    }

    /// Returns the problem on one line.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Message { message, .. } => shortened(&shown(message)).into_owned(),
            Self::Document(source, problems) => {
                let message = problems.first().map(|problem| shown(&problem.message));
                let message = message.unwrap_or_default();
                format!("{}: {}", source.name(), shortened(&message))
            }
            Self::Several(failures) => failures.first().map(Self::message).unwrap_or_default(),
            Self::Noted(failure, _) => failure.message(),
        }
    }

    /// Adds a note: a sentence without a period.
    pub(crate) fn with_note(self, note: String) -> Self {
        Self::Noted(Box::new(self), note)
    }

    /// Returns the problems of a document. A document of the wrong kind has a single problem, whose
    /// message does not quote the content: the file may be secret.
    pub(crate) fn document(source: Source, problems: Vec<Diagnostic>) -> Self {
        let Some(kind) = source.misses_kind() else {
            return Self::Document(Box::new(source), problems);
        };
        let (name, sign) = kind.name_and_sign();
        Self::new(
            format!("`{}` is not {name}: {sign}", source.name()),
            "check the path and the contents of the file",
        )
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Message { code, .. } => *code,
            Self::Document(..) => 2,
            Self::Several(failures) => failures.first().map_or(2, Self::exit_code),
            Self::Noted(failure, _) => failure.exit_code(),
        }
    }

    /// Prints the failure to standard error.
    pub(crate) fn print(&self) {
        output::error(self.rendered().trim_end());
    }

    fn rendered(&self) -> Text {
        if let Self::Noted(failure, note) = self {
            let mut both = failure.rendered().trim_end();
            both.push_str("\n");
            both.append(&titled(&Level::NOTE, "", note, ""));
            return both;
        }
        let mut parts = Vec::new();
        self.parts(&mut parts);
        let mut out = Text::new();
        for part in parts.iter().take(MOST_SHOWN) {
            let text = match part {
                Part::Message(message, help) => titled(&Level::ERROR, "", message, help),
                Part::Problem(source, problem) => render(source, problem),
                Part::Note(note) => titled(&Level::NOTE, "", note, ""),
            };
            out.append(&text.trim_end());
            out.push_str("\n\n");
        }
        if let Some(more @ 1..) = parts.len().checked_sub(MOST_SHOWN) {
            let plural = if more == 1 { "" } else { "s" };
            out.push_str(&format!("… and {more} more error{plural}\n"));
        }
        out
    }

    /// Collects the parts in display order.
    fn parts<'f>(&'f self, found: &mut Vec<Part<'f>>) {
        match self {
            Self::Message { message, help, .. } => found.push(Part::Message(message, help)),
            Self::Document(source, problems) => {
                let part = |problem| Part::Problem(source, problem);
                found.extend(problems.iter().map(part));
            }
            Self::Several(failures) => failures.iter().for_each(|failure| failure.parts(found)),
            Self::Noted(failure, note) => {
                failure.parts(found);
                found.push(Part::Note(note));
            }
        }
    }
}

/// One error of a failure.
enum Part<'f> {
    Message(&'f str, &'f str),
    Problem(&'f Source, &'f Diagnostic),
    Note(&'f str),
}

/// Prints a warning.
pub(crate) fn warn(global: &super::Global, message: &str, help: &str) {
    output::note(global, titled(&Level::WARNING, "", message, &shown(help)));
}

/// Warns that a pipeline does not cross accounts.
pub(crate) fn warn_of_one_account(global: &super::Global, message: &str) {
    let help = "use separate accounts: in a single account, the deploy role provides no isolation";
    warn(global, message, help);
}

#[cfg(feature = "deploy")]
impl From<crate::deploy::DeployError> for Failure {
    fn from(error: crate::deploy::DeployError) -> Self {
        use crate::deploy::ErrorKind;
        let code = match error.kind {
            ErrorKind::Failed => 1,
            ErrorKind::Input => 2,
            ErrorKind::Aws => 3,
        };
        Self::with_code(error.message, error.help, code)
    }
}

/// Returns a message without a location in a file. The help may be empty.
pub(crate) fn titled(level: &Level<'_>, code: &str, message: &str, help: &str) -> Text {
    rendered(level, code, message, None, help)
}

/// Returns a diagnostic with its source line.
pub(crate) fn render(source: &Source, diagnostic: &Diagnostic) -> Text {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    rendered(
        &level,
        diagnostic.code(),
        &diagnostic.message,
        Some((source, diagnostic)),
        diagnostic.help.as_deref().unwrap_or_default(),
    )
}

/// Width of `warning[]: ` before a title, in columns.
const TITLE: usize = 11;
/// Width of ` = help: ` before a help text, in columns, with a four-digit line number.
const HELP: usize = 13;
/// Maximum width of a source line without a terminal. Every excerpt is shorter.
const UNLIMITED: usize = 10_000;

/// Wraps text to the width of the terminal, minus the `before` columns to its left.
fn fitted(text: Cow<'_, str>, width: Option<usize>, before: usize) -> Cow<'_, str> {
    match width {
        Some(width) => {
            let width = width.saturating_sub(before).max(NARROWEST);
            let lines = text.lines().flat_map(|line| paragraph(line, width));
            lines.collect::<Vec<_>>().join("\n").into()
        }
        None => text,
    }
}

/// Removes the empty margin line between a message and its help. The margin is only useful next to
/// a source line.
fn without_margin(rendered: &str) -> String {
    let is_margin = |line: &&str| anstream::adapter::strip_str(line).to_string().trim() == "|";
    let lines: Vec<&str> = rendered.lines().filter(|line| !is_margin(line)).collect();
    lines.join("\n")
}

/// Returns a message. The code and the help may be empty.
fn rendered(
    level: &Level<'_>,
    code: &str,
    message: &str,
    place: Option<(&Source, &Diagnostic)>,
    help: &str,
) -> Text {
    // Help can span several lines, such as a list.
    let (message, code, help) = (shown(message), shown(code), lines(help));
    let width = Stream::Notes.width();
    let message = fitted(shortened(&message), width, TITLE + code.len());
    let help = fitted(shortened(&help), width, HELP);
    let mut title = level.clone().primary_title(message);
    if !code.is_empty() {
        title = title.id(&*code);
    }
    let mut group = Group::with_title(title);
    let place = place.map(|(source, diagnostic)| {
        let excerpt = Excerpt::of(source, diagnostic.span);
        (source, excerpt, shown(&diagnostic.label))
    });
    if let Some((source, excerpt, label)) = &place {
        let mut annotation = AnnotationKind::Primary.span(excerpt.underlined.clone());
        if !label.is_empty() {
            annotation = annotation.label(shortened(label));
        }
        let snippet = Snippet::source(excerpt.text.as_str())
            .path(source.name())
            .line_start(excerpt.line)
            .annotation(annotation);
        group = group.element(snippet);
    }
    if !help.is_empty() {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = Renderer::styled().term_width(width.unwrap_or(UNLIMITED));
    let mut rendered = renderer.render(&[group]);
    if place.is_none() {
        rendered = without_margin(&rendered);
    }
    if let Some((source, excerpt, _)) = &place
        && excerpt.column != excerpt.shown_column
    {
        // The renderer counts columns in the excerpt, not in the line.
        let place = |column| format!("{}:{}:{column}", source.name(), excerpt.line);
        rendered = rendered.replacen(&place(excerpt.shown_column), &place(excerpt.column), 1);
    }
    Text::rendered(rendered)
}
