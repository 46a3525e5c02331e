//! Reads, lists, and protects deployed stacks.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{StackSummary, TemplateStage};

use super::condition::Condition;
use super::said::is_missing_stack;
use super::{Access, DeployError};

/// Value that the SDK substitutes for a required member that a response lacks.
const NO_VALUE: &str = "no value was set";

/// A deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployed {
    /// Stack ID, which is an ARN.
    pub id: String,
    pub name: String,
    /// Status code.
    pub status: String,
    /// Reason for the status. May be empty.
    pub reason: String,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    /// Whether termination protection is on.
    pub protected: bool,
    /// Time of the creation or last update, in seconds since 1970.
    pub changed: i64,
    /// The same time in milliseconds, which distinguishes successive operations.
    pub generation: i64,
    /// Result of the last drift detection, such as `IN_SYNC` or `DRIFTED`. `NOT_CHECKED` before
    /// the first detection.
    pub drift: String,
    /// Time of the last drift detection, in seconds since 1970.
    pub drift_checked: Option<i64>,
}

impl Deployed {
    pub(crate) fn condition(&self) -> Condition {
        Condition::of(&self.status)
    }
}

/// Returns the condition of a stack that may not exist.
pub(crate) fn condition(stack: Option<&Deployed>) -> Condition {
    stack.map_or(Condition::Absent, Deployed::condition)
}

/// Reads a stack. Returns `None` if it does not exist or was deleted.
pub(crate) async fn read(access: &Access, name: &str) -> Result<Option<Deployed>, DeployError> {
    let answer = access
        .cloudformation()
        .describe_stacks()
        .stack_name(name)
        .send()
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if is_missing_stack(&error) => return Ok(None),
        Err(error) => return Err(access.error("cloudformation:DescribeStacks", &error)),
    };
    let found = answer.stacks.unwrap_or_default().into_iter().next();
    let found = found.map(deployed);
    if let Some(stack) = &found
        && (stack.status.is_empty() || stack.status == NO_VALUE)
    {
        return Err(DeployError::aws(
            "cloudformation:DescribeStacks returned a stack without a status, which is not an AWS \
             response",
            "check the proxy (HTTPS_PROXY) and the endpoint URL (--endpoint-url, AWS_ENDPOINT_URL)",
        ));
    }
    Ok(found.filter(|stack| stack.condition() != Condition::Absent))
}

/// An entry in the list of stacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub name: String,
    pub description: String,
}

/// Lists the stacks in an account and region (*ListStacks*), except those that were deleted or
/// never created.
pub(crate) async fn list(access: &Access) -> Result<Vec<Listed>, DeployError> {
    let found: Result<Vec<_>, _> = access
        .cloudformation()
        .list_stacks()
        .into_paginator()
        .items()
        .send()
        .collect()
        .await;
    let found = found.map_err(|error| access.error("cloudformation:ListStacks", &error))?;
    let is_there = |stack: &StackSummary| {
        let status = stack.stack_status.as_ref();
        let condition = Condition::of(status.map_or("", |status| status.as_str()));
        !matches!(condition, Condition::Absent | Condition::Reviewing)
    };
    let found = found.into_iter().filter(is_there);
    Ok(found
        .map(|stack| Listed {
            name: stack.stack_name.unwrap_or_default(),
            description: stack.template_description.unwrap_or_default(),
        })
        .collect())
}

fn deployed(stack: aws_sdk_cloudformation::types::Stack) -> Deployed {
    let changed = stack.last_updated_time.or(stack.creation_time);
    let drift = stack.drift_information;
    Deployed {
        drift_checked: drift
            .as_ref()
            .and_then(|drift| Some(drift.last_check_timestamp?.secs())),
        drift: drift
            .and_then(|drift| Some(drift.stack_drift_status?.as_str().to_owned()))
            .unwrap_or_else(|| "NOT_CHECKED".to_owned()),
        id: stack.stack_id.unwrap_or_default(),
        name: stack.stack_name.unwrap_or_default(),
        status: stack
            .stack_status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        reason: stack.stack_status_reason.unwrap_or_default(),
        parameters: (stack.parameters.unwrap_or_default().into_iter())
            .filter_map(|parameter| Some((parameter.parameter_key?, parameter.parameter_value?)))
            .collect(),
        outputs: (stack.outputs.unwrap_or_default().into_iter())
            .filter_map(|output| Some((output.output_key?, output.output_value?)))
            .collect(),
        protected: stack.enable_termination_protection.unwrap_or_default(),
        changed: changed.map_or(0, |time| time.secs()),
        generation: changed.map_or(0, |time| time.to_millis().unwrap_or_default()),
    }
}

/// Returns the original template that a stack was last deployed from.
pub(crate) async fn template(access: &Access, name: &str) -> Result<String, DeployError> {
    let answer = access
        .cloudformation()
        .get_template()
        .stack_name(name)
        .template_stage(TemplateStage::Original)
        .send()
        .await
        .map_err(|error| access.error("cloudformation:GetTemplate", &error))?;
    Ok(answer.template_body.unwrap_or_default())
}

/// Enables or disables termination protection.
pub(crate) async fn protect(access: &Access, name: &str, on: bool) -> Result<(), DeployError> {
    access
        .cloudformation()
        .update_termination_protection()
        .stack_name(name)
        .enable_termination_protection(on)
        .send()
        .await
        .map_err(|error| access.error("cloudformation:UpdateTerminationProtection", &error))?;
    Ok(())
}
