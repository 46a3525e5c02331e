//! What a pipeline and its targets must agree on, by the template of the dev stack.

use super::piece::Piece;
use crate::template::{Template, Value};

/// Whether the new pipeline and its targets agree on something else than the deployed ones, by the
/// template of the dev stack.
pub fn changes_agreement(dev: &Piece) -> bool {
    dev.deployed()
        .is_some_and(|deployed| interface(&deployed.template) != interface(&dev.new))
}

/// What a pipeline and its targets must agree on: who deploys, where from and where to.
pub(super) fn interface(template: &Template) -> Vec<serde_json::Value> {
    let pipelines = template.resources.iter();
    let pipelines = pipelines.filter(|resource| resource.kind == "AWS::CodePipeline::Pipeline");
    let mut found: Vec<serde_json::Value> = Vec::new();
    for pipeline in pipelines {
        let name = |key: &str| resolved(template, pipeline.properties.field(key));
        // The artifacts have the name of the pipeline in their keys.
        found.extend(["Name", "RoleArn", "ArtifactStore", "ArtifactStores"].map(name));
        let stages = pipeline.properties.to_json();
        let stages = stages["Stages"].as_array().cloned().unwrap_or_default();
        for stage in stages {
            for action in stage["Actions"].as_array().into_iter().flatten() {
                if action["ActionTypeId"]["Category"] == "Deploy" {
                    found.push(action["RoleArn"].clone());
                    found.push(action["Configuration"].clone());
                }
            }
        }
    }
    found
}

/// A property with the names of the roles and buckets that it refers to.
fn resolved(template: &Template, value: Option<&Value>) -> serde_json::Value {
    let Some(value) = value else {
        return serde_json::Value::Null;
    };
    let mut json = value.to_json();
    replace(&mut json, &|id| {
        let mut all = template.resources.iter();
        let resource = all.find(|resource| resource.id == id)?;
        let names = ["RoleName", "BucketName"];
        let mut names = names.iter();
        names.find_map(|name| {
            resource
                .properties
                .field(name)?
                .as_text()
                .map(str::to_owned)
        })
    });
    json
}

fn replace(json: &mut serde_json::Value, name: &impl Fn(&str) -> Option<String>) {
    match json {
        serde_json::Value::Object(fields) => {
            let id = match (fields.get("Ref"), fields.get("Fn::GetAtt")) {
                (Some(id), _) => id.as_str(),
                (None, Some(attribute)) => attribute[0].as_str(),
                (None, None) => None,
            };
            if let Some(found) = id.and_then(name) {
                *json = found.into();
                return;
            }
            fields.values_mut().for_each(|value| replace(value, name));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace(item, name)),
        _ => {}
    }
}
