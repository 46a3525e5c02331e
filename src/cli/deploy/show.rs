//! What a change set would do, as a table.

use s3ferry::deploy::{Change, Validation};
use serde_json::{Value, json};

use crate::cli::output::table;

/// The changes of a change set, the dangerous ones marked.
pub(crate) fn changes(changes: &[Change]) -> String {
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
    table(
        &["", "action", "resource", "type", "because of"],
        &rows,
        &[],
    )
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

/// What CloudFormation's validation says, a line each.
pub(crate) fn validations(found: &[Validation]) -> String {
    found
        .iter()
        .map(|one| {
            let place = if one.path.is_empty() {
                one.logical_id.clone()
            } else {
                format!("{} {}", one.logical_id, one.path)
            };
            format!("CloudFormation's validation: {place}: {}\n", one.reason)
        })
        .collect()
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
                "dangerous": change.is_dangerous(),
            })
        })
        .collect()
}
