//! Determines why an instance failed. StackSets returns only one sentence. The events of the
//! instance's stack contain the first cause.

use crate::deploy::{Access, DeployError, cause, events};
use crate::plan::StackSetPlan;

use super::instances;
use super::model::Failed;

/// Finds the stack of a failed instance, if it has one.
pub(crate) async fn find_stack(
    access: &Access,
    plan: &StackSetPlan,
    failed: &mut Failed,
) -> Result<(), DeployError> {
    if failed.stack_id.is_none() {
        let found = instances::one(access, plan, &failed.instance).await?;
        failed.stack_id = found.and_then(|one| one.stack_id);
    }
    Ok(())
}

/// Replaces the reason for a failed instance with the first cause in the events of its stack, and
/// returns the suggested fix. `access` must be for the account and region of the instance.
pub(crate) async fn from_events(
    access: &Access,
    failed: &mut Failed,
) -> Result<Option<String>, DeployError> {
    let Some(stack) = &failed.stack_id else {
        return Ok(None);
    };
    let events = events::last_operation(access, stack).await?;
    let Some(cause) = cause::find(access, stack, &events).await? else {
        return Ok(None);
    };
    failed.reason = if cause.resource_type == "AWS::CloudFormation::Stack" {
        cause.reason
    } else {
        format!(
            "{} ({}): {}",
            cause.logical_id, cause.resource_type, cause.reason
        )
    };
    let hint = match hint(&failed.reason) {
        none if none.is_empty() => cause.hint,
        hint => hint,
    };
    Ok((!hint.is_empty()).then_some(hint))
}

/// Returns the suggested fix for a known reason in a stack set, or an empty string.
pub(crate) fn hint(reason: &str) -> String {
    let lower = reason.to_lowercase();
    if let Some(missing) = missing_role(&lower) {
        return format!(
            "{missing}: run `s3ferry synth --stack-set-roles` to generate the two roles, deploy \
             them, and wait a minute"
        );
    }
    if lower.contains("already exist") {
        return "the name is already in use in that account, for example by a bucket of an earlier \
                instance; StackSets cannot import existing resources: delete the resource (empty a \
                bucket first), or choose another name"
            .to_owned();
    }
    if lower.contains("region") && (lower.contains("not enabled") || lower.contains("opt-in")) {
        return "enable the region in that account".to_owned();
    }
    cause::hint("", reason)
}

/// Returns a description of the stack set role that is missing or lacks a trusted principal,
/// according to the reason. Both roles can have any name, so this function relies on the wording of
/// the reason.
fn missing_role(lower: &str) -> Option<&'static str> {
    let administration = "the administration role is missing from the administrator account, or \
                          does not trust cloudformation.amazonaws.com";
    let execution = "the execution role is missing from that account, or does not trust the \
                     administration role";
    if lower.contains("should have") && lower.contains("trust relationship") {
        // The administration role trusts the service. The execution role trusts a role.
        let of_service = lower.contains("to cloudformation service")
            || lower.contains("cloudformation.amazonaws.com");
        return Some(if of_service {
            administration
        } else {
            execution
        });
    }
    let cannot_assume = lower.contains("cannot be assumed") || lower.contains("sts:assumerole");
    if !cannot_assume {
        return None;
    }
    let is_execution = lower.contains("assumed-role/") || lower.contains("execution");
    Some(if is_execution {
        execution
    } else {
        administration
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_reasons_have_a_next_step() {
        for (reason, part) in [
            (
                "Account 333333333333 should have 'AWSCloudFormationStackSetExecutionRole' role \
                 with trust relationship to Role 'AWSCloudFormationStackSetAdministrationRole'.",
                "the execution role is missing",
            ),
            (
                "Account 111111111111 should have AWSCloudFormationStackSetAdministrationRole role \
                 with trust relationship to CloudFormation service.",
                "the administration role is missing",
            ),
            (
                "Role arn:aws:iam::111111111111:role/fleet-admin is invalid or cannot be assumed",
                "run `s3ferry synth --stack-set-roles` to generate the two roles",
            ),
            (
                "User: arn:aws:sts::111111111111:assumed-role/fleet-admin/x is not authorized to \
                 perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/fleet",
                "the execution role is missing",
            ),
            (
                "ResourceLogicalId:OutputBucket, ResourceType:AWS::S3::Bucket, \
                 ResourceStatusReason:out-x already exists.",
                "StackSets cannot import existing resources",
            ),
            (
                "User: arn:aws:sts::222222222222:assumed-role/x/y is not authorized to perform: \
                 s3:CreateBucket on resource: arn:aws:s3:::out-x",
                "s3:CreateBucket",
            ),
        ] {
            let said = hint(reason);
            assert!(said.contains(part), "{reason}: {said}");
        }
        assert_eq!(hint("Cancelled since failure tolerance has exceeded"), "");
    }
}
