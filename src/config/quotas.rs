//! The quotas in a configuration: their defaults, and the values that AWS can grant.

use super::validate::Found;
use super::{Config, Quotas};
use crate::aws::quotas::{
    ACTIONS_PER_PIPELINE, ACTIONS_PER_STAGE, Increase, MANAGED_POLICIES_PER_ROLE,
    PLANNED_ACTIONS_PER_PIPELINE, PLANNED_ACTIONS_PER_STAGE, Quota, TRUST_POLICY, grouped,
};

impl Quotas {
    /// Returns the maximum length of a trust policy.
    pub(crate) fn trust_policy(&self) -> u64 {
        self.trust_policy_characters.unwrap_or(TRUST_POLICY.value)
    }

    /// Returns the maximum number of managed policies per role.
    pub(crate) fn managed_policies(&self) -> u64 {
        self.managed_policies_per_role
            .unwrap_or(MANAGED_POLICIES_PER_ROLE.value)
    }

    /// Returns the maximum number of actions that the plan puts into a stage.
    pub(crate) fn stage_actions(&self) -> u64 {
        self.actions_per_stage.unwrap_or(PLANNED_ACTIONS_PER_STAGE)
    }

    /// Returns the maximum number of actions that the plan puts into a pipeline.
    pub(crate) fn pipeline_actions(&self) -> u64 {
        self.actions_per_pipeline
            .unwrap_or(PLANNED_ACTIONS_PER_PIPELINE)
    }

    /// Reports values that AWS does not grant and values that are too small for a deployment.
    pub(super) fn check(&self, config: &Config, found: &mut Found) {
        let invalidation = u64::from(config.invalidates());
        for (name, value, least, quota) in [
            (
                "trust_policy_characters",
                self.trust_policy_characters,
                1,
                TRUST_POLICY,
            ),
            (
                "managed_policies_per_role",
                self.managed_policies_per_role,
                1,
                MANAGED_POLICIES_PER_ROLE,
            ),
            // An approval, a deploy action, and an invalidation.
            (
                "actions_per_stage",
                self.actions_per_stage,
                2 + invalidation,
                ACTIONS_PER_STAGE,
            ),
            // The source, an approval, a deploy action, an invalidation, and the start of the next
            // pipeline.
            (
                "actions_per_pipeline",
                self.actions_per_pipeline,
                4 + invalidation,
                ACTIONS_PER_PIPELINE,
            ),
        ] {
            let Some(value) = value else { continue };
            let path = format!("quotas.{name}");
            if value < least {
                found.add(
                    &path,
                    format!("{value} {} are not enough for a deployment", quota.unit),
                    format!("use the quota of the account; the minimum is {least}"),
                );
            } else if let Some(most) = quota.maximum().filter(|most| value > *most) {
                found.add(
                    &path,
                    too_large(value, most, quota),
                    format!("set it to {most} or less"),
                );
            }
        }
    }
}

fn too_large(value: u64, most: u64, quota: Quota) -> String {
    let (value, shown) = (grouped(value), grouped(most));
    let Quota {
        service,
        unit,
        name,
        ..
    } = quota;
    match quota.increase {
        Increase::UpTo(_) => {
            format!("{value} {unit}: {service} can increase this quota ({name}) to at most {shown}")
        }
        Increase::Fixed | Increase::OnRequest => {
            format!(
                "{value} {unit}: {service} allows {shown} ({name}), and this quota cannot be \
                 increased"
            )
        }
    }
}
