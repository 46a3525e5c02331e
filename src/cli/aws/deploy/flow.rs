//! The order of a deployment. The first deployment deploys the dev stack without the pipeline, then
//! the stacks of other regions and the targets, then the additional pipelines, and then the dev
//! stack with the pipeline. Once the pipeline exists, the first of these steps is omitted. Changes
//! to a live pipeline have a separate order.

use crate::deploy::StackStep;
use crate::stacks::{CREATE_PIPELINE, KEY_ID, Side};
use crate::transition::sequence::Sequence;

use super::one::deploy;
use super::session::Session;
use super::survey::survey;
use super::{next, stack_set, transition};
use crate::cli::aws::seen::{first_missing, made_pipeline};
use crate::cli::aws::{parameters, refuse, removed};
use crate::cli::{Failure, Outcome, shell};

/// Deploys the stacks that the user selected.
///
/// # Errors
/// Returns the first error that stops the deployment. Completed steps remain deployed, and a second
/// run continues from there.
pub(super) async fn run(session: &mut Session<'_>) -> Result<Outcome, Failure> {
    let selected = session.accounts.select(session.options.stacks.profile())?;
    parameters::check(session.parameters(), &selected, &session.accounts.steps)?;
    if session.options.retain_stacks {
        refuse::idle_retain_stacks(selected.iter())?;
    }
    let has_dev = selected.iter().any(|step| step.side == Side::Dev);
    if session.options.create_pipeline && !has_dev {
        return Err(Failure::new(
            "--create-pipeline requires the dev stack, which this profile does not deploy",
            format!(
                "remove the option, or use --profile {}",
                shell::word(&session.accounts.project.plan.dev.profile)
            ),
        ));
    }
    let mut survey = survey(session, &selected).await?;
    if has_dev && survey.dev().is_none() && session.accounts.find_earlier_name().await {
        return Box::pin(run(session)).await;
    }
    if has_dev && !session.accounts.project.plan.dev.create_pipeline {
        check_adoption(session, made_pipeline(survey.dev()))?;
    }
    if let Some(sequence) = transition::plan(session, &mut survey).await? {
        return change(session, &sequence).await;
    }
    let all = session.accounts.steps.clone();
    let selected: Vec<&StackStep> = (all.iter())
        .filter(|step| selected.iter().any(|found| found.is(step)))
        .collect();
    let is_selected = |step: &&StackStep| selected.iter().any(|found| found.is(step));
    let targets = all.iter().filter(|step| step.is_target());
    let others: Vec<&StackStep> = targets.filter(|step| !is_selected(step)).collect();
    let Some(dev) = selected.iter().find(|step| step.side == Side::Dev) else {
        if !deploy_all(session, &selected).await? {
            return Ok(Outcome::Findings);
        }
        removed::say_recorded(&session.accounts);
        let next = next::after_targets(session, &others).await;
        return session.finish(next);
    };
    let (further, before): (Vec<&StackStep>, Vec<&StackStep>) = selected
        .iter()
        .filter(|step| step.side != Side::Dev)
        .partition(|step| matches!(step.side, Side::Pipeline(_)));
    let has_pipeline = made_pipeline(survey.dev());
    let adopts = !session.accounts.project.plan.dev.create_pipeline;
    let is_decided = has_pipeline || session.options.create_pipeline;
    let missing = if is_decided {
        None
    } else {
        first_missing(&mut session.accounts, &others).await
    };
    let no_targets_here = !before.iter().any(|step| step.is_target());
    let others_stand = missing.is_none();
    let with_pipeline = is_decided
        || !adopts
            && no_targets_here
            && others_stand
            && all.iter().all(|step| !matches!(step.side, Side::Region(_)));
    if !with_pipeline && !deploy_dev(session, dev, false).await? {
        return Ok(Outcome::Findings);
    }
    if session.options.dry_run && !with_pipeline {
        let next = "run the command without --dry-run: the next steps need the dev stack's outputs";
        return session.finish(Some(next.to_owned()));
    }
    if !deploy_all(session, &before).await? {
        return Ok(Outcome::Findings);
    }
    if let Some(missing) = missing {
        let next = next::target(session, missing);
        return session.finish(Some(next));
    }
    if adopts {
        let next = next::adoption(&session.accounts);
        return session.finish(Some(next));
    }
    // A later pipeline must exist before the pipeline that starts it.
    if !deploy_all(session, &further).await? || !deploy_dev(session, dev, true).await? {
        return Ok(Outcome::Findings);
    }
    removed::say_recorded(&session.accounts);
    session.finish(Some(next::push(&session.accounts)))
}

/// Changes a live pipeline step by step.
async fn change(session: &mut Session<'_>, sequence: &Sequence) -> Result<Outcome, Failure> {
    session.targets_stand = !sequence.dev_waits;
    transition::look_ahead(session, sequence).await?;
    if !transition::run(session, sequence).await? {
        return Ok(Outcome::Findings);
    }
    removed::say_recorded(&session.accounts);
    let next = match session.options.dry_run {
        true => next::after_dry_run(&session.accounts.steps, sequence),
        false => next::after_change(&session.accounts, sequence),
    };
    session.finish(Some(next))
}

/// Refuses to delete or create a pipeline that is managed outside the stack (`create: false`).
fn check_adoption(session: &Session<'_>, has_pipeline: bool) -> Result<(), Failure> {
    let accounts = &session.accounts;
    if has_pipeline {
        return Err(Failure::new(
            format!(
                "stack `{}` contains the pipeline, but the configuration sets `create: false`",
                accounts.dev().stack
            ),
            "remove `create: false` from `dev.pipeline`; otherwise, CloudFormation deletes the \
             pipeline",
        ));
    }
    if session.options.create_pipeline {
        return Err(Failure::new(
            "--create-pipeline conflicts with `create: false` in the configuration",
            format!("remove the option; {}", next::adoption(accounts)),
        ));
    }
    Ok(())
}

/// Deploys the dev stack. Returns `false` if the user declines.
async fn deploy_dev(
    session: &mut Session<'_>,
    dev: &StackStep,
    pipeline: bool,
) -> Result<bool, Failure> {
    let parameters = [(CREATE_PIPELINE.to_owned(), pipeline.to_string())];
    session.accounts.key_id = None;
    deploy(session, dev, &parameters).await
}

/// Deploys stacks that take the key ID as a parameter. Returns `false` if the user declines.
async fn deploy_all(session: &mut Session<'_>, steps: &[&StackStep]) -> Result<bool, Failure> {
    for step in steps {
        let parameters = [(KEY_ID.to_owned(), session.key().await?.id)];
        let is_done = match step.stack_set {
            true => stack_set::deploy(session, step, &parameters, false).await?,
            false => deploy(session, step, &parameters).await?,
        };
        if !is_done {
            return Ok(false);
        }
    }
    Ok(true)
}
