//! Follows a stack operation until it ends.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::condition::{Condition, succeeded};
use super::events::{Event, last_operation};
use super::pace::Pace;
use super::stack::Deployed;
use super::{Access, DeployError, Observer, cause, one_line, stack};

/// An operation to follow.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub stack: String,
    pub name: String,
    /// Client token of the operation. `None` means the operation that is in progress.
    pub token: Option<String>,
    /// Generation of the stack before the operation, which identifies an outdated state. `None` if
    /// no earlier state can be mistaken for the result.
    pub before: Option<i64>,
    /// IDs of the events that were already shown.
    pub known: HashSet<String>,
}

impl Operation {
    /// Returns the operation that is in progress on a stack.
    pub(crate) fn in_progress(stack: &Deployed) -> Self {
        Self {
            stack: stack.id.clone(),
            name: stack.name.clone(),
            token: None,
            before: None,
            known: HashSet::new(),
        }
    }

    /// Returns a sentence without a period: the operation continues in AWS if s3ferry exits.
    pub(crate) fn continues(&self) -> String {
        format!(
            "the operation on stack {} continues in CloudFormation",
            self.name
        )
    }
}

#[derive(Debug, Clone)]
pub(crate) struct End {
    pub status: String,
    /// Reason that CloudFormation gives for the status. May be empty.
    pub reason: String,
    /// Events of the operation that could be read, from oldest to newest.
    pub events: Vec<Event>,
}

impl End {
    /// Returns an error with the first cause and a hint if the operation failed.
    pub(crate) async fn into_result(
        self,
        access: &Access,
        operation: &Operation,
    ) -> Result<(), DeployError> {
        if succeeded(&self.status) {
            return Ok(());
        }
        let (stack, status) = (&operation.name, &self.status);
        let mut help = format!("run `{}` to see the stack events", access.command("events"));
        let is_stuck = Condition::of(status) == Condition::RollbackFailed;
        if is_stuck {
            help = format!(
                "fix the cause, then run `{}` to continue the rollback",
                access.command("rollback")
            );
        }
        let ended = format!("stack `{stack}` ended in {status}");
        let reason = one_line(&self.reason);
        Err(
            match cause::find(access, &operation.stack, &self.events).await {
                Ok(Some(cause)) => {
                    let help = match is_stuck {
                        true => help,
                        false => cause.hint.clone(),
                    };
                    DeployError::failed(format!("{ended}: {cause}"), help)
                }
                _ if !reason.is_empty() => DeployError::failed(format!("{ended}: {reason}"), help),
                Ok(None) => DeployError::failed(format!("{ended}; AWS gave no reason"), help),
                Err(error) => {
                    DeployError::failed(format!("{ended}; the cause cannot be read: {error}"), help)
                }
            },
        )
    }
}

/// Follows an operation until it ends. If its events cannot be read, follows the stack status.
pub(crate) async fn follow(
    access: &Access,
    operation: &Operation,
    limit: Duration,
    observer: &dyn Observer,
) -> Result<End, DeployError> {
    let mut pace = Pace::new(limit);
    let mut follower = Follower {
        access: access.polling(),
        operation,
        observer,
        seen: operation.known.clone(),
        events: Vec::new(),
        unread: None,
        reported: false,
        running: false,
        same_since: None,
    };
    let what = format!("stack `{}`", operation.name);
    loop {
        let before = follower.seen.len();
        let look = tokio::time::timeout(pace.left(), follower.look()).await;
        if let Some(end) = look.map_err(|_| pace.over(&what))?? {
            return Ok(end);
        }
        if follower.seen.len() > before {
            pace.hasten();
        }
        pace.pause(&what).await?;
    }
}

/// How long AWS may still return the earlier state of a stack after an operation starts.
const STALE: Duration = Duration::from_secs(30);

/// The state of an operation that is followed.
struct Follower<'f> {
    access: Access,
    operation: &'f Operation,
    observer: &'f dyn Observer,
    /// IDs of the events that were already shown.
    seen: HashSet<String>,
    /// Events from the last successful read of the operation.
    events: Vec<Event>,
    /// The error that prevents reading the events.
    unread: Option<DeployError>,
    /// Whether this error was reported to the user.
    reported: bool,
    /// Whether the operation was observed in progress.
    running: bool,
    /// When AWS first returned the earlier state of the stack.
    same_since: Option<Instant>,
}

impl Follower<'_> {
    /// Checks the operation once. Returns the end of the operation if it has ended.
    async fn look(&mut self) -> Result<Option<End>, DeployError> {
        let mut passing = false;
        if self.unread.as_ref().is_none_or(|error| error.transient) {
            match last_operation(&self.access, &self.operation.stack).await {
                Ok(events) => {
                    self.unread = None;
                    if is_ours(&events, self.operation) {
                        return Ok(self.show(events));
                    }
                }
                Err(error) => {
                    // A single temporary failure is not reported.
                    passing = error.transient && self.unread.is_none();
                    self.unread = Some(error);
                }
            }
        }
        let Some(unread) = &self.unread else {
            return Ok(None);
        };
        let found = match stack::read(&self.access, &self.operation.stack).await {
            Ok(found) => found,
            Err(error) if error.transient => return Ok(None),
            Err(error) => return Err(error),
        };
        if !self.reported && !passing {
            self.reported = true;
            self.observer.says(&format!(
                "Cannot read the events of stack {}: {unread}. Following its status instead.",
                self.operation.name
            ));
        }
        if !self.is_over(found.as_ref()) {
            return Ok(None);
        }
        let (status, reason) = match found {
            Some(stack) => (stack.status, stack.reason),
            None => ("DELETE_COMPLETE".to_owned(), String::new()),
        };
        if !succeeded(&status) {
            self.read_again().await;
        }
        Ok(Some(End {
            status,
            reason,
            events: std::mem::take(&mut self.events),
        }))
    }

    /// Shows the new events. Returns the end if the events include it.
    fn show(&mut self, events: Vec<Event>) -> Option<End> {
        for event in &events {
            if self.seen.insert(event.id.clone()) {
                self.observer.event(event);
            }
        }
        self.events = events;
        // If a user continues a failed rollback, the events also include the end of the first
        // attempt.
        let last = self.events.iter().rfind(|event| event.whole_stack);
        let last = last.filter(|event| event.ends_operation())?;
        Some(End {
            status: last.status.clone(),
            reason: last.reason.clone(),
            events: self.events.clone(),
        })
    }

    /// Reads the events of a failed operation once more, because they include the cause.
    async fn read_again(&mut self) {
        if let Ok(events) = last_operation(&self.access, &self.operation.stack).await
            && is_ours(&events, self.operation)
        {
            self.show(events);
        }
    }

    /// Returns whether the state of a stack shows that the operation has ended. AWS may briefly
    /// return the earlier state.
    fn is_over(&mut self, found: Option<&Deployed>) -> bool {
        let Some(stack) = found else {
            return true;
        };
        match stack.condition() {
            Condition::InProgress => {
                self.running = true;
                false
            }
            Condition::Reviewing => false,
            _ if self.running || self.operation.before != Some(stack.generation) => true,
            _ => self.same_since.get_or_insert_with(Instant::now).elapsed() > STALE,
        }
    }
}

/// Returns whether the events belong to the followed operation and not to an earlier one.
fn is_ours(events: &[Event], operation: &Operation) -> bool {
    let Some(token) = &operation.token else {
        return true;
    };
    let first = events.iter().find(|event| event.begins_operation());
    first.is_some_and(|event| event.token.as_ref().is_none_or(|found| found == token))
}

/// Deletes a stack and follows the operation until it ends.
pub(crate) async fn delete(
    access: &Access,
    stack: &Deployed,
    role_arn: Option<&str>,
    token: &str,
    limit: Duration,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    access
        .cloudformation()
        .delete_stack()
        .stack_name(&stack.id)
        .client_request_token(token)
        .set_role_arn(role_arn.map(str::to_owned))
        .send()
        .await
        .map_err(|error| access.error("cloudformation:DeleteStack", &error))?;
    let operation = Operation {
        token: Some(token.to_owned()),
        before: Some(stack.generation),
        ..Operation::in_progress(stack)
    };
    observer.executing(&operation.continues());
    let end = follow(access, &operation, limit, observer).await?;
    observer.ended();
    end.into_result(access, &operation).await
}
