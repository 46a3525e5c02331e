//! The text of a document, and positions in it.

use super::Kind;
use crate::escape::shown;

/// A range of bytes in the text of a document.
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

/// A position in the text of a document, as shown in editors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A document: its name for errors, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    kind: Option<Kind>,
}

impl Source {
    /// Creates a document called `name` (usually its path). The name is escaped for display.
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

    /// Sets the expected kind. Errors quote the document only if it is of this kind.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Returns the expected kind if the document is not of this kind.
    pub fn misses_kind(&self) -> Option<Kind> {
        self.kind.filter(|kind| !kind.fits(self))
    }

    /// Returns the name for errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line and column of a byte offset. An offset past the end counts as the end of
    /// the text.
    pub fn position(&self, byte: usize) -> Position {
        let (line, offset) = self.place(byte);
        let start = self.line_starts[line - 1];
        Position {
            line,
            column: self.text[start..start + offset].chars().count() + 1,
        }
    }

    /// Returns the line of a byte offset, from 1, and the byte offset in the line. An offset within
    /// a character counts as the start of the character. An offset past the end counts as the end
    /// of the text.
    pub fn place(&self, byte: usize) -> (usize, usize) {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let line = self.line_starts.partition_point(|start| *start <= byte);
        (line, byte - self.line_starts[line - 1])
    }

    /// Returns the text of a line (from 1), without its line break; empty if the line does not
    /// exist.
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
