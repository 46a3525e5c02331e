//! What a proof has to say, each thing at its place.

use super::decided::Decided;
use super::excess::StatementUse;
use super::prove::{Attack, AttackResult, Proof};
use super::remedy::Remedy;
use super::{Decisive, Verdict};
use crate::diagnostic::Span;
use crate::lint::{Finding, Severity};
use crate::run::Place;

/// The kinds of findings, with what each is about.
pub const RULES: [(&str, &str); 10] = [
    (DENIED, "every call that a pipeline run needs is allowed"),
    (
        NOT_GRANTED,
        "every permission that AWS documents for a run is granted",
    ),
    (ATTACK, "a call that must not be allowed is denied"),
    (UNPROVEN, "no call depends on what is not known"),
    (UNRESOLVED, "every policy's values can be resolved"),
    (ACTION, "every action exists"),
    (
        RUN_ENDS,
        "CodePipeline takes the pipelines, and a run reaches its last action",
    ),
    (EXCESS, "nothing is granted that no call of the run needs"),
    (EMPTY, "a run was checked"),
    (
        OVER_GRANT,
        "the procedure's own grants, with `permissions: article`",
    ),
];

const DENIED: &str = "PROVE_CALL_DENIED";
const NOT_GRANTED: &str = "PROVE_NOT_GRANTED";
const ATTACK: &str = "PROVE_ATTACK_ALLOWED";
const UNPROVEN: &str = "PROVE_UNPROVEN";
const UNRESOLVED: &str = "PROVE_UNRESOLVED";
const ACTION: &str = "PROVE_UNKNOWN_ACTION";
const RUN_ENDS: &str = "PROVE_RUN_ENDS";
const EXCESS: &str = "PROVE_EXCESS";
const EMPTY: &str = "PROVE_EMPTY";
const OVER_GRANT: &str = "PROVE_OVER_GRANT";

/// Everything that a proof has to say, with the file of each.
pub fn findings(proof: &Proof) -> Vec<(usize, Finding)> {
    let mut found = Vec::new();
    if let Some(empty) = proof.outcome().empty {
        let start = Place {
            file: 0,
            span: Span::default(),
        };
        let message = empty.because().to_owned();
        found.push(finding(EMPTY, Severity::Error, start, None, message, None));
    }
    for (decided, remedies) in &proof.calls {
        match decided.verdict {
            Verdict::Denied => found.push(denied(decided, remedies)),
            Verdict::NotGranted => found.push(not_granted(decided, remedies)),
            Verdict::Unproven => found.push(unproven(
                decided,
                &format!(
                    "{} cannot be proven to be allowed to {}",
                    shown(decided),
                    what(decided)
                ),
            )),
            Verdict::Allowed => {}
        }
    }
    found.extend(proof.attacks.iter().filter_map(attack));
    found.extend(proof.excess.unknown.iter().map(|unknown| {
        let fix = unknown
            .near
            .map(|near| format!("write `{near}`, if that is meant"));
        finding(
            ACTION,
            Severity::Error,
            unknown.place,
            Some(&unknown.resource),
            format!("there is no action `{}`", unknown.action),
            fix,
        )
    }));
    found.extend(proof.obstacles.iter().map(|obstacle| {
        finding(
            RUN_ENDS,
            Severity::Error,
            obstacle.place,
            Some(&obstacle.resource),
            obstacle.reason.clone(),
            Some(obstacle.fix.to_owned()),
        )
    }));
    found.extend(proof.doubts.iter().map(|doubt| {
        finding(
            UNRESOLVED,
            Severity::Warning,
            doubt.place,
            Some(&doubt.resource),
            format!(
                "this cannot be resolved, and allows nothing: {}",
                doubt.reason
            ),
            None,
        )
    }));
    found.extend(proof.excess.unexplained().map(excess));
    found
}

fn finding(
    rule: &str,
    severity: Severity,
    place: Place,
    resource: Option<&str>,
    message: String,
    fix: Option<String>,
) -> (usize, Finding) {
    let finding = Finding {
        rule: rule.to_owned(),
        severity,
        resource: resource.map(str::to_owned),
        path: resource.map_or(String::new(), |resource| format!("Resources.{resource}")),
        span: place.span,
        message,
        fix,
    };
    (place.file, finding)
}

fn shown(decided: &Decided) -> String {
    decided.call.caller_shown()
}

fn what(decided: &Decided) -> String {
    format!("call {} on {}", decided.call.action, decided.call.resource)
}

fn denied(decided: &Decided, remedies: &[Remedy]) -> (usize, Finding) {
    let message = format!(
        "step {}: {} is not allowed to {}: {}",
        decided.call.step,
        shown(decided),
        what(decided),
        decided.reason.because
    );
    if let Some(rejection) = decided.rejection() {
        let (place, resource) = (rejection.place, rejection.resource.as_deref());
        let fix = Some(rejection.fix.clone());
        return finding(DENIED, Severity::Error, place, resource, message, fix);
    }
    let denying = |decisive: &&Decisive| decisive.effect == crate::policy::document::Effect::Deny;
    if let Some(decisive) = decided.decisive.iter().find(denying) {
        let fix = Some("change this statement, so that it leaves the call alone".to_owned());
        let resource = Some(decisive.resource.as_str());
        return finding(
            DENIED,
            Severity::Error,
            decisive.place,
            resource,
            message,
            fix,
        );
    }
    let remedy = remedies.iter().find(|remedy| remedy.place.is_some());
    let place = remedy
        .and_then(|remedy| remedy.place)
        .unwrap_or(decided.call.place);
    let fix = remedies.iter().map(|remedy| match &remedy.resource {
        Some(resource) => format!("add to `{resource}`:\n{}", remedy.statement.trim_end()),
        None => format!("add a policy with:\n{}", remedy.statement.trim_end()),
    });
    let fix = fix.collect::<Vec<String>>().join("\n");
    finding(
        DENIED,
        Severity::Error,
        place,
        remedy.and_then(|remedy| remedy.resource.as_deref()),
        message,
        Some(fix).filter(|fix| !fix.is_empty()),
    )
}

/// A permission that AWS documents is missing, and nothing shows that a run needs it.
fn not_granted(decided: &Decided, remedies: &[Remedy]) -> (usize, Finding) {
    let (file, mut finding) = denied(decided, remedies);
    NOT_GRANTED.clone_into(&mut finding.rule);
    finding.severity = Severity::Warning;
    finding.message = format!(
        "step {}: {} is not allowed to {}: documented, but not proven to be necessary",
        decided.call.step,
        shown(decided),
        what(decided),
    );
    (file, finding)
}

fn unproven(decided: &Decided, message: &str) -> (usize, Finding) {
    let missing = decided.missing.iter();
    let why: Vec<&str> = missing
        .clone()
        .map(|missing| missing.what.as_str())
        .collect();
    let options: Vec<&str> = missing.map(|missing| missing.option.as_str()).collect();
    let (why, fix) = if why.is_empty() {
        let doubts = decided.doubts.first();
        let why = doubts.map_or("what cannot be resolved", |doubt| doubt.reason.as_str());
        (why.to_owned(), None)
    } else {
        (
            why.join(" and "),
            Some(format!("give {}", options.join(" and "))),
        )
    };
    finding(
        UNPROVEN,
        Severity::Warning,
        decided.call.place,
        None,
        format!("{message}: it depends on {why}"),
        fix,
    )
}

fn attack(attack: &Attack) -> Option<(usize, Finding)> {
    let decided = attack.decided.as_ref()?;
    let (rule, severity) = match attack.result {
        AttackResult::Denied => return None,
        AttackResult::Unproven => {
            let message = format!("it cannot be proven that this is denied: {}", attack.what);
            return Some(unproven(decided, &message));
        }
        AttackResult::Allowed => (ATTACK, Severity::Error),
        AttackResult::OverGranted => (OVER_GRANT, Severity::Note),
    };
    let (place, resource) = attack_place(decided);
    let fix = "narrow the statement that allows it, or add one that denies it";
    Some(finding(
        rule,
        severity,
        place,
        resource.as_deref(),
        format!(
            "{}: {} on {} is allowed, and must not be",
            attack.what, decided.call.action, decided.call.resource
        ),
        Some(fix.to_owned()),
    ))
}

/// Where an attack is let through: the resource's policy that allows it, or else does not deny
/// it; where there is none, the statement of the attacker's own.
fn attack_place(decided: &Decided) -> (Place, Option<String>) {
    let of = |layer| {
        let mut decisive = decided.decisive.iter();
        decisive.find(|decisive| decisive.layer == layer && decisive.given)
    };
    if let Some(decisive) = of(crate::policy::evaluation::Layer::ResourcePolicy) {
        return (decisive.place, Some(decisive.resource.clone()));
    }
    if let Some((place, resource)) = &decided.resource_policy {
        return (*place, Some(resource.clone()));
    }
    match of(crate::policy::evaluation::Layer::IdentityPolicies) {
        Some(decisive) => (decisive.place, Some(decisive.resource.clone())),
        None => (decided.call.place, None),
    }
}

fn excess(found: &StatementUse) -> (usize, Finding) {
    let count = found.excess.len();
    let shown: Vec<&str> = found.excess.iter().take(6).map(String::as_str).collect();
    let more = if count > shown.len() { ", …" } else { "" };
    let actions = if count == 1 {
        "1 action"
    } else {
        &format!("{count} actions")
    };
    finding(
        EXCESS,
        Severity::Note,
        found.place,
        Some(&found.resource),
        if count == 0 {
            "serves no call".to_owned()
        } else {
            format!(
                "grants {actions} that no call needs: {}{more}",
                shown.join(", ")
            )
        },
        Some("name only the actions that a call of the run needs".to_owned()),
    )
}
