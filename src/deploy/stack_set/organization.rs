//! Checks trusted access, which allows StackSets to deploy to the accounts of an organization.

use aws_sdk_cloudformation::types::OrganizationStatus;

use crate::config::CallAs;
use crate::deploy::{Access, DeployError};
use crate::plan::{ServiceManaged, StackSetPlan};
use crate::shell::Command;

use super::request::call_as;

/// Checks that trusted access is enabled (AWS CloudFormation, *DescribeOrganizationsAccess*).
///
/// # Errors
/// Returns an error with the required command if trusted access is not enabled. Also returns an
/// error if AWS rejects the call.
pub(crate) async fn trusted_access(
    access: &Access,
    plan: &StackSetPlan,
    own: &ServiceManaged,
) -> Result<(), DeployError> {
    let answer = access
        .cloudformation()
        .describe_organizations_access()
        .set_call_as(call_as(plan))
        .send()
        .await
        .map_err(|error| access.error("cloudformation:DescribeOrganizationsAccess", &error))?;
    if answer.status == Some(OrganizationStatus::Enabled) {
        return Ok(());
    }
    let profile = &plan.profile;
    let help = match own.call_as {
        CallAs::ItSelf => format!(
            "enable trusted access once from the organization's management account: `{}`; if {} \
             is a delegated administrator, set `call_as: delegated-admin`",
            Command::aws("cloudformation activate-organizations-access")
                .option("--profile", profile),
            plan.account
        ),
        CallAs::DelegatedAdmin => format!(
            "in the organization's management account, enable trusted access (`aws cloudformation \
             activate-organizations-access`) and register account {}: `aws organizations \
             register-delegated-administrator --account-id {} --service-principal \
             member.org.stacksets.cloudformation.amazonaws.com`",
            plan.account, plan.account
        ),
    };
    Err(DeployError::failed(
        format!(
            "trusted access for StackSets is not enabled in the organization, so StackSets cannot \
             deploy stack set `{}` with service-managed permissions",
            plan.name
        ),
        help,
    ))
}
