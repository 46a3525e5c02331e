//! The elements `Action` and `NotAction`.

use super::pattern::{Pattern, glob};
use crate::diagnostic::{Diagnostic, Span};

/// `Action` or `NotAction`.
///
/// Follows the AWS documents *IAM JSON policy elements: Action* and *NotAction*.
#[derive(Debug, Clone, PartialEq)]
pub struct Actions {
    /// `NotAction`.
    pub negated: bool,
    /// What is listed; never empty.
    pub patterns: Vec<ActionPattern>,
    /// Where the list stands.
    pub span: Span,
}

impl Actions {
    /// Whether the element is about an action, which is in lower case.
    pub(crate) fn cover(&self, action: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.covers(action)) != self.negated
    }
}

/// One action of a policy: `s3:GetObject`, `s3:Get*`, `*`.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionPattern {
    /// As it is written.
    pub text: String,
    /// Where it stands.
    pub span: Span,
    /// In lower case, since action names ignore case.
    pub(crate) pattern: Pattern,
}

impl ActionPattern {
    /// Reads an action.
    ///
    /// # Errors
    /// A text that is not a service's namespace, a colon and an action's name, with wildcards in
    /// the name only.
    pub fn parse(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let problem = |message: String| Diagnostic::new(span, message).label("not an action");
        if text != "*" && text != "*:*" {
            let Some((service, name)) = text.split_once(':') else {
                return Err(problem(format!("the action `{text}` names no service"))
                    .help("write `service:Name`, for example `s3:GetObject`, or `*`"));
            };
            if service.is_empty()
                || !service
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            {
                return Err(problem(format!(
                    "the service `{service}` of the action `{text}` is no service's namespace"
                ))
                .help("a service's namespace has letters, digits and hyphens, and no wildcards"));
            }
            let in_name = |b: u8| b.is_ascii_alphanumeric() || b"*?-_.".contains(&b);
            if name.is_empty() || !name.bytes().all(in_name) {
                return Err(problem(format!("the action `{text}` has no valid name"))
                    .help("write `service:Name`, with `*` and `?` as wildcards in the name"));
            }
        }
        Ok(Self {
            text: text.to_owned(),
            span,
            pattern: Pattern::wild(&text.to_ascii_lowercase(), false),
        })
    }

    /// Whether it covers an action, which is in lower case.
    pub(crate) fn covers(&self, action: &str) -> bool {
        matches!(self.text.as_str(), "*" | "*:*") || glob(self.pattern.tokens(), action)
    }

    /// The service's namespace in lower case; `*` for every service.
    pub fn service(&self) -> &str {
        self.pattern
            .text()
            .split_once(':')
            .map_or("*", |(service, _)| service)
    }
}
