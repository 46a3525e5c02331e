//! Runs the operations of a stack set one at a time, follows them until they end, and reads their
//! results.

use std::future::Future;
use std::time::Duration;

use aws_sdk_cloudformation::types::{
    StackSetOperationResultStatus as ResultStatus, StackSetOperationResultSummary,
    StackSetOperationStatus, StackSetOperationSummary,
};

use crate::deploy::pace::Pace;
use crate::deploy::{Access, DeployError, Observer, one_line, race};
use crate::escape::shown;
use crate::plan::StackSetPlan;

use super::instances::PAGE;
use super::model::{Counts, Failed, Instance, Progress};
use super::reasons;
use super::request::call_as;

/// Maximum number of status requests between two reads of the results.
const MOST_QUESTIONS: usize = 15;

pub(crate) struct Operations<'a> {
    /// Access to the administrator account.
    pub access: &'a Access,
    pub plan: &'a StackSetPlan,
    /// Time limit for one operation.
    pub wait: Duration,
    pub observer: &'a dyn Observer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub id: String,
    /// Status code: `SUCCEEDED`, `FAILED`, or `STOPPED`.
    pub status: String,
    /// Reason that AWS gives. May be empty.
    pub reason: String,
    pub counts: Counts,
    pub failed: Vec<Failed>,
}

impl Ended {
    /// Returns whether the operation succeeded within its failure tolerance.
    pub(crate) fn succeeded(&self) -> bool {
        self.status == "SUCCEEDED"
    }
}

/// The status of an operation.
struct Status {
    status: String,
    reason: String,
}

impl Status {
    fn new(status: Option<StackSetOperationStatus>, reason: Option<String>) -> Self {
        Self {
            status: status.map_or_else(String::new, |status| status.as_str().to_owned()),
            reason: one_line(&reason.unwrap_or_default()),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "SUCCEEDED" | "FAILED" | "STOPPED")
    }
}

impl Operations<'_> {
    /// Waits for any operation in progress, which another deployment started. Returns whether there
    /// was one.
    pub(super) async fn settle(&self) -> Result<bool, DeployError> {
        let mut waited = false;
        while let Some((id, action)) = in_progress(self.access, self.plan).await? {
            self.observer.says(&shown(&format!(
                "Operation {id} ({action}) of stack set {} is in progress. Another deployment \
                 or an earlier one started it. Waiting for the operation to end.",
                self.plan.name
            )));
            self.observer.executing(&self.continues(&id));
            self.follow(&id).await?;
            self.observer.ended();
            waited = true;
        }
        Ok(waited)
    }

    /// Stops an operation and follows it until it ends. Instances in progress are completed.
    pub(crate) async fn stop(&self, id: &str) -> Result<Ended, DeployError> {
        self.observer
            .begins(&format!("operation of stack set {}", self.plan.name));
        let answer = self
            .access
            .cloudformation()
            .stop_stack_set_operation()
            .stack_set_name(&self.plan.name)
            .operation_id(id)
            .set_call_as(call_as(self.plan))
            .send()
            .await;
        if let Err(error) = answer {
            let error = self
                .access
                .error("cloudformation:StopStackSetOperation", &error);
            // If the operation has ended in the meantime, its result is reported instead.
            if !error.has_code("InvalidOperationException") {
                return Err(error);
            }
        }
        self.observer.executing(&self.continues(id));
        let ended = self.follow(id).await;
        self.observer.ended();
        ended
    }

    /// Starts an operation with the given ID and follows it. Waits first if another operation is in
    /// progress. If the ID already exists, the response to an earlier attempt was lost.
    pub(super) async fn run<F, C>(&self, id: &str, begin: C) -> Result<Ended, DeployError>
    where
        C: Fn() -> F,
        F: Future<Output = Result<(), DeployError>>,
    {
        let mut pace = Pace::new(self.wait);
        self.observer
            .begins(&format!("operation of stack set {}", self.plan.name));
        loop {
            match begin().await {
                Ok(()) => break,
                Err(error) if error.has_code("OperationIdAlreadyExistsException") => break,
                Err(error) if error.has_code("OperationInProgressException") => {
                    self.settle().await?;
                    pace.pause(&format!(
                        "another operation of stack set `{}`",
                        self.plan.name
                    ))
                    .await?;
                }
                Err(error) => return Err(self.refused(error)),
            }
        }
        self.observer.executing(&self.continues(id));
        let ended = self.follow(id).await?;
        self.observer.ended();
        Ok(ended)
    }

    /// Returns a sentence without a period: the operation continues in AWS if s3ferry exits.
    fn continues(&self, id: &str) -> String {
        format!(
            "operation {id} of stack set {} continues in CloudFormation",
            self.plan.name
        )
    }

    /// Returns the error for an operation that StackSets does not start, with the next step.
    fn refused(&self, error: DeployError) -> DeployError {
        let what = format!("stack set `{}`", self.plan.name);
        let mut error = race::explained(self.access, &what, error);
        if error.help.is_empty() {
            error.help = reasons::hint(&error.message);
        }
        error
    }

    /// Follows an operation until it ends. The more instances it has, the less often its results
    /// are read, so that the number of calls does not grow with the number of instances.
    async fn follow(&self, id: &str) -> Result<Ended, DeployError> {
        let mut pace = Pace::new(self.wait);
        let what = format!("operation {id} of stack set `{}`", self.plan.name);
        let mut counts = Counts::default();
        let (mut questions, mut pages) = (0, 0);
        let mut reported = false;
        loop {
            let status = tokio::time::timeout(pace.left(), self.status(id)).await;
            match status.map_err(|_| pace.over(&what))? {
                Ok(now) if now.is_over() => {
                    let (counts, _, failed) = self.results_or_none(id, &mut reported).await;
                    self.tell(&now.status, counts);
                    return Ok(Ended {
                        id: id.to_owned(),
                        status: now.status,
                        reason: now.reason,
                        counts,
                        failed,
                    });
                }
                Ok(now) => {
                    if questions >= pages {
                        let (found, read, _) = self.results_or_none(id, &mut reported).await;
                        if found.ended() > counts.ended() {
                            pace.hasten();
                        }
                        (counts, pages, questions) = (found, read.min(MOST_QUESTIONS), 0);
                    }
                    questions += 1;
                    self.tell(&now.status, counts);
                }
                Err(error) if error.transient => {}
                Err(error) => return Err(error),
            }
            pace.pause(&what).await?;
        }
    }

    /// Returns the results. If they cannot be read, reports this once and returns empty results.
    /// The statuses of the operation and of its instances then determine the outcome.
    async fn results_or_none(&self, id: &str, reported: &mut bool) -> (Counts, usize, Vec<Failed>) {
        match self.results(id).await {
            Ok(results) => results,
            Err(error) => {
                if !std::mem::replace(reported, true) {
                    self.observer.says(&format!(
                        "Cannot read the results of operation {id}: {error}. Following its status \
                         instead."
                    ));
                }
                (Counts::default(), MOST_QUESTIONS, Vec::new())
            }
        }
    }

    fn tell(&self, status: &str, counts: Counts) {
        self.observer.progress(&Progress {
            stack_set: self.plan.name.clone(),
            status: status.to_owned(),
            counts,
        });
    }

    async fn status(&self, id: &str) -> Result<Status, DeployError> {
        let answer = self
            .access
            .cloudformation()
            .describe_stack_set_operation()
            .stack_set_name(&self.plan.name)
            .operation_id(id)
            .set_call_as(call_as(self.plan))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let error = self
                    .access
                    .error("cloudformation:DescribeStackSetOperation", &error);
                // The list of operations also contains the status.
                let listed = newest(self.access, self.plan)
                    .await
                    .unwrap_or_default()
                    .into_iter();
                let mut listed = listed.filter(|one| one.operation_id.as_deref() == Some(id));
                let listed = listed.next().ok_or(error)?;
                return Ok(Status::new(listed.status, listed.status_reason));
            }
        };
        let found = answer.stack_set_operation;
        let found = found.map(|one| (one.status, one.status_reason));
        let (status, reason) = found.unwrap_or_default();
        Ok(Status::new(status, reason))
    }

    /// Reads the results of an operation. Returns the counts, the number of pages, and the failed
    /// instances.
    async fn results(&self, id: &str) -> Result<(Counts, usize, Vec<Failed>), DeployError> {
        let mut counts = Counts::default();
        let (mut pages, mut failed, mut page) = (0, Vec::new(), None);
        loop {
            let answer = self
                .access
                .cloudformation()
                .list_stack_set_operation_results()
                .stack_set_name(&self.plan.name)
                .operation_id(id)
                .set_call_as(call_as(self.plan))
                .max_results(PAGE)
                .set_next_token(page)
                .send()
                .await
                .map_err(|error| {
                    self.access
                        .error("cloudformation:ListStackSetOperationResults", &error)
                })?;
            pages += 1;
            for one in answer.summaries.unwrap_or_default() {
                counts.add(one.status.as_ref());
                if one.status == Some(ResultStatus::Failed) {
                    failed.push(failure(one));
                }
            }
            page = answer.next_token;
            if page.is_none() {
                return Ok((counts, pages, failed));
            }
        }
    }
}

async fn newest(
    access: &Access,
    plan: &StackSetPlan,
) -> Result<Vec<StackSetOperationSummary>, DeployError> {
    let answer = access
        .cloudformation()
        .list_stack_set_operations()
        .stack_set_name(&plan.name)
        .set_call_as(call_as(plan))
        .send()
        .await
        .map_err(|error| access.error("cloudformation:ListStackSetOperations", &error))?;
    Ok(answer.summaries.unwrap_or_default())
}

/// Returns the ID and action of the operation that is in progress on a stack set.
pub(crate) async fn in_progress(
    access: &Access,
    plan: &StackSetPlan,
) -> Result<Option<(String, String)>, DeployError> {
    // The newest operations come first, so an operation in progress is on the first page.
    let all = newest(access, plan).await?.into_iter();
    let mut going = all.filter(|one| {
        use StackSetOperationStatus::{Queued, Running, Stopping};
        matches!(one.status, Some(Running | Queued | Stopping))
    });
    Ok(going.next().map(|one| {
        let action = one.action.map(|action| action.as_str().to_owned());
        (
            one.operation_id.unwrap_or_default(),
            action.unwrap_or_default(),
        )
    }))
}

fn failure(one: StackSetOperationResultSummary) -> Failed {
    Failed {
        instance: Instance {
            account: one.account.unwrap_or_default(),
            region: one.region.unwrap_or_default(),
        },
        status: "FAILED".to_owned(),
        reason: one_line(&one.status_reason.unwrap_or_default()),
        stack_id: None,
    }
}
