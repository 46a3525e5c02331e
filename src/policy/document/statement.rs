//! One statement of a policy.

use super::{Actions, Condition, PrincipalElement, Resources};
use crate::diagnostic::Span;

/// A statement.
///
/// Follows *IAM JSON policy elements: Statement* in the AWS documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// `Sid`, as written.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`.
    pub principal: Option<PrincipalElement>,
    /// `Action` or `NotAction`.
    pub actions: Actions,
    /// `Resource` or `NotResource`. A trust policy has neither.
    pub resources: Option<Resources>,
    /// `Condition`. All conditions must hold.
    pub conditions: Vec<Condition>,
    /// Its span.
    pub span: Span,
}

/// The effect of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`.
    Deny,
}
