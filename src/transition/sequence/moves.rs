//! The steps of a transition and the facts about them.

use std::sync::Arc;

use super::super::state::Fault;
use super::super::versions::Version;
use crate::template::Template;

impl Sequence {
    /// Returns whether a step switches the pipeline: the dev stack gets the new pipeline for the
    /// first time.
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

/// A step in which a stack gets a template.
#[derive(Debug, Clone)]
pub struct Move {
    /// Whether the step adds the key whose ID is a parameter of the stacks in the following steps.
    pub adds_key: bool,
    /// The value of the key parameter; `None` for the dev stack and while the key does not exist.
    pub key: Option<String>,
    /// Index of the piece.
    pub piece: usize,
    /// Version of the template.
    pub version: Version,
    /// The template, with the logical IDs of the deployed stack.
    pub template: Arc<Template>,
}

/// A state in which the deployed pipeline does not work.
#[derive(Debug, Clone)]
pub struct Break {
    /// Index of the move that leads to this state.
    pub after: usize,
    /// The faults of the state.
    pub faults: Vec<Fault>,
}

/// The steps of a transition.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    /// The steps, in order.
    pub moves: Vec<Move>,
    /// Pieces that keep what the deployed pipeline needs, because the pipeline may not have
    /// switched yet.
    pub held: Vec<usize>,
    /// Targets and regions that already have what the new pipeline needs. The first step does not
    /// change them.
    pub ready: Vec<usize>,
    /// Whether the dev stack is not selected but must be deployed first.
    pub needs_dev: bool,
    /// Whether the dev stack must wait for the targets.
    pub dev_waits: bool,
    /// Pieces that are not selected and do not have their new templates yet.
    pub waiting: Vec<usize>,
    /// The states in which the pipeline would not work.
    pub breaks: Vec<Break>,
    /// Whether an earlier run switched the pipeline but kept what only the old pipeline needed.
    pub is_switched: bool,
    /// Whether the deployed pipeline is already broken before the first step.
    pub is_broken_before: bool,
    /// Whether every stack was read, so that the states between the steps are proven.
    pub is_proven: bool,
    /// The new key of the stacks, if known; set by the caller.
    pub key: Option<String>,
    /// Whether the dev stack is not selected and differs from the configuration.
    pub dev_is_behind: bool,
    /// Protected resources that are removed from a stack, and replaced pipelines. Their removal
    /// requires the user's consent.
    pub leaving: Vec<Leaving>,
    /// Names in the new template of a stack that another stack uses.
    pub conflicts: Vec<Conflict>,
}

/// A name that another stack uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Index of the piece whose new template has the name.
    pub piece: usize,
    /// Index of the piece that uses the name.
    pub owner: usize,
    /// Type of the resource.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// A protected resource that is removed from its stack, or a pipeline that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Index of the piece.
    pub piece: usize,
    /// Logical ID.
    pub id: String,
    /// Type.
    pub kind: String,
    /// Name, if known.
    pub name: Option<String>,
    /// Whether the resource is retained.
    pub is_retained: bool,
}
