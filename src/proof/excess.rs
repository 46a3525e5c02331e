//! Finds unnecessary grants: the calls that each statement serves, and the actions that it grants
//! beyond them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decided::{Decided, Verdict};
use super::world::World;
use crate::policy::document::{Effect, PrincipalId, Statement, reference};
use crate::run::Place;
use crate::run::landscape::{Key, PolicyId};

/// The use of an Allow statement.
#[derive(Debug, Clone)]
pub struct StatementUse {
    /// Its location.
    pub place: Place,
    /// The template resource that contains it.
    pub resource: String,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// The calls of an execution that it allows.
    pub serves: Vec<String>,
    /// The actions that it grants beyond those calls. If the reference does not contain the
    /// service, the actions are listed as written.
    pub excess: Vec<String>,
    /// The documented reason for the excess.
    pub documented: Option<&'static str>,
}

impl StatementUse {
    /// Returns whether the statement serves no call or grants more than the calls need, without a
    /// documented reason.
    pub(crate) fn is_unexplained(&self) -> bool {
        self.documented.is_none() && (self.serves.is_empty() || !self.excess.is_empty())
    }
}

/// An action that does not exist in its service.
#[derive(Debug, Clone)]
pub struct UnknownAction {
    /// Its location.
    pub place: Place,
    /// The template resource that contains it.
    pub resource: String,
    /// The action as written.
    pub action: String,
    /// The action that was probably intended.
    pub near: Option<&'static str>,
}

/// The grants of the templates, compared with the needs of an execution.
#[derive(Debug, Clone, Default)]
pub struct Excess {
    /// Every Allow statement.
    pub statements: Vec<StatementUse>,
    /// Actions that do not exist.
    pub unknown: Vec<UnknownAction>,
}

impl Excess {
    /// Returns the statements with grants that neither a call nor a documented reason explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &StatementUse> {
        let statements = self.statements.iter();
        statements.filter(|found| found.is_unexplained())
    }
}

/// The calls that each statement serves, collected call by call.
#[derive(Debug, Default)]
pub(super) struct Served(BTreeMap<(PolicyId, usize), Uses>);

/// The uses of a statement.
#[derive(Debug, Default)]
struct Uses {
    /// The calls. Only the first of several equivalent calls is listed.
    calls: Vec<String>,
    /// Their actions, in lowercase.
    actions: BTreeSet<String>,
}

impl Served {
    /// Records the statements that decided a call. The ID of a call that is equivalent to an
    /// earlier one is not listed.
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

/// Compares the grants with the needs of the calls.
///
/// The policies of a template with several instances are reported once. An action is not excess if
/// any instance needs it.
pub(super) fn excess(world: &World<'_>, served: &Served, administrators: &[String]) -> Excess {
    // One entry per location, in the order of the first policy at each location.
    let mut order: Vec<(PolicyId, usize, Uses)> = Vec::new();
    let mut by_place: HashMap<(usize, usize, usize), usize> = HashMap::new();
    for (id, held) in world.policies.iter().enumerate() {
        // Skip the policies that the proof assumes.
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
        // Only Allow statements in templates can have excess.
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

/// Returns the actions that a statement grants and that none of its calls needs.
fn beyond(statement: &Statement, needed: &BTreeSet<String>) -> Vec<String> {
    let mut listed: BTreeMap<&'static str, &'static reference::Action> = BTreeMap::new();
    let mut unknown = Vec::new();
    for pattern in &statement.actions.patterns {
        match reference::expand(pattern) {
            Some(actions) => {
                listed.extend(actions.into_iter().map(|action| (&*action.name, action)));
            }
            // No call of an execution uses a service that the reference does not contain.
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

/// Returns a test for whether an action can apply to the statement's resources. For example, a
/// bucket action cannot apply to a statement that lists only objects.
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

/// Returns the documented reason why a statement may grant more than an execution needs.
fn documented(
    key: Option<&Key>,
    statement: &Statement,
    administrators: &[String],
) -> Option<&'static str> {
    let entries = &statement.principal.as_ref()?.entries;
    // Such reasons exist only for key policies.
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
        return Some("account administration: without it, the key can become unmanageable");
    }
    if all(&|entry| administrators.contains(&entry.text)) {
        return Some("the configured key administrators");
    }
    None
}
