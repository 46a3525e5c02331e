//! The policies on both sides of a call, including those that were not provided.

use super::collect::no_boundary;
use super::world::{Missing, World};
use crate::policy::document::PolicyKind;
use crate::policy::evaluation::Request;
use crate::run::landscape::{PolicyId, bucket_name};
use crate::run::{Call, Caller};

/// The policies that apply to a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Sets {
    pub(super) identity: Vec<PolicyId>,
    pub(super) resource: Option<PolicyId>,
    pub(super) boundary: Option<PolicyId>,
    pub(super) missing_identity: Option<Missing>,
    pub(super) missing_resource: Option<Missing>,
    pub(super) missing_boundary: Option<Missing>,
}

impl Sets {
    pub(super) fn missing(&self) -> Vec<Missing> {
        [
            &self.missing_identity,
            &self.missing_resource,
            &self.missing_boundary,
        ]
        .into_iter()
        .flatten()
        .cloned()
        .collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = PolicyId> {
        let resource = self.resource.iter().chain(&self.boundary);
        self.identity.iter().chain(resource).copied()
    }
}

/// Returns the control policies that apply to a call but are unknown. The provided control policies
/// are those of the stacks' accounts. If none are provided, none are assumed to exist.
pub(super) fn foreign(world: &World<'_>, call: &Call) -> Option<&'static str> {
    let is_foreign = |account: Option<&str>| {
        account.is_none_or(|account| !world.land.accounts.contains(account))
    };
    if !world.scps.is_empty() && is_foreign(call.caller.account()) {
        return Some("the service control policies of the caller's account");
    }
    if !world.rcps.is_empty() && is_foreign(call.account.as_deref()) {
        return Some("the resource control policies of the resource's account");
    }
    None
}

pub(super) fn sets(world: &World<'_>, call: &Call, request: &Request) -> Sets {
    let mut sets = Sets::default();
    match &call.caller {
        Caller::Administrator(_) => sets.identity.push(world.administrator),
        Caller::Role(arn) => match world.role(arn) {
            Some(role) => {
                sets.identity.clone_from(&role.identity);
                sets.boundary = role.boundary;
                sets.missing_identity.clone_from(&role.missing_identity);
                sets.missing_boundary.clone_from(&role.missing_boundary);
            }
            None => {
                sets.missing_identity = Some(Missing::new(
                    format!("the policies of the role `{arn}`"),
                    "--identity",
                    arn,
                ));
                sets.missing_boundary = Some(no_boundary(arn));
            }
        },
        Caller::Root(_) | Caller::Service(_) | Caller::Unknown(..) => {}
    }
    if let Some(id) = call.resource_policy {
        sets.resource = Some(id);
        return sets;
    }
    if call.made_up {
        return sets;
    }
    let missing = |what: &str| {
        let name = bucket_name(&call.resource).unwrap_or(&call.resource);
        Some(Missing::new(format!("{what} `{name}`"), "--policy", name))
    };
    match request.resource_policy_kind() {
        PolicyKind::Key => {
            let key = world.key(&call.resource);
            sets.resource = key.map(|(_, policy)| policy);
            let known = world.land.known_key(&call.resource);
            if sets.resource.is_none() {
                sets.missing_resource = missing("the policy of the key");
            } else if known.is_some_and(|key| !key.is_whole) {
                sets.missing_resource = missing("the other policies of the key");
            }
        }
        PolicyKind::Trust => {
            sets.resource = world.role(&call.resource).and_then(|role| role.trust);
            if sets.resource.is_none() {
                sets.missing_resource = missing("the trust policy of the role");
            }
        }
        _ if request.service() == "s3" => match world.land.bucket_of(&call.resource) {
            Some(bucket) if bucket.policy.is_some() || bucket.place.is_some() => {
                sets.resource = bucket.policy;
            }
            _ => sets.missing_resource = missing("the policy of the existing bucket"),
        },
        _ if request.service() == "sns" => match world.topics.get(&call.resource) {
            Some(policy) => sets.resource = *policy,
            None => sets.missing_resource = missing("the policy of the topic"),
        },
        _ => {}
    }
    sets
}
