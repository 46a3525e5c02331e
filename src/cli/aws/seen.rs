//! Reads stacks, including those in other accounts if their profiles are configured.

use crate::deploy::stack::{self, Deployed, condition};
use crate::deploy::stack_set::Described;
use crate::deploy::{Access, Condition, ProfileState, StackStep, profile_state};
use crate::stacks::CREATE_PIPELINE;
use crate::transition::SetInstances;

use crate::cli::Failure;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::stack_set;
use crate::cli::project::Project;

/// Whether a target is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The target is deployed.
    Yes,
    /// The target is not deployed.
    No,
    /// The target cannot be read.
    Unknown,
}

/// The result of reading a stack.
pub(crate) enum Seen<T> {
    /// The stack was read.
    Read(T),
    /// The reason why the stack cannot be read.
    Unreadable(Failure),
    /// The profile of the stack is not in the AWS configuration files.
    NoProfile,
}

impl<T> Seen<T> {
    fn map<U>(self, of: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Self::Read(found) => Seen::Read(of(found)),
            Self::Unreadable(failure) => Seen::Unreadable(failure),
            Self::NoProfile => Seen::NoProfile,
        }
    }
}

/// Reads from the account of a stack, if its profile is configured.
async fn seen<T>(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    read: impl AsyncFnOnce(&Project, Access) -> Result<T, Failure>,
) -> Seen<T> {
    match profile_state(&step.profile).await {
        Ok(ProfileState::Known) => {}
        Ok(_) => return Seen::NoProfile,
        Err(error) => return Seen::Unreadable(error.into()),
    }
    let read = match accounts.access(step).await {
        Ok(access) => read(&accounts.project, access).await,
        Err(failure) => Err(failure),
    };
    match read {
        Ok(found) => Seen::Read(found),
        Err(failure) => Seen::Unreadable(failure),
    }
}

/// Reads a stack set, if the profile of its administrator account is configured.
pub(super) async fn look_at_set(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
) -> Seen<Option<(Described, SetInstances)>> {
    seen(accounts, step, async |project: &Project, access| {
        stack_set::look(project, &access, step).await
    })
    .await
}

/// Reads a stack, if its profile is configured.
pub(crate) async fn look(accounts: &mut Accounts<'_>, step: &StackStep) -> Seen<Option<Deployed>> {
    seen(accounts, step, async |_: &Project, access| {
        Ok(stack::read(&access, &step.stack).await?)
    })
    .await
}

/// Determines whether a target is deployed, from AWS or from the outputs file.
pub(crate) async fn presence(accounts: &mut Accounts<'_>, target: &StackStep) -> Presence {
    let seen = if target.stack_set {
        seen(accounts, target, async |project: &Project, access| {
            stack_set::all_stand(project, &access, target).await
        })
        .await
    } else {
        let seen = look(accounts, target).await;
        seen.map(|found| condition(found.as_ref()) == Condition::Ready)
    };
    match seen {
        Seen::Read(true) => return Presence::Yes,
        Seen::Read(false) => return Presence::No,
        Seen::Unreadable(failure) => accounts.screen.says(format!(
            "Cannot read stack {} with profile {}: {}.",
            target.stack,
            target.profile,
            failure.message()
        )),
        Seen::NoProfile => {}
    }
    match accounts.outputs.of(target) {
        Some(_) => Presence::Yes,
        None => Presence::Unknown,
    }
}

/// Returns the first target that is not deployed or whose state is unknown.
pub(crate) async fn first_missing<'t>(
    accounts: &mut Accounts<'_>,
    targets: &[&'t StackStep],
) -> Option<&'t StackStep> {
    for target in targets {
        if presence(accounts, target).await != Presence::Yes {
            return Some(target);
        }
    }
    None
}

/// Returns whether the dev stack was deployed with its pipeline.
pub(crate) fn made_pipeline(dev: Option<&Deployed>) -> bool {
    let made = dev.and_then(|stack| stack.parameters.get(CREATE_PIPELINE));
    condition(dev) == Condition::Ready && made.is_some_and(|made| made == "true")
}
