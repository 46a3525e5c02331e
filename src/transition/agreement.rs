//! The properties that a pipeline and its targets must agree on, as declared in the dev stack's
//! template.

use super::piece::Piece;
use crate::template::{Template, Value};

/// Returns whether the new dev template changes a property that the pipeline and its targets must
/// agree on.
pub(crate) fn changes_agreement(dev: &Piece) -> bool {
    dev.deployed()
        .is_some_and(|deployed| interface(&deployed.template) != interface(&dev.new))
}

/// Returns the properties that a pipeline and its targets must agree on: roles, artifact stores,
/// and output buckets.
pub(super) fn interface(template: &Template) -> Vec<serde_json::Value> {
    let pipelines = template.resources.iter();
    let pipelines = pipelines.filter(|resource| resource.kind == "AWS::CodePipeline::Pipeline");
    let mut found: Vec<serde_json::Value> = Vec::new();
    for pipeline in pipelines {
        let name = |key: &str| resolved(template, pipeline.properties.field(key));
        // Artifact keys contain the pipeline name.
        found.extend(["Name", "RoleArn", "ArtifactStore", "ArtifactStores"].map(name));
        let stages = pipeline.properties.to_json();
        let stages = stages["Stages"].as_array().cloned().unwrap_or_default();
        for stage in stages {
            for action in stage["Actions"].as_array().into_iter().flatten() {
                // Other actions with a role use resources of the target, such as a state machine.
                if action["ActionTypeId"]["Category"] == "Deploy" || !action["RoleArn"].is_null() {
                    found.push(action["RoleArn"].clone());
                    found.push(action["Configuration"].clone());
                }
            }
        }
    }
    found
}

/// Resolves a property to the names of the roles and buckets that it refers to.
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
