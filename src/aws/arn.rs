//! Amazon Resource Names: their parts, and those of the resources that a pipeline uses.
//!
//! Follows the AWS document *Identify AWS resources with Amazon Resource Names (ARNs)*, and for the
//! resources the Service Authorization Reference. A part can be a pattern or a reference of a
//! template (`${AWS::AccountId}`), so the functions take whatever can be written as text.

use std::fmt::{self, Display};

/// An ARN, split into the parts after `arn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-eusc`, `aws-us-gov`…
    pub partition: &'a str,
    /// The service's namespace, `s3`.
    pub service: &'a str,
    /// May be empty.
    pub region: &'a str,
    /// The account's ID; may be empty.
    pub account: &'a str,
    /// The rest, which may hold further colons.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` where it has not six parts or does not begin with `arn`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }
}

impl Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

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
