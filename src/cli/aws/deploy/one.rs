//! One stack, as the user sees it: what would change, the question, the way to its end.

use crate::checked::Permit;
use crate::deploy::pace::Pace;
use crate::deploy::run::{Pending, Prepared};
use crate::deploy::stack::{Deployed, condition};
use crate::deploy::{Access, Change, Condition, DeployError, Observer as _, StackStep, executions};
use crate::stacks::Side;
use serde_json::{Value, json};

use super::handoff::{self, KEY_ID, Standing};
use super::propagation::Retries;
use super::{Session, existing_policy, initial_run, show};
use crate::cli::aws::runtime::Format;
use crate::cli::{Failure, output};

/// How a stack's deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It stands as the template says, or, in a dry run, it was shown.
    Yes,
    /// The user said no.
    Declined,
}

/// Deploys one stack.
///
/// # Errors
/// The stack failed, or cannot be deployed in its state; AWS refuses.
pub(super) async fn deploy(
    session: &mut Session<'_>,
    step: &StackStep,
    parameters: &[(String, String)],
) -> Result<Done, Failure> {
    let permit = session.permit(step)?;
    let access = session.accounts.access(step).await?;
    output::note(
        session.global,
        &format!(
            "\n{}: stack {} in account {}, {}",
            step.template.name, step.stack, step.account, step.region
        ),
    );
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
                output::note(session.global, "No changes.");
                finish(session, step, &access, "unchanged", &stack, json!({})).await?;
                return Ok(Done::Yes);
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
                session.screen.says(&format!(
                    "Stack {} is in {}: deleting it before the next attempt.",
                    left.name, left.status
                ));
                session.deployment(&access, step).delete(&left).await?;
            }
            Prepared::CreationFailed(left, cause) => {
                let because = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                session.screen.says(&format!(
                    "Stack {} is in {}{because}.\nIt must be deleted before it can be created \
                     again; nothing of it is in use.",
                    left.name, left.status
                ));
                if session.options.dry_run {
                    session.result(step, "planned", json!({ "delete": left.status }));
                    return Ok(Done::Yes);
                }
                if !session.options.yes
                    && !session
                        .screen
                        .confirm("Delete it and create it again?")
                        .await?
                {
                    return Ok(Done::Declined);
                }
                session.deployment(&access, step).delete(&left).await?;
            }
        }
    }
}

/// Looking ahead changes nothing, not even what protects the stack: that is made up for now.
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

/// Shows a change set, asks, and executes it. Nothing: it failed, and is to be tried again.
async fn changes(
    session: &mut Session<'_>,
    step: &StackStep,
    (access, permit): (&Access, Permit<'_>),
    pending: &Pending,
    parameters: &[(String, String)],
    retries: &mut Retries,
) -> Result<Option<Done>, Failure> {
    let change_set = &pending.change_set;
    let agreed = retries.agreed_to(&change_set.changes);
    if !agreed {
        output::note(
            session.global,
            show::changes(output::Stream::Notes, &change_set.changes).trim_end(),
        );
        let validations = show::validations(&change_set.validations, access);
        if !validations.is_empty() {
            output::note(session.global, validations.trim_end());
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
                let mut more = json!({ "changes": show::changes_json(&change_set.changes) });
                show::extend(&mut more, show::validations_json(&change_set.validations));
                session.result(step, "planned", more);
                if let Some(initial) = initial {
                    session.initial_execution(initial.into_json());
                }
                output::note(session.global, "Dry run: nothing was changed.");
                return Ok(Some(Done::Yes));
            }
            output::note(session.global, "Nothing was changed.");
            return Ok(Some(Done::Declined));
        }
        Err(failure) => {
            if let Err(error) = session.deployment(access, step).discard(pending).await {
                let name = &change_set.name;
                session
                    .screen
                    .says(&format!("Change set {name} is left: {error}."));
            }
            return Err(failure);
        }
    }
    let what = if condition(pending.before.as_ref()) == Condition::Ready {
        "updated"
    } else {
        "created"
    };
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
    output::note(session.global, &format!("Stack {} is {what}.", step.stack));
    let mut more = show::validations_json(&change_set.validations);
    if retries.are_under_way() {
        more["retries"] = retries.json();
    }
    finish(session, step, access, what, &stack, more).await?;
    if let Some(initial) = initial {
        let execution = initial.report(session, access).await;
        session.initial_execution(execution);
    }
    Ok(Some(Done::Yes))
}

/// Whether the change set is to be executed.
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
    Ok(session.options.yes || agreed || session.screen.confirm(&question).await?)
}

/// Refuses to replace or delete a key, a bucket or a role without consent.
///
/// # Errors
/// A change does so, and `--allow-replacement` is not given.
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
        return Err(Failure::with_code(
            format!(
                "this would replace or delete {}, and nothing was changed",
                dangerous.join(", ")
            ),
            if other_key {
                "a key cannot become a multi-Region key, nor stop being one: --allow-replacement \
                 makes a new key beside the old one and switches the artifact store to it; the old \
                 one is retained with its policy, so that old artifacts stay readable to whoever \
                 may use it; deploy the targets again right after"
            } else if only_roles {
                "another role has another ARN: whatever trusts the old one or names it must \
                 change as well; if that is meant, give --allow-replacement"
            } else {
                "a key that is replaced makes old artifacts unreadable, a bucket its objects \
                 unreachable; if that is meant, give --allow-replacement"
            },
            1,
        ));
    }
    Ok(())
}

/// CodePipeline refuses a pipeline whose deploy role does not exist: say which it is first.
async fn targets_stand(session: &mut Session<'_>) -> Result<(), Failure> {
    if session.targets_stand {
        return Ok(());
    }
    let steps = session.accounts.steps.clone();
    for target in steps.iter().filter(|step| step.is_target()) {
        if handoff::standing(&mut session.accounts, target).await == Standing::No {
            return Err(Failure::with_code(
                format!(
                    "target `{}` does not stand yet, and CodePipeline refuses a pipeline whose \
                     deploy role does not exist",
                    target.template.name
                ),
                format!(
                    "deploy it first: `s3ferry deploy --profile {}`",
                    crate::shell::word(&target.profile)
                ),
                1,
            ));
        }
    }
    session.targets_stand = true;
    Ok(())
}

/// A change of a pipeline, and its removal, ends an execution of it unfinished.
async fn wait_for_executions(
    session: &Session<'_>,
    access: &Access,
    pipeline: &str,
) -> Result<(), Failure> {
    let mut pace = Pace::new(session.options.aws.wait_timeout);
    let mut said = false;
    loop {
        let running = executions::running(access, pipeline).await?;
        let Some(first) = running.first() else {
            return Ok(());
        };
        if session.options.interrupt_execution {
            session.screen.says(&format!(
                "Execution {first} of the pipeline will end unfinished."
            ));
            return Ok(());
        }
        if !said {
            said = true;
            session.screen.says(&format!(
                "Execution {first} of pipeline {pipeline} runs, and a change would end it \
                 unfinished: waiting for it (--interrupt-execution does not wait)."
            ));
            session.screen.begins("execution of the pipeline");
        }
        pace.pause(&format!("execution {first} of pipeline `{pipeline}`"))
            .await?;
    }
}

/// Waits until no execution runs that began before the pipeline switched: it may still use what the
/// next steps remove.
pub(super) async fn wait_for_old_executions(
    session: &mut Session<'_>,
    step: &StackStep,
) -> Result<(), Failure> {
    let access = session.accounts.access(step).await?;
    let pipeline = session.accounts.project.plan.dev.pipeline.clone();
    let old = executions::running(&access, &pipeline).await?;
    let mut pace = Pace::new(session.options.aws.wait_timeout);
    let mut said = false;
    loop {
        let running = executions::running(&access, &pipeline).await?;
        let Some(first) = running.iter().find(|id| old.contains(id)) else {
            return Ok(());
        };
        if !said {
            said = true;
            session.screen.says(&format!(
                "Execution {first} of pipeline {pipeline} began before the switch: waiting for it \
                 before the old access is removed."
            ));
            session.screen.begins("execution of the pipeline");
        }
        pace.pause(&format!("execution {first} of pipeline `{pipeline}`"))
            .await?;
    }
}

/// Another key cuts a target off from the artifacts that the first one encrypted.
fn say_key_change(
    session: &Session<'_>,
    step: &StackStep,
    pending: &Pending,
    parameters: &[(String, String)],
) {
    let Some(before) = &pending.before else {
        return;
    };
    for (name, new) in parameters {
        match before.parameters.get(name) {
            Some(old) if old != new && name == KEY_ID && step.template.text.json.contains(old) => {
                session.screen.says(&format!(
                    "{KEY_ID} changes from {old} to {new}; until the pipeline has switched, this \
                     target can use both keys."
                ));
            }
            Some(old) if old != new && name == KEY_ID => session.screen.says(&format!(
                "{KEY_ID} changes from {old} to {new}: from then on this target can read only \
                 what the new key encrypts."
            )),
            _ => {}
        }
    }
}

/// CloudFormation takes over what has a name; a key has none.
fn say_new_key(session: &Session<'_>, pending: &Pending) {
    let changes = &pending.change_set.changes;
    let has = |action: &str, kind: &str| {
        let mut all = changes.iter();
        all.any(|change| change.action == action && change.resource_type == kind)
    };
    if has("Import", "AWS::S3::Bucket") && has("Add", "AWS::KMS::Key") {
        session.screen.says(
            "The buckets of an earlier stack are taken over, and its key is not, since \
             CloudFormation imports only what has a name: a new key is made, and every target must \
             be deployed again to get its ID. Artifacts that the old key encrypted stay readable \
             in the dev account while that key exists.",
        );
    }
}

/// A stack stands: keep its outputs, show them, and see to an existing bucket's policy.
async fn finish(
    session: &mut Session<'_>,
    step: &StackStep,
    access: &Access,
    what: &str,
    stack: &Deployed,
    mut more: Value,
) -> Result<(), Failure> {
    if !session.options.dry_run {
        session.accounts.outputs.put(step, stack);
    }
    more["outputs"] = json!(stack.outputs);
    session.result(step, what, more);
    let rows: Vec<Vec<String>> = stack
        .outputs
        .iter()
        .map(|(name, value)| vec![format!("  {name}"), value.clone()])
        .collect();
    if session.options.result.format == Format::Text && !session.global.quiet && !rows.is_empty() {
        output::print(&output::table(&["  output", "value"], &rows, &[]))?;
    }
    if step.side == Side::Dev {
        existing_policy::put(session, step, access).await?;
    }
    Ok(())
}
