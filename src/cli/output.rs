//! Printing: results to standard output, everything else to standard error.
//!
//! Everything printed is a [`Text`], which escapes untrusted text. A control sequence in a stack
//! output or a file name therefore never reaches a terminal or a log.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use crate::escape::{self, lines, shown};
#[cfg(feature = "deploy")]
use anstyle::Style;
use serde::Serialize;

use super::table::{layout, paragraph};
use super::{Failure, Global};

/// Text that is safe to print. Hidden characters are escaped, and the only control sequences are
/// the colors that s3ferry adds. It does not implement `Display`, so styled text and untrusted text
/// are never mixed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Returns an empty [`Text`].
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns the output of a renderer that adds colors to escaped text.
    pub(crate) fn rendered(styled: String) -> Self {
        Self(styled)
    }

    /// Returns a JSON document. The escapes are those of JSON, so the values do not change.
    pub(crate) fn json(document: &str) -> Self {
        Self(escape::json(document).into_owned())
    }

    /// Returns a document as indented JSON.
    ///
    /// # Errors
    /// Returns an error if the document cannot be serialized.
    pub(crate) fn document(document: &impl Serialize) -> Result<Self, Failure> {
        let text = serde_json::to_string_pretty(document).map_err(no_json)?;
        Ok(Self::json(&(text + "\n")))
    }

    /// Returns documents as JSON, one per line.
    ///
    /// # Errors
    /// Returns an error if a document cannot be serialized.
    pub(crate) fn documents(
        documents: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Self, Failure> {
        let mut text = String::new();
        for document in documents {
            text += &serde_json::to_string(&document).map_err(no_json)?;
            text.push('\n');
        }
        Ok(Self::json(&text))
    }

    /// Returns an indented JSON value.
    pub(crate) fn json_value(value: &serde_json::Value) -> Self {
        Self::json(&format!("{value:#}\n"))
    }

    /// Returns an XML document. The escapes are those of XML.
    pub(crate) fn xml(document: &str) -> Self {
        Self(escape::xml(document).into_owned())
    }

    /// Returns text from s3ferry itself without untrusted content, such as a completion script.
    pub(crate) fn own(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Adds text with one or more lines.
    pub(crate) fn push_str(&mut self, text: &str) {
        self.0.push_str(&lines(text));
    }

    /// Adds a line, with hidden characters and line breaks escaped.
    pub(crate) fn line(&mut self, text: impl fmt::Display) {
        self.0.push_str(&line(&text.to_string()));
    }

    /// Adds a line of prose, wrapped to the width of standard output.
    pub(crate) fn prose(&mut self, text: impl fmt::Display) {
        let text = shown(&text.to_string()).into_owned();
        let lines = match Stream::Results.width() {
            Some(width) => paragraph(&text, width),
            None => vec![text],
        };
        for line in lines {
            self.0 += &line;
            self.0.push('\n');
        }
    }

    /// Wraps the lines of prose to the width of a stream.
    pub(crate) fn fitted(self, stream: Stream) -> Self {
        match stream.width() {
            Some(width) => self.wrapped(width),
            None => self,
        }
    }

    /// Wraps the lines of prose to a width. Lines with colors, indented lines, and code stay as
    /// they are.
    fn wrapped(&self, width: usize) -> Self {
        let is_code = |line: &str| line.contains('\x1b') || line.starts_with([' ', '{', '[', '"']);
        let lines = self.0.split('\n').flat_map(|line| match is_code(line) {
            true => vec![line.to_owned()],
            false => paragraph(line, width),
        });
        Self(lines.collect::<Vec<_>>().join("\n"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds text that is already escaped.
    pub(crate) fn append(&mut self, text: &Self) {
        self.0.push_str(&text.0);
    }

    /// Adds text in a style.
    #[cfg(feature = "deploy")]
    pub(crate) fn styled(&mut self, style: Style, text: &str) {
        self.0.push_str(&format!("{style}{}{style:#}", lines(text)));
    }

    /// Removes trailing whitespace.
    pub(crate) fn trim_end(mut self) -> Self {
        self.0.truncate(self.0.trim_end().len());
        self
    }

    /// Returns the text to write, escaped so that CI systems do not interpret any line as a
    /// command.
    pub(crate) fn to_print(&self) -> Cow<'_, str> {
        escape::without_commands(&self.0)
    }
}

fn no_json(error: serde_json::Error) -> Failure {
    Failure::new(format!("cannot write JSON: {error}"), "")
}

impl fmt::Write for Text {
    /// Escapes the text.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(lines(text).into_owned())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

/// The maximum width of a terminal. Larger values of `COLUMNS` would overflow in a renderer.
const WIDEST: usize = 10_000;

/// The destination of text, which determines its maximum width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output: results.
    Results,
    /// Standard error: notes, warnings, and errors.
    Notes,
}

impl Stream {
    /// Returns the maximum number of columns, from `COLUMNS` or the terminal. Returns `None` if
    /// `COLUMNS` is not set and there is no terminal, so that the reader of a pipe gets whole
    /// lines.
    pub(crate) fn width(self) -> Option<usize> {
        let columns = std::env::var("COLUMNS").ok();
        let columns = columns.and_then(|text| text.parse::<usize>().ok());
        if let Some(columns) = columns.filter(|columns| *columns > 0) {
            return Some(columns.min(WIDEST));
        }
        let terminal = match self {
            Self::Results => terminal_size::terminal_size_of(std::io::stdout()),
            Self::Notes => terminal_size::terminal_size_of(std::io::stderr()),
        };
        terminal.map(|(width, _)| usize::from(width.0))
    }
}

/// Sets the use of colors: `always`, `never`, or `auto`, which depends on the terminal and
/// `NO_COLOR`.
pub(crate) fn set_color(when: &str) {
    match when {
        "always" => anstream::ColorChoice::Always.write_global(),
        "never" => anstream::ColorChoice::Never.write_global(),
        _ => anstream::ColorChoice::Auto.write_global(),
    }
}

/// Returns whether text on standard error has colors.
pub(crate) fn colors() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Prints a result. A closed pipe is not an error.
///
/// # Errors
/// Returns an error if standard output cannot be written to.
pub(crate) fn print(text: impl Into<Text>) -> Result<(), Failure> {
    let text = text.into();
    let written = above_live_lines(|| {
        let mut out = anstream::stdout().lock();
        out.write_all(text.to_print().as_bytes())
            .and_then(|()| out.flush())
    });
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(
            format!("cannot write to standard output: {error}"),
            "",
        )),
        _ => Ok(()),
    }
}

/// Prints a result that consists of prose and tables, wrapped to the width of the terminal.
///
/// # Errors
/// Returns an error if standard output cannot be written to.
pub(crate) fn print_wrapped(text: impl Into<Text>) -> Result<(), Failure> {
    print(text.into().fitted(Stream::Results))
}

/// Prints a line to standard error, even with `--quiet`.
pub(crate) fn error(text: impl Into<Text>) {
    let text = text.into();
    above_live_lines(|| {
        // If standard error cannot be written to, there is no way to report that.
        let _ = writeln!(anstream::stderr().lock(), "{}", text.to_print());
    });
}

/// Prints a note to standard error, except with `--quiet`.
pub(crate) fn note(global: &Global, text: impl Into<Text>) {
    if !global.quiet {
        error(text.into().fitted(Stream::Notes));
    }
}

/// Writes above the lines that are updated in place, if there are any.
fn above_live_lines<R>(write: impl FnOnce() -> R) -> R {
    #[cfg(feature = "deploy")]
    return super::aws::live::above(write);
    #[cfg(not(feature = "deploy"))]
    write()
}

/// Prints a question to standard error. The user answers on the same line.
pub(crate) fn ask(question: &str) {
    let mut out = anstream::stderr().lock();
    let question = Text::from(question);
    let _ = write!(out, "{}", question.to_print()).and_then(|()| out.flush());
}

/// Returns a table for standard output with aligned columns. The columns in `right` are
/// right-aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    table_for(Stream::Results, header, rows, right)
}

/// Returns a table for the given stream.
pub(crate) fn table_for(
    stream: Stream,
    header: &[&str],
    rows: &[Vec<String>],
    right: &[usize],
) -> String {
    // Escape line breaks, so that each cell is one line before wrapping.
    let row = |row: &Vec<String>| row.iter().map(|cell| shown(cell).into_owned()).collect();
    let escaped: Vec<Vec<String>> = rows.iter().map(row).collect();
    layout(header, &escaped, right, stream.width())
}

/// Returns a table of a stack's outputs.
pub(crate) fn outputs(outputs: &std::collections::BTreeMap<String, String>) -> String {
    let row = |(name, value): (&String, &String)| vec![format!("  {name}"), value.clone()];
    let rows: Vec<Vec<String>> = outputs.iter().map(row).collect();
    table(&["  output", "value"], &rows, &[])
}

/// Returns a line, with hidden characters and line breaks escaped.
pub(crate) fn line(text: &str) -> String {
    format!("{}\n", shown(text))
}

/// Returns a path on one line.
pub(crate) fn path(path: &std::path::Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// Returns a number with its noun: `1 call`, `1,200 calls`.
pub(crate) fn plural(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(count))
}

/// Returns a number with thousands separators.
pub(crate) fn thousands(number: usize) -> String {
    crate::aws::quotas::grouped(number as u64)
}
