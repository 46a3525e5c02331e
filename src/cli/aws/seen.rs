//! What can be seen of the stacks from here: of other accounts, too, as far as their profiles are at
//! hand.

use crate::deploy::stack::{self, Deployed, condition};
use crate::deploy::stack_set::Described;
use crate::deploy::{Access, Condition, ProfileState, StackStep, profile_state};
use crate::stacks::CREATE_PIPELINE;
use crate::transition::SetInstances;

use crate::cli::Failure;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::stack_set;
use crate::cli::project::Project;

/// Whether a target's stack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be seen from here.
    Unknown,
}

/// What can be seen of a stack from here.
pub(crate) enum Seen<T> {
    /// It was read.
    Read(T),
    /// It cannot be read: why.
    Unreadable(Failure),
    /// Its profile is not in the AWS configuration files.
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

/// Reads something of a stack's account, when its profile is at hand.
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

/// Looks at a stack set, when its administrator's profile is at hand.
pub(super) async fn look_at_set(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
) -> Seen<Option<(Described, SetInstances)>> {
    seen(accounts, step, async |project: &Project, access| {
        stack_set::look(project, &access, step).await
    })
    .await
}

/// Looks at a stack of another account, when its profile is at hand.
pub(crate) async fn look(accounts: &mut Accounts<'_>, step: &StackStep) -> Seen<Option<Deployed>> {
    seen(accounts, step, async |_: &Project, access| {
        Ok(stack::read(&access, &step.stack).await?)
    })
    .await
}

/// Whether a target's stack stands, as far as it can be seen from here.
pub(crate) async fn standing(accounts: &mut Accounts<'_>, target: &StackStep) -> Standing {
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
        Seen::Read(true) => return Standing::Yes,
        Seen::Read(false) => return Standing::No,
        Seen::Unreadable(failure) => accounts.screen.says(format!(
            "Stack {} cannot be read with profile {}: {}.",
            target.stack,
            target.profile,
            failure.message()
        )),
        Seen::NoProfile => {}
    }
    match accounts.outputs.of(target) {
        Some(_) => Standing::Yes,
        None => Standing::Unknown,
    }
}

/// The first target that does not stand, or of which nothing is known.
pub(crate) async fn first_missing<'t>(
    accounts: &mut Accounts<'_>,
    targets: &[&'t StackStep],
) -> Option<&'t StackStep> {
    for target in targets {
        if standing(accounts, target).await != Standing::Yes {
            return Some(target);
        }
    }
    None
}

/// Whether the dev stack was deployed with its pipeline.
pub(crate) fn made_pipeline(dev: Option<&Deployed>) -> bool {
    let made = dev.and_then(|stack| stack.parameters.get(CREATE_PIPELINE));
    condition(dev) == Condition::Ready && made.is_some_and(|made| made == "true")
}
