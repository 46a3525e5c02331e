//! Deploys a stack set: reads it, compares it with the configuration, and runs the required
//! operations one at a time.
//!
//! Deployments keep no state. If a deployment is interrupted, the next one compares again and
//! completes it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::checked::Permit;
use crate::deploy::{Access, DeployError, Observer, body};
use crate::escape::shown;
use crate::plan::StackSetPermissions;

use super::compare::{self, Comparison, compare};
use super::difference::{Difference, differences, same_permission_model};
use super::instances::Work;
use super::model::{Described, Existing, Failed, Health, Instance, Scope, Targets, Wanted};
use super::operation::{Ended, Operations};
use super::{instances, organization, set};

/// Options for the deployment.
#[derive(Debug, Clone)]
pub(crate) struct SetOptions {
    /// Time limit for one operation.
    pub wait: Duration,
    /// Bucket for a template that is too long to send inline.
    pub template_bucket: Option<String>,
    /// Whether the stacks of removed instances are retained.
    pub retain_stacks: bool,
    /// Prefix of the operation IDs. It consists of letters, digits, and hyphens, and must be unique
    /// for each deployment.
    pub token: String,
}

pub(crate) struct Deployment<'a> {
    access: &'a Access,
    wanted: &'a Wanted,
    options: &'a SetOptions,
    observer: &'a dyn Observer,
    begun: Cell<usize>,
}

/// The changes that a deployment would make.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The existing stack set.
    pub set: Option<Described>,
    pub differences: Vec<Difference>,
    /// The required changes to its instances.
    pub comparison: Comparison,
}

impl Prepared {
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.set.is_some() && self.differences.is_empty() && self.comparison.is_empty()
    }
}

/// The result of a deployment.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Instances that failed, with the reason that AWS gives.
    pub failed: Vec<Failed>,
    /// Instances that are not current because they were not attempted or their operation was
    /// canceled.
    pub behind: Vec<Failed>,
    /// Number of instances that are current.
    pub current: usize,
    /// ID and status of the operation that stopped the deployment.
    pub stopped: Option<(String, String)>,
}

impl Report {
    pub(crate) fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.behind.is_empty() && self.stopped.is_none()
    }
}

impl<'a> Deployment<'a> {
    pub(crate) fn new(
        access: &'a Access,
        wanted: &'a Wanted,
        options: &'a SetOptions,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            access,
            wanted,
            options,
            observer,
            begun: Cell::new(0),
        }
    }

    /// Reads the stack set, waits for any operation in progress, and compares the stack set with
    /// the configuration.
    ///
    /// # Errors
    /// Returns an error if trusted access is off, the stack set has a different permission model,
    /// AWS rejects a call, or the wait times out.
    pub(crate) async fn prepare(&self) -> Result<Prepared, DeployError> {
        let plan = &self.wanted.plan;
        if let StackSetPermissions::ServiceManaged(own) = &plan.permissions {
            organization::trusted_access(self.access, plan, own).await?;
        }
        let Some(set) = self.settled().await? else {
            return Ok(self.compare(None, &[]));
        };
        if !same_permission_model(self.wanted, &set) {
            let is = if set.service_managed {
                "service-managed"
            } else {
                "self-managed"
            };
            return Err(DeployError::input(
                format!(
                    "stack set `{}` is {is}, but the configuration specifies a different \
                     permission model; StackSets cannot change the model of a stack set that has instances",
                    plan.name
                ),
                format!(
                    "set `permission_model: {is}`, or set another `name` for the new stack set and \
                     remove the old one"
                ),
            ));
        }
        let existing = instances::list(self.access, plan).await?;
        Ok(self.compare(Some(set), &existing))
    }

    fn compare(&self, set: Option<Described>, existing: &[Existing]) -> Prepared {
        let scope = self.wanted.scope(set.as_ref());
        Prepared {
            differences: set
                .as_ref()
                .map_or_else(Vec::new, |set| differences(self.wanted, set)),
            comparison: compare(&self.wanted.instances, existing, &scope),
            set,
        }
    }

    /// Returns the stack set after any operation in progress has ended.
    async fn settled(&self) -> Result<Option<Described>, DeployError> {
        let plan = &self.wanted.plan;
        let Some(found) = set::describe(self.access, plan).await? else {
            return Ok(None);
        };
        if self.operations().settle().await? {
            return set::describe(self.access, plan).await;
        }
        Ok(Some(found))
    }

    /// Deploys the prepared changes. Instances that are no longer configured are removed only if
    /// `remove` is `true`. The report includes the instances that fail.
    pub(crate) async fn apply(
        &self,
        prepared: &Prepared,
        remove: bool,
        permit: Permit<'_>,
    ) -> Result<Report, DeployError> {
        body::refuse_other(permit, &self.wanted.plan.name, &self.wanted.text)?;
        let mut ended = Vec::new();
        let stopped = match self.operate(prepared, remove, &mut ended).await {
            Ok(()) => None,
            Err(Stop::Operation(id, status)) => Some((id, status)),
            Err(Stop::Error(error)) => return Err(error),
        };
        self.report(prepared, &ended, stopped).await
    }

    /// Runs the operations in order until one fails.
    async fn operate(
        &self,
        prepared: &Prepared,
        remove: bool,
        done: &mut Vec<Ended>,
    ) -> Result<(), Stop> {
        let plan = &self.wanted.plan;
        let comparison = &prepared.comparison;
        let scope = self.wanted.scope(prepared.set.as_ref());
        let order = &plan.preferences.region_order;
        if prepared.set.is_none() {
            let body = self.body().await?;
            set::create(self.access, self.wanted, &body, &self.options.token).await?;
            self.observer.says(&shown(&format!(
                "Created stack set {}. Creating its instances.",
                plan.name
            )));
        }
        // Delete instances first: an instance in a closed account would stop every update.
        let gone = comparison.remove.iter().filter(|_| remove);
        let mut work = self.deletions(gone, &scope);
        let again = compare::operations(&comparison.recreate, &scope, order);
        let delete = Work::Delete {
            retain_stacks: true,
        };
        work.extend(again.into_iter().map(|targets| (delete, targets)));
        if prepared.differences.is_empty() {
            let behind = compare::operations(&comparison.update, &scope, order);
            work.extend(behind.into_iter().map(|targets| (Work::Update, targets)));
        }
        for (work, targets) in work {
            keep(self.on_instances(work, &targets).await?, done)?;
        }
        if !prepared.differences.is_empty() {
            let body = &self.body().await?;
            let update =
                |id: String| async move { set::update(self.access, self.wanted, body, &id).await };
            keep(self.operation(update).await?, done)?;
        }
        for targets in compare::creations(comparison, &scope, order) {
            keep(self.on_instances(Work::Create, &targets).await?, done)?;
        }
        Ok(())
    }

    /// Deletes every instance and the stack set. If instances fail, the report includes them, and
    /// the stack set is kept.
    pub(crate) async fn destroy(&self) -> Result<Report, DeployError> {
        let plan = &self.wanted.plan;
        let Some(set) = self.settled().await? else {
            return Ok(Report::default());
        };
        let existing = instances::list(self.access, plan).await?;
        let scope = self.wanted.scope(Some(&set));
        let mut report = Report::default();
        for (work, targets) in self.deletions(&existing, &scope) {
            let ended = self.on_instances(work, &targets).await?;
            let stopped = (!ended.succeeded()).then_some((ended.id, ended.status));
            report.failed.extend(ended.failed);
            if stopped.is_some() || !report.failed.is_empty() {
                report.stopped = stopped;
                return Ok(report);
            }
        }
        set::delete(self.access, plan).await?;
        Ok(report)
    }

    /// Returns the operations that delete instances. StackSets cannot delete a stack in a suspended
    /// account, so the stack of such an instance is retained.
    fn deletions<'i>(
        &self,
        instances: impl IntoIterator<Item = &'i Existing>,
        scope: &Scope,
    ) -> Vec<(Work, Targets)> {
        let order = &self.wanted.plan.preferences.region_order;
        let (given_up, gone): (Vec<Existing>, Vec<Existing>) =
            (instances.into_iter().cloned()).partition(|one| one.health == Health::Suspended);
        [(gone, self.options.retain_stacks), (given_up, true)]
            .into_iter()
            .flat_map(|(instances, retain_stacks)| {
                let targets = compare::operations(&instances, scope, order).into_iter();
                targets.map(move |targets| (Work::Delete { retain_stacks }, targets))
            })
            .collect()
    }

    async fn body(&self) -> Result<body::Body, DeployError> {
        let (name, text) = (&self.wanted.plan.name, &self.wanted.text);
        let bucket = self.options.template_bucket.as_deref();
        let body = body::prepare(self.access, name, text, bucket).await?;
        body::validate(self.access, name, &body).await?;
        Ok(body)
    }

    fn operations(&self) -> Operations<'_> {
        Operations {
            access: self.access,
            plan: &self.wanted.plan,
            wait: self.options.wait,
            observer: self.observer,
        }
    }

    async fn on_instances(&self, work: Work, targets: &Targets) -> Result<Ended, DeployError> {
        let plan = &self.wanted.plan;
        let begin = |id: String| async move {
            instances::begin(self.access, plan, work, targets, &id).await
        };
        self.operation(begin).await
    }

    /// Runs one operation. Its ID is its idempotency token.
    async fn operation<F, C>(&self, begin: C) -> Result<Ended, DeployError>
    where
        C: Fn(String) -> F,
        F: Future<Output = Result<(), DeployError>>,
    {
        let number = self.begun.get() + 1;
        self.begun.set(number);
        let id = format!("{}-{number}", self.options.token);
        self.operations().run(&id, || begin(id.clone())).await
    }

    /// Reports the state of the instances after the operations.
    async fn report(
        &self,
        prepared: &Prepared,
        ended: &[Ended],
        stopped: Option<(String, String)>,
    ) -> Result<Report, DeployError> {
        let existing = instances::list(self.access, &self.wanted.plan).await?;
        let by_place: BTreeMap<&Instance, &Existing> =
            existing.iter().map(|one| (&one.instance, one)).collect();
        let mut failed: BTreeMap<&Instance, Failed> = BTreeMap::new();
        for one in ended.iter().flat_map(|ended| &ended.failed) {
            let stack_id = by_place
                .get(&one.instance)
                .and_then(|found| found.stack_id.clone());
            let one_failed = Failed {
                stack_id,
                ..one.clone()
            };
            failed.insert(&one.instance, one_failed);
        }
        let unnamed = prepared.comparison.unnamed.iter().map(|one| &one.instance);
        let all: BTreeSet<&Instance> = self.wanted.instances.iter().chain(unnamed).collect();
        let mut report = Report {
            stopped,
            ..Report::default()
        };
        for instance in all {
            match by_place.get(instance) {
                Some(found) if found.health == Health::Current => report.current += 1,
                _ if failed.contains_key(instance) => {}
                Some(found) => report.behind.push(Failed {
                    instance: instance.clone(),
                    status: status(found.health).to_owned(),
                    reason: match found.health {
                        Health::Suspended => "the account is suspended".to_owned(),
                        _ => found.reason.clone(),
                    },
                    stack_id: found.stack_id.clone(),
                }),
                None => report.behind.push(self.missing(instance)),
            }
        }
        report.failed = failed.into_values().collect();
        Ok(report)
    }

    fn missing(&self, instance: &Instance) -> Failed {
        let reason = match self.wanted.scope(None) {
            Scope::Units(_) => "no instance exists; check the account's organizational unit",
            Scope::Accounts => "no instance exists yet",
        };
        Failed {
            instance: instance.clone(),
            status: "MISSING".to_owned(),
            reason: reason.to_owned(),
            stack_id: None,
        }
    }
}

fn status(health: Health) -> &'static str {
    match health {
        Health::Current => "CURRENT",
        Health::Outdated => "OUTDATED",
        Health::Inoperable => "INOPERABLE",
        Health::Suspended => "SUSPENDED",
    }
}

/// The reason why no further operation is started.
enum Stop {
    /// An operation failed. Contains its ID and status.
    Operation(String, String),
    Error(DeployError),
}

impl From<DeployError> for Stop {
    fn from(error: DeployError) -> Self {
        Self::Error(error)
    }
}

/// Records the result of an operation.
fn keep(ended: Ended, done: &mut Vec<Ended>) -> Result<(), Stop> {
    let succeeded = ended.succeeded();
    let stop = Stop::Operation(ended.id.clone(), ended.status.clone());
    done.push(ended);
    if succeeded { Ok(()) } else { Err(stop) }
}

/// Returns whether every configured instance exists and is current, according to the stack set.
pub(crate) async fn is_complete(access: &Access, wanted: &Wanted) -> Result<bool, DeployError> {
    if set::describe(access, &wanted.plan).await?.is_none() {
        return Ok(false);
    }
    let existing = instances::list(access, &wanted.plan).await?;
    let current: BTreeSet<&Instance> = existing
        .iter()
        .filter(|one| one.health == Health::Current)
        .map(|one| &one.instance)
        .collect();
    Ok(wanted.instances.iter().all(|one| current.contains(one)))
}
