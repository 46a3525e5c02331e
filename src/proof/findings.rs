//! The findings of a proof, each with its location.

use super::decided::Decided;
use super::excess::StatementUse;
use super::prove::{Attack, AttackResult, Proof};
use super::remedy::Remedy;
use super::{Decisive, Verdict};
use crate::diagnostic::{Diagnostic, Severity};
use crate::policy::document::Effect;
use crate::policy::evaluation::Layer;
use crate::run::Place;

/// The rules, each with its name and the condition that it checks.
pub const RULES: [(&str, &str); 10] = [
    (
        DENIED.0,
        "every call that a pipeline execution needs is allowed",
    ),
    (
        NOT_GRANTED.0,
        "every permission that AWS documents for a pipeline execution is granted",
    ),
    (ATTACK.0, "every call that must not be allowed is denied"),
    (UNPROVEN.0, "no call depends on something unknown"),
    (UNRESOLVED.0, "every value in a policy can be resolved"),
    (ACTION.0, "every action exists"),
    (
        RUN_ENDS.0,
        "CodePipeline accepts the pipelines, and an execution reaches its last action",
    ),
    (
        EXCESS.0,
        "no statement grants more than a pipeline execution needs",
    ),
    (EMPTY.0, "a pipeline execution was checked"),
    (
        OVER_GRANT.0,
        "AWS's published procedure grants no more than a pipeline execution needs",
    ),
];

/// The name and severity of a rule.
type Kind = (&'static str, Severity);

const DENIED: Kind = ("PROVE_CALL_DENIED", Severity::Error);
const NOT_GRANTED: Kind = ("PROVE_NOT_GRANTED", Severity::Warning);
const ATTACK: Kind = ("PROVE_ATTACK_ALLOWED", Severity::Error);
const UNPROVEN: Kind = ("PROVE_UNPROVEN", Severity::Warning);
const UNRESOLVED: Kind = ("PROVE_UNRESOLVED", Severity::Warning);
const ACTION: Kind = ("PROVE_UNKNOWN_ACTION", Severity::Error);
const RUN_ENDS: Kind = ("PROVE_RUN_ENDS", Severity::Error);
const EXCESS: Kind = ("PROVE_EXCESS", Severity::Note);
const EMPTY: Kind = ("PROVE_EMPTY", Severity::Error);
const OVER_GRANT: Kind = ("PROVE_OVER_GRANT", Severity::Note);

/// The index of a file, and a finding in it.
type Placed = (usize, Diagnostic);

/// Returns all findings of a proof, each with its file.
pub fn findings(proof: &Proof) -> Vec<Placed> {
    let mut found = Vec::new();
    if let Some(empty) = proof.outcome().empty {
        let message = empty.because().to_owned();
        found.push(finding(EMPTY, Place::default(), None, message, None));
    }
    for (decided, remedies) in &proof.calls {
        let (who, what) = (decided.call.caller_shown(), what(decided));
        let refused = format!("step {}: {who} is not allowed to {what}", decided.call.step);
        found.push(match decided.verdict {
            Verdict::Denied => {
                let message = format!("{refused}: {}", decided.reason.because);
                denied(DENIED, message, decided, remedies)
            }
            Verdict::NotGranted => {
                let message = format!("{refused}: documented by AWS, but not known to be required");
                denied(NOT_GRANTED, message, decided, remedies)
            }
            Verdict::Unproven => {
                let message = format!("cannot prove that {who} is allowed to {what}");
                unproven(decided, &message)
            }
            Verdict::Allowed => continue,
        });
    }
    found.extend(proof.attacks.iter().filter_map(attack));
    found.extend(proof.excess.unknown.iter().map(|unknown| {
        let fix = unknown.near.map(|near| format!("did you mean `{near}`?"));
        let message = format!("unknown action `{}`", unknown.action);
        finding(ACTION, unknown.place, Some(&unknown.resource), message, fix)
    }));
    found.extend(proof.obstacles.iter().map(|obstacle| {
        let (resource, message) = (Some(&*obstacle.resource), obstacle.reason.clone());
        let fix = Some(obstacle.fix.to_owned());
        finding(RUN_ENDS, obstacle.place, resource, message, fix)
    }));
    found.extend(proof.doubts.iter().map(|doubt| {
        let message = format!(
            "this value cannot be resolved and is treated as granting nothing: {}",
            doubt.reason
        );
        finding(
            UNRESOLVED,
            doubt.place,
            Some(&doubt.resource),
            message,
            None,
        )
    }));
    found.extend(proof.excess.unexplained().map(excess));
    found
}

fn finding(
    kind: Kind,
    place: Place,
    resource: Option<&str>,
    message: String,
    fix: Option<String>,
) -> Placed {
    let path = resource.map_or(String::new(), |resource| format!("Resources.{resource}"));
    let mut finding = Diagnostic::new(place.span, message).of_rule(kind, resource, path);
    finding.help = fix;
    (place.file, finding)
}

fn what(decided: &Decided) -> String {
    format!("call {} on {}", decided.call.action, decided.call.resource)
}

fn denied(kind: Kind, message: String, decided: &Decided, remedies: &[Remedy]) -> Placed {
    if let Some(rejection) = decided.rejection() {
        let (resource, fix) = (rejection.resource.as_deref(), rejection.fix.clone());
        return finding(kind, rejection.place, resource, message, Some(fix));
    }
    let denying = |decisive: &&Decisive| decisive.effect == Effect::Deny;
    if let Some(decisive) = decided.decisive.iter().find(denying) {
        let fix = Some("change this statement so that it does not deny the call".to_owned());
        return finding(kind, decisive.place, Some(&decisive.resource), message, fix);
    }
    let remedy = remedies.iter().find(|remedy| remedy.place.is_some());
    let place = remedy.and_then(|remedy| remedy.place);
    let resource = remedy.and_then(|remedy| remedy.resource.as_deref());
    let fix = remedies.iter().map(|remedy| match &remedy.resource {
        Some(resource) => format!("add to `{resource}`:\n{}", remedy.statement.trim_end()),
        None => format!(
            "add a policy with this statement:\n{}",
            remedy.statement.trim_end()
        ),
    });
    let fix = fix.collect::<Vec<String>>().join("\n");
    let fix = Some(fix).filter(|fix| !fix.is_empty());
    finding(
        kind,
        place.unwrap_or(decided.call.place),
        resource,
        message,
        fix,
    )
}

fn unproven(decided: &Decided, message: &str) -> Placed {
    let missing = decided.missing.iter();
    let why: Vec<&str> = missing.clone().map(|missing| &*missing.what).collect();
    let options: Vec<&str> = missing.map(|missing| &*missing.option).collect();
    let (why, fix) = if why.is_empty() {
        let doubt = decided.doubts.first();
        let why = doubt.map_or("a value that cannot be resolved", |doubt| &doubt.reason);
        (why.to_owned(), None)
    } else {
        let fix = format!("pass {}", options.join(" and "));
        (why.join(" and "), Some(fix))
    };
    let message = format!("{message}: it depends on {why}");
    finding(UNPROVEN, decided.call.place, None, message, fix)
}

fn attack(attack: &Attack) -> Option<Placed> {
    let decided = attack.decided.as_ref()?;
    let kind = match attack.result {
        AttackResult::Denied => return None,
        AttackResult::Unproven => {
            let message = format!("cannot prove that this is denied: {}", attack.what);
            return Some(unproven(decided, &message));
        }
        AttackResult::Allowed => ATTACK,
        AttackResult::OverGranted => OVER_GRANT,
    };
    let (place, resource) = attack_place(decided);
    let message = format!(
        "{}: {} on {} is allowed but must be denied",
        attack.what, decided.call.action, decided.call.resource
    );
    let fix = "narrow the statement that allows it, or add a statement that denies it".to_owned();
    Some(finding(kind, place, resource, message, Some(fix)))
}

/// Returns the location of the policy that lets an attack through: the resource's policy, or if the
/// resource has no policy, the attacker's own statement.
fn attack_place(decided: &Decided) -> (Place, Option<&str>) {
    let of = |layer| {
        let mut decisive = decided.decisive.iter();
        let found = decisive.find(|decisive| decisive.layer == layer && decisive.given)?;
        Some((found.place, Some(&*found.resource)))
    };
    let policy = decided.resource_policy.as_ref();
    of(Layer::ResourcePolicy)
        .or_else(|| policy.map(|(place, resource)| (*place, Some(&**resource))))
        .or_else(|| of(Layer::IdentityPolicies))
        .unwrap_or((decided.call.place, None))
}

fn excess(found: &StatementUse) -> Placed {
    let count = found.excess.len();
    let shown: Vec<&str> = found.excess.iter().take(6).map(String::as_str).collect();
    let more = if count > shown.len() { ", …" } else { "" };
    let plural = if count == 1 { "" } else { "s" };
    let message = match count {
        0 => "no call needs this statement".to_owned(),
        _ => format!(
            "grants {count} action{plural} that no call needs: {}{more}",
            shown.join(", ")
        ),
    };
    let fix = match count {
        0 => "remove the statement",
        _ => "list only the actions that a pipeline execution needs",
    };
    finding(
        EXCESS,
        found.place,
        Some(&found.resource),
        message,
        Some(fix.to_owned()),
    )
}
