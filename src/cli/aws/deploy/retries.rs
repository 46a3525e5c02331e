//! Retries of a stack operation that failed because CodePipeline could not assume a role.

use crate::deploy::deployment::Pending;
use crate::deploy::pace::Attempts;
use crate::deploy::{Change, StackStep};
use crate::failure::refused_role;

use super::result::Retry;
use super::session::Session;
use crate::cli::aws::refused_role::{Role, is_fresh, pause};

/// The retries for one stack.
#[derive(Default)]
pub(super) struct Retries {
    attempts: Option<Attempts>,
    /// The role that CodePipeline could not assume in the last attempt.
    role: Option<Role>,
    /// The changes that the user confirmed.
    agreed: Vec<Change>,
    waits: Vec<Retry>,
}

impl Retries {
    /// Waits for the next attempt. Returns `false` if a retry cannot help or the failure has a
    /// different cause.
    pub(super) async fn wait(
        &mut self,
        session: &mut Session<'_>,
        pending: &Pending,
        failure: &str,
    ) -> bool {
        let Some(arn) = refused_role(failure) else {
            self.role = None;
            return false;
        };
        let role = Role::look(&mut session.accounts, arn).await;
        let attempts = self.attempts.get_or_insert_with(|| {
            let changes = &pending.change_set.changes;
            let of_iam = |change: &Change| change.resource_type.starts_with("AWS::IAM::");
            let before = pending.before.as_ref();
            let fresh =
                changes.iter().any(of_iam) || before.is_none_or(|stack| is_fresh(stack.changed));
            Attempts::new(role.attempts(fresh), session.run.wait)
        });
        let waited = match role {
            Role::Missing { .. } => None,
            _ => pause(session.screen, attempts, (arn, &role)).await,
        };
        if let Some(seconds) = waited {
            self.agreed.clone_from(&pending.change_set.changes);
            self.waits.push(Retry {
                role: arn.to_owned(),
                seconds,
            });
        }
        self.role = Some(role);
        waited.is_some()
    }

    /// Returns whether at least one retry was made.
    pub(super) fn are_under_way(&self) -> bool {
        !self.waits.is_empty()
    }

    /// Returns whether the user confirmed these changes in an earlier attempt.
    pub(super) fn agreed_to(&self, changes: &[Change]) -> bool {
        self.are_under_way() && self.agreed == changes
    }

    /// Returns the help if the last attempt failed because of a role.
    pub(super) fn help(&self, dev: &StackStep) -> Option<String> {
        self.role.as_ref().map(|role| role.help(&dev.profile))
    }

    pub(super) fn waits(&self) -> &[Retry] {
        &self.waits
    }
}
