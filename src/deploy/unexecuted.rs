//! A change set that must not stay as it is.

use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::said::is_missing_stack;
use super::{Access, Condition, DeployError, stack};

/// A change set that was requested. Unless it is executed, it must not stay, nor the empty stack
/// that it made.
#[derive(Debug, Clone)]
pub(crate) struct Unexecuted {
    access: Access,
    pub stack: String,
    pub name: String,
    /// Whether it makes the stack.
    creates: bool,
}

impl Unexecuted {
    /// A change set of a stack; `creates`: whether it makes the stack.
    pub(crate) fn new(access: &Access, stack: &str, name: &str, creates: bool) -> Self {
        Self {
            access: access.clone(),
            stack: stack.to_owned(),
            name: name.to_owned(),
            creates,
        }
    }

    /// Whether both are the same change set.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.stack == other.stack
            && self.name == other.name
            && self.access.profile() == other.access.profile()
            && self.access.region() == other.access.region()
    }

    /// Deletes the change set, and the stack when it is empty, and does not wait for its end. What
    /// is gone, or is being executed, is left.
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
