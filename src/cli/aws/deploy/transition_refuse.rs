//! Checks that run before the first step of a change to a live pipeline.

use crate::deploy::StackStep;
use crate::stacks::{PIPELINE_NAME, Side};
use crate::transition::sequence::{Conflict, Leaving, Sequence};
use crate::transition::{Found, changes_agreement};

use super::session::Session;
use super::survey::Survey;
use super::transition_show as show;
use crate::cli::Failure;
use crate::cli::aws::removed::{self, Removed};

/// Maximum number of resources in a message.
const NAMED: usize = 10;

/// Refuses to deploy the dev stack to an account or region other than that of the live pipeline.
/// The live pipeline would lose its targets.
pub(super) fn moved(session: &Session<'_>) -> Result<(), Failure> {
    let accounts = &session.accounts;
    let moved = removed::recorded(accounts).into_iter().find(|left| {
        let step = &left.step;
        // A pipeline with other stack names keeps its targets.
        if step.stack != accounts.dev().stack {
            return false;
        }
        let outputs = accounts.outputs.of(step);
        step.side == Side::Dev && outputs.is_some_and(|outputs| outputs.contains_key(PIPELINE_NAME))
    });
    match moved {
        Some(Removed { step }) if !session.options.allow_interruption => Err(Failure::finding(
            format!(
                "s3ferry cannot move the pipeline that is deployed in account {}, {} (stack `{}`); \
                 nothing was changed",
                step.account, step.region, step.stack
            ),
            "choose other names for the new pipeline, its buckets, and its roles; or use \
             --allow-interruption, which stops the deployed pipeline from working",
        )),
        _ => Ok(()),
    }
}

/// Refuses a change that also requires a change to an adopted pipeline. Only `adopt` can change
/// that pipeline.
pub(super) fn adopted(session: &Session<'_>, survey: &Survey) -> Result<(), Failure> {
    let plan = &session.accounts.project.plan.dev;
    let is_affected = !plan.create_pipeline && survey.pieces.first().is_some_and(changes_agreement);
    if !is_affected || session.options.allow_interruption || session.options.dry_run {
        return Ok(());
    }
    Err(Failure::finding(
        format!(
            "pipeline `{}` is not managed by a stack and may be unable to deploy until `s3ferry \
             adopt --write` runs; nothing was changed",
            plan.pipeline
        ),
        "to accept the interruption, use --allow-interruption, then run `s3ferry adopt --write` \
         immediately",
    ))
}

/// Refuses to change a stack of a live pipeline if its deployed template cannot be merged.
pub(super) fn foreign(session: &Session<'_>, survey: &Survey) -> Result<(), Failure> {
    let foreign = survey
        .pieces
        .iter()
        .zip(&session.accounts.steps)
        .filter(|(piece, _)| piece.is_selected)
        .find_map(|(piece, step)| match &piece.found {
            Found::Foreign(why) => Some((why, step)),
            _ => None,
        });
    match foreign {
        Some((why, step)) if !session.options.allow_interruption => Err(Failure::finding(
            format!(
                "the deployed template of stack `{}` was not created by s3ferry: {why}; nothing \
                 was changed",
                step.stack
            ),
            "s3ferry cannot keep the pipeline working while it changes this stack; to replace the \
             template in one step, use --allow-interruption",
        )),
        _ => Ok(()),
    }
}

/// Refuses resource names that another stack of the pipeline uses.
pub(super) fn conflicts(
    steps: &[StackStep],
    survey: &Survey,
    conflicts: &[Conflict],
) -> Result<(), Failure> {
    let Some(first) = conflicts.first() else {
        return Ok(());
    };
    let help = match first.owner < steps.len() {
        true => {
            "s3ferry cannot swap names in one run: rename the current \
             owner's resource to a temporary name and deploy that stack, then deploy the other \
             stack with the released name"
        }
        false => {
            "choose other names for the new stack (`bucket:` and `role:`); once the pipeline \
             deploys to it, delete the old stack with `s3ferry destroy --removed`"
        }
    };
    let owner = match first.owner.checked_sub(steps.len()) {
        Some(removed) => survey.removed.get(removed),
        None => steps.get(first.owner),
    };
    let owner = owner.map_or(String::new(), |owner| {
        format!("stack `{}` in {}", owner.stack, owner.region)
    });
    let new = &steps[first.piece];
    let name = first.name.rsplit('/').next().unwrap_or(&first.name);
    Err(Failure::finding(
        format!(
            "{} {name} of stack `{}` in {} belongs to {owner}; nothing was changed",
            show::kind(&first.kind),
            new.stack,
            new.region
        ),
        help,
    ))
}

/// Refuses to remove a bucket, a key, or a role from its stack without `--allow-replacement`.
pub(super) fn leaving(
    session: &Session<'_>,
    steps: &[StackStep],
    leaving: &[Leaving],
) -> Result<(), Failure> {
    if leaving.is_empty() || session.options.allow_replacement || session.options.dry_run {
        return Ok(());
    }
    let named: Vec<String> = leaving
        .iter()
        .take(NAMED)
        .map(|one| show::leaving(one, &steps[one.piece]))
        .collect();
    let more = match leaving.len() - named.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Err(Failure::finding(
        format!(
            "this would replace or delete {}{more}; nothing was changed",
            named.join(", ")
        ),
        "removed buckets and keys are retained in the account; removed roles and pipelines are \
         deleted once the new ones are in use; to allow this, use --allow-replacement",
    ))
}

/// Refuses a sequence of steps that interrupts the pipeline.
pub(super) fn breaks(
    session: &Session<'_>,
    steps: &[StackStep],
    sequence: &Sequence,
) -> Result<(), Failure> {
    let Some(first) = sequence.breaks.first() else {
        return Ok(());
    };
    if session.options.allow_interruption {
        return Ok(());
    }
    let step = &steps[sequence.moves[first.after].piece];
    let what: Vec<&str> = first
        .faults
        .iter()
        .take(3)
        .map(|fault| fault.what.as_str())
        .collect();
    Err(Failure::finding(
        format!(
            "from the step for stack `{}` until the last step, the pipeline would be unable to deploy: {}; \
             nothing was changed",
            step.stack,
            what.join("; ")
        ),
        "split the change into two deployments, or accept the interruption with \
         --allow-interruption",
    ))
}

/// Refuses transitional templates with errors, like all other templates.
///
/// # Errors
/// Returns an error if a transitional template has lint errors.
pub(super) fn lint(
    session: &mut Session<'_>,
    steps: &[StackStep],
    sequence: &Sequence,
) -> Result<(), Failure> {
    let transitional = sequence
        .moves
        .iter()
        .filter(|one| one.version.is_transitional());
    for one in transitional {
        session.permit(&steps[one.piece].stack, &one.template.to_yaml())?;
    }
    Ok(())
}
