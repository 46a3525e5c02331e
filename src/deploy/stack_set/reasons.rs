//! Why an instance failed, from its own stack: StackSets hands on one sentence, and the stack's
//! events have the first cause.

use crate::deploy::{Access, DeployError, cause, events};
use crate::plan::StackSetPlan;

use super::instances;
use super::model::Failed;

/// Finds the stack of a failed instance, where it has one.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub async fn find_stack(
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

/// Replaces the reason of a failed instance by the first cause in its stack's events, and gives
/// what to do about it. `access` is the way into the instance's own account and region.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub async fn from_events(
    access: &Access,
    failed: &mut Failed,
) -> Result<Option<String>, DeployError> {
    let Some(stack) = &failed.stack_id else {
        return Ok(None);
    };
    let events = events::last_operation(access, stack).await?;
    let Some(cause) = cause::first(&events) else {
        return Ok(None);
    };
    failed.reason = format!(
        "{} ({}): {}",
        cause.logical_id, cause.resource_type, cause.reason
    );
    Ok((!cause.hint.is_empty()).then_some(cause.hint))
}

/// What to do about the known reasons of StackSets itself; empty for an unknown one.
pub fn hint(reason: &str) -> String {
    let lower = reason.to_lowercase();
    if lower.contains("should have") && lower.contains("role with trust relationship") {
        return "the execution role is missing in that account, or does not trust the \
                administration role: `s3ferry synth --stack-set-roles` writes the templates of \
                both"
            .to_owned();
    }
    if lower.contains("administrationrole") && lower.contains("assume") {
        return "the administration role is missing, or does not trust \
                cloudformation.amazonaws.com: `s3ferry synth --stack-set-roles` writes its \
                template"
            .to_owned();
    }
    if lower.contains("region") && (lower.contains("not enabled") || lower.contains("opt-in")) {
        return "the region is not enabled in that account".to_owned();
    }
    cause::hint("", reason)
}
