//! The reason of a decision: what each layer said, which statements made it say so, and which
//! came near.

use super::principal::Grant;
use crate::diagnostic::Span;
use crate::policy::document::Effect;
use serde::Serialize;

/// What AWS decides.
///
/// Follows the AWS document *Policy evaluation logic*, section *The difference between explicit
/// and implicit denies*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Decision {
    /// The request is allowed.
    Allowed,
    /// No statement denies it, but what is needed does not allow it.
    ImplicitlyDenied,
    /// A statement denies it.
    ExplicitlyDenied,
}

/// Why a request is decided as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The decision.
    pub decision: Decision,
    /// One sentence on why.
    pub because: String,
    /// The layers that would have to allow the request, too, or instead, for it to be allowed;
    /// none where it is allowed or explicitly denied.
    pub missing: Vec<Layer>,
    /// The level of the service control policies that does not allow it, if that is why.
    #[serde(skip)]
    pub silent_level: Option<usize>,
    /// Every layer and level that there is, in the order in which AWS asks them.
    pub layers: Vec<LayerReport>,
}

/// A kind of policies that apply to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Layer {
    /// Service control policies.
    Scps,
    /// Resource control policies.
    Rcps,
    /// The resource's policy.
    ResourcePolicy,
    /// The identity's policies.
    IdentityPolicies,
    /// The permissions boundary.
    PermissionBoundary,
    /// The session's policy.
    SessionPolicy,
}

/// What a layer, or a level of it, says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// The layer.
    pub layer: Layer,
    /// Its level, from the organization's root (0) to the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// What it says.
    pub outcome: Outcome,
    /// Why it does not apply, or why it allows without a statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The statements that apply, and those that nearly do.
    pub statements: Vec<StatementReport>,
}

/// What a layer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A statement allows, and none denies.
    Allows,
    /// A statement denies.
    Denies,
    /// That depends on what is not known.
    Unknown,
    /// No statement applies.
    Silent,
    /// The layer does not apply to the request.
    NotApplicable,
}

/// What came of a statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementReport {
    /// Which policy of the layer or level, from 0.
    pub policy: usize,
    /// Which statement of the policy, from 0.
    pub statement: usize,
    /// Its `Sid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Its `Effect`.
    pub effect: Effect,
    /// What came of it.
    pub verdict: Verdict,
    /// How directly a resource's policy names the principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// Where it stands in its document.
    pub span: Span,
    /// Why it does not apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failure>,
}

/// What came of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It allows the request.
    Allowed,
    /// It denies the request.
    Denied,
    /// It does not apply, but is about the same action, or would allow but for the action.
    NearMiss,
}

/// An element of a statement that is not about the request.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "element", rename_all = "camelCase")]
pub enum Failure {
    /// `Action` or `NotAction`.
    Action(Mismatch),
    /// `Principal` or `NotPrincipal`.
    Principal(Mismatch),
    /// `Resource` or `NotResource`.
    Resource(Mismatch),
    /// A condition.
    #[serde(rename_all = "camelCase")]
    Condition {
        /// The operator, as it is written.
        operator: String,
        /// The key, as it is written.
        key: String,
        /// The values, as they are written.
        wanted: Vec<String>,
        /// The request's values; `None` where it has none, or where they are not known.
        actual: Option<Vec<String>>,
        /// Whether it is known what the request has.
        #[serde(rename = "known", skip_serializing_if = "is_true")]
        is_known: bool,
        /// Where the condition stands in its document.
        span: Span,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_true(value: &bool) -> bool {
    *value
}

/// What an element lists, and what the request has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    /// Whether the element is the `Not…` one.
    pub negated: bool,
    /// What it lists, as it is written.
    pub wanted: Vec<String>,
    /// What the request has.
    pub actual: String,
    /// Where the element stands in its document.
    pub span: Span,
}
