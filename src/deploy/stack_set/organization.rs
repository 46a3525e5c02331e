//! Trusted access: whether StackSets may act in the accounts of an organization.

use aws_sdk_cloudformation::types::OrganizationStatus;

use crate::config::CallAs;
use crate::deploy::{Access, DeployError};
use crate::plan::{ServiceManaged, StackSetPlan};
use crate::shell::Command;

use super::request::call_as;

/// Makes sure that trusted access is on (AWS CloudFormation, *DescribeOrganizationsAccess*).
///
/// # Errors
/// It is not: the command that activates it. Or AWS refuses.
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
            "activate it once, from the organization's management account: `{}`; if {} is a \
             delegated administrator, set `call_as: delegated-admin`",
            Command::aws("cloudformation activate-organizations-access")
                .option("--profile", profile),
            plan.account
        ),
        CallAs::DelegatedAdmin => format!(
            "have it activated from the organization's management account (`aws cloudformation \
             activate-organizations-access`), and {} registered there: `aws organizations \
             register-delegated-administrator --account-id {} --service-principal \
             member.org.stacksets.cloudformation.amazonaws.com`",
            plan.account, plan.account
        ),
    };
    Err(DeployError::failed(
        format!(
            "StackSets has no trusted access to the organization, so it cannot deploy stack set \
             `{}` with service-managed permissions",
            plan.name
        ),
        help,
    ))
}
