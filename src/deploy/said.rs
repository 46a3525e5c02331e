//! Classifies AWS errors by their messages if they have no specific error code. Each function
//! recognizes one message. AWS does not document these messages.

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::DeployError;

/// Returns whether an error means that a stack does not exist (`ValidationError`).
pub(super) fn is_missing_stack(error: &impl ProvideErrorMetadata) -> bool {
    let message = error.message().unwrap_or_default();
    error.code() == Some("ValidationError") && message.contains("does not exist")
}

/// Returns whether a change set failed because it has no changes.
pub(super) fn is_no_change(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// Returns the reason for a failed change set without the advice on where to find details.
pub(super) fn without_advice(reason: &str) -> &str {
    reason
        .split_once(" To troubleshoot")
        .map_or(reason, |(reason, _)| reason)
}

/// Returns whether the reason in an event refers to the validation results.
pub(super) fn points_to_validation(reason: &str) -> bool {
    reason.contains("DescribeEvents")
}

/// Returns whether the reason in an event only refers to another failure.
pub(super) fn is_consequence(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("cancelled") || reason.starts_with("the following resource(s) failed")
}

/// Returns whether a call on a stack, change set, or stack set failed because another deployment is
/// running or has just ended.
pub(super) fn is_lost_race(error: &DeployError) -> bool {
    match error.code.as_deref() {
        Some("ValidationError") => {
            error.message.contains("_IN_PROGRESS state")
                || (error.message).contains("already exists and cannot be created again")
        }
        // s3ferry executes only complete change sets, so another deployment has changed the status.
        // When a change set is executed, CloudFormation deletes the other change sets of the stack.
        Some(
            "AlreadyExistsException"
            | "InvalidChangeSetStatus"
            | "ChangeSetNotFound"
            | "ChangeSetNotFoundException"
            | "OperationInProgressException"
            | "StaleRequestException",
        ) => true,
        _ => false,
    }
}
