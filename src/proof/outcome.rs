//! The outcome of a proof. Every command takes its exit code, headline, and last line from here, so
//! they cannot contradict each other.

use super::decided::{Decided, Verdict};
use super::prove::{AttackResult, Proof};

/// The outcome of a proof, as counts. A call or attack counts once for each instance of its target
/// that it represents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The calls of an execution.
    pub calls: usize,
    /// The calls that are allowed.
    pub allowed: usize,
    /// The calls that are denied.
    pub denied: usize,
    /// The calls that depend on an unknown.
    pub unproven: usize,
    /// The denied calls that AWS documents but that no execution is known to need.
    pub not_granted: usize,
    /// The attacks.
    pub attacks: usize,
    /// The attacks that are denied.
    pub denied_attacks: usize,
    /// The attacks that are allowed but must be denied.
    pub allowed_attacks: usize,
    /// The attacks that are allowed because the configuration follows AWS's published procedure.
    pub over_granted_attacks: usize,
    /// The attacks that depend on an unknown.
    pub unproven_attacks: usize,
    /// The actions that do not exist.
    pub unknown_actions: usize,
    /// The conditions that end an execution early.
    pub obstacles: usize,
    /// The values that cannot be resolved.
    pub unresolved: usize,
    /// The statements with grants that no call needs and no documented reason explains.
    pub excess: usize,
    /// Why the proof is empty, if it is.
    pub empty: Option<Empty>,
}

/// Why a proof is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// The templates must contain a pipeline, but none could be read, so no execution was checked.
    NoPipeline,
    /// No call was checked.
    NoCall,
}

impl Empty {
    /// Returns the reason as a clause.
    pub(crate) fn because(self) -> &'static str {
        match self {
            Self::NoPipeline => {
                "no pipeline could be read from the templates, so nothing was checked"
            }
            Self::NoCall => "no calls can be derived from the templates, so nothing was checked",
        }
    }
}

/// The conclusion of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// A call is denied, an attack is allowed, an action does not exist, an execution ends early,
    /// or nothing was checked.
    Failed,
    /// Nothing failed, but some results depend on unknowns.
    Unproven,
    /// Everything is proven, but some statements grant more than the calls need.
    Excess,
    /// Everything is proven, and nothing else is granted.
    Proven,
}

impl Conclusion {
    /// Returns the start of the last line of a proof.
    pub fn words(self) -> &'static str {
        match self {
            Self::Failed => "Not proven",
            Self::Unproven => "Not fully proven",
            Self::Excess => "Proven, with excess permissions",
            Self::Proven => "Proven",
        }
    }
}

impl Outcome {
    /// Returns the conclusion.
    pub fn conclusion(&self) -> Conclusion {
        let failures = self.denied + self.allowed_attacks + self.unknown_actions + self.obstacles;
        if failures > 0 || self.empty.is_some() {
            Conclusion::Failed
        } else if self.unproven + self.unproven_attacks + self.unresolved > 0 {
            Conclusion::Unproven
        } else if self.excess > 0 {
            Conclusion::Excess
        } else {
            Conclusion::Proven
        }
    }

    /// Returns whether every call is proven to be allowed and every attack is proven to be denied.
    pub fn is_proven(&self) -> bool {
        matches!(self.conclusion(), Conclusion::Proven | Conclusion::Excess)
    }

    /// Returns whether a command must fail with exit code 1. With `strict`, it also fails for
    /// unproven results, unresolved values, and unexplained excess.
    pub fn fails(&self, strict: bool) -> bool {
        match self.conclusion() {
            Conclusion::Failed => true,
            Conclusion::Unproven | Conclusion::Excess => strict,
            Conclusion::Proven => false,
        }
    }
}

impl Proof {
    /// Returns the outcome of the proof.
    pub fn outcome(&self) -> Outcome {
        let calls = |verdict: Verdict| -> usize {
            let calls = self.calls.iter().map(|(decided, _)| decided);
            instances(calls.filter(|decided| decided.verdict == verdict))
        };
        let attacks = |result| -> usize {
            let attacks = self.attacks_that(result);
            attacks.map(|attack| attack.instances).sum()
        };
        Outcome {
            calls: instances(self.calls.iter().map(|(decided, _)| decided)),
            allowed: calls(Verdict::Allowed),
            denied: instances(self.denied().map(|(decided, _)| decided)),
            unproven: calls(Verdict::Unproven),
            not_granted: calls(Verdict::NotGranted),
            attacks: self.attacks.iter().map(|attack| attack.instances).sum(),
            denied_attacks: attacks(AttackResult::Denied),
            allowed_attacks: attacks(AttackResult::Allowed),
            over_granted_attacks: attacks(AttackResult::OverGranted),
            unproven_attacks: attacks(AttackResult::Unproven),
            unknown_actions: self.excess.unknown.len(),
            obstacles: self.obstacles.len(),
            unresolved: self.doubts.len(),
            excess: self.excess.unexplained().count(),
            empty: if self.expects_pipeline && self.pipelines.is_empty() {
                Some(Empty::NoPipeline)
            } else if self.calls.is_empty() {
                Some(Empty::NoCall)
            } else {
                None
            },
        }
    }

    /// Returns whether a command must fail with exit code 1. See [`Outcome::fails`].
    pub fn fails(&self, strict: bool) -> bool {
        self.outcome().fails(strict)
    }

    /// Returns whether a call is denied, an attack is allowed, an action does not exist, an
    /// execution ends early, or nothing was checked.
    pub fn has_errors(&self) -> bool {
        self.fails(false)
    }

    /// Returns whether a result depends on an unknown.
    pub fn has_unproven(&self) -> bool {
        let outcome = self.outcome();
        outcome.unproven + outcome.unproven_attacks + outcome.unresolved > 0
    }
}

fn instances<'d>(calls: impl Iterator<Item = &'d Decided>) -> usize {
    calls.map(|decided| decided.instances).sum()
}
