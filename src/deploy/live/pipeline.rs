//! Reading a pipeline: its definition, in the names of the CloudFormation type, and how it fares.

use std::collections::HashMap;

use aws_sdk_codepipeline::operation::get_pipeline_state::GetPipelineStateOutput;
use aws_sdk_codepipeline::types::{
    ActionDeclaration, ActionExecutionStatus, ArtifactStore, Condition, PipelineDeclaration,
    PipelineExecutionStatus, PipelineExecutionSummary, RuleDeclaration, StageDeclaration,
    StageExecutionStatus, StageState,
};
use serde_json::{Map, Value as Json, json};

use super::{Access, reading};
use crate::doctor::live::{Failure, Pipeline, Reading};

const MISSING: [&str; 1] = ["PipelineNotFoundException"];
/// How far back an execution that has ended is looked for.
const EXECUTIONS: i32 = 20;

/// Reads a pipeline.
pub(super) async fn read(access: &Access, name: &str) -> Reading<Pipeline> {
    let client = access.codepipeline();
    let (pipeline, state, executions) = tokio::join!(
        client.get_pipeline().name(name).send(),
        client.get_pipeline_state().name(name).send(),
        client
            .list_pipeline_executions()
            .pipeline_name(name)
            .max_results(EXECUTIONS)
            .send(),
    );
    let definition =
        reading(access, "codepipeline:GetPipeline", &MISSING, pipeline).then(|answer| match answer
            .pipeline
        {
            Some(pipeline) => Reading::Read(definition(&pipeline)),
            None => Reading::Missing,
        });
    let state = reading(access, "codepipeline:GetPipelineState", &MISSING, state);
    let executions = reading(
        access,
        "codepipeline:ListPipelineExecutions",
        &MISSING,
        executions,
    )
    .map(|answer| answer.pipeline_execution_summaries.unwrap_or_default());
    let failure = executions.map(|executions| {
        if let Some(failure) = state
            .read()
            .and_then(|state| without_execution(state, &executions))
        {
            return Some(failure);
        }
        let last = executions.into_iter().find(has_ended);
        last.filter(|last| last.status == Some(PipelineExecutionStatus::Failed))
            .map(|last| failure(&last, state.read()))
    });
    let stopped = state.map(|state| {
        let stages = state.stage_states.unwrap_or_default().into_iter();
        stages
            .filter_map(|stage| {
                let transition = stage.inbound_transition_state?;
                (!transition.enabled).then(|| {
                    let reason = transition.disabled_reason.unwrap_or_default();
                    (stage.stage_name.unwrap_or_default(), reason)
                })
            })
            .collect()
    });
    definition.map(|definition| Pipeline {
        definition,
        stopped,
        failure,
    })
}

/// The keys of a definition's artifact stores, as it names them.
pub(super) fn keys(definition: &Json) -> Vec<String> {
    let several = definition["ArtifactStores"]
        .as_array()
        .into_iter()
        .flatten();
    let several = several.map(|entry| &entry["ArtifactStore"]);
    std::iter::once(&definition["ArtifactStore"])
        .chain(several)
        .filter_map(|store| store["EncryptionKey"]["Id"].as_str().map(str::to_owned))
        .collect()
}

/// Superseded and stopped executions say nothing about the pipeline.
fn has_ended(execution: &PipelineExecutionSummary) -> bool {
    matches!(
        execution.status,
        Some(PipelineExecutionStatus::Failed | PipelineExecutionStatus::Succeeded)
    )
}

/// The failed action of a first stage that no execution tells about: of a pipeline whose source
/// object does not exist, the history stays empty.
fn without_execution(
    state: &GetPipelineStateOutput,
    executions: &[PipelineExecutionSummary],
) -> Option<Failure> {
    let stage = state.stage_states().first()?;
    let is_told = stage.latest_execution.as_ref().is_some_and(|latest| {
        let mut known = executions.iter();
        latest.status != StageExecutionStatus::Succeeded
            && known.any(|one| {
                one.pipeline_execution_id.as_deref() == Some(&*latest.pipeline_execution_id)
            })
    });
    if is_told {
        return None;
    }
    failed_action(stage)
}

/// The action of a stage that failed.
fn failed_action(stage: &StageState) -> Option<Failure> {
    for action in stage.action_states() {
        let Some(latest) = &action.latest_execution else {
            continue;
        };
        if latest.status == Some(ActionExecutionStatus::Failed) {
            let details = latest.error_details.as_ref();
            let message = details.and_then(|details| details.message.clone());
            return Some(Failure {
                execution: String::new(),
                stage: stage.stage_name.clone().unwrap_or_default(),
                action: action.action_name.clone().unwrap_or_default(),
                code: details
                    .and_then(|details| details.code.clone())
                    .unwrap_or_default(),
                message: message
                    .or_else(|| latest.summary.clone())
                    .unwrap_or_default(),
                ..Failure::default()
            });
        }
    }
    None
}

fn failure(
    execution: &PipelineExecutionSummary,
    state: Option<&GetPipelineStateOutput>,
) -> Failure {
    let id = execution.pipeline_execution_id.clone().unwrap_or_default();
    let mut found = Failure {
        execution: id.clone(),
        message: execution.status_summary.clone().unwrap_or_default(),
        trigger: (execution.trigger.as_ref())
            .and_then(|trigger| trigger.trigger_type.as_ref())
            .map(|trigger| trigger.as_str().to_owned())
            .unwrap_or_default(),
        ..Failure::default()
    };
    for stage in state.map_or(&[][..], |state| state.stage_states()) {
        let failed = stage.latest_execution.as_ref().is_some_and(|latest| {
            latest.pipeline_execution_id == id && latest.status == StageExecutionStatus::Failed
        });
        if !failed {
            continue;
        }
        found.stage = stage.stage_name.clone().unwrap_or_default();
        if let Some(action) = failed_action(stage) {
            let message = match action.message.as_str() {
                "" => found.message,
                _ => action.message,
            };
            return Failure {
                execution: id,
                message,
                trigger: found.trigger,
                ..action
            };
        }
    }
    found
}

/// The definition as `AWS::CodePipeline::Pipeline` writes it.
fn definition(pipeline: &PipelineDeclaration) -> Json {
    let mut out = json!({
        "Name": pipeline.name,
        "RoleArn": pipeline.role_arn,
    });
    if let Some(store) = &pipeline.artifact_store {
        out["ArtifactStore"] = artifact_store(store);
    }
    if let Some(stores) = &pipeline.artifact_stores {
        let mut stores: Vec<_> = stores.iter().collect();
        stores.sort_by_key(|(region, _)| *region);
        out["ArtifactStores"] = stores
            .into_iter()
            .map(|(region, store)| {
                json!({ "Region": region, "ArtifactStore": artifact_store(store) })
            })
            .collect();
    }
    if let Some(kind) = &pipeline.pipeline_type {
        out["PipelineType"] = Json::from(kind.as_str());
    }
    let variables = pipeline.variables.iter().flatten();
    let variables: Vec<Json> = variables
        .map(|variable| {
            let mut out = json!({ "Name": variable.name });
            set(&mut out, "DefaultValue", variable.default_value.as_deref());
            set(&mut out, "Description", variable.description.as_deref());
            out
        })
        .collect();
    if !variables.is_empty() {
        out["Variables"] = Json::from(variables);
    }
    out["Stages"] = pipeline.stages.iter().map(stage).collect();
    out
}

fn stage(stage: &StageDeclaration) -> Json {
    let actions: Vec<Json> = stage.actions.iter().map(action).collect();
    let mut out = json!({ "Name": stage.name });
    if let Some(entry) = &stage.before_entry {
        out["BeforeEntry"] = json!({ "Conditions": conditions(&entry.conditions) });
    }
    out["Actions"] = Json::from(actions);
    if let Some(success) = &stage.on_success {
        out["OnSuccess"] = json!({ "Conditions": conditions(&success.conditions) });
    }
    if let Some(failure) = &stage.on_failure {
        let found = failure.conditions.as_deref().unwrap_or_default();
        out["OnFailure"] = json!({ "Conditions": conditions(found) });
        let result = failure.result.as_ref().map(|result| result.as_str());
        set(&mut out["OnFailure"], "Result", result);
    }
    out
}

fn conditions(conditions: &[Condition]) -> Vec<Json> {
    let conditions = conditions.iter();
    conditions
        .map(|condition| {
            let rules: Vec<Json> = condition.rules().iter().map(rule).collect();
            let mut out = json!({ "Rules": rules });
            let result = condition.result.as_ref().map(|result| result.as_str());
            set(&mut out, "Result", result);
            out
        })
        .collect()
}

/// A rule, without its Region, which CodePipeline adds.
fn rule(rule: &RuleDeclaration) -> Json {
    let mut out = json!({ "Name": rule.name });
    if let Some(kind) = &rule.rule_type_id {
        out["RuleTypeId"] = json!({
            "Category": kind.category.as_str(),
            "Owner": kind.owner.as_ref().map(|owner| owner.as_str()),
            "Provider": kind.provider,
            "Version": kind.version,
        });
    }
    set(&mut out, "RoleArn", rule.role_arn.as_deref());
    out["Configuration"] = texts(rule.configuration.as_ref());
    out
}

fn set(object: &mut Json, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object[name] = Json::from(value);
    }
}

/// A configuration, sorted by name.
fn texts(configuration: Option<&HashMap<String, String>>) -> Json {
    let mut found: Vec<_> = configuration.into_iter().flatten().collect();
    found.sort();
    let found: Map<String, Json> = found
        .into_iter()
        .map(|(name, value)| (name.clone(), Json::from(value.as_str())))
        .collect();
    Json::Object(found)
}

fn artifact_store(store: &ArtifactStore) -> Json {
    let mut out = json!({ "Type": store.r#type.as_str(), "Location": store.location });
    if let Some(key) = &store.encryption_key {
        out["EncryptionKey"] = json!({ "Id": key.id, "Type": key.r#type.as_str() });
    }
    out
}

fn action(action: &ActionDeclaration) -> Json {
    let mut out = json!({ "Name": action.name });
    if let Some(kind) = &action.action_type_id {
        out["ActionTypeId"] = json!({
            "Category": kind.category.as_str(),
            "Owner": kind.owner.as_str(),
            "Provider": kind.provider,
            "Version": kind.version,
        });
    }
    out["RunOrder"] = Json::from(action.run_order.unwrap_or(1));
    for (name, value) in [
        ("RoleArn", &action.role_arn),
        ("Region", &action.region),
        ("Namespace", &action.namespace),
    ] {
        set(&mut out, name, value.as_deref());
    }
    out["Configuration"] = texts(action.configuration.as_ref());
    let inputs = action.input_artifacts.iter().flatten();
    artifacts(
        &mut out,
        "InputArtifacts",
        inputs.map(|one| one.name.as_str()),
    );
    let outputs = action.output_artifacts.iter().flatten();
    artifacts(
        &mut out,
        "OutputArtifacts",
        outputs.map(|one| one.name.as_str()),
    );
    out
}

/// The artifacts that an action reads or stores, if any.
fn artifacts<'n>(action: &mut Json, list: &str, names: impl Iterator<Item = &'n str>) {
    let names: Vec<Json> = names.map(|name| json!({ "Name": name })).collect();
    if !names.is_empty() {
        action[list] = Json::from(names);
    }
}
