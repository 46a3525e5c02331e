//! The elements `Resource` and `NotResource`.

use super::{Pattern, PolicyKind};
use crate::diagnostic::{Diagnostic, Span};

/// `Resource` or `NotResource`.
///
/// Follows *IAM JSON policy elements: Resource* and *NotResource* in the AWS documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// `NotResource`.
    pub negated: bool,
    /// The resources; never empty.
    pub patterns: Vec<ResourcePattern>,
    /// The span of the list.
    pub span: Span,
}

/// One resource in a policy: an ARN with wildcards and variables, or `*`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePattern {
    /// The resource as written.
    pub text: String,
    /// Its span.
    pub span: Span,
    pub(crate) pattern: Pattern,
}

impl ResourcePattern {
    /// Reads a resource in a policy of this kind. Variables are recognized only with `variables`.
    ///
    /// An ARN with fewer than six parts is completed with wildcards if AWS does so. Its last part
    /// can be empty.
    ///
    /// # Errors
    /// Returns an error if the text is neither an ARN nor `*`, or if it is an incomplete ARN that
    /// AWS rejects in this kind of policy.
    pub fn parse(
        text: &str,
        kind: PolicyKind,
        variables: bool,
        span: Span,
    ) -> Result<Self, Diagnostic> {
        let problem = |message: String| Diagnostic::new(span, message).label("not an ARN");
        if let Some(message) = fault(text) {
            return Err(problem(message)
                .help("write `arn:partition:service:region:account:resource`, or `*`"));
        }
        let parts = text.splitn(PARTS, ':').count();
        let missing = if text == "*" { 0 } else { PARTS - parts };
        let completed = match incomplete(kind, text) {
            _ if missing == 0 => None,
            Incomplete::Completed => Some(format!("{text}{}", ":*".repeat(missing))),
            Incomplete::MatchesNothing => None,
            Incomplete::Rejected => {
                let message = format!(
                    "the resource `{text}` has {parts} of the six parts of an ARN, which AWS \
                     rejects in {}",
                    kind.name()
                );
                let help = format!("write it in full: `{text}{}`", ":*".repeat(missing));
                return Err(problem(message).help(help));
            }
        };
        Ok(Self {
            text: text.to_owned(),
            span,
            pattern: Pattern::resource(completed.as_deref().unwrap_or(text), variables),
        })
    }
}

/// The number of parts in an ARN, including `arn`.
const PARTS: usize = 6;

/// How AWS handles an ARN with fewer than six parts.
enum Incomplete {
    /// The missing parts are wildcards.
    Completed,
    /// AWS accepts the policy, but the ARN matches no resource.
    MatchesNothing,
    /// AWS rejects the policy.
    Rejected,
}

/// Follows *Identify AWS resources with Amazon Resource Names (ARNs)* in the AWS documentation: AWS
/// completes an incomplete ARN in an identity-based policy and rejects it in a session policy. That
/// page does not cover other policies. For these, the behavior follows observations in the tests of
/// cloud-copilot/iam-simulate.
fn incomplete(kind: PolicyKind, text: &str) -> Incomplete {
    match kind {
        PolicyKind::Identity => Incomplete::Completed,
        PolicyKind::Session | PolicyKind::ResourceControl => Incomplete::Rejected,
        PolicyKind::ServiceControl if text.ends_with('*') => Incomplete::Completed,
        PolicyKind::ServiceControl => Incomplete::Rejected,
        PolicyKind::Resource | PolicyKind::Key | PolicyKind::Trust if text.contains('*') => {
            Incomplete::Completed
        }
        PolicyKind::Resource | PolicyKind::Key | PolicyKind::Trust => Incomplete::MatchesNothing,
    }
}

fn fault(text: &str) -> Option<String> {
    if text == "*" {
        return None;
    }
    let parts: Vec<&str> = text.splitn(PARTS, ':').collect();
    if parts[0] != "arn" {
        return Some(format!("the resource `{text}` is not a valid ARN"));
    }
    if parts.len() < 3 {
        return Some(format!("the ARN `{text}` has no service"));
    }
    if parts[1].is_empty() {
        return Some(format!("the ARN `{text}` has no partition"));
    }
    if parts[2].is_empty() || parts[2].contains(['*', '?', '$']) {
        return Some(format!(
            "the service in the ARN `{text}` must be written in full"
        ));
    }
    let account = parts.get(4).copied().unwrap_or_default();
    let digits = account.bytes().all(|byte| byte.is_ascii_digit());
    if !account.is_empty() && digits && account.len() != 12 {
        return Some(format!(
            "the account `{account}` in the ARN `{text}` must have 12 digits"
        ));
    }
    None
}
