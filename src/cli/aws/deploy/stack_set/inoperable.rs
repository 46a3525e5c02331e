//! Checks the inoperable instances of a stack set. StackSets can only remove and recreate them,
//! which fails while the stack of the old instance exists. That stack must be deleted first.

use crate::deploy::stack_set::Existing;
use crate::deploy::stack_set::deployment::Prepared;
use crate::deploy::{Access, StackStep, stack};
use crate::shell::Command;

use super::reach::reach_all;
use crate::cli::aws::deploy::result::{Done, Inoperable, StepResult};
use crate::cli::aws::deploy::session::Session;
use crate::cli::aws::stack_set::show::number;
use crate::cli::{Failure, output};

/// Maximum number of instances shown.
const SHOWN: usize = 20;

/// Checks that no inoperable instance still has a stack. For accounts without a profile, asks the
/// user. With `--yes`, shows the stacks to delete and stops.
pub(super) async fn check(
    session: &mut Session<'_>,
    step: &StackStep,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let (mut left, mut unknown) = (Vec::new(), Vec::new());
    let all = &prepared.comparison.recreate;
    if all.iter().all(|one| one.stack_id.is_none()) {
        return Ok(());
    }
    let reached = reach_all(session).await?;
    for one in all {
        let Some(id) = &one.stack_id else {
            continue;
        };
        let access = reached.accounts.get(&one.instance.account);
        let access = access.map(|access| access.in_region(&one.instance.region));
        match &access {
            Some(access) => match stack::read(access, id).await {
                Ok(None) => {}
                Ok(Some(_)) => left.push((one, Some(access.clone()))),
                Err(error) => {
                    session.screen.says(format!("{error}."));
                    unknown.push((one, None));
                }
            },
            None => unknown.push((one, None)),
        }
    }
    if left.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    let exists = !left.is_empty();
    left.extend(unknown);
    session.screen.says(instruction(&left));
    // `--yes` does not answer this question: the operation fails if a stack still exists.
    if !exists && !session.options.confirmation.yes {
        let question = "Have these stacks been deleted?";
        if session.screen.confirm(false, question).await? {
            return Ok(());
        }
    }
    let instances = left.iter().map(|(one, _)| Inoperable {
        instance: one.instance.clone(),
        stack_id: one.stack_id.clone(),
    });
    let result = StepResult {
        inoperable: instances.collect(),
        ..StepResult::new(step, Done::Refused)
    };
    let message = format!(
        "stack set `{}`: {} inoperable; nothing was changed",
        step.stack,
        number(left.len())
    );
    let help = match exists {
        true => "delete the stacks listed above, then run the same command again",
        false => {
            "delete the stacks listed above; then run the same command without --yes and confirm, \
             or configure a profile for each account"
        }
    };
    session.refuse(result, Failure::finding(message, help))
}

/// Lists the stacks to delete and the commands that delete them.
fn instruction(left: &[(&Existing, Option<Access>)]) -> String {
    let mut text = "These instances are inoperable. StackSets cannot update them, only recreate \
                    them. Delete their stacks first:"
        .to_owned();
    for (one, access) in left.iter().take(SHOWN) {
        let (account, region) = (&one.instance.account, &one.instance.region);
        let id = one.stack_id.as_deref().unwrap_or_default();
        let profile = access.as_ref().map_or("PROFILE", |access| access.profile());
        let command = Command::aws("cloudformation delete-stack")
            .option("--stack-name", id)
            .option("--region", region)
            .option("--profile", profile);
        text.push_str(&format!("\n  {account}, {region}:\n    {command}"));
    }
    if left.len() > SHOWN {
        let more = output::thousands(left.len() - SHOWN);
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}
