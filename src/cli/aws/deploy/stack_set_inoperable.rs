//! Inoperable instances of a stack set. StackSets can only give them up and create others, which
//! fails while the stack of the old instance exists. So that stack must be deleted first.

use crate::deploy::stack_set::Existing;
use crate::deploy::stack_set::run::Prepared;
use crate::deploy::{Access, Observer as _, StackStep, stack};
use serde_json::{Value, json};

use super::Session;
use super::stack_set_buckets::reach;
use super::stack_set_show::number;
use crate::cli::aws::runtime::Format;
use crate::cli::{Failure, output, shell};

/// How many instances are shown.
const SHOWN: usize = 20;

/// Checks that no inoperable instance has a stack. In accounts that no profile reaches, the user is
/// asked; with `--yes` the command stops at the instruction.
///
/// # Errors
/// A stack still exists, or may exist; AWS cannot be reached.
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
    let plan = &session.accounts.project.plan;
    let profiles = plan
        .instances()
        .map(|(_, instance)| instance.profile.as_str());
    let reached = reach(session, profiles.chain([plan.dev.profile.as_str()])).await?;
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
                    session.screen.says(&format!("{error}."));
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
    session.screen.says(&instruction(&left));
    if !exists && !session.options.yes {
        let question = "Are these stacks deleted?";
        if session.screen.confirm(question).await? {
            return Ok(());
        }
    }
    let instances: Vec<Value> = (left.iter())
        .map(|(one, _)| {
            json!({
                "account": one.instance.account,
                "region": one.instance.region,
                "stackId": one.stack_id,
            })
        })
        .collect();
    session.result(step, "refused", json!({ "inoperable": instances }));
    if session.options.result.format == Format::Json {
        session.finish(None)?;
    }
    Err(Failure::with_code(
        format!(
            "stack set `{}` has {} inoperable, and nothing was changed",
            step.stack,
            number(left.len())
        ),
        if exists {
            "delete the stacks listed above, then run the same command again"
        } else {
            "delete the stacks listed above, then run the same command without --yes and confirm \
             it, or with a profile for each account"
        },
        1,
    ))
}

/// The stacks to delete, and how.
fn instruction(left: &[(&Existing, Option<Access>)]) -> String {
    let mut text = "These instances are inoperable: StackSets cannot update them, only create \
                    them again. Delete their stacks first:"
        .to_owned();
    for (one, access) in left.iter().take(SHOWN) {
        let (account, region) = (&one.instance.account, &one.instance.region);
        let id = one.stack_id.as_deref().unwrap_or_default();
        let profile = access.as_ref().map_or("PROFILE", |access| access.profile());
        let command = format!(
            "aws cloudformation delete-stack --stack-name {} --region {} --profile {}",
            shell::word(id),
            shell::word(region),
            shell::word(profile)
        );
        text.push_str(&format!("\n  {account}, {region}:\n    {command}"));
    }
    if left.len() > SHOWN {
        let more = output::thousands(left.len() - SHOWN);
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}
