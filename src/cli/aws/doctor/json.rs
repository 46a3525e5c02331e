//! A diagnosis, written for machines.

use crate::doctor::live::View;
use crate::doctor::{Finding, Fix, Health, Repair};
use serde_json::{Value as Json, json};

use super::Examined;

/// Version of the shape; it changes when a member changes its meaning or goes.
const VERSION: u32 = 1;

/// One JSON object.
pub(super) fn json(examined: &Examined<'_>, repaired: &[Repair]) -> String {
    let diagnosis = examined.diagnosis;
    let differences = examined.differences();
    let differing: Vec<Json> = differences
        .iter()
        .map(|(place, difference)| {
            json!({
                "stack": place.stack,
                "account": place.account,
                "region": place.region,
                "difference": difference.code(),
            })
        })
        .collect();
    let findings = diagnosis.findings.iter();
    let findings: Vec<Json> = findings.map(|one| finding(examined, one)).collect();
    let accounts = examined.views.accounts.iter();
    let accounts: Vec<Json> = accounts
        .map(|(account, view)| match view {
            View::By(arn) => json!({ "account": account, "readBy": arn }),
            View::Nobody(reason) => {
                json!({ "account": account, "readBy": null, "reason": reason })
            }
        })
        .collect();
    let undecided: Vec<Json> = diagnosis
        .undecided
        .iter()
        .map(|(what, calls)| json!({ "dependsOn": what, "calls": calls }))
        .collect();
    let unread: Vec<Json> = diagnosis
        .unread
        .iter()
        .map(|unread| {
            json!({
                "account": unread.account,
                "what": unread.what,
                "action": unread.refusal.action,
                "reason": unread.refusal.reason,
            })
        })
        .collect();
    let repaired: Vec<Json> = repaired
        .iter()
        .map(|repair| json!({ "account": repair.account, "role": repair.role }))
        .collect();
    let consequences = diagnosis.findings.iter();
    let consequences: usize = consequences.map(|finding| finding.consequences.len()).sum();
    let causes = diagnosis.errors().count();
    let all = json!({
        "version": VERSION,
        "pipeline": examined.pipeline(),
        "result": match diagnosis.health() {
            Health::Healthy => "healthy",
            Health::Findings => "findings",
            Health::Incomplete => "incomplete",
        },
        "configuration": {
            "isDeployed": differing.is_empty(),
            "stacks": differing,
        },
        "accounts": accounts,
        "summary": {
            "causes": causes,
            "consequences": consequences,
            "differences": diagnosis.findings.len() - causes,
            "callsDecided": diagnosis.calls,
            "callsUndecided": diagnosis.undecided.values().sum::<usize>(),
        },
        "findings": findings,
        "undecided": undecided,
        "unread": unread,
        "repaired": repaired,
    });
    format!("{all:#}\n")
}

fn finding(examined: &Examined<'_>, finding: &Finding) -> Json {
    let fixes: Vec<Json> = finding
        .fixes
        .iter()
        .map(|fix| match fix {
            Fix::Advice(text) => json!({ "kind": "advice", "text": text }),
            Fix::Command(command) => json!({ "kind": "command", "command": command }),
            Fix::Run(words) => json!({ "kind": "command", "command": examined.command(words) }),
            Fix::Add { to, statement } => {
                json!({ "kind": "statement", "policy": to, "statement": statement })
            }
        })
        .collect();
    json!({
        "rule": finding.rule,
        "severity": finding.severity.name(),
        "account": finding.account,
        "resource": finding.resource,
        "message": finding.message,
        "consequences": finding.consequences,
        "fixes": fixes,
    })
}
