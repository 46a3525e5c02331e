//! The stacks that the configuration no longer names, as far as they may be deleted.

use s3ferry::deploy::{StackStep, stack};

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

/// Refuses to delete the stack of a role that the deployed pipeline still uses.
async fn refuse_in_use(accounts: &mut Accounts<'_>, steps: &[StackStep]) -> Result<(), Failure> {
    let dev = accounts.steps[0].clone();
    let Seen::Read(Some(stack)) = handoff::look(accounts, &dev).await else {
        return Ok(());
    };
    let access = accounts.access(&dev).await?;
    let template = stack::template(&access, &stack.id).await?;
    for step in steps.iter().filter(|step| step.is_target()) {
        let is_used = match step.stack_set {
            true => {
                let access = accounts.access(step).await?;
                let found = left::set::find(&accounts.outputs.known, &access, step).await?;
                let Some((wanted, set)) = found else { continue };
                let roles = left::set::roles(&access, &wanted, &set).await?;
                roles.iter().any(|role| template.contains(role.as_str()))
            }
            false => {
                let known = &accounts.outputs.known;
                let outputs = known.of(&step.account, &step.region, &step.stack).cloned();
                let outputs = match outputs {
                    Some(outputs) => outputs,
                    None => match handoff::look(accounts, step).await {
                        Seen::Read(Some(found)) => found.outputs,
                        _ => continue,
                    },
                };
                outputs
                    .get("DeployRoleArn")
                    .is_some_and(|role| template.contains(role.as_str()))
            }
        };
        if is_used {
            return Err(Failure::with_code(
                format!(
                    "the deployed pipeline still deploys to stack `{}`; nothing was deleted",
                    step.stack
                ),
                format!(
                    "deploy the configuration without it first: `{}`; --force deletes it all the \
                     same",
                    shell::Command::s3ferry("deploy").option("--profile", &dev.profile)
                ),
                1,
            ));
        }
    }
    Ok(())
}
