//! One stack's deployment: from its present state to a change set, and from there to its end.
//!
//! Every part can be repeated: a run that was killed at any point is completed by the next one.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use super::change_set::{ChangeSet, Made, Wanted};
use super::events::last_operation;
use super::existing_bucket::{self, ExistingBucket};
use super::operation::{self, Operation, follow};
use super::pace::Pace;
use super::stack::{Deployed, condition};
use super::unexecuted::Unexecuted;
use super::{
    Access, Cause, Condition, DeployError, ErrorKind, Observer, Silent, StackStep, Text, body,
    cause, change_set, protection, stack,
};
use crate::checked::Permit;
use crate::escape::shown;

/// For how long AWS may describe the state of a stack before an operation that has ended.
const SETTLING: Duration = Duration::from_secs(60);
/// For how long it may do so when the status is the same before and after.
const SAME_STATUS: Duration = Duration::from_secs(10);

/// What the user says about a deployment.
#[derive(Debug, Clone)]
pub(crate) struct DeploymentOptions {
    /// How long one operation may take.
    pub wait: Duration,
    /// The bucket that a long template goes by.
    pub template_bucket: Option<String>,
    /// The service role that CloudFormation acts with.
    pub role_arn: Option<String>,
    pub tags: Vec<(String, String)>,
    /// Whether protected resources may be replaced or deleted this once.
    pub allow_replacement: bool,
    /// Name of the next change set: letters, digits and hyphens, never used before. It is the
    /// client token too.
    pub token: String,
}

/// One stack, and the way to it.
#[derive(Clone, Copy)]
pub(crate) struct Deployment<'a> {
    /// The way into its account and region.
    pub access: &'a Access,
    pub step: &'a StackStep,
    pub options: &'a DeploymentOptions,
    pub observer: &'a dyn Observer,
}

/// Where a stack stands before anything is changed.
#[derive(Debug)]
pub(crate) enum Prepared {
    UpToDate(Deployed),
    /// A change set to look at, and to execute or discard.
    Changes(Box<Pending>),
    /// A first creation failed, and what is left must be deleted first.
    CreationFailed(Box<Deployed>, Option<Cause>),
}

/// A change set, and the stack before it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub change_set: ChangeSet,
    /// The stack before it.
    pub before: Option<Deployed>,
}

impl Deployment<'_> {
    /// Reads the stack; when an operation is in progress, follows it to its end first.
    pub(crate) async fn settled(&self) -> Result<Option<Deployed>, DeployError> {
        let mut pace = Pace::new(self.options.wait);
        let mut said = String::new();
        loop {
            let found = stack::read(self.access, &self.step.stack).await?;
            let Some(running) = found
                .as_ref()
                .filter(|stack| stack.condition() == Condition::InProgress)
            else {
                return Ok(found);
            };
            if said != running.status {
                said.clone_from(&running.status);
                self.observer.says(&shown(&format!(
                    "Stack {} is in {}: following it first.",
                    running.name, running.status
                )));
            }
            let operation = Operation::in_progress(running);
            self.observer.begins(&format!("stack {}", running.name));
            self.observer.executing(&operation.continues());
            follow(self.access, &operation, self.options.wait, self.observer).await?;
            self.observer.ended();
            // Events and status of a stack may disagree for a moment.
            pace.pause(&format!("stack `{}`", running.name)).await?;
        }
    }

    /// Puts the stack's protection in force again, and works out what a deployment would change.
    pub(crate) async fn prepare(
        &self,
        found: Option<Deployed>,
        parameters: &[(String, String)],
    ) -> Result<Prepared, DeployError> {
        if let Some(stack) = &found
            && stack.condition() == Condition::Ready
        {
            self.guard(stack.protected).await?;
        }
        self.compare(found, parameters).await
    }

    /// Works out what a deployment would change, and changes nothing. `found` is the stack as
    /// [`settled`] gave it.
    ///
    /// [`settled`]: Self::settled
    ///
    /// # Errors
    /// The stack is in a state that somebody must mend first, CloudFormation refuses the
    /// template, or AWS refuses.
    pub(crate) async fn compare(
        &self,
        found: Option<Deployed>,
        parameters: &[(String, String)],
    ) -> Result<Prepared, DeployError> {
        let (step, options) = (self.step, self.options);
        let state = condition(found.as_ref());
        if let Some(stack) = &found {
            match state {
                Condition::CreationFailed => {
                    let cause = self.last_cause(stack).await?;
                    return Ok(Prepared::CreationFailed(Box::new(stack.clone()), cause));
                }
                Condition::RollbackFailed | Condition::DeletionFailed => {
                    return Err(self.stuck(stack).await?);
                }
                _ => {}
            }
        }
        let bucket = options.template_bucket.as_deref();
        let text = match state {
            Condition::Ready => Cow::Borrowed(&step.template.text),
            _ => self.text_of_new_stack().await?,
        };
        let body = body::prepare(self.access, &step.stack, &text, bucket).await?;
        body::validate(self.access, &step.stack, &body).await?;
        let wanted = Wanted {
            stack: &step.stack,
            create: state != Condition::Ready,
            body: &body,
            parameters,
            tags: &options.tags,
            role_arn: options.role_arn.as_deref(),
        };
        let wait = options.wait;
        let made =
            change_set::make(self.access, &wanted, &options.token, wait, self.observer).await;
        let made = match made {
            Err(error) if found.is_none() && error.kind == ErrorKind::Failed => {
                let removed = self.remove_empty().await;
                if removed.is_ok() {
                    self.observer.closed(&self.unexecuted(&options.token));
                }
                return Err(error.besides(removed));
            }
            made => made?,
        };
        match (made, found) {
            (Made::NoChanges, Some(stack)) => Ok(Prepared::UpToDate(stack)),
            (Made::NoChanges, None) => Err(DeployError::failed(
                format!(
                    "CloudFormation finds nothing to create in stack `{}`",
                    step.stack
                ),
                "the template has no resources",
            )),
            (Made::Changes(mut change_set), before) => {
                change_set.validate(self.access).await?;
                Ok(Prepared::Changes(Box::new(Pending { change_set, before })))
            }
        }
    }

    /// The template of a stack that is to be created. When a bucket of the stack exists already and
    /// a function gives its name, the names are written out, since CloudFormation imports only
    /// what has a static name.
    ///
    /// # Errors
    /// A bucket exists in another region, or AWS cannot be reached.
    async fn text_of_new_stack(&self) -> Result<Cow<'_, Text>, DeployError> {
        let step = self.step;
        let mut import = false;
        let buckets = step.template.buckets.iter();
        for bucket in buckets.filter(|bucket| bucket.has_dynamic_name()) {
            let name = bucket.name_in(&step.account, &step.region);
            match existing_bucket::look(self.access, &step.account, &name).await? {
                ExistingBucket::No => {}
                ExistingBucket::Here => {
                    import = true;
                    self.observer.says(&shown(&format!(
                        "Bucket {name} exists already. CloudFormation imports only buckets with a \
                         static name, so this stack is created from the same template with the \
                         bucket names written out."
                    )));
                }
                ExistingBucket::Elsewhere(region) => {
                    return Err(DeployError::failed(
                        format!(
                            "bucket `{name}` exists in region {region}, and stack `{}` is to \
                             create it in {}; nothing was changed",
                            step.stack, step.region
                        ),
                        "bucket names are unique in all regions: choose another name in the \
                         configuration, or empty and delete that bucket",
                    ));
                }
                // If the bucket exists, CloudFormation refuses the change set or the creation.
                ExistingBucket::Unknown(error) => self.observer.says(&shown(&format!(
                    "Whether a bucket of an earlier stack must be imported is unknown: {error}."
                ))),
            }
        }
        Ok(match import {
            true => Cow::Owned(step.with_static_names()),
            false => Cow::Borrowed(&step.template.text),
        })
    }

    /// Puts stack policy and termination protection in force where they are not: after a
    /// creation, and when an earlier run was killed before it did so.
    pub(crate) async fn guard(&self, protected: bool) -> Result<(), DeployError> {
        let guarded = self.ensure_guarded(protected).await;
        guarded.map_err(|error| self.unprotected("exists and is not fully protected", error))
    }

    async fn ensure_guarded(&self, protected: bool) -> Result<(), DeployError> {
        let stack = &self.step.stack;
        let policy = protection::policy(&self.step.template.protected);
        protection::ensure(self.access, stack, &policy).await?;
        if !protected {
            stack::protect(self.access, stack, true).await?;
        }
        Ok(())
    }

    /// Protects a stack that was just created. The second call is made although the first one was
    /// refused: half a protection is better than none.
    async fn protect_new(&self) -> Result<(), DeployError> {
        let stack = &self.step.stack;
        let policy = protection::policy(&self.step.template.protected);
        let policy = protection::set(self.access, stack, &policy).await;
        let termination = stack::protect(self.access, stack, true).await;
        match (policy, termination) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Ok(())) => {
                Err(self.unprotected("is created and has no stack policy", error))
            }
            (Ok(()), Err(error)) => {
                Err(self.unprotected("is created and has no termination protection", error))
            }
            (Err(error), Err(_)) => Err(self.unprotected(
                "is created and has neither a stack policy nor termination protection",
                error,
            )),
        }
    }

    /// The error for a stack that exists without all of its protection.
    fn unprotected(&self, state: &str, mut error: DeployError) -> DeployError {
        error.message = format!("stack `{}` {state}: {}", self.step.stack, error.message);
        error.advise("run the same command again to protect the stack");
        error
    }

    /// The name under which a change set of this stack is to be removed.
    fn unexecuted(&self, name: &str) -> Unexecuted {
        Unexecuted::new(self.access, &self.step.stack, name, true)
    }

    /// Drops a change set that is not to be executed, and the empty stack that it made.
    pub(crate) async fn discard(&self, pending: &Pending) -> Result<(), DeployError> {
        change_set::delete(self.access, &pending.change_set).await?;
        if pending.before.is_none() {
            self.remove_empty().await?;
        }
        self.observer
            .closed(&self.unexecuted(&pending.change_set.name));
        Ok(())
    }

    /// Deletes the stack without resources that a change set made.
    async fn remove_empty(&self) -> Result<(), DeployError> {
        let Some(empty) = stack::read(self.access, &self.step.stack).await? else {
            return Ok(());
        };
        if empty.condition() != Condition::Reviewing {
            return Ok(());
        }
        let quiet = Self {
            observer: &Silent,
            ..*self
        };
        quiet.delete(&empty).await
    }

    /// Deletes what a failed creation left.
    pub(crate) async fn delete(&self, left: &Deployed) -> Result<(), DeployError> {
        let options = self.options;
        let (role, token) = (
            options.role_arn.as_deref(),
            format!("{}-delete", options.token),
        );
        operation::delete(self.access, left, role, &token, options.wait, self.observer).await
    }

    /// Executes a change set and follows the stack to its end; gives the stack after it. A change
    /// set that CloudFormation does not execute stays open for the observer, which removes it.
    ///
    /// # Errors
    /// The stack failed: its first cause. Or AWS refuses, or the wait is over.
    pub(crate) async fn execute(
        &self,
        pending: &Pending,
        permit: Permit<'_>,
    ) -> Result<Deployed, DeployError> {
        body::refuse_other(permit, &self.step.stack, &self.step.template.text)?;
        let (change_set, options) = (&pending.change_set, self.options);
        let existed = condition(pending.before.as_ref()) == Condition::Ready;
        let relaxed = existed && options.allow_replacement;
        let operation = Operation {
            stack: change_set.stack_id.clone(),
            name: change_set.stack.clone(),
            token: Some(change_set.name.clone()),
            before: (pending.before.as_ref())
                .filter(|_| existed)
                .map(|before| before.generation),
            known: HashSet::new(),
        };
        if relaxed {
            let nothing = protection::policy(&[]);
            protection::set(self.access, &change_set.stack, &nothing).await?;
        }
        self.observer.begins(&format!("stack {}", change_set.stack));
        let mut continues = operation.continues();
        if relaxed {
            continues.push_str(", and its stack policy allows replacement until the next deploy");
        }
        self.observer.executing(&continues);
        if let Err(mut error) = change_set::execute(self.access, change_set).await {
            self.observer.ended();
            if error.transient {
                error.advise(&format!(
                    "whether CloudFormation executes change set {} of stack {} is unknown: run \
                     the same command again to find out",
                    change_set.name, change_set.stack
                ));
            }
            return Err(match relaxed {
                true => error.besides(self.ensure_guarded(true).await),
                false => error,
            });
        }
        self.observer.closed(&self.unexecuted(&change_set.name));
        let end = follow(self.access, &operation, options.wait, self.observer).await?;
        self.observer.ended();
        let guarded = match relaxed {
            true => self.ensure_guarded(true).await,
            false => Ok(()),
        };
        let status = end.status.clone();
        if let Err(error) = end.into_result(self.access, &operation).await {
            return Err(error.besides(guarded));
        }
        guarded.map_err(|error| {
            self.unprotected(
                "is updated, and its stack policy still allows replacement",
                error,
            )
        })?;
        if !existed {
            self.protect_new().await?;
        }
        self.read_complete(&operation, &status).await
    }

    /// The stack after an operation. For a moment, AWS may still describe its earlier state.
    async fn read_complete(
        &self,
        operation: &Operation,
        status: &str,
    ) -> Result<Deployed, DeployError> {
        let stack = &self.step.stack;
        let mut pace = Pace::new(SETTLING);
        loop {
            let found = match stack::read(self.access, &operation.stack).await {
                Err(error) if error.transient => None,
                Err(mut error) => {
                    error.message = format!(
                        "stack `{stack}` ended in {status}, and its outputs cannot be read: {}",
                        error.message
                    );
                    return Err(error);
                }
                Ok(found) => found.filter(|found| found.status == status),
            };
            // The same status may still be that of the operation before.
            let is_new = |found: &Deployed| operation.before != Some(found.generation);
            let may_be_old = pace.left() > SETTLING - SAME_STATUS;
            if let Some(found) = found.filter(|found| is_new(found) || !may_be_old) {
                return Ok(found);
            }
            if pace.pause(stack).await.is_err() {
                return Err(DeployError::failed(
                    format!(
                        "stack `{stack}` ended in {status}, and AWS does not describe this state \
                         yet"
                    ),
                    "run the same command again: it reads the outputs and changes nothing else",
                ));
            }
        }
    }

    async fn last_cause(&self, stack: &Deployed) -> Result<Option<Cause>, DeployError> {
        let events = last_operation(self.access, &stack.id).await?;
        cause::find(self.access, &stack.id, &events).await
    }

    /// A state that only a person can end, with what to do.
    async fn stuck(&self, stack: &Deployed) -> Result<DeployError, DeployError> {
        let cause = self.last_cause(stack).await?;
        let because = (cause.as_ref()).map_or(String::new(), |cause| format!(": {cause}"));
        let name = &stack.name;
        let help = if stack.condition() == Condition::RollbackFailed {
            let what = cause.map_or_else(|| "the cause".to_owned(), |cause| cause.logical_id);
            format!(
                "fix {what}, then continue the rollback: `{}`, and deploy again",
                self.access.command("rollback")
            )
        } else {
            format!(
                "remove what holds it, then delete it again: `{}`",
                self.access.command("destroy")
            )
        };
        Ok(DeployError::failed(
            format!("stack `{name}` is in {}{because}", stack.status),
            help,
        ))
    }
}
