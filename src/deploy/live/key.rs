//! Reads a key.

use aws_sdk_kms::types::KeyMetadata;

use super::{Access, document, known, reading};
use crate::doctor::live::{Grant, Key, Policy, Reading};

const MISSING: [&str; 1] = ["NotFoundException"];

/// Name of the policy that every key has. A key that is shared through AWS RAM also has another
/// policy (AWS KMS API Reference, *ListKeyPolicies*).
const DEFAULT: &str = "default";

/// Returns the metadata of a key. `name` is its ARN, ID, or alias.
pub(super) async fn describe(access: &Access, name: &str) -> Reading<KeyMetadata> {
    let answer = access.kms().describe_key().key_id(name).send().await;
    reading(access, "kms:DescribeKey", &MISSING, answer).then(|answer| match answer.key_metadata {
        Some(metadata) => Reading::Read(metadata),
        None => Reading::Missing,
    })
}

/// Reads a key. For an AWS managed key, reads only the metadata.
pub(super) async fn read(access: &Access, name: &str) -> Reading<Key> {
    let metadata = known!(describe(access, name).await);
    let kms = access.kms();
    let id = metadata.key_id.clone();
    let mut key = Key {
        arn: metadata.arn.unwrap_or_default(),
        state: metadata
            .key_state
            .map_or(String::new(), |state| state.as_str().to_owned()),
        is_aws_managed: metadata
            .key_manager
            .is_some_and(|manager| manager.as_str() == "AWS"),
        usage: metadata
            .key_usage
            .map_or(String::new(), |usage| usage.as_str().to_owned()),
        deletion: metadata.deletion_date.map(|date| date.to_string()),
        policy: Reading::Missing,
        others: Reading::Read(Vec::new()),
        grants: Reading::Missing,
        aliases: Reading::Missing,
        rotation: Reading::Missing,
    };
    if key.is_aws_managed {
        return Reading::Read(key);
    }
    let grants = kms.list_grants().key_id(&id).into_paginator().items();
    let aliases = kms.list_aliases().key_id(&id).into_paginator().items();
    let (policy, others, grants, aliases, rotation) = tokio::join!(
        policy(access, &id, DEFAULT),
        others(access, &id),
        grants.send().collect::<Result<Vec<_>, _>>(),
        aliases.send().collect::<Result<Vec<_>, _>>(),
        kms.get_key_rotation_status().key_id(&id).send(),
    );
    key.policy = policy;
    key.others = others;
    key.grants = reading(access, "kms:ListGrants", &MISSING, grants).map(|grants| {
        let grants = grants.into_iter();
        grants
            .map(|grant| Grant {
                id: grant.grant_id.unwrap_or_default(),
                grantee: grant.grantee_principal.unwrap_or_default(),
                operations: grant
                    .operations
                    .unwrap_or_default()
                    .iter()
                    .map(|operation| operation.as_str().to_owned())
                    .collect(),
                is_constrained: grant.constraints.is_some(),
            })
            .collect()
    });
    key.aliases = reading(access, "kms:ListAliases", &MISSING, aliases).map(|aliases| {
        let aliases = aliases.into_iter();
        aliases.filter_map(|alias| alias.alias_name).collect()
    });
    // The rotation status is unavailable for a key that is disabled or pending deletion.
    if key.state == "Enabled" {
        let missing = ["NotFoundException", "UnsupportedOperationException"];
        let rotation = reading(access, "kms:GetKeyRotationStatus", &missing, rotation);
        key.rotation = rotation.map(|answer| answer.key_rotation_enabled);
    }
    Reading::Read(key)
}

async fn policy(access: &Access, key: &str, name: &str) -> Reading<serde_json::Value> {
    let action = "kms:GetKeyPolicy";
    let request = access.kms().get_key_policy().key_id(key).policy_name(name);
    reading(access, action, &MISSING, request.send().await)
        .then(|answer| document(action, &answer.policy.unwrap_or_default()))
}

/// Returns the policies of a key, except the default policy.
async fn others(access: &Access, key: &str) -> Reading<Vec<Policy>> {
    let names = access.kms().list_key_policies().key_id(key);
    let names = names.into_paginator().items().send();
    let names = names.collect::<Result<Vec<String>, _>>().await;
    let names = known!(reading(access, "kms:ListKeyPolicies", &MISSING, names));
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| name != DEFAULT) {
        let document = policy(access, key, &name).await;
        // The policy may have been removed in the meantime.
        if !document.is_missing() {
            found.push(Policy { name, document });
        }
    }
    Reading::Read(found)
}
