//! Transitional templates: new templates that also keep the permissions of the deployed ones.

use std::collections::HashMap;

use super::ids::Place;
use super::policy;
use crate::stacks::{CREATE_PIPELINE, GUARDED_TYPES, KEY_ID};
use crate::template::{Output, Resource, Template, Value};

/// The properties that contain a policy document.
const DOCUMENTS: [&str; 3] = ["AssumeRolePolicyDocument", "KeyPolicy", "PolicyDocument"];

/// The types of a pipeline and of the rule that starts it.
const RUN: [&str; 2] = [PIPELINE, "AWS::Events::Rule"];

const PIPELINE: &str = "AWS::CodePipeline::Pipeline";

/// The types whose settings the deployed pipeline depends on: the events and the default key of a
/// bucket, and the key that encrypts the output of a build.
const SETTINGS: [&str; 2] = ["AWS::CodeBuild::Project", "AWS::S3::Bucket"];

/// The output of a transitional dev stack that contains the ID of the key that the pipeline still
/// uses.
pub(crate) const PREVIOUS_KEY_ID: &str = "PreviousDeployKeyId";

/// The beginning of the header of a transitional template.
pub(crate) const TRANSITIONAL: &str = "Transitional template. It also keeps the resources and \
                                       permissions that the deployed pipeline uses until it \
                                       switches to the new configuration.";

/// The suffix of the description of a transitional template, which minified templates also have.
const MARK: &str = " (transitional)";

/// Returns whether the text is a transitional template.
pub(crate) fn is_transitional(text: &str) -> bool {
    text.contains(MARK)
}

/// The pipeline in a transitional template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PipelineOf {
    /// The deployed pipeline, which does not switch yet.
    Deployed,
    /// The new pipeline, if the template has one.
    New,
}

/// Builds a transitional template from the new template and the deployed one. Its policies allow
/// what either template allows and deny only what both deny. It keeps the resources that the new
/// template no longer contains.
///
/// `new` has the logical IDs of the deployed stack ([`super::ids::renames`]).
pub(crate) fn both(new: &Template, deployed: &Template, pipeline: PipelineOf) -> Template {
    let mut template = new.clone();
    template.header = format!("{TRANSITIONAL}\n\n{}", new.header);
    if !template.description.ends_with(MARK) {
        template.description.push_str(MARK);
    }
    let keeps_run = pipeline == PipelineOf::Deployed;
    for resource in &mut template.resources {
        let old = deployed.resource(&resource.id);
        let Some(old) = old.filter(|old| old.kind == resource.kind) else {
            continue;
        };
        if keeps_run && RUN.contains(&resource.kind.as_str()) {
            let comment = std::mem::take(&mut resource.comment);
            let depends_on = std::mem::take(&mut resource.depends_on);
            *resource = old.clone();
            resource.comment = comment;
            // Policies can be added before their pipeline.
            for other in depends_on {
                if !resource.depends_on.contains(&other) {
                    resource.depends_on.push(other);
                }
            }
        } else if keeps_run && SETTINGS.contains(&resource.kind.as_str()) {
            resource.properties = old.properties.clone();
        } else {
            keep_grants(resource, old);
        }
        // A kept resource also keeps its suppressed rules and their reasons.
        for (rule, reason) in &old.suppressed {
            if !resource.suppressed.iter().any(|(known, _)| known == rule) {
                resource.suppressed.push((rule.clone(), reason.clone()));
            }
        }
    }
    if keeps_run {
        template.resources.retain(|resource| {
            !RUN.contains(&resource.kind.as_str()) || deployed.resource(&resource.id).is_some()
        });
        keep_outputs(&mut template, deployed);
    } else {
        wait_for_kept_policies(&mut template, deployed);
    }
    for old in &deployed.resources {
        let is_run = RUN.contains(&old.kind.as_str());
        if template.resource(&old.id).is_some() || (is_run && !keeps_run) {
            continue;
        }
        let mut old = old.clone();
        old.comment =
            "Kept from the deployed template until the pipeline stops using it.".to_owned();
        template.resources.push(old);
    }
    keep_parameters(&mut template, deployed);
    template
}

/// Makes the new pipelines depend on the kept policies, which belong to the same service role.
fn wait_for_kept_policies(template: &mut Template, deployed: &Template) {
    let is_run = |resource: &&Resource| RUN.contains(&resource.kind.as_str());
    let old = deployed.resources.iter().filter(is_run);
    let policies: Vec<&String> = old
        .filter(|old| old.kind == PIPELINE)
        .flat_map(|old| &old.depends_on)
        .filter(|id| {
            !deployed
                .resources
                .iter()
                .any(|one| one.id == **id && is_run(&one))
        })
        .collect();
    let new = template.resources.iter_mut();
    for pipeline in new.filter(|resource| resource.kind == PIPELINE) {
        for id in &policies {
            if !pipeline.depends_on.contains(id) {
                pipeline.depends_on.push((*id).clone());
            }
        }
    }
}

/// Adds the permissions of the deployed version of a resource.
fn keep_grants(resource: &mut Resource, old: &Resource) {
    for name in DOCUMENTS {
        let (Some(new), Some(old)) = (resource.properties.field(name), old.properties.field(name))
        else {
            continue;
        };
        let both = policy::both(new, old);
        // A policy must have at least one statement. The old statements work for the deployed
        // pipeline.
        let is_empty = matches!(both.field("Statement"), Some(Value::List(all)) if all.is_empty());
        let both = if is_empty { old.clone() } else { both };
        resource.properties.set(name, both);
    }
    if resource.kind == "AWS::IAM::ManagedPolicy"
        && let (Some(new), Some(old)) = (
            resource.properties.field("Roles"),
            old.properties.field("Roles"),
        )
    {
        let both = policy::joined_lists(new, old);
        if new.to_json() != both.to_json() {
            resource.properties.set("Roles", both);
        }
    }
}

/// Keeps the outputs, because they describe the deployed pipeline. The exception is the new key,
/// which the other stacks need before the pipeline uses it.
fn keep_outputs(template: &mut Template, deployed: &Template) {
    let next: Vec<Output> = std::mem::take(&mut template.outputs)
        .into_iter()
        .filter(|output| [KEY_ID, "DeployKeyArn"].contains(&output.id.as_str()))
        .collect();
    let mut outputs = deployed.outputs.clone();
    for new in next {
        let Some(found) = outputs.iter_mut().find(|output| output.id == new.id) else {
            outputs.push(new);
            continue;
        };
        if found.value.to_json() == new.value.to_json() {
            continue;
        }
        let old = std::mem::replace(found, new);
        if old.id == KEY_ID {
            outputs.retain(|output| output.id != PREVIOUS_KEY_ID);
            outputs.push(Output {
                id: PREVIOUS_KEY_ID.to_owned(),
                description: "ID of the key that the pipeline uses until it switches".to_owned(),
                ..old
            });
        }
    }
    template.outputs = outputs;
}

/// Keeps the parameters and conditions that only kept resources and conditions use, and the mappings
/// that the new template does not contain.
fn keep_parameters(template: &mut Template, deployed: &Template) {
    let mappings: Vec<_> = (deployed.mappings.iter())
        .filter(|(old, _)| template.mappings.iter().all(|(new, _)| new != old))
        .cloned()
        .collect();
    template.mappings.extend(mappings);
    let conditions: Vec<_> = (deployed.conditions.iter())
        .filter(|old| template.conditions.iter().all(|new| new.id != old.id))
        .filter(|old| {
            let resources = template.resources.iter();
            let outputs = template.outputs.iter();
            resources
                .map(|resource| &resource.condition)
                .chain(outputs.map(|output| &output.condition))
                .any(|condition| condition.as_ref() == Some(&old.id))
        })
        .cloned()
        .collect();
    template.conditions.extend(conditions);
    let used = |id: &str| {
        let mut resources = template.resources.iter();
        let mut outputs = template.outputs.iter();
        let mut conditions = template.conditions.iter();
        resources.any(|resource| refers_to(&resource.properties, id))
            || outputs.any(|output| refers_to(&output.value, id))
            || conditions.any(|condition| refers_to(&condition.test, id))
    };
    let parameters: Vec<_> = (deployed.parameters.iter())
        .filter(|old| template.parameters.iter().all(|new| new.id != old.id))
        .filter(|old| used(&old.id))
        .cloned()
        .collect();
    template.parameters.extend(parameters);
}

fn refers_to(value: &Value, id: &str) -> bool {
    match value {
        Value::Ref(other) => other == id,
        Value::Sub(text) => text.contains(&format!("${{{id}}}")),
        Value::List(items) => items.iter().any(|item| refers_to(&item.value, id)),
        Value::Map(fields) => fields.iter().any(|field| refers_to(&field.value, id)),
        Value::Equals(first, second) => refers_to(first, id) || refers_to(second, id),
        _ => false,
    }
}

/// Replaces parameters in a deployed template with their deployed values, if the new template omits
/// the parameters or if their values change. One template can then contain both versions of a
/// statement.
pub(crate) fn with_values(
    deployed: &Template,
    values: &HashMap<String, String>,
    new: &Template,
    wanted: &HashMap<String, String>,
) -> Template {
    let known: HashMap<String, String> = (deployed.parameters.iter())
        .filter_map(|parameter| {
            let value = values.get(&parameter.id)?;
            let is_in_new = new.parameters.iter().any(|new| new.id == parameter.id);
            let changes = wanted.get(&parameter.id).is_some_and(|new| new != value);
            (!is_in_new || changes).then(|| (parameter.id.clone(), value.clone()))
        })
        // The deployment itself changes the parameter for the condition of the pipeline.
        .filter(|(id, _)| id != CREATE_PIPELINE)
        .collect();
    if known.is_empty() {
        return deployed.clone();
    }
    let mut template = deployed.clone();
    for resource in &mut template.resources {
        resource.properties = resource.properties.with_parameters(&known);
    }
    for output in &mut template.outputs {
        output.value = output.value.with_parameters(&known);
    }
    template
}

/// Returns the protected resources that the new template no longer contains, with their names if
/// known.
pub(crate) fn leaving<'t>(
    deployed: &'t Template,
    new: &Template,
    place: Place<'_>,
) -> Vec<(&'t Resource, Option<String>)> {
    (deployed.resources.iter())
        .filter(|old| GUARDED_TYPES.contains(&old.kind.as_str()))
        .filter(|old| new.resource(&old.id).is_none())
        .map(|old| (old, super::ids::name(deployed, old, place)))
        .collect()
}
