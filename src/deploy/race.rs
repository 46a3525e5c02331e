//! Two deployments of the same stack: AWS accepts one of them, and its refusals of the other do
//! not say so.

use super::{Access, DeployError};
use crate::shell::Command;

/// Refusals that a call on a stack or a change set gets while another deployment of the stack runs,
/// or after it has won: error code, and a part of the message.
const LOST: [(&str, &str); 8] = [
    ("ValidationError", "_IN_PROGRESS state"),
    (
        "ValidationError",
        "already exists and cannot be created again",
    ),
    ("AlreadyExistsException", ""),
    // Only complete change sets are executed, so something else has changed their status.
    ("InvalidChangeSetStatus", ""),
    // The execution of a change set deletes the other ones.
    ("ChangeSetNotFound", ""),
    ("ChangeSetNotFoundException", ""),
    ("OperationInProgressException", ""),
    ("StaleRequestException", ""),
];

/// The same error; one that another deployment caused names it. `what` is the stack or the stack
/// set, such as ``stack `site` ``.
pub(super) fn explained(access: &Access, what: &str, error: DeployError) -> DeployError {
    let code = error.code.as_deref().unwrap_or_default();
    let is_lost = LOST
        .iter()
        .any(|(known, part)| *known == code && error.message.contains(part));
    if !is_lost {
        return error;
    }
    let follow = Command::s3ferry("events").option("--profile", access.profile());
    DeployError {
        message: format!(
            "another deployment of {what} is running, or ended just now: {}",
            error.message
        ),
        help: format!("wait for its end (`{follow}` shows it), then run the same command again"),
        ..error
    }
}
