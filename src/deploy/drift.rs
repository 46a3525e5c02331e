//! Detects whether stack resources were changed outside CloudFormation (AWS CloudFormation,
//! *Detect unmanaged configuration changes with drift detection*).

use std::time::Duration;

use aws_sdk_cloudformation::types::{
    StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::pace::Pace;
use super::{Access, DeployError};

/// A resource that differs from the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Drifted {
    /// Logical ID.
    #[serde(rename = "resource")]
    pub logical_id: String,
    /// Physical ID.
    pub physical_id: String,
    /// Resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// `MODIFIED` or `DELETED`.
    pub status: String,
    /// Properties that differ. Empty for a deleted resource.
    pub differences: Vec<Difference>,
}

/// A property that differs from the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// Path in the resource's properties, such as `/VersioningConfiguration/Status`.
    pub path: String,
    /// Value in the template. Empty if the template does not set the property.
    pub expected: String,
    /// Actual value. Empty if the property is not set.
    pub actual: String,
}

/// Detects the drift of a stack, waits for the result, and returns the drifted resources.
pub(crate) async fn detect(
    access: &Access,
    stack: &str,
    limit: Duration,
) -> Result<Vec<Drifted>, DeployError> {
    let client = access.cloudformation();
    let begun = client.detect_stack_drift().stack_name(stack).send().await;
    let id = begun
        .map_err(|error| access.error("cloudformation:DetectStackDrift", &error))?
        .stack_drift_detection_id
        .unwrap_or_default();
    let mut pace = Pace::new(limit);
    loop {
        let answer = client
            .describe_stack_drift_detection_status()
            .stack_drift_detection_id(&id)
            .send()
            .await
            .map_err(|error| {
                access.error("cloudformation:DescribeStackDriftDetectionStatus", &error)
            })?;
        match answer.detection_status {
            Some(StackDriftDetectionStatus::DetectionComplete) => break,
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                let reason = answer.detection_status_reason.unwrap_or_default();
                return Err(DeployError::failed(
                    format!("cannot detect drift in stack `{stack}`: {reason}"),
                    super::cause::hint("", &reason),
                ));
            }
            _ => {
                pace.pause(&format!("drift detection of stack `{stack}`"))
                    .await?
            }
        }
    }
    drifted(access, stack).await
}

async fn drifted(access: &Access, stack: &str) -> Result<Vec<Drifted>, DeployError> {
    let call = "cloudformation:DescribeStackResourceDrifts";
    let found: Result<Vec<_>, _> = access
        .cloudformation()
        .describe_stack_resource_drifts()
        .stack_name(stack)
        .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
        .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
        .into_paginator()
        .send()
        .collect()
        .await;
    let pages: Vec<_> = found.map_err(|error| access.error(call, &error))?;
    let drifts = pages
        .into_iter()
        .flat_map(|page| page.stack_resource_drifts.unwrap_or_default());
    Ok(drifts.map(of).collect())
}

fn of(drift: StackResourceDrift) -> Drifted {
    let text = |value: Option<String>| value.unwrap_or_default();
    Drifted {
        logical_id: text(drift.logical_resource_id),
        physical_id: text(drift.physical_resource_id),
        resource_type: text(drift.resource_type),
        status: drift
            .stack_resource_drift_status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        differences: (drift.property_differences.unwrap_or_default().into_iter())
            .map(|difference| Difference {
                path: text(difference.property_path),
                expected: text(difference.expected_value),
                actual: text(difference.actual_value),
            })
            .collect(),
    }
}
