//! A document's text, and places in it.

use super::Kind;
use crate::escape::shown;

/// A range of bytes in a document's text.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    schemars::JsonSchema,
)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A place in a document's text, as editors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A document: its name, as errors show it, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    kind: Option<Kind>,
}

impl Source {
    /// A document called `name` (usually its path). The name is escaped, since it is only shown.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name: shown(&name.into()).into_owned(),
            text,
            line_starts,
            kind: None,
        }
    }

    /// The same document, of which errors quote nothing unless it is of this kind.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The kind that the document should be and is not.
    pub fn misses_kind(&self) -> Option<Kind> {
        self.kind.filter(|kind| !kind.fits(self))
    }

    /// The name that errors show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of a byte; past the end, those of the end.
    pub fn position(&self, byte: usize) -> Position {
        let (line, offset) = self.place(byte);
        let start = self.line_starts[line - 1];
        Position {
            line,
            column: self.text[start..start + offset].chars().count() + 1,
        }
    }

    /// The line of a byte, from 1, and its offset in the line in bytes. Within a character, those
    /// of the character; past the end, those of the end.
    pub fn place(&self, byte: usize) -> (usize, usize) {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let line = self.line_starts.partition_point(|start| *start <= byte);
        (line, byte - self.line_starts[line - 1])
    }

    /// The text of a line (from 1), without its line break; empty where there is none.
    pub fn line(&self, line: usize) -> &str {
        let Some(start) = line.checked_sub(1).and_then(|at| self.line_starts.get(at)) else {
            return "";
        };
        let end = self
            .line_starts
            .get(line)
            .map_or(self.text.len(), |next| next - 1);
        self.text[*start..end].trim_end_matches('\r')
    }
}
