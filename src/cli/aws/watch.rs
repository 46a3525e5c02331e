//! Displays a pipeline execution: a row for each action, and the reasons why the execution waits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::aws::partition_of;
use crate::deploy::execution::{ActionRun, State, Wait};
use crate::escape::shown;
use crate::shell::Command;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::screen::{Row, RowState, Screen};

/// Shows the changes of an execution.
pub(crate) struct Watcher<'s> {
    screen: &'s Screen<'s>,
    pipeline: &'s str,
    region: &'s str,
    profile: &'s str,
    /// The last status shown for each action.
    shown: RefCell<HashMap<String, String>>,
    waits: RefCell<Vec<Wait>>,
    /// Whether the message about unreadable actions was shown.
    is_warned: Cell<bool>,
}

impl<'s> Watcher<'s> {
    pub(crate) fn new(
        screen: &'s Screen<'s>,
        pipeline: &'s str,
        region: &'s str,
        profile: &'s str,
    ) -> Self {
        Self {
            screen,
            pipeline,
            region,
            profile,
            shown: RefCell::default(),
            waits: RefCell::default(),
            is_warned: Cell::default(),
        }
    }

    /// Shows the changes since the last call.
    pub(crate) fn shows(&self, state: &State) {
        for action in &state.actions {
            self.action(action);
        }
        if let Some(unread) = &state.unread
            && !self.is_warned.replace(true)
        {
            self.screen.says(format!(
                "Cannot read the actions of execution {}; following only its status: {unread}.",
                state.execution.id
            ));
        }
        for wait in &state.waits {
            if !self.waits.borrow().contains(wait) {
                self.screen.says(self.wait(wait));
            }
        }
        self.waits.borrow_mut().clone_from(&state.waits);
    }

    fn action(&self, action: &ActionRun) {
        let id = format!("{}/{}", action.stage, action.action);
        let mut shown = self.shown.borrow_mut();
        if shown.get(&id).map(String::as_str) == Some(action.status.as_str()) {
            return;
        }
        let row = match action.status.as_str() {
            "InProgress" => RowState::Moving,
            "Succeeded" => RowState::Done,
            _ => RowState::Failed,
        };
        let text = format!(
            "{:<16} {:<20} {:<10}",
            action.stage, action.action, action.status
        );
        let is_live = self.screen.is_live();
        let text = if is_live || row == RowState::Moving {
            text.trim_end().to_owned()
        } else {
            format!("{text} {:.0}s", action.seconds())
        };
        let show = |state: RowState, time: f64| {
            self.screen.row(&Row {
                id: &id,
                state,
                text: text.clone(),
                reason: &one_line(&action.message),
                time,
            });
        };
        if is_live || row == RowState::Moving {
            // An action that has already ended needs a start row too.
            show(RowState::Moving, action.started);
        }
        if row != RowState::Moving {
            show(row, action.changed);
        }
        shown.insert(id, action.status.to_string());
    }

    fn wait(&self, wait: &Wait) -> String {
        let pipeline = |words| Command::aws(words).option("--pipeline-name", self.pipeline);
        let here = |command: Command| {
            command
                .option("--region", self.region)
                .option("--profile", self.profile)
        };
        match wait {
            Wait::Approval {
                stage,
                action,
                token,
            } => format!(
                "Waiting for approval in stage {}. Approve it in the console (see above), or \
                 run:\n  {}",
                shown(stage),
                here(
                    pipeline("codepipeline put-approval-result")
                        .option("--stage-name", stage)
                        .option("--action-name", action)
                        .option("--token", token)
                        .words("--result summary=Approved,status=Approved")
                )
            ),
            Wait::Transition { stage, reason } => format!(
                "Waiting before stage {}: its transition is disabled ({}). To enable it, \
                 run:\n  {}",
                shown(stage),
                shown(reason),
                here(
                    pipeline("codepipeline enable-stage-transition")
                        .option("--stage-name", stage)
                        .words("--transition-type Inbound")
                )
            ),
        }
    }
}

/// Formats an AWS message on one line and escapes it. The message can contain file names.
pub(crate) fn one_line(text: &str) -> String {
    shown(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// Returns the URL of an execution in the AWS console.
pub(crate) fn console(region: &str, pipeline: &str, id: &str) -> String {
    let host = format!("{region}.{}", partition_of(region).console_domain());
    format!(
        "https://{host}/codesuite/codepipeline/pipelines/{pipeline}/executions/{id}/timeline?region={region}"
    )
}

/// An execution, for JSON output.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecutionEntry {
    /// Execution ID.
    pub(crate) id: String,
    /// Status from AWS.
    pub(crate) status: String,
    /// Summary from AWS; may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
    /// Version of the source that the execution uses: the version ID of the object, or the commit
    /// ID; null until AWS reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<Option<String>>,
    /// URL in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Actions of the execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actions: Option<Vec<ActionEntry>>,
}

/// An action.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ActionEntry {
    /// Stage.
    stage: String,
    /// Action.
    action: String,
    /// Status from AWS.
    status: String,
    /// Duration in seconds.
    seconds: f64,
    /// Error code from AWS; may be empty.
    code: String,
    /// Message from AWS; may be empty.
    message: String,
}

impl ExecutionEntry {
    pub(crate) fn new(state: &State, page: String) -> Self {
        let actions = state.actions.iter().map(|one| ActionEntry {
            stage: one.stage.clone(),
            action: one.action.clone(),
            status: one.status.to_string(),
            seconds: one.seconds(),
            code: one.code.clone(),
            message: one.message.clone(),
        });
        let execution = state.execution.clone();
        Self {
            id: execution.id,
            status: execution.status.to_string(),
            summary: Some(execution.summary),
            version_id: Some(execution.versions.into_iter().next()),
            url: Some(page),
            actions: Some(actions.collect()),
        }
    }
}
