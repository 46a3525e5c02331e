//! A proof, written for machines: JSON and SARIF.

use crate::diagnostic::Severity;
use crate::lint::{Report, Rule};
use crate::proof::{Decided, Outcome, Proof, RULES, Remedy, findings};
use crate::run::{Place, Step};
use serde_json::{Value as Json, json};

use super::proof_reports::wanted;
use super::{Failure, reports};

/// Version of the JSON shape; it changes when a member changes its meaning or goes.
const JSON_VERSION: u32 = 1;

fn place_json(proof: &Proof, place: Place) -> Json {
    let source = &proof.files[place.file];
    let start = source.position(place.span.start);
    json!({ "file": source.name(), "line": start.line, "column": start.column })
}

fn call_json(proof: &Proof, decided: &Decided, remedies: &[Remedy]) -> Json {
    let call = &decided.call;
    let statements: Vec<Json> = decided
        .decisive
        .iter()
        .map(|decisive| {
            json!({
                "layer": decisive.layer,
                "effect": decisive.effect,
                "sid": decisive.sid,
                "resource": decisive.resource,
                "place": place_json(proof, decisive.place),
            })
        })
        .collect();
    let remedies: Vec<Json> = remedies
        .iter()
        .map(|remedy| {
            json!({
                "layer": remedy.layer,
                "resource": remedy.resource,
                "place": remedy.place.map(|place| place_json(proof, place)),
                "statement": remedy.statement,
            })
        })
        .collect();
    let missing = missing_json(decided);
    let unknown = unknown_json(proof, decided);
    json!({
        "id": call.id,
        "target": call.target,
        "instance": call.instance,
        "instances": decided.instances,
        "step": call.step,
        "caller": call.caller_shown(),
        "action": call.action,
        "resource": call.resource,
        "strength": call.strength,
        "resourceAccount": call.account,
        "decision": decided.verdict,
        "because": decided.reason.because,
        "place": place_json(proof, call.place),
        "statements": statements,
        "missing": missing,
        "unknown": unknown,
        "add": remedies,
    })
}

/// What an unproven call depends on beside policies that are not given.
fn unknown_json(proof: &Proof, decided: &Decided) -> Vec<Json> {
    let doubts = decided.doubts.iter();
    doubts
        .map(|doubt| json!({ "what": doubt.reason, "place": place_json(proof, doubt.place) }))
        .collect()
}

fn missing_json(decided: &Decided) -> Vec<Json> {
    let missing = decided.missing.iter();
    missing
        .map(|missing| json!({ "what": missing.what, "option": missing.option }))
        .collect()
}

/// One JSON object; `outcome` is that of the whole proof, of which `proof` may hold a part.
pub(crate) fn json(proof: &Proof, outcome: &Outcome, call: Option<Step>) -> String {
    let calls: Vec<Json> = proof
        .calls
        .iter()
        .filter(|(decided, _)| wanted(decided, call))
        .map(|(decided, remedies)| call_json(proof, decided, remedies))
        .collect();
    let attacks: Vec<Json> = proof
        .attacks
        .iter()
        .map(|attack| {
            json!({
                "id": attack.call.id,
                "target": attack.call.target,
                "instance": attack.call.instance,
                "instances": attack.instances,
                "what": attack.what,
                "caller": attack.call.caller.shown(),
                "action": attack.call.action,
                "resource": attack.call.resource,
                "result": attack.result,
                "missing": attack.decided.as_ref().map_or_else(Vec::new, missing_json),
                "unknown": attack
                    .decided
                    .as_ref()
                    .map_or_else(Vec::new, |decided| unknown_json(proof, decided)),
            })
        })
        .collect();
    let statements: Vec<Json> = proof
        .excess
        .statements
        .iter()
        .map(|found| {
            json!({
                "place": place_json(proof, found.place),
                "resource": found.resource,
                "sid": found.sid,
                "serves": found.serves,
                "excess": found.excess,
                "documented": found.documented,
            })
        })
        .collect();
    let unknown: Vec<Json> = proof
        .excess
        .unknown
        .iter()
        .map(|unknown| {
            json!({
                "place": place_json(proof, unknown.place),
                "resource": unknown.resource,
                "action": unknown.action,
                "near": unknown.near,
            })
        })
        .collect();
    let doubts: Vec<Json> = proof
        .doubts
        .iter()
        .map(|doubt| {
            json!({
                "place": place_json(proof, doubt.place),
                "resource": doubt.resource,
                "reason": doubt.reason,
            })
        })
        .collect();
    let obstacles: Vec<Json> = (proof.obstacles.iter())
        .map(|obstacle| {
            json!({
                "place": place_json(proof, obstacle.place),
                "resource": obstacle.resource,
                "reason": obstacle.reason,
            })
        })
        .collect();
    let whole = json!({
        "version": JSON_VERSION,
        "pipelines": proof.pipelines,
        "proven": outcome.is_proven(),
        "calls": calls,
        "attacks": attacks,
        "statements": statements,
        "unknownActions": unknown,
        "unresolved": doubts,
        "obstacles": obstacles,
    });
    format!("{whole:#}\n")
}

/// SARIF 2.1.0, as `lint` writes it.
pub(crate) fn sarif(proof: &Proof) -> Result<String, Failure> {
    let found = findings(proof);
    let reports: Vec<_> = proof
        .files
        .iter()
        .enumerate()
        .filter_map(|(number, source)| {
            let of_file = found.iter().filter(|(file, _)| *file == number);
            let mut report = Report::default();
            report
                .findings
                .extend(of_file.map(|(_, finding)| finding.clone()));
            (!report.findings.is_empty()).then(|| (source.clone(), report))
        })
        .collect();
    let rules: Vec<Rule> = RULES
        .iter()
        .map(|(name, what)| Rule {
            name: (*name).to_owned(),
            severity: Severity::Error,
            what: (*what).to_owned(),
            why: String::new(),
            fix: String::new(),
            controls: Vec::new(),
            file: String::new(),
            text: String::new(),
        })
        .collect();
    reports::sarif(&reports, &rules)
}
