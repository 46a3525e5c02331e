//! YAML and JSON documents with positions: what every error points at.
//!
//! Here live the text of a document ([`Source`]), byte ranges in it ([`Span`]), its tree
//! ([`Node`]) and the one kind of thing that there is to say about a place in it
//! ([`Diagnostic`]). What a document means (a configuration, a template, a policy) does not.

mod kind;
mod node;
mod read;
mod source;
mod syntax;

pub use kind::Kind;
pub use node::{Entry, Node, Value};
pub use read::{RepeatedKey, read, read_last_values};
pub use source::{Position, Source, Span};

use serde::Serialize;

/// Whether a text is short enough to be compared with names that it may be a misspelling of. The
/// comparison takes time and memory by the lengths of both.
pub fn may_be_name(text: &str) -> bool {
    text.len() <= 256
}

/// Severity of a finding.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It must be fixed.
    Error,
    /// It works, but should be better.
    Warning,
    /// It is worth knowing.
    Note,
}

impl Severity {
    /// Returns the name: `error`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing to say about a place in a document: an error in a configuration or a policy, or a
/// finding of the lint or the proof in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong: lowercase, one line.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The place in the text.
    pub span: Span,
    /// The words beside the underlined text; may be empty.
    pub label: String,
    origin: Option<Box<Origin>>,
}

/// The rule that a finding is from, and its place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    code: String,
    resource: Option<String>,
    path: String,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            help: None,
            span,
            label: String::new(),
            origin: None,
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

    /// Makes it a finding of a rule, about a resource of a template or a path in it.
    #[must_use]
    pub(crate) fn of_rule(
        mut self,
        (code, severity): (&str, Severity),
        resource: Option<&str>,
        path: impl Into<String>,
    ) -> Self {
        self.severity = severity;
        self.label = resource.unwrap_or_default().to_owned();
        self.origin = Some(Box::new(Origin {
            code: code.to_owned(),
            resource: resource.map(str::to_owned),
            path: path.into(),
        }));
        self
    }

    /// The rule that found it, such as `S3_BUCKET_VERSIONED`; empty if no rule did.
    pub fn code(&self) -> &str {
        self.origin.as_ref().map_or("", |origin| &origin.code)
    }

    /// The logical ID of the resource that a finding is about.
    pub fn resource(&self) -> Option<&str> {
        self.origin.as_ref()?.resource.as_deref()
    }

    /// The place of a finding in its template, such as
    /// `Resources.Key.Properties.EnableKeyRotation`; empty for the whole template.
    pub fn path(&self) -> &str {
        self.origin.as_ref().map_or("", |origin| &origin.path)
    }
}
