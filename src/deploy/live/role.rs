//! Reading a role and its policies.

use std::collections::BTreeMap;

use super::{Access, document, reading};
use crate::doctor::live::{Policy, Reading, Role};

const MISSING: [&str; 1] = ["NoSuchEntity"];

/// Reads a role; `policies` are the managed policies that it should have.
pub(super) async fn read(access: &Access, arn: &str, policies: Vec<String>) -> Reading<Role> {
    let iam = access.iam();
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let answer = iam.get_role().role_name(name).send().await;
    let role = match reading(access, "iam:GetRole", &MISSING, answer) {
        Reading::Read(answer) => answer.role,
        Reading::Missing => return Reading::Missing,
        Reading::Refused(refusal) => return Reading::Refused(refusal),
    };
    let Some(role) = role else {
        return Reading::Missing;
    };
    let text = role.assume_role_policy_document.unwrap_or_default();
    let trust = match document("iam:GetRole", &text) {
        Reading::Read(trust) => trust,
        Reading::Missing => return Reading::Missing,
        Reading::Refused(refusal) => return Reading::Refused(refusal),
    };
    let mut boundary = None;
    if let Some(arn) = role
        .permissions_boundary
        .and_then(|boundary| boundary.permissions_boundary_arn)
    {
        boundary = Some(managed(access, arn).await);
    }
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
    match reading(access, "iam:ListAttachedRolePolicies", &MISSING, listed) {
        Reading::Read(listed) => {
            let mut found = Vec::new();
            for policy in listed {
                if let Some(arn) = policy.policy_arn {
                    found.push(managed(access, arn).await);
                }
            }
            Reading::Read(found)
        }
        Reading::Missing => Reading::Missing,
        Reading::Refused(refusal) => Reading::Refused(refusal),
    }
}

/// A managed policy's default version.
async fn managed(access: &Access, arn: String) -> Policy {
    let iam = access.iam();
    let answer = iam.get_policy().policy_arn(&arn).send().await;
    let version = reading(access, "iam:GetPolicy", &MISSING, answer)
        .map(|answer| answer.policy.and_then(|policy| policy.default_version_id));
    let document = match version {
        Reading::Read(version) => {
            let action = "iam:GetPolicyVersion";
            let answer = iam
                .get_policy_version()
                .policy_arn(&arn)
                .version_id(version.unwrap_or_default())
                .send()
                .await;
            reading(access, action, &MISSING, answer).then(|answer| {
                let version = answer.policy_version;
                let text = version.and_then(|version| version.document);
                document(action, &text.unwrap_or_default())
            })
        }
        Reading::Missing => Reading::Missing,
        Reading::Refused(refusal) => Reading::Refused(refusal),
    };
    Policy {
        name: arn,
        document,
    }
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
    match reading(access, "iam:ListRolePolicies", &MISSING, listed) {
        Reading::Read(names) => {
            let mut found = Vec::new();
            for name in names {
                let action = "iam:GetRolePolicy";
                let answer = iam
                    .get_role_policy()
                    .role_name(role)
                    .policy_name(&name)
                    .send()
                    .await;
                let document = reading(access, action, &MISSING, answer)
                    .then(|answer| document(action, &answer.policy_document));
                found.push(Policy { name, document });
            }
            Reading::Read(found)
        }
        Reading::Missing => Reading::Missing,
        Reading::Refused(refusal) => Reading::Refused(refusal),
    }
}
