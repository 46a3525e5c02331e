//! Describes the steps of a change to a live pipeline.

use crate::deploy::StackStep;
use crate::stacks::Side;
use crate::transition::sequence::{Leaving, Sequence, Version};

use super::session::Session;

/// Shows the steps if a stack takes more than one step or has to wait.
pub(super) fn steps(session: &Session<'_>, steps: &[StackStep], sequence: &Sequence) {
    let is_transition = sequence
        .moves
        .iter()
        .any(|one| one.version.is_transitional());
    if sequence.is_broken_before {
        session
            .screen
            .says("The deployed pipeline does not work. To find the cause, run `s3ferry doctor`.");
    }
    if !is_transition {
        return;
    }
    let mut text = String::from(match sequence.is_proven {
        true => "The pipeline works after each of these steps:",
        false => "Steps (proven only for the stacks that can be read):",
    });
    for (number, one) in sequence.moves.iter().enumerate() {
        let earlier = &sequence.moves[..number];
        let is_second = earlier.iter().any(|other| other.piece == one.piece);
        let step = &steps[one.piece];
        let what = match (one.version, &step.side) {
            (Version::Both, Side::Dev) => {
                "add resources for the new pipeline; do not change the pipeline"
            }
            (Version::Both, _) => {
                "add resources for the new pipeline; keep those for the old pipeline"
            }
            (Version::Switched, _) => {
                "switch to the new pipeline; keep resources for the old pipeline"
            }
            (_, Side::Dev) if !sequence.is_switch(one) => {
                "remove resources that only the old pipeline uses"
            }
            (_, Side::Dev) => "switch to the new pipeline",
            (_, Side::Pipeline(_)) => "switch this pipeline to the new configuration",
            _ if is_second => "remove resources that only the old pipeline uses",
            _ => "deploy the new template",
        };
        text.push_str(&format!("\n  {}. {}: {what}", number + 1, step.stack));
    }
    session.screen.says(text);
}

/// Describes a protected resource that is removed from its stack.
pub(super) fn leaving(one: &Leaving, step: &StackStep) -> String {
    let kind = kind(&one.kind);
    match &one.name {
        Some(name) => format!("{kind} {name} ({} of stack {})", one.id, step.stack),
        None => format!("{kind} {} of stack {}", one.id, step.stack),
    }
}

/// Returns a short name for a resource type.
pub(super) fn kind(kind: &str) -> &'static str {
    match kind {
        "AWS::S3::Bucket" => "bucket",
        "AWS::IAM::Role" => "role",
        "AWS::IAM::ManagedPolicy" => "policy",
        "AWS::CodePipeline::Pipeline" => "pipeline",
        _ => "key",
    }
}
