//! Checks of policies: deleted principals, and missing, changed, or unexpected statements.

use serde_json::Value as Json;

use super::super::compare::{Difference, compare, sid, statements};
use super::super::finding::{Fix, Rule};
use super::{Block, Cause, Checks, Thing};
use crate::diagnostic::Span;
use crate::policy::document::{PrincipalEntry, PrincipalId};

/// A policy to compare.
pub(super) struct Subject<'s> {
    pub(super) rule: Rule,
    pub(super) of: Thing<'s>,
    /// Its description, such as `bucket policy`, `trust policy`, or `managed policy x`.
    pub(super) what: String,
    pub(super) block: Block,
    /// The name in AWS error messages.
    pub(super) name: &'s str,
    /// The commands that restore it.
    pub(super) put: Vec<Fix>,
    /// Index of the stack whose template contains the policy.
    pub(super) stack: usize,
}

impl Subject<'_> {
    /// Returns the statements to add and the commands that write the whole policy.
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
    /// Compares a policy. Returns the cause for deleted principals, if the policy names any.
    pub(super) fn policy(
        &mut self,
        subject: &Subject<'_>,
        expected: Option<&Json>,
        live: &Json,
    ) -> Option<&mut Cause> {
        let mut difference =
            expected.map_or_else(Difference::default, |expected| compare(expected, live));
        let dead: Vec<String> = statements(live).iter().flat_map(dead_principals).collect();
        // A statement that names a deleted principal is reported only once.
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
            [] => "an unknown role or user".to_owned(),
            [one] => self.fate(one, dead),
            several => format!("one of {}", several.join(", ")),
        };
        let what = &subject.what;
        let message = format!("its {what} references a deleted principal ({ids}): {who}");
        let unchanged = self.is_unchanged(subject.stack);
        // If calls fail because of this cause, the warning becomes an error.
        let cause = self.warn(Rule::DeadPrincipal, subject.of.clone(), message);
        cause.blocking(subject.block.clone()).named(subject.name);
        for id in meant {
            cause.named(&id);
        }
        if repaired.is_empty() {
            cause.advise("remove the statement, or specify the ARN of the intended principal");
        } else {
            cause.advise(match unchanged {
                true => {
                    "the template is unchanged, so deploying it again has no effect; rewrite the \
                     policy with:"
                }
                false => "rewrite the policy with:",
            });
        }
        cause.fixes(subject.additions(repaired))
    }

    /// Describes the fate of the role behind a deleted principal.
    fn fate(&self, arn: &str, dead: &[String]) -> String {
        use super::super::live::Reading;
        match self.live.roles.get(arn) {
            Some(Reading::Read(role)) if !dead.contains(&role.id) => {
                format!("{arn} was deleted and recreated as `{}`", role.id)
            }
            Some(Reading::Missing) => format!("{arn} was deleted"),
            _ => format!("{arn} was deleted and may have been recreated"),
        }
    }

    fn different(&mut self, subject: &Subject<'_>, difference: &Difference) {
        let mut said = Vec::new();
        if !difference.missing.is_empty() {
            said.push(format!("lacks {}", named(difference.missing.iter())));
        }
        if !difference.changed.is_empty() {
            let changed = difference.changed.iter().map(|(_, live)| live);
            said.push(format!("differs in {}", named(changed)));
        }
        if !difference.extra.is_empty() {
            said.push(format!(
                "has {} that the templates do not contain",
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
                    "the template is unchanged, so deploying it again does not restore the policy"
                }
                false => "restore the statements from the deployed template",
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

/// Returns the unique IDs of deleted roles and users that a statement names.
fn dead_principals(statement: &Json) -> Vec<String> {
    let mut found = aws_principals(statement);
    found.retain(|text| {
        PrincipalEntry::parse("AWS", text, Span::default())
            .is_ok_and(|entry| entry.id == PrincipalId::UniqueId)
    });
    found
}

/// Returns the ARNs of roles and users that a statement names.
fn named_principals(statement: &Json) -> Vec<String> {
    let mut found = aws_principals(statement);
    found.retain(|text| text.contains(":role/") || text.contains(":user/"));
    found
}
