//! What resources ask to be left alone by, and why.
//!
//! The convention is that of the AWS Guard Rules Registry: a list of rule names under
//! `Metadata.guard.SuppressedRules`, of which an entry may be `RULE: reason`. The reasons beside it
//! (`Metadata.guard.Reasons.<RULE>`) are ours.
//!
//! The rules themselves honour the list, by a filter that is false for whatever cannot be compared
//! with a name: one number in the list, and the resource is left out by every rule. So what Guard
//! gets is never the template's own list, but the names that are worked out here.

use std::collections::{BTreeMap, BTreeSet};

use super::Suppressed;
use super::others::other_rule;
use crate::diagnostic::{Diagnostic, Entry, Node, Severity, Span, Value, may_be_name};
use crate::template::resources;

/// The rule name of a finding about an entry that suppresses nothing.
pub(crate) const UNKNOWN_SUPPRESSION: &str = "LINT_UNKNOWN_SUPPRESSION";

/// Names of suppressed rules, by the logical ID of the resource.
pub(super) type Names = BTreeMap<String, Vec<String>>;

/// What the suppressions of a template come to.
#[derive(Debug, Default)]
pub(super) struct Suppressions {
    /// The valid ones in the order of the template, each rule of a resource once.
    pub(super) valid: Vec<Suppressed>,
    /// What is wrong with the others. They suppress nothing.
    pub(super) findings: Vec<Diagnostic>,
    /// The names that the rules of users are to see: every name that is written, as it is written. Their
    /// filters may look for another name than that of the rule.
    pub(super) for_users: Names,
}

/// Works out what the suppressions of a template come to. A rule is suppressed if it is one of the
/// `known`, or if a reason is given, because other rule sets have names of their own.
pub(super) fn suppressions(template: &Node, known: &BTreeSet<String>) -> Suppressions {
    let mut all = Suppressions::default();
    for resource in resources(template) {
        let Some(guard) = resource.value.at(["Metadata", "guard"]) else {
            continue;
        };
        let Some(list) = guard.entry("SuppressedRules") else {
            continue;
        };
        let mut valid: Vec<Suppressed> = Vec::new();
        let mut findings = Vec::new();
        let mut written = Vec::new();
        for (at, entry) in entries(list) {
            let name = match entry.and_then(named) {
                Ok(name) => name,
                Err(fault) => {
                    findings.push(fault.finding(&resource.key, at));
                    continue;
                }
            };
            written.push(name.rule.to_owned());
            let beside = || guard.at(["Reasons", name.rule]).and_then(Node::scalar_text);
            let reason = name.reason.or_else(beside);
            let reason = reason.filter(|reason| !reason.trim().is_empty());
            if let Err(fault) = check(&name, known, reason.is_some()) {
                findings.push(fault.finding(&resource.key, at));
            } else if valid.iter().all(|other| other.rule != name.rule) {
                valid.push(Suppressed {
                    rule: name.rule.to_owned(),
                    resource: resource.key.clone(),
                    reason: reason.map(str::to_owned),
                    span: name.span,
                });
            }
        }
        // It can be suppressed like the other rules.
        if valid.iter().all(|one| one.rule != UNKNOWN_SUPPRESSION) {
            all.findings.append(&mut findings);
        }
        all.valid.append(&mut valid);
        all.for_users.insert(resource.key.clone(), written);
    }
    all
}

/// The names that the filters of a user's rule file look for. They may differ from those of its rules.
pub(super) fn names_in_filters(text: &str) -> impl Iterator<Item = &str> {
    text.split("SuppressedRules.*").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix("!=")?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        rest[1..].split_once(quote).map(|(name, _)| name)
    })
}

/// Why an entry suppresses nothing.
struct Fault {
    span: Span,
    message: String,
    help: String,
}

impl Fault {
    fn new(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        let (message, help) = (message.into(), help.into());
        Self {
            span,
            message,
            help,
        }
    }

    /// The finding about the entry with this index, or about the whole list.
    fn finding(self, resource: &str, at: Option<usize>) -> Diagnostic {
        let index = at.map(|at| format!(".{at}")).unwrap_or_default();
        let path = format!("Resources.{resource}.Metadata.guard.SuppressedRules{index}");
        let rule = (UNKNOWN_SUPPRESSION, Severity::Warning);
        Diagnostic::new(self.span, self.message)
            .of_rule(rule, Some(resource), path)
            .help(self.help)
    }
}

const LIST: &str = "write a list with an entry for each rule: `- RULE`, or `- RULE: reason`";
const ENTRY: &str = "write the name of a rule: `- RULE`, or `- RULE: reason`";

/// The entries of a list with their indexes. A single name counts as a list.
fn entries(list: &Entry) -> Vec<(Option<usize>, Result<&Node, Fault>)> {
    let whole = |what: &str| {
        let message = format!("the suppressed rules are {what}, not a list of names");
        vec![(None, Err(Fault::new(list.key_span, message, LIST)))]
    };
    match &list.value.value {
        _ if list.value.tag.is_some() => whole("the result of a function"),
        Value::Sequence(items) => {
            let items = items.iter().enumerate();
            items.map(|(at, item)| (Some(at), Ok(item))).collect()
        }
        Value::String(_) => vec![(None, Ok(&list.value))],
        _ => whole(list.value.kind()),
    }
}

/// A rule that an entry names.
struct Named<'t> {
    rule: &'t str,
    reason: Option<&'t str>,
    span: Span,
}

/// The rule in an entry: `RULE`, or `RULE: reason`.
fn named(entry: &Node) -> Result<Named<'_>, Fault> {
    let place = head(entry);
    let fault = |message: &str, help| Err(Fault::new(place, message, help));
    let function = "the result of a function suppresses no rule";
    let (rule, reason, span) = match &entry.value {
        _ if entry.tag.is_some() => return fault(function, ENTRY),
        Value::String(text) => match text.split_once(": ") {
            Some((rule, reason)) if may_be_name(rule) => (rule, Some(reason.trim()), place),
            _ => (text.as_str(), None, place),
        },
        Value::Mapping(entries) => match entries.as_slice() {
            [one] if one.key.starts_with("Fn::") || one.key == "Ref" => {
                return fault(function, ENTRY);
            }
            [one] => {
                let reason = one.value.scalar_text();
                let Some(reason) = reason.filter(|_| one.value.tag.is_none()) else {
                    let kind = match one.value.tag {
                        Some(_) => "the result of a function",
                        None => one.value.kind(),
                    };
                    return fault(&format!("the reason is {kind}, not text"), ENTRY);
                };
                (one.key.as_str(), Some(reason), one.key_span)
            }
            _ => return fault("this entry names no single rule", LIST),
        },
        _ => return fault(&format!("{} is no rule's name", entry.kind()), ENTRY),
    };
    if rule.trim().is_empty() {
        return fault("an empty text is no rule's name", ENTRY);
    }
    Ok(Named { rule, reason, span })
}

/// The place of a value that may take many lines: the head of its first entry.
fn head(node: &Node) -> Span {
    match &node.value {
        Value::Mapping(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        Value::Sequence(items) => items.first().map_or(node.span, head),
        _ => node.span,
    }
}

/// Checks that a name is that of a rule. A name with a reason is meant, unless it is a known one with a
/// letter wrong.
fn check(name: &Named, known: &BTreeSet<String>, has_reason: bool) -> Result<(), Fault> {
    if known.contains(name.rule) {
        return Ok(());
    }
    if other_rule(name.rule).is_some() {
        let message = format!("`{}` cannot be suppressed", name.rule);
        return Err(Fault::new(name.span, message, "remove the entry"));
    }
    let near = Some(name.rule)
        .filter(|name| may_be_name(name))
        .and_then(|name| nearest(name, known, has_reason));
    if has_reason && near.is_none() {
        return Ok(());
    }
    let message = format!("`{}` is suppressed, but no rule has this name", name.rule);
    let help = match near {
        Some(rule) => format!("write `{rule}`, or remove the entry"),
        None => "remove the entry, or lint with the rule's file too".to_owned(),
    };
    Err(Fault::new(name.span, message, help))
}

/// The known name that is most similar to this one; with `certainly`, only if it differs by letter case
/// or by one or two letters: fewer than names of different rule sets.
fn nearest<'k>(name: &str, known: &'k BTreeSet<String>, certainly: bool) -> Option<&'k String> {
    let upper = name.to_ascii_uppercase();
    let is_near =
        |rule: &str| rule.len().abs_diff(name.len()) <= 2 && strsim::osa_distance(rule, name) <= 2;
    known
        .iter()
        .filter(|rule| !certainly || rule.eq_ignore_ascii_case(name) || is_near(rule))
        .map(|rule| {
            let similarity = strsim::jaro_winkler(&rule.to_ascii_uppercase(), &upper);
            (similarity, rule)
        })
        .filter(|(similarity, _)| certainly || *similarity > 0.9)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, rule)| rule)
}
