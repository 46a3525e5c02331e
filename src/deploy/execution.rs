//! One execution of the pipeline: found by the version of the source that it takes, started, and
//! followed action by action.

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

/// How many of the last executions are looked through.
const LOOKED_THROUGH: i32 = 50;

/// An execution as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    pub id: String,
    pub status: PipelineExecutionStatus,
    /// What AWS says about the status; may be empty.
    pub summary: String,
    /// Version IDs of the source objects that it takes; none at its very beginning.
    pub versions: Vec<String>,
    /// When it started: seconds since 1970.
    pub started: i64,
    /// What started it, such as `CreatePipeline`; empty where it is not known.
    pub trigger: String,
}

/// A version of the source object that an execution is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revision<'a> {
    /// Name of the source action.
    pub action: &'a str,
    pub version: &'a str,
}

impl Execution {
    pub(crate) fn is_running(&self) -> bool {
        use PipelineExecutionStatus::{InProgress, Stopping};
        matches!(self.status, InProgress | Stopping)
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.status == PipelineExecutionStatus::Succeeded
    }

    /// Whether it takes a version of the source object.
    pub(crate) fn takes(&self, version: &str) -> bool {
        self.versions.iter().any(|one| one == version)
    }
}

/// An action of an execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActionRun {
    pub stage: String,
    pub action: String,
    pub status: ActionExecutionStatus,
    /// When it started: seconds since 1970.
    pub started: f64,
    /// When it last changed: seconds since 1970.
    pub changed: f64,
    /// AWS's error code; may be empty.
    pub code: String,
    /// AWS's message; may be empty.
    pub message: String,
}

impl ActionRun {
    /// How many seconds it took, or has taken.
    pub(crate) fn seconds(&self) -> f64 {
        (self.changed - self.started).max(0.0)
    }

    pub(crate) fn failed(&self) -> bool {
        self.status == ActionExecutionStatus::Failed
    }
}

/// What an execution waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    Approval {
        stage: String,
        action: String,
        /// Token that the answer needs.
        token: String,
    },
    /// A transition that somebody disabled.
    Transition {
        /// The stage that is not entered.
        stage: String,
        /// Why, in the words of who disabled it.
        reason: String,
    },
}

/// An execution as it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub execution: Execution,
    /// Its actions so far, in the order of their start.
    pub actions: Vec<ActionRun>,
    pub waits: Vec<Wait>,
    /// Why actions or waits are not known; `None` where they are.
    pub unread: Option<DeployError>,
}

/// The last executions, the newest first.
pub(crate) async fn recent(access: &Access, pipeline: &str) -> Result<Vec<Execution>, DeployError> {
    let found = list(access, pipeline, LOOKED_THROUGH).await?;
    found.ok_or_else(|| no_pipeline(access, pipeline))
}

/// IDs of the pipeline's executions that are in progress: saving a pipeline ends them unfinished. A
/// pipeline that does not exist has none.
pub(crate) async fn running(access: &Access, pipeline: &str) -> Result<Vec<String>, DeployError> {
    let found = list(access, pipeline, 20).await?.unwrap_or_default();
    let running =
        (found.into_iter()).filter(|one| one.status == PipelineExecutionStatus::InProgress);
    Ok(running.map(|one| one.id).collect())
}

/// At most so many of the last executions; `None` where there is no such pipeline.
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
        format!("there is no pipeline `{pipeline}` yet"),
        format!(
            "`{}` creates it once the targets are deployed",
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

/// The execution that took the place of a superseded one: of the newer ones, the oldest that was
/// not superseded itself, or else the newest. `recent` has the newest first.
pub(crate) fn superseding<'e>(recent: &'e [Execution], id: &str) -> Option<&'e Execution> {
    let at = recent.iter().position(|execution| execution.id == id)?;
    let newer = &recent[..at];
    let mut alive = newer.iter().rev();
    alive
        .find(|execution| execution.status != PipelineExecutionStatus::Superseded)
        .or(newer.first())
}

/// Waits until `pick` finds an execution among the last ones, the newest first; `None` where it finds
/// none within `limit`.
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

/// Starts the pipeline with a version of the source object, or with the newest
/// (*StartPipelineExecution*); gives the execution's ID.
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
    if let Some(Revision { action, version }) = revision {
        let revision = SourceRevisionOverride::builder()
            .action_name(action)
            .revision_type(SourceRevisionType::S3ObjectVersionId)
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

/// Follows an execution to its end, and tells `watch` of each change.
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

/// Follows an execution until it ends, waits for a person, or `limit` is over, and tells `watch`
/// of each change; `None` where its state was not known by then.
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

/// Looks at an execution once; keeps its state as the `last`, and gives it. What it did may be
/// unknown: its status alone tells the end, though a moment later the rest may be known, too.
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

/// An answer; nothing where the same call may succeed later.
fn patiently<T>(answer: Result<T, DeployError>) -> Result<Option<T>, DeployError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.transient => Ok(None),
        Err(error) => Err(error),
    }
}
