//! Explains a decision in full. It evaluates the same layers in the same way as a plain decision,
//! and records their results.

use super::evaluate::{Because, Lacking, decide};
use super::layers::{Observer, Place, Scope, gather};
use super::policies::PolicySet;
use super::principal::Grant;
use super::reason::{
    Failure, Layer, LayerReport, Mismatch, Outcome, Reason, StatementReport, Verdict,
};
use super::request::{ContextValue, Request};
use super::truth::Knowledge;
use crate::diagnostic::Span;
use crate::policy::document::{Condition, Effect, PolicyKind, Statement};

/// Evaluates a request with a complete context, and explains the decision.
pub fn explain(request: &Request, policies: &PolicySet<'_>) -> Reason {
    explain_within(request, policies, Knowledge::COMPLETE)
}

/// Evaluates a partly known request at its bound, and explains the decision.
pub fn explain_within(
    request: &Request,
    policies: &PolicySet<'_>,
    knowledge: Knowledge<'_>,
) -> Reason {
    let mut writer = Writer {
        layers: layers_of(policies),
    };
    let found = gather(request, policies, knowledge, &mut writer);
    let (decision, because) = decide(request, &found);
    Reason {
        decision,
        because: sentence(request, because),
        missing: missing(because),
        silent_level: match because {
            Because::ScpLevel(level) => Some(level),
            _ => None,
        },
        layers: writer.layers,
    }
}

/// Returns an empty report for each layer.
fn layers_of(policies: &PolicySet<'_>) -> Vec<LayerReport> {
    let layers = policies.layers().map(|(layer, level, _)| {
        let (outcome, note) = match layer {
            Layer::Rcps => (Outcome::Allows, Some(FULL_RCP.to_owned())),
            _ => (Outcome::Silent, None),
        };
        LayerReport {
            layer,
            level,
            outcome,
            note,
            statements: Vec::new(),
        }
    });
    layers.collect()
}

/// The reason why a level of resource control policies allows what none of its statements denies.
const FULL_RCP: &str = "RCPFullAWSAccess, which AWS attaches to every level, allows it";

struct Writer {
    layers: Vec<LayerReport>,
}

impl Writer {
    fn report(&mut self, layer: Layer, level: Option<usize>) -> Option<&mut LayerReport> {
        self.layers
            .iter_mut()
            .find(|report| report.layer == layer && report.level == level)
    }
}

impl Observer for Writer {
    const WANTS_ALL: bool = true;

    fn statement(
        &mut self,
        place: Place,
        scope: &Scope<'_>,
        statement: &Statement,
        grant: Option<Grant>,
    ) {
        let failed = if grant.is_some() {
            Vec::new()
        } else {
            failures(scope, statement)
        };
        let verdict = match (grant, statement.effect) {
            (Some(_), Effect::Allow) => Verdict::Allowed,
            (Some(_), Effect::Deny) => Verdict::Denied,
            (None, _) => Verdict::NearMiss,
        };
        let about_it = !matches!(failed.first(), Some(Failure::Action(_)));
        let Some(report) = self.report(place.layer, place.level) else {
            return;
        };
        match verdict {
            Verdict::Denied => {
                report.outcome = Outcome::Denies;
                report.note = None;
            }
            Verdict::Allowed if report.outcome == Outcome::Silent => {
                report.outcome = Outcome::Allows;
            }
            // A Deny statement for other actions is not relevant.
            Verdict::NearMiss
                if !about_it && (failed.len() > 1 || statement.effect == Effect::Deny) =>
            {
                return;
            }
            Verdict::Allowed | Verdict::NearMiss => {}
        }
        report.statements.push(StatementReport {
            policy: place.policy,
            statement: place.statement,
            sid: statement.sid.clone(),
            effect: statement.effect,
            verdict,
            grant: grant.filter(|_| place.layer == Layer::ResourcePolicy),
            span: statement.span,
            failed,
        });
    }

    fn exempt(&mut self, layer: Layer, level: Option<usize>, why: &'static str) {
        if let Some(report) = self.report(layer, level) {
            report.outcome = Outcome::NotApplicable;
            report.note = Some(why.to_owned());
        }
    }
}

/// Returns a statement's elements that do not match the request, starting with the action.
fn failures(scope: &Scope<'_>, statement: &Statement) -> Vec<Failure> {
    let request = scope.request;
    let mut failed = Vec::new();
    if !scope.action(statement) {
        failed.push(Failure::Action(mismatch(
            statement.actions.negated,
            statement.actions.patterns.iter().map(|action| &action.text),
            request.action(),
            statement.actions.span,
        )));
    }
    if let Some(element) = &statement.principal
        && scope.principal(statement).is_none()
    {
        failed.push(Failure::Principal(mismatch(
            element.negated,
            element.entries.iter().map(|entry| &entry.text),
            request.principal().id(),
            element.span,
        )));
    }
    if !scope.resource(statement) {
        failed.push(Failure::Resource(match &statement.resources {
            Some(resources) => mismatch(
                resources.negated,
                resources.patterns.iter().map(|resource| &resource.text),
                request.resource(),
                resources.span,
            ),
            None => {
                let none = std::iter::empty();
                mismatch(false, none, request.resource(), statement.span)
            }
        }));
    }
    for condition in &statement.conditions {
        if !scope.condition(condition, statement.effect) {
            failed.push(failed_condition(condition, scope));
        }
    }
    failed
}

fn mismatch<'t>(
    negated: bool,
    wanted: impl Iterator<Item = &'t String>,
    actual: &str,
    span: Span,
) -> Mismatch {
    Mismatch {
        negated,
        wanted: wanted.cloned().collect(),
        actual: actual.to_owned(),
        span,
    }
}

fn failed_condition(condition: &Condition, scope: &Scope<'_>) -> Failure {
    let actual = scope.view.get(&condition.key_lower);
    let is_known = !matches!(
        actual.as_deref(),
        Some(ContextValue::Present | ContextValue::Unknown)
    );
    Failure::Condition {
        operator: condition.operator_text.clone(),
        key: condition.key.clone(),
        wanted: (condition.values.iter())
            .map(|value| value.text.clone())
            .collect(),
        actual: match actual.as_deref() {
            Some(ContextValue::One(text)) => Some(vec![text.clone()]),
            Some(ContextValue::Many(texts)) => Some(texts.clone()),
            _ => None,
        },
        is_known,
        span: condition.span,
    }
}

fn missing(because: Because) -> Vec<Layer> {
    match because {
        Because::ScpLevel(_) => vec![Layer::Scps],
        Because::Lacking(lacking) => lacking.layers().collect(),
        _ => Vec::new(),
    }
}

fn sentence(request: &Request, because: Because) -> String {
    let policy = match request.resource_policy_kind() {
        PolicyKind::Key => "the key policy",
        PolicyKind::Trust => "the role's trust policy",
        _ => "the resource's policy",
    };
    match because {
        Because::NeedsNoPermission => "this call requires no permissions".to_owned(),
        Because::Denied => "a statement denies it explicitly".to_owned(),
        Because::ScpLevel(level) => {
            let level = level + 1;
            format!(
                "the service control policies at level {level}, counted from the root, do not \
                 allow it"
            )
        }
        Because::RootAssumesNoRole => "a root user cannot assume a role".to_owned(),
        Because::NotAcrossAccounts => {
            "AWS KMS does not support this operation on a key in another account".to_owned()
        }
        Because::AliasAcrossAccounts => {
            "an alias cannot identify a key in another account: use the key ARN".to_owned()
        }
        Because::ResourceGrants => format!("{policy} allows it"),
        Because::IdentityGrants => "the identity's policies allow it".to_owned(),
        Because::BothGrant => format!("the identity's policies and {policy} allow it"),
        Because::Lacking(lacking) => lacking_sentence(request, lacking, policy),
    }
}

fn lacking_sentence(request: &Request, lacking: Lacking, policy: &str) -> String {
    if lacking.either {
        return format!("neither the identity's policies nor {policy} allows it");
    }
    let who = lacking.layers().map(|layer| match layer {
        Layer::IdentityPolicies => "the identity's policies",
        Layer::PermissionBoundary => "the permissions boundary",
        Layer::SessionPolicy => "the session policy",
        _ => policy,
    });
    let who: Vec<&str> = who.collect();
    let which = if request.is_cross_account() {
        "both accounts must allow the call, but it is "
    } else {
        ""
    };
    format!("{which}not allowed by {}", who.join(" or "))
}
