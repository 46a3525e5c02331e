//! The stacks that the configuration no longer names, as far as they may be deleted.

use s3ferry::deploy::StackStep;
use s3ferry::deploy::stack::{self, Deployed};
use s3ferry::stacks::Side;

use super::Options;
use crate::cli::accounts::Accounts;
use crate::cli::deploy::handoff::{self, Seen};
use crate::cli::removed::{self as left, Removed};
use crate::cli::{Failure, output, shell};

/// The stacks that the configuration no longer names, those of targets first; and whether others
/// remain, since no profile is of their account.
///
/// # Errors
/// There is none, or the deployed pipeline still deploys to one of them.
pub(super) async fn removed_steps(
    accounts: &mut Accounts<'_>,
    options: &Options,
) -> Result<(Vec<StackStep>, bool), Failure> {
    let found = left::find(accounts).await;
    let mut remain = false;
    let mut steps = Vec::new();
    for one in found {
        let kind = one.kind();
        let Removed { mut step } = one;
        match &options.profile {
            Some(profile) if step.profile.is_empty() || step.profile == *profile => {
                step.profile.clone_from(profile);
                // The profile may be of another account.
                if accounts.access(&step).await.is_ok() {
                    steps.push(step);
                }
            }
            Some(_) => {}
            None if step.profile.is_empty() => {
                remain = true;
                output::note(
                    accounts.global,
                    &format!(
                        "{kind} {} in account {} remains: no profile of the configuration is of that \
                         account. Name one: `s3ferry destroy --removed --profile PROFILE`.",
                        step.stack, step.account
                    ),
                );
            }
            None => steps.push(step),
        }
    }
    steps.sort_by_key(|step| !step.is_target());
    if !options.force {
        refuse_in_use(accounts, &steps).await?;
    }
    Ok((steps, remain))
}

/// Refuses to delete the stack of a live pipeline that has no successor, and that of a role which a
/// live pipeline still uses, or may use as far as can be seen from here.
async fn refuse_in_use(accounts: &mut Accounts<'_>, steps: &[StackStep]) -> Result<(), Failure> {
    let dev = accounts.steps[0].clone();
    let is_successor = |found: &Deployed| found.outputs.contains_key(PIPELINE);
    let seen = handoff::look(accounts, &dev).await;
    let mut pipelines = Vec::new();
    let has_successor = matches!(&seen, Seen::Read(Some(found)) if is_successor(found));
    if let Seen::Read(Some(found)) = &seen {
        pipelines.push(template(accounts, &dev, found).await?);
    }
    if !has_successor {
        // Nothing deploys instead of it.
        for old in left::recorded(accounts) {
            let old = old.step;
            if old.side != Side::Dev {
                continue;
            }
            let Seen::Read(Some(found)) = handoff::look(accounts, &old).await else {
                continue;
            };
            if is_successor(&found) && steps.iter().any(|step| step.is(&old)) {
                return Err(in_use(
                    format!("stack `{}` has the live pipeline", old.stack),
                    &dev,
                ));
            }
            pipelines.push(template(accounts, &old, &found).await?);
        }
    }
    let is_unknown = matches!(seen, Seen::Unreadable(_) | Seen::NoProfile)
        && !accounts.is_recorded_for_this_template(&dev);
    for step in steps.iter().filter(|step| step.is_target()) {
        if is_unknown {
            return Err(Failure::with_code(
                format!(
                    "whether the deployed pipeline still deploys to stack `{}` cannot be seen: \
                     stack `{}` of the dev account cannot be read; nothing was deleted",
                    step.stack, dev.stack
                ),
                format!(
                    "give access to profile {}, or --force if the pipeline no longer deploys to it",
                    shell::word(&dev.profile)
                ),
                1,
            ));
        }
        let is_used = is_used(accounts, step, &pipelines).await?;
        if is_used {
            return Err(in_use(
                format!(
                    "the deployed pipeline still deploys to stack `{}`",
                    step.stack
                ),
                &dev,
            ));
        }
    }
    Ok(())
}

/// The output of a dev stack with a pipeline.
const PIPELINE: &str = "PipelineName";

async fn template(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    found: &Deployed,
) -> Result<String, Failure> {
    let access = accounts.access(step).await?;
    Ok(stack::template(&access, &found.id).await?)
}

fn in_use(what: String, dev: &StackStep) -> Failure {
    Failure::with_code(
        format!("{what}; nothing was deleted"),
        format!(
            "deploy the configuration without it first: `{}`; --force deletes it all the same",
            shell::Command::s3ferry("deploy").option("--profile", &dev.profile)
        ),
        1,
    )
}

/// Whether a pipeline of these templates deploys with a role of a stack or a stack set.
async fn is_used(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    pipelines: &[String],
) -> Result<bool, Failure> {
    let roles = if step.stack_set {
        let access = accounts.access(step).await?;
        let found = left::set::find(&accounts.outputs.known, &access, step).await?;
        let Some((wanted, set)) = found else {
            return Ok(false);
        };
        left::set::roles(&access, &wanted, &set).await?
    } else {
        let known = &accounts.outputs.known;
        let outputs = known.of(&step.account, &step.region, &step.stack).cloned();
        let outputs = match outputs {
            Some(outputs) => outputs,
            None => match handoff::look(accounts, step).await {
                Seen::Read(Some(found)) => found.outputs,
                _ => return Ok(false),
            },
        };
        outputs.get("DeployRoleArn").cloned().into_iter().collect()
    };
    let mut roles = roles.iter();
    Ok(roles.any(|role| {
        pipelines
            .iter()
            .any(|template| template.contains(role.as_str()))
    }))
}
