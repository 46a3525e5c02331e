//! The steps of a change of a live pipeline, in words.

use crate::deploy::StackStep;
use crate::stacks::Side;
use crate::transition::sequence::{Leaving, Sequence, Version};

use super::Session;
use super::flow::push;
use crate::cli::output;
use crate::cli::shell::Command;

/// Shows the steps, where a stack takes more than one or has to wait.
pub(super) fn steps(session: &Session<'_>, steps: &[StackStep], sequence: &Sequence) {
    let is_transition = sequence
        .moves
        .iter()
        .any(|one| one.version.is_transitional());
    if sequence.is_broken_before {
        output::note(
            session.global,
            "The deployed pipeline does not work as it is: `s3ferry doctor` explains why.",
        );
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
    output::note(session.global, &text);
}

/// A protected resource that leaves its stack.
pub(super) fn leaving(one: &Leaving, step: &StackStep) -> String {
    let kind = kind(&one.kind);
    match &one.name {
        Some(name) => format!("{kind} {name} ({} of stack {})", one.id, step.stack),
        None => format!("{kind} {} of stack {}", one.id, step.stack),
    }
}

/// What to do after a dry run.
pub(super) fn next_of_dry_run(steps: &[StackStep], sequence: &Sequence) -> String {
    let again = "the same without --dry-run";
    let named: Vec<String> = sequence
        .leaving
        .iter()
        .map(|one| leaving(one, &steps[one.piece]))
        .collect();
    match named.is_empty() {
        true => again.to_owned(),
        false => format!(
            "{again}, and with --allow-replacement, since this would replace or delete {}",
            named.join(", ")
        ),
    }
}

/// What to do next.
///
/// `key` is the ID of the key that the dev stack gives out, and `has_other_key` tells whether a stack
/// is recorded with another one.
pub(super) fn next(
    steps: &[StackStep],
    sequence: &Sequence,
    key: Option<&str>,
    has_other_key: impl Fn(&StackStep) -> bool,
) -> String {
    let adds_key = sequence.moves.iter().any(|one| one.adds_key);
    let deploy = |step: &StackStep| {
        let mut command = Command::s3ferry("deploy").option("--profile", &step.profile);
        // Without access to dev, another key than the deployed one needs confirmation.
        let is_other = step.side != Side::Dev && (adds_key || has_other_key(step));
        if let Some(key) = key.filter(|_| is_other) {
            command = command.option("--parameter", format!("DeployKeyId={key}"));
        }
        format!("`{command}`")
    };
    let dev = &steps[0];
    if sequence.dev_waits {
        let mut targets: Vec<String> = sequence
            .waiting
            .iter()
            .filter_map(|piece| steps.get(*piece))
            .map(deploy)
            .collect();
        targets.dedup();
        return format!(
            "{}, then {}, which switches the pipeline",
            targets.join(", "),
            deploy(dev)
        );
    }
    if let Some(held) = sequence.held.first() {
        return format!(
            "{}, which switches the pipeline; then {} again, which removes what only the old one \
             needed",
            deploy(dev),
            deploy(&steps[*held])
        );
    }
    if sequence.dev_is_behind {
        let mut commands: Vec<String> = (sequence.waiting.iter())
            .filter_map(|piece| steps.get(*piece))
            .filter(|step| step.side != Side::Dev)
            .map(deploy)
            .collect();
        commands.dedup();
        commands.push(deploy(dev));
        return format!(
            "{}, which brings the pipeline up to date",
            commands.join(", then ")
        );
    }
    if let Some(step) = sequence.waiting.first().and_then(|piece| steps.get(*piece)) {
        let what = match sequence.is_proven {
            true => "removes what only the old pipeline needed",
            // It may not even have what the new one needs.
            false => "completes the change",
        };
        return format!("{}, which {what}", deploy(step));
    }
    let is_log = |id: &str| id.ends_with("LogBucket");
    let is_other_bucket = |one: &Leaving| {
        one.kind == "AWS::S3::Bucket"
            && !is_log(&one.id)
            && steps.get(one.piece).is_some_and(|step| {
                let mut buckets = step.template.buckets.iter();
                step.is_target() && buckets.any(|new| !is_log(&new.logical_id))
            })
    };
    if sequence.leaving.iter().any(is_other_bucket) {
        let push = Command::s3ferry("push SITE --start").option("--profile", &dev.profile);
        return format!("`{push}`: nothing is in the new output bucket yet");
    }
    push(dev)
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
