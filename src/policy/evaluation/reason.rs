//! The reason for a decision: the result of each layer, and the statements that decided it or
//! nearly applied.

use super::principal::Grant;
use crate::diagnostic::Span;
use crate::policy::document::Effect;
use schemars::JsonSchema;
use serde::Serialize;

/// AWS's decision. Follows *Policy evaluation logic*, section *The difference between explicit and
/// implicit denies*, in the AWS documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Decision {
    /// The request is allowed.
    Allowed,
    /// No statement denies the request, but a required layer does not allow it.
    ImplicitlyDenied,
    /// A statement denies the request.
    ExplicitlyDenied,
}

/// The reason for a decision.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Decision.
    pub decision: Decision,
    /// The reason, in one sentence.
    pub because: String,
    /// The layers that must allow the request but do not. Empty if the request is allowed or
    /// explicitly denied, or if no policy can allow it.
    pub missing: Vec<Layer>,
    /// The level of the service control policies that does not allow the request, if that is the
    /// reason.
    #[serde(skip)]
    pub silent_level: Option<usize>,
    /// The result of each layer, in the order in which AWS evaluates them.
    pub layers: Vec<LayerReport>,
}

/// A kind of policy that applies to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
    /// The session policy.
    SessionPolicy,
}

/// The result of a layer, or of one of its levels.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// Kind of policy.
    pub layer: Layer,
    /// Level, from the organization's root (0) to the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// Result.
    pub outcome: Outcome,
    /// Why the layer does not apply, or why it allows the request without a statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The statements that apply or nearly apply.
    pub statements: Vec<StatementReport>,
}

/// The result of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A statement allows the request, and no statement denies it.
    Allows,
    /// A statement denies the request.
    Denies,
    /// The result depends on an unknown input.
    Unknown,
    /// No statement applies.
    Silent,
    /// The layer does not apply to the request.
    NotApplicable,
}

/// The result of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatementReport {
    /// Index of the policy in its layer or level.
    pub policy: usize,
    /// Index of the statement in the policy.
    pub statement: usize,
    /// `Sid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// Result.
    pub verdict: Verdict,
    /// How directly a resource's policy names the principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// Position in the document.
    pub span: Span,
    /// Elements that do not match the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failure>,
}

/// The result of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It allows the request.
    Allowed,
    /// It denies the request.
    Denied,
    /// It does not apply, but it names the same action or differs only in the action.
    NearMiss,
}

/// An element of a statement that does not match the request.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
        /// Operator, as written.
        operator: String,
        /// Key, as written.
        key: String,
        /// Values, as written.
        wanted: Vec<String>,
        /// Values of the request; null if they are missing or unknown.
        actual: Option<Vec<String>>,
        /// False if the request's values are unknown; otherwise omitted.
        #[serde(rename = "known", skip_serializing_if = "is_true")]
        is_known: bool,
        /// Position in the document.
        span: Span,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires this signature"
)]
fn is_true(value: &bool) -> bool {
    *value
}

/// The values of an element, and the value of the request.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Mismatch {
    /// Whether the element is a `Not…` element.
    pub negated: bool,
    /// Values of the element, as written.
    pub wanted: Vec<String>,
    /// Value of the request.
    pub actual: String,
    /// Position in the document.
    pub span: Span,
}
