//! The configuration of CloudFormation StackSets.

use schemars::JsonSchema;
use serde::Deserialize;

use super::names;

/// Deployment of a target's template with CloudFormation StackSets: one stack set, with a stack
/// instance in each account and region of the target.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StackSet {
    /// Name of the stack set; default: the names of the pipeline and the target.
    #[schemars(example = &"crossaccountdeploy-prod")]
    pub name: Option<String>,
    /// Administrator account of the stack set: 12 digits in quotes; default: the dev account.
    #[schemars(example = &"111111111111")]
    #[schemars(regex(pattern = names::ACCOUNT_ID))]
    pub account: Option<String>,
    /// Region of the stack set itself; default: the dev region.
    #[schemars(example = &"us-east-1")]
    pub region: Option<String>,
    /// Named profile in the AWS configuration for the administrator account; default: the profile
    /// of the dev account.
    #[schemars(regex(pattern = names::PROFILE))]
    pub profile: Option<String>,
    /// Permission model, which determines who creates the roles for StackSets.
    pub permission_model: PermissionModel,
    /// Name of the administration role in the administrator account (self-managed only); default:
    /// `AWSCloudFormationStackSetAdministrationRole`.
    #[schemars(example = &"s3ferry-stack-set-administration")]
    #[schemars(regex(pattern = names::ROLE))]
    pub administration_role: Option<String>,
    /// Name of the execution role in the target accounts (self-managed only); default:
    /// `AWSCloudFormationStackSetExecutionRole`.
    #[schemars(example = &"s3ferry-stack-set-execution")]
    #[schemars(regex(pattern = names::ROLE))]
    pub execution_role: Option<String>,
    /// Organizational units or root that contain the target's accounts (service-managed only).
    #[schemars(example = ["ou-ab12-11111111"])]
    pub organizational_units: Vec<String>,
    /// Filter for the accounts in the organizational units (service-managed only); default:
    /// `intersection`.
    pub account_filter: Option<AccountFilter>,
    /// Excluded accounts in the organizational units. Requires `account_filter: difference`.
    #[schemars(example = ["333333333333"])]
    #[schemars(inner(regex(pattern = names::ACCOUNT_ID)))]
    pub excluded_accounts: Vec<String>,
    /// Automatic deployment when an account joins or leaves an organizational unit (service-managed
    /// only).
    pub auto_deployment: Option<AutoDeployment>,
    /// Whether the administrator account is the organization's management account (`self`) or a
    /// delegated administrator (`delegated-admin`, service-managed only).
    pub call_as: CallAs,
    /// Whether to use managed execution. With managed execution, StackSets runs operations
    /// concurrently if they do not conflict, and queues the others.
    pub managed_execution: bool,
    /// Preferences for operations.
    pub operation_preferences: OperationPreferences,
}

/// The permission model of a stack set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionModel {
    /// You create the administration role and the execution roles.
    #[default]
    SelfManaged,
    /// AWS Organizations creates the roles.
    ServiceManaged,
}

/// The filter for the accounts in organizational units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountFilter {
    /// The target's accounts that are in the organizational units.
    #[default]
    Intersection,
    /// All accounts in the organizational units except `excluded_accounts`.
    Difference,
    /// All accounts in the organizational units.
    None,
    /// Not supported: StackSets does not create stack instances with this filter.
    Union,
}

/// Automatic deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoDeployment {
    /// Whether an account that joins an organizational unit automatically gets a stack. It has no
    /// deploy action in the pipeline until you add it to the configuration.
    pub enabled: bool,
    /// Whether to retain the stack of an account that leaves an organizational unit.
    #[serde(default = "yes")]
    pub retain_stacks_on_account_removal: bool,
}

/// The role of the administrator account in the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallAs {
    /// The management account of the organization, or an account with self-managed permissions.
    #[default]
    #[serde(rename = "self")]
    ItSelf,
    /// A delegated administrator of the organization.
    DelegatedAdmin,
}

/// Operation preferences of a stack set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OperationPreferences {
    /// Number of accounts per region in which an operation can fail before StackSets stops it;
    /// default: 0.
    #[schemars(range(max = 100000))]
    pub failure_tolerance_count: Option<u32>,
    /// Percentage of accounts per region in which an operation can fail before StackSets stops it.
    #[schemars(range(min = 0, max = 100))]
    pub failure_tolerance_percentage: Option<u32>,
    /// Maximum number of accounts to deploy to concurrently; default: 1.
    #[schemars(range(min = 1, max = 100000))]
    pub max_concurrent_count: Option<u32>,
    /// Maximum percentage of accounts to deploy to concurrently.
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_percentage: Option<u32>,
    /// Whether failures reduce the number of concurrent accounts.
    pub concurrency_mode: ConcurrencyMode,
    /// Deployment order of the regions.
    #[schemars(example = ["us-east-1", "eu-west-1"])]
    pub region_order: Vec<String>,
    /// Whether to deploy to the regions in parallel.
    pub parallel_regions: bool,
}

/// The effect of failures on the concurrency of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrencyMode {
    /// Failures reduce the concurrency, so that the operation can fail in at most one account more
    /// than the tolerated number.
    #[default]
    Strict,
    /// Failures do not reduce the concurrency.
    Soft,
}

fn yes() -> bool {
    true
}
