//! Deploys one stack: shows the changes, asks for confirmation, and follows the operation.

use crate::checked::Permit;
use crate::deploy::deployment::{Pending, Prepared};
use crate::deploy::pace::Pace;
use crate::deploy::stack::{Deployed, condition};
use crate::deploy::{Access, Change, Condition, DeployError, Observer as _, StackStep, execution};
use crate::stacks::{KEY_ID, Side};

use super::existing_policy;
use super::initial_run::{self, InitialRun};
use super::result::{Changes, Done, StepResult};
use super::retries::Retries;
use super::session::Session;
use crate::cli::aws::changes::{self, ValidationMembers};
use crate::cli::aws::place::heading;
use crate::cli::aws::seen::{Presence, presence};
use crate::cli::shell::with_profile;
use crate::cli::{Failure, output};

/// Deploys one stack. Returns `false` if the user declines.
pub(super) async fn deploy(
    session: &mut Session<'_>,
    step: &StackStep,
    parameters: &[(String, String)],
) -> Result<bool, Failure> {
    let permit = session.permit(&step.stack, &step.template.text.yaml)?;
    let access = session.accounts.access(step).await?;
    session.screen.says(format!("\n{}", heading(step)));
    let mut ahead = session.take_prepared(step);
    let mut found = match (&ahead, session.kept(step)) {
        (Some(_), _) => None,
        (None, Some(found)) => found,
        (None, None) => session.deployment(&access, step).settled().await?,
    };
    let mut retries = Retries::default();
    loop {
        let prepared = match ahead.take() {
            Some(prepared) => protected_again(session, step, &access, prepared).await?,
            None => {
                session.renew_token();
                let before = found.take();
                let deployment = session.deployment(&access, step);
                match session.options.dry_run {
                    true => deployment.compare(before, parameters).await?,
                    false => deployment.prepare(before, parameters).await?,
                }
            }
        };
        session.screen.ended();
        match prepared {
            Prepared::UpToDate(stack) => {
                session.screen.says("No changes.");
                let result = StepResult::new(step, Done::Unchanged);
                finish(session, step, &access, &stack, result).await?;
                return Ok(true);
            }
            Prepared::Changes(pending) => {
                let way = (&access, permit);
                let done = changes(session, step, way, &pending, parameters, &mut retries).await?;
                if let Some(done) = done {
                    return Ok(done);
                }
                found = session.deployment(&access, step).settled().await?;
            }
            Prepared::CreationFailed(left, _) if retries.are_under_way() => {
                session.screen.says(format!(
                    "Stack {} is in {}. Deleting it before the next attempt.",
                    left.name, left.status
                ));
                session.deployment(&access, step).delete(&left).await?;
            }
            Prepared::CreationFailed(left, cause) => {
                let because = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                session.screen.says(format!(
                    "Stack {} is in {}{because}.\nIt must be deleted before it can be recreated. \
                     None of its resources are in use.",
                    left.name, left.status
                ));
                if session.options.dry_run {
                    session.result(StepResult {
                        delete: Some(left.status.clone()),
                        ..StepResult::new(step, Done::Planned)
                    });
                    return Ok(true);
                }
                if !session.confirm("Delete and recreate the stack?").await? {
                    return Ok(false);
                }
                session.deployment(&access, step).delete(&left).await?;
            }
        }
    }
}

/// Restores the protection of a stack whose change set was prepared in advance. The preparation
/// changes nothing, not even the protection.
async fn protected_again(
    session: &Session<'_>,
    step: &StackStep,
    access: &Access,
    prepared: Prepared,
) -> Result<Prepared, Failure> {
    let before = match &prepared {
        Prepared::UpToDate(stack) => Some(stack),
        Prepared::Changes(pending) => pending.before.as_ref(),
        Prepared::CreationFailed(..) => None,
    };
    if let Some(stack) = before.filter(|stack| stack.condition() == Condition::Ready)
        && !session.options.dry_run
    {
        let deployment = session.deployment(access, step);
        deployment.guard(stack.protected).await?;
    }
    Ok(prepared)
}

/// Shows a change set, asks for confirmation, and executes it. Returns `false` if the user
/// declines, and `None` if the change set failed and must be retried.
async fn changes(
    session: &mut Session<'_>,
    step: &StackStep,
    (access, permit): (&Access, Permit<'_>),
    pending: &Pending,
    parameters: &[(String, String)],
    retries: &mut Retries,
) -> Result<Option<bool>, Failure> {
    let change_set = &pending.change_set;
    let agreed = retries.agreed_to(&change_set.changes);
    if !agreed {
        let table = changes::table(output::Stream::Notes, &change_set.changes);
        session.screen.says(table.trim_end());
        let validations = changes::validations(&change_set.validations, access);
        if !validations.is_empty() {
            session.screen.says(validations.trim_end());
        }
        say_key_change(session, step, pending, parameters);
        say_new_key(session, pending);
    }
    let initial = initial_run::announce(session, step, access, &change_set.changes).await;
    match may_go_on(session, step, access, pending, agreed).await {
        Ok(true) => {}
        Ok(false) => {
            session.deployment(access, step).discard(pending).await?;
            if session.options.dry_run {
                session.result(StepResult {
                    changes: Some(Changes::Stack(changes::entries(change_set.changes.clone()))),
                    validations: Some(ValidationMembers::new(&change_set.validations)),
                    initial_execution: initial.map(InitialRun::into_execution),
                    ..StepResult::new(step, Done::Planned)
                });
                session.screen.says("Dry run: nothing was changed.");
                return Ok(Some(true));
            }
            session.screen.says("Nothing was changed.");
            return Ok(Some(false));
        }
        Err(failure) => {
            if let Err(error) = session.deployment(access, step).discard(pending).await {
                let name = &change_set.name;
                session
                    .screen
                    .says(format!("Cannot delete change set {name}: {error}."));
            }
            return Err(failure);
        }
    }
    let stack = match session
        .deployment(access, step)
        .execute(pending, permit)
        .await
    {
        Ok(stack) => stack,
        Err(error) => {
            if retries.wait(session, pending, &error.message).await {
                return Ok(None);
            }
            let help = retries.help(&session.accounts.steps[0]);
            return Err(DeployError {
                help: help.unwrap_or_else(|| error.help.clone()),
                ..error
            }
            .into());
        }
    };
    let (what, done) = match condition(pending.before.as_ref()) {
        Condition::Ready => ("updated", Done::Updated),
        _ => ("created", Done::Created),
    };
    session
        .screen
        .says(format!("Stack {} was {what}.", step.stack));
    let result = StepResult {
        validations: Some(ValidationMembers::new(&change_set.validations)),
        retries: retries.waits().to_vec(),
        ..StepResult::new(step, done)
    };
    finish(session, step, access, &stack, result).await?;
    if let Some(initial) = initial {
        let execution = initial.report(session, access).await;
        session.initial_execution(execution);
    }
    Ok(Some(true))
}

/// Checks the changes and returns whether to execute the change set.
async fn may_go_on(
    session: &mut Session<'_>,
    step: &StackStep,
    access: &Access,
    pending: &Pending,
    agreed: bool,
) -> Result<bool, Failure> {
    let changes = &pending.change_set.changes;
    refuse_dangerous(session, changes)?;
    if session.options.dry_run {
        return Ok(false);
    }
    let pipeline = changes
        .iter()
        .find(|change| change.resource_type == "AWS::CodePipeline::Pipeline");
    if let Some(pipeline) = pipeline {
        targets_stand(session).await?;
        if pipeline.action != "Add" {
            wait_for_executions(session, access, &pipeline.physical_id).await?;
        }
    }
    let question = format!("Make these changes to stack {}?", step.stack);
    Ok(agreed || session.confirm(&question).await?)
}

/// Refuses to replace or delete a key, a bucket, or a role without `--allow-replacement`.
pub(super) fn refuse_dangerous(session: &Session<'_>, changes: &[Change]) -> Result<(), Failure> {
    let dangerous: Vec<&str> = changes
        .iter()
        .filter(|change| change.is_dangerous())
        .map(|change| change.logical_id.as_str())
        .collect();
    let other_key = dangerous.iter().any(|id| id.ends_with("DeployKey"))
        && changes
            .iter()
            .any(|change| change.action == "Add" && change.resource_type == "AWS::KMS::Key");
    let only_roles = changes
        .iter()
        .filter(|change| change.is_dangerous())
        .all(|change| change.resource_type == "AWS::IAM::Role");
    if !dangerous.is_empty() && !session.options.allow_replacement && !session.options.dry_run {
        return Err(Failure::finding(
            format!(
                "this would replace or delete {}; nothing was changed",
                dangerous.join(", ")
            ),
            if other_key {
                "a key cannot change between multi-Region and single-Region; with \
                 --allow-replacement, the stack creates a new key and switches the artifact store \
                 to it; the old key and its policy are retained, so principals that are \
                 allowed to use it can still read old artifacts; deploy the targets again \
                 afterward"
            } else if only_roles {
                "a replaced role gets a new ARN: update everything that trusts or references the \
                 old role; to replace it, use --allow-replacement"
            } else {
                "replacing a key makes old artifacts unreadable, and replacing a bucket makes its \
                 objects unreachable; to continue, use --allow-replacement"
            },
        ));
    }
    Ok(())
}

/// Checks that all targets are deployed. CodePipeline rejects a pipeline with a missing deploy
/// role, so this check reports the missing target first.
async fn targets_stand(session: &mut Session<'_>) -> Result<(), Failure> {
    if session.targets_stand {
        return Ok(());
    }
    let steps = session.accounts.steps.clone();
    for target in steps.iter().filter(|step| step.is_target()) {
        if presence(&mut session.accounts, target).await == Presence::No {
            let name = &target.template.name;
            let message = format!(
                "target `{name}` is not deployed, and CodePipeline rejects a pipeline whose deploy \
                 role does not exist"
            );
            let deploy = with_profile("deploy", &target.profile);
            return Err(Failure::finding(
                message,
                format!("deploy the target first: `{deploy}`"),
            ));
        }
    }
    session.targets_stand = true;
    Ok(())
}

/// Waits until no execution is running. Updating or deleting a pipeline aborts its executions.
async fn wait_for_executions(
    session: &Session<'_>,
    access: &Access,
    pipeline: &str,
) -> Result<(), Failure> {
    let running = execution::running(access, pipeline).await?;
    if let Some(first) = running.first()
        && session.options.interrupt_execution
    {
        session.screen.says(format!(
            "The change aborts execution {first} of the pipeline."
        ));
        return Ok(());
    }
    let why = "is running, and a change would abort it. Waiting for it to finish (to skip the \
               wait, use --interrupt-execution).";
    wait(session, access, pipeline, running, why, |_| true).await
}

/// Waits until all executions that started before the switch have ended. They may still use
/// resources that the next steps remove.
pub(super) async fn wait_for_old_executions(
    session: &mut Session<'_>,
    step: &StackStep,
) -> Result<(), Failure> {
    let access = session.accounts.access(step).await?;
    let pipeline = &session.accounts.project.plan.dev.pipeline;
    let old = execution::running(&access, pipeline).await?;
    let running = execution::running(&access, pipeline).await?;
    let why = "started before the switch. Waiting for it before removing the old permissions.";
    let is_old = |id: &String| old.contains(id);
    wait(session, &access, pipeline, running, why, is_old).await
}

/// Waits until the awaited executions have ended, and prints the reason for the wait.
async fn wait(
    session: &Session<'_>,
    access: &Access,
    pipeline: &str,
    mut running: Vec<String>,
    why: &str,
    is_awaited: impl Fn(&String) -> bool,
) -> Result<(), Failure> {
    let mut pace = Pace::new(session.options.aws.wait_timeout);
    let mut said = false;
    loop {
        let Some(first) = running.iter().find(|id| is_awaited(id)) else {
            return Ok(());
        };
        if !said {
            said = true;
            let text = format!("Execution {first} of pipeline {pipeline} {why}");
            session.screen.says(text);
            session.screen.begins("pipeline execution");
        }
        pace.pause(&format!("execution {first} of pipeline `{pipeline}`"))
            .await?;
        running = execution::running(access, pipeline).await?;
    }
}

/// Reports a key change. With a new key, a target can no longer read artifacts encrypted with the
/// old key, unless its template still names the old key.
fn say_key_change(
    session: &Session<'_>,
    step: &StackStep,
    pending: &Pending,
    parameters: &[(String, String)],
) {
    let before = pending.before.as_ref();
    let old = before.and_then(|stack| stack.parameters.get(KEY_ID));
    let new = parameters.iter().find(|(name, _)| name == KEY_ID);
    let (Some(old), Some((_, new))) = (old, new) else {
        return;
    };
    if old != new {
        let what = match step.template.text.json.contains(old) {
            true => "; the target can use both keys until the pipeline has switched",
            false => "; the target can then read only artifacts encrypted with the new key",
        };
        let text = format!("{KEY_ID} changes from {old} to {new}{what}.");
        session.screen.says(text);
    }
}

/// Reports that a new key is created for imported buckets. CloudFormation imports only named
/// resources, and a key has no name.
fn say_new_key(session: &Session<'_>, pending: &Pending) {
    let changes = &pending.change_set.changes;
    let has = |action: &str, kind: &str| {
        let mut all = changes.iter();
        all.any(|change| change.action == action && change.resource_type == kind)
    };
    if has("Import", "AWS::S3::Bucket") && has("Add", "AWS::KMS::Key") {
        session.screen.says(
            "The stack imports the buckets of an earlier stack, but creates a new key, because \
             CloudFormation imports only named resources. Deploy every target again to pass it \
             the new key ID. Artifacts encrypted with the old key remain readable in the dev \
             account while that key exists.",
        );
    }
}

/// Completes the deployment of a stack: stores and prints its outputs, and applies the merged
/// policy of an existing bucket.
async fn finish(
    session: &mut Session<'_>,
    step: &StackStep,
    access: &Access,
    stack: &Deployed,
    result: StepResult,
) -> Result<(), Failure> {
    if !session.options.dry_run {
        session.accounts.outputs.put(step, stack);
    }
    session.result(StepResult {
        outputs: Some(stack.outputs.clone()),
        ..result
    });
    let is_shown = session.options.result.is_text() && !session.screen.global.quiet;
    if is_shown && !stack.outputs.is_empty() {
        output::print(&output::outputs(&stack.outputs))?;
    }
    if step.side == Side::Dev {
        existing_policy::put(session, step, access).await?;
    }
    Ok(())
}
