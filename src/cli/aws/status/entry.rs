//! The status of the stacks, for JSON output.

use std::collections::BTreeMap;

use crate::deploy::drift::Drifted;
use crate::deploy::next::StackState;
use crate::deploy::protection::Guard;
use crate::deploy::view::View;
use crate::deploy::{Cause, Comparison, time};
use schemars::JsonSchema;
use serde::Serialize;

use super::seen::Seen;
use crate::cli::Failure;
use crate::cli::aws::place::StackPlace;

/// A stack.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    #[serde(flatten)]
    place: StackPlace,
    /// Whether the entry is a stack set.
    stack_set: bool,
    /// Whether every instance is current; null for a stack.
    complete: Option<bool>,
    /// Whether the deployed template matches the configured one: `same`, `differs`, or `-` if
    /// unknown.
    template_comparison: Option<&'static str>,
    /// Whether the stack is deployed.
    state: State,
    /// Why the stack cannot be read.
    problem: Option<String>,
    #[serde(flatten)]
    details: Option<Details>,
}

/// Whether a stack is deployed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Deployed,
    Missing,
    Unreadable,
}

/// A deployed stack.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Details {
    /// Stack status.
    status: String,
    /// Reason for the status; may be empty.
    reason: String,
    /// Whether termination protection is on.
    termination_protection: bool,
    /// Whether the stack policy protects the key, the buckets, and the roles.
    stack_policy: StackPolicy,
    /// Logical IDs of the resources that the stack policy does not protect.
    unprotected_resources: Vec<String>,
    /// Drift status.
    drift: String,
    /// Time of the last drift detection, in UTC.
    drift_checked: Option<String>,
    /// Time of the last change, in UTC.
    changed: String,
    /// Parameters, by name.
    parameters: BTreeMap<String, String>,
    /// Outputs, by name.
    outputs: BTreeMap<String, String>,
    /// The root cause of a failure.
    cause: Option<CauseEntry>,
    /// Drifted resources; null without `--drift`.
    drifted: Option<Vec<Drifted>>,
}

/// The state of a stack policy.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum StackPolicy {
    /// The policy protects all of these resources.
    InForce,
    /// The policy allows the replacement or deletion of some of these resources.
    Open,
    /// The policy could not be read.
    Unread,
}

/// The cause of a failure.
#[derive(Serialize, JsonSchema)]
struct CauseEntry {
    /// Logical ID.
    resource: String,
    /// The reason from AWS.
    reason: String,
    /// Suggested fix; may be empty.
    hint: String,
}

impl Entry {
    pub(super) fn new(seen: &Seen) -> Self {
        let (complete, template_comparison) = match (&seen.found, seen.view()) {
            (
                StackState::StackSet {
                    complete,
                    comparison,
                },
                _,
            ) => (Some(*complete), Some(word(Some(comparison)))),
            (_, view) => {
                let comparison = view.and_then(|view| view.comparison.as_ref());
                (None, comparison.map(|found| word(Some(found))))
            }
        };
        Self {
            place: (&seen.step).into(),
            stack_set: seen.step.stack_set,
            complete,
            template_comparison,
            state: match (&seen.found, &seen.failure) {
                (_, Some(_)) => State::Unreadable,
                (StackState::Missing, _) => State::Missing,
                _ => State::Deployed,
            },
            problem: seen.failure.as_ref().map(Failure::message),
            details: seen.view().map(Details::new),
        }
    }
}

impl Details {
    fn new(view: &View) -> Self {
        let stack = view.stack.clone();
        let (stack_policy, unprotected_resources) = match &view.guard {
            Guard::InForce => (StackPolicy::InForce, Vec::new()),
            Guard::Open(open) => (StackPolicy::Open, open.clone()),
            Guard::Unread(_) => (StackPolicy::Unread, Vec::new()),
        };
        let cause = |cause: &Cause| CauseEntry {
            resource: cause.logical_id.clone(),
            reason: cause.reason.clone(),
            hint: cause.hint.clone(),
        };
        Self {
            status: stack.status,
            reason: stack.reason,
            termination_protection: stack.protected,
            stack_policy,
            unprotected_resources,
            drift: stack.drift,
            drift_checked: stack.drift_checked.map(time::utc),
            changed: time::utc(stack.changed),
            parameters: stack.parameters,
            outputs: stack.outputs,
            cause: view.cause.as_ref().map(cause),
            drifted: view.drifted.clone(),
        }
    }
}

/// Returns the result of a comparison as one word.
pub(super) fn word(comparison: Option<&Comparison>) -> &'static str {
    match comparison {
        None => "-",
        Some(Comparison::Same | Comparison::SameMeaning(_)) => "same",
        Some(Comparison::Different(_)) => "differs",
    }
}
