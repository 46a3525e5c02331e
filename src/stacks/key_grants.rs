//! The access that the policies of existing keys must allow. No template contains these policies,
//! so the owners of the keys must change them.

use serde_json::{Value, json};

use super::ENCRYPTED_ARN;
use crate::plan::Plan;

/// Access that the policy of an existing key must allow.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyGrant {
    /// ARN of the key.
    pub key: String,
    /// Account that owns the key.
    pub account: String,
    /// ARN of the role that uses the key.
    pub role: String,
    /// The actions that the role uses.
    pub actions: &'static [&'static str],
    /// A statement for the key policy that allows these actions.
    ///
    /// Its principal is the account, and a condition names the role: KMS rejects a principal that
    /// does not exist yet.
    pub statement: Value,
}

/// Returns the access to existing keys that a pipeline execution needs.
pub fn key_grants(plan: &Plan) -> Vec<KeyGrant> {
    let mut found = Vec::new();
    if let Some(source) = plan.dev.source.object()
        && let Some(key) = &source.encryption_key
    {
        let mut grant = grant(
            plan,
            "PipelineDecryptsSource",
            key,
            &plan.dev.account,
            &plan.dev.service_role.arn,
            &["kms:Decrypt"],
        );
        let contexts = plan.source_encryption_contexts(source);
        grant.statement["Condition"]["StringLike"] = json!({ ENCRYPTED_ARN: contexts });
        found.push(grant);
    }
    for (target, instance) in plan.instances() {
        if let Some(key) = &target.encryption_key {
            found.push(grant(
                plan,
                "PipelineEncryptsDeployedFiles",
                key,
                &instance.account,
                &instance.role.arn,
                &["kms:Decrypt", "kms:GenerateDataKey"],
            ));
        }
    }
    found
}

fn grant(
    plan: &Plan,
    sid: &str,
    key: &str,
    account: &str,
    role: &str,
    actions: &'static [&'static str],
) -> KeyGrant {
    let listed = match actions {
        [only] => json!(only),
        several => json!(several),
    };
    KeyGrant {
        statement: json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": { "AWS": plan.account_arn(account) },
            "Action": listed,
            "Resource": "*",
            "Condition": { "ArnEquals": { "aws:PrincipalArn": role } },
        }),
        key: key.to_owned(),
        account: account.to_owned(),
        role: role.to_owned(),
        actions,
    }
}

impl KeyGrant {
    /// Returns the instruction for the owner of the key. The statement follows it.
    pub(crate) fn instruction(&self) -> String {
        format!(
            "the policy of key {} in account {} must allow {} to call {}. The default key policy \
             already does, because it delegates the decision to the IAM policies of the account. \
             If the key has a different policy, add this statement:",
            self.key,
            self.account,
            self.role,
            self.actions.join(" and ")
        )
    }
}
