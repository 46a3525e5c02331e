//! Reads a role and its policies.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Access, document, known, reading};
use crate::doctor::live::{Policy, Reading, Role};

const MISSING: [&str; 1] = ["NoSuchEntity"];

/// Reads a role. `policies` are the managed policies that it should have.
pub(super) async fn read(access: &Access, arn: &str, policies: Vec<String>) -> Reading<Role> {
    let iam = access.iam();
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let answer = iam.get_role().role_name(name).send().await;
    let Some(role) = known!(reading(access, "iam:GetRole", &MISSING, answer)).role else {
        return Reading::Missing;
    };
    let text = role.assume_role_policy_document.unwrap_or_default();
    let trust = known!(document("iam:GetRole", &text));
    let boundary = role.permissions_boundary;
    let boundary = match boundary.and_then(|boundary| boundary.permissions_boundary_arn) {
        Some(arn) => Some(managed(access, arn).await),
        None => None,
    };
    let attached = attached(access, name).await;
    let mut detached = BTreeMap::new();
    for arn in policies {
        let there = attached.read().into_iter().flatten();
        if there.into_iter().any(|policy| policy.name == arn) {
            continue;
        }
        let answer = iam.get_policy().policy_arn(&arn).send().await;
        let found = reading(access, "iam:GetPolicy", &MISSING, answer).map(|_| ());
        detached.insert(arn, found);
    }
    Reading::Read(Role {
        arn: role.arn,
        id: role.role_id,
        trust,
        boundary,
        attached,
        inline: inline(access, name).await,
        detached,
    })
}

async fn attached(access: &Access, role: &str) -> Reading<Vec<Policy>> {
    let listed = access
        .iam()
        .list_attached_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    let action = "iam:ListAttachedRolePolicies";
    let mut found = Vec::new();
    for policy in known!(reading(access, action, &MISSING, listed)) {
        if let Some(arn) = policy.policy_arn {
            found.push(managed(access, arn).await);
        }
    }
    Reading::Read(found)
}

async fn managed(access: &Access, arn: String) -> Policy {
    let document = default_version(access, &arn).await;
    Policy {
        name: arn,
        document,
    }
}

/// Returns the document of a managed policy's default version.
async fn default_version(access: &Access, arn: &str) -> Reading<Json> {
    let iam = access.iam();
    let answer = iam.get_policy().policy_arn(arn).send().await;
    let policy = known!(reading(access, "iam:GetPolicy", &MISSING, answer)).policy;
    let version = policy.and_then(|policy| policy.default_version_id);
    let action = "iam:GetPolicyVersion";
    let request = iam.get_policy_version().policy_arn(arn);
    let answer = request.version_id(version.unwrap_or_default()).send().await;
    let version = known!(reading(access, action, &MISSING, answer)).policy_version;
    let text = version.and_then(|version| version.document);
    document(action, &text.unwrap_or_default())
}

async fn inline(access: &Access, role: &str) -> Reading<Vec<Policy>> {
    let iam = access.iam();
    let listed = iam
        .list_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    let mut found = Vec::new();
    for name in known!(reading(access, "iam:ListRolePolicies", &MISSING, listed)) {
        let action = "iam:GetRolePolicy";
        let request = iam.get_role_policy().role_name(role).policy_name(&name);
        let document = reading(access, action, &MISSING, request.send().await)
            .then(|answer| document(action, &answer.policy_document));
        found.push(Policy { name, document });
    }
    Reading::Read(found)
}
