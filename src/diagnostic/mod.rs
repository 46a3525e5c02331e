//! YAML and JSON documents with positions: what every error points at.
//!
//! Here live the text of a document ([`Source`]), byte ranges in it ([`Span`]), its tree
//! ([`Node`]) and the one kind of thing that there is to say about a place in it
//! ([`Problem`]). What a document means (a configuration, a template, a policy) does not.

mod kind;
mod node;
mod read;
mod source;

pub use kind::Kind;
pub use node::{Entry, Node, Value};
pub use read::read;
pub use source::{Position, Source, Span};

/// Whether a text is short enough to be compared with names that it may be a misspelling of. The
/// comparison takes time and memory by the lengths of both.
pub fn may_be_name(text: &str) -> bool {
    text.len() <= 256
}

/// One thing that is wrong with a document: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The offending bytes of the document.
    pub span: Span,
    /// What is wrong: lowercase, one line.
    pub message: String,
    /// What stands at the place, said beside the underlined text; may be empty.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at `span`, without label or help.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            label: String::new(),
            help: None,
        }
    }

    /// Says beside the underlined text what stands there.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
