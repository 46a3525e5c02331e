//! What is granted and no call of the run needs: for every statement the calls that it serves,
//! and the actions beyond them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decided::{Decided, Verdict};
use super::world::World;
use crate::policy::document::{Effect, PrincipalId, Statement, reference};
use crate::run::Place;
use crate::run::landscape::{Key, PolicyId};

/// What an Allow statement is good for.
#[derive(Debug, Clone)]
pub struct StatementUse {
    /// Where it stands.
    pub place: Place,
    /// The resource of the template that has it.
    pub resource: String,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// The calls of the run that it allows.
    pub serves: Vec<String>,
    /// The actions that it grants beyond them; of a service that the reference does not have, as
    /// they are written.
    pub excess: Vec<String>,
    /// Why that is as it should be.
    pub documented: Option<&'static str>,
}

impl StatementUse {
    /// Whether it grants what no call needs, or serves none, without a documented reason.
    pub(crate) fn is_unexplained(&self) -> bool {
        self.documented.is_none() && (self.serves.is_empty() || !self.excess.is_empty())
    }
}

/// An action that its service does not have.
#[derive(Debug, Clone)]
pub struct UnknownAction {
    /// Where it stands.
    pub place: Place,
    /// The resource of the template that has it.
    pub resource: String,
    /// What is written.
    pub action: String,
    /// What was probably meant.
    pub near: Option<&'static str>,
}

/// What the statements of the templates grant beyond the run.
#[derive(Debug, Clone, Default)]
pub struct Excess {
    /// Every Allow statement.
    pub statements: Vec<StatementUse>,
    /// Actions that no service has.
    pub unknown: Vec<UnknownAction>,
}

impl Excess {
    /// The statements that grant what neither a call needs nor a documented reason explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &StatementUse> {
        let statements = self.statements.iter();
        statements.filter(|found| found.is_unexplained())
    }
}

/// What the statements serve: filled call by call.
#[derive(Debug, Default)]
pub(super) struct Served(BTreeMap<(PolicyId, usize), Uses>);

/// The uses of a statement.
#[derive(Debug, Default)]
struct Uses {
    /// The calls, of alike ones the first.
    calls: Vec<String>,
    /// Their actions, in lower case.
    actions: BTreeSet<String>,
}

impl Served {
    /// Notes what a call was decided by. One that is like another needs no name of its own.
    pub(super) fn add(&mut self, decided: &Decided, is_alike: bool) {
        if matches!(decided.verdict, Verdict::Denied | Verdict::NotGranted) {
            return;
        }
        let action = &decided.call.action;
        for decisive in &decided.decisive {
            let uses = self.0.entry(decisive.statement).or_default();
            let mut known = uses.actions.iter();
            if !known.any(|known| known.eq_ignore_ascii_case(action)) {
                uses.actions.insert(action.to_ascii_lowercase());
            }
            if !is_alike {
                uses.calls.push(decided.call.id.clone());
            }
        }
    }
}

/// Compares what is granted with what the calls need.
///
/// The policies of a template that serves several instances are told once: what one of its
/// instances needs is no excess.
pub(super) fn excess(world: &World<'_>, served: &Served, administrators: &[String]) -> Excess {
    // By place, in the order of the first policy that stands there.
    let mut order: Vec<(PolicyId, usize, Uses)> = Vec::new();
    let mut by_place: HashMap<(usize, usize, usize), usize> = HashMap::new();
    for (id, held) in world.policies.iter().enumerate() {
        // What the proof assumes is nobody's.
        if !held.given {
            continue;
        }
        for number in 0..held.document.solid.statements.len() {
            let uses = served.0.get(&(id, number));
            let place = (held.place.file, held.place.span.start, number);
            let at = *by_place.entry(place).or_insert_with(|| {
                order.push((id, number, Uses::default()));
                order.len() - 1
            });
            if let Some(uses) = uses {
                let all = &mut order[at].2;
                all.calls.extend_from_slice(&uses.calls);
                all.actions.extend(uses.actions.iter().cloned());
            }
        }
    }
    let mut found = Excess::default();
    for (id, number, uses) in order {
        let held = &world.policies[id];
        let policy = &held.document.solid;
        let statement = &policy.statements[number];
        for pattern in &statement.actions.patterns {
            if reference::expand(pattern).is_some_and(|actions| actions.is_empty()) {
                found.unknown.push(UnknownAction {
                    place: held.at(pattern.span),
                    resource: held.resource.clone(),
                    action: pattern.text.clone(),
                    near: reference::near(&pattern.text),
                });
            }
        }
        // What a file of the user's allows beyond the run is not the templates'.
        if statement.effect == Effect::Deny || held.place.file >= world.templates {
            continue;
        }
        found.statements.push(StatementUse {
            place: held.at(statement.span),
            resource: held.resource.clone(),
            sid: statement.sid.clone().filter(|sid| !sid.is_empty()),
            excess: beyond(statement, &uses.actions),
            serves: uses.calls,
            documented: documented(
                world.land.keys.iter().find(|key| key.policy == id),
                statement,
                administrators,
            ),
        });
    }
    found
}

/// The actions that a statement grants and none of its calls needs.
fn beyond(statement: &Statement, needed: &BTreeSet<String>) -> Vec<String> {
    let mut listed: BTreeMap<&'static str, &'static reference::Action> = BTreeMap::new();
    let mut unknown = Vec::new();
    for pattern in &statement.actions.patterns {
        match reference::expand(pattern) {
            Some(actions) => {
                listed.extend(actions.into_iter().map(|action| (&*action.name, action)));
            }
            // No call of a run goes to a service that the reference does not have.
            None if !statement.actions.negated => unknown.push(pattern.text.clone()),
            None => {}
        }
    }
    let fits = fitting(statement);
    let granted: Vec<&'static reference::Action> = if statement.actions.negated {
        reference::all()
            .filter(|action| !listed.contains_key(&*action.name))
            .collect()
    } else {
        listed.into_values().collect()
    };
    granted
        .into_iter()
        .filter(|action| !needed.contains(&action.lower) && fits(action))
        .map(|action| action.name.clone())
        .chain(unknown)
        .collect()
}

/// Whether an action works on what the statement's resources can be: one on buckets is nothing
/// where only objects are named.
fn fitting(statement: &Statement) -> impl Fn(&reference::Action) -> bool {
    let resources = statement.resources.iter();
    let patterns = resources
        .filter(|resources| !resources.negated)
        .flat_map(|resources| &resources.patterns);
    let texts: Vec<&str> = patterns.map(|pattern| pattern.text.as_str()).collect();
    let only_s3 = !texts.is_empty() && texts.iter().all(|text| text.contains(":s3:::"));
    let objects = texts
        .iter()
        .any(|text| text.contains('/') || text.ends_with('*'));
    let buckets = texts.iter().any(|text| !text.contains('/'));
    move |action| {
        if !only_s3 {
            return true;
        }
        let works_on = |kind: &str| action.resources.iter().any(|resource| resource == kind);
        action.lower.starts_with("s3:")
            && ((objects && works_on("object")) || (buckets && works_on("bucket")))
    }
}

/// Why a statement may grant more than the run needs.
fn documented(
    key: Option<&Key>,
    statement: &Statement,
    administrators: &[String],
) -> Option<&'static str> {
    let entries = &statement.principal.as_ref()?.entries;
    // Only of a key, and only for the account that owns it.
    let owner = &key?.account;
    let all = |test: &dyn Fn(&crate::policy::document::PrincipalEntry) -> bool| {
        !entries.is_empty() && entries.iter().all(test)
    };
    if statement.conditions.is_empty()
        && all(&|entry| matches!(&entry.id, PrincipalId::Account(account) if account == owner))
        && statement
            .actions
            .patterns
            .iter()
            .any(|pattern| pattern.text == "kms:*")
    {
        return Some("account administration: without it the key could lock out everybody");
    }
    if all(&|entry| administrators.contains(&entry.text)) {
        return Some("the key's administrators, as configured");
    }
    None
}
