//! The configuration of stage safety: how the pipeline handles several executions, what must hold
//! before it deploys to a target, and what happens if a deployment fails.

use schemars::JsonSchema;
use serde::Deserialize;

use super::cron::TIME_ZONE;
use crate::aws::arn_kind as arn;

/// How a pipeline handles several executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionMode {
    /// A newer execution overtakes an older one that waits for the same stage.
    #[default]
    Superseded,
    /// Executions are processed one by one, in the order in which they are queued.
    Queued,
}

/// What happens if a stage of a target fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The execution fails.
    #[default]
    Stop,
    /// CodePipeline retries the failed actions of the stage.
    Retry,
    /// CodePipeline rolls the stage back to its most recent successful execution.
    Rollback,
}

/// The manual approval before a target: whether one is required, or its settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Approval {
    /// Whether an approval is required.
    Required(bool),
    /// An approval is required, with these settings.
    Settings(ApprovalSettings),
}

impl Default for Approval {
    fn default() -> Self {
        Self::Required(false)
    }
}

impl Approval {
    /// Returns whether an approval is required.
    pub(crate) fn is_required(&self) -> bool {
        !matches!(self, Self::Required(false))
    }

    /// Returns the settings, if the configuration has any.
    pub(crate) fn settings(&self) -> Option<&ApprovalSettings> {
        match self {
            Self::Required(_) => None,
            Self::Settings(settings) => Some(settings),
        }
    }
}

/// Settings of a manual approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalSettings {
    /// ARN of the SNS topic that CodePipeline notifies when the approval waits. The topic must be
    /// in the dev account and region.
    #[schemars(example = &"arn:aws:sns:us-east-1:111111111111:approvals")]
    #[schemars(regex(pattern = arn::TOPIC_ARN))]
    pub notify: Option<String>,
    /// Minutes until the approval fails; default: the account's timeout, which is 7 days unless
    /// AWS changed it.
    #[schemars(range(min = 5, max = 86400))]
    pub timeout_minutes: Option<u32>,
}

/// The times at which the stages of a target can start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentWindow {
    /// Cron expression that matches every minute in which a stage can start. Its fields are
    /// seconds, minutes, hours, day of month, month, day of week, and optionally the year.
    #[schemars(example = &"* * 9-16 ? * MON-FRI *")]
    pub cron: String,
    /// Time zone of the expression, such as `Europe/Berlin` or `UTC+05:30`; default: `UTC`.
    #[serde(default)]
    #[schemars(example = &"Europe/Berlin")]
    #[schemars(regex(pattern = TIME_ZONE))]
    pub time_zone: Option<String>,
}

/// A CloudWatch alarm that must be in the state `OK` before a stage of a target starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Name of the alarm. It must be a metric alarm in the dev account and region, because
    /// composite alarms require a permission on all alarms.
    #[schemars(example = &"website-errors")]
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// Minutes to wait for the state `OK` if the alarm is in another state.
    #[schemars(range(min = 1, max = 86400))]
    pub wait_minutes: u32,
}
