//! The elements `Resource` and `NotResource`.

use super::Pattern;
use crate::syntax::{Problem, Span};

/// `Resource` or `NotResource`.
///
/// Follows the AWS documents *IAM JSON policy elements: Resource* and *NotResource*.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// `NotResource`.
    pub negated: bool,
    /// What is listed; never empty.
    pub patterns: Vec<ResourcePattern>,
    /// Where the list stands.
    pub span: Span,
}

/// One resource of a policy: an ARN with wildcards and variables, or `*`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePattern {
    /// As it is written.
    pub text: String,
    /// Where it stands.
    pub span: Span,
    pub(crate) pattern: Pattern,
}

impl ResourcePattern {
    /// Reads a resource; variables count only with `variables`.
    ///
    /// # Errors
    /// A text that is neither an ARN nor `*`. An ARN may have fewer than six parts only where
    /// its last one ends in `*`, which then stands for the rest.
    pub fn parse(text: &str, variables: bool, span: Span) -> Result<Self, Problem> {
        if let Some(message) = fault(text) {
            return Err(Problem::new(span, message)
                .label("not an ARN")
                .help("write `arn:partition:service:region:account:resource`, or `*`"));
        }
        Ok(Self {
            text: text.to_owned(),
            span,
            pattern: Pattern::resource(text, variables),
        })
    }
}

fn fault(text: &str) -> Option<String> {
    if text == "*" {
        return None;
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    if parts[0] != "arn" {
        return Some(format!("the resource `{text}` is no ARN"));
    }
    if parts.len() < 6 && !(parts.len() > 3 && text.ends_with('*')) {
        return Some(format!(
            "the resource `{text}` has {} of an ARN's six parts",
            parts.len()
        ));
    }
    if parts[1].is_empty() {
        return Some(format!("the ARN `{text}` has no partition"));
    }
    if parts[2].is_empty() || parts[2].contains(['*', '?', '$']) {
        return Some(format!(
            "the service of the ARN `{text}` must be named in full"
        ));
    }
    if parts.len() == 6 && parts[5].is_empty() {
        return Some(format!("the ARN `{text}` names no resource"));
    }
    let account = parts.get(4).copied().unwrap_or_default();
    let digits = account.bytes().all(|byte| byte.is_ascii_digit());
    if !account.is_empty() && digits && account.len() != 12 {
        return Some(format!(
            "the account `{account}` of the ARN `{text}` has not twelve digits"
        ));
    }
    None
}
