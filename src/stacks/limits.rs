//! Finds policies that are too long because there are many targets, and suggests fixes. The check
//! runs before any file is written.

use super::{Side, Stack, build, roles};
use crate::aws::quotas::{BUCKET_POLICY, KEY_POLICY, MANAGED_POLICY, grouped};
use crate::config::{Complaint, Permissions};
use crate::lint::quotas::policy_length;
use crate::plan::Plan;
use crate::template::{Resource, list};

/// Returns a complaint for each quota that the stacks exceed because of the number of targets and
/// accounts.
///
/// Like the sizes in [`crate::lint::quotas`], the sizes are upper bounds.
pub fn complaints(plan: &Plan, stacks: &[Stack]) -> Vec<Complaint> {
    let mut found = Vec::new();
    for stack in stacks {
        if matches!(stack.side, Side::Target(_) | Side::Pipeline(_)) {
            continue;
        }
        for resource in &stack.template.resources {
            found.extend(oversized(plan, &stack.name, resource));
        }
        found.extend(too_many_policies(plan, stack));
    }
    found
}

fn complaint(plan: &Plan, what: &str) -> Complaint {
    // The target with the most instances takes the most space.
    let targets = plan.targets.iter().enumerate();
    let largest = targets.max_by_key(|(_, target)| target.instances.len());
    let number = largest.map_or(0, |(number, _)| number);
    let generic = plan.targets.iter().any(|target| target.many_accounts);
    let help = match (&plan.organization, generic) {
        (None, true) => {
            "set `organization:` to the ID of your AWS organization, so that policies specify it \
             instead of every account; or split the targets into several configurations"
        }
        (None, false) => {
            "list the accounts in `accounts:` of one target, and set `organization:` to the ID of \
             your AWS organization; or split the targets into several configurations"
        }
        // The procedure's statements name every account.
        (Some(_), true) if plan.permissions == Permissions::Article => {
            "set `permissions: least`, which specifies the organization instead of every account; \
             or split the targets into several configurations"
        }
        (Some(_), _) => {
            "list the accounts in `accounts:` of one target, so that policies specify only the \
             organization; or split the targets into several configurations"
        }
    };
    Complaint::new(&format!("targets.{number}.name"), what, help)
}

fn oversized(plan: &Plan, stack: &str, resource: &Resource) -> Option<Complaint> {
    let (property, quota) = match resource.kind.as_str() {
        "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => ("KeyPolicy", KEY_POLICY),
        "AWS::S3::BucketPolicy" => ("PolicyDocument", BUCKET_POLICY),
        "AWS::IAM::ManagedPolicy" => ("PolicyDocument", MANAGED_POLICY),
        _ => return None,
    };
    let size = policy_length(&resource.properties.field(property)?.to_json());
    if size <= quota.length() {
        return None;
    }
    let message = format!(
        "the {} {} of `{stack}` has {} {}, but {} allows {}",
        quota.name,
        resource.id,
        grouped(size as u64),
        quota.unit,
        quota.service,
        grouped(quota.value),
    );
    // The size of this policy depends on the secrets, not on the targets.
    if resource.id == build::POLICY {
        let help = "put several values into one JSON secret, and select each with `NAME:KEY`";
        return Some(Complaint::new("dev.build.secrets", message, help));
    }
    let instances = plan.instances().count();
    let message = format!("with {instances} target instances, {message}");
    Some(complaint(plan, &message))
}

fn too_many_policies(plan: &Plan, stack: &Stack) -> Option<Complaint> {
    let limit = plan.quotas.managed_policies();
    let of_service_role = list([roles::service_role_name(plan)]);
    let resources = stack.template.resources.iter();
    let policies = resources
        .filter(|resource| resource.kind == "AWS::IAM::ManagedPolicy")
        .filter(|resource| resource.properties.field("Roles") == Some(&of_service_role))
        .count() as u64;
    (stack.side == Side::Dev && policies > limit).then(|| {
        let message = format!(
            "with {} target instances, the service role needs {policies} managed policies, but \
             IAM allows {limit}",
            plan.instances().count(),
        );
        complaint(plan, &message)
    })
}
