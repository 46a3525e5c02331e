//! The changes of a change set, as a table and as JSON.

mod properties;

use crate::deploy::validation::{Skipped, Validation};
use crate::deploy::{Access, Change, Validations};
use crate::escape::shown;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::{Stream, table_for};
use crate::cli::shell::with_profile;

/// Formats the changes of a change set as a table, followed by the changed properties. Marks
/// dangerous changes.
pub(crate) fn table(stream: Stream, changes: &[Change]) -> String {
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
    let header = ["", "action", "resource", "type", "cause"];
    let mut text = table_for(stream, &header, &rows, &[]);
    for change in changes {
        text.push_str(&properties::text(change, stream.width()));
    }
    text
}

/// Formats the first causes on one line.
fn causes(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = all[..all.len().min(SHOWN)].join(", ");
    if all.len() > SHOWN {
        text.push_str(&format!(", {} more", all.len() - SHOWN));
    }
    text
}

/// Formats the results of CloudFormation's validation, one line per finding and skipped check.
pub(crate) fn validations(found: &Validations, access: &Access) -> String {
    let mut lines: Vec<String> = (found.failed.iter())
        .map(|one| {
            let place = if one.path.is_empty() {
                one.logical_id.clone()
            } else {
                format!("{} {}", one.logical_id, one.path)
            };
            let reason = shown(&one.reason);
            format!("CloudFormation validation: {}: {reason}", shown(&place))
        })
        .collect();
    for one in found.skipped_checks() {
        let reason = match one.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        lines.push(format!(
            "CloudFormation skipped check {}{}",
            shown(&one.name),
            shown(&reason)
        ));
    }
    if !found.skipped.is_empty() {
        lines.push(format!(
            "Run `{}` to print the policy that these checks require.",
            with_profile("deployer-policy", access.profile())
        ));
    }
    if let Some(gap) = found.gap(access) {
        lines.push(format!(
            "Cannot read all warnings from CloudFormation validation: {gap}."
        ));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A change in a change set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ChangeEntry {
    #[serde(flatten)]
    change: Change,
    /// Whether the change replaces or deletes a key, a bucket, or a role.
    dangerous: bool,
}

/// Converts the changes of a change set for JSON output.
pub(crate) fn entries(changes: Vec<Change>) -> Vec<ChangeEntry> {
    let entry = |change: Change| ChangeEntry {
        dangerous: change.is_dangerous(),
        change,
    };
    changes.into_iter().map(entry).collect()
}

/// The results of CloudFormation's validation, for JSON output.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidationMembers {
    /// Findings of CloudFormation's validation.
    validations: Vec<Validation>,
    /// Validation checks that CloudFormation skipped, for example because of a missing permission.
    skipped_validations: Vec<Skipped>,
    /// Why the validation results could not be read; null if they were read.
    validation_problem: Option<String>,
}

impl ValidationMembers {
    pub(crate) fn new(found: &Validations) -> Self {
        Self {
            validations: found.failed.clone(),
            skipped_validations: found.skipped_checks(),
            validation_problem: found.unread.as_ref().map(ToString::to_string),
        }
    }
}
