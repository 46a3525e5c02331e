//! The deployed state before a deployment: the selected stacks, and the other stacks if they can be
//! read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::deploy::stack::{self, Deployed as Stack, condition};
use crate::deploy::stack_set::{Described, instances};
use crate::deploy::{Access, Condition, Observer as _, StackStep};
use crate::stacks::{KEY_ID, Side};
use crate::transition::{Deployed, Found, Piece, SetInstances};

use super::session::Session;
use crate::cli::Failure;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::removed::{self, Removed};
use crate::cli::aws::seen::{Seen, look, look_at_set};
use crate::cli::aws::stack_set;

/// The deployed state of every stack before a deployment.
pub(super) struct Survey {
    pub(super) pieces: Vec<Piece>,
    /// The stacks that were read, by index of the piece.
    pub(super) stacks: Vec<Option<Stack>>,
    /// The stacks that are no longer in the configuration. They correspond to the last pieces.
    pub(super) removed: Vec<StackStep>,
}

/// Reads the selected stacks, which also checks the access to their accounts.
pub(super) async fn survey(
    session: &mut Session<'_>,
    selected: &[StackStep],
) -> Result<Survey, Failure> {
    let steps = session.accounts.steps.clone();
    let mut survey = Survey::of(
        &steps,
        |step| selected.iter().any(|found| found.is(step)),
        session,
    );
    for (number, step) in steps.iter().enumerate() {
        if !survey.pieces[number].is_selected {
            continue;
        }
        let access = session.accounts.access(step).await?;
        session
            .screen
            .begins(&format!("state of stack {}", step.stack));
        if step.stack_set {
            let found = stack_set::look(&session.accounts.project, &access, step).await?;
            survey.pieces[number].found = deployed_set(step, found);
        } else {
            let found = session.deployment(&access, step).settled().await?;
            let state = condition(found.as_ref());
            if matches!(state, Condition::RollbackFailed | Condition::DeletionFailed) {
                // A stack in this state cannot be deployed. Fail before any other stack changes.
                let deployment = session.deployment(&access, step);
                deployment.compare(found.clone(), &[]).await?;
            }
            survey.pieces[number].found = deployed(&access, step, found.as_ref()).await?;
            survey.stacks[number].clone_from(&found);
            session.keep(step, found);
        }
        session.screen.ended();
        // The stack keeps its logical IDs even without a transition.
        if let Some(step) = survey.follow(number, step) {
            session.accounts.steps[number] = step;
        }
    }
    Ok(survey)
}

impl Survey {
    fn of(
        steps: &[StackStep],
        is_selected: impl Fn(&StackStep) -> bool,
        session: &Session<'_>,
    ) -> Self {
        let plan = &session.accounts.project.plan;
        let pieces = steps.iter().map(|step| Piece {
            name: step.template.name.clone(),
            side: step.side.clone(),
            instances: match step.side {
                Side::Target(number) if step.stack_set => (plan.targets[number].instances.iter())
                    .map(|one| (one.account.to_string(), one.region.to_string()))
                    .collect(),
                _ => vec![(step.account.to_string(), step.region.to_string())],
            },
            is_set: step.stack_set,
            found: Found::Absent,
            new: Arc::clone(step.template.model()),
            is_selected: is_selected(step),
            is_removed: false,
            key: None,
        });
        Self {
            pieces: pieces.collect(),
            stacks: vec![None; steps.len()],
            removed: Vec::new(),
        }
    }

    /// Applies the deployed logical IDs and policy names to a stack. Returns the step if it
    /// changed.
    fn follow(&mut self, number: usize, step: &StackStep) -> Option<StackStep> {
        let piece = &mut self.pieces[number];
        let Found::Deployed(found) = &piece.found else {
            return None;
        };
        let step = step.follow(&found.template)?;
        piece.new = Arc::clone(step.template.model());
        Some(step)
    }

    /// Returns the dev stack, if it was read.
    pub(super) fn dev(&self) -> Option<&Stack> {
        self.stacks.first().and_then(Option::as_ref)
    }

    /// Returns the key ID for the other stacks: the key of the new dev template if it changes, or
    /// the output of the deployed dev stack.
    pub(super) fn key(&self) -> Option<String> {
        let dev = self.dev()?;
        let next = match self.pieces.first().map(|dev| (&dev.found, &dev.new)) {
            Some((Found::Deployed(deployed), new)) => deployed.next_key(new),
            _ => None,
        };
        next.or_else(|| dev.outputs.get(KEY_ID).cloned())
    }

    /// Sets the expected key of the stacks that this command does not deploy.
    pub(super) fn set_key_of_others(&mut self) {
        let key = self.key();
        for piece in &mut self.pieces {
            if !piece.is_selected && !piece.is_removed && piece.side != Side::Dev {
                piece.key.clone_from(&key);
            }
        }
    }

    /// Reads the stacks that are not selected, if their profiles are configured, and the stacks
    /// that are no longer in the configuration.
    pub(super) async fn read_others(&mut self, accounts: &mut Accounts<'_>) -> Result<(), Failure> {
        for Removed { step } in removed::recorded(accounts) {
            if step.stack_set {
                self.add_removed_set(accounts, step).await;
            } else if let Seen::Read(Some(found)) = look(accounts, &step).await {
                let access = accounts.access(&step).await?;
                self.add_removed(&access, step, &found).await?;
            }
        }
        let steps = accounts.steps.clone();
        let key = self.key();
        for (number, step) in steps.iter().enumerate() {
            if self.pieces[number].is_selected {
                continue;
            }
            // A target that was deployed with a key other than the current dev key is not ready.
            let recorded_key = accounts.outputs.key_of(step);
            let has_key = key.is_none() || recorded_key.is_none() || recorded_key == key.as_deref();
            let unknown = Found::Unknown {
                is_recorded: has_key && accounts.outputs.is_current(step),
            };
            self.pieces[number].found = if step.stack_set {
                match look_at_set(accounts, step).await {
                    // The permissions of an outdated instance are unknown.
                    Seen::Read(Some((_, instances))) if !instances.are_current => {
                        Found::Unknown { is_recorded: false }
                    }
                    Seen::Read(found) => deployed_set(step, found),
                    Seen::Unreadable(_) | Seen::NoProfile => unknown,
                }
            } else {
                match look(accounts, step).await {
                    Seen::Read(found) => {
                        let access = accounts.access(step).await?;
                        let piece = deployed(&access, step, found.as_ref()).await;
                        self.stacks[number] = found;
                        match piece {
                            // The stack exists, but its permissions are unknown.
                            Ok(Found::Foreign(_)) | Err(_) => unknown,
                            Ok(found) => found,
                        }
                    }
                    Seen::Unreadable(_) | Seen::NoProfile => unknown,
                }
            };
            self.follow(number, step);
        }
        Ok(())
    }

    /// Adds a stack set that is no longer in the configuration, if it can be read.
    async fn add_removed_set(&mut self, accounts: &mut Accounts<'_>, step: StackStep) {
        let Ok(access) = accounts.access(&step).await else {
            return;
        };
        let found = removed::set::find(&accounts.outputs, &access, &step).await;
        let Ok(Some((wanted, set))) = found else {
            return;
        };
        let Ok(existing) = instances::list(&access, &wanted.plan).await else {
            return;
        };
        let places = existing.into_iter().map(|one| one.instance);
        let places: Vec<_> = places.map(|one| (one.account, one.region)).collect();
        let found = read(&step, &set.template, set.parameters, BTreeMap::new());
        if let Found::Deployed(deployed) = found {
            self.push_removed(step, places, deployed);
        }
    }

    /// Adds a stack that is no longer in the configuration.
    async fn add_removed(
        &mut self,
        access: &Access,
        step: StackStep,
        found: &Stack,
    ) -> Result<(), Failure> {
        if let Found::Deployed(deployed) = deployed(access, &step, Some(found)).await? {
            let place = vec![(step.account.to_string(), step.region.to_string())];
            self.push_removed(step, place, deployed);
        }
        Ok(())
    }

    fn push_removed(
        &mut self,
        step: StackStep,
        places: Vec<(String, String)>,
        deployed: Box<Deployed>,
    ) {
        self.pieces.push(Piece {
            name: step.template.name.clone(),
            side: step.side.clone(),
            instances: places,
            is_set: step.stack_set,
            new: Arc::new(deployed.template.clone()),
            found: Found::Deployed(deployed),
            is_selected: false,
            is_removed: true,
            key: None,
        });
        self.removed.push(step);
    }
}

async fn deployed(
    access: &Access,
    step: &StackStep,
    found: Option<&Stack>,
) -> Result<Found, Failure> {
    let Some(found) = found else {
        return Ok(Found::Absent);
    };
    match found.condition() {
        Condition::Ready => {}
        Condition::Absent | Condition::Reviewing | Condition::CreationFailed => {
            return Ok(Found::Absent);
        }
        // The final state is unknown. The deployed pipeline may depend on any of its resources.
        Condition::InProgress | Condition::RollbackFailed | Condition::DeletionFailed => {
            return Ok(Found::Unknown { is_recorded: false });
        }
    }
    let text = stack::template(access, &found.id).await?;
    Ok(read(
        step,
        &text,
        found.parameters.clone(),
        found.outputs.clone(),
    ))
}

fn deployed_set(step: &StackStep, found: Option<(Described, SetInstances)>) -> Found {
    let Some((set, instances)) = found else {
        return Found::Absent;
    };
    let mut found = read(step, &set.template, set.parameters, BTreeMap::new());
    if let Found::Deployed(deployed) = &mut found {
        deployed.set = Some(instances);
    }
    found
}

fn read(
    step: &StackStep,
    text: &str,
    parameters: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
) -> Found {
    if text.is_empty() {
        return Found::Absent;
    }
    match Deployed::read(&step.stack, text, parameters, outputs) {
        Ok(found) => Found::Deployed(Box::new(found)),
        Err(problem) => Found::Foreign(problem.message),
    }
}
