//! YAML and JSON documents with positions for errors.
//!
//! This module defines the text of a document ([`Source`]), byte ranges in it ([`Span`]), its tree
//! ([`Node`]), and messages about positions in it ([`Diagnostic`]). It does not interpret documents
//! as configurations, templates, or policies.

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

/// Returns whether a string is short enough to search for similar names. The time and memory that a
/// comparison requires depend on the lengths of both strings.
pub fn may_be_name(text: &str) -> bool {
    text.len() <= 256
}

/// Severity of a finding.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A problem that must be fixed.
    Error,
    /// A problem that should be fixed.
    Warning,
    /// Additional information.
    Note,
}

impl Severity {
    /// Returns the name, such as `error`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A message about a position in a document: an error in a configuration or a policy, or a lint or
/// proof finding in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Severity of the problem.
    pub severity: Severity,
    /// Description of the problem: lowercase, one line.
    pub message: String,
    /// Suggested fix.
    pub help: Option<String>,
    /// Position in the text.
    pub span: Span,
    /// Label of the underlined text; can be empty.
    pub label: String,
    origin: Option<Box<Origin>>,
}

/// The rule of a finding, and the location in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    code: String,
    resource: Option<String>,
    path: String,
}

impl Diagnostic {
    /// Creates an error at `span`.
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

    /// Sets the label of the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets the suggested fix.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Turns the diagnostic into a finding of a rule about a resource or a path in a template.
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

    /// Returns the rule of the finding, such as `S3_BUCKET_VERSIONED`; empty if it has no rule.
    pub fn code(&self) -> &str {
        self.origin.as_ref().map_or("", |origin| &origin.code)
    }

    /// Returns the logical ID of the finding's resource, if the finding has one.
    pub fn resource(&self) -> Option<&str> {
        self.origin.as_ref()?.resource.as_deref()
    }

    /// Returns the path of the finding in the template, such as
    /// `Resources.Key.Properties.EnableKeyRotation`; empty for the whole template.
    pub fn path(&self) -> &str {
        self.origin.as_ref().map_or("", |origin| &origin.path)
    }
}
