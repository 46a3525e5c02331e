//! Reads the events of a stack, grouped by operation.

use super::condition::Condition;
use super::{Access, DeployError};

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Event {
    pub id: String,
    /// Logical ID of the resource, or the stack name for the stack itself.
    pub logical_id: String,
    /// Physical ID. Empty until it is known.
    pub physical_id: String,
    /// Resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Status code, such as `CREATE_FAILED`.
    pub status: String,
    /// Reason that AWS gives. May be empty.
    pub reason: String,
    /// Seconds since 1970.
    pub time: f64,
    /// Client token of the operation, if AWS returns it.
    pub token: Option<String>,
    /// Whether the event is about the stack itself.
    pub whole_stack: bool,
}

impl Event {
    pub(super) fn begins_operation(&self) -> bool {
        self.whole_stack
            && matches!(
                self.status.as_str(),
                "CREATE_IN_PROGRESS"
                    | "UPDATE_IN_PROGRESS"
                    | "DELETE_IN_PROGRESS"
                    | "IMPORT_IN_PROGRESS"
            )
    }

    pub(super) fn ends_operation(&self) -> bool {
        self.whole_stack
            && self.status != "REVIEW_IN_PROGRESS"
            && Condition::of(&self.status) != Condition::InProgress
    }
}

/// Returns the events of the last operation, from oldest to newest.
pub(crate) async fn last_operation(
    access: &Access,
    stack: &str,
) -> Result<Vec<Event>, DeployError> {
    let mut found = operations(access, stack, 1).await?;
    Ok(found.pop().unwrap_or_default())
}

/// Returns the events of the last operations, up to `count`. The newest operation comes first.
/// The events of each operation are ordered from oldest to newest.
pub(crate) async fn operations(
    access: &Access,
    stack: &str,
    count: usize,
) -> Result<Vec<Vec<Event>>, DeployError> {
    let mut pages = access
        .cloudformation()
        .describe_stack_events()
        .stack_name(stack)
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    let mut events = Vec::new();
    // The newest event comes first.
    while let Some(next) = pages.next().await {
        let next = next.map_err(|error| access.error("cloudformation:DescribeStackEvents", &error));
        let event = event(next?);
        let is_first = event.begins_operation();
        events.push(event);
        if is_first {
            events.reverse();
            found.push(std::mem::take(&mut events));
            if found.len() == count {
                return Ok(found);
            }
        }
    }
    // Without a start event, all events precede the first operation.
    if found.is_empty() && !events.is_empty() {
        events.reverse();
        found.push(events);
    }
    Ok(found)
}

fn event(event: aws_sdk_cloudformation::types::StackEvent) -> Event {
    let physical_id = event.physical_resource_id.unwrap_or_default();
    let resource_type = event.resource_type.unwrap_or_default();
    Event {
        id: event.event_id.unwrap_or_default(),
        whole_stack: resource_type == "AWS::CloudFormation::Stack"
            && (event.stack_id.as_deref() == Some(&physical_id)
                || event.stack_name == event.logical_resource_id),
        logical_id: event.logical_resource_id.unwrap_or_default(),
        physical_id,
        resource_type,
        status: (event.resource_status.as_ref())
            .map_or(String::new(), |status| status.as_str().to_owned()),
        reason: event.resource_status_reason.unwrap_or_default(),
        time: event.timestamp.map_or(0.0, |time| time.as_secs_f64()),
        token: event.client_request_token,
    }
}

#[cfg(test)]
impl Event {
    /// Creates an event for a resource, or for a stack named `stack`.
    pub(super) fn of(logical_id: &str, status: &str, reason: &str) -> Self {
        Self {
            id: format!("{logical_id}-{status}"),
            logical_id: logical_id.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            whole_stack: logical_id == "stack",
            ..Self::default()
        }
    }
}
