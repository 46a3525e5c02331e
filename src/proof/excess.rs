//! What is granted and no call of the run needs: for every statement the calls that it serves,
//! and the actions beyond them.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Decided, Verdict};
use super::reference;
use super::world::{Place, PolicyId, World};
use crate::iam::{ActionPattern, Effect, PolicyKind, PrincipalId, Statement};

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
    /// The actions that it grants beyond them.
    pub excess: Vec<&'static str>,
    /// Why that is as it should be.
    pub documented: Option<&'static str>,
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
    /// The statements with actions that neither a call needs nor a documented reason explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &StatementUse> {
        let statements = self.statements.iter();
        statements.filter(|found| !found.excess.is_empty() && found.documented.is_none())
    }
}

/// Compares what is granted with what the calls need.
pub(super) fn excess(world: &World<'_>, calls: &[Decided], administrators: &[String]) -> Excess {
    let mut served: BTreeMap<(PolicyId, usize), Vec<&Decided>> = BTreeMap::new();
    for decided in calls {
        if decided.verdict == Verdict::Denied {
            continue;
        }
        for decisive in &decided.decisive {
            served.entry(decisive.statement).or_default().push(decided);
        }
    }
    let mut found = Excess::default();
    for (id, held) in world.policies.iter().enumerate() {
        // Files of the user's, and what the proof assumes, are not the templates'.
        if !held.given || held.file >= world.templates {
            continue;
        }
        let policy = &held.document.solid;
        for (number, statement) in policy.statements.iter().enumerate() {
            for pattern in &statement.actions.patterns {
                if reference::expand(pattern.text.to_ascii_lowercase().as_str())
                    .is_some_and(|actions| actions.is_empty())
                {
                    found
                        .unknown
                        .push(unknown(held.file, &held.resource, pattern));
                }
            }
            if statement.effect == Effect::Deny {
                continue;
            }
            let calls = served.get(&(id, number)).map_or(&[][..], Vec::as_slice);
            found.statements.push(StatementUse {
                place: Place {
                    file: held.file,
                    span: statement.span,
                },
                resource: held.resource.clone(),
                sid: statement.sid.clone().filter(|sid| !sid.is_empty()),
                serves: calls
                    .iter()
                    .map(|decided| decided.call.id.clone())
                    .collect(),
                excess: beyond(statement, calls),
                documented: documented(policy.kind, statement, administrators),
            });
        }
    }
    found
}

fn unknown(file: usize, resource: &str, pattern: &ActionPattern) -> UnknownAction {
    UnknownAction {
        place: Place {
            file,
            span: pattern.span,
        },
        resource: resource.to_owned(),
        action: pattern.text.clone(),
        near: reference::near(&pattern.text),
    }
}

/// The actions that a statement grants and none of its calls needs.
fn beyond(statement: &Statement, calls: &[&Decided]) -> Vec<&'static str> {
    let needed: BTreeSet<String> = calls
        .iter()
        .map(|decided| decided.call.action.to_ascii_lowercase())
        .collect();
    let mut listed: BTreeMap<&'static str, &'static reference::Action> = BTreeMap::new();
    for pattern in &statement.actions.patterns {
        let actions = reference::expand(&pattern.text.to_ascii_lowercase()).unwrap_or_default();
        listed.extend(
            actions
                .into_iter()
                .map(|action| (action.name.as_str(), action)),
        );
    }
    let fits = fitting(statement);
    let granted: Vec<&'static reference::Action> = if statement.actions.negated {
        let all = reference::expand("*").unwrap_or_default().into_iter();
        all.filter(|action| !listed.contains_key(action.name.as_str()))
            .collect()
    } else {
        listed.into_values().collect()
    };
    granted
        .into_iter()
        .filter(|action| !needed.contains(&action.lower) && fits(action))
        .map(|action| action.name.as_str())
        .collect()
}

/// Whether an action works on what the statement's resources can be: one on buckets is nothing
/// where only objects are named.
fn fitting(statement: &Statement) -> impl Fn(&reference::Action) -> bool {
    let patterns = statement
        .resources
        .as_ref()
        .filter(|resources| !resources.negated);
    let texts: Vec<&str> = patterns.map_or(Vec::new(), |resources| {
        resources
            .patterns
            .iter()
            .map(|pattern| pattern.text.as_str())
            .collect()
    });
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
    kind: PolicyKind,
    statement: &Statement,
    administrators: &[String],
) -> Option<&'static str> {
    let entries = &statement.principal.as_ref()?.entries;
    if kind != PolicyKind::Key {
        return None;
    }
    let all = |test: &dyn Fn(&crate::iam::PrincipalEntry) -> bool| {
        !entries.is_empty() && entries.iter().all(test)
    };
    if statement.conditions.is_empty()
        && all(&|entry| matches!(entry.id, PrincipalId::Account(_)))
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
