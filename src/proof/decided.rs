//! A call with its verdict, and what decides it.

use super::sides::Sets;
use super::world::Missing;
use crate::policy::document::Effect;
use crate::policy::evaluation::{Decision, Layer, Reason};
use crate::run::landscape::PolicyId;
use crate::run::{Call, Doubt, Place, Rejection};

/// Whether a call is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub enum Verdict {
    /// Allowed, whatever is not known.
    Allowed,
    /// Denied, whatever is not known.
    Denied,
    /// Denied, but the call is only documented: nothing shows that a run needs it.
    NotGranted,
    /// The verdict depends on something unknown: a policy that is not given, a value that cannot be
    /// resolved, or a context key without a known value.
    Unproven,
}

impl Verdict {
    /// The graver of two.
    pub(crate) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Denied, _) | (_, Self::Denied) => Self::Denied,
            (Self::Unproven, _) | (_, Self::Unproven) => Self::Unproven,
            (Self::NotGranted, _) | (_, Self::NotGranted) => Self::NotGranted,
            (Self::Allowed, Self::Allowed) => Self::Allowed,
        }
    }
}

/// A statement that decides, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Decisive {
    /// Its side.
    pub layer: Layer,
    /// Where it stands.
    pub place: Place,
    /// The resource of the template that has it.
    pub resource: String,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Its `Effect`.
    pub effect: Effect,
    /// Whether it may or may not apply, since something is not known.
    pub is_open: bool,
    /// Whether the user's files hold it; otherwise the proof assumes it, as an attacker's own.
    pub given: bool,
    /// Its policy, and its number there.
    pub(super) statement: (PolicyId, usize),
}

/// A call with its verdict.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The call.
    pub call: Call,
    /// The verdict.
    pub verdict: Verdict,
    /// What the known policies decide, and why.
    pub reason: Reason,
    /// The statements that decide.
    pub decisive: Vec<Decisive>,
    /// The instances of its target that it stands for: those where all is alike.
    pub instances: usize,
    /// The policies that are not given.
    pub missing: Vec<Missing>,
    /// What cannot be known and might matter to it: statements that cannot be resolved, or depend on
    /// context keys whose values are not known.
    pub doubts: Vec<Doubt>,
    /// The resource's policy, where there is one: its place, and the resource that has it.
    pub resource_policy: Option<(Place, String)>,
    pub(super) sets: Sets,
}

impl Decided {
    /// Why AWS rejects the call though no policy denies it.
    pub(crate) fn rejection(&self) -> Option<&Rejection> {
        let is_denied = self.reason.decision == Decision::ExplicitlyDenied;
        self.call.rejection().filter(|_| !is_denied)
    }
}
