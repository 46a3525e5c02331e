//! A stack as it stands beside what the configuration says of it. Reads, and changes nothing but
//! the record of the last drift detection.

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
    /// The deployed template and ours; `None` before the first deployment.
    pub comparison: Option<Comparison>,
    /// Whether the deployed template is transitional: a change of the pipeline is not complete.
    pub is_transitional: bool,
    /// Why its last operation failed, when it did.
    pub cause: Option<Cause>,
    /// Whether its stack policy protects its key, buckets and roles.
    pub guard: Guard,
    /// Resources that drifted; `None` unless drift was detected now.
    pub drifted: Option<Vec<Drifted>>,
}

/// Looks at a stack; `None` when there is none. With `drift`, a drift detection is made first,
/// which may take so long.
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
        // What must be protected is what is deployed, not what would be.
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

/// Whether a stack's last operation failed, though the stack itself may stand.
fn has_failed(stack: &Deployed) -> bool {
    stack.status.ends_with("_FAILED") || stack.status.ends_with("ROLLBACK_COMPLETE")
}
