//! The targets' roles that read an artifact store, and the principals and conditions of the
//! statements that allow them.
//!
//! A principal must exist, but the role of a target may not exist yet. The principal is therefore
//! the role's account. For several accounts in an organization, the principal is everyone. A
//! condition requires the caller to be the role.

use std::collections::BTreeSet;

use crate::plan::{Plan, TargetPlan};
use crate::template::{Value, list, map};

use super::values::alphanumeric;

/// The maximum number of single-account targets with separate statements. If there are more, one
/// statement names all of them, because separate statements would make the bucket policy too long.
const MOST_SEPARATE_STATEMENTS: usize = 20;

const BY_CONDITION: &str = "A condition names the role, because AWS rejects a principal that does \
                            not exist yet, and this stack is deployed first.";
const BY_ORGANIZATION: &str = "Conditions name the role and the organization, because a list of \
                               all accounts could be too long.";

/// A group of roles that read a store and share a statement.
pub(super) struct Readers {
    /// End of the statement's `Sid`.
    pub(super) name: String,
    /// Description of the roles, as the subject of a sentence.
    pub(super) comment: String,
    /// Reason for the form of the principal and condition.
    pub(super) why: &'static str,
    /// The statement's principal.
    pub(super) principal: Value,
    /// The statement's condition.
    pub(super) condition: Value,
    /// Whether the group is a single role.
    pub(super) is_one: bool,
}

/// Returns the roles that read the store of a region, for the targets that `which` selects.
pub(super) fn readers(
    plan: &Plan,
    region: &str,
    which: impl Fn(&TargetPlan) -> bool,
) -> Vec<Readers> {
    let here = |target: &&TargetPlan| target.instances_in(region).next().is_some();
    let (mut generic, mut single): (Vec<_>, Vec<_>) =
        (plan.targets.iter().filter(here)).partition(|target| target.is_generic());
    // All targets share the policy, so all of them count toward its length.
    let is_crowded = single.len() > MOST_SEPARATE_STATEMENTS;
    generic.retain(|target| which(target));
    single.retain(|target| which(target));
    let mut found = Vec::new();
    if is_crowded && !single.is_empty() {
        found.push(together(plan, region, &single));
    } else {
        found.extend(single.iter().map(|target| one(plan, region, target)));
    }
    found.extend(generic.iter().map(|target| many(plan, region, target)));
    found
}

fn one(plan: &Plan, region: &str, target: &TargetPlan) -> Readers {
    let instance = target.instances_in(region).next();
    let (account, role) = instance.map_or(("", ""), |instance| {
        (instance.account.as_str(), instance.role.arn.as_str())
    });
    Readers {
        name: alphanumeric(&target.name),
        comment: format!("Target {}: only its deploy role", target.name),
        why: BY_CONDITION,
        principal: plan.account_arn(account).into(),
        condition: condition(plan, role),
        is_one: true,
    }
}

/// Builds the condition that only these roles meet. If an organization is configured, they must
/// belong to it.
fn condition(plan: &Plan, roles: impl Into<Value>) -> Value {
    let condition = map([("ArnEquals", map([("aws:PrincipalArn", roles)]))]);
    let organization = (plan.organization.as_ref()).map(|id| map([("aws:PrincipalOrgID", id)]));
    condition.with_some("StringEquals", organization)
}

fn roots(plan: &Plan, accounts: BTreeSet<&str>) -> Value {
    list(accounts.iter().map(|account| plan.account_arn(account)))
}

fn together(plan: &Plan, region: &str, targets: &[&TargetPlan]) -> Readers {
    let instances = || {
        targets
            .iter()
            .flat_map(|target| target.instances_in(region))
    };
    let roles: BTreeSet<&str> = instances()
        .map(|instance| instance.role.arn.as_str())
        .collect();
    Readers {
        name: String::new(),
        comment: "Only the targets' deploy roles".to_owned(),
        why: BY_CONDITION,
        principal: roots(
            plan,
            instances()
                .map(|instance| instance.account.as_str())
                .collect(),
        ),
        condition: condition(plan, list(roles)),
        is_one: false,
    }
}

/// Returns the roles of a target with one template for several accounts or regions.
fn many(plan: &Plan, region: &str, target: &TargetPlan) -> Readers {
    let accounts = target
        .instances_in(region)
        .map(|instance| instance.account.as_str());
    let roles: Value = if target.names.role.contains("{account}") && plan.organization.is_none() {
        list(
            target
                .instances_in(region)
                .map(|instance| instance.role.arn.as_str()),
        )
    } else {
        let name = target
            .names
            .role
            .replace("{account}", "*")
            .replace("{region}", region);
        plan.role_arn("*", &name).into()
    };
    let (principal, whose, why) = match plan.organization {
        Some(_) => (
            "*".into(),
            "in the organization's accounts",
            BY_ORGANIZATION,
        ),
        None => (
            roots(plan, accounts.collect()),
            "in these accounts",
            BY_CONDITION,
        ),
    };
    Readers {
        name: alphanumeric(&target.name),
        comment: format!("Target {}: only its deploy role {whose}", target.name),
        why,
        principal,
        condition: condition(plan, roles),
        is_one: false,
    }
}
