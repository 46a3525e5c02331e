//! Policies: principals that are dead, and statements that are missing, changed or too many.

use serde_json::Value as Json;

use super::super::compare::{Difference, compare, sid, statements};
use super::super::finding::{Fix, Rule};
use super::{Block, Cause, Checks, Thing};
use crate::diagnostic::Span;
use crate::policy::document::{PrincipalEntry, PrincipalId};

/// A policy that is compared.
pub(super) struct Subject<'s> {
    pub(super) rule: Rule,
    pub(super) of: Thing<'s>,
    /// `bucket policy`, `trust policy`, `managed policy x`.
    pub(super) what: String,
    pub(super) block: Block,
    /// Name that AWS's messages have.
    pub(super) name: &'s str,
    /// Commands that put it again.
    pub(super) put: Vec<Fix>,
    /// Number of the stack whose template has the policy.
    pub(super) stack: usize,
}

impl Subject<'_> {
    /// How to add statements: what to add, and the commands that put the whole policy.
    fn additions(&self, statements: Vec<Json>) -> impl Iterator<Item = Fix> {
        let to = format!("the {} of {}", self.what, self.of.shown);
        let add = move |statement| Fix::Add {
            to: to.clone(),
            statement,
        };
        statements.into_iter().map(add).chain(self.put.clone())
    }
}

impl Checks<'_> {
    /// Compares a policy; says whether it names a dead principal.
    pub(super) fn policy(
        &mut self,
        subject: &Subject<'_>,
        expected: Option<&Json>,
        live: &Json,
    ) -> Option<&mut Cause> {
        let mut difference =
            expected.map_or_else(Difference::default, |expected| compare(expected, live));
        let dead: Vec<String> = statements(live).iter().flat_map(dead_principals).collect();
        // What the dead principal stands in for is told once.
        let mut repaired: Vec<Json> = Vec::new();
        difference.changed.retain(|(expected, live)| {
            let is_dead = !dead_principals(live).is_empty();
            if is_dead {
                repaired.push(expected.clone());
            }
            !is_dead
        });
        let named_dead = |statement: &Json| !dead_principals(statement).is_empty();
        if difference.extra.iter().any(named_dead) {
            difference.extra.retain(|statement| !named_dead(statement));
            repaired.append(&mut difference.missing);
        }
        if !difference.is_none() {
            self.different(subject, &difference);
        }
        if dead.is_empty() {
            return None;
        }
        Some(self.dead(subject, &dead, repaired))
    }

    fn dead(&mut self, subject: &Subject<'_>, dead: &[String], repaired: Vec<Json>) -> &mut Cause {
        let ids = dead
            .iter()
            .map(|id| format!("`{id}`"))
            .collect::<Vec<String>>()
            .join(", ");
        let meant: Vec<String> = repaired.iter().flat_map(named_principals).collect();
        let who = match meant.as_slice() {
            [] => "a role or user that was deleted".to_owned(),
            [one] => self.fate(one, dead),
            several => format!("one of {}", several.join(", ")),
        };
        let what = &subject.what;
        let message = format!("its {what} names {ids}, which nobody is any more: {who}");
        let unchanged = self.is_unchanged(subject.stack);
        // The calls that fail by it make it an error.
        let cause = self.warn(Rule::DeadPrincipal, subject.of.clone(), message);
        cause.blocking(subject.block.clone()).named(subject.name);
        for id in meant {
            cause.named(&id);
        }
        if repaired.is_empty() {
            cause.advise("take the statement out, or name who is meant by its ARN");
        } else {
            cause.advise(match unchanged {
                true => {
                    "the template has not changed, so deploying it again changes nothing: write the \
                     policy again, with"
                }
                false => "write the policy again, with",
            });
        }
        cause.fixes(subject.additions(repaired))
    }

    /// What became of the role that a dead principal was.
    fn fate(&self, arn: &str, dead: &[String]) -> String {
        use super::super::live::Reading;
        match self.live.roles.get(arn) {
            Some(Reading::Read(role)) if !dead.contains(&role.id) => {
                format!("{arn} was deleted and made again, and is `{}` now", role.id)
            }
            Some(Reading::Missing) => format!("{arn} was deleted"),
            _ => format!("{arn} was deleted, and perhaps made again"),
        }
    }

    fn different(&mut self, subject: &Subject<'_>, difference: &Difference) {
        let mut said = Vec::new();
        if !difference.missing.is_empty() {
            said.push(format!("lacks {}", named(difference.missing.iter())));
        }
        if !difference.changed.is_empty() {
            let changed = difference.changed.iter().map(|(_, live)| live);
            said.push(format!("has another form of {}", named(changed)));
        }
        if !difference.extra.is_empty() {
            said.push(format!(
                "has {} that no template has",
                named(difference.extra.iter())
            ));
        }
        let whole: Vec<Json> = difference.wanted().cloned().collect();
        let message = format!("its {} {}", subject.what, said.join(", and "));
        let unchanged = self.is_unchanged(subject.stack);
        let cause = self.warn(subject.rule, subject.of.clone(), message);
        cause.blocking(subject.block.clone()).named(subject.name);
        if whole.is_empty() {
            cause.advise("remove the statement, or add it to the configuration");
        } else {
            cause.advise(match unchanged {
                true => {
                    "the template has not changed, so deploying it again does not bring it back"
                }
                false => "put the statements of the deployed template back",
            });
        }
        cause.fixes(subject.additions(whole));
    }
}

fn named<'s>(statements: impl Iterator<Item = &'s Json>) -> String {
    let mut names = Vec::new();
    let mut nameless = 0;
    for statement in statements {
        match sid(statement) {
            Some(sid) => names.push(format!("`{sid}`")),
            None => nameless += 1,
        }
    }
    let kind = if names.len() + nameless == 1 {
        "the statement"
    } else {
        "the statements"
    };
    match (names.is_empty(), nameless) {
        (false, 0) => format!("{kind} {}", names.join(", ")),
        (false, more) => format!("{kind} {} and {more} without a Sid", names.join(", ")),
        (true, 1) => "a statement without a Sid".to_owned(),
        (true, more) => format!("{more} statements without a Sid"),
    }
}

fn aws_principals(statement: &Json) -> Vec<String> {
    let listed = match &statement["Principal"] {
        Json::Object(kinds) => kinds.get("AWS").cloned().unwrap_or_default(),
        other => other.clone(),
    };
    match listed {
        Json::String(text) => vec![text],
        Json::Array(items) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// Unique IDs of deleted roles and users that a statement names.
fn dead_principals(statement: &Json) -> Vec<String> {
    let mut found = aws_principals(statement);
    found.retain(|text| {
        PrincipalEntry::parse("AWS", text, Span::default())
            .is_ok_and(|entry| entry.id == PrincipalId::UniqueId)
    });
    found
}

/// Roles and users that a statement names.
fn named_principals(statement: &Json) -> Vec<String> {
    let mut found = aws_principals(statement);
    found.retain(|text| text.contains(":role/") || text.contains(":user/"));
    found
}
