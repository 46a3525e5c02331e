//! Deploys one stack: creates a change set, executes it, and waits until the operation ends.
//!
//! Every step can be repeated. If a deployment is interrupted, the next one completes it.

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

/// How long AWS may still return the earlier state of a stack after an operation has ended.
const SETTLING: Duration = Duration::from_secs(60);
/// The same limit for an operation that does not change the status.
const SAME_STATUS: Duration = Duration::from_secs(10);

/// Options for a deployment.
#[derive(Debug, Clone)]
pub(crate) struct DeploymentOptions {
    /// Time limit for one operation.
    pub wait: Duration,
    /// Bucket for a template that is too long to send inline.
    pub template_bucket: Option<String>,
    /// Service role that CloudFormation assumes.
    pub role_arn: Option<String>,
    pub tags: Vec<(String, String)>,
    /// Whether this deployment may replace or delete protected resources.
    pub allow_replacement: bool,
    /// Name of the next change set, which is also the client token. It consists of letters, digits,
    /// and hyphens, and was never used before.
    pub token: String,
}

/// The deployment of one stack.
#[derive(Clone, Copy)]
pub(crate) struct Deployment<'a> {
    /// Access to the stack's account and region.
    pub access: &'a Access,
    pub step: &'a StackStep,
    pub options: &'a DeploymentOptions,
    pub observer: &'a dyn Observer,
}

/// The state of a stack before the deployment changes it.
#[derive(Debug)]
pub(crate) enum Prepared {
    UpToDate(Deployed),
    /// The change set must be reviewed, then executed or discarded.
    Changes(Box<Pending>),
    /// The creation failed, and the remaining stack must be deleted first.
    CreationFailed(Box<Deployed>, Option<Cause>),
}

/// A change set that is not executed yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub change_set: ChangeSet,
    /// The stack before the change.
    pub before: Option<Deployed>,
}

impl Deployment<'_> {
    /// Reads the stack. Waits until an operation that is in progress ends.
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
                    "Stack {} is in {}. Waiting for the operation to end.",
                    running.name, running.status
                )));
            }
            let operation = Operation::in_progress(running);
            self.observer.begins(&format!("stack {}", running.name));
            self.observer.executing(&operation.continues());
            follow(self.access, &operation, self.options.wait, self.observer).await?;
            self.observer.ended();
            // The events and the status of a stack may briefly disagree.
            pace.pause(&format!("stack `{}`", running.name)).await?;
        }
    }

    /// Restores the stack's protection, and determines what a deployment would change.
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

    /// Determines what a deployment would change, without executing it. `found` is the stack
    /// that [`settled`] returned.
    ///
    /// [`settled`]: Self::settled
    ///
    /// # Errors
    /// Returns an error if the stack is in a state that the user must fix first, if
    /// CloudFormation rejects the template, or if AWS rejects a call.
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
                    "CloudFormation found nothing to create in stack `{}`",
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

    /// Returns the template for a new stack. If a bucket of the stack already exists and a
    /// function computes its name, the template contains literal bucket names, because
    /// CloudFormation imports only resources with static names.
    ///
    /// # Errors
    /// Returns an error if a bucket exists in a different region or AWS cannot be reached.
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
                        "Bucket {name} already exists. CloudFormation imports only buckets with \
                         static names, so this stack is created from the same template with \
                         literal bucket names."
                    )));
                }
                ExistingBucket::Elsewhere(region) => {
                    return Err(DeployError::failed(
                        format!(
                            "bucket `{name}` exists in region {region}, but stack `{}` would \
                             create it in {}; nothing was changed",
                            step.stack, step.region
                        ),
                        "bucket names are unique across regions: choose another name in the \
                         configuration, or empty and delete that bucket",
                    ));
                }
                // If the bucket exists, CloudFormation rejects the change set or the creation.
                ExistingBucket::Unknown(error) => self.observer.says(&shown(&format!(
                    "Cannot check whether a bucket of an earlier stack must be imported: {error}."
                ))),
            }
        }
        Ok(match import {
            true => Cow::Owned(step.with_static_names()),
            false => Cow::Borrowed(&step.template.text),
        })
    }

    /// Sets the stack policy and termination protection if they are missing: after a creation,
    /// or if an earlier deployment was interrupted.
    pub(crate) async fn guard(&self, protected: bool) -> Result<(), DeployError> {
        let guarded = self.ensure_guarded(protected).await;
        guarded.map_err(|error| self.unprotected("exists but is not fully protected", error))
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

    /// Protects a new stack. Makes the second call even if the first call fails, because partial
    /// protection is better than none.
    async fn protect_new(&self) -> Result<(), DeployError> {
        let stack = &self.step.stack;
        let policy = protection::policy(&self.step.template.protected);
        let policy = protection::set(self.access, stack, &policy).await;
        let termination = stack::protect(self.access, stack, true).await;
        match (policy, termination) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Ok(())) => {
                Err(self.unprotected("was created but has no stack policy", error))
            }
            (Ok(()), Err(error)) => {
                Err(self.unprotected("was created but has no termination protection", error))
            }
            (Err(error), Err(_)) => Err(self.unprotected(
                "was created but has neither a stack policy nor termination protection",
                error,
            )),
        }
    }

    /// Returns the error for a stack that is not fully protected.
    fn unprotected(&self, state: &str, mut error: DeployError) -> DeployError {
        error.message = format!("stack `{}` {state}: {}", self.step.stack, error.message);
        error.advise("run the same command again to protect the stack");
        error
    }

    /// Returns a reference that can remove a change set of this stack.
    fn unexecuted(&self, name: &str) -> Unexecuted {
        Unexecuted::new(self.access, &self.step.stack, name, true)
    }

    /// Deletes a change set that will not be executed, and the empty stack that it created.
    pub(crate) async fn discard(&self, pending: &Pending) -> Result<(), DeployError> {
        change_set::delete(self.access, &pending.change_set).await?;
        if pending.before.is_none() {
            self.remove_empty().await?;
        }
        self.observer
            .closed(&self.unexecuted(&pending.change_set.name));
        Ok(())
    }

    /// Deletes the empty stack that a change set created.
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

    /// Deletes the stack that a failed creation left behind.
    pub(crate) async fn delete(&self, left: &Deployed) -> Result<(), DeployError> {
        let options = self.options;
        let (role, token) = (
            options.role_arn.as_deref(),
            format!("{}-delete", options.token),
        );
        operation::delete(self.access, left, role, &token, options.wait, self.observer).await
    }

    /// Executes a change set and follows the operation until it ends. Returns the resulting
    /// stack. If CloudFormation does not execute the change set, the observer removes it.
    ///
    /// # Errors
    /// Returns the first cause if the operation fails. Returns an error if AWS rejects a call or
    /// the wait times out.
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
            continues
                .push_str(", and its stack policy allows replacement until the next deployment");
        }
        self.observer.executing(&continues);
        if let Err(mut error) = change_set::execute(self.access, change_set).await {
            self.observer.ended();
            if error.transient {
                error.advise(&format!(
                    "cannot determine whether CloudFormation is executing change set {} of stack \
                     {}: run the same command again to check",
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
                "was updated, but its stack policy still allows replacement",
                error,
            )
        })?;
        if !existed {
            self.protect_new().await?;
        }
        self.read_complete(&operation, &status).await
    }

    /// Returns the stack after an operation. AWS may briefly return its earlier state.
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
                        "stack `{stack}` ended in {status}, but its outputs cannot be read: {}",
                        error.message
                    );
                    return Err(error);
                }
                Ok(found) => found.filter(|found| found.status == status),
            };
            // An identical status may still be that of the previous operation.
            let is_new = |found: &Deployed| operation.before != Some(found.generation);
            let may_be_old = pace.left() > SETTLING - SAME_STATUS;
            if let Some(found) = found.filter(|found| is_new(found) || !may_be_old) {
                return Ok(found);
            }
            if pace.pause(stack).await.is_err() {
                return Err(DeployError::failed(
                    format!(
                        "stack `{stack}` ended in {status}, but CloudFormation does not report this status yet"
                    ),
                    "run the same command again to read the outputs",
                ));
            }
        }
    }

    async fn last_cause(&self, stack: &Deployed) -> Result<Option<Cause>, DeployError> {
        let events = last_operation(self.access, &stack.id).await?;
        cause::find(self.access, &stack.id, &events).await
    }

    /// Returns the error for a state that only the user can resolve.
    async fn stuck(&self, stack: &Deployed) -> Result<DeployError, DeployError> {
        let cause = self.last_cause(stack).await?;
        let because = (cause.as_ref()).map_or(String::new(), |cause| format!(": {cause}"));
        let name = &stack.name;
        let help = if stack.condition() == Condition::RollbackFailed {
            let what = cause.map_or_else(|| "the cause".to_owned(), |cause| cause.logical_id);
            format!(
                "fix {what}, then run `{}` to continue the rollback, and deploy again",
                self.access.command("rollback")
            )
        } else {
            format!(
                "fix the cause, then run `{}` to delete the stack again",
                self.access.command("destroy")
            )
        };
        Ok(DeployError::failed(
            format!("stack `{name}` is in {}{because}", stack.status),
            help,
        ))
    }
}
