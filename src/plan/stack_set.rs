//! The stack set of a target: its account and region, its name, and the names of its roles.

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

/// The default administration role of StackSets. Follows *Grant self-managed permissions* in the
/// AWS documentation.
const ADMINISTRATION_ROLE: &str = "AWSCloudFormationStackSetAdministrationRole";
/// The default execution role of StackSets in the target accounts.
const EXECUTION_ROLE: &str = "AWSCloudFormationStackSetExecutionRole";

/// The stack set of a target.
#[derive(Debug, Clone)]
pub struct StackSetPlan {
    /// Name.
    pub name: String,
    /// ID of the administrator account.
    pub account: String,
    /// Region of the stack set itself.
    pub region: String,
    /// Named profile in the AWS configuration for the administrator account.
    pub profile: String,
    /// Permission model with its settings.
    pub permissions: StackSetPermissions,
    /// Whether to use managed execution. With managed execution, StackSets runs operations
    /// concurrently if they do not conflict, and queues the others.
    pub managed_execution: bool,
    /// Preferences of an operation.
    pub preferences: OperationPreferences,
}

/// The permission model of a stack set, with the settings that only that model has.
#[derive(Debug, Clone)]
pub enum StackSetPermissions {
    /// The user creates the roles.
    SelfManaged(SelfManaged),
    /// AWS Organizations creates the roles.
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
    /// Whether the roles have the default names, which other stack sets in the account also use.
    pub default_names: bool,
}

/// Service-managed permissions.
#[derive(Debug, Clone)]
pub struct ServiceManaged {
    /// Organizational units, or the root.
    pub organizational_units: Vec<String>,
    /// Filter for the accounts of the organizational units; never `Union`.
    pub filter: AccountFilter,
    /// Excluded accounts, with `Difference`.
    pub excluded_accounts: Vec<String>,
    /// Automatic deployment when an account joins or leaves.
    pub auto_deployment: AutoDeployment,
    /// Whether the account makes calls as the management account or as a delegated administrator.
    pub call_as: CallAs,
}

impl StackSetPlan {
    /// Plans the stack set of a target. Without a stack set in the configuration, the default
    /// settings apply.
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

    /// Changes the name of the stack set if it is derived from the pipeline name `old`. The new
    /// name is derived from `new`.
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

/// Returns the names that are too long and the names that two stack sets share.
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
                    "the stack set name `{}` has {}; at most {} are allowed",
                    plan.name,
                    characters(plan.name.len()),
                    STACK_SET_NAME.value
                ),
                "specify a shorter name with `name:`",
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
                "set a different `name:` for one of them",
            ));
        }
    }
    found
}
