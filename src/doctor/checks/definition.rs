//! Compares the rest of a pipeline's definition with the template. Omitted members have
//! CodePipeline's default values.

use serde_json::Value as Json;

use super::super::finding::Rule;
use super::Checks;
use crate::definition::model::{ActionPart, actions_of, member, stages};
use crate::failure;
use crate::proof::Resolved;

/// The execution mode of a pipeline that specifies none.
const DEFAULT_MODE: &str = "SUPERSEDED";

impl Checks<'_> {
    /// Reports the differences that no other check covers.
    pub(super) fn definition(&mut self, pipeline: &Resolved, live: &Json) {
        let mut differences = Vec::new();
        let wanted = &pipeline.properties;
        let role = |node| member(node, "RoleArn").and_then(Json::as_str);
        if role(wanted) != role(live) {
            differences.push("service role".to_owned());
        }
        if !same(part(wanted, "Variables"), part(live, "Variables")) {
            differences.push("variables".to_owned());
        }
        let mode = |node| member(node, "ExecutionMode").and_then(Json::as_str);
        if mode(wanted).unwrap_or(DEFAULT_MODE) != mode(live).unwrap_or(DEFAULT_MODE) {
            differences.push("execution mode".to_owned());
        }
        let name_of = |node: &Json| part(node, "Name").as_str().unwrap_or_default().to_owned();
        let found = stages(live);
        for stage in stages(wanted) {
            let title = name_of(stage);
            let Some(other) = found.iter().find(|other| name_of(other) == title) else {
                differences.push(format!("missing stage {title}"));
                continue;
            };
            for key in ["BeforeEntry", "OnSuccess", "OnFailure"] {
                if !same(part(stage, key), part(other, key)) {
                    differences.push(format!("{key} of stage {title}"));
                }
            }
            for action in actions_of(stage) {
                let title = name_of(action.0);
                let Some(other) = actions_of(other).find(|other| name_of(other.0) == title) else {
                    differences.push(format!("missing action {title}"));
                    continue;
                };
                for key in [
                    "ActionTypeId",
                    "RoleArn",
                    "Region",
                    "Configuration",
                    "RunOrder",
                    "TimeoutInMinutes",
                    "InputArtifacts",
                    "OutputArtifacts",
                ] {
                    let (wanted, found) = (normal(action, key), normal(other, key));
                    if !same(&wanted, &found) && !has_finding(action, other, key) {
                        differences.push(format!("{key} of action {title}"));
                    }
                }
            }
        }
        let more = found.len().saturating_sub(stages(wanted).len());
        if more > 0 {
            differences.push(format!("additional stages: {more}"));
        }
        if !differences.is_empty() {
            self.warn(
                Rule::Drift,
                pipeline,
                format!(
                    "its definition differs from the template: {}",
                    differences.join(", ")
                ),
            )
            .advise(
                "add the change to the configuration, or revert the pipeline with `aws \
                 codepipeline update-pipeline`",
            );
        }
    }
}

/// Returns a member of a part of the definition, or null if it is missing.
fn part<'p>(node: &'p Json, name: &str) -> &'p Json {
    member(node, name).unwrap_or(&Json::Null)
}

/// Returns a member of an action with CodePipeline's default values. Follows *Action structure
/// reference* in the AWS documentation.
fn normal(action: ActionPart<'_, Json>, key: &str) -> Json {
    let mut value = action.get(key).cloned().unwrap_or_default();
    match key {
        "RunOrder" if value.is_null() => value = Json::from(1),
        "Configuration" if action.is("Source") => {
            for (name, default) in [
                ("PollForSourceChanges", "true"),
                ("AllowOverrideForS3ObjectKey", "false"),
            ] {
                if value[name].is_null() && value.is_object() {
                    value[name] = Json::from(default);
                }
            }
        }
        _ => {}
    }
    value
}

/// Returns whether another check reports the difference, or whether the difference has no effect.
fn has_finding(wanted: ActionPart<'_, Json>, found: ActionPart<'_, Json>, key: &str) -> bool {
    match key {
        // CodePipeline adds the region of the pipeline to actions without one.
        "Region" if wanted.get(key).is_none() => return true,
        "RoleArn" | "Region" => return wanted.is_s3_deploy(),
        "Configuration" if wanted.is_s3_deploy() => {}
        _ => return false,
    }
    let configuration = found.get("Configuration");
    let is_faulty = configuration
        .and_then(failure::configuration_fault)
        .is_some();
    let without = |action: ActionPart<'_, Json>| {
        let mut configuration = action.get("Configuration").cloned().unwrap_or_default();
        if let Some(members) = configuration.as_object_mut() {
            members.remove("BucketName");
            if is_faulty {
                members.remove("Extract");
                members.remove("ObjectKey");
            }
        }
        configuration
    };
    same(&without(wanted), &without(found))
}

/// Returns whether a value is empty. CodePipeline returns empty values for some members that a
/// template omits.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Object(members) => members.values().all(is_empty),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Returns whether two values are equal. Compares numbers and booleans as strings.
fn same(a: &Json, b: &Json) -> bool {
    if is_empty(a) && is_empty(b) {
        return true;
    }
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => {
            let of = |one: &serde_json::Map<String, Json>, key: &String| {
                one.get(key).cloned().unwrap_or_default()
            };
            a.keys()
                .chain(b.keys())
                .all(|key| same(&of(a, key), &of(b, key)))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(_) | Json::Array(_), _) | (_, Json::Object(_) | Json::Array(_)) => false,
        _ => plain(a) == plain(b),
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}
