//! The existing and the desired state of a stack set, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::StackSetOperationResultStatus as Status;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{AccountFilter, AutoDeployment};
use crate::deploy::Text;
use crate::plan::{StackSetPermissions, StackSetPlan};

/// The account and region of a stack instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub(crate) struct Instance {
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account: String,
    /// Region.
    pub region: String,
}

impl Instance {
    pub(crate) fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }
}

/// The state of a stack instance relative to its stack set (AWS CloudFormation,
/// *StackInstanceSummary*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    /// The stack is up to date with the stack set.
    Current,
    /// The stack was not created or updated. The next operation tries again.
    Outdated,
    /// A deletion failed, and the instance can no longer be updated.
    Inoperable,
    /// The last operation skipped the instance because its account is suspended.
    Suspended,
}

impl Health {
    /// Returns the name of the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Outdated => "outdated",
            Self::Inoperable => "inoperable",
            Self::Suspended => "suspended",
        }
    }
}

/// An existing stack instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Existing {
    #[serde(flatten)]
    pub instance: Instance,
    /// State relative to the stack set.
    pub health: Health,
    /// Reason that AWS gives. May be empty.
    pub reason: String,
    /// ID of the stack, once it is known.
    pub stack_id: Option<String>,
    /// Organizational unit that the instance was created for, with service-managed permissions.
    #[serde(skip)]
    pub organizational_unit: Option<String>,
}

/// The desired state of a stack set.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Name, account, region, permissions, and preferences.
    pub plan: StackSetPlan,
    /// Configured instances.
    pub instances: Vec<Instance>,
    pub text: Text,
    /// Description of the template.
    pub description: String,
    pub parameters: Vec<(String, String)>,
    /// Tags of the stack set, which CloudFormation also applies to the created resources.
    pub tags: Vec<(String, String)>,
}

/// An existing stack set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub id: String,
    pub template: String,
    pub description: String,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// Whether the permissions are service-managed.
    pub service_managed: bool,
    pub administration_role_arn: String,
    pub execution_role: String,
    /// Whether automatic deployment is on, and whether it retains the stacks of removed accounts.
    pub auto_deployment: Option<(bool, bool)>,
    pub managed_execution: bool,
    /// Organizational units that the stack set was deployed to.
    pub organizational_units: Vec<String>,
}

impl Wanted {
    /// Returns the configured regions without duplicates.
    pub(crate) fn regions(&self) -> Vec<String> {
        let regions: BTreeSet<&String> = self.instances.iter().map(|one| &one.region).collect();
        regions.into_iter().cloned().collect()
    }

    /// Returns the scope of the operations.
    pub(crate) fn scope(&self, set: Option<&Described>) -> Scope {
        match &self.plan.permissions {
            StackSetPermissions::SelfManaged(_) => Scope::Accounts,
            StackSetPermissions::ServiceManaged(own) => Scope::Units(Units {
                units: own.organizational_units.clone(),
                known: set.map_or_else(Vec::new, |set| set.organizational_units.clone()),
                filter: own.filter,
                excluded: own.excluded_accounts.clone(),
                auto: own.auto_deployment.enabled,
            }),
        }
    }

    /// Returns the configured automatic deployment, or `None` for self-managed permissions.
    pub(crate) fn auto_deployment(&self) -> Option<AutoDeployment> {
        match &self.plan.permissions {
            StackSetPermissions::SelfManaged(_) => None,
            StackSetPermissions::ServiceManaged(own) => Some(own.auto_deployment),
        }
    }
}

/// The scope of the operations on a stack set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Accounts,
    Units(Units),
}

/// Organizational units and the account filter for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Units {
    pub units: Vec<String>,
    /// Units that the stack set was deployed to before.
    pub known: Vec<String>,
    /// Account filter for the units.
    pub filter: AccountFilter,
    /// Accounts that `Difference` excludes.
    pub excluded: Vec<String>,
    /// Whether StackSets automatically deploys to accounts that join a unit.
    pub auto: bool,
}

/// The targets of one operation: every account in every region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Organizational units and the filter for `accounts`. `None` if `accounts` are the targets.
    pub units: Option<(Vec<String>, AccountFilter)>,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
}

/// The number of instances in an operation, by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub pending: usize,
    pub running: usize,
    pub succeeded: usize,
    pub failed: usize,
    /// Instances that were not attempted because too many other instances failed.
    pub canceled: usize,
}

impl Counts {
    pub(crate) fn total(&self) -> usize {
        self.pending + self.running + self.ended()
    }

    /// Returns the number of instances whose operation has ended.
    pub(crate) fn ended(&self) -> usize {
        self.succeeded + self.failed + self.canceled
    }

    /// Counts an instance by its status.
    pub(super) fn add(&mut self, status: Option<&Status>) {
        let count = match status {
            Some(Status::Running) => &mut self.running,
            Some(Status::Succeeded) => &mut self.succeeded,
            Some(Status::Failed) => &mut self.failed,
            Some(Status::Cancelled) => &mut self.canceled,
            _ => &mut self.pending,
        };
        *count += 1;
    }
}

/// The progress of a stack set operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub stack_set: String,
    /// Status code of the operation.
    pub status: String,
    pub counts: Counts,
}

/// An instance whose stack differs from the stack set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failed {
    #[serde(flatten)]
    pub instance: Instance,
    /// Status code, such as `FAILED` or `OUTDATED`.
    pub status: String,
    /// Reason that AWS gives, on one line. May be empty.
    pub reason: String,
    /// ID of the stack, if it is known.
    pub stack_id: Option<String>,
}
