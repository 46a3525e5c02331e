//! The next steps after a deployment.

use crate::deploy::StackStep;
use crate::plan::SourcePlan;
use crate::shell::Command;
use crate::stacks::{KEY_ID, PIPELINE_NAME, Side};
use crate::transition::sequence::{Leaving, Sequence};

use super::session::Session;
use super::transition_show::leaving;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::seen::first_missing;
use crate::cli::shell::with_profile;

/// Returns the next step for the first target that is not deployed.
pub(super) fn target(session: &Session<'_>, target: &StackStep) -> String {
    let accounts = &session.accounts;
    let dev = accounts.dev();
    let then = if accounts.project.plan.dev.create_pipeline {
        let what = match has_pipeline(accounts) {
            true => "update the pipeline",
            false => "create the pipeline",
        };
        let deploy = with_profile("deploy", &dev.profile);
        format!("run `{deploy}` again to {what}")
    } else {
        adoption(accounts)
    };
    format!(
        "run `{}` (target {}), then {then}",
        with_profile("deploy", &target.profile),
        target.template.name
    )
}

/// Returns the next step after targets are deployed. `others` are the remaining targets.
pub(super) async fn after_targets(
    session: &mut Session<'_>,
    others: &[&StackStep],
) -> Option<String> {
    if let Some(missing) = first_missing(&mut session.accounts, others).await {
        return Some(target(session, missing));
    }
    let accounts = &session.accounts;
    let dev = accounts.dev();
    let creates = accounts.project.plan.dev.create_pipeline;
    let what = match has_pipeline(accounts) {
        true if accounts.outputs.is_current(dev) || !creates => return None,
        true => "update the pipeline",
        false if !creates => return Some(adoption(accounts)),
        false => "create the pipeline",
    };
    let deploy = with_profile("deploy", &dev.profile);
    Some(format!("run `{deploy}` to {what}"))
}

/// Returns whether the outputs file contains a dev stack with a pipeline.
fn has_pipeline(accounts: &Accounts<'_>) -> bool {
    let outputs = accounts.outputs.of(accounts.dev());
    outputs.is_some_and(|outputs| outputs.contains_key(PIPELINE_NAME))
}

/// Returns the next step after everything is deployed.
pub(super) fn push(accounts: &Accounts<'_>) -> String {
    let profile = &accounts.dev().profile;
    match &accounts.project.plan.dev.source {
        SourcePlan::Object(_) => format!(
            "run `{}` to upload a folder or zip file and follow the pipeline; `s3ferry sample` \
             writes a sample site",
            with_profile("push SITE", profile)
        ),
        SourcePlan::Repository(source) => format!(
            "push to {} to deploy, and run `{}` to follow the newest execution",
            source.repository,
            with_profile("push --watch", profile)
        ),
    }
}

/// Returns the step that changes an adopted pipeline.
pub(super) fn adoption(accounts: &Accounts<'_>) -> String {
    let plan = &accounts.project.plan.dev;
    format!(
        "run `{}` to see the changes to the pipeline, then add --write to apply them",
        Command::s3ferry("adopt")
            .option("--name", &plan.pipeline)
            .option("--profile", &accounts.dev().profile)
    )
}

/// Returns the next step after a dry run of a change.
pub(super) fn after_dry_run(steps: &[StackStep], sequence: &Sequence) -> String {
    let again = "run the command without --dry-run";
    let named: Vec<String> = sequence
        .leaving
        .iter()
        .map(|one| leaving(one, &steps[one.piece]))
        .collect();
    match named.is_empty() {
        true => again.to_owned(),
        false => format!(
            "{again} and with --allow-replacement, which allows replacing or deleting {}",
            named.join(", ")
        ),
    }
}

/// Returns the next step after a change.
pub(super) fn after_change(accounts: &Accounts<'_>, sequence: &Sequence) -> String {
    let steps = &accounts.steps;
    let dev = accounts.dev();
    let adds_key = sequence.moves.iter().any(|one| one.adds_key);
    let recorded = accounts.outputs.of(dev);
    let recorded = recorded.and_then(|outputs| outputs.get(KEY_ID));
    let key = sequence.key.as_ref().filter(|_| !adds_key).or(recorded);
    let has_other_key = |step: &StackStep| {
        let recorded = accounts.outputs.key_of(step);
        recorded.is_some() && recorded != key.map(String::as_str)
    };
    let deploy = |step: &StackStep| {
        // Without access to the dev stack, a changed key needs confirmation.
        let is_other = step.side != Side::Dev && (adds_key || has_other_key(step));
        let key = key.filter(|_| is_other);
        let parameter = key.map(|key| format!("{KEY_ID}={key}"));
        let command = with_profile("deploy", &step.profile);
        format!("`{}`", command.maybe("--parameter", parameter))
    };
    let mut waiting = (sequence.waiting.iter()).filter_map(|piece| steps.get(*piece));
    if sequence.dev_waits {
        let mut targets: Vec<String> = waiting.map(deploy).collect();
        targets.dedup();
        return format!(
            "run {}, then {} to switch the pipeline",
            targets.join(", "),
            deploy(dev)
        );
    }
    if let Some(held) = sequence.held.first() {
        return format!(
            "run {} to switch the pipeline, then {} again to remove resources that only the old \
             pipeline uses",
            deploy(dev),
            deploy(&steps[*held])
        );
    }
    if sequence.dev_is_behind {
        let others = waiting.filter(|step| step.side != Side::Dev);
        let mut commands: Vec<String> = others.map(deploy).collect();
        commands.dedup();
        commands.push(deploy(dev));
        return format!("run {} to update the pipeline", commands.join(", then "));
    }
    if let Some(step) = waiting.next() {
        let what = match sequence.is_proven {
            true => "remove resources that only the old pipeline uses",
            // The stack may still lack resources that the new pipeline needs.
            false => "complete the change",
        };
        return format!("run {} to {what}", deploy(step));
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
        let words = match accounts.project.plan.dev.source {
            SourcePlan::Object(_) => "push SITE --start",
            SourcePlan::Repository(_) => "push --start",
        };
        let push = with_profile(words, &dev.profile);
        return format!("run `{push}`: the new output bucket is empty");
    }
    push(accounts)
}
