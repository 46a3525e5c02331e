//! Reads a pipeline: its definition, with CloudFormation's property names, and its status.

use aws_sdk_codepipeline::operation::get_pipeline_state::GetPipelineStateOutput;
use aws_sdk_codepipeline::types::{
    ActionExecutionStatus, PipelineExecutionStatus, PipelineExecutionSummary, StageExecutionStatus,
    StageState,
};
use serde_json::{Map, Value as Json};

use super::{Access, reading};
use crate::deploy::execution::trigger;
use crate::deploy::pipeline::Answer;
use crate::doctor::live::{Failure, Pipeline, Reading};

const MISSING: [&str; 1] = ["PipelineNotFoundException"];
/// Maximum number of recent executions to search for one that has ended.
const EXECUTIONS: i32 = 20;

pub(super) async fn read(access: &Access, name: &str) -> Reading<Pipeline> {
    let client = access.codepipeline();
    let text = Answer::default();
    let (pipeline, state, executions) = tokio::join!(
        client
            .get_pipeline()
            .name(name)
            .customize()
            .interceptor(text.clone())
            .send(),
        client.get_pipeline_state().name(name).send(),
        client
            .list_pipeline_executions()
            .pipeline_name(name)
            .max_results(EXECUTIONS)
            .send(),
    );
    let definition = reading(access, "codepipeline:GetPipeline", &MISSING, pipeline).then(|_| {
        let definition = text.text().and_then(|text| definition(&text));
        definition.map_or(Reading::Missing, Reading::Read)
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

/// Returns the definition in a response, with CloudFormation's property names.
fn definition(answer: &str) -> Option<Json> {
    let answer: Json = serde_json::from_str(answer).ok()?;
    Some(in_cloudformation(answer.get("pipeline")?))
}

/// Returns whether an execution succeeded or failed. Superseded and stopped executions do not show
/// whether the pipeline works.
fn has_ended(execution: &PipelineExecutionSummary) -> bool {
    matches!(
        execution.status,
        Some(PipelineExecutionStatus::Failed | PipelineExecutionStatus::Succeeded)
    )
}

/// Returns the failed action of the first stage if the history does not contain the execution. The
/// history stays empty if a pipeline's source object does not exist.
fn without_execution(
    state: &GetPipelineStateOutput,
    executions: &[PipelineExecutionSummary],
) -> Option<Failure> {
    let stage = state.stage_states().first()?;
    let is_listed = stage.latest_execution.as_ref().is_some_and(|latest| {
        let mut known = executions.iter();
        latest.status != StageExecutionStatus::Succeeded
            && known.any(|one| {
                one.pipeline_execution_id.as_deref() == Some(&*latest.pipeline_execution_id)
            })
    });
    if is_listed {
        return None;
    }
    failed_action(stage)
}

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
    let stages = state.map_or(&[][..], |state| state.stage_states());
    let failed: Vec<&StageState> = (stages.iter())
        .filter(|stage| {
            stage.latest_execution.as_ref().is_some_and(|latest| {
                latest.pipeline_execution_id == id && latest.status == StageExecutionStatus::Failed
            })
        })
        .collect();
    let action = failed.iter().find_map(|stage| failed_action(stage));
    let found = action.unwrap_or_else(|| Failure {
        stage: (failed.last().and_then(|stage| stage.stage_name.clone())).unwrap_or_default(),
        ..Failure::default()
    });
    Failure {
        execution: id,
        message: match found.message.as_str() {
            "" => execution.status_summary.clone().unwrap_or_default(),
            _ => found.message,
        },
        trigger: trigger(execution.trigger.as_ref()),
        ..found
    }
}

/// Converts a declaration from the API to CloudFormation's property names.
fn in_cloudformation(declaration: &Json) -> Json {
    match declaration {
        Json::Object(members) => {
            // CodePipeline adds the region to the rules of conditions.
            let is_rule = members.contains_key("ruleTypeId");
            let members = members
                .iter()
                .filter(|(name, value)| !(value.is_null() || is_rule && name.as_str() == "region"));
            Json::Object(members.map(|(name, value)| written(name, value)).collect())
        }
        Json::Array(items) => items.iter().map(in_cloudformation).collect(),
        other => other.clone(),
    }
}

fn written(name: &str, value: &Json) -> (String, Json) {
    let value = match (name, value) {
        ("configuration", _) => value.clone(),
        ("artifactStores", Json::Object(stores)) => {
            let mut stores: Vec<_> = stores.iter().collect();
            stores.sort_by_key(|(region, _)| *region);
            let entry = |(region, store): (&String, &Json)| {
                let members = [
                    ("Region".to_owned(), Json::from(region.as_str())),
                    ("ArtifactStore".to_owned(), in_cloudformation(store)),
                ];
                Json::Object(Map::from_iter(members))
            };
            stores.into_iter().map(entry).collect()
        }
        _ => in_cloudformation(value),
    };
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    (first.into_iter().chain(letters).collect(), value)
}
