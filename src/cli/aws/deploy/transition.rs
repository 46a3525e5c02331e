//! Changes a live pipeline: reads the deployed state, then plans and proves the steps. Errors that
//! would stop a later step are reported before the first step.

use std::sync::Arc;

use crate::deploy::deployment::Prepared;
use crate::deploy::{Observer as _, StackStep};
use crate::stacks::{CREATE_PIPELINE, KEY_ID, Side};
use crate::transition::sequence::{self, Sequence, Version};
use crate::transition::{Found, Piece};

use super::session::Session;
use super::survey::Survey;
use super::{
    existing_policy, one, stack_set, transition_refuse as refuse, transition_show as show,
};
use crate::cli::aws::accounts::Key;
use crate::cli::aws::seen::made_pipeline;
use crate::cli::shell::with_profile;
use crate::cli::{Failure, files};

/// Plans the change to a live pipeline. Returns `None` if no pipeline is live or nothing changes.
///
/// # Errors
/// Returns an error if a stack cannot be read or a step would be refused.
pub(super) async fn plan(
    session: &mut Session<'_>,
    survey: &mut Survey,
) -> Result<Option<Sequence>, Failure> {
    let planned = planned(session, survey).await;
    if planned.is_err() && !session.options.dry_run {
        // A killed run may have left the stacks unprotected. The planning error takes precedence.
        if let Err(failure) = protect(session, survey).await {
            session
                .screen
                .says(format!("Cannot protect the stacks: {}.", failure.message()));
        }
    }
    planned
}

/// Restores the protection of the selected stacks.
async fn protect(session: &mut Session<'_>, survey: &Survey) -> Result<(), Failure> {
    let steps = session.accounts.steps.clone();
    for ((piece, step), stack) in survey.pieces.iter().zip(&steps).zip(&survey.stacks) {
        if let (Some(stack), Found::Deployed(deployed)) = (stack, &piece.found)
            && piece.is_selected
        {
            // Protect the deployed resources, not those of the new template.
            let step = step.with_template(&Arc::new(deployed.template.clone()));
            let access = session.accounts.access(&step).await?;
            let deployment = session.deployment(&access, &step);
            deployment.guard(stack.protected).await?;
        }
    }
    Ok(())
}

async fn planned(
    session: &mut Session<'_>,
    survey: &mut Survey,
) -> Result<Option<Sequence>, Failure> {
    let steps = session.accounts.steps.clone();
    let selects_dev = survey.pieces.first().is_some_and(|dev| dev.is_selected);
    if selects_dev && !made_pipeline(survey.dev()) {
        refuse::moved(session)?;
        refuse::adopted(session, survey)?;
        return Ok(None);
    }
    refuse::foreign(session, survey)?;
    set_keys(session, survey).await?;
    let changes = |piece: &Piece| piece.is_selected && piece.changes();
    if !survey.pieces.iter().any(changes) {
        return Ok(None);
    }
    survey.read_others(&mut session.accounts).await?;
    survey.set_key_of_others();
    let is_live = match &survey.pieces[0].found {
        Found::Deployed(_) => made_pipeline(survey.dev()),
        Found::Absent | Found::Foreign(_) => false,
        Found::Unknown { .. } => true,
    };
    if !is_live {
        return Ok(None);
    }
    let plan = &session.accounts.project.plan;
    let mut sequence = sequence::plan(plan, &survey.pieces, session.options.create_pipeline)
        .map_err(|why| {
            Failure::new(
                format!("the deployed templates cannot be proven: {why}"),
                "",
            )
        })?;
    sequence.key = survey.key();
    if sequence.needs_dev {
        let dev = &steps[0];
        return Err(Failure::finding(
            format!(
                "stack `{}` must be deployed first, because it creates the key or the service role \
                 for this change; nothing was changed",
                dev.stack
            ),
            format!(
                "run `{}`, then this command again",
                with_profile("deploy", &dev.profile)
            ),
        ));
    }
    refuse::conflicts(&steps, survey, &sequence.conflicts)?;
    refuse::leaving(session, &steps, &sequence.leaving)?;
    refuse::breaks(session, &steps, &sequence)?;
    write_steps(session, &steps, &sequence)?;
    refuse::lint(session, &steps, &sequence)?;
    Ok(Some(sequence))
}

/// Sets the key of each stack, if it is known before the first step.
async fn set_keys(session: &mut Session<'_>, survey: &mut Survey) -> Result<(), Failure> {
    let takes_key = |piece: &Piece| piece.is_selected && piece.side != Side::Dev;
    if !survey.pieces.iter().any(takes_key) {
        return Ok(());
    }
    let from_dev = survey.key();
    let is_given = session.parameters().iter().any(|(name, _)| name == KEY_ID);
    let key = match from_dev.filter(|_| !is_given) {
        Some(id) => Key {
            id,
            is_recorded: false,
        },
        None => session.key().await?,
    };
    let steps = session.accounts.steps.clone();
    for (piece, step) in survey.pieces.iter_mut().zip(&steps) {
        if !takes_key(piece) {
            continue;
        }
        if let Found::Deployed(deployed) = &piece.found
            && let Some(old) = deployed.parameters.get(KEY_ID)
            && *old != key.id
            && key.is_recorded
        {
            return Err(Failure::finding(
                format!(
                    "stack `{}` uses key {old}, but .s3ferry/outputs.json contains key {}; \
                     nothing was changed",
                    step.stack, key.id
                ),
                format!(
                    "the dev stack cannot be read to verify the key: update \
                     .s3ferry/outputs.json, or confirm the new key with --parameter {KEY_ID}={}",
                    key.id
                ),
            ));
        }
        piece.key = Some(key.id.clone());
    }
    Ok(())
}

/// Writes the template of each step if `--write-steps` is set.
fn write_steps(
    session: &Session<'_>,
    steps: &[StackStep],
    sequence: &Sequence,
) -> Result<(), Failure> {
    let Some(folder) = &session.options.write_steps else {
        return Ok(());
    };
    if folder.as_os_str() == "-" {
        return Err(Failure::new(
            "--write-steps requires a folder: it cannot write several templates to standard output",
            "set it to a folder",
        ));
    }
    for (number, one) in sequence.moves.iter().enumerate() {
        let stack = &steps[one.piece].stack;
        let path = folder.join(format!("{}-{stack}.yaml", number + 1));
        files::write(&path, &one.template.to_yaml())?;
    }
    session.screen.says(format!(
        "Wrote the templates of {} steps to {}.",
        sequence.moves.len(),
        folder.display()
    ));
    Ok(())
}

/// Creates the change sets for the first step of each stack before any step is taken.
///
/// # Errors
/// Returns an error if CloudFormation or s3ferry rejects a change set. In that case, all change
/// sets are deleted.
pub(super) async fn look_ahead(
    session: &mut Session<'_>,
    sequence: &Sequence,
) -> Result<(), Failure> {
    match prepare_all(session, sequence).await {
        Ok(()) => Ok(()),
        Err(failure) => {
            session.discard_prepared().await;
            Err(failure)
        }
    }
}

async fn prepare_all(session: &mut Session<'_>, sequence: &Sequence) -> Result<(), Failure> {
    let steps = session.accounts.steps.clone();
    if sequence
        .moves
        .iter()
        .any(|one| steps[one.piece].side == Side::Dev)
    {
        let access = session.accounts.access(&steps[0]).await?;
        existing_policy::refuse_changed(session, &steps[0], &access).await?;
    }
    let mut seen = Vec::new();
    let mut key_is_new = false;
    for step in &sequence.moves {
        let first = !seen.contains(&step.piece);
        seen.push(step.piece);
        let stack = steps[step.piece].with_template(&step.template);
        key_is_new |= step.adds_key;
        // StackSets has no change sets, and the ID of a new key is unknown until the dev stack
        // creates it.
        if !first || stack.stack_set || (key_is_new && stack.side != Side::Dev) {
            continue;
        }
        let parameters = parameters(session, &stack, step.key.as_ref()).await?;
        let access = session.accounts.access(&stack).await?;
        let found = match session.kept(&stack) {
            Some(found) => found,
            None => session.deployment(&access, &stack).settled().await?,
        };
        session.renew_token();
        let prepared = session
            .deployment(&access, &stack)
            .compare(found, &parameters)
            .await?;
        session.screen.ended();
        let changes = match &prepared {
            Prepared::Changes(pending) => pending.change_set.changes.clone(),
            _ => Vec::new(),
        };
        session.keep_prepared(&stack, prepared);
        one::refuse_dangerous(session, &changes)?;
    }
    Ok(())
}

/// Returns the parameters of a live pipeline's stack, with the `planned` key if set.
async fn parameters(
    session: &mut Session<'_>,
    step: &StackStep,
    planned: Option<&String>,
) -> Result<Vec<(String, String)>, Failure> {
    if step.side == Side::Dev {
        return Ok(vec![(CREATE_PIPELINE.to_owned(), true.to_string())]);
    }
    if let Some(key) = planned {
        return Ok(vec![(KEY_ID.to_owned(), key.clone())]);
    }
    Ok(vec![(KEY_ID.to_owned(), session.key().await?.id)])
}

/// Takes the steps. Returns `false` if the user declines.
///
/// # Errors
/// Returns an error if a stack operation fails or AWS denies a call. Completed steps remain
/// deployed, the pipeline keeps working, and a second run continues from there.
pub(super) async fn run(session: &mut Session<'_>, sequence: &Sequence) -> Result<bool, Failure> {
    let done = take(session, sequence).await;
    if !matches!(done, Ok(true)) {
        session.discard_prepared().await;
    }
    done
}

/// Records the stacks that need no first step. A user who deploys the dev stack without access to
/// them needs this record to switch the pipeline.
fn record_ready(session: &mut Session<'_>, steps: &[StackStep], sequence: &Sequence) {
    if session.options.dry_run {
        return;
    }
    let moves = |piece| sequence.moves.iter().any(|one| one.piece == piece);
    for piece in sequence.ready.iter().filter(|piece| !moves(**piece)) {
        if let Some(Some(found)) = session.kept(&steps[*piece]) {
            session.accounts.outputs.put(&steps[*piece], &found);
        }
    }
}

async fn take(session: &mut Session<'_>, sequence: &Sequence) -> Result<bool, Failure> {
    let steps = session.accounts.steps.clone();
    show::steps(session, &steps, sequence);
    record_ready(session, &steps, sequence);
    for (number, one) in sequence.moves.iter().enumerate() {
        let mut step = steps[one.piece].with_template(&one.template);
        let is_dev = step.side == Side::Dev;
        if is_dev && one.version == Version::Both {
            // The dev stack does not match the new configuration yet.
            step.configured.clear();
        }
        if session.options.dry_run
            && number > 0
            && sequence.moves[..number]
                .iter()
                .any(|earlier| earlier.piece == one.piece)
        {
            // The changes of a second step are unknown until the first step is deployed.
            continue;
        }
        let is_switch = sequence.is_switch(one);
        if is_dev && sequence.is_switched && !session.options.dry_run {
            // The run that switched the pipeline may have been interrupted while it waited.
            one::wait_for_old_executions(session, &step).await?;
        }
        if is_switch {
            // The merged policy keeps the old statements, so it can be applied before the switch.
            let access = session.accounts.access(&step).await?;
            existing_policy::put(session, &step, &access).await?;
        }
        let parameters = parameters(session, &step, one.key.as_ref()).await?;
        let is_done = if step.stack_set {
            // With `--allow-interruption`, instances are removed immediately, because a closed
            // account would block every update.
            let keeps = one.version == Version::Both && !session.options.allow_interruption;
            stack_set::deploy(session, &step, &parameters, keeps).await?
        } else {
            one::deploy(session, &step, &parameters).await?
        };
        if !is_done {
            return Ok(false);
        }
        if is_dev {
            session.accounts.key_id = None;
            let is_last = number + 1 == sequence.moves.len();
            if is_switch && !is_last && !session.options.dry_run {
                one::wait_for_old_executions(session, &step).await?;
            }
        }
    }
    Ok(true)
}
