//! Reads the results of CloudFormation's validation of a change set or an operation
//! (AWS CloudFormation, *Validate stack deployments*) with *DescribeEvents*.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use aws_sdk_cloudformation::operation::describe_events::builders::DescribeEventsFluentBuilder;
use aws_sdk_cloudformation::types::{OperationEvent, ValidationStatus};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Access, DeployError};

const CALL: &str = "cloudformation:DescribeEvents";

/// The result of one check on a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Validation {
    /// Logical ID of the resource. May be empty.
    #[serde(rename = "resource")]
    pub logical_id: String,
    /// Type of the resource. May be empty.
    #[serde(skip)]
    pub resource_type: String,
    /// Failure mode: `FAIL` or `WARN`.
    #[serde(skip)]
    pub mode: String,
    /// Name of the check.
    pub name: String,
    /// Path in the template. May be empty.
    pub path: String,
    /// The problem, or the reason why the check was skipped.
    pub reason: String,
}

/// The results of a validation. CloudFormation does not report successful checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Validations {
    pub failed: Vec<Validation>,
    /// Checks that CloudFormation skipped, for example because the caller lacks a permission.
    pub skipped: Vec<Validation>,
    /// The error that prevents reading the results.
    pub unread: Option<Box<DeployError>>,
}

/// A check that CloudFormation skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Skipped {
    /// Name of the check.
    pub name: String,
    /// Reason why the check was skipped. May be empty.
    pub reason: String,
    /// Logical IDs of the resources that were not checked. Empty for a check of the whole template.
    pub resources: Vec<String>,
}

impl Validations {
    /// Returns each skipped check once.
    pub(crate) fn skipped_checks(&self) -> Vec<Skipped> {
        let mut found: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for one in &self.skipped {
            let resources = found.entry((&one.name, &one.reason)).or_default();
            if !one.logical_id.is_empty() {
                resources.push(one.logical_id.clone());
            }
        }
        (found.into_iter())
            .map(|((name, reason), resources)| Skipped {
                name: name.to_owned(),
                reason: reason.to_owned(),
                resources,
            })
            .collect()
    }

    /// Explains why the results could not be read, including a missing permission. Returns `None`
    /// if they were read.
    pub(crate) fn gap(&self, access: &Access) -> Option<String> {
        let error = self.unread.as_ref()?;
        let profile = access.profile();
        Some(if error.is_denied() {
            format!(
                "the details require {CALL}, which profile `{profile}` does not have: see \
                 `{}`",
                access.command("deployer-policy")
            )
        } else {
            format!("the details cannot be read: {error}")
        })
    }

    fn of(events: Vec<OperationEvent>, unread: Option<DeployError>) -> Self {
        let mut found = Self {
            unread: unread.map(Box::new),
            ..Self::default()
        };
        for event in events {
            let list = match event.validation_status {
                Some(ValidationStatus::Failed) => &mut found.failed,
                Some(ValidationStatus::Skipped) => &mut found.skipped,
                _ => continue,
            };
            let mode = event.validation_failure_mode;
            list.push(Validation {
                logical_id: event.logical_resource_id.unwrap_or_default(),
                resource_type: event.resource_type.unwrap_or_default(),
                mode: mode.map_or_else(String::new, |mode| mode.as_str().to_owned()),
                name: event.validation_name.unwrap_or_default(),
                path: event.validation_path.unwrap_or_default(),
                reason: event.validation_status_reason.unwrap_or_default(),
            });
        }
        found
    }
}

pub(crate) async fn of_change_set(
    access: &Access,
    change_set: &str,
    stack: &str,
) -> Result<Validations, DeployError> {
    let request = access.cloudformation().describe_events();
    let request = request.change_set_name(change_set).stack_name(stack);
    let (events, unread) = read(access, request).await?;
    Ok(Validations::of(events, unread))
}

/// Returns the results for the last validated operation of a stack.
pub(crate) async fn of_last_operation(
    access: &Access,
    stack: &str,
) -> Result<Validations, DeployError> {
    let request = access.cloudformation().describe_events().stack_name(stack);
    let (events, unread) = read(access, request).await?;
    Ok(Validations::of(of_latest(events), unread))
}

fn of_latest(mut events: Vec<OperationEvent>) -> Vec<OperationEvent> {
    events.retain(|event| event.validation_status.is_some());
    let latest = events.iter().max_by(|one, other| {
        let time = |event: &OperationEvent| event.timestamp.map(|time| time.as_secs_f64());
        time(one)
            .partial_cmp(&time(other))
            .unwrap_or(Ordering::Equal)
    });
    let latest = latest.and_then(|event| event.operation_id.clone());
    events.retain(|event| event.operation_id == latest);
    events
}

/// Returns all events, or the events before an error from AWS together with the error. The error is
/// not fatal, because the events only provide details about a change set.
async fn read(
    access: &Access,
    request: DescribeEventsFluentBuilder,
) -> Result<(Vec<OperationEvent>, Option<DeployError>), DeployError> {
    let mut events = Vec::new();
    let mut pages = request.into_paginator().items().send();
    while let Some(event) = pages.next().await {
        match event {
            Ok(event) => events.push(event),
            // An emulator may not support the operation.
            Err(error) if error.code() == Some("InvalidAction") => return Ok((events, None)),
            Err(error) => {
                let error = access.error(CALL, &error);
                return match error.code {
                    Some(_) => Ok((events, Some(error))),
                    None => Err(error),
                };
            }
        }
    }
    Ok((events, None))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    fn event(operation: &str, time: i64, status: ValidationStatus, id: &str) -> OperationEvent {
        OperationEvent::builder()
            .operation_id(operation)
            .timestamp(DateTime::from_secs(time))
            .validation_status(status)
            .validation_name("SERVICE_QUOTA_VALIDATION")
            .validation_status_reason("Access denied")
            .logical_resource_id(id)
            .build()
    }

    #[test]
    fn only_the_latest_operation_counts() {
        let old = event("old", 1, ValidationStatus::Failed, "Bucket");
        let new = event("new", 2, ValidationStatus::Failed, "Role");
        let other = OperationEvent::builder()
            .operation_id("newest")
            .timestamp(DateTime::from_secs(3))
            .build();
        for events in [[&old, &new, &other], [&other, &new, &old]] {
            let events = events.map(Clone::clone).to_vec();
            let found = Validations::of(of_latest(events), None);
            let ids: Vec<&str> = found.failed.iter().map(|one| &*one.logical_id).collect();
            assert_eq!(ids, ["Role"]);
        }
        assert!(of_latest(Vec::new()).is_empty());
    }

    #[test]
    fn a_skipped_check_is_reported_once() {
        let events = ["Role", "Bucket"].map(|id| event("x", 1, ValidationStatus::Skipped, id));
        let found = Validations::of(events.to_vec(), None);
        assert!(found.failed.is_empty());
        let skipped = found.skipped_checks();
        assert_eq!(skipped.len(), 1);
        assert_eq!(skipped[0].resources, ["Role", "Bucket"]);
        assert_eq!(skipped[0].reason, "Access denied");
    }
}
