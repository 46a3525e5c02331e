//! What a pipeline and its targets must agree on, by the template of the dev stack.

use super::piece::Piece;
use crate::template::{Template, Value};

/// Whether the new pipeline and its targets agree on something else than the deployed ones, by the
/// template of the dev stack.
pub(crate) fn changes_agreement(dev: &Piece) -> bool {
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
    let named = value.mapped(&|part| {
        let (Value::Ref(id) | Value::GetAtt(id, _)) = part else {
            return None;
        };
        let resource = template.resource(id)?;
        let mut names = ["RoleName", "BucketName"].into_iter();
        names.find_map(|name| Some(resource.properties.field(name)?.as_text()?.into()))
    });
    named.to_json()
}
