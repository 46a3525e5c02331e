//! The result of a deployment, for JSON output.

use std::collections::BTreeMap;

use crate::deploy::StackStep;
use crate::deploy::stack_set::deployment::Report;
use crate::deploy::stack_set::{Failed, Instance};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::changes::{ChangeEntry, ValidationMembers};
use crate::cli::aws::place::Place;
use crate::cli::aws::stack_set::show::SetChanges;
use crate::cli::json::Version;

/// The output of `s3ferry deploy --format json`.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(title = "s3ferry deploy")]
pub(crate) struct Document {
    version: Version,
    /// The steps, in order; a stack deployed in two steps has two entries.
    pub(super) stacks: Vec<StepResult>,
    /// The next step, as a sentence; null if nothing is left to do.
    pub(super) next: Option<String>,
}

/// A step.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StepResult {
    #[serde(flatten)]
    pub(super) place: Place,
    /// Result.
    pub(super) result: Done,
    /// Instances of a stack set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instances: Option<Instances>,
    /// Changes: a list for a stack, an object for a stack set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changes: Option<Changes>,
    #[serde(flatten)]
    pub(super) validations: Option<ValidationMembers>,
    /// Retries after CodePipeline could not assume a role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) retries: Vec<Retry>,
    /// Outputs of the stack, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outputs: Option<BTreeMap<String, String>>,
    /// Status of the stack that would be deleted and recreated (`--dry-run`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delete: Option<String>,
    /// Existing buckets that prevent a stack set from creating its buckets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) buckets: Vec<ExistingBucket>,
    /// Inoperable instances of a stack set whose stacks must be deleted first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) inoperable: Vec<Inoperable>,
    /// The execution that CodePipeline starts after it creates a pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) initial_execution: Option<InitialExecution>,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Done {
    /// The step was only planned (`--dry-run`).
    Planned,
    Created,
    Updated,
    Unchanged,
    /// Instances of a stack set failed.
    Failed,
    /// The stack set cannot be deployed yet.
    Refused,
}

/// The changes of a step.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Changes {
    Stack(Vec<ChangeEntry>),
    StackSet(Box<SetChanges>),
}

/// Instances of a stack set.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct Instances {
    /// Number of current instances.
    pub(super) current: usize,
    /// Instances that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<Vec<Failed>>,
    /// Other instances that are not current.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) behind: Option<Vec<Failed>>,
}

/// A retry.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Retry {
    /// ARN of the role that CodePipeline could not assume.
    pub(super) role: String,
    /// Pause before the retry, in seconds.
    #[schemars(range(min = 1))]
    pub(super) seconds: u64,
}

/// A bucket.
#[derive(Serialize, JsonSchema)]
pub(super) struct ExistingBucket {
    #[serde(flatten)]
    pub(super) instance: Instance,
    /// Name of the bucket.
    pub(super) bucket: String,
}

/// An instance.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inoperable {
    #[serde(flatten)]
    pub(super) instance: Instance,
    /// ARN of the stack.
    pub(super) stack_id: Option<String>,
}

/// The first execution of a new pipeline.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitialExecution {
    /// Name of the pipeline.
    pub(super) pipeline: String,
    /// Names of the targets that the execution deploys to; empty if it fails before the deployment.
    pub(super) targets: Vec<String>,
    /// Newest version of the source object before the pipeline is created; null if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_id: Option<Option<String>>,
    /// Execution ID, once the execution has started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// URL in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// Last known status from AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Option<String>>,
}

impl StepResult {
    pub(super) fn new(step: &StackStep, result: Done) -> Self {
        Self {
            place: step.into(),
            result,
            instances: None,
            changes: None,
            validations: None,
            retries: Vec::new(),
            outputs: None,
            delete: None,
            buckets: Vec::new(),
            inoperable: Vec::new(),
            initial_execution: None,
        }
    }
}

impl From<&Report> for Instances {
    fn from(report: &Report) -> Self {
        Self {
            current: report.current,
            failed: Some(report.failed.clone()),
            behind: Some(report.behind.clone()),
        }
    }
}
