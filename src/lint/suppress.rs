//! What resources ask to be left alone by, and why.
//!
//! The convention is that of the AWS Guard Rules Registry: a list under
//! `Metadata.guard.SuppressedRules`. The reasons beside it (`Metadata.guard.Reasons.<RULE>`) are
//! ours. The rules themselves honour the list; this module only reports it.

use std::collections::BTreeSet;

use super::Suppressed;
use crate::diagnostic::{Diagnostic, Node, Severity, Span, may_be_name};
use crate::template::resources;

/// The rule name of a finding about a suppression of a rule that does not exist.
pub(crate) const UNKNOWN_SUPPRESSION: &str = "LINT_UNKNOWN_SUPPRESSION";

/// The suppressions of a template, and a finding for each that names none of the `known` rules.
pub(super) fn suppressions(
    template: &Node,
    known: &BTreeSet<String>,
) -> (Vec<Suppressed>, Vec<Diagnostic>) {
    let mut suppressed = Vec::new();
    let mut findings = Vec::new();
    for resource in resources(template) {
        let Some(guard) = resource.value.at(["Metadata", "guard"]) else {
            continue;
        };
        let Some(list) = guard.get("SuppressedRules") else {
            continue;
        };
        for rule in list.one_or_many() {
            let Some(name) = rule.as_str() else { continue };
            let reason = guard.at(["Reasons", name]).and_then(Node::scalar_text);
            // A name with a reason is meant: other rule sets have names of their own.
            if !known.contains(name) && reason.is_none() {
                findings.push(unknown(&resource.key, name, known, rule.span));
            }
            suppressed.push(Suppressed {
                rule: name.to_owned(),
                resource: resource.key.clone(),
                reason: reason.map(str::to_owned),
                span: rule.span,
            });
        }
    }
    (suppressed, findings)
}

fn unknown(resource: &str, name: &str, known: &BTreeSet<String>, span: Span) -> Diagnostic {
    let near = known
        .iter()
        .filter(|_| may_be_name(name))
        .map(|rule| (strsim::jaro_winkler(rule, name), rule))
        .filter(|(similarity, _)| *similarity > 0.9)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, rule)| format!("write `{rule}`, or remove the entry"));
    let fix = || "remove the entry, or lint with the rule's file too".to_owned();
    let message = format!("`{name}` is suppressed, but no rule has this name");
    let path = format!("Resources.{resource}.Metadata.guard.SuppressedRules.{name}");
    let rule = (UNKNOWN_SUPPRESSION, Severity::Warning);
    Diagnostic::new(span, message)
        .of_rule(rule, Some(resource), path)
        .help(near.unwrap_or_else(fix))
}
