//! What is printed, and where: results to standard output, the rest to standard error.
//!
//! Everything that is printed is a [`Text`], which escapes what comes from outside: so a control
//! sequence in a stack's output or a file's name reaches no terminal and no log.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use crate::escape::{self, lines, shown};
#[cfg(feature = "deploy")]
use anstyle::Style;
use serde::Serialize;

use super::table::layout;
use super::{Failure, Global};

/// Text that is safe to print: hidden characters are escaped, and the only control sequences are
/// the colors that this program adds. It has no `Display`, so that styled text is never mixed
/// with text from outside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Empty text.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The output of a renderer that was given escaped text and adds colors.
    pub(crate) fn rendered(styled: String) -> Self {
        Self(styled)
    }

    /// A JSON document. It is escaped as JSON, so that it keeps its meaning.
    pub(crate) fn json(document: &str) -> Self {
        Self(escape::json(document).into_owned())
    }

    /// A document as indented JSON.
    ///
    /// # Errors
    /// Its type cannot be written as JSON.
    pub(crate) fn document(document: &impl Serialize) -> Result<Self, Failure> {
        let text = serde_json::to_string_pretty(document).map_err(no_json)?;
        Ok(Self::json(&(text + "\n")))
    }

    /// Documents as JSON, one on each line.
    ///
    /// # Errors
    /// Their type cannot be written as JSON.
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

    /// A JSON value, indented.
    pub(crate) fn json_value(value: &serde_json::Value) -> Self {
        Self::json(&format!("{value:#}\n"))
    }

    /// An XML document. It is escaped as XML.
    pub(crate) fn xml(document: &str) -> Self {
        Self(escape::xml(document).into_owned())
    }

    /// A text of this program without anything from outside, such as a shell's completion script.
    pub(crate) fn own(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Adds text of one or several lines.
    pub(crate) fn push_str(&mut self, text: &str) {
        self.0.push_str(&lines(text));
    }

    /// Adds a line: every hidden character is escaped, and line breaks, too.
    pub(crate) fn line(&mut self, text: impl fmt::Display) {
        self.0.push_str(&line(&text.to_string()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds text that is escaped already.
    pub(crate) fn append(&mut self, text: &Self) {
        self.0.push_str(&text.0);
    }

    /// Adds text in a style.
    #[cfg(feature = "deploy")]
    pub(crate) fn styled(&mut self, style: Style, text: &str) {
        self.0.push_str(&format!("{style}{}{style:#}", lines(text)));
    }

    /// Without white space at the end.
    pub(crate) fn trim_end(mut self) -> Self {
        self.0.truncate(self.0.trim_end().len());
        self
    }

    /// The text, to be written as it is. No line of it is a command of a CI system.
    pub(crate) fn to_print(&self) -> Cow<'_, str> {
        escape::without_commands(&self.0)
    }
}

fn no_json(error: serde_json::Error) -> Failure {
    Failure::new(format!("cannot write JSON: {error}"), "")
}

impl fmt::Write for Text {
    /// Escapes what is written.
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

/// Where a text goes, which decides how wide it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output: results.
    Results,
    /// Standard error: what is said beside them.
    Notes,
}

impl Stream {
    /// How many columns a line may have: as many as the terminal or `COLUMNS` says. `None` without
    /// a terminal, so that what reads a pipe gets whole lines.
    pub(crate) fn width(self) -> Option<usize> {
        let columns = std::env::var("COLUMNS").ok();
        let columns = columns.and_then(|text| text.parse::<usize>().ok());
        if let Some(columns) = columns.filter(|columns| *columns > 0) {
            return Some(columns);
        }
        let terminal = match self {
            Self::Results => terminal_size::terminal_size_of(std::io::stdout()),
            Self::Notes => terminal_size::terminal_size_of(std::io::stderr()),
        };
        terminal.map(|(width, _)| usize::from(width.0))
    }
}

/// Colours: `always`, `never`, or as the terminal and NO_COLOR say.
pub(crate) fn set_color(when: &str) {
    match when {
        "always" => anstream::ColorChoice::Always.write_global(),
        "never" => anstream::ColorChoice::Never.write_global(),
        _ => anstream::ColorChoice::Auto.write_global(),
    }
}

/// Whether standard error is written in colours.
pub(crate) fn colors() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Prints a result. A reader that has gone away is no error.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print(text: impl Into<Text>) -> Result<(), Failure> {
    let text = text.into();
    let written = beside(|| {
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

/// Prints a line to standard error, whatever the user wants to see.
pub(crate) fn error(text: impl Into<Text>) {
    let text = text.into();
    beside(|| {
        // A standard error that cannot be written leaves no way to report it.
        let _ = writeln!(anstream::stderr().lock(), "{}", text.to_print());
    });
}

/// Prints something beside the result, unless the user wants quiet.
pub(crate) fn note(global: &Global, text: impl Into<Text>) {
    if !global.quiet {
        error(text);
    }
}

/// Writes beside the lines that change in place, when there are some.
fn beside<R>(write: impl FnOnce() -> R) -> R {
    #[cfg(feature = "deploy")]
    return super::aws::live::beside(write);
    #[cfg(not(feature = "deploy"))]
    write()
}

/// Asks a question on standard error; the answer follows on the same line.
pub(crate) fn ask(question: &str) {
    let mut out = anstream::stderr().lock();
    let question = Text::from(question);
    let _ = write!(out, "{}", question.to_print()).and_then(|()| out.flush());
}

/// A table without lines, for standard output: columns aligned, those of `right` to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    table_for(Stream::Results, header, rows, right)
}

/// The same for a stream.
pub(crate) fn table_for(
    stream: Stream,
    header: &[&str],
    rows: &[Vec<String>],
    right: &[usize],
) -> String {
    // A cell is one line before it is wrapped.
    let row = |row: &Vec<String>| row.iter().map(|cell| shown(cell).into_owned()).collect();
    let escaped: Vec<Vec<String>> = rows.iter().map(row).collect();
    layout(header, &escaped, right, stream.width())
}

/// A table of the outputs of a stack.
pub(crate) fn outputs(outputs: &std::collections::BTreeMap<String, String>) -> String {
    let row = |(name, value): (&String, &String)| vec![format!("  {name}"), value.clone()];
    let rows: Vec<Vec<String>> = outputs.iter().map(row).collect();
    table(&["  output", "value"], &rows, &[])
}

/// A line: every hidden character of the text is escaped, and its line breaks, too.
pub(crate) fn line(text: &str) -> String {
    format!("{}\n", shown(text))
}

/// A path on one line.
pub(crate) fn path(path: &std::path::Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// A number of things: `1 call`, `1,200 calls`.
pub(crate) fn plural(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(count))
}

/// A number with commas between its thousands.
pub(crate) fn thousands(number: usize) -> String {
    crate::aws::quotas::grouped(number as u64)
}
