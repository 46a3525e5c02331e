//! Resolves stack states that prevent a deployment: continues a failed rollback or cancels an
//! update in progress (AWS CloudFormation, *ContinueUpdateRollback*, *CancelUpdateStack*).

use std::collections::HashSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::events::{self, Event};
use super::operation::{Operation, follow};
use super::pace::Pace;
use super::stack::Deployed;
use super::{Access, DeployError, Observer, cause, race};

/// The action that resolves the state of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The rollback failed and can be continued.
    Continue,
    /// An update is in progress and can be canceled.
    Cancel,
    /// A rollback is in progress and can be followed.
    Follow,
    Nothing,
}

impl Remedy {
    /// Returns the remedy for a stack status. CloudFormation can cancel an update only in the
    /// status `UPDATE_IN_PROGRESS`.
    pub(crate) fn of(status: &str) -> Self {
        match status {
            "UPDATE_ROLLBACK_FAILED" | "IMPORT_ROLLBACK_FAILED" => Self::Continue,
            "UPDATE_IN_PROGRESS" => Self::Cancel,
            "UPDATE_ROLLBACK_IN_PROGRESS"
            | "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
            | "IMPORT_ROLLBACK_IN_PROGRESS" => Self::Follow,
            _ => Self::Nothing,
        }
    }
}

/// A resource that could not be rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Unreverted {
    /// Logical ID.
    #[serde(rename = "resource")]
    pub logical_id: String,
    /// Resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Reason that AWS gives. May be empty.
    pub reason: String,
}

/// Returns the resources that the last rollback of a stack could not roll back.
pub(crate) async fn unreverted(
    access: &Access,
    stack: &Deployed,
) -> Result<Vec<Unreverted>, DeployError> {
    let events = events::last_operation(access, &stack.id).await?;
    Ok(unreverted_in(&events))
}

/// Returns the events of the last rollback in an operation.
fn of_rollback(events: &[Event]) -> &[Event] {
    let began = events
        .iter()
        .rposition(|event| event.whole_stack && event.status.ends_with("ROLLBACK_IN_PROGRESS"));
    &events[began.unwrap_or(0)..]
}

/// Returns the resources whose last event in the last rollback is a failure. The oldest event comes
/// first.
fn unreverted_in(events: &[Event]) -> Vec<Unreverted> {
    let mut found: Vec<&Event> = Vec::new();
    for event in of_rollback(events) {
        if event.whole_stack {
            continue;
        }
        found.retain(|other| other.logical_id != event.logical_id);
        if event.status.ends_with("_FAILED") {
            found.push(event);
        }
    }
    found
        .into_iter()
        .map(|event| Unreverted {
            logical_id: event.logical_id.clone(),
            resource_type: event.resource_type.clone(),
            reason: event.reason.clone(),
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The stack has returned to its state before the update.
    RolledBack,
    /// The update succeeded before it could be canceled.
    Updated,
}

/// Continues the failed rollback of a stack, skipping the given resources, and follows it until it
/// ends.
pub(crate) async fn resume(
    access: &Access,
    stack: &Deployed,
    skip: &[String],
    token: &str,
    limit: Duration,
    observer: &dyn Observer,
) -> Result<Ended, DeployError> {
    let before = events::last_operation(access, &stack.id).await?;
    let known: HashSet<String> = before.into_iter().map(|event| event.id).collect();
    observer.begins(&format!("rollback of stack {}", stack.name));
    access
        .cloudformation()
        .continue_update_rollback()
        .stack_name(&stack.id)
        .set_resources_to_skip((!skip.is_empty()).then(|| skip.to_vec()))
        .client_request_token(token)
        .send()
        .await
        .map_err(|error| {
            let error = access.error("cloudformation:ContinueUpdateRollback", &error);
            race::explained(access, &format!("stack `{}`", stack.name), error)
        })?;
    executing(stack, observer);
    // Until the new attempt starts, the last event is the failure of the previous attempt.
    let mut pace = Pace::new(limit);
    loop {
        let events = events::last_operation(access, &stack.id).await;
        match events {
            Ok(events) => {
                let last = events.iter().rfind(|event| event.whole_stack);
                if last.is_some_and(|event| !known.contains(&event.id)) {
                    break;
                }
            }
            Err(error) if error.transient => {}
            Err(error) => return Err(error),
        }
        pace.pause(&format!("rollback of stack `{}`", stack.name))
            .await?;
    }
    ended(access, stack, known, limit, observer).await
}

/// Cancels the update of a stack and follows the rollback until it ends.
pub(crate) async fn cancel(
    access: &Access,
    stack: &Deployed,
    token: &str,
    limit: Duration,
    observer: &dyn Observer,
) -> Result<Ended, DeployError> {
    observer.begins(&format!("rollback of stack {}", stack.name));
    let answer = access
        .cloudformation()
        .cancel_update_stack()
        .stack_name(&stack.id)
        .client_request_token(token)
        .send()
        .await;
    if let Err(error) = answer {
        let error = access.error("cloudformation:CancelUpdateStack", &error);
        // If the update has ended in the meantime, its result is reported instead.
        let now = super::stack::read(access, &stack.id).await?;
        let is_running = now.is_none_or(|now| Remedy::of(&now.status) == Remedy::Cancel);
        if is_running || !error.has_code("ValidationError") {
            return Err(error);
        }
    }
    executing(stack, observer);
    ended(access, stack, HashSet::new(), limit, observer).await
}

/// Follows a rollback that is in progress until it ends.
pub(crate) async fn watch(
    access: &Access,
    stack: &Deployed,
    limit: Duration,
    observer: &dyn Observer,
) -> Result<Ended, DeployError> {
    observer.begins(&format!("rollback of stack {}", stack.name));
    executing(stack, observer);
    ended(access, stack, HashSet::new(), limit, observer).await
}

fn executing(stack: &Deployed, observer: &dyn Observer) {
    let name = &stack.name;
    observer.executing(&format!(
        "the rollback of stack {name} continues in CloudFormation"
    ));
}

/// Follows the operation in progress until it ends. Known events are not reported again.
async fn ended(
    access: &Access,
    stack: &Deployed,
    known: HashSet<String>,
    limit: Duration,
    observer: &dyn Observer,
) -> Result<Ended, DeployError> {
    let operation = Operation {
        known,
        ..Operation::in_progress(stack)
    };
    let end = follow(access, &operation, limit, observer).await?;
    observer.ended();
    if end.status.ends_with("ROLLBACK_COMPLETE") {
        return Ok(Ended::RolledBack);
    }
    if end.status.ends_with("_COMPLETE") {
        return Ok(Ended::Updated);
    }
    let mut events = end.events;
    events.retain(|event| !operation.known.contains(&event.id));
    let cause = cause::find(access, &stack.id, of_rollback(&events)).await?;
    let because = cause.as_ref().map(|cause| format!(": {cause}"));
    let failed = unreverted_in(&events);
    let hint = cause.map(|cause| cause.hint).unwrap_or_default();
    let hint = match hint.as_str() {
        "" => String::new(),
        hint => format!("{hint}; "),
    };
    let again = access.command("rollback");
    let skip = failed.first().map_or("RESOURCE", |one| &one.logical_id);
    Err(DeployError::failed(
        format!(
            "stack `{}` ended in {}{}",
            stack.name,
            end.status,
            because.unwrap_or_default()
        ),
        format!(
            "{hint}fix the cause, then run `{again}` again; if the cause cannot be fixed, add \
             `--skip {skip}`"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_of_the_last_rollback_are_unreverted() {
        let events = [
            Event::of("stack", "UPDATE_IN_PROGRESS", ""),
            Event::of("Policy", "UPDATE_FAILED", "the update's own failure"),
            Event::of("stack", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
            Event::of("Key", "UPDATE_FAILED", "first"),
            Event::of("Bucket", "UPDATE_FAILED", "first"),
            Event::of("stack", "UPDATE_ROLLBACK_FAILED", ""),
            Event::of("stack", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
            Event::of("Key", "UPDATE_IN_PROGRESS", ""),
            Event::of("Key", "UPDATE_FAILED", "second"),
            Event::of("Bucket", "UPDATE_COMPLETE", ""),
            Event::of("stack", "UPDATE_ROLLBACK_FAILED", ""),
        ];
        let found = unreverted_in(&events);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&*found[0].logical_id, &*found[0].reason),
            ("Key", "second")
        );
    }

    #[test]
    fn each_status_has_its_remedy() {
        for (status, remedy) in [
            ("UPDATE_ROLLBACK_FAILED", Remedy::Continue),
            ("UPDATE_IN_PROGRESS", Remedy::Cancel),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Remedy::Follow),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Remedy::Nothing),
            ("CREATE_IN_PROGRESS", Remedy::Nothing),
            ("ROLLBACK_COMPLETE", Remedy::Nothing),
            ("UPDATE_COMPLETE", Remedy::Nothing),
        ] {
            assert_eq!(Remedy::of(status), remedy, "{status}");
        }
    }
}
