//! The stack set of a target: its place, its name and the names of its roles.

use crate::aws::arn;
use crate::aws::names::characters;
use crate::aws::partition_of;
use std::collections::HashMap;

use super::names::stack_name;
use crate::aws::{Partition, quotas::STACK_SET_NAME};
use crate::config::{
    AccountFilter, AutoDeployment, CallAs, Complaint, Config, OperationPreferences,
    PermissionModel, StackSet, Target,
};

/// The name that StackSets expects where none is given (AWS CloudFormation, *Grant self-managed
/// permissions*).
const ADMINISTRATION_ROLE: &str = "AWSCloudFormationStackSetAdministrationRole";
/// The same in the target accounts.
const EXECUTION_ROLE: &str = "AWSCloudFormationStackSetExecutionRole";

/// A target's stack set.
#[derive(Debug, Clone)]
pub struct StackSetPlan {
    /// Name.
    pub name: String,
    /// Administrator account's ID.
    pub account: String,
    /// Region of the stack set itself.
    pub region: String,
    /// Named profile of the AWS configuration for the administrator account.
    pub profile: String,
    /// Whose roles it acts with.
    pub permissions: StackSetPermissions,
    /// Whether StackSets runs and queues operations by itself.
    pub managed_execution: bool,
    /// How an operation proceeds.
    pub preferences: OperationPreferences,
}

/// Whose roles a stack set acts with, and what only that model has.
#[derive(Debug, Clone)]
pub enum StackSetPermissions {
    /// Roles that the user creates.
    SelfManaged(SelfManaged),
    /// Roles that AWS Organizations creates.
    ServiceManaged(ServiceManaged),
}

/// Self-managed permissions.
#[derive(Debug, Clone)]
pub struct SelfManaged {
    /// ARN of the administration role.
    pub administration_role_arn: String,
    /// Name of the administration role.
    pub administration_role: String,
    /// Name of the execution role in every target account.
    pub execution_role: String,
    /// Whether the roles have the names that every other stack set of the accounts uses too.
    pub default_names: bool,
}

/// Service-managed permissions.
#[derive(Debug, Clone)]
pub struct ServiceManaged {
    /// Organizational units, or the root.
    pub organizational_units: Vec<String>,
    /// How accounts narrow them down; never `Union`.
    pub filter: AccountFilter,
    /// Accounts that are left out, with `Difference`.
    pub excluded_accounts: Vec<String>,
    /// What happens when an account joins or leaves.
    pub auto_deployment: AutoDeployment,
    /// As whom the administrator account calls.
    pub call_as: CallAs,
}

impl StackSetPlan {
    /// The stack set of a target. A target without one in the configuration gets what an empty
    /// `stack_set:` means.
    pub(crate) fn new(config: &Config, target: &Target) -> Self {
        let default = StackSet::default();
        let set = target.stack_set.as_ref().unwrap_or(&default);
        let dev = &config.dev;
        let account = set.account.clone().unwrap_or_else(|| dev.account.clone());
        Self {
            name: set.name.clone().unwrap_or_else(|| {
                stack_name(&dev.pipeline.name, &target.name, STACK_SET_NAME.length())
            }),
            region: set.region.clone().unwrap_or_else(|| dev.region.clone()),
            profile: set.profile.clone().unwrap_or_else(|| dev.profile.clone()),
            permissions: permissions(set, &account, partition_of(&dev.region)),
            managed_execution: set.managed_execution,
            preferences: set.operation_preferences.clone(),
            account,
        }
    }

    /// Gives a stack set whose name follows from the pipeline's the name that follows from another.
    pub(super) fn set_prefix(&mut self, old: &str, new: &str, target: &str) {
        let name = |prefix| stack_name(prefix, target, STACK_SET_NAME.length());
        if self.name == name(old) {
            self.name = name(new);
        }
    }
}

fn permissions(set: &StackSet, account: &str, partition: Partition) -> StackSetPermissions {
    match set.permission_model {
        PermissionModel::SelfManaged => {
            let role = |given: &Option<String>, default: &str| {
                given.clone().unwrap_or_else(|| default.to_owned())
            };
            let administration_role = role(&set.administration_role, ADMINISTRATION_ROLE);
            let execution_role = role(&set.execution_role, EXECUTION_ROLE);
            StackSetPermissions::SelfManaged(SelfManaged {
                administration_role_arn: arn::role(partition, account, &administration_role),
                default_names: administration_role == ADMINISTRATION_ROLE
                    || execution_role == EXECUTION_ROLE,
                administration_role,
                execution_role,
            })
        }
        PermissionModel::ServiceManaged => StackSetPermissions::ServiceManaged(ServiceManaged {
            organizational_units: set.organizational_units.clone(),
            filter: set.account_filter.unwrap_or_default(),
            excluded_accounts: set.excluded_accounts.clone(),
            auto_deployment: set.auto_deployment.unwrap_or(AutoDeployment {
                enabled: false,
                retain_stacks_on_account_removal: true,
            }),
            call_as: set.call_as,
        }),
    }
}

/// Names that are too long once derived, and names that two stack sets share.
pub(super) fn complaints(config: &Config) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut taken: HashMap<(String, String, String), &str> = HashMap::new();
    for (index, target) in config.targets.iter().enumerate() {
        if target.stack_set.is_none() {
            continue;
        }
        let plan = StackSetPlan::new(config, target);
        let path = format!("targets.{index}.stack_set.name");
        if plan.name.len() > STACK_SET_NAME.length() {
            found.push(Complaint::new(
                &path,
                format!(
                    "the stack set `{}` has {}, and {} are allowed",
                    plan.name,
                    characters(plan.name.len()),
                    STACK_SET_NAME.value
                ),
                "give it a shorter name with `name:`",
            ));
        }
        let key = (plan.account, plan.region, plan.name.clone());
        if let Some(other) = taken.insert(key, &target.name) {
            found.push(Complaint::new(
                &path,
                format!(
                    "targets `{other}` and `{}` have the same stack set `{}`",
                    target.name, plan.name
                ),
                "give one of them another `name:`",
            ));
        }
    }
    found
}
