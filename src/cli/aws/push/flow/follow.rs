//! Follows the executions of a push until they end.

use crate::deploy::Observer as _;
use crate::deploy::execution::{self, State};
use crate::escape::shown;

use super::{Push, START_LIMIT, said};
use crate::cli::aws::push::document::{AdditionalEntry, Superseding};
use crate::cli::aws::push::why;
use crate::cli::aws::watch::{self, ExecutionEntry, one_line};
use crate::cli::{Failure, Outcome};

impl Push<'_> {
    /// Follows an execution of the first pipeline and the executions of the later pipelines.
    pub(super) async fn follow(&mut self, id: &str) -> Result<Outcome, Failure> {
        let first = self.pipeline().to_owned();
        let (mut end, entry) = self.follow_one(&first, id).await?;
        self.result.execution = Some(entry);
        self.ended(&first, &end).await?;
        let further: Vec<String> = self.further().map(|next| next.name.to_string()).collect();
        for next in further {
            // The last action of a pipeline starts the next pipeline.
            let started = (end.actions.iter()).map(|action| action.started);
            let since = started.fold(0.0, f64::max);
            #[expect(clippy::cast_possible_truncation, reason = "a time in seconds")]
            let found = self.find(&next, since as i64, START_LIMIT).await?;
            let Some(found) = found else {
                self.print("")?;
                return Err(Failure::finding(
                    format!(
                        "no execution of pipeline `{next}` uses {} {}",
                        self.unit(),
                        self.version
                    ),
                    format!(
                        "the last action of the previous pipeline starts it; to start all \
                         pipelines again, {}",
                        self.restart()
                    ),
                ));
            };
            let (state, execution) = self.follow_one(&next, &found.id).await?;
            self.result.additional.push(AdditionalEntry {
                execution,
                pipeline: next.clone(),
            });
            end = state;
            self.ended(&next, &end).await?;
        }
        self.screen.says(self.deployed());
        self.finish("")
    }

    pub(super) async fn follow_one(
        &self,
        pipeline: &str,
        id: &str,
    ) -> Result<(State, ExecutionEntry), Failure> {
        let region = &self.project.plan.dev.region;
        let page = watch::console(region, pipeline, id);
        self.screen
            .says(format!("Execution {}\n{}", shown(id), shown(&page)));
        self.screen.begins(&format!("execution {id}"));
        let continues = format!("execution {id} of pipeline {pipeline} continues in CodePipeline");
        self.screen.executing(&continues);
        let watcher = watch::Watcher::new(self.screen, pipeline, region, &self.profile);
        let limit = self.options.aws.wait_timeout;
        let end = execution::follow(&self.access, pipeline, id, limit, &|state| {
            watcher.shows(state);
        })
        .await?;
        self.screen.ended();
        let entry = ExecutionEntry::new(&end, page);
        Ok((end, entry))
    }

    /// Checks whether an execution deployed the version.
    pub(super) async fn ended(&mut self, pipeline: &str, end: &State) -> Result<(), Failure> {
        let execution = &end.execution;
        let took = execution.versions.first();
        if self.version.is_empty()
            && let Some(version) = took
        {
            self.source(version, false)?;
        }
        let (unit, version) = (self.unit(), &self.version);
        if execution.succeeded() {
            let Some(other) = took.filter(|_| !execution.versions.contains(version)) else {
                self.screen.says(format!(
                    "Execution {} of pipeline {pipeline} deployed {unit} {version}.",
                    shown(&execution.id)
                ));
                return Ok(());
            };
            let failure = Failure::finding(
                format!(
                    "execution {} deployed {unit} {other} instead of {unit} {version}",
                    execution.id
                ),
                format!("to deploy this {unit}, {}", self.restart()),
            );
            self.print("")?;
            return Err(failure);
        }
        let failed = end.actions.iter().find(|action| action.failed());
        let restart = self.restart();
        let mut help = match execution.status.as_str() {
            "Superseded" => format!("to deploy this {unit}, {restart}"),
            "Stopped" | "Cancelled" => {
                format!("a user stopped it; to start a new execution, {restart}")
            }
            _ => format!("fix the errors above, then {restart}"),
        };
        let mut message = format!("execution {} is {}", execution.id, said(execution));
        if execution.status.as_str() == "Superseded" {
            message = self.superseded(pipeline, &execution.id).await;
        } else if let Some(action) = failed {
            message = format!(
                "action `{}` of stage `{}` failed: {}",
                action.action,
                action.stage,
                if action.message.is_empty() {
                    "AWS gave no reason".to_owned()
                } else {
                    one_line(&action.message)
                }
            );
            if let Some(why) = why::explain(self.project, action, &restart)? {
                self.result.explanation = Some(why.explanation);
                self.screen.says("");
                self.screen.line(why.text.trim_end());
                help = why.next;
            }
        }
        self.print("")?;
        Err(Failure::finding(message, help))
    }

    /// Describes the execution that superseded this one.
    pub(super) async fn superseded(&mut self, pipeline: &str, id: &str) -> String {
        let message = format!(
            "execution {id} with {} {} was superseded",
            self.unit(),
            self.version
        );
        let recent = execution::recent(&self.access, pipeline).await;
        let Some(newer) = execution::superseding(&recent.unwrap_or_default(), id).cloned() else {
            return format!("{message} by a newer execution");
        };
        let version = newer.versions.first();
        self.result.superseded_by = Some(Superseding {
            id: newer.id.clone(),
            status: newer.status.to_string(),
            version_id: version.cloned(),
        });
        format!(
            "{message} by execution {} with {} ({})",
            newer.id,
            version.map_or_else(
                || format!("the newest {}", self.unit()),
                |version| format!("{} {version}", self.unit())
            ),
            newer.status
        )
    }
}
