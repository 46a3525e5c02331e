//! The elements `Action` and `NotAction`.

use super::pattern::{Pattern, glob};
use crate::diagnostic::{Diagnostic, Span};

/// `Action` or `NotAction`.
///
/// Follows *IAM JSON policy elements: Action* and *NotAction* in the AWS documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Actions {
    /// `NotAction`.
    pub negated: bool,
    /// The actions; never empty.
    pub patterns: Vec<ActionPattern>,
    /// The span of the list.
    pub span: Span,
}

impl Actions {
    /// Returns whether the element covers an action, which is in lowercase.
    pub(crate) fn cover(&self, action: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.covers(action)) != self.negated
    }
}

/// One action in a policy, such as `s3:GetObject`, `s3:Get*`, or `*`.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionPattern {
    /// The action as written.
    pub text: String,
    /// Its span.
    pub span: Span,
    /// In lowercase, because action names are case-insensitive.
    pub(crate) pattern: Pattern,
}

impl ActionPattern {
    /// Reads an action.
    ///
    /// # Errors
    /// Returns an error if the text is not a service prefix, a colon, and an action name. Only the
    /// name can contain wildcards.
    pub fn parse(text: &str, span: Span) -> Result<Self, Diagnostic> {
        let problem = |message: String| Diagnostic::new(span, message).label("not an action");
        if text != "*" && text != "*:*" {
            let Some((service, name)) = text.split_once(':') else {
                return Err(
                    problem(format!("the action `{text}` has no service prefix"))
                        .help("write `service:Name`, for example `s3:GetObject`, or `*`"),
                );
            };
            if service.is_empty()
                || !service
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            {
                return Err(problem(format!(
                    "the service prefix `{service}` of the action `{text}` is not valid"
                ))
                .help(
                    "write a service prefix of letters, digits, and hyphens, without wildcards",
                ));
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

    /// Returns whether the entry covers an action, which is in lowercase.
    pub(crate) fn covers(&self, action: &str) -> bool {
        matches!(self.text.as_str(), "*" | "*:*") || glob(self.pattern.tokens(), action)
    }

    /// Returns the service prefix in lowercase, or `*` for every service.
    pub fn service(&self) -> &str {
        self.pattern
            .text()
            .split_once(':')
            .map_or("*", |(service, _)| service)
    }
}
