//! Reads the live state of the stacks.

use std::pin::Pin;
use std::time::Duration;

use crate::deploy::next::{self, StackState};
use crate::deploy::stack_set::deployment::is_complete;
use crate::deploy::stack_set::{Wanted, set};
use crate::deploy::view::{self, View};
use crate::deploy::{
    Access, Comparison, Condition, DeployError, ProfileState, StackStep, profile_state, together,
};

use crate::cli::Failure;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::stack_set;

/// Maximum number of stacks read concurrently.
const TOGETHER: usize = 8;
/// The live state of a stack.
pub(super) struct Seen {
    pub(super) step: StackStep,
    pub(super) found: StackState,
    /// Why the stack could not be read.
    pub(super) failure: Option<Failure>,
    /// Whether a profile or the environment provides access to the stack.
    pub(super) has_profile: bool,
}

/// A concurrent read.
type Read = Pin<Box<dyn Future<Output = Result<StackState, DeployError>> + Send>>;

/// Reads all stacks concurrently, and returns them in order. With `drift`, runs drift detection
/// first, with this time limit.
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

/// Returns a future that reads a stack or stack set.
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
        complete: is_complete(access, wanted).await?,
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

    /// Returns whether the stack has a problem: a failed operation, drift, or missing protection.
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

    /// Describes the missing protection of a deployed stack.
    pub(super) fn unprotected(&self) -> Option<String> {
        let view = self.view()?;
        let is_ready = view.stack.condition() == Condition::Ready;
        is_ready.then(|| next::unprotected(view)).flatten()
    }
}
