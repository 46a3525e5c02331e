//! What a proof comes to. Every command takes its exit code, its headline and its last line from
//! here, so that they cannot contradict each other.

use super::decided::{Decided, Verdict};
use super::prove::{AttackResult, Proof};

/// What a proof comes to, in figures. A call or attack counts once for each instance of its target
/// that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The calls of the run.
    pub calls: usize,
    /// The calls that are allowed.
    pub allowed: usize,
    /// The calls that are denied.
    pub denied: usize,
    /// The calls that depend on what is not known.
    pub unproven: usize,
    /// The calls that are denied though AWS documents their permission, and that runs do without.
    pub not_granted: usize,
    /// The attacks.
    pub attacks: usize,
    /// The attacks that are denied.
    pub denied_attacks: usize,
    /// The attacks that are allowed and must not be.
    pub allowed_attacks: usize,
    /// The attacks that AWS's published procedure allows, as configured.
    pub over_granted_attacks: usize,
    /// The attacks that depend on what is not known.
    pub unproven_attacks: usize,
    /// The actions that their service does not have.
    pub unknown_actions: usize,
    /// The conditions that end a run early.
    pub obstacles: usize,
    /// The values that cannot be resolved.
    pub unresolved: usize,
    /// The statements that grant what no call needs, without a documented reason.
    pub excess: usize,
    /// Why there is nothing that a proof could be of.
    pub empty: Option<Empty>,
}

/// Why a proof is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// The templates must have a pipeline, and none could be read, so no run was checked.
    NoPipeline,
    /// No call was checked.
    NoCall,
}

impl Empty {
    /// Why, in a sentence.
    pub(crate) fn because(self) -> &'static str {
        match self {
            Self::NoPipeline => {
                "no pipeline could be read from the templates, so no run was checked"
            }
            Self::NoCall => "the templates lead to no call, so nothing was checked",
        }
    }
}

/// A proof in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// A call is denied, an attack allowed, an action unknown, a run ends early, or nothing was
    /// checked.
    Failed,
    /// Nothing failed, and something depends on what is not known.
    Unproven,
    /// All is proven, and statements grant what no call needs.
    Excess,
    /// All is proven, and nothing more is granted.
    Proven,
}

impl Conclusion {
    /// What begins the last line of a proof.
    pub fn words(self) -> &'static str {
        match self {
            Self::Failed => "Not proven",
            Self::Unproven => "Not fully proven",
            Self::Excess => "Proven, with excess",
            Self::Proven => "Proven",
        }
    }
}

impl Outcome {
    /// The whole in one word.
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

    /// Whether every call is proven to be allowed and every attack to be denied.
    pub fn is_proven(&self) -> bool {
        matches!(self.conclusion(), Conclusion::Proven | Conclusion::Excess)
    }

    /// Whether a command must fail with exit code 1. With `strict`, so it must for unproven
    /// results, unresolved values and unexplained excess.
    pub fn fails(&self, strict: bool) -> bool {
        match self.conclusion() {
            Conclusion::Failed => true,
            Conclusion::Unproven | Conclusion::Excess => strict,
            Conclusion::Proven => false,
        }
    }
}

impl Proof {
    /// What the proof comes to.
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

    /// Whether a command must fail with exit code 1; see [`Outcome::fails`].
    pub fn fails(&self, strict: bool) -> bool {
        self.outcome().fails(strict)
    }

    /// Whether a call is denied, an attack allowed, an action unknown, a run ends early, or
    /// nothing was checked.
    pub fn has_errors(&self) -> bool {
        self.fails(false)
    }

    /// Whether something depends on what is not known.
    pub fn has_unproven(&self) -> bool {
        let outcome = self.outcome();
        outcome.unproven + outcome.unproven_attacks + outcome.unresolved > 0
    }
}

fn instances<'d>(calls: impl Iterator<Item = &'d Decided>) -> usize {
    calls.map(|decided| decided.instances).sum()
}
