//! Lists stack instances, and starts operations that create, update, and delete them.

use aws_sdk_cloudformation::types::{
    AccountFilterType, DeploymentTargets, StackInstanceDetailedStatus as Detailed,
    StackInstanceStatus, StackInstanceSummary,
};

use crate::config::AccountFilter;
use crate::deploy::{Access, DeployError, one_line};
use crate::plan::StackSetPlan;

use super::model::{Existing, Health, Instance, Targets};
use super::request::{call_as, preferences};

/// Page size, which is the maximum that AWS allows.
pub(super) const PAGE: i32 = 100;

pub(crate) async fn list(
    access: &Access,
    plan: &StackSetPlan,
) -> Result<Vec<Existing>, DeployError> {
    read(access, plan, None).await
}

/// Returns an instance if it exists.
pub(crate) async fn one(
    access: &Access,
    plan: &StackSetPlan,
    instance: &Instance,
) -> Result<Option<Existing>, DeployError> {
    let found = read(access, plan, Some(instance)).await?;
    Ok(found.into_iter().find(|one| one.instance == *instance))
}

async fn read(
    access: &Access,
    plan: &StackSetPlan,
    only: Option<&Instance>,
) -> Result<Vec<Existing>, DeployError> {
    let found: Result<Vec<_>, _> = access
        .cloudformation()
        .list_stack_instances()
        .stack_set_name(&plan.name)
        .set_stack_instance_account(only.map(|one| one.account.clone()))
        .set_stack_instance_region(only.map(|one| one.region.clone()))
        .set_call_as(call_as(plan))
        .max_results(PAGE)
        .into_paginator()
        .items()
        .send()
        .collect()
        .await;
    let found = found.map_err(|error| access.error("cloudformation:ListStackInstances", &error))?;
    Ok(found.into_iter().map(existing).collect())
}

fn existing(one: StackInstanceSummary) -> Existing {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let detailed = one
        .stack_instance_status
        .and_then(|one| one.detailed_status);
    let suspended = detailed == Some(Detailed::SkippedSuspendedAccount);
    Existing {
        instance: Instance {
            account: one.account.unwrap_or_default(),
            region: one.region.unwrap_or_default(),
        },
        health: match one.status {
            Some(StackInstanceStatus::Current) => Health::Current,
            Some(StackInstanceStatus::Inoperable) => Health::Inoperable,
            _ if suspended => Health::Suspended,
            _ => Health::Outdated,
        },
        reason: one_line(&one.status_reason.unwrap_or_default()),
        stack_id: some(one.stack_id),
        organizational_unit: some(one.organizational_unit_id),
    }
}

/// The type of an operation on instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Create,
    /// Updates the instances to the template and parameters of the stack set.
    Update,
    /// Deletes the instances, and optionally retains their stacks.
    Delete {
        retain_stacks: bool,
    },
}

pub(super) async fn begin(
    access: &Access,
    plan: &StackSetPlan,
    work: Work,
    targets: &Targets,
    operation: &str,
) -> Result<(), DeployError> {
    let client = access.cloudformation();
    let (accounts, deployment_targets) = aimed(targets);
    // Each request has a different SDK type.
    macro_rules! send {
        ($request:expr, $call:literal) => {
            $request
                .stack_set_name(&plan.name)
                .set_accounts(accounts)
                .set_deployment_targets(deployment_targets)
                .set_operation_preferences(preferences(&plan.preferences, &targets.regions))
                .set_regions(Some(targets.regions.clone()))
                .operation_id(operation)
                .set_call_as(call_as(plan))
                .send()
                .await
                .map(drop)
                .map_err(|error| access.error($call, &error))
        };
    }
    match work {
        Work::Create => send!(
            client.create_stack_instances(),
            "cloudformation:CreateStackInstances"
        ),
        Work::Update => send!(
            client.update_stack_instances(),
            "cloudformation:UpdateStackInstances"
        ),
        Work::Delete { retain_stacks } => send!(
            client.delete_stack_instances().retain_stacks(retain_stacks),
            "cloudformation:DeleteStackInstances"
        ),
    }
}

/// Returns the accounts or the deployment targets of a request.
fn aimed(targets: &Targets) -> (Option<Vec<String>>, Option<DeploymentTargets>) {
    let accounts = &targets.accounts;
    let Some((units, filter)) = &targets.units else {
        return (Some(accounts.clone()), None);
    };
    let (filter, accounts) = match filter {
        AccountFilter::Intersection => (AccountFilterType::Intersection, Some(accounts)),
        AccountFilter::Difference => (AccountFilterType::Difference, Some(accounts)),
        AccountFilter::None | AccountFilter::Union => (AccountFilterType::None, None),
    };
    let targets = DeploymentTargets::builder()
        .set_organizational_unit_ids(Some(units.clone()))
        .account_filter_type(filter)
        .set_accounts(accounts.cloned())
        .build();
    (None, Some(targets))
}
