//! Compares a deployed stack with the configuration. Only reads from AWS, except that drift
//! detection updates the drift status of the stack.

use std::sync::Arc;
use std::time::Duration;

use super::drift::{self, Drifted};
use super::events::last_operation;
use super::protection::{self, Guard};
use super::stack::{self, Deployed};
use super::{Access, Cause, Comparison, Condition, DeployError, StackStep, cause};
use crate::diagnostic::Source;
use crate::template::Template;
use crate::transition::merge::is_transitional;

#[derive(Debug, Clone)]
pub(crate) struct View {
    pub stack: Deployed,
    /// Comparison of the deployed and the generated template. `None` before the first deployment.
    pub comparison: Option<Comparison>,
    /// Whether the deployed template is transitional, because a pipeline change is incomplete.
    pub is_transitional: bool,
    /// Cause of the last operation's failure, if it failed.
    pub cause: Option<Cause>,
    /// Protection of the key, buckets, and roles by the stack policy.
    pub guard: Guard,
    /// Drifted resources. `None` if drift detection was not requested.
    pub drifted: Option<Vec<Drifted>>,
}

/// Reads a stack. Returns `None` if it does not exist. If `drift` is set, also detects drift,
/// within that time limit.
pub(crate) async fn look(
    access: &Access,
    step: &StackStep,
    drift: Option<Duration>,
) -> Result<Option<View>, DeployError> {
    let Some(mut stack) = stack::read(access, &step.stack).await? else {
        return Ok(None);
    };
    let condition = stack.condition();
    let mut found = View {
        comparison: None,
        is_transitional: false,
        cause: None,
        guard: Guard::InForce,
        drifted: None,
        stack: stack.clone(),
    };
    if condition == Condition::Reviewing {
        return Ok(Some(found));
    }
    let deployed = stack::template(access, &stack.id).await?;
    found.comparison = Some(step.comparison(&deployed));
    found.is_transitional = is_transitional(&deployed);
    if condition == Condition::Ready {
        // The policy must protect the deployed resources, not the configured ones.
        let source = Source::new(&step.stack, deployed.as_str());
        let protected = match Template::read(&source) {
            Ok(template) => step
                .with_template(&Arc::new(template))
                .template
                .protected
                .clone(),
            Err(_) => step.template.protected.clone(),
        };
        found.guard = protection::look(access, &stack.id, &protected).await?;
    }
    if has_failed(&stack) {
        let events = last_operation(access, &stack.id).await?;
        found.cause = cause::find(access, &stack.id, &events).await?;
    }
    if let Some(limit) = drift.filter(|_| condition == Condition::Ready) {
        found.drifted = Some(drift::detect(access, &stack.id, limit).await?);
        if let Some(again) = stack::read(access, &stack.id).await? {
            stack = again;
        }
        found.stack = stack;
    }
    Ok(Some(found))
}

/// Returns whether the last operation of a stack failed. The stack may still be usable.
fn has_failed(stack: &Deployed) -> bool {
    stack.status.ends_with("_FAILED") || stack.status.ends_with("ROLLBACK_COMPLETE")
}
