//! The rules that resources suppress, and the reasons.
//!
//! The format is that of the AWS Guard Rules Registry: a list of rule names under
//! `Metadata.guard.SuppressedRules`, in which an entry can be `RULE: reason`. s3ferry also supports
//! separate reasons (`Metadata.guard.Reasons.<RULE>`).
//!
//! The rules evaluate the list with a filter that is false for every value that cannot be compared
//! with a name. If the list contains a number, every rule skips the resource. Therefore, Guard gets
//! the names that this module determines instead of the list in the template.

use std::collections::{BTreeMap, BTreeSet};

use super::Suppressed;
use super::others::other_rule;
use crate::diagnostic::{Diagnostic, Entry, Node, Severity, Span, Value, may_be_name};
use crate::template::resources;

/// The rule name of findings about entries that suppress nothing.
pub(crate) const UNKNOWN_SUPPRESSION: &str = "LINT_UNKNOWN_SUPPRESSION";

/// Names of suppressed rules, by the logical ID of the resource.
pub(super) type Names = BTreeMap<String, Vec<String>>;

/// The evaluated suppressions of a template.
#[derive(Debug, Default)]
pub(super) struct Suppressions {
    /// The valid suppressions in the order of the template, without duplicates.
    pub(super) valid: Vec<Suppressed>,
    /// The findings about the other entries, which suppress nothing.
    pub(super) findings: Vec<Diagnostic>,
    /// The names for users' rules: every name as written. The filter of a user's rule may compare
    /// names other than the rule's own name.
    pub(super) for_users: Names,
}

/// Evaluates the suppressions of a template. A rule is suppressed if its name is known, or if the
/// entry has a reason, because the rule may belong to a different rule set.
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
            let separate = || guard.at(["Reasons", name.rule]).and_then(Node::scalar_text);
            let reason = name.reason.or_else(separate);
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
        // `LINT_UNKNOWN_SUPPRESSION` can be suppressed like any other rule.
        if valid.iter().all(|one| one.rule != UNKNOWN_SUPPRESSION) {
            all.findings.append(&mut findings);
        }
        all.valid.append(&mut valid);
        all.for_users.insert(resource.key.clone(), written);
    }
    all
}

/// Returns the names that the filters of a user's rule file compare. They may differ from the names
/// of its rules.
pub(super) fn names_in_filters(text: &str) -> impl Iterator<Item = &str> {
    text.split("SuppressedRules.*").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix("!=")?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        rest[1..].split_once(quote).map(|(name, _)| name)
    })
}

/// The reason why an entry suppresses nothing.
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

    /// Returns the finding about the entry with this index, or about the whole list.
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

/// Returns the entries of a list with their indexes. A single name counts as a list.
fn entries(list: &Entry) -> Vec<(Option<usize>, Result<&Node, Fault>)> {
    let whole = |what: &str| {
        let message = format!("`SuppressedRules` is {what}, but must be a list of names");
        vec![(None, Err(Fault::new(list.key_span, message, LIST)))]
    };
    match &list.value.value {
        _ if list.value.tag.is_some() => whole("the result of a function"),
        Value::Null => whole("empty"),
        Value::Sequence(items) => {
            let items = items.iter().enumerate();
            items.map(|(at, item)| (Some(at), Ok(item))).collect()
        }
        Value::String(_) => vec![(None, Ok(&list.value))],
        _ => whole(list.value.kind()),
    }
}

/// The rule that an entry names.
struct Named<'t> {
    rule: &'t str,
    reason: Option<&'t str>,
    span: Span,
}

/// Returns the rule in an entry: `RULE`, or `RULE: reason`.
fn named(entry: &Node) -> Result<Named<'_>, Fault> {
    let place = head(entry);
    let fault = |message: &str, help| Err(Fault::new(place, message, help));
    let function = "the result of a function cannot be a rule name";
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
                    let kind = match (&one.value.tag, &one.value.value) {
                        (Some(_), _) => "the result of a function",
                        (None, Value::Null) => return fault("missing reason", ENTRY),
                        (None, _) => one.value.kind(),
                    };
                    return fault(&format!("the reason is {kind}, but must be text"), ENTRY);
                };
                (one.key.as_str(), Some(reason), one.key_span)
            }
            _ => return fault("the entry must name exactly one rule", LIST),
        },
        Value::Null => return fault("the entry is empty", ENTRY),
        _ => {
            let message = format!(
                "the entry is {}, but must be the name of a rule",
                entry.kind()
            );
            return fault(&message, ENTRY);
        }
    };
    if rule.trim().is_empty() {
        return fault("the rule name is empty", ENTRY);
    }
    Ok(Named { rule, reason, span })
}

/// Returns the position of a value. For a value that can span many lines, returns the position of
/// the first entry.
fn head(node: &Node) -> Span {
    match &node.value {
        Value::Mapping(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        Value::Sequence(items) => items.first().map_or(node.span, head),
        _ => node.span,
    }
}

/// Checks that a name is the name of a rule. A name with a reason is accepted, unless it is a
/// misspelled known name.
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
        None => "remove the entry, or add the rule's file with --rules".to_owned(),
    };
    Err(Fault::new(name.span, message, help))
}

/// Returns the most similar known name. With `certainly`, it may differ only by letter case or by
/// one or two letters. The names of different rule sets differ by more.
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
