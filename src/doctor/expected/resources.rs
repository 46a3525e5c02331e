//! The roles, buckets, and keys that the templates create.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{ExpectedBucket, ExpectedKey, ExpectedRole, is_true, list, text};
use crate::proof::Resolved;

pub(super) fn roles(resources: &[Resolved]) -> Vec<ExpectedRole> {
    let roles = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::IAM::Role");
    roles
        .filter_map(|role| {
            let name = role.name.clone()?;
            let (mut managed, mut inline) = attached(resources, &role.account, &name);
            for policy in list(&role.properties["Policies"]) {
                inline.push((
                    text(&policy["PolicyName"])?,
                    policy["PolicyDocument"].clone(),
                ));
            }
            for arn in list(&role.properties["ManagedPolicyArns"]) {
                let arn = text(arn)?;
                if managed.iter().all(|(known, _)| *known != arn) {
                    managed.push((arn, Json::Null));
                }
            }
            Some(ExpectedRole {
                arn: role.arn.clone()?,
                account: role.account.clone(),
                stack: role.stack,
                trust: Some(role.properties["AssumeRolePolicyDocument"].clone()),
                boundary: text(&role.properties["PermissionsBoundary"]),
                name,
                managed,
                inline,
            })
        })
        .collect()
}

type Documents = Vec<(String, Json)>;

/// Returns the managed and inline policies that separate resources attach to a role.
pub(super) fn attached(
    resources: &[Resolved],
    account: &str,
    role: &str,
) -> (Documents, Documents) {
    let (mut managed, mut inline) = (Vec::new(), Vec::new());
    for policy in resources
        .iter()
        .filter(|resource| resource.account == account)
    {
        let properties = &policy.properties;
        let named = list(&properties["Roles"])
            .iter()
            .chain([&properties["RoleName"]])
            .any(|name| name.as_str() == Some(role));
        let document = || properties["PolicyDocument"].clone();
        match policy.kind.as_str() {
            "AWS::IAM::ManagedPolicy" if named => {
                managed.extend(policy.arn.clone().map(|arn| (arn, document())));
            }
            "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" if named => {
                let name = text(&properties["PolicyName"]);
                inline.extend(name.map(|name| (name, document())));
            }
            _ => {}
        }
    }
    (managed, inline)
}

pub(super) fn buckets(
    resources: &[Resolved],
    merged: &BTreeMap<String, Json>,
) -> Vec<ExpectedBucket> {
    let mut found: Vec<ExpectedBucket> = Vec::new();
    for bucket in resources
        .iter()
        .filter(|resource| resource.kind == "AWS::S3::Bucket")
    {
        let Some(name) = bucket.name.clone() else {
            continue;
        };
        found.push(ExpectedBucket {
            properties: Some(bucket.properties.clone()),
            ..ExpectedBucket::new(name, &bucket.account, &bucket.region, bucket.stack)
        });
    }
    let policies = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::S3::BucketPolicy")
        .filter_map(|policy| {
            let document = policy.properties["PolicyDocument"].clone();
            Some((text(&policy.properties["Bucket"])?, Some(policy), document))
        })
        .chain(
            merged
                .iter()
                .map(|(name, policy)| (name.clone(), None, policy.clone())),
        );
    let first = resources.first();
    for (name, resource, document) in policies {
        if let Some(bucket) = found.iter_mut().find(|bucket| bucket.name == name) {
            bucket.policy = Some(document);
        } else if let Some(owner) = resource.or(first) {
            found.push(ExpectedBucket {
                policy: Some(document),
                ..ExpectedBucket::new(name, &owner.account, &owner.region, owner.stack)
            });
        }
    }
    found
}

pub(super) fn keys(resources: &[Resolved]) -> Vec<ExpectedKey> {
    let keys = resources
        .iter()
        .filter(|resource| matches!(&*resource.kind, "AWS::KMS::Key" | "AWS::KMS::ReplicaKey"));
    keys.filter_map(|key| {
        let aliases = resources.iter().filter(|alias| {
            alias.kind == "AWS::KMS::Alias"
                && alias.stack == key.stack
                && text(&alias.properties["TargetKeyId"]) == key.name
        });
        Some(ExpectedKey {
            arn: key.arn.clone()?,
            account: key.account.clone(),
            stack: key.stack,
            aliases: aliases
                .filter_map(|alias| text(&alias.properties["AliasName"]))
                .collect(),
            policy: Some(key.properties["KeyPolicy"].clone()),
            rotation: is_true(&key.properties["EnableKeyRotation"]),
        })
    })
    .collect()
}
