//! Removes change sets that are not executed.

use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::said::is_missing_stack;
use super::{Access, Condition, DeployError, stack};

/// A change set that was requested. Unless it is executed, it must be deleted, together with the
/// empty stack that it created.
#[derive(Debug, Clone)]
pub(crate) struct Unexecuted {
    access: Access,
    pub stack: String,
    pub name: String,
    /// Whether the change set creates the stack.
    creates: bool,
}

impl Unexecuted {
    /// Creates a reference to a change set. `creates` is `true` if the change set creates the
    /// stack.
    pub(crate) fn new(access: &Access, stack: &str, name: &str, creates: bool) -> Self {
        Self {
            access: access.clone(),
            stack: stack.to_owned(),
            name: name.to_owned(),
            creates,
        }
    }

    /// Returns whether both are the same change set.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.stack == other.stack
            && self.name == other.name
            && self.access.profile() == other.access.profile()
            && self.access.region() == other.access.region()
    }

    /// Deletes the change set, and the stack if it is empty, without waiting for the deletion.
    /// Ignores a change set that no longer exists or is being executed.
    pub(crate) async fn remove(&self) -> Result<(), DeployError> {
        let client = self.access.cloudformation();
        let deleted = client
            .delete_change_set()
            .change_set_name(&self.name)
            .stack_name(&self.stack)
            .send()
            .await;
        if let Err(error) = deleted
            && !matches!(
                error.code(),
                Some("ChangeSetNotFound" | "ChangeSetNotFoundException" | "InvalidChangeSetStatus")
            )
            && !is_missing_stack(&error)
        {
            return Err(self.access.error("cloudformation:DeleteChangeSet", &error));
        }
        if !self.creates {
            return Ok(());
        }
        let left = stack::read(&self.access, &self.stack).await?;
        let Some(left) = left.filter(|stack| stack.condition() == Condition::Reviewing) else {
            return Ok(());
        };
        client
            .delete_stack()
            .stack_name(&left.id)
            .send()
            .await
            .map_err(|error| self.access.error("cloudformation:DeleteStack", &error))?;
        Ok(())
    }
}
