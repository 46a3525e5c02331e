//! Links a cause to its consequences: the calls that fail because of it, and the failed execution
//! that it explains. [`super::checks`] finds the causes, and [`super::diagnose`] combines the
//! results.

use std::collections::BTreeSet;

use super::checks::{Block, Cause};
use super::finding::{Finding, Rule, shown};
use crate::diagnostic::Severity;
use crate::policy::document::{Arn, Effect};
use crate::policy::evaluation::{Decision, Layer};
use crate::proof::Decided;
use crate::run::{Caller, Step, is_cryptographic};

/// A cause with its known consequences.
pub(super) struct Explained {
    pub(super) cause: Cause,
    /// Calls that fail because of it, in the order of an execution.
    calls: Vec<Line>,
    pub(super) attacks: BTreeSet<String>,
    failure: Option<String>,
}

/// Calls of one step by one caller on one resource.
struct Line {
    step: Step,
    caller: String,
    resource: String,
    actions: Vec<String>,
}

impl Explained {
    pub(super) fn new(cause: Cause) -> Self {
        Self {
            cause,
            calls: Vec::new(),
            attacks: BTreeSet::new(),
            failure: None,
        }
    }

    pub(super) fn take(&mut self, decided: &Decided) {
        let call = &decided.call;
        let (caller, resource) = (call.caller_shown(), shown(&call.resource));
        let mut known = self.calls.iter_mut();
        let known = known.find(|line| {
            line.step == call.step && line.caller == caller && line.resource == resource
        });
        match known {
            Some(line) if line.actions.contains(&call.action) => {}
            Some(line) => line.actions.push(call.action.clone()),
            None => self.calls.push(Line {
                step: call.step,
                caller,
                resource,
                actions: vec![call.action.clone()],
            }),
        }
    }

    /// Returns the finding for the user: the cause with its consequences.
    pub(super) fn finding(self) -> Finding {
        let mut finding = self.cause.finding;
        if self.calls.is_empty() && !self.cause.steps.is_empty() {
            let s = if self.cause.steps.len() == 1 { "" } else { "s" };
            let steps = Step::list(&self.cause.steps);
            let text = format!("step{s} {steps} of an execution cannot succeed");
            finding.consequences.push(text);
        }
        for line in &self.calls {
            finding.consequences.push(format!(
                "step {}: {} cannot call {} on {}",
                line.step,
                line.caller,
                line.actions.join(", "),
                line.resource
            ));
        }
        finding.consequences.extend(self.attacks.iter().cloned());
        finding.consequences.extend(self.failure.clone());
        if !self.calls.is_empty() || !self.attacks.is_empty() {
            finding.severity = Severity::Error;
        }
        finding
    }
}

impl Cause {
    /// Returns whether the cause explains why a call fails.
    pub(super) fn blocks(&self, decided: &Decided, is_denied: bool) -> bool {
        let call = &decided.call;
        let is_caller = |arn: &String| call.caller == Caller::Role(arn.clone());
        self.blocks.iter().any(|block| match block {
            Block::Caller(arn) => is_caller(arn),
            Block::Resource(thing) => is_on(&call.resource, thing),
            Block::Use(arn) => call.resource == *arn && is_cryptographic(&call.action),
            Block::ResourcePolicy(thing) => {
                is_denied
                    && is_on(&call.resource, thing)
                    && fails_in(decided, Layer::ResourcePolicy)
            }
            Block::Admits(_) => false,
            Block::Denied(thing) => is_denied && is_on(&call.resource, thing),
            Block::Identity(arn) => {
                is_denied && is_caller(arn) && fails_in(decided, Layer::IdentityPolicies)
            }
            Block::Calls(calls) => {
                is_denied
                    && calls.iter().any(|(caller, action, resource)| {
                        (caller, action, resource)
                            == (&caller_of(&call.caller), &call.action, &call.resource)
                    })
            }
            Block::Boundary(arn) => {
                is_denied && is_caller(arn) && fails_in(decided, Layer::PermissionBoundary)
            }
        })
    }
}

/// Returns the ARN of a caller that is a role, or the displayed name of another caller.
pub(super) fn caller_of(caller: &Caller) -> String {
    match caller {
        Caller::Role(arn) => arn.clone(),
        other => other.shown(),
    }
}

/// Returns whether a layer is a reason why a call is denied.
fn fails_in(decided: &Decided, layer: Layer) -> bool {
    if decided.reason.decision == Decision::ExplicitlyDenied {
        let mut denying = decided.decisive.iter();
        return denying.any(|decisive| decisive.layer == layer && decisive.effect == Effect::Deny);
    }
    decided.reason.missing.contains(&layer)
}

/// Returns whether `resource` is `thing` or an object in it. `thing` is the name of a bucket or the
/// ARN of another resource.
pub(super) fn is_on(resource: &str, thing: &str) -> bool {
    if resource == thing {
        return true;
    }
    match Arn::parse(resource).filter(|arn| arn.service == "s3") {
        Some(arn) => arn.resource.split('/').next() == Some(thing),
        None => false,
    }
}

/// Assigns a call to the first cause that breaks its step, such as a pipeline with the wrong key or
/// role. Returns whether there is such a cause.
pub(super) fn by_step(explained: &mut [Explained], decided: &Decided) -> bool {
    let mut causes = explained.iter_mut();
    let found = causes.find(|one| one.cause.steps.contains(&decided.call.step));
    found.map(|one| one.take(decided)).is_some()
}

/// Moves the failure of the last execution to the first cause that explains it.
pub(super) fn executions(explained: &mut Vec<Explained>) {
    let failed: Vec<usize> = (0..explained.len())
        .filter(|at| explained[*at].cause.finding.rule == Rule::Execution)
        .collect();
    for at in failed.into_iter().rev() {
        let text = explained[at].cause.finding.message.clone();
        let lower = text.to_lowercase();
        let about_deploy = lower.contains("deploy");
        let fits = |one: &Explained| {
            let named = one.cause.names.iter();
            let mut named = named.filter(|name| !name.is_empty());
            named.any(|name| lower.contains(&name.to_lowercase()))
        };
        let by_step = |one: &Explained| {
            let steps = one.calls.iter().map(|line| line.step);
            let mut steps = steps.chain(one.cause.steps.iter().copied());
            steps.any(|step| {
                if about_deploy {
                    Step::DEPLOYING.contains(&step)
                } else {
                    lower.contains("source") && Step::SOURCING.contains(&step)
                }
            })
        };
        let stops = |one: &Explained| {
            one.cause.finding.rule != Rule::Execution
                && (one.cause.finding.severity == Severity::Error || !one.calls.is_empty())
        };
        let cause = explained
            .iter()
            .position(|one| stops(one) && fits(one))
            .or_else(|| {
                let is_open = !explained[at].cause.is_known;
                explained
                    .iter()
                    .position(|one| is_open && stops(one) && by_step(one))
            });
        if let Some(cause) = cause {
            explained[cause].failure = Some(text);
            explained.remove(at);
        }
    }
}
