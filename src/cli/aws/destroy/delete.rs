//! Deletes one stack or stack set.

use std::fmt::Write as _;

use crate::deploy::retained::StackResource;
use crate::deploy::run::{Deployment, RunOptions};
use crate::deploy::stack::{self, Deployed};
use crate::deploy::stack_set::{self as set, Wanted, reasons};
use crate::deploy::{Observer as _, StackStep};
use crate::stacks::KEY_ID;
use serde_json::{Value, json};

use super::Deletion;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::deploy::stack_set_show;
use crate::cli::aws::screen::Screen;
use crate::cli::{Failure, output};

pub(super) async fn delete(
    one: &Deletion,
    stack: &Deployed,
    run: &RunOptions,
    screen: &Screen,
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

/// Removes every instance, with its stack or without, then the stack set.
pub(super) async fn delete_stack_set(
    accounts: &Accounts<'_>,
    one: &Deletion,
    wanted: &Wanted,
    retain_stacks: bool,
    run: &RunOptions,
    screen: &Screen,
) -> Result<(), Failure> {
    let options = set::run::SetOptions {
        wait: run.wait,
        template_bucket: None,
        retain_stacks,
        token: run.token.clone(),
    };
    let name = &one.step.stack;
    screen.begins(&format!("deletion of stack set {name}"));
    let report = set::run::Deployment::new(&one.access, wanted, &options, screen)
        .destroy()
        .await?;
    screen.ended();
    if report.is_complete() {
        return Ok(());
    }
    output::note(
        accounts.global,
        stack_set_show::failures(output::Stream::Notes, &report).trim_end(),
    );
    let first = report.failed.first().map(|one| one.reason.as_str());
    Err(Failure::with_code(
        format!("stack set `{name}` was not deleted: instances failed, as shown above"),
        match first.map(reasons::hint).filter(|hint| !hint.is_empty()) {
            Some(hint) => format!("{hint}; then run it again"),
            None => "mend the cause, then run it again: it goes on from there; --retain-stacks \
                     gives the instances up and leaves their stacks"
                .to_owned(),
        },
        1,
    ))
}

/// What an earlier run deleted, and what that left behind as far as the outputs file knows.
pub(super) fn say_gone(accounts: &Accounts<'_>, step: &StackStep) {
    let mut said = format!(
        "Stack {} in account {}, {} does not exist.",
        step.stack, step.account, step.region
    );
    let known = &accounts.outputs.known;
    if let Some(outputs) = known.of(&step.account, &step.region, &step.stack) {
        let left: Vec<&str> = outputs
            .iter()
            .filter(|(name, _)| *name == KEY_ID || name.ends_with("BucketName"))
            .map(|(_, value)| value.as_str())
            .collect();
        if !left.is_empty() {
            let _ = write!(
                said,
                " What it left may still be there: {}.",
                left.join(", ")
            );
        }
    }
    output::note(accounts.global, &said);
}

pub(super) fn result(step: &StackStep, what: &str, retained: &[StackResource]) -> Value {
    let retained: Vec<Value> = retained
        .iter()
        .map(|one| {
            json!({
                "resource": one.logical_id,
                "physicalId": one.physical_id,
                "type": one.resource_type,
            })
        })
        .collect();
    json!({
        "stack": step.stack,
        "account": step.account,
        "region": step.region,
        "profile": step.profile,
        "result": what,
        "retained": retained,
    })
}
