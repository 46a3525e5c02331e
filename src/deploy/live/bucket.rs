//! Reads a bucket.

use std::collections::BTreeMap;

use aws_sdk_s3::types::PublicAccessBlockConfiguration;

use super::{Access, document, reading};
use crate::doctor::live::{Bucket, Encryption, Reading};

/// Reads the policy and settings of a bucket. Returns `Missing` if the bucket does not exist. If
/// access is denied, each part contains the error.
pub(super) async fn read(access: &Access, name: &str) -> Reading<Bucket> {
    let s3 = access.s3();
    let location = s3.get_bucket_location().bucket(name).send().await;
    let there = reading(access, "s3:GetBucketLocation", &["NoSuchBucket"], location);
    if there.is_missing() {
        return Reading::Missing;
    }
    let (policy, versioning, notifications, ownership, acl, encryption, public) = tokio::join!(
        s3.get_bucket_policy().bucket(name).send(),
        s3.get_bucket_versioning().bucket(name).send(),
        s3.get_bucket_notification_configuration()
            .bucket(name)
            .send(),
        s3.get_bucket_ownership_controls().bucket(name).send(),
        s3.get_bucket_acl().bucket(name).send(),
        s3.get_bucket_encryption().bucket(name).send(),
        s3.get_public_access_block().bucket(name).send(),
    );
    let action = "s3:GetBucketPolicy";
    let policy = reading(access, action, &["NoSuchBucketPolicy"], policy)
        .then(|answer| document(action, &answer.policy.unwrap_or_default()));
    let versioning = reading(access, "s3:GetBucketVersioning", &[], versioning).map(|answer| {
        let status = answer.status;
        status.map_or(String::new(), |status| status.as_str().to_owned())
    });
    let event_bridge = reading(access, "s3:GetBucketNotification", &[], notifications)
        .map(|answer| answer.event_bridge_configuration.is_some());
    let missing = ["OwnershipControlsNotFoundError"];
    let ownership =
        reading(access, "s3:GetBucketOwnershipControls", &missing, ownership).then(|answer| {
            let rules = answer.ownership_controls.map(|controls| controls.rules);
            match rules.unwrap_or_default().first() {
                Some(rule) => Reading::Read(rule.object_ownership.as_str().to_owned()),
                None => Reading::Missing,
            }
        });
    let grantees = reading(access, "s3:GetBucketAcl", &[], acl).map(|answer| {
        let owner = answer.owner.and_then(|owner| owner.id);
        let grants = answer.grants.unwrap_or_default().into_iter();
        grants
            .filter_map(|grant| grant.grantee)
            .filter(|grantee| grantee.id.is_none() || grantee.id != owner)
            .filter_map(|grantee| grantee.uri.or(grantee.id))
            .collect()
    });
    let missing = ["ServerSideEncryptionConfigurationNotFoundError"];
    let encryption = reading(
        access,
        "s3:GetEncryptionConfiguration",
        &missing,
        encryption,
    )
    .then(|answer| {
        let rules = answer
            .server_side_encryption_configuration
            .map(|configuration| configuration.rules)
            .unwrap_or_default();
        let Some(rule) = rules.into_iter().next() else {
            return Reading::Missing;
        };
        let default = rule.apply_server_side_encryption_by_default;
        Reading::Read(Encryption {
            algorithm: default.as_ref().map_or(String::new(), |default| {
                default.sse_algorithm.as_str().to_owned()
            }),
            key: default.and_then(|default| default.kms_master_key_id),
            bucket_key: rule.bucket_key_enabled.unwrap_or_default(),
        })
    });
    let missing = ["NoSuchPublicAccessBlockConfiguration"];
    let public_access_block = reading(access, "s3:GetBucketPublicAccessBlock", &missing, public)
        .then(
            |answer| match answer.public_access_block_configuration.as_ref() {
                Some(block) => Reading::Read(settings(block)),
                None => Reading::Missing,
            },
        );
    Reading::Read(Bucket {
        policy,
        versioning,
        event_bridge,
        ownership,
        grantees,
        encryption,
        public_access_block,
    })
}

fn settings(block: &PublicAccessBlockConfiguration) -> BTreeMap<String, bool> {
    [
        ("BlockPublicAcls", block.block_public_acls),
        ("BlockPublicPolicy", block.block_public_policy),
        ("IgnorePublicAcls", block.ignore_public_acls),
        ("RestrictPublicBuckets", block.restrict_public_buckets),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.unwrap_or_default()))
    .collect()
}
