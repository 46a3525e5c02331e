//! Amazon Resource Names (ARNs): their parts, and the ARNs of the resources that a pipeline uses.
//!
//! Follows *Identify AWS resources with Amazon Resource Names (ARNs)* and the *Service
//! Authorization Reference* in the AWS documentation. A part can be a pattern or a reference in a
//! template (`${AWS::AccountId}`), so the functions accept any displayable value.

use std::fmt::Display;

pub(crate) use crate::policy::document::Arn;

/// Builds the ARN of a resource in a regional service.
pub(crate) fn regional(
    partition: impl Display,
    service: &str,
    region: impl Display,
    account: impl Display,
    resource: impl Display,
) -> String {
    format!("arn:{partition}:{service}:{region}:{account}:{resource}")
}

/// Builds the ARN of an IAM resource: `root`, `role/NAME`, `policy/PATH/NAME`.
pub(crate) fn iam(
    partition: impl Display,
    account: impl Display,
    resource: impl Display,
) -> String {
    regional(partition, "iam", "", account, resource)
}

/// Builds the ARN of the root user of an account. As a principal, it represents the whole account.
pub(crate) fn root(partition: impl Display, account: impl Display) -> String {
    iam(partition, account, "root")
}

/// Builds the ARN of a role. The name can include a path without the leading slash.
pub(crate) fn role(partition: impl Display, account: impl Display, name: impl Display) -> String {
    iam(partition, account, format_args!("role/{name}"))
}

/// Builds the ARN of a role session. The name of the role has no path.
pub(crate) fn session(
    partition: impl Display,
    account: impl Display,
    role: impl Display,
    session: impl Display,
) -> String {
    let resource = format_args!("assumed-role/{role}/{session}");
    regional(partition, "sts", "", account, resource)
}

/// Builds the ARN of a bucket, or of an object for `BUCKET/KEY`.
pub(crate) fn bucket(partition: impl Display, name: impl Display) -> String {
    regional(partition, "s3", "", "", name)
}

/// Builds the ARN of a CodeBuild project.
pub(crate) fn project(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    name: impl Display,
) -> String {
    let resource = format_args!("project/{name}");
    regional(partition, "codebuild", region, account, resource)
}

/// Builds the ARN of a Step Functions state machine.
pub(crate) fn state_machine(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    name: impl Display,
) -> String {
    let resource = format_args!("stateMachine:{name}");
    regional(partition, "states", region, account, resource)
}

/// Builds the ARN of an execution of a Step Functions state machine from the ARN of the state machine.
pub(crate) fn execution_of(machine: &str, id: impl Display) -> String {
    let execution = machine.replacen(":stateMachine:", ":execution:", 1);
    format!("{execution}:{id}")
}

/// Builds the ARN of a CloudFront distribution.
pub(crate) fn distribution(
    partition: impl Display,
    account: impl Display,
    id: impl Display,
) -> String {
    let resource = format_args!("distribution/{id}");
    regional(partition, "cloudfront", "", account, resource)
}

/// Builds the ARN of a log group.
pub(crate) fn log_group(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    name: impl Display,
) -> String {
    let resource = format_args!("log-group:{name}");
    regional(partition, "logs", region, account, resource)
}

/// Builds the ARN of a secret in Secrets Manager. Its ID is the name, a hyphen, and six random
/// characters.
pub(crate) fn secret(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    id: impl Display,
) -> String {
    let resource = format_args!("secret:{id}");
    regional(partition, "secretsmanager", region, account, resource)
}

/// Builds the ARN of a KMS key.
pub(crate) fn key(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    id: impl Display,
) -> String {
    regional(partition, "kms", region, account, format_args!("key/{id}"))
}

/// Builds the ARN of a pipeline.
pub(crate) fn pipeline(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    name: impl Display,
) -> String {
    regional(partition, "codepipeline", region, account, name)
}

/// Builds the ARN of a CloudWatch alarm.
pub(crate) fn alarm(
    partition: impl Display,
    region: impl Display,
    account: impl Display,
    name: impl Display,
) -> String {
    let resource = format_args!("alarm:{name}");
    regional(partition, "cloudwatch", region, account, resource)
}

/// Builds the ARN of an EventBridge rule.
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
