//! The steps of a change of a live pipeline, in words.

use crate::deploy::StackStep;
use crate::stacks::Side;
use crate::transition::sequence::{Leaving, Sequence, Version};

use super::session::Session;

/// Shows the steps, where a stack takes more than one or has to wait.
pub(super) fn steps(session: &Session<'_>, steps: &[StackStep], sequence: &Sequence) {
    let is_transition = sequence
        .moves
        .iter()
        .any(|one| one.version.is_transitional());
    if sequence.is_broken_before {
        session
            .screen
            .says("The deployed pipeline does not work as it is: `s3ferry doctor` explains why.");
    }
    if !is_transition {
        return;
    }
    let mut text = String::from(match sequence.is_proven {
        true => "The pipeline works after each of these steps:",
        false => "The steps, proven as far as the stacks can be read from here:",
    });
    for (number, one) in sequence.moves.iter().enumerate() {
        let earlier = &sequence.moves[..number];
        let is_second = earlier.iter().any(|other| other.piece == one.piece);
        let step = &steps[one.piece];
        let what = match (one.version, &step.side) {
            (Version::Both, Side::Dev) => "adds what the new pipeline needs; the pipeline stays",
            (Version::Both, _) => "adds what the new pipeline needs, keeps what the old one needs",
            (Version::Switched, _) => "switches the pipeline, keeps what the old one needed",
            (_, Side::Dev) if !sequence.is_switch(one) => {
                "removes what only the old pipeline needed"
            }
            (_, Side::Dev) => "switches the pipeline",
            (_, Side::Pipeline(_)) => "switches this pipeline",
            _ if is_second => "removes what only the old pipeline needed",
            _ => "gets its new template",
        };
        text.push_str(&format!("\n  {}. {}: {what}", number + 1, step.stack));
    }
    session.screen.says(text);
}

/// A protected resource that leaves its stack.
pub(super) fn leaving(one: &Leaving, step: &StackStep) -> String {
    let kind = kind(&one.kind);
    match &one.name {
        Some(name) => format!("{kind} {name} ({} of stack {})", one.id, step.stack),
        None => format!("{kind} {} of stack {}", one.id, step.stack),
    }
}

/// A word for the type of a resource.
pub(super) fn kind(kind: &str) -> &'static str {
    match kind {
        "AWS::S3::Bucket" => "bucket",
        "AWS::IAM::Role" => "role",
        "AWS::IAM::ManagedPolicy" => "policy",
        "AWS::CodePipeline::Pipeline" => "pipeline",
        _ => "key",
    }
}
