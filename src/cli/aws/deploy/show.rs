//! What a change set would do, as a table.

use crate::deploy::{Access, Change, Validations};
use crate::escape::shown;
use serde_json::{Value, json};

use super::show_properties;
use crate::cli::output::{Stream, table_for};

/// The changes of a change set, the dangerous ones marked, and the properties that change.
pub(crate) fn changes(stream: Stream, changes: &[Change]) -> String {
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| {
            let mark = if change.is_dangerous() { "!" } else { "" };
            vec![
                mark.to_owned(),
                change.what().to_owned(),
                change.logical_id.clone(),
                change.resource_type.clone(),
                causes(&change.causes),
            ]
        })
        .collect();
    let header = ["", "action", "resource", "type", "because of"];
    let mut text = table_for(stream, &header, &rows, &[]);
    for change in changes {
        text.push_str(&show_properties::text(change, stream.width()));
    }
    text
}

/// As many causes as a line can hold.
fn causes(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = all
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > SHOWN {
        text.push_str(&format!(", {} more", all.len() - SHOWN));
    }
    text
}

/// The results of CloudFormation's validation: a line for each finding and each skipped check.
pub(crate) fn validations(found: &Validations, access: &Access) -> String {
    let mut lines: Vec<String> = (found.failed.iter())
        .map(|one| {
            let place = if one.path.is_empty() {
                one.logical_id.clone()
            } else {
                format!("{} {}", one.logical_id, one.path)
            };
            let reason = shown(&one.reason);
            format!("CloudFormation's validation: {}: {reason}", shown(&place))
        })
        .collect();
    for one in found.skipped_checks() {
        let reason = match one.reason {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        lines.push(format!(
            "CloudFormation skipped the check {}{}",
            shown(one.name),
            shown(&reason)
        ));
    }
    if !found.skipped.is_empty() {
        lines.push(format!(
            "`s3ferry deployer-policy --profile {}` prints the policy that these checks need.",
            crate::shell::word(access.profile())
        ));
    }
    if let Some(gap) = found.gap(access) {
        lines.push(format!(
            "CloudFormation's validation may have warnings: {gap}."
        ));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The results of CloudFormation's validation for machines: findings, skipped checks, and why
/// the results could not be read.
pub(crate) fn validations_json(found: &Validations) -> Value {
    let findings: Vec<Value> = (found.failed.iter())
        .map(|one| {
            json!({
                "resource": one.logical_id,
                "name": one.name,
                "path": one.path,
                "reason": one.reason,
            })
        })
        .collect();
    let skipped: Vec<Value> = (found.skipped_checks().iter())
        .map(|one| json!({ "name": one.name, "reason": one.reason, "resources": one.resources }))
        .collect();
    json!({
        "validations": findings,
        "skippedValidations": skipped,
        "validationProblem": found.unread.as_ref().map(ToString::to_string),
    })
}

/// The changes for machines.
pub(crate) fn changes_json(changes: &[Change]) -> Value {
    changes
        .iter()
        .map(|change| {
            json!({
                "action": change.action,
                "resource": change.logical_id,
                "physicalId": change.physical_id,
                "type": change.resource_type,
                "replacement": change.replacement,
                "policyAction": change.policy_action,
                "causes": change.causes,
                "propertyChanges": change.properties.iter().map(|one| json!({
                    "path": one.path,
                    "before": one.before,
                    "after": one.after,
                })).collect::<Vec<_>>(),
                "dangerous": change.is_dangerous(),
            })
        })
        .collect()
}

/// Adds the members of an object to another.
pub(crate) fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}
