//! Reads the state of an execution: its actions, and the reasons why it is waiting.

use aws_sdk_codepipeline::types::{ActionExecutionDetail, ActionExecutionFilter, StageState};
use aws_smithy_types::DateTime;

use super::super::{Access, DeployError};
use super::{ActionRun, Execution, State, Wait, trigger};

/// Returns the current state of an execution.
pub(crate) async fn state(access: &Access, pipeline: &str, id: &str) -> Result<State, DeployError> {
    // The status is read before the actions, so that the actions are complete if the execution has
    // ended.
    let answer = access
        .codepipeline()
        .get_pipeline_execution()
        .pipeline_name(pipeline)
        .pipeline_execution_id(id)
        .send()
        .await
        .map_err(|error| access.error("codepipeline:GetPipelineExecution", &error))?;
    let whole = answer.pipeline_execution.as_ref();
    let revisions = whole.map_or(&[][..], |whole| whole.artifact_revisions());
    let execution = Execution {
        id: id.to_owned(),
        status: whole.map_or_else(
            || "".into(),
            |whole| whole.status.clone().unwrap_or_else(|| "".into()),
        ),
        versions: (revisions.iter())
            .filter_map(|revision| revision.revision_id.clone())
            .collect(),
        trigger: trigger(whole.and_then(|whole| whole.trigger.as_ref())),
        summary: whole
            .and_then(|whole| whole.status_summary.clone())
            .unwrap_or_default(),
        started: 0,
    };
    let mut state = State {
        execution,
        actions: Vec::new(),
        waits: Vec::new(),
        unread: None,
    };
    match actions(access, pipeline, id).await {
        Ok(actions) => state.actions = actions,
        Err(error) => state.unread = Some(error),
    }
    if state.execution.is_running() {
        match waits(access, pipeline, id).await {
            Ok(waits) => state.waits = waits,
            Err(error) => state.unread = Some(error),
        }
    }
    Ok(state)
}

async fn actions(access: &Access, pipeline: &str, id: &str) -> Result<Vec<ActionRun>, DeployError> {
    let filter = ActionExecutionFilter::builder()
        .pipeline_execution_id(id)
        .build();
    let client = access.codepipeline();
    let mut pages = client
        .list_action_executions()
        .pipeline_name(pipeline)
        .filter(filter)
        .into_paginator()
        .items()
        .send();
    let mut found: Vec<ActionRun> = Vec::new();
    while let Some(detail) = pages.next().await {
        let detail =
            detail.map_err(|error| access.error("codepipeline:ListActionExecutions", &error))?;
        let run = action_run(detail);
        // The newest action execution comes first. Only this one counts if an action was retried.
        let seen = |other: &ActionRun| other.stage == run.stage && other.action == run.action;
        if !found.iter().any(seen) {
            found.push(run);
        }
    }
    found.reverse();
    Ok(found)
}

fn action_run(detail: ActionExecutionDetail) -> ActionRun {
    let result = detail.output.and_then(|output| output.execution_result);
    let error = result.as_ref().and_then(|result| result.error_details());
    let code = error.and_then(|error| error.code()).unwrap_or_default();
    let message = error.and_then(|error| error.message()).or(result
        .as_ref()
        .and_then(|result| result.external_execution_summary()));
    let seconds = |time: Option<DateTime>| time.map(|time| time.as_secs_f64());
    let (started, changed) = (seconds(detail.start_time), seconds(detail.last_update_time));
    ActionRun {
        stage: detail.stage_name.unwrap_or_default(),
        action: detail.action_name.unwrap_or_default(),
        status: detail.status.unwrap_or_else(|| "".into()),
        started: started.unwrap_or_default(),
        changed: changed.or(started).unwrap_or_default(),
        code: code.to_owned(),
        message: message.unwrap_or_default().trim().to_owned(),
    }
}

async fn waits(access: &Access, pipeline: &str, id: &str) -> Result<Vec<Wait>, DeployError> {
    let answer = access
        .codepipeline()
        .get_pipeline_state()
        .name(pipeline)
        .send()
        .await
        .map_err(|error| access.error("codepipeline:GetPipelineState", &error))?;
    let stages = answer.stage_states.unwrap_or_default();
    Ok(stages
        .iter()
        .flat_map(|stage| stage_waits(stage, id))
        .collect())
}

fn stage_waits(stage: &StageState, id: &str) -> Vec<Wait> {
    let name = stage.stage_name().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    let here = stage
        .latest_execution()
        .is_some_and(|execution| execution.pipeline_execution_id() == id);
    for action in stage.action_states() {
        let token = action.latest_execution().and_then(|latest| latest.token());
        if let Some(token) = token.filter(|_| here) {
            found.push(Wait::Approval {
                stage: name.clone(),
                action: action.action_name().unwrap_or_default().to_owned(),
                token: token.to_owned(),
            });
        }
    }
    let inbound = stage
        .inbound_executions()
        .iter()
        .chain(stage.inbound_execution())
        .any(|execution| execution.pipeline_execution_id() == id);
    if let Some(transition) = stage.inbound_transition_state()
        && !transition.enabled()
        && inbound
    {
        found.push(Wait::Transition {
            stage: name,
            reason: transition.disabled_reason().unwrap_or_default().to_owned(),
        });
    }
    found
}
