//! The key that encrypts the artifacts, its policy, and its alias.

use std::collections::BTreeSet;

use crate::config::Permissions;
use crate::plan::Plan;
use crate::template::{Resource, Value, list, map};

use super::policy::{Statement, document};
use super::readers::readers;
use super::values::{key_arn_text, key_logical_id, service_role_arn};
use super::{KEY_ID, tags};

/// Logical ID of a replica key.
pub(super) const REPLICA: &str = "DeployKey";

/// Builds the key and its alias.
pub(super) fn key(plan: &Plan) -> [Resource; 2] {
    let dev = &plan.dev;
    let statements = statements(plan, &dev.region, &service_role_arn(plan));
    let mut properties = map([(
        "Description",
        format!("Encrypts the artifacts of pipeline {}", dev.pipeline),
    )])
    .with("KeySpec", "SYMMETRIC_DEFAULT")
    .with("KeyUsage", "ENCRYPT_DECRYPT")
    .with("Origin", "AWS_KMS")
    .with("EnableKeyRotation", true);
    if dev.multi_region {
        properties = properties.with("MultiRegion", true);
    }
    let properties = properties
        .with("PendingWindowInDays", dev.key_deletion_window_days)
        .with("KeyPolicy", document(&statements))
        .with_some("Tags", tags(plan));
    let comment = "Encrypts the artifacts. The targets' accounts could not decrypt artifacts that \
                   are encrypted with an AWS managed key, such as aws/s3.";
    let id = key_logical_id(plan);
    let key = Resource::new(id, "AWS::KMS::Key", comment, properties).retained();
    [suppressed(plan, key), alias(plan, id)]
}

/// Builds the replica of the key in another region and the replica's alias. According to the AWS
/// documentation, *Multi-Region keys*, the replica has the same ID as the key and a separate
/// policy.
pub(super) fn replica(plan: &Plan, region: &str) -> [Resource; 2] {
    let dev = &plan.dev;
    let service_role = Value::from(dev.service_role.arn.as_str());
    let statements = statements(plan, region, &service_role);
    let primary = key_arn_text(plan, &dev.region, KEY_ID);
    let properties = map([("PrimaryKeyArn", Value::Sub(primary))])
        .with(
            "Description",
            format!(
                "Encrypts the artifacts of pipeline {} in {region}",
                dev.pipeline
            ),
        )
        .with("PendingWindowInDays", dev.key_deletion_window_days)
        .with("KeyPolicy", document(&statements))
        .with_some("Tags", tags(plan));
    let comment = "The replica of the dev stack's key in this region. It has the same ID and key \
                   material, and a separate policy.";
    let key = Resource::new(REPLICA, "AWS::KMS::ReplicaKey", comment, properties).retained();
    [suppressed(plan, key), alias(plan, REPLICA)]
}

fn suppressed(plan: &Plan, key: Resource) -> Resource {
    if plan.permissions == Permissions::Article {
        let reason =
            "`permissions: article` is set. The AWS procedure grants access to the entire account.";
        key.suppress("KMS_KEY_CROSS_ACCOUNT_CONFINED", reason)
    } else {
        key
    }
}

fn alias(plan: &Plan, key: &str) -> Resource {
    let alias = map([("AliasName", Value::from(plan.dev.key_alias.as_str()))])
        .with("TargetKeyId", Value::reference(key));
    let comment = "A readable name for the key. The pipeline uses the key's ARN, because other \
                   accounts cannot resolve an alias.";
    Resource::new("DeployKeyAlias", "AWS::KMS::Alias", comment, alias)
}

/// Builds the statements of the key policy in a region. The only targets that they allow are those
/// in that region.
fn statements(plan: &Plan, region: &str, service_role: &Value) -> Vec<Statement> {
    match plan.permissions {
        Permissions::Least => least_statements(plan, region, service_role),
        Permissions::Article => article_statements(plan, region, service_role),
    }
}

fn root_statement(plan: &Plan, sid: &str) -> Statement {
    Statement::allow(
        sid,
        "The account itself: its IAM policies can allow users to administer and use the key. \
         Without this statement, the key could become unmanageable.",
    )
    .aws(plan.account_arn(&plan.dev.account))
    .actions(["kms:*"])
    .on("*")
}

fn administrator_statement(plan: &Plan, sid: &str) -> Option<Statement> {
    let administrators = &plan.dev.key_administrators;
    if administrators.is_empty() {
        return None;
    }
    let statement = Statement::allow(
        sid,
        "Key administrators can manage the key, but not use it.",
    )
    .aws(list(administrators));
    let statement = match plan.permissions {
        Permissions::Least => statement.actions([
            "kms:CancelKeyDeletion",
            "kms:DescribeKey",
            "kms:DisableKey",
            "kms:DisableKeyRotation",
            "kms:EnableKey",
            "kms:EnableKeyRotation",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:ListGrants",
            "kms:ListKeyPolicies",
            "kms:ListResourceTags",
            "kms:PutKeyPolicy",
            "kms:RevokeGrant",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:UpdateKeyDescription",
        ]),
        Permissions::Article => statement.actions([
            "kms:Create*",
            "kms:Describe*",
            "kms:Enable*",
            "kms:List*",
            "kms:Put*",
            "kms:Update*",
            "kms:Revoke*",
            "kms:Disable*",
            "kms:Get*",
            "kms:Delete*",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:ScheduleKeyDeletion",
            "kms:CancelKeyDeletion",
        ]),
    };
    Some(statement.on("*"))
}

fn least_statements(plan: &Plan, region: &str, service_role: &Value) -> Vec<Statement> {
    let mut statements = vec![root_statement(plan, "AccountAdministration")];
    statements.extend(administrator_statement(plan, "KeyAdministrators"));
    statements.push(
        Statement::allow(
            "ServiceRoleEncryptsArtifacts",
            "The pipeline's service role encrypts the artifacts. A multipart upload requires \
             Decrypt. AWS's default key policy gives key users DescribeKey.",
        )
        .aws(service_role.clone())
        .actions(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])
        .on("*"),
    );
    for readers in readers(plan, region, |_| true) {
        let who = if readers.is_one {
            "DeployRoleDecryptsArtifacts"
        } else {
            "DeployRolesDecryptArtifacts"
        };
        statements.push(
            Statement::allow(
                &format!("{who}{}", readers.name),
                &format!("{} can decrypt artifacts. {}", readers.comment, readers.why),
            )
            .aws(readers.principal)
            .actions(["kms:Decrypt", "kms:DescribeKey"])
            .on("*")
            .when(readers.condition),
        );
    }
    statements
}

/// Builds the statements that the KMS console writes for the choices in the AWS procedure. Follows
/// *Default key policy* in the AWS documentation.
fn article_statements(plan: &Plan, region: &str, service_role: &Value) -> Vec<Statement> {
    let users = || {
        let accounts: BTreeSet<&str> = (plan.instances())
            .filter(|(_, instance)| instance.region == region)
            .map(|(_, instance)| instance.account.as_str())
            .collect();
        let roots = accounts
            .into_iter()
            .map(|account| plan.account_arn(account));
        list(std::iter::once(service_role.clone()).chain(roots.map(Value::from)))
    };
    let mut statements = vec![root_statement(plan, "Enable IAM User Permissions")];
    statements.extend(administrator_statement(
        plan,
        "Allow access for Key Administrators",
    ));
    statements.push(
        Statement::allow(
            "Allow use of the key",
            "The service role and the targets' accounts.",
        )
        .aws(users())
        .actions([
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:DescribeKey",
        ])
        .on("*"),
    );
    let grants = map([("Bool", map([("kms:GrantIsForAWSResource", true)]))]);
    statements.push(
        Statement::allow(
            "Allow attachment of persistent resources",
            "AWS services can use grants on behalf of these principals.",
        )
        .aws(users())
        .actions(["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"])
        .on("*")
        .when(grants),
    );
    statements
}
