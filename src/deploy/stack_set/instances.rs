//! Stack instances: listed, and created, updated and deleted by operations.

use aws_sdk_cloudformation::types::{
    AccountFilterType, ConcurrencyMode, DeploymentTargets, RegionConcurrencyType,
    StackInstanceDetailedStatus as Detailed, StackInstanceStatus, StackInstanceSummary,
    StackSetOperationPreferences,
};

use crate::config::{self, AccountFilter, OperationPreferences};
use crate::deploy::{Access, DeployError};
use crate::plan::StackSetPlan;

use super::compare::ordered;
use super::model::{Existing, Health, Instance, Targets};
use super::set::call_as;

/// How many one page holds; the most that AWS gives.
pub(super) const PAGE: i32 = 100;

/// All instances of a stack set.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub(crate) async fn list(
    access: &Access,
    plan: &StackSetPlan,
) -> Result<Vec<Existing>, DeployError> {
    read(access, plan, None).await
}

/// One instance, if it is there.
///
/// # Errors
/// AWS cannot be reached, or refuses.
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
    let mut found = Vec::new();
    let mut page = None;
    loop {
        let answer = access
            .cloudformation()
            .list_stack_instances()
            .stack_set_name(&plan.name)
            .set_stack_instance_account(only.map(|one| one.account.clone()))
            .set_stack_instance_region(only.map(|one| one.region.clone()))
            .set_call_as(call_as(plan))
            .max_results(PAGE)
            .set_next_token(page)
            .send()
            .await
            .map_err(|error| access.error("cloudformation:ListStackInstances", &error))?;
        found.extend(
            answer
                .summaries
                .unwrap_or_default()
                .into_iter()
                .map(existing),
        );
        page = answer.next_token;
        if page.is_none() {
            return Ok(found);
        }
    }
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

/// A reason without its line breaks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Begins to create instances.
///
/// # Errors
/// AWS refuses.
pub(super) async fn create(
    access: &Access,
    plan: &StackSetPlan,
    targets: &Targets,
    operation: &str,
) -> Result<(), DeployError> {
    let (accounts, deployment_targets, regions) = aimed(targets);
    access
        .cloudformation()
        .create_stack_instances()
        .stack_set_name(&plan.name)
        .set_accounts(accounts)
        .set_deployment_targets(deployment_targets)
        .set_operation_preferences(preferences(&plan.preferences, &regions))
        .set_regions(Some(regions))
        .operation_id(operation)
        .set_call_as(call_as(plan))
        .send()
        .await
        .map_err(|error| access.error("cloudformation:CreateStackInstances", &error))?;
    Ok(())
}

/// Begins to update instances to the stack set's template and parameters.
///
/// # Errors
/// AWS refuses.
pub(super) async fn update(
    access: &Access,
    plan: &StackSetPlan,
    targets: &Targets,
    operation: &str,
) -> Result<(), DeployError> {
    let (accounts, deployment_targets, regions) = aimed(targets);
    access
        .cloudformation()
        .update_stack_instances()
        .stack_set_name(&plan.name)
        .set_accounts(accounts)
        .set_deployment_targets(deployment_targets)
        .set_operation_preferences(preferences(&plan.preferences, &regions))
        .set_regions(Some(regions))
        .operation_id(operation)
        .set_call_as(call_as(plan))
        .send()
        .await
        .map_err(|error| access.error("cloudformation:UpdateStackInstances", &error))?;
    Ok(())
}

/// Begins to delete instances, with their stacks or without.
///
/// # Errors
/// AWS refuses.
pub(super) async fn delete(
    access: &Access,
    plan: &StackSetPlan,
    targets: &Targets,
    retain_stacks: bool,
    operation: &str,
) -> Result<(), DeployError> {
    let (accounts, deployment_targets, regions) = aimed(targets);
    access
        .cloudformation()
        .delete_stack_instances()
        .stack_set_name(&plan.name)
        .set_accounts(accounts)
        .set_deployment_targets(deployment_targets)
        .set_operation_preferences(preferences(&plan.preferences, &regions))
        .set_regions(Some(regions))
        .retain_stacks(retain_stacks)
        .operation_id(operation)
        .set_call_as(call_as(plan))
        .send()
        .await
        .map_err(|error| access.error("cloudformation:DeleteStackInstances", &error))?;
    Ok(())
}

type Aimed = (Option<Vec<String>>, Option<DeploymentTargets>, Vec<String>);

fn aimed(targets: &Targets) -> Aimed {
    match targets {
        Targets::Accounts { accounts, regions } => (Some(accounts.clone()), None, regions.clone()),
        Targets::Units {
            units,
            filter,
            accounts,
            regions,
        } => {
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
            (None, Some(targets), regions.clone())
        }
    }
}

/// The operation preferences for these regions; `None` where AWS's defaults are wanted.
pub(super) fn preferences(
    wanted: &OperationPreferences,
    regions: &[String],
) -> Option<StackSetOperationPreferences> {
    if *wanted == OperationPreferences::default() {
        return None;
    }
    let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    let builder = StackSetOperationPreferences::builder()
        .set_failure_tolerance_count(number(wanted.failure_tolerance_count))
        .set_failure_tolerance_percentage(number(wanted.failure_tolerance_percentage))
        .set_max_concurrent_count(number(wanted.max_concurrent_count))
        .set_max_concurrent_percentage(number(wanted.max_concurrent_percentage))
        .concurrency_mode(match wanted.concurrency_mode {
            config::ConcurrencyMode::Strict => ConcurrencyMode::StrictFailureTolerance,
            config::ConcurrencyMode::Soft => ConcurrencyMode::SoftFailureTolerance,
        })
        .region_concurrency_type(if wanted.parallel_regions {
            RegionConcurrencyType::Parallel
        } else {
            RegionConcurrencyType::Sequential
        });
    // AWS wants exactly the regions of the operation, or none.
    let builder = if wanted.region_order.is_empty() {
        builder
    } else {
        builder.set_region_order(Some(ordered(regions.to_vec(), &wanted.region_order)))
    };
    Some(builder.build())
}
