//! The execution that CodePipeline starts when a pipeline is created, according to the AWS
//! documentation, *Start a pipeline*. s3ferry announces it before executing the change set, and
//! follows it briefly afterward.

use std::time::Duration;

use crate::deploy::execution::{self, Execution, State};
use crate::deploy::source::{Current, Look, SourceObject};
use crate::deploy::{Access, Change, DeployError, Observer as _, StackStep, time};
use crate::escape::shown;
use crate::plan::{PipelinePlan, Plan, TargetPlan};
use crate::stacks::Side;

use super::result::InitialExecution;
use super::session::Session;
use crate::cli::aws::watch;
use crate::cli::shell::with_profile;

/// Maximum time to wait for the execution to appear.
const APPEARS: Duration = Duration::from_secs(60);
/// Maximum time to follow the execution.
const FOLLOWED: Duration = Duration::from_secs(5 * 60);

/// The first execution of a pipeline that is about to be created.
pub(super) struct InitialRun {
    /// Whether this is an additional pipeline. Its first execution deploys nothing, because only
    /// the previous pipeline starts deployments.
    is_additional: bool,
    /// Whether a source object exists; `None` if unknown.
    has_source: Option<bool>,
    execution: InitialExecution,
}

/// Announces the execution that a change set will start. Returns `None` if it creates no pipeline.
pub(super) async fn announce(
    session: &Session<'_>,
    step: &StackStep,
    access: &Access,
    changes: &[Change],
) -> Option<InitialRun> {
    let creates = changes.iter().any(|change| {
        // A renamed pipeline is also new.
        change.resource_type == "AWS::CodePipeline::Pipeline"
            && (change.action == "Add" || change.replacement == "True")
    });
    let number = match step.side {
        Side::Dev => 0,
        Side::Pipeline(number) => number,
        Side::Region(_) | Side::Target(_) => return None,
    };
    let plan = &session.accounts.project.plan;
    let pipeline = plan.pipelines.get(number).filter(|_| creates)?;
    if number > 0 {
        session.screen.says(additional(pipeline));
        return Some(InitialRun {
            is_additional: true,
            has_source: None,
            execution: InitialExecution {
                pipeline: pipeline.name.to_string(),
                ..InitialExecution::default()
            },
        });
    }
    let look = match SourceObject::of(&plan.dev) {
        Some(object) => Some(object.look(access).await),
        None => None,
    };
    session.screen.says(first(plan, access, look.as_ref()));
    let (has_source, version) = match look.unwrap_or(Ok(Look::Forbidden)) {
        Ok(Look::Current(current)) => (Some(true), Some(current.version)),
        Ok(Look::Missing) => (Some(false), None),
        Ok(Look::Forbidden) | Err(_) => (None, None),
    };
    let targets = plan.targets.iter().filter(|_| has_source != Some(false));
    Some(InitialRun {
        is_additional: false,
        has_source,
        execution: InitialExecution {
            pipeline: pipeline.name.to_string(),
            targets: targets.map(|target| target.name.clone()).collect(),
            version_id: Some(version),
            ..InitialExecution::default()
        },
    })
}

/// Describes the first execution of an additional pipeline.
fn additional(pipeline: &PipelinePlan) -> String {
    let stage = pipeline.stages.first().map_or("", |stage| &stage.name);
    format!(
        "Pipeline {} starts automatically when it is created. This execution fails before stage \
         {stage} and deploys nothing: only the previous pipeline can start a deployment.",
        pipeline.name
    )
}

/// Describes the first execution of the first pipeline.
fn first(plan: &Plan, access: &Access, look: Option<&Result<Look, DeployError>>) -> String {
    let pipeline = &plan.dev.pipeline;
    let place = &plan.dev.source;
    let targets: Vec<String> = plan.targets.iter().map(target).collect();
    let targets = targets.join(", then ");
    let Some(look) = look else {
        return format!(
            "Pipeline {pipeline} starts automatically when it is created. This execution deploys \
             the newest commit of {place} to {targets}."
        );
    };
    let version = match look {
        Ok(Look::Missing) => {
            return format!(
                "Pipeline {pipeline} starts automatically when it is created. Object {place} does \
                 not exist yet, so this execution fails in the source action and deploys nothing."
            );
        }
        Ok(Look::Current(Current {
            version, modified, ..
        })) => format!("version {version}, uploaded {} UTC", time::utc(*modified)),
        Ok(Look::Forbidden) => format!(
            "if it exists: profile `{}` cannot check without s3:GetObject on the object and \
             s3:ListBucket on the bucket",
            access.profile()
        ),
        Err(error) => format!("if it exists: {}", error.message),
    };
    format!(
        "Pipeline {pipeline} starts automatically when it is created. This execution deploys the \
         newest version of {place} ({version}) to {targets}."
    )
}

fn target(target: &TargetPlan) -> String {
    let approval = if target.approval {
        ", after approval"
    } else {
        ""
    };
    match target.instances.as_slice() {
        [only] => format!(
            "target {} (bucket {} in account {}, {}{approval})",
            target.name, only.bucket.name, only.account, only.region
        ),
        several => format!(
            "target {} ({} buckets{approval})",
            target.name,
            several.len()
        ),
    }
}

impl InitialRun {
    /// Returns the announced execution, for JSON output.
    pub(super) fn into_execution(self) -> InitialExecution {
        self.execution
    }

    /// Reports the result of the execution, or how to watch it. Read failures are not errors,
    /// because the stack is already complete.
    pub(super) async fn report(
        mut self,
        session: &Session<'_>,
        access: &Access,
    ) -> InitialExecution {
        if self.is_additional {
            return self.execution;
        }
        let text = if self.has_source == Some(false) {
            format!(
                "Nothing is deployed yet. Run `{}` to upload the first version.",
                with_profile("push SITE", access.profile())
            )
        } else {
            match self.follow(session, access).await {
                Ok(text) => text,
                Err(error) => format!(
                    "Cannot follow the first execution of pipeline {}: {}",
                    self.execution.pipeline, error.message
                ),
            }
        };
        session.screen.says(text);
        self.execution
    }

    async fn follow(
        &mut self,
        session: &Session<'_>,
        access: &Access,
    ) -> Result<String, DeployError> {
        let limit = session.options.aws.wait_timeout;
        let pipeline = self.execution.pipeline.clone();
        session.screen.begins("first pipeline execution");
        let pick = |found: &[Execution]| found.last().cloned();
        let found = execution::appears(access, &pipeline, limit.min(APPEARS), pick).await;
        let Some(Execution { id, .. }) = found? else {
            session.screen.clear();
            return Ok(format!(
                "No execution of pipeline {pipeline} has started yet. To check later, run \
                 `s3ferry status`."
            ));
        };
        let region = &session.accounts.project.plan.dev.region;
        let page = watch::console(region, &pipeline, &id);
        session
            .screen
            .says(format!("Execution {}\n{}", shown(&id), shown(&page)));
        let watcher = watch::Watcher::new(session.screen, &pipeline, region, access.profile());
        let limit = limit.min(FOLLOWED);
        let state = execution::follow_briefly(access, &pipeline, &id, limit, &|state| {
            watcher.shows(state);
        })
        .await;
        session.screen.ended();
        let state = state?;
        let status = state
            .as_ref()
            .map(|state| state.execution.status.to_string());
        self.execution.id = Some(id.clone());
        self.execution.url = Some(page.clone());
        self.execution.status = Some(status);
        Ok(match state {
            Some(state) => said(&state, &page),
            None => format!("Cannot read execution {id}. Watch it at {page}"),
        })
    }
}

/// Describes the result of an execution, or its state if it is still running.
fn said(state: &State, page: &str) -> String {
    let Execution {
        id,
        status,
        versions,
        ..
    } = &state.execution;
    if state.execution.is_running() {
        let why = match state.waits.is_empty() {
            true => "is still running",
            false => "is waiting (see above)",
        };
        return format!("Execution {id} {why}. Watch it at {page}");
    }
    if state.execution.succeeded() {
        let version = versions
            .first()
            .map(|version| format!(" version {version}"));
        return format!("Execution {id} deployed{}.", version.unwrap_or_default());
    }
    let mut failed = state.actions.iter();
    match failed.find(|action| action.failed()) {
        Some(action) => format!(
            "Execution {id} failed in action {} of stage {}: {}\nRun `s3ferry doctor` to find the \
             cause.",
            shown(&action.action),
            shown(&action.stage),
            shown(&action.message)
        ),
        None => format!("Execution {id} ended with status {status}."),
    }
}
