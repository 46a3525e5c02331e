//! The key that encrypts the artifacts, its policy and its alias.

use crate::cfn::{Resource, Value, list, map};
use crate::config::Permissions;
use crate::plan::Plan;

use super::policy::{Statement, document, only_role};
use super::roles::service_role_arn;
use super::tags;

/// The key and its alias.
pub(super) fn key(plan: &Plan) -> [Resource; 2] {
    let dev = &plan.dev;
    let statements = match plan.permissions {
        Permissions::Least => least_statements(plan),
        Permissions::Article => article_statements(plan),
    };
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
    let comment = "Encrypts the artifacts. Neither the default key of S3 nor an AWS managed key \
                   can do it: the targets' accounts could not decrypt.";
    let mut key = Resource::new("DeployKey", "AWS::KMS::Key", comment, properties).retained();
    if plan.permissions == Permissions::Article {
        let reason = "permissions is article: the procedure admits the whole account.";
        key = key.suppress("KMS_KEY_CROSS_ACCOUNT_CONFINED", reason);
    }
    let alias = map([("AliasName", Value::from(dev.key_alias.as_str()))])
        .with("TargetKeyId", Value::reference("DeployKey"));
    let comment = "A name for people. The pipeline uses the key's ARN: another account cannot \
                   resolve an alias.";
    [
        key,
        Resource::new("DeployKeyAlias", "AWS::KMS::Alias", comment, alias),
    ]
}

fn root_statement(plan: &Plan, sid: &str) -> Statement {
    Statement::allow(
        sid,
        "The account itself: its IAM policies may administer the key. Without this statement the \
         key could lock out everybody.",
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
    let statement = Statement::allow(sid, "The key's administrators: everything but its use.")
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

fn least_statements(plan: &Plan) -> Vec<Statement> {
    let mut statements = vec![root_statement(plan, "AccountAdministration")];
    statements.extend(administrator_statement(plan, "KeyAdministrators"));
    statements.push(
        Statement::allow(
            "ServiceRoleEncryptsArtifacts",
            "The pipeline's service role encrypts the artifacts; Decrypt is what a multipart \
             upload needs.",
        )
        .aws(service_role_arn(plan))
        .actions(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])
        .on("*"),
    );
    for target in &plan.targets {
        statements.push(
            Statement::allow(
                &format!("DeployRoleDecryptsArtifacts{}", alphanumeric(&target.name)),
                &format!(
                    "Target {}: its deploy role, and nobody else of its account.",
                    target.name
                ),
            )
            .aws(plan.account_arn(&target.account))
            .actions(["kms:Decrypt", "kms:DescribeKey"])
            .on("*")
            .when(only_role(plan, &target.role.arn)),
        );
    }
    statements
}

/// What the KMS console writes for the procedure's choices (AWS KMS, *Default key policy*).
fn article_statements(plan: &Plan) -> Vec<Statement> {
    let users = || {
        let roots = plan
            .targets
            .iter()
            .map(|target| plan.account_arn(&target.account));
        list(std::iter::once(service_role_arn(plan)).chain(roots.map(Value::from)))
    };
    let mut statements = vec![root_statement(plan, "Enable IAM User Permissions")];
    statements.extend(administrator_statement(
        plan,
        "Allow access for Key Administrators",
    ));
    statements.push(
        Statement::allow(
            "Allow use of the key",
            "The service role, and the targets' accounts.",
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
            "AWS services may use grants on their behalf.",
        )
        .aws(users())
        .actions(["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"])
        .on("*")
        .when(grants),
    );
    statements
}

/// A name as part of a Sid, which has letters and digits only.
pub(super) fn alphanumeric(name: &str) -> String {
    let mut upper = true;
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(if upper { c.to_ascii_uppercase() } else { c });
        }
        upper = !c.is_ascii_alphanumeric();
    }
    out
}
