//! What is refused before the first step of a change of a live pipeline.

use crate::deploy::StackStep;
use crate::stacks::{PIPELINE_NAME, Side};
use crate::transition::sequence::{Conflict, Leaving, Sequence};
use crate::transition::{Found, changes_agreement};

use super::session::Session;
use super::survey::Survey;
use super::transition_show as show;
use crate::cli::Failure;
use crate::cli::aws::removed::{self, Removed};

/// How many resources a message names.
const NAMED: usize = 10;

/// Refuses to deploy the dev stack to another account or region than the live pipeline's: the
/// targets would leave that pipeline.
pub(super) fn moved(session: &Session<'_>) -> Result<(), Failure> {
    let accounts = &session.accounts;
    let moved = removed::recorded(accounts).into_iter().find(|left| {
        let step = &left.step;
        // A pipeline whose stacks have other names keeps its targets.
        if step.stack != accounts.dev().stack {
            return false;
        }
        let outputs = accounts.outputs.of(step);
        step.side == Side::Dev && outputs.is_some_and(|outputs| outputs.contains_key(PIPELINE_NAME))
    });
    match moved {
        Some(Removed { step }) if !session.options.allow_interruption => Err(Failure::finding(
            format!(
                "the pipeline is deployed in account {}, {} (stack `{}`), and s3ferry does not move \
                 it; nothing was changed",
                step.account, step.region, step.stack
            ),
            "give the new pipeline another name, and its buckets and roles too; or accept with \
             --allow-interruption that the deployed one stops working",
        )),
        _ => Ok(()),
    }
}

/// Refuses a change that an adopted pipeline must follow: only `adopt` can switch it.
pub(super) fn adopted(session: &Session<'_>, survey: &Survey) -> Result<(), Failure> {
    let plan = &session.accounts.project.plan.dev;
    let is_affected = !plan.create_pipeline && survey.pieces.first().is_some_and(changes_agreement);
    if !is_affected || session.options.allow_interruption || session.options.dry_run {
        return Ok(());
    }
    Err(Failure::finding(
        format!(
            "pipeline `{}` is not in a stack, and it may not be able to deploy between this \
             deployment and `s3ferry adopt --write`; nothing was changed",
            plan.pipeline
        ),
        "to accept the interruption, give --allow-interruption; then run `s3ferry adopt --write` at \
         once",
    ))
}

/// Refuses to change a stack next to a live pipeline whose template cannot be merged.
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
                "the deployed template of stack `{}` was not written by s3ferry: {why}; nothing was \
                 changed",
                step.stack
            ),
            "s3ferry cannot keep what the deployed pipeline needs while it changes this stack; \
             --allow-interruption replaces the template at once",
        )),
        _ => Ok(()),
    }
}

/// Refuses names that another stack of the pipeline has.
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
            "one run cannot exchange names: give the first stack a third name, deploy, and then \
             deploy the second with the name that is free"
        }
        false => {
            "give the new stack other names (`bucket:` and `role:`); once the pipeline deploys to it, \
             `s3ferry destroy --removed` deletes the old one"
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

/// Refuses to let a bucket, a key or a role leave its stack without consent.
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
        "buckets and keys that leave a stack stay in the account; roles and pipelines are deleted, \
         once the new ones are in use; to allow it this once, give --allow-replacement",
    ))
}

/// Refuses steps between which the pipeline would not work.
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
            "after the step on stack `{}` the pipeline could not deploy until the last step: {}; \
             nothing was changed",
            step.stack,
            what.join("; ")
        ),
        "make the change in two deployments, or accept the interruption with --allow-interruption",
    ))
}

/// Refuses transitional templates that have errors, as every other template is refused.
///
/// # Errors
/// One of them has an error: CloudFormation would refuse it, or a reviewer.
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
