//! A diagnosis, written for machines.

use std::collections::BTreeMap;

use s3ferry::doctor::live::View;
use s3ferry::doctor::{Diagnosis, Finding, Fix, Repair};
use s3ferry::lint::Severity;
use serde_json::{Value as Json, json};

use super::Patient;

/// Version of the shape; it changes when a member changes its meaning or goes.
const VERSION: u32 = 1;

/// One JSON object.
pub(super) fn json(
    patient: &Patient<'_>,
    accounts: &BTreeMap<String, View>,
    diagnosis: &Diagnosis,
    repaired: &[Repair],
) -> String {
    let accounts: Vec<Json> = accounts
        .iter()
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
        "pipeline": patient.project.plan.dev.pipeline,
        "accounts": accounts,
        "summary": {
            "causes": causes,
            "consequences": consequences,
            "differences": diagnosis.findings.len() - causes,
            "callsDecided": diagnosis.calls,
            "callsUndecided": diagnosis.undecided.values().sum::<usize>(),
        },
        "findings": diagnosis.findings.iter().map(finding).collect::<Vec<Json>>(),
        "undecided": undecided,
        "unread": unread,
        "repaired": repaired,
    });
    format!("{all:#}\n")
}

fn finding(finding: &Finding) -> Json {
    let fixes: Vec<Json> = finding
        .fixes
        .iter()
        .map(|fix| match fix {
            Fix::Advice(text) => json!({ "kind": "advice", "text": text }),
            Fix::Command(command) => json!({ "kind": "command", "command": command }),
            Fix::Add { to, statement } => {
                json!({ "kind": "statement", "policy": to, "statement": statement })
            }
        })
        .collect();
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    json!({
        "rule": finding.rule,
        "severity": severity,
        "account": finding.account,
        "resource": finding.resource,
        "message": finding.message,
        "consequences": finding.consequences,
        "fixes": fixes,
    })
}
