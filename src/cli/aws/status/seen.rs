//! The stacks as they are found.

use std::pin::Pin;
use std::time::Duration;

use crate::deploy::next::{self, StackState};
use crate::deploy::stack_set::deployment::stands;
use crate::deploy::stack_set::{Wanted, set};
use crate::deploy::view::{self, View};
use crate::deploy::{
    Access, Comparison, Condition, DeployError, ProfileState, StackStep, profile_state, together,
};

use crate::cli::Failure;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::stack_set;

/// How many stacks are looked at together.
const TOGETHER: usize = 8;
/// A stack as it was found.
pub(super) struct Seen {
    pub(super) step: StackStep,
    pub(super) found: StackState,
    /// Why it could not be read.
    pub(super) failure: Option<Failure>,
    /// Whether there is a profile or an environment to read it with.
    pub(super) has_profile: bool,
}

/// A read that runs beside others.
type Read = Pin<Box<dyn Future<Output = Result<StackState, DeployError>> + Send>>;

/// Looks at all stacks, several at a time, and gives them in their order; with `drift` after a
/// detection that may take so long.
pub(super) async fn look(
    accounts: &mut Accounts<'_>,
    steps: Vec<StackStep>,
    drift: Option<Duration>,
) -> Result<Vec<Seen>, Failure> {
    let mut seen = Vec::new();
    let mut reads = Vec::new();
    for (index, step) in steps.into_iter().enumerate() {
        let (read, failure) = match reader(accounts, &step, drift).await {
            Ok(read) => (Some(read), None),
            Err(failure) => (None, Some(failure)),
        };
        reads.extend(read.map(|read| async move { (index, read.await) }));
        let has_profile = failure.is_none()
            || !matches!(
                profile_state(&step.profile).await,
                Ok(ProfileState::Unknown)
            );
        seen.push(Seen {
            step,
            found: StackState::Unreadable,
            failure,
            has_profile,
        });
    }
    for (index, result) in together(TOGETHER, reads).await? {
        match result {
            Ok(found) => seen[index].found = found,
            Err(error) => seen[index].failure = Some(error.into()),
        }
    }
    Ok(seen)
}

/// The read of a stack or stack set, which can run beside others.
async fn reader(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    drift: Option<Duration>,
) -> Result<Read, Failure> {
    let access = accounts.access(step).await?;
    if step.stack_set {
        let wanted = stack_set::wanted(&accounts.project, step, &[])?;
        return Ok(Box::pin(async move {
            look_at_stack_set(&access, &wanted).await
        }));
    }
    let step = step.clone();
    Ok(Box::pin(async move {
        let found = view::look(&access, &step, drift).await?;
        Ok(found.map_or(StackState::Missing, |view| {
            StackState::There(Box::new(view))
        }))
    }))
}

async fn look_at_stack_set(access: &Access, wanted: &Wanted) -> Result<StackState, DeployError> {
    let Some(set) = set::describe(access, &wanted.plan).await? else {
        return Ok(StackState::Missing);
    };
    Ok(StackState::StackSet {
        complete: stands(access, wanted).await?,
        comparison: Comparison::of(&set.template, &wanted.text),
    })
}

impl Seen {
    pub(super) fn view(&self) -> Option<&View> {
        match &self.found {
            StackState::There(view) => Some(view),
            _ => None,
        }
    }

    /// Whether its last operation failed, or it has drifted.
    pub(super) fn is_bad(&self) -> bool {
        if let StackState::StackSet { complete, .. } = self.found {
            return !complete;
        }
        let Some(view) = self.view() else {
            return false;
        };
        view.cause.is_some()
            || matches!(
                view.stack.condition(),
                Condition::CreationFailed | Condition::RollbackFailed | Condition::DeletionFailed
            )
            || view.drifted.as_ref().is_some_and(|all| !all.is_empty())
            || self.unprotected().is_some()
    }

    /// What does not protect a deployed stack.
    pub(super) fn unprotected(&self) -> Option<String> {
        let view = self.view()?;
        let is_ready = view.stack.condition() == Condition::Ready;
        is_ready.then(|| next::unprotected(view)).flatten()
    }
}
