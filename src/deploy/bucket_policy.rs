//! Compares the merged policy of an existing artifact bucket with the live policy, and applies it.

use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use serde_json::Value;

use super::{Access, DeployError};

/// The result of comparing the live policy with the known policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PolicyState {
    /// The merged policy is in force.
    InForce,
    /// The live policy is still the one that was merged. The merged policy can be applied.
    AsMerged,
    /// The live policy has changed since the merge and must be merged again. Contains its text.
    Changed(String),
}

/// Compares the live policy of a bucket with the policy before the merge and the merged policy.
pub(crate) async fn compare(
    access: &Access,
    bucket: &str,
    before: &str,
    merged: &str,
) -> Result<PolicyState, DeployError> {
    let answer = access.s3().get_bucket_policy().bucket(bucket).send().await;
    let live = match answer {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(error) if error.code() == Some("NoSuchBucketPolicy") => String::new(),
        Err(error) => return Err(access.error("s3:GetBucketPolicy", &error)),
    };
    let same = |text: &str| {
        let parsed = serde_json::from_str::<Value>(text).ok();
        parsed.is_some() && parsed == serde_json::from_str::<Value>(&live).ok()
    };
    Ok(if same(merged) {
        PolicyState::InForce
    } else if same(before) {
        PolicyState::AsMerged
    } else {
        PolicyState::Changed(live)
    })
}

pub(crate) async fn put(
    access: &Access,
    bucket: &str,
    account: &str,
    merged: &str,
) -> Result<(), DeployError> {
    access
        .s3()
        .put_bucket_policy()
        .bucket(bucket)
        .expected_bucket_owner(account)
        .policy(merged)
        .send()
        .await
        .map_err(|error| access.error("s3:PutBucketPolicy", &error))?;
    Ok(())
}
