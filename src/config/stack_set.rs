//! The part of the configuration that is about CloudFormation StackSets.

use schemars::JsonSchema;
use serde::Deserialize;

use super::names;

/// Deployment of a target's template by CloudFormation StackSets: one stack set, and a stack
/// instance in each of the target's accounts and regions.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StackSet {
    /// Name of the stack set; by default the names of pipeline and target.
    #[schemars(example = &"crossaccountdeploy-prod")]
    pub name: Option<String>,
    /// Administrator account, which has the stack set: twelve digits, in quotes; by default the
    /// dev account.
    #[schemars(example = &"111111111111")]
    #[schemars(regex(pattern = names::ACCOUNT_ID))]
    pub account: Option<String>,
    /// Region of the stack set itself; by default the dev region.
    #[schemars(example = &"us-east-1")]
    pub region: Option<String>,
    /// Named profile of the AWS configuration for the administrator account; by default the dev
    /// account's.
    #[schemars(regex(pattern = names::PROFILE))]
    pub profile: Option<String>,
    /// Who creates the roles that StackSets needs.
    pub permission_model: PermissionModel,
    /// Name of the administration role in the administrator account; self-managed only; by
    /// default `AWSCloudFormationStackSetAdministrationRole`.
    #[schemars(example = &"s3ferry-stack-set-administration")]
    #[schemars(regex(pattern = names::ROLE))]
    pub administration_role: Option<String>,
    /// Name of the execution role in the target accounts; self-managed only; by default
    /// `AWSCloudFormationStackSetExecutionRole`.
    #[schemars(example = &"s3ferry-stack-set-execution")]
    #[schemars(regex(pattern = names::ROLE))]
    pub execution_role: Option<String>,
    /// Organizational units (or the root) that hold the target's accounts; service-managed only.
    #[schemars(example = ["ou-ab12-11111111"])]
    pub organizational_units: Vec<String>,
    /// Which accounts of the organizational units are deployed to; service-managed only; by
    /// default `intersection`.
    pub account_filter: Option<AccountFilter>,
    /// Accounts of the organizational units that are left out, with `account_filter: difference`.
    #[schemars(example = ["333333333333"])]
    #[schemars(inner(regex(pattern = names::ACCOUNT_ID)))]
    pub excluded_accounts: Vec<String>,
    /// What happens when an account joins or leaves an organizational unit; service-managed only.
    pub auto_deployment: Option<AutoDeployment>,
    /// Whether the administrator account is the organization's management account (`self`) or a
    /// delegated administrator (`delegated-admin`); service-managed only.
    pub call_as: CallAs,
    /// Managed execution: StackSets runs operations that do not get in each other's way at the
    /// same time, and queues the others.
    pub managed_execution: bool,
    /// How an operation proceeds over accounts and regions.
    pub operation_preferences: OperationPreferences,
}

/// A stack set's permission model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionModel {
    /// Administration and execution roles that you create.
    #[default]
    SelfManaged,
    /// Roles that AWS Organizations creates.
    ServiceManaged,
}

/// How accounts narrow organizational units down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountFilter {
    /// The target's accounts, as far as they are in the organizational units.
    #[default]
    Intersection,
    /// All accounts of the organizational units but `excluded_accounts`.
    Difference,
    /// All accounts of the organizational units.
    None,
    /// Refused: StackSets does not create instances with it.
    Union,
}

/// Automatic deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoDeployment {
    /// Whether an account that joins an organizational unit gets a stack by itself. It has no
    /// deploy action in the pipeline until the configuration names it.
    pub enabled: bool,
    /// Whether the stack of an account that leaves is kept.
    #[serde(default = "yes")]
    pub retain_stacks_on_account_removal: bool,
}

/// As whom the administrator account calls StackSets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallAs {
    /// As the organization's management account, or with self-managed permissions.
    #[default]
    #[serde(rename = "self")]
    ItSelf,
    /// As a delegated administrator of the organization.
    DelegatedAdmin,
}

/// Operation preferences of a stack set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OperationPreferences {
    /// Accounts per region in which the operation may fail before it stops (0).
    #[schemars(range(max = 100000))]
    pub failure_tolerance_count: Option<u32>,
    /// The same as a percentage of the accounts.
    #[schemars(range(min = 0, max = 100))]
    pub failure_tolerance_percentage: Option<u32>,
    /// Accounts that are deployed to at the same time (1).
    #[schemars(range(min = 1, max = 100000))]
    pub max_concurrent_count: Option<u32>,
    /// The same as a percentage of the accounts.
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_percentage: Option<u32>,
    /// Whether failures lower the number of accounts that are deployed to at the same time.
    pub concurrency_mode: ConcurrencyMode,
    /// Order of the regions.
    #[schemars(example = ["us-east-1", "eu-west-1"])]
    pub region_order: Vec<String>,
    /// Whether regions are deployed to at the same time.
    pub parallel_regions: bool,
}

/// What failures do to the concurrency of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrencyMode {
    /// They lower it, so that no more than the tolerated number and one can fail.
    #[default]
    Strict,
    /// They do not.
    Soft,
}

fn yes() -> bool {
    true
}
