//! The order of the steps from the deployed templates to the new ones.
//!
//! The first steps add what the new pipeline needs. Then the pipeline switches, and the last steps
//! remove what only the old pipeline needed. A stack gets its new template directly if the proof of
//! the resulting state permits it.

mod moves;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::agreement::interface;
use super::merge;
use super::piece::{Found, Piece, distinct_policies, names, owners};
use super::started::{pipeline, started};
use super::state::{self, Fault, Faults, StackState};
use super::trust::Existing;
pub use super::versions::Version;
use super::versions::{Versions, key_changes, places, versions};
use crate::plan::Plan;
use crate::stacks::{KEY_ID, Side};
use crate::template::{Resource, Template, Value};
pub use moves::{Break, Conflict, Leaving, Move, Sequence};

/// Plans the transition of a live pipeline. The first piece is the dev stack.
///
/// If `forced` is true, the user has confirmed that the targets that cannot be read are deployed.
///
/// # Errors
/// Returns an error if the proof cannot read a template. The message names the template and the
/// reason.
pub fn plan(plan: &Plan, pieces: &[Piece], forced: bool) -> Result<Sequence, String> {
    let pieces = &distinct_policies(pieces);
    let key_changes = pieces.first().is_some_and(key_changes);
    let roles = pieces.first().and_then(Existing::of);
    let versions: Vec<Versions> = pieces
        .iter()
        .map(|piece| {
            let is_dev = piece.side == Side::Dev;
            versions(piece, key_changes && !is_dev, roles.as_ref())
        })
        .collect();
    // A stack that is recorded with the new template has at least the permissions in that template,
    // but not for a key that does not exist yet.
    let current = pieces.iter().map(|piece| match piece.found {
        Found::Unknown { is_recorded: true } if !key_changes => Version::New,
        _ => Version::Deployed,
    });
    let mut planner = Planner {
        plan,
        pieces,
        key_changes,
        current: current.collect(),
        sees_all: false,
        before: Rc::default(),
        after: Rc::default(),
        proven: RefCell::default(),
        sequence: Sequence::default(),
        versions,
    };
    planner.run(forced)?;
    Ok(planner.sequence)
}

struct Planner<'p> {
    plan: &'p Plan,
    pieces: &'p [Piece],
    /// Whether the dev stack gets a new key, whose ID is not known yet.
    key_changes: bool,
    versions: Vec<Versions>,
    current: Vec<Version>,
    /// Whether every stack was read.
    sees_all: bool,
    before: Rc<Faults>,
    after: Rc<Faults>,
    /// Cache of the proofs: a state is proven before a step leads to it.
    proven: RefCell<HashMap<Vec<Version>, Rc<Faults>>>,
    sequence: Sequence,
}

impl Planner<'_> {
    fn run(&mut self, forced: bool) -> Result<(), String> {
        let selected = |side: fn(&Side) -> bool| -> Vec<usize> {
            let pieces = self.pieces.iter().enumerate();
            pieces
                .filter(|(_, piece)| piece.is_selected && side(&piece.side))
                .map(|(number, _)| number)
                .collect()
        };
        let regions = selected(|side| matches!(side, Side::Region(_)));
        let targets = selected(|side| matches!(side, Side::Target(_)));
        let pipelines = selected(|side| matches!(side, Side::Pipeline(_)));
        let dev = selected(|side| *side == Side::Dev);
        let can_prove = self.pieces.iter().all(|piece| {
            !matches!(piece.found, Found::Unknown { .. }) || matches!(piece.side, Side::Target(_))
        });
        if can_prove {
            self.before = self.faults(&self.current)?;
            self.after = self.faults(&vec![Version::New; self.pieces.len()])?;
            let is_known = |piece: &Piece| !matches!(piece.found, Found::Unknown { .. });
            self.sees_all = self.pieces.iter().all(is_known);
            self.sequence.is_proven = self.sees_all;
            self.sequence.is_broken_before = self.sees_all && self.before.has_denials();
        }
        self.leaving();
        self.conflicts();
        if !dev.is_empty() && self.dev_first(&pipelines) {
            self.step(&dev, Version::Both, can_prove)?;
        }
        self.sequence.needs_dev = dev.is_empty() && self.dev_first(&[]);
        let mut pending = Vec::new();
        for group in [&regions, &targets] {
            let direct = self.can_finish(group, can_prove)?;
            if direct {
                self.step(group, Version::New, can_prove)?;
                continue;
            }
            let (two, one): (Vec<usize>, Vec<usize>) =
                (group.iter().copied()).partition(|piece| self.versions[*piece].both.is_some());
            self.step(&one, Version::New, can_prove)?;
            // Stacks that only lose permissions can wait until after the switch.
            let are_current =
                |piece: &usize| self.pieces[*piece].set().is_none_or(|set| set.are_current);
            let waits = self.sees_all
                && !dev.is_empty()
                && two.iter().all(are_current)
                && self.works_with(&[&pipelines[..], &dev[..]].concat(), Version::New)?;
            if !waits {
                self.step(&two, Version::Both, can_prove)?;
            }
            pending.push(two);
        }
        self.sequence.dev_waits = !dev.is_empty()
            && !forced
            && self.dev_must_wait(&[&pipelines[..], &dev[..]].concat(), can_prove)?;
        if !self.sequence.dev_waits {
            self.step(&pipelines, Version::New, can_prove)?;
            if self.versions[0].switched.is_some() {
                self.step(&dev, Version::Switched, can_prove)?;
            }
            self.step(&dev, Version::New, can_prove)?;
        }
        self.sequence.dev_is_behind = dev.is_empty()
            && match self.pieces[0].found {
                Found::Unknown { is_recorded } => !is_recorded,
                _ => self.pieces[0].changes(),
            };
        // A target that cannot be read is assumed to keep its old access until it is deployed after
        // the switch.
        let keeps_old = !dev.is_empty() && !self.sequence.dev_waits && self.targets_are_needed();
        let pieces = self.pieces.iter().enumerate();
        self.sequence.waiting = pieces
            .filter(|(_, piece)| !piece.is_selected && piece.side != Side::Dev)
            .filter(|(_, piece)| match &piece.found {
                // The template does not show the key of the stack.
                Found::Deployed(deployed) => {
                    piece.changes() || self.key_changes && deployed.parameters.contains_key(KEY_ID)
                }
                Found::Unknown { is_recorded } => !is_recorded || self.key_changes || keeps_old,
                Found::Absent | Found::Foreign(_) => true,
            })
            .map(|(number, _)| number)
            .collect();
        for group in pending.into_iter().rev() {
            if dev.is_empty() && !self.can_finish(&group, can_prove)? || self.sequence.dev_waits {
                self.sequence.held.extend(group);
            } else {
                self.step(&group, Version::New, can_prove)?;
            }
        }
        Ok(())
    }

    /// Returns whether the dev stack must get its additions before the other stacks are deployed.
    /// The other stacks need the ID of a new key, a trust policy can name only an existing role,
    /// and additional pipelines switch before the first one.
    fn dev_first(&self, pipelines: &[usize]) -> bool {
        let dev = &self.pieces[0];
        let versions = &self.versions[0];
        let Some(deployed) = dev.deployed().filter(|_| versions.both_changes) else {
            return false;
        };
        if !pipelines.is_empty() {
            return true;
        }
        let is_new = |resource: &&Resource| deployed.template.resource(&resource.id).is_none();
        let mut added = versions.new.resources.iter().filter(is_new);
        added.any(|resource| match resource.kind.as_str() {
            "AWS::KMS::Key" => true,
            "AWS::IAM::Role" => {
                let name = resource.properties.field("RoleName");
                let name = name.and_then(Value::as_text).unwrap_or_default();
                let mut targets = self.pieces.iter();
                targets
                    .any(|piece| matches!(piece.side, Side::Target(_)) && trusts(&piece.new, name))
            }
            _ => false,
        })
    }

    /// Adds a step for each piece and proves the resulting state.
    fn step(&mut self, group: &[usize], version: Version, can_prove: bool) -> Result<(), String> {
        let before = self.sequence.moves.len();
        for piece in group {
            let versions = &self.versions[*piece];
            let template = versions.template(version).unwrap_or(&versions.new);
            // Steps that an interrupted run completed are skipped. The last step of each stack is
            // not skipped, because the stack's tags may change even if the stack already has its
            // new template. The template of a stack set does not show whether all of its instances
            // have it.
            let is_done = match version {
                Version::Both => !versions.both_changes && !self.pieces[*piece].is_set,
                Version::Switched => versions
                    .switched
                    .as_ref()
                    .is_some_and(|(_, changes)| !changes),
                Version::New | Version::Deployed => false,
            };
            self.current[*piece] = version;
            self.sequence.is_switched |= is_done && version == Version::Switched;
            let is_dev = self.pieces[*piece].side == Side::Dev;
            if is_done && version == Version::Both && !is_dev {
                self.sequence.ready.push(*piece);
            }
            if !is_done {
                let is_dev_first = version == Version::Both && is_dev;
                self.sequence.moves.push(Move {
                    adds_key: is_dev_first && key_changes(&self.pieces[*piece]),
                    key: self.pieces[*piece]
                        .key
                        .clone()
                        .filter(|_| !self.key_changes),
                    piece: *piece,
                    version,
                    template: Arc::clone(template),
                });
            }
        }
        let after = self.sequence.moves.len();
        if can_prove && after > before {
            let found = self.faults(&self.current)?;
            let faults: Vec<Fault> = found
                .beyond(&self.before, &self.after)
                .into_iter()
                .cloned()
                .collect();
            if !faults.is_empty() {
                self.sequence.breaks.push(Break {
                    after: after - 1,
                    faults,
                });
            }
        }
        Ok(())
    }

    /// Returns whether the deployed pipeline works if a group of stacks has this version.
    fn works_with(&self, group: &[usize], version: Version) -> Result<bool, String> {
        let mut next = self.current.clone();
        for piece in group {
            next[*piece] = version;
        }
        let found = self.faults(&next)?;
        Ok(found.beyond(&self.before, &self.after).is_empty())
    }

    /// Returns whether a group of stacks can get their new templates, which grant no more than the
    /// new pipeline needs.
    fn can_finish(&self, group: &[usize], can_prove: bool) -> Result<bool, String> {
        if !can_prove {
            return Ok(self.dev_is_switched());
        }
        // A target that cannot be read may use any part of the other stacks until the pipeline has
        // switched.
        let is_switched = matches!(self.current[0], Version::Switched | Version::New);
        if !self.sees_all && !is_switched && self.pieces[0].changes() {
            return Ok(false);
        }
        self.works_with(group, Version::New)
    }

    /// Returns whether the dev stack cannot be read, but is recorded with the new template.
    fn dev_is_switched(&self) -> bool {
        matches!(
            self.pieces.first().map(|dev| &dev.found),
            Some(Found::Unknown { is_recorded: true })
        )
    }

    /// Returns whether all targets that cannot be read are recorded as deployed.
    fn hidden_targets_are_ready(&self) -> bool {
        self.pieces
            .iter()
            .filter(|piece| matches!(piece.side, Side::Target(_)))
            .all(|piece| match piece.found {
                // The recorded deployments cannot include a key that does not exist yet.
                Found::Unknown { is_recorded } => is_recorded && !self.key_changes,
                _ => true,
            })
    }

    /// Returns whether the switch changes a property that the pipeline and its targets must agree
    /// on.
    fn targets_are_needed(&self) -> bool {
        let dev = &self.pieces[0];
        let Some(deployed) = dev.deployed() else {
            return true;
        };
        interface(&deployed.template) != interface(&self.versions[0].new)
    }

    /// Returns whether the pipeline cannot switch yet, according to the targets that can be read or
    /// are recorded.
    fn dev_must_wait(&self, switch: &[usize], can_prove: bool) -> Result<bool, String> {
        if !self.hidden_targets_are_ready() && self.targets_are_needed() {
            return Ok(true);
        }
        Ok(can_prove && self.unselected_are_behind(switch)?)
    }

    /// Returns whether the pipeline would not work after the switch because of readable stacks that
    /// are not selected.
    fn unselected_are_behind(&self, switch: &[usize]) -> Result<bool, String> {
        let mut others = self.pieces.iter();
        if others.all(|piece| piece.is_selected) {
            return Ok(false);
        }
        Ok(!self.works_with(switch, Version::New)?)
    }

    /// Records the protected resources that are removed from their stacks.
    fn leaving(&mut self) {
        for (number, piece) in self.pieces.iter().enumerate() {
            let Some(deployed) = piece.deployed().filter(|_| piece.is_selected) else {
                continue;
            };
            let gone = merge::leaving(
                &deployed.template,
                &self.versions[number].new,
                piece.place(),
            );
            let gone = gone.into_iter().map(|(resource, name)| Leaving {
                piece: number,
                id: resource.id.clone(),
                kind: resource.kind.clone(),
                is_retained: resource.retained,
                name,
            });
            self.sequence.leaving.extend(gone);
            self.sequence.leaving.extend(renamed_pipeline(
                number,
                &deployed.template,
                &self.versions[number].new,
            ));
        }
    }

    /// Records the names in new templates that another stack already uses.
    fn conflicts(&mut self) {
        let owners = owners(self.pieces);
        for (number, piece) in self.pieces.iter().enumerate() {
            if !piece.is_selected {
                continue;
            }
            for name in names(&self.versions[number].new, &piece.instances) {
                if let Some(owner) = owners.get(&name).filter(|owner| **owner != number) {
                    self.sequence.conflicts.push(Conflict {
                        piece: number,
                        owner: *owner,
                        kind: name.0,
                        name: name.1,
                    });
                }
            }
        }
    }

    /// Returns the faults of a state.
    fn faults(&self, current: &[Version]) -> Result<Rc<Faults>, String> {
        if let Some(found) = self.proven.borrow().get(current) {
            return Ok(Rc::clone(found));
        }
        let found = Rc::new(state::faults(self.plan, &self.stacks(current))?);
        let mut proven = self.proven.borrow_mut();
        proven.insert(current.to_vec(), Rc::clone(&found));
        Ok(found)
    }

    /// Returns the stacks of a state.
    fn stacks(&self, current: &[Version]) -> Vec<StackState> {
        let mut stacks = Vec::new();
        let templates: Vec<Option<&Template>> =
            (self.pieces.iter().zip(&self.versions).zip(current))
                .map(|((piece, versions), version)| {
                    let deployed = piece.deployed().map(|deployed| &deployed.template);
                    versions.template(*version).map(|one| &**one).or(deployed)
                })
                .collect();
        let started = started(self.pieces, &templates);
        let all = self.pieces.iter().zip(&self.versions).zip(current);
        for (((piece, versions), version), is_started) in all.zip(started) {
            let is_dev = piece.side == Side::Dev;
            let is_switched = matches!(current.first(), Some(Version::Switched | Version::New));
            if !is_started {
                continue;
            }
            let template = versions.template(*version);
            let mut parameters = BTreeMap::new();
            let text: Arc<str> = match (template, &piece.found) {
                (Some(template), _) => {
                    // The new key, unless it does not exist yet.
                    if let Some(key) = piece.key.as_ref().filter(|_| !self.key_changes) {
                        parameters.insert(KEY_ID.to_owned(), key.clone());
                    }
                    template.to_json().to_string().into()
                }
                (None, Found::Deployed(deployed)) => {
                    parameters.clone_from(&deployed.parameters);
                    Arc::clone(&deployed.text)
                }
                (None, _) => continue,
            };
            if is_dev {
                parameters = state::with_pipeline();
            }
            let key_ids = match piece.deployed() {
                Some(deployed) if is_dev => deployed.key_ids(),
                _ => BTreeMap::new(),
            };
            let target = match piece.side {
                Side::Target(number) => self.plan.targets.get(number),
                _ => None,
            };
            // The new setting applies after the switch. Before the switch, the deployed template
            // must also have the setting.
            let held_before = || {
                let deployed = piece.deployed();
                deployed.is_some_and(|deployed| deployed.text.contains("s3:PutObjectTagging"))
            };
            let tagged_objects = target.is_some_and(|target| target.tagged_objects)
                && (is_switched || held_before());
            stacks.push(StackState {
                tagged_objects,
                name: piece.name.clone(),
                side: piece.side.clone(),
                instances: places(piece, *version),
                text,
                parameters,
                key_ids,
            });
        }
        stacks
    }
}

/// Returns the deployed pipeline if the new template replaces it. A replaced pipeline loses its
/// history.
fn renamed_pipeline(piece: usize, deployed: &Template, new: &Template) -> Option<Leaving> {
    let (pipeline, old) = pipeline(deployed)?;
    let (_, new) = self::pipeline(new)?;
    (old != new).then_some(Leaving {
        piece,
        id: pipeline.id.clone(),
        kind: pipeline.kind.clone(),
        name: Some(old.to_owned()),
        is_retained: false,
    })
}

/// Returns whether a role in a template trusts the role with this name.
fn trusts(template: &Template, name: &str) -> bool {
    let mut resources = template.resources.iter();
    !name.is_empty()
        && resources.any(|resource| {
            let trust = resource.properties.field("AssumeRolePolicyDocument");
            trust.is_some_and(|trust| trust.to_json().to_string().contains(name))
        })
}
