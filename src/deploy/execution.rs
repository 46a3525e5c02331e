//! Finds a pipeline execution by its source version, starts an execution, and follows its actions.

mod read;

pub(crate) use read::state;

use std::time::Duration;

use aws_sdk_codepipeline::types::{
    ActionExecutionStatus, ExecutionTrigger, PipelineExecutionStatus, PipelineExecutionSummary,
    SourceRevisionOverride, SourceRevisionType,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::pace::Pace;
use super::{Access, DeployError};

/// Maximum number of recent executions to search.
const LOOKED_THROUGH: i32 = 50;

/// A pipeline execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    pub id: String,
    pub status: PipelineExecutionStatus,
    /// AWS's explanation of the status. May be empty.
    pub summary: String,
    /// Version IDs of the source objects, or commit IDs. Empty when the execution starts.
    pub versions: Vec<String>,
    /// Start time, in seconds since 1970.
    pub started: i64,
    /// Trigger of the execution, such as `CreatePipeline`. Empty if unknown.
    pub trigger: String,
}

/// A version of the source for a new execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revision<'a> {
    /// Name of the source action.
    pub action: &'a str,
    /// Version ID of the source object, or commit ID.
    pub version: &'a str,
    /// Whether the version is a commit ID.
    pub is_commit: bool,
}

impl Execution {
    pub(crate) fn is_running(&self) -> bool {
        use PipelineExecutionStatus::{InProgress, Stopping};
        matches!(self.status, InProgress | Stopping)
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.status == PipelineExecutionStatus::Succeeded
    }

    /// Returns whether the execution uses a version of the source.
    pub(crate) fn takes(&self, version: &str) -> bool {
        self.versions.iter().any(|one| one == version)
    }
}

/// An action execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActionRun {
    pub stage: String,
    pub action: String,
    pub status: ActionExecutionStatus,
    /// Start time, in seconds since 1970.
    pub started: f64,
    /// Time of the last status change, in seconds since 1970.
    pub changed: f64,
    /// AWS error code. May be empty.
    pub code: String,
    /// AWS error message. May be empty.
    pub message: String,
}

impl ActionRun {
    /// Returns how many seconds the action took or has been running.
    pub(crate) fn seconds(&self) -> f64 {
        (self.changed - self.started).max(0.0)
    }

    pub(crate) fn failed(&self) -> bool {
        self.status == ActionExecutionStatus::Failed
    }
}

/// The reason why an execution is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    Approval {
        stage: String,
        action: String,
        /// Token for the approval result.
        token: String,
    },
    /// A disabled transition.
    Transition {
        /// The stage after the transition.
        stage: String,
        /// The reason that the user gave for disabling the transition.
        reason: String,
    },
}

/// The state of an execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub execution: Execution,
    /// Its actions so far, in the order in which they started.
    pub actions: Vec<ActionRun>,
    pub waits: Vec<Wait>,
    /// The error that prevents reading the actions or waits.
    pub unread: Option<DeployError>,
}

/// Returns the last executions, from newest to oldest.
pub(crate) async fn recent(access: &Access, pipeline: &str) -> Result<Vec<Execution>, DeployError> {
    let found = list(access, pipeline, LOOKED_THROUGH).await?;
    found.ok_or_else(|| no_pipeline(access, pipeline))
}

/// Returns the IDs of the pipeline's executions that are in progress. Saving a pipeline aborts
/// them. The list is empty if the pipeline does not exist.
pub(crate) async fn running(access: &Access, pipeline: &str) -> Result<Vec<String>, DeployError> {
    let found = list(access, pipeline, 20).await?.unwrap_or_default();
    let running =
        (found.into_iter()).filter(|one| one.status == PipelineExecutionStatus::InProgress);
    Ok(running.map(|one| one.id).collect())
}

/// Returns up to `most` of the last executions, or `None` if the pipeline does not exist.
async fn list(
    access: &Access,
    pipeline: &str,
    most: i32,
) -> Result<Option<Vec<Execution>>, DeployError> {
    let answer = access
        .codepipeline()
        .list_pipeline_executions()
        .pipeline_name(pipeline)
        .max_results(most)
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let found = answer.pipeline_execution_summaries.unwrap_or_default();
            Ok(Some(found.into_iter().map(execution).collect()))
        }
        Err(error) if error.code() == Some("PipelineNotFoundException") => Ok(None),
        Err(error) => Err(access.error("codepipeline:ListPipelineExecutions", &error)),
    }
}

fn no_pipeline(access: &Access, pipeline: &str) -> DeployError {
    DeployError::failed(
        format!("pipeline `{pipeline}` does not exist yet"),
        format!(
            "deploy the targets, then run `{}` to create it",
            access.command("deploy")
        ),
    )
}

fn execution(summary: PipelineExecutionSummary) -> Execution {
    let revisions = summary.source_revisions.unwrap_or_default();
    Execution {
        id: summary.pipeline_execution_id.unwrap_or_default(),
        status: summary.status.unwrap_or_else(|| "".into()),
        summary: summary.status_summary.unwrap_or_default(),
        versions: revisions
            .into_iter()
            .filter_map(|revision| revision.revision_id)
            .collect(),
        started: summary.start_time.map_or(0, |time| time.secs()),
        trigger: trigger(summary.trigger.as_ref()),
    }
}

pub(super) fn trigger(trigger: Option<&ExecutionTrigger>) -> String {
    trigger
        .and_then(|trigger| trigger.trigger_type.as_ref())
        .map(|kind| kind.as_str().to_owned())
        .unwrap_or_default()
}

/// Returns the execution that replaced a superseded one. This is the next execution that was not
/// itself superseded, or the newest execution if all later executions were superseded. `recent`
/// starts with the newest one.
pub(crate) fn superseding<'e>(recent: &'e [Execution], id: &str) -> Option<&'e Execution> {
    let at = recent.iter().position(|execution| execution.id == id)?;
    let newer = &recent[..at];
    let mut alive = newer.iter().rev();
    alive
        .find(|execution| execution.status != PipelineExecutionStatus::Superseded)
        .or(newer.first())
}

/// Waits until `pick` selects one of the last executions, which are ordered from newest to oldest.
/// Returns `None` if `pick` selects no execution within `limit`.
pub(crate) async fn appears(
    access: &Access,
    pipeline: &str,
    limit: Duration,
    pick: impl Fn(&[Execution]) -> Option<Execution>,
) -> Result<Option<Execution>, DeployError> {
    let mut pace = Pace::new(limit);
    loop {
        let found = patiently(recent(access, pipeline).await)?.unwrap_or_default();
        let picked = pick(&found);
        if picked.is_some() || pace.pause("the start of the pipeline").await.is_err() {
            return Ok(picked);
        }
    }
}

/// Starts the pipeline with the given or the newest version of the source object
/// (*StartPipelineExecution*). Returns the execution ID.
pub(crate) async fn start(
    access: &Access,
    pipeline: &str,
    token: &str,
    revision: Option<Revision<'_>>,
) -> Result<String, DeployError> {
    let mut request = access
        .codepipeline()
        .start_pipeline_execution()
        .name(pipeline)
        .client_request_token(token);
    if let Some(Revision {
        action,
        version,
        is_commit,
    }) = revision
    {
        let kind = match is_commit {
            true => SourceRevisionType::CommitId,
            false => SourceRevisionType::S3ObjectVersionId,
        };
        let revision = SourceRevisionOverride::builder()
            .action_name(action)
            .revision_type(kind)
            .revision_value(version)
            .build()
            .map_err(|error| {
                DeployError::input(format!("cannot build the source revision: {error}"), "")
            })?;
        request = request.source_revisions(revision);
    }
    let answer = request.send().await;
    match answer {
        Ok(answer) => Ok(answer.pipeline_execution_id.unwrap_or_default()),
        Err(error) if error.code() == Some("PipelineNotFoundException") => {
            Err(no_pipeline(access, pipeline))
        }
        Err(error) => Err(access.error("codepipeline:StartPipelineExecution", &error)),
    }
}

/// Follows an execution until it ends. Calls `watch` after each change.
pub(crate) async fn follow(
    access: &Access,
    pipeline: &str,
    id: &str,
    limit: Duration,
    watch: &dyn Fn(&State),
) -> Result<State, DeployError> {
    let mut pace = Pace::new(limit);
    let mut last = None;
    loop {
        if let Some(state) = look(access, pipeline, id, &mut last, &mut pace, watch).await?
            && !state.execution.is_running()
        {
            return Ok(state.clone());
        }
        pace.pause(&format!("execution {id}")).await?;
    }
}

/// Follows an execution until it ends, waits for user action, or reaches `limit`. Calls `watch`
/// after each change. Returns `None` if the state is still unknown.
pub(crate) async fn follow_briefly(
    access: &Access,
    pipeline: &str,
    id: &str,
    limit: Duration,
    watch: &dyn Fn(&State),
) -> Result<Option<State>, DeployError> {
    let mut pace = Pace::new(limit);
    let mut last = None;
    loop {
        let state = look(access, pipeline, id, &mut last, &mut pace, watch).await?;
        let is_over =
            state.is_some_and(|state| !state.execution.is_running() || !state.waits.is_empty());
        if is_over || pace.pause(&format!("execution {id}")).await.is_err() {
            return Ok(last);
        }
    }
}

/// Reads the state of an execution once, stores it in `last`, and returns it. If the actions are
/// temporarily unavailable when the execution ends, they are read once more.
async fn look<'l>(
    access: &Access,
    pipeline: &str,
    id: &str,
    last: &'l mut Option<State>,
    pace: &mut Pace,
    watch: &dyn Fn(&State),
) -> Result<Option<&'l State>, DeployError> {
    let looked = tokio::time::timeout(pace.left(), state(access, pipeline, id)).await;
    let looked = looked.map_err(|_| pace.over(&format!("execution {id}")))?;
    let Some(mut state) = patiently(looked)? else {
        return Ok(None);
    };
    if let (Some(unread), Some(before)) = (&state.unread, &*last) {
        let first = before.unread.is_none();
        if state.actions.is_empty() {
            state.actions.clone_from(&before.actions);
        }
        if first && unread.transient && !state.execution.is_running() {
            *last = Some(State {
                unread: state.unread,
                ..before.clone()
            });
            return Ok(None);
        }
    }
    if last.as_ref() != Some(&state) {
        pace.hasten();
        watch(&state);
    }
    *last = Some(state);
    Ok(last.as_ref())
}

/// Returns the response, or `None` if a retry may succeed.
fn patiently<T>(answer: Result<T, DeployError>) -> Result<Option<T>, DeployError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.transient => Ok(None),
        Err(error) => Err(error),
    }
}
