//! The settings of all buckets that s3ferry creates: their namespace and their lifecycle rules.

use schemars::JsonSchema;
use serde::Deserialize;

/// A namespace of general purpose buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BucketNamespace {
    /// The namespace that all accounts share. Bucket names are as configured.
    #[default]
    Global,
    /// The namespace of the account and region (`account-regional` in S3).
    Account,
}

/// Lifecycle rules of the buckets that s3ferry creates. Current versions of source and deployed
/// objects never expire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lifecycle {
    /// Days after which S3 aborts an incomplete multipart upload, in all buckets.
    #[schemars(example = 7, range(min = 1, max = 2_147_483_647))]
    pub abort_uploads_days: Option<u32>,
    /// Days after which artifacts expire. The minimum is 90 days, because an approval, a retry, or a
    /// rollback can still need them. It increases with the number of approvals.
    #[schemars(example = 90, range(min = 1, max = 2_147_483_647))]
    pub artifacts_days: Option<u32>,
    /// Days after which S3 deletes replaced and deleted versions in the source bucket and the output
    /// buckets. If s3ferry creates the source bucket, the minimum is the same as for
    /// `artifacts_days`.
    #[schemars(example = 365, range(min = 1, max = 2_147_483_647))]
    pub noncurrent_days: Option<u32>,
    /// Days after which access logs expire.
    #[schemars(example = 365, range(min = 1, max = 2_147_483_647))]
    pub logs_days: Option<u32>,
}
