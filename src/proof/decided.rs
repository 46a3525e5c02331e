//! A call, its verdict, and the statements that decide it.

use super::sides::Sets;
use super::world::Missing;
use crate::policy::document::Effect;
use crate::policy::evaluation::{Decision, Layer, Reason};
use crate::run::landscape::PolicyId;
use crate::run::{Call, Doubt, Place, Rejection};

/// Whether a call is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub enum Verdict {
    /// Allowed, regardless of what is unknown.
    Allowed,
    /// Denied, regardless of what is unknown.
    Denied,
    /// Denied. AWS documents the call, but there is no evidence that an execution needs it.
    NotGranted,
    /// The verdict depends on an unknown: a policy that was not provided, a value that cannot be
    /// resolved, or a context key without a known value.
    Unproven,
}

impl Verdict {
    /// Returns the more severe of two verdicts.
    pub(crate) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Denied, _) | (_, Self::Denied) => Self::Denied,
            (Self::Unproven, _) | (_, Self::Unproven) => Self::Unproven,
            (Self::NotGranted, _) | (_, Self::NotGranted) => Self::NotGranted,
            (Self::Allowed, Self::Allowed) => Self::Allowed,
        }
    }
}

/// A deciding statement and its location.
#[derive(Debug, Clone, PartialEq)]
pub struct Decisive {
    /// Its layer.
    pub layer: Layer,
    /// Its location.
    pub place: Place,
    /// The template resource that contains it.
    pub resource: String,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Its `Effect`.
    pub effect: Effect,
    /// Whether it is uncertain that the statement applies, because an input is unknown.
    pub is_open: bool,
    /// Whether the statement comes from the user's files. Otherwise, it is an assumption of the
    /// proof, such as a statement in an attacker's policy.
    pub given: bool,
    /// Its policy, and its index in the policy.
    pub(super) statement: (PolicyId, usize),
}

/// A call and its verdict.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The call.
    pub call: Call,
    /// The verdict.
    pub verdict: Verdict,
    /// The decision based on the known policies, and its reason.
    pub reason: Reason,
    /// The deciding statements.
    pub decisive: Vec<Decisive>,
    /// The number of instances of its target with the same result.
    pub instances: usize,
    /// The policies that were not provided.
    pub missing: Vec<Missing>,
    /// Unknowns that may affect the call: statements that cannot be resolved, or that depend on
    /// context keys without known values.
    pub doubts: Vec<Doubt>,
    /// The resource's policy, if it has one: its location, and the resource that it belongs to.
    pub resource_policy: Option<(Place, String)>,
    pub(super) sets: Sets,
}

impl Decided {
    /// Returns why AWS rejects the call even though no policy denies it.
    pub(crate) fn rejection(&self) -> Option<&Rejection> {
        let is_denied = self.reason.decision == Decision::ExplicitlyDenied;
        self.call.rejection().filter(|_| !is_denied)
    }
}
