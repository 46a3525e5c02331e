//! The invalidation of the CloudFront distributions that serve the output buckets.

use std::collections::HashMap;

use super::names::{expand, fitted_pattern, role_plan};
use super::{InstancePlan, Plan, RolePlan, TargetPlan};
use crate::aws::quotas::{MAPPING_ATTRIBUTES, ROLE_NAME, STATE_MACHINE_NAME};
use crate::aws::{Partition, arn};
use crate::config::{Complaint, Target};

/// The invalidation of a target's distributions. The names are patterns.
#[derive(Debug, Clone)]
pub struct InvalidationPlan {
    /// The paths to invalidate.
    pub paths: Vec<String>,
    /// State machine that invalidates the cache and waits for the result.
    pub machine: String,
    /// Role of the state machine. Its policy has the same name.
    pub machine_role: String,
    /// Role that the pipeline uses to start the state machine. Its policy has the same name.
    pub start_role: String,
}

/// The invalidation of an instance's distribution.
#[derive(Debug, Clone)]
pub struct InstanceInvalidation {
    /// ID of the distribution.
    pub distribution: String,
    /// Name of the state machine.
    pub machine: String,
    /// Role of the state machine.
    pub machine_role: RolePlan,
    /// Role that the pipeline uses to start the state machine.
    pub start_role: RolePlan,
    /// Name of the action that starts the state machine.
    pub action: String,
}

impl InvalidationPlan {
    /// Plans the invalidation of a target, if it has one. The names contain the name of the deploy
    /// role, which is unique in its account.
    pub(super) fn new(target: &Target, role: &str) -> Option<Self> {
        let invalidate = target.invalidate.as_ref()?;
        let role_name = |suffix: &str| fitted_pattern(role, suffix, ROLE_NAME.length());
        // Role names can contain characters that the name of a state machine should not contain.
        let machine: String = (role.chars())
            .map(|c| match c {
                '+' | '=' | ',' | '.' | '@' => '-',
                c => c,
            })
            .collect();
        Some(Self {
            paths: invalidate.paths.clone(),
            machine: fitted_pattern(&machine, "-invalidate", STATE_MACHINE_NAME.length()),
            machine_role: role_name("-invalidate"),
            start_role: role_name("-start-invalidation"),
        })
    }

    /// Plans the invalidation of an instance of the target.
    pub(super) fn of(
        &self,
        partition: Partition,
        target: &Target,
        (account, region): (&str, &str),
    ) -> InstanceInvalidation {
        let named = |pattern: &str| expand(pattern, account, region);
        let role = |pattern: &str| role_plan(partition, account, "/", named(pattern));
        InstanceInvalidation {
            // The validation requires one.
            distribution: (target.distribution(account, region).unwrap_or_default()).to_owned(),
            machine: named(&self.machine),
            machine_role: role(&self.machine_role),
            start_role: role(&self.start_role),
            action: String::new(),
        }
    }
}

/// Returns the problems with the distributions: a distribution belongs to only one account, and the
/// mapping in a template has a limit.
pub(super) fn complaints(plan: &Plan) -> Vec<Complaint> {
    let mut owners: HashMap<&str, &str> = HashMap::new();
    let mut found = Vec::new();
    for (index, target) in plan.targets.iter().enumerate() {
        let at = |key: &str| format!("targets.{index}.{key}");
        let pairs = target.instances.iter().filter_map(|instance| {
            let invalidation = instance.invalidation.as_ref()?;
            Some((&*invalidation.distribution, &*instance.account))
        });
        let shared = pairs.clone().find_map(|(id, account)| {
            let owner = *owners.entry(id).or_insert(account);
            (owner != account).then_some((id, owner, account))
        });
        if let Some((id, owner, account)) = shared {
            found.push(Complaint::new(
                &at("invalidate"),
                format!(
                    "distribution `{id}` is listed for accounts {owner} and {account}, but a \
                     distribution belongs to only one account"
                ),
                "list the account's own distribution for each account",
            ));
        }
        let count = pairs.count();
        if target.is_generic() && count > MAPPING_ATTRIBUTES.length() {
            found.push(Complaint::new(
                &at("accounts_file"),
                format!(
                    "target `{}` has {count} distributions, but the mapping in a CloudFormation \
                     template allows {}",
                    target.name, MAPPING_ATTRIBUTES.value
                ),
                "distribute the accounts among several targets",
            ));
        }
    }
    found
}

impl TargetPlan {
    /// Returns the names of the roles that the service role assumes, as patterns.
    pub(crate) fn assumed_roles(&self) -> impl Iterator<Item = &String> {
        let start = self.invalidation.as_ref().map(|names| &names.start_role);
        std::iter::once(&self.names.role).chain(start)
    }
}

impl InstancePlan {
    /// Returns the ARNs of the roles that the service role assumes for this instance.
    pub(crate) fn assumed_roles(&self) -> impl Iterator<Item = &str> {
        let invalidation = self.invalidation.as_ref();
        let start = invalidation.map(|invalidation| invalidation.start_role.arn.as_str());
        std::iter::once(self.role.arn.as_str()).chain(start)
    }

    /// Returns whether an action in its stage invalidates the distribution.
    pub(crate) fn invalidates_with(&self, action: &str) -> bool {
        let invalidation = self.invalidation.as_ref();
        invalidation.is_some_and(|invalidation| invalidation.action == action)
    }
}

impl Plan {
    /// Returns the ARN of an instance's state machine.
    pub(crate) fn machine_arn(&self, account: &str, region: &str, machine: &str) -> String {
        arn::state_machine(self.partition, region, account, machine)
    }
}
