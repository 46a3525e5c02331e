//! The steps of a transition and what is known of them.

use std::sync::Arc;

use super::super::state::Fault;
use super::super::versions::Version;
use crate::template::Template;

impl Sequence {
    /// Whether a step switches the pipeline: the dev stack gets the new one for the first time.
    pub(crate) fn is_switch(&self, step: &Move) -> bool {
        let mut moves = self.moves.iter();
        let has_own_step = moves.any(|one| one.version == Version::Switched);
        // The dev stack is the first piece.
        match step.version {
            Version::Switched => true,
            Version::New => step.piece == 0 && !has_own_step && !self.is_switched,
            Version::Both | Version::Deployed => false,
        }
    }
}

/// One step: a stack gets a template.
#[derive(Debug, Clone)]
pub struct Move {
    /// Whether it adds the key that the stacks of the following steps take as their parameter.
    pub adds_key: bool,
    /// The value of its key parameter; `None` for the dev stack, and while the key does not exist.
    pub key: Option<String>,
    /// Number of the piece.
    pub piece: usize,
    /// Its version.
    pub version: Version,
    /// The template, with the logical IDs of the stack.
    pub template: Arc<Template>,
}

/// A state in which the deployed pipeline does not work.
#[derive(Debug, Clone)]
pub struct Break {
    /// Number of the move that leads to it.
    pub after: usize,
    /// What does not work.
    pub faults: Vec<Fault>,
}

/// The steps of a transition.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    /// The steps, in order.
    pub moves: Vec<Move>,
    /// Pieces that keep what the deployed pipeline needs, since it cannot be seen from here that it
    /// has switched.
    pub held: Vec<usize>,
    /// Targets and regions that already have all that the new pipeline needs, so that the first step
    /// does not change them.
    pub ready: Vec<usize>,
    /// Whether the dev stack, which is not selected, must be deployed first.
    pub needs_dev: bool,
    /// Whether the dev stack must wait for the targets.
    pub dev_waits: bool,
    /// Pieces that are not selected and are not deployed from the new templates yet.
    pub waiting: Vec<usize>,
    /// Where the pipeline would not work.
    pub breaks: Vec<Break>,
    /// Whether an earlier run has switched the pipeline and left what only the old one needed.
    pub is_switched: bool,
    /// Whether the deployed pipeline does not even work before the first step.
    pub is_broken_before: bool,
    /// Whether every stack was read, so that the states between the steps are proven.
    pub is_proven: bool,
    /// The key that the stacks are to have, as far as it is known; set by the caller.
    pub key: Option<String>,
    /// Whether the dev stack is not deployed now and is not as configured.
    pub dev_is_behind: bool,
    /// Buckets, keys and roles that leave a stack, which needs the user's consent.
    pub leaving: Vec<Leaving>,
    /// Names that a stack is to have and another one has.
    pub conflicts: Vec<Conflict>,
}

/// A name that is taken by another stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Number of the piece that is to have it.
    pub piece: usize,
    /// Number of the piece that has it.
    pub owner: usize,
    /// Type of the resource.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// A protected resource that leaves its stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Number of the piece.
    pub piece: usize,
    /// Logical ID.
    pub id: String,
    /// Type.
    pub kind: String,
    /// Name, where it is known.
    pub name: Option<String>,
    /// Whether AWS keeps it.
    pub is_retained: bool,
}
