//! Two deployments of the same stack: AWS accepts one of them, and its refusals of the other do
//! not say so.

use super::said::is_lost_race;
use super::{Access, DeployError};

/// The same error; one that another deployment caused names it. `what` is the stack or the stack
/// set, such as ``stack `site` ``.
pub(super) fn explained(access: &Access, what: &str, error: DeployError) -> DeployError {
    if !is_lost_race(&error) {
        return error;
    }
    let follow = access.command("events");
    DeployError {
        message: format!(
            "another deployment of {what} is running, or ended just now: {}",
            error.message
        ),
        help: format!("wait for its end (`{follow}` shows it), then run the same command again"),
        ..error
    }
}
