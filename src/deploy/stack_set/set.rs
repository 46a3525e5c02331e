//! Reads, creates, updates, and deletes a stack set.

use aws_sdk_cloudformation::types::{
    AutoDeployment, Capability, ManagedExecution, PermissionModels, StackSet, StackSetStatus,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use crate::deploy::body::Body;
use crate::deploy::change_set::{parameters, tags};
use crate::deploy::{Access, DeployError};
use crate::plan::{StackSetPermissions, StackSetPlan};

use super::model::{Described, Wanted};
use super::request::{call_as, preferences};

/// Reads a stack set. Returns `None` if it does not exist.
pub(crate) async fn describe(
    access: &Access,
    plan: &StackSetPlan,
) -> Result<Option<Described>, DeployError> {
    let answer = access
        .cloudformation()
        .describe_stack_set()
        .stack_set_name(&plan.name)
        .set_call_as(call_as(plan))
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(answer
            .stack_set
            .filter(|set| set.status != Some(StackSetStatus::Deleted))
            .map(described)),
        Err(error) if error.code() == Some("StackSetNotFoundException") => Ok(None),
        Err(error) => Err(access.error("cloudformation:DescribeStackSet", &error)),
    }
}

fn described(set: StackSet) -> Described {
    Described {
        id: set.stack_set_id.unwrap_or_default(),
        template: set.template_body.unwrap_or_default(),
        description: set.description.unwrap_or_default(),
        parameters: (set.parameters.unwrap_or_default().into_iter())
            .filter_map(|one| Some((one.parameter_key?, one.parameter_value?)))
            .collect(),
        tags: (set.tags.unwrap_or_default().into_iter())
            .filter_map(|tag| Some((tag.key?, tag.value?)))
            .collect(),
        service_managed: set.permission_model == Some(PermissionModels::ServiceManaged),
        administration_role_arn: set.administration_role_arn.unwrap_or_default(),
        execution_role: set.execution_role_name.unwrap_or_default(),
        auto_deployment: set.auto_deployment.map(|auto| {
            (
                auto.enabled.unwrap_or_default(),
                auto.retain_stacks_on_account_removal.unwrap_or_default(),
            )
        }),
        managed_execution: set
            .managed_execution
            .and_then(|managed| managed.active)
            .unwrap_or_default(),
        organizational_units: set.organizational_unit_ids.unwrap_or_default(),
    }
}

/// Sets the common members of the requests to create and to update a stack set. Each request has a
/// different SDK type.
macro_rules! with_set {
    ($request:expr, $wanted:expr, $body:expr) => {{
        let plan = &$wanted.plan;
        let (administration_role, execution_role) = roles(plan);
        $request
            .stack_set_name(&plan.name)
            .description(&$wanted.description)
            .set_parameters(Some(parameters(&$wanted.parameters)))
            .set_tags(Some(tags(&$wanted.tags)))
            .capabilities(Capability::CapabilityNamedIam)
            .permission_model(permission_model(plan))
            .set_administration_role_arn(administration_role)
            .set_execution_role_name(execution_role)
            .set_auto_deployment(auto_deployment($wanted))
            .set_call_as(call_as(plan))
            .managed_execution(managed_execution(plan))
            .set_template_body($body.inline())
            .set_template_url($body.url())
    }};
}

/// Creates the stack set without instances.
pub(crate) async fn create(
    access: &Access,
    wanted: &Wanted,
    body: &Body,
    token: &str,
) -> Result<(), DeployError> {
    let request = with_set!(access.cloudformation().create_stack_set(), wanted, body);
    match request.client_request_token(token).send().await {
        Ok(_) => Ok(()),
        // An earlier attempt at this call succeeded, but its response was lost.
        Err(error) if error.code() == Some("NameAlreadyExistsException") => Ok(()),
        Err(error) => Err(access.error("cloudformation:CreateStackSet", &error)),
    }
}

/// Starts an update of the stack set and all its instances.
pub(super) async fn update(
    access: &Access,
    wanted: &Wanted,
    body: &Body,
    operation: &str,
) -> Result<(), DeployError> {
    let preferences = preferences(&wanted.plan.preferences, &wanted.regions());
    with_set!(access.cloudformation().update_stack_set(), wanted, body)
        .set_operation_preferences(preferences)
        .operation_id(operation)
        .send()
        .await
        .map_err(|error| access.error("cloudformation:UpdateStackSet", &error))?;
    Ok(())
}

/// Deletes a stack set that has no instances.
pub(crate) async fn delete(access: &Access, plan: &StackSetPlan) -> Result<(), DeployError> {
    access
        .cloudformation()
        .delete_stack_set()
        .stack_set_name(&plan.name)
        .set_call_as(call_as(plan))
        .send()
        .await
        .map_err(|error| access.error("cloudformation:DeleteStackSet", &error))?;
    Ok(())
}

fn permission_model(plan: &StackSetPlan) -> PermissionModels {
    match plan.permissions {
        StackSetPermissions::SelfManaged(_) => PermissionModels::SelfManaged,
        StackSetPermissions::ServiceManaged(_) => PermissionModels::ServiceManaged,
    }
}

/// Returns the roles. Every update must include a custom administration role, even if the role does
/// not change.
fn roles(plan: &StackSetPlan) -> (Option<String>, Option<String>) {
    match &plan.permissions {
        StackSetPermissions::SelfManaged(own) => (
            Some(own.administration_role_arn.clone()),
            Some(own.execution_role.clone()),
        ),
        StackSetPermissions::ServiceManaged(_) => (None, None),
    }
}

fn auto_deployment(wanted: &Wanted) -> Option<AutoDeployment> {
    let own = wanted.auto_deployment()?;
    // AWS accepts the retention setting only if automatic deployment is on.
    let retain = own.enabled.then_some(own.retain_stacks_on_account_removal);
    let builder = AutoDeployment::builder().enabled(own.enabled);
    Some(builder.set_retain_stacks_on_account_removal(retain).build())
}

fn managed_execution(plan: &StackSetPlan) -> ManagedExecution {
    ManagedExecution::builder()
        .active(plan.managed_execution)
        .build()
}
