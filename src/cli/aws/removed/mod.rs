//! Stacks of the pipeline that are no longer in the configuration, because a target, a region, or
//! an additional pipeline was removed. They are found in the outputs file and by listing the stacks
//! in the accounts.

use std::collections::BTreeMap;

use crate::aws::{AccountId, Region};
use crate::deploy::{StackStep, ownership, stack};
use crate::stacks::Side;
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) mod set;

use crate::cli::aws::accounts::Accounts;
use crate::cli::shell::Command;

/// A stack that is no longer in the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Removed {
    /// The stack. Its profile is empty if the configuration has no profile for its account.
    pub(crate) step: StackStep,
}

/// A stack, for JSON output.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RemovedEntry {
    /// Name of the stack.
    stack: String,
    account: AccountId,
    region: Region,
    /// The command that deletes the stack.
    command: String,
}

impl Removed {
    /// Returns the command that deletes the stack.
    pub(crate) fn command(&self) -> String {
        let command = Command::s3ferry("destroy --removed");
        match self.step.profile.as_str() {
            "" => command.words("--profile PROFILE").to_string(),
            profile => command.option("--profile", profile).to_string(),
        }
    }

    /// Describes the stack and how to delete it.
    pub(crate) fn sentence(&self) -> String {
        let StackStep {
            stack,
            account,
            region,
            ..
        } = &self.step;
        let whose = match self.step.profile.as_str() {
            "" => " with a profile for that account",
            _ => "",
        };
        format!(
            "{} {stack} in account {account}, {region}, is not in the configuration. Once the \
             pipeline no longer uses it, delete it{whose}: `{}`",
            self.kind(),
            self.command()
        )
    }

    /// Returns the kind, for use in a sentence.
    pub(crate) fn kind(&self) -> &'static str {
        match self.step.stack_set {
            true => "Stack set",
            false => "Stack",
        }
    }

    /// Returns the entry for JSON output.
    pub(crate) fn entry(&self) -> RemovedEntry {
        RemovedEntry {
            stack: self.step.stack.clone(),
            account: self.step.account.clone(),
            region: self.step.region.clone(),
            command: self.command(),
        }
    }
}

/// Returns the stacks that are in the outputs file but not in the configuration.
pub(crate) fn recorded(accounts: &Accounts<'_>) -> Vec<Removed> {
    let entries = accounts.outputs.known.stacks().iter();
    entries
        .filter(|entry| !is_configured(accounts, &entry.account, &entry.region, &entry.stack))
        .map(|entry| {
            let mut found = removed(accounts, &entry.account, &entry.region, &entry.stack);
            found.step.stack_set = set::is_set(&entry.outputs);
            found
        })
        .collect()
}

/// Prints the recorded stacks that are no longer in the configuration.
pub(crate) fn say_recorded(accounts: &Accounts<'_>) {
    for left in recorded(accounts) {
        accounts.screen.says(left.sentence() + ".");
    }
}

/// Returns whether a step belongs to a target that is no longer in the configuration.
pub(crate) fn is_removed(step: &StackStep) -> bool {
    step.side == Side::Target(usize::MAX)
}

/// Returns the recorded stacks and the stacks found by listing the stacks in the accounts. Skips
/// accounts whose stacks cannot be listed. Does not list stack sets.
pub(crate) async fn find(accounts: &mut Accounts<'_>) -> Vec<Removed> {
    let mut found = recorded(accounts);
    let steps = accounts.steps.iter().filter(|step| !step.stack_set);
    let places: BTreeMap<_, StackStep> = steps
        .map(|step| {
            let place = (
                step.account.clone(),
                step.region.clone(),
                step.profile.clone(),
            );
            (place, step.clone())
        })
        .collect();
    for step in places.into_values() {
        let StackStep {
            account, region, ..
        } = &step;
        let Ok(access) = accounts.access(&step).await else {
            continue;
        };
        let Ok(listed) = stack::list(&access).await else {
            continue;
        };
        for one in listed {
            let plan = &accounts.project.plan;
            if ownership::is_of_plan(plan, &one.name, &one.description)
                && !is_configured(accounts, account, region, &one.name)
                && !found.iter().any(|known| {
                    known.step.stack == one.name
                        && known.step.account == *account
                        && known.step.region == *region
                })
            {
                found.push(removed(accounts, account, region, &one.name));
            }
        }
    }
    found
}

fn is_configured(accounts: &Accounts<'_>, account: &str, region: &str, stack: &str) -> bool {
    let mut steps = accounts.steps.iter();
    steps.any(|step| step.account == account && step.region == region && step.stack == stack)
}

fn removed(accounts: &Accounts<'_>, account: &str, region: &str, stack: &str) -> Removed {
    let mut steps = accounts.steps.iter();
    let profile = steps
        .find(|step| step.account == account)
        .map_or("", |step| &step.profile);
    let own = accounts.project.plan.stack_name("");
    let prefixes = std::iter::once(own.as_str()).chain(accounts.outputs.known.prefixes());
    let names = prefixes.filter_map(|prefix| stack.strip_prefix(prefix));
    let name = names.min_by_key(|name| name.len()).unwrap_or(stack);
    Removed {
        step: StackStep::removed(stack, account, region, profile, name),
    }
}
