//! Finds and deletes stacks and stack sets.

use crate::deploy::deployment::{Deployment, DeploymentOptions};
use crate::deploy::retained::{self, StackResource};
use crate::deploy::stack::{self, Deployed};
use crate::deploy::stack_set::{self as set, Wanted, reasons};
use crate::deploy::{Access, Condition, Observer as _, StackStep};

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::removed as left;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::stack_set::{self, show::failures};
use crate::cli::{Failure, output};

/// A stack or stack set to delete.
pub(super) struct Deletion {
    pub(super) step: StackStep,
    pub(super) access: Access,
    pub(super) what: What,
    /// Number of resources in the stack, or of instances in the stack set.
    pub(super) parts: usize,
    pub(super) retained: Vec<StackResource>,
}

/// A stack, or a stack set.
pub(super) enum What {
    Stack(Deployed),
    Set(Box<Wanted>),
}

/// Finds a stack and the resources that its deletion retains. Returns `None` if the stack does not
/// exist. Follows an operation in progress first, such as an earlier deletion.
pub(super) async fn find(
    step: &StackStep,
    access: Access,
    run: &DeploymentOptions,
    screen: &Screen<'_>,
) -> Result<Option<Deletion>, Failure> {
    let deployment = Deployment {
        access: &access,
        step,
        options: run,
        observer: screen,
    };
    let found = deployment.settled().await?;
    screen.ended();
    let Some(stack) = found else {
        return Ok(None);
    };
    let (mut count, mut retained) = (0, Vec::new());
    if stack.condition() != Condition::Reviewing {
        let resources = retained::resources(&access, &stack.id).await?;
        let template = stack::template(&access, &stack.id).await?;
        retained = retained::retained(&template, &resources);
        count = resources.len();
    }
    Ok(Some(Deletion {
        step: step.clone(),
        access,
        what: What::Stack(stack),
        parts: count,
        retained,
    }))
}

pub(super) async fn find_stack_set(
    accounts: &Accounts<'_>,
    step: &StackStep,
    access: Access,
) -> Result<Option<Deletion>, Failure> {
    let wanted = if left::is_removed(step) {
        let found = left::set::find(&accounts.outputs, &access, step).await?;
        found.map(|(wanted, _)| wanted)
    } else {
        let wanted = stack_set::wanted(&accounts.project, step, &[])?;
        let found = set::set::describe(&access, &wanted.plan).await?;
        found.map(|_| wanted)
    };
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let parts = set::instances::list(&access, &wanted.plan).await?.len();
    Ok(Some(Deletion {
        step: step.clone(),
        access,
        what: What::Set(Box::new(wanted)),
        parts,
        retained: Vec::new(),
    }))
}

pub(super) async fn delete(
    one: &Deletion,
    stack: &Deployed,
    run: &DeploymentOptions,
    screen: &Screen<'_>,
) -> Result<(), Failure> {
    let name = &one.step.stack;
    if stack.protected {
        stack::protect(&one.access, &stack.id, false).await?;
    }
    let deployment = Deployment {
        access: &one.access,
        step: &one.step,
        options: run,
        observer: screen,
    };
    screen.begins(&format!("deletion of stack {name}"));
    deployment.delete(stack).await?;
    screen.ended();
    Ok(())
}

/// Removes all instances, then the stack set. With `retain_stacks`, keeps the stacks of the
/// instances.
pub(super) async fn delete_stack_set(
    one: &Deletion,
    wanted: &Wanted,
    retain_stacks: bool,
    run: &DeploymentOptions,
    screen: &Screen<'_>,
) -> Result<(), Failure> {
    let options = set::deployment::SetOptions {
        wait: run.wait,
        template_bucket: None,
        retain_stacks,
        token: run.token.clone(),
    };
    let name = &one.step.stack;
    screen.begins(&format!("deletion of stack set {name}"));
    let report = set::deployment::Deployment::new(&one.access, wanted, &options, screen)
        .destroy()
        .await?;
    screen.ended();
    if report.is_complete() {
        return Ok(());
    }
    screen.says(failures(output::Stream::Notes, &report).trim_end());
    let first = report.failed.first().map(|one| one.reason.as_str());
    Err(Failure::finding(
        format!("stack set `{name}` was not deleted: the instances shown above failed"),
        match first.map(reasons::hint).filter(|hint| !hint.is_empty()) {
            Some(hint) => format!("{hint}; then run the command again"),
            None => "fix the cause, then run the command again to continue; --retain-stacks \
                     removes the instances but keeps their stacks"
                .to_owned(),
        },
    ))
}
