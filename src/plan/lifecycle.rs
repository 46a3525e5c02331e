//! Checks the lifecycle rules: each rule must apply to a bucket, and no rule may delete an object that
//! an execution can still need.

use super::Plan;
use crate::config::Complaint;

/// Days that a manual approval waits by default. Follows *Quotas in AWS CodePipeline* in the AWS
/// documentation. The generated pipelines do not change the default.
const APPROVAL_DAYS: u32 = 7;
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
    let (waiting, least) = plan.retention();
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
        if let Some(days) = days.filter(|days| is_used && *days < least) {
            found.push(Complaint::new(
                &format!("lifecycle.{key}"),
                format!(
                    "{days} days are too short: an execution can need {what} for {least} days, \
                     which are {waiting} days for approvals and {RETRY_DAYS} days for a retry or a \
                     rollback"
                ),
                format!("set `{key}` to {least} or more"),
            ));
        }
    }
    found
}

impl Plan {
    /// Returns the number of days that an execution of all pipelines can wait for approvals, and the
    /// number of days that its artifacts and its version of the source must be available.
    fn retention(&self) -> (u32, u32) {
        let stages = self.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
        let approvals = stages.filter(|stage| stage.approval).count();
        let each = if self.dev.create_pipeline {
            APPROVAL_DAYS
        } else {
            LONGEST_APPROVAL_DAYS
        };
        let approvals = u32::try_from(approvals).unwrap_or(u32::MAX);
        let waiting = each.saturating_mul(approvals).max(LONGEST_APPROVAL_DAYS);
        (waiting, waiting.saturating_add(RETRY_DAYS))
    }
}
