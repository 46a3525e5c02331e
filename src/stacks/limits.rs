//! Policies that cannot hold all targets: said before anything is written, with what to do.

use super::{Side, Stack};
use crate::aws::quotas::{BUCKET_POLICY, KEY_POLICY, MANAGED_POLICY, grouped};
use crate::config::{Complaint, Permissions};
use crate::lint::quotas::policy_length;
use crate::plan::Plan;
use crate::template::Resource;

/// What of the stacks goes beyond a quota because of the number of targets and accounts.
///
/// The sizes are upper bounds, as those of [`crate::lint::quotas`] are.
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
    // The target that takes most of the room.
    let targets = plan.targets.iter().enumerate();
    let largest = targets.max_by_key(|(_, target)| target.instances.len());
    let number = largest.map_or(0, |(number, _)| number);
    let generic = plan.targets.iter().any(|target| target.many_accounts);
    let help = match (&plan.organization, generic) {
        (None, true) => {
            "set `organization:` to the ID of your AWS organization, so that policies name it \
             instead of every account; or spread the targets over several configurations"
        }
        (None, false) => {
            "write the accounts as `accounts:` of one target, and set `organization:` to the ID of \
             your AWS organization; or spread the targets over several configurations"
        }
        // The procedure's statements name every account.
        (Some(_), true) if plan.permissions == Permissions::Article => {
            "set `permissions: least`, which names the organization instead of every account; or \
             spread the targets over several configurations"
        }
        (Some(_), _) => {
            "write the accounts as `accounts:` of one target, which policies name by the \
             organization; or spread the targets over several configurations"
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
        "with {} instances of the targets the {} {} of `{stack}` has {} {}, and {} allows {}",
        plan.instances().count(),
        quota.name,
        resource.id,
        grouped(size as u64),
        quota.unit,
        quota.service,
        grouped(quota.value),
    );
    Some(complaint(plan, &message))
}

fn too_many_policies(plan: &Plan, stack: &Stack) -> Option<Complaint> {
    let limit = plan.quotas.managed_policies();
    let resources = stack.template.resources.iter();
    let policies = resources
        .filter(|resource| resource.kind == "AWS::IAM::ManagedPolicy")
        .filter(|resource| resource.condition.is_none())
        .count() as u64;
    (stack.side == Side::Dev && policies > limit).then(|| {
        let message = format!(
            "with {} instances of the targets the service role needs {policies} managed policies, \
             and IAM allows {limit}",
            plan.instances().count(),
        );
        complaint(plan, &message)
    })
}
