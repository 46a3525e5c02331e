//! The events of a stack: read, followed to the end of an operation, and its first cause of
//! failure.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::cause::{self, Cause};
use super::condition::{Condition, succeeded};
use super::pace::Pace;
use super::stack::Deployed;
use super::{Access, DeployError, Observer, stack, validation};
use crate::shell::Command;

/// One event of a stack.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// The event's ID.
    pub id: String,
    /// Logical ID of the resource; the stack's name for the stack itself.
    pub logical_id: String,
    /// Physical ID, once there is one.
    pub physical_id: String,
    /// Resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Status code, such as `CREATE_FAILED`.
    pub status: String,
    /// AWS's reason; may be empty.
    pub reason: String,
    /// Seconds since 1970.
    pub time: f64,
    /// Client token of the operation, when AWS says it.
    pub token: Option<String>,
    /// Whether it is about the stack itself.
    pub whole_stack: bool,
}

impl Event {
    /// Whether an operation begins with it.
    fn begins_operation(&self) -> bool {
        self.whole_stack
            && matches!(
                self.status.as_str(),
                "CREATE_IN_PROGRESS"
                    | "UPDATE_IN_PROGRESS"
                    | "DELETE_IN_PROGRESS"
                    | "IMPORT_IN_PROGRESS"
            )
    }

    /// Whether an operation ends with it.
    fn ends_operation(&self) -> bool {
        self.whole_stack
            && self.status != "REVIEW_IN_PROGRESS"
            && Condition::of(&self.status) != Condition::InProgress
    }
}

/// An operation to follow.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub stack: String,
    /// Stack name.
    pub name: String,
    /// The client token that it was begun with; `None`: whatever is in progress now.
    pub token: Option<String>,
    /// The stack's generation before it, which an earlier state has; `None`: there was no state
    /// in which the stack could be taken for complete.
    pub before: Option<i64>,
}

impl Operation {
    /// What continues in AWS when nobody follows it.
    pub(crate) fn continues(&self) -> String {
        format!(
            "the operation on stack {} continues in CloudFormation",
            self.name
        )
    }
}

/// How an operation ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// The stack's status.
    pub status: String,
    /// CloudFormation's reason for the status; may be empty.
    pub reason: String,
    /// The operation's events, the oldest first, as far as they could be read.
    pub events: Vec<Event>,
}

impl End {
    /// An error when it failed: the first cause, with a hint.
    ///
    /// # Errors
    /// It failed.
    pub(crate) async fn into_result(
        self,
        access: &Access,
        operation: &Operation,
    ) -> Result<(), DeployError> {
        if succeeded(&self.status) {
            return Ok(());
        }
        let (stack, status) = (&operation.name, &self.status);
        let mut help = format!(
            "`{}` shows its events",
            Command::s3ferry("events").option("--profile", access.profile())
        );
        let is_stuck = Condition::of(status) == Condition::RollbackFailed;
        if is_stuck {
            help = format!(
                "fix the cause, then continue the rollback: `{}`",
                Command::s3ferry("rollback").option("--profile", access.profile())
            );
        }
        let ended = format!("stack `{stack}` ended in {status}");
        let reason = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        Err(
            match find_cause(access, &operation.stack, &self.events).await {
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

/// The first cause of a failed operation. CloudFormation's own validation names its findings
/// elsewhere (*DescribeEvents*), and says so in the events.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub(crate) async fn find_cause(
    access: &Access,
    stack: &str,
    events: &[Event],
) -> Result<Option<Cause>, DeployError> {
    let found = cause::first(events);
    if !found
        .as_ref()
        .is_none_or(|cause| cause.reason.contains("DescribeEvents"))
    {
        return Ok(found);
    }
    let validations = validation::of_last_operation(access, stack).await?;
    if let Some(first) = validations.failed.first() {
        return Ok(Some(Cause::of_validation(first)));
    }
    Ok(match (found, validations.gap(access)) {
        (Some(mut cause), Some(gap)) => {
            cause.hint = gap;
            Some(cause)
        }
        (None, Some(gap)) => Some(Cause {
            logical_id: stack.to_owned(),
            resource_type: "AWS::CloudFormation::Stack".to_owned(),
            status: String::new(),
            reason: "no event of the stack gives a reason".to_owned(),
            hint: gap,
        }),
        (found, None) => found,
    })
}

/// The events of the last operation, the oldest first.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub(crate) async fn last_operation(
    access: &Access,
    stack: &str,
) -> Result<Vec<Event>, DeployError> {
    Ok(operations(access, stack, 1)
        .await?
        .pop()
        .unwrap_or_default())
}

/// The events of the last operations, at most `count`: the latest operation first, the oldest
/// event of each first.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub(crate) async fn operations(
    access: &Access,
    stack: &str,
    count: usize,
) -> Result<Vec<Vec<Event>>, DeployError> {
    let mut found = Vec::new();
    let mut events = Vec::new();
    let mut page = None;
    loop {
        let (newer, next) = read_page(access, stack, page).await?;
        for event in newer {
            let first = event.begins_operation();
            events.push(event);
            if first {
                events.reverse();
                found.push(std::mem::take(&mut events));
                if found.len() == count {
                    return Ok(found);
                }
            }
        }
        if next.is_none() {
            // Without a beginning there is only what came before the first operation.
            if found.is_empty() && !events.is_empty() {
                events.reverse();
                found.push(events);
            }
            return Ok(found);
        }
        page = next;
    }
}

/// Follows an operation to its end. When its events cannot be read, the status of the stack tells
/// the end.
///
/// # Errors
/// AWS refuses both, or `limit` is over.
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
        seen: HashSet::new(),
        events: Vec::new(),
        unread: None,
        told: false,
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

/// For how long a stack may be described as it was before an operation.
const STALE: Duration = Duration::from_secs(30);

/// What is known of an operation that is followed.
struct Follower<'f> {
    access: Access,
    operation: &'f Operation,
    observer: &'f dyn Observer,
    /// IDs of the events that were shown.
    seen: HashSet<String>,
    /// The operation's events as they were last read.
    events: Vec<Event>,
    /// Why the events cannot be read.
    unread: Option<DeployError>,
    /// Whether the user knows that they cannot.
    told: bool,
    /// Whether the stack was seen in progress.
    running: bool,
    /// Since when the stack is described as it was before the operation.
    same_since: Option<Instant>,
}

impl Follower<'_> {
    /// Looks once; the end, when there is one.
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
                    // What fails once in passing is not worth a word.
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
        if !self.told && !passing {
            self.told = true;
            self.observer.says(&format!(
                "The events of stack {} cannot be read, so its status is followed: {unread}.",
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

    /// Shows the events that are new; the end, when they have it.
    fn show(&mut self, events: Vec<Event>) -> Option<End> {
        for event in &events {
            if self.seen.insert(event.id.clone()) {
                self.observer.event(event);
            }
        }
        self.events = events;
        // A rollback that somebody continues has its first, failed end among the events.
        let last = self.events.iter().rfind(|event| event.whole_stack);
        let last = last.filter(|event| event.ends_operation())?;
        Some(End {
            status: last.status.clone(),
            reason: last.reason.clone(),
            events: self.events.clone(),
        })
    }

    /// Reads the events of a failed operation once more: they have the cause.
    async fn read_again(&mut self) {
        if let Ok(events) = last_operation(&self.access, &self.operation.stack).await
            && is_ours(&events, self.operation)
        {
            self.show(events);
        }
    }

    /// Whether a stack is described as it is after the operation. For a moment, AWS may still
    /// describe it as it was before.
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

/// Whether these are the events of the operation that we began, and not of the one before it.
fn is_ours(events: &[Event], operation: &Operation) -> bool {
    let Some(token) = &operation.token else {
        return true;
    };
    let first = events.iter().find(|event| event.begins_operation());
    first.is_some_and(|event| event.token.as_ref().is_none_or(|found| found == token))
}

/// One page of events, the newest first.
async fn read_page(
    access: &Access,
    stack: &str,
    page: Option<String>,
) -> Result<(Vec<Event>, Option<String>), DeployError> {
    let answer = access
        .cloudformation()
        .describe_stack_events()
        .stack_name(stack)
        .set_next_token(page)
        .send()
        .await
        .map_err(|error| access.error("cloudformation:DescribeStackEvents", &error))?;
    let events = answer.stack_events.unwrap_or_default();
    Ok((events.into_iter().map(event).collect(), answer.next_token))
}

fn event(event: aws_sdk_cloudformation::types::StackEvent) -> Event {
    let physical_id = event.physical_resource_id.unwrap_or_default();
    let resource_type = event.resource_type.unwrap_or_default();
    Event {
        id: event.event_id.unwrap_or_default(),
        whole_stack: resource_type == "AWS::CloudFormation::Stack"
            && (event.stack_id.as_deref() == Some(&physical_id)
                || event.stack_name == event.logical_resource_id),
        logical_id: event.logical_resource_id.unwrap_or_default(),
        physical_id,
        resource_type,
        status: event
            .resource_status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        reason: event.resource_status_reason.unwrap_or_default(),
        time: event.timestamp.map_or(0.0, |time| time.as_secs_f64()),
        token: event.client_request_token,
    }
}
