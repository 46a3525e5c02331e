//! Restores a role's trust policy. This is the only change that `s3ferry doctor` makes.

use std::time::Duration;

use serde_json::Value as Json;

use super::{Access, DeployError};
use crate::doctor::Repair;
use crate::doctor::compare::compare;

/// Number of reads. IAM may return the earlier policy for a few seconds.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_secs(2);

/// Updates the trust policy, and reads it until the update is visible.
pub(crate) async fn repair(access: &Access, repair: &Repair) -> Result<(), DeployError> {
    let iam = access.iam();
    iam.update_assume_role_policy()
        .role_name(&repair.role)
        .policy_document(repair.wanted.to_string())
        .send()
        .await
        .map_err(|error| access.error("iam:UpdateAssumeRolePolicy", &error))?;
    for attempt in 1..=TRIES {
        let answer = iam.get_role().role_name(&repair.role).send().await;
        let answer = answer.map_err(|error| access.error("iam:GetRole", &error))?;
        let text = answer
            .role
            .and_then(|role| role.assume_role_policy_document)
            .unwrap_or_default();
        let read = super::live::document("iam:GetRole", &text);
        if read
            .read()
            .is_some_and(|live: &Json| compare(&repair.wanted, live).is_none())
        {
            return Ok(());
        }
        if attempt < TRIES {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Err(DeployError::failed(
        format!(
            "the trust policy of role `{}` was updated, but IAM returns a different policy",
            repair.role
        ),
        "check the role with `aws iam get-role`; another user may be changing it",
    ))
}
