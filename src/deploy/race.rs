//! Explains errors that are caused by concurrent deployments of the same stack. AWS accepts one
//! deployment, and its errors for the other do not state the cause.

use super::said::is_lost_race;
use super::{Access, DeployError};

/// Returns the error. If another deployment caused it, the message says so. `what` is the stack or
/// stack set, such as ``stack `site` ``.
pub(super) fn explained(access: &Access, what: &str, error: DeployError) -> DeployError {
    if !is_lost_race(&error) {
        return error;
    }
    let follow = access.command("events");
    DeployError {
        message: format!(
            "another deployment of {what} is running or has just ended: {}",
            error.message
        ),
        help: format!("wait until it ends (see `{follow}`), then run the same command again"),
        ..error
    }
}
