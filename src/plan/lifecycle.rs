//! Checks the lifecycle rules: each rule must apply to a bucket, and no rule may delete an object that
//! an execution can still need.

use super::{Plan, StagePlan, TargetPlan};
use crate::config::{Complaint, ExecutionMode, OnFailure};

/// Days that a manual approval waits by default. Follows *Quotas in AWS CodePipeline* in the AWS
/// documentation.
const APPROVAL_DAYS: u32 = 7;
const MINUTES_PER_DAY: u32 = 24 * 60;
/// The minimum, so that operators have time to notice a waiting or failed execution.
const LEAST_DAYS: u32 = 90;
/// Days that a manual approval can wait at most: 86,400 minutes. Follows *ActionDeclaration* in the
/// AWS documentation. An existing pipeline can have approvals with this timeout.
const LONGEST_APPROVAL_DAYS: u32 = 60;
/// Days in which a failed stage can still be retried, or a stage can be rolled back, after the last
/// approval.
const RETRY_DAYS: u32 = 30;

/// Returns all problems with the lifecycle rules.
pub(super) fn complaints(plan: &Plan) -> Vec<Complaint> {
    let rules = &plan.lifecycle;
    let source = plan.dev.source.object();
    let makes_source = source.is_some_and(|source| source.bucket.create);
    let makes_artifacts = plan.stores().any(|store| store.bucket.create);
    let makes_outputs = plan.targets.iter().any(|target| target.create_bucket);
    let makes_logs = plan.stores().any(|store| store.log_bucket.is_some())
        || (plan.targets.iter()).any(|target| target.names.log_bucket.is_some());
    let mut found = Vec::new();
    for (key, days, is_used, bucket) in [
        (
            "abort_uploads_days",
            rules.abort_uploads_days,
            makes_source || makes_artifacts || makes_outputs,
            "a bucket",
        ),
        (
            "artifacts_days",
            rules.artifacts_days,
            makes_artifacts,
            "an artifact bucket",
        ),
        (
            "noncurrent_days",
            rules.noncurrent_days,
            makes_source || makes_outputs,
            "a source or output bucket",
        ),
        ("logs_days", rules.logs_days, makes_logs, "a log bucket"),
    ] {
        if days.is_some() && !is_used {
            found.push(Complaint::new(
                &format!("lifecycle.{key}"),
                format!("`{key}` has no effect: s3ferry does not create {bucket}"),
                format!(
                    "remove `{key}`; lifecycle rules of existing buckets are not part of the \
                     configuration"
                ),
            ));
        }
    }
    let waiting = plan.waiting_days();
    let least = waiting.saturating_add(RETRY_DAYS).max(LEAST_DAYS);
    let is_queued = plan.dev.execution_mode == ExecutionMode::Queued && waiting > 0;
    for (key, days, is_used, what) in [
        (
            "artifacts_days",
            rules.artifacts_days,
            makes_artifacts,
            "its artifacts",
        ),
        // An additional pipeline reads the version of the source that started the first pipeline.
        (
            "noncurrent_days",
            rules.noncurrent_days,
            makes_source,
            "its version of the source object",
        ),
    ] {
        if days.is_some() && is_used && is_queued {
            found.push(Complaint::new(
                &format!("lifecycle.{key}"),
                format!(
                    "`{key}` cannot be used with `execution_mode: queued` and approvals or alarms: \
                     an execution waits for all earlier executions, however long they wait"
                ),
                format!("remove `{key}`, or remove `execution_mode`"),
            ));
        } else if let Some(days) = days.filter(|days| is_used && *days < least) {
            found.push(Complaint::new(
                &format!("lifecycle.{key}"),
                format!(
                    "{days} days are too short: an execution can need {what} for {least} days, \
                     which are {waiting} days for approvals and alarms and {} days for a retry or a \
                     rollback",
                    least - waiting
                ),
                format!("set `{key}` to {least} or more"),
            ));
        }
    }
    let rolls_back = |target: &TargetPlan| target.safety.on_failure == OnFailure::Rollback;
    if let Some(target) = plan.targets.iter().find(|target| rolls_back(target))
        && rules.artifacts_days.is_some()
    {
        found.push(Complaint::new(
            "lifecycle.artifacts_days",
            format!(
                "`artifacts_days` and `on_failure: rollback` of target `{}` cannot be used \
                 together: a rollback needs the artifacts of the last successful execution, however \
                 old they are",
                target.name
            ),
            "remove `artifacts_days`, or use a different `on_failure`",
        ));
    }
    found
}

impl Plan {
    /// Returns the number of days that an execution of all pipelines can wait for approvals and
    /// alarms.
    fn waiting_days(&self) -> u32 {
        let stages = self.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
        let days = stages.map(|stage| self.waiting(stage));
        days.fold(0_u32, u32::saturating_add)
    }

    /// Returns the number of days that an execution can wait in a stage.
    fn waiting(&self, stage: &StagePlan) -> u32 {
        let safety = &self.targets[stage.target].safety;
        let days = |minutes: u32| minutes.div_ceil(MINUTES_PER_DAY);
        let approval = match (stage.approval, self.dev.create_pipeline) {
            (false, _) => 0,
            (true, false) => LONGEST_APPROVAL_DAYS,
            (true, true) => (safety.approval.timeout_minutes).map_or(APPROVAL_DAYS, days),
        };
        let alarm = safety.alarm.as_ref();
        approval.saturating_add(alarm.map_or(0, |alarm| days(alarm.wait_minutes)))
    }
}
