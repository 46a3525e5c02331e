//! What a stack set is and what it is wanted to be, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::StackSetOperationResultStatus as Status;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{AccountFilter, AutoDeployment};
use crate::deploy::Text;
use crate::plan::{StackSetPermissions, StackSetPlan};

/// A stack instance's place.
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

/// How a stack instance stands to its stack set (AWS CloudFormation, *StackInstanceSummary*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    /// Its stack is as the stack set says.
    Current,
    /// Its stack was not created, or not updated; another operation tries again.
    Outdated,
    /// A deletion failed; no update reaches it any more.
    Inoperable,
    /// The last operation skipped it, because its account is suspended.
    Suspended,
}

impl Health {
    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Outdated => "outdated",
            Self::Inoperable => "inoperable",
            Self::Suspended => "suspended",
        }
    }
}

/// A stack instance that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Existing {
    #[serde(flatten)]
    pub instance: Instance,
    /// Whether it is as its stack set says.
    pub health: Health,
    /// AWS's reason; may be empty.
    pub reason: String,
    /// ID of its stack, once there is one.
    pub stack_id: Option<String>,
    /// The organizational unit that it was made for, with service-managed permissions.
    #[serde(skip)]
    pub organizational_unit: Option<String>,
}

/// What a stack set is wanted to be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Name, place, permissions and preferences.
    pub plan: StackSetPlan,
    /// Where the template is wanted.
    pub instances: Vec<Instance>,
    pub text: Text,
    /// What the template is.
    pub description: String,
    pub parameters: Vec<(String, String)>,
    /// Tags of the stack set, which CloudFormation puts on all that it makes.
    pub tags: Vec<(String, String)>,
}

/// A stack set that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub id: String,
    pub template: String,
    pub description: String,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// Whether its permissions are service-managed.
    pub service_managed: bool,
    pub administration_role_arn: String,
    pub execution_role: String,
    /// Whether it deploys by itself, and what becomes of the stacks of accounts that leave.
    pub auto_deployment: Option<(bool, bool)>,
    pub managed_execution: bool,
    /// Organizational units that it was deployed to.
    pub organizational_units: Vec<String>,
}

impl Wanted {
    /// The regions that are wanted, each once.
    pub(crate) fn regions(&self) -> Vec<String> {
        let regions: BTreeSet<&String> = self.instances.iter().map(|one| &one.region).collect();
        regions.into_iter().cloned().collect()
    }

    /// What its operations are aimed at.
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

    /// What automatic deployment it wants; nothing with self-managed permissions.
    pub(crate) fn auto_deployment(&self) -> Option<AutoDeployment> {
        match &self.plan.permissions {
            StackSetPermissions::SelfManaged(_) => None,
            StackSetPermissions::ServiceManaged(own) => Some(own.auto_deployment),
        }
    }
}

/// What the operations of a stack set are aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Accounts,
    Units(Units),
}

/// Organizational units, and how accounts narrow them down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Units {
    pub units: Vec<String>,
    /// Those that the stack set was deployed to before.
    pub known: Vec<String>,
    /// How accounts narrow them down.
    pub filter: AccountFilter,
    /// Accounts that are left out, with `Difference`.
    pub excluded: Vec<String>,
    /// Whether accounts that join are deployed to by themselves.
    pub auto: bool,
}

/// What one operation is aimed at: every account in every region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Organizational units, and how `accounts` narrow them down; `None`: the accounts themselves.
    pub units: Option<(Vec<String>, AccountFilter)>,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
}

/// How many instances of an operation are how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub pending: usize,
    pub running: usize,
    pub succeeded: usize,
    pub failed: usize,
    /// Not tried, because too many others failed.
    pub cancelled: usize,
}

impl Counts {
    pub(crate) fn total(&self) -> usize {
        self.pending + self.running + self.ended()
    }

    /// Those that are over, one way or the other.
    pub(crate) fn ended(&self) -> usize {
        self.succeeded + self.failed + self.cancelled
    }

    /// Counts one more, by its status.
    pub(super) fn add(&mut self, status: Option<&Status>) {
        let count = match status {
            Some(Status::Running) => &mut self.running,
            Some(Status::Succeeded) => &mut self.succeeded,
            Some(Status::Failed) => &mut self.failed,
            Some(Status::Cancelled) => &mut self.cancelled,
            _ => &mut self.pending,
        };
        *count += 1;
    }
}

/// How far an operation of a stack set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub stack_set: String,
    /// AWS's status code of the operation.
    pub status: String,
    pub counts: Counts,
}

/// An instance whose stack is not as the stack set says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failed {
    #[serde(flatten)]
    pub instance: Instance,
    /// AWS's status code, such as `FAILED` or `OUTDATED`.
    pub status: String,
    /// AWS's reason, on one line; may be empty.
    pub reason: String,
    /// ID of its stack, when it is known.
    pub stack_id: Option<String>,
}
