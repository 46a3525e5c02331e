//! Amazon Resource Names: their parts, and those of the resources that a pipeline uses.
//!
//! Follows the AWS document *Identify AWS resources with Amazon Resource Names (ARNs)*, and for the
//! resources the Service Authorization Reference. A part can be a pattern or a reference of a
//! template (`${AWS::AccountId}`), so the functions take whatever can be written as text.

use std::fmt::Display;

pub(crate) use crate::policy::document::Arn;

/// ARN of a resource of a service that has regions.
pub(crate) fn regional(
    partition: impl Display,
    service: &str,
    region: impl Display,
    account: impl Display,
    resource: impl Display,
) -> String {
    format!("arn:{partition}:{service}:{region}:{account}:{resource}")
}

/// ARN of a resource of IAM: `root`, `role/NAME`, `policy/PATH/NAME`.
pub(crate) fn iam(
    partition: impl Display,
    account: impl Display,
    resource: impl Display,
) -> String {
    regional(partition, "iam", "", account, resource)
}

/// ARN of an account's root, which stands for the whole account.
pub(crate) fn root(partition: impl Display, account: impl Display) -> String {
    iam(partition, account, "root")
}

/// ARN of a role. The name can have a path before it, without the first slash.
pub(crate) fn role(partition: impl Display, account: impl Display, name: impl Display) -> String {
    iam(partition, account, format_args!("role/{name}"))
}

/// ARN of a session of a role. The role's name has no path.
pub(crate) fn session(
    partition: impl Display,
    account: impl Display,
    role: impl Display,
    session: impl Display,
) -> String {
    let resource = format_args!("assumed-role/{role}/{session}");
    regional(partition, "sts", "", account, resource)
}

/// ARN of a bucket; with `BUCKET/KEY`, of an object.
pub(crate) fn bucket(partition: impl Display, name: impl Display) -> String {
    regional(partition, "s3", "", "", name)
}

/// ARN of a key of KMS.
pub(crate) fn key(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    id: impl Display,
) -> String {
    regional(partition, "kms", region, account, format_args!("key/{id}"))
}

/// ARN of a pipeline.
pub(crate) fn pipeline(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    name: impl Display,
) -> String {
    regional(partition, "codepipeline", region, account, name)
}

/// ARN of a rule of EventBridge.
pub(crate) fn rule(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    name: impl Display,
) -> String {
    regional(
        partition,
        "events",
        region,
        account,
        format_args!("rule/{name}"),
    )
}
