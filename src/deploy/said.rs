//! What AWS says in words only: where a fault has no error code of its own, its message decides.
//! One function a message; AWS documents none of them.

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::DeployError;

/// Whether CloudFormation says that a stack does not exist (`ValidationError`).
pub(super) fn is_missing_stack(error: &impl ProvideErrorMetadata) -> bool {
    let message = error.message().unwrap_or_default();
    error.code() == Some("ValidationError") && message.contains("does not exist")
}

/// Whether the reason of a failed change set is that it has no changes.
pub(super) fn is_no_change(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// The reason of a failed change set without the advice where to find details.
pub(super) fn without_advice(reason: &str) -> &str {
    reason
        .split_once(" To troubleshoot")
        .map_or(reason, |(reason, _)| reason)
}

/// Whether an event's reason says that the results of the validation have the cause.
pub(super) fn points_to_validation(reason: &str) -> bool {
    reason.contains("DescribeEvents")
}

/// Whether an event's reason only says that something else failed.
pub(super) fn is_consequence(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("cancelled") || reason.starts_with("the following resource(s) failed")
}

/// Whether a call on a stack, a change set or a stack set was refused because another deployment
/// runs, or has won.
pub(super) fn is_lost_race(error: &DeployError) -> bool {
    match error.code.as_deref() {
        Some("ValidationError") => {
            error.message.contains("_IN_PROGRESS state")
                || (error.message).contains("already exists and cannot be created again")
        }
        // Only complete change sets are executed, so something else has changed their status. The
        // execution of a change set deletes the other ones.
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
