//! Common parts of the requests for a stack set and for its instances.

use aws_sdk_cloudformation::types::{
    CallAs, ConcurrencyMode, RegionConcurrencyType, StackSetOperationPreferences,
};

use super::compare::ordered;
use crate::config::{self, OperationPreferences};
use crate::plan::{StackSetPermissions, StackSetPlan};

/// Returns the identity for calls to StackSets. It is set only for service-managed permissions.
pub(super) fn call_as(plan: &StackSetPlan) -> Option<CallAs> {
    match &plan.permissions {
        StackSetPermissions::SelfManaged(_) => None,
        StackSetPermissions::ServiceManaged(own) => Some(match own.call_as {
            config::CallAs::ItSelf => CallAs::SelfValue,
            config::CallAs::DelegatedAdmin => CallAs::DelegatedAdmin,
        }),
    }
}

/// Returns the operation preferences for the given regions, or `None` for the AWS defaults.
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
    // AWS requires either exactly the regions of the operation or no regions.
    let order =
        (!wanted.region_order.is_empty()).then(|| ordered(regions.to_vec(), &wanted.region_order));
    Some(builder.set_region_order(order).build())
}
