//! Stage safety of a target: its approval, the conditions for entering its stages, and the reaction
//! to a failure.

use super::Plan;
use crate::aws::arn;
use crate::config::{Alarm, ApprovalSettings, DeploymentWindow, OnFailure, Target};

/// The settings that apply to the stages of a target.
#[derive(Debug, Clone, Default)]
pub struct SafetyPlan {
    /// Settings of the approval, if the configuration has any.
    pub approval: ApprovalSettings,
    /// The times at which the stages can start.
    pub window: Option<DeploymentWindow>,
    /// The alarm that must be in the state `OK`.
    pub alarm: Option<Alarm>,
    /// The reaction to a failure.
    pub on_failure: OnFailure,
}

impl SafetyPlan {
    /// Plans the stage safety of a target.
    pub(super) fn new(target: &Target) -> Self {
        Self {
            approval: target.approval.settings().cloned().unwrap_or_default(),
            window: target.deployment_window.clone(),
            alarm: target.alarm.clone(),
            on_failure: target.on_failure.unwrap_or_default(),
        }
    }
}

impl Plan {
    /// Returns the ARNs of the alarms that the stages wait for, without duplicates.
    pub(crate) fn alarms(&self) -> Vec<String> {
        let dev = &self.dev;
        let alarms = self
            .targets
            .iter()
            .filter_map(|target| target.safety.alarm.as_ref());
        let arns =
            alarms.map(|alarm| arn::alarm(self.partition, &dev.region, &dev.account, &alarm.name));
        unique(arns)
    }

    /// Returns the ARNs of the topics that the approvals notify, without duplicates.
    pub(crate) fn approval_topics(&self) -> Vec<String> {
        let targets = self.targets.iter();
        unique(targets.filter_map(|target| target.safety.approval.notify.clone()))
    }

    /// Returns whether the service role needs permissions for stage safety.
    pub(crate) fn has_safety_policy(&self) -> bool {
        (self.targets.iter().map(|target| &target.safety))
            .any(|safety| safety.alarm.is_some() || safety.approval.notify.is_some())
    }
}

/// Returns the values in their order, each once.
fn unique(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}
