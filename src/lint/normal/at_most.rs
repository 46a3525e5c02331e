//! The widest permissions that the policies of a resource can grant: unknown actions, resources,
//! and managed policies that can have any value are `*`.
//!
//! If a resource violates a rule in this form or in the normal form, but not in both, the result is
//! undecided. Unknown principals are not replaced, because the facts of a statement cover their
//! possible values. Condition values and parts of ARNs are not replaced either; they are treated as
//! names.

use super::nodes::{starred, text, whole_marker};
use super::policy::{Parameters, from_text};
use crate::diagnostic::{Entry, Node, Value};

/// Returns the properties with the widest policies, if the policies depend on unknown values.
pub(super) fn at_most(properties: &Node, parameters: Parameters<'_>) -> Option<Node> {
    with_entries(properties, |key, value| match key {
        "PolicyDocument" | "KeyPolicy" | "AssumeRolePolicyDocument" => document(value, parameters),
        "Policies" => with_items(value, |policy| at_most(policy, parameters)),
        "ManagedPolicyArns" => with_items(value, |policy| whole(policy, parameters)),
        _ => None,
    })
}

fn document(node: &Node, parameters: Parameters<'_>) -> Option<Node> {
    with_entries(&from_text(node), |key, value| match key {
        "Statement" => with_items(value, |one| statement(one, parameters)),
        _ => None,
    })
}

fn statement(node: &Node, parameters: Parameters<'_>) -> Option<Node> {
    if node.get("Effect").and_then(Node::as_str) == Some("Deny") {
        return None;
    }
    with_entries(node, |key, value| match key {
        "Action" => with_items(value, |action| parts(action, parameters)),
        "Resource" => with_items(value, |resource| whole(resource, parameters)),
        _ => None,
    })
}

/// Returns `*` for a completely unknown string.
fn whole(node: &Node, parameters: Parameters<'_>) -> Option<Node> {
    let name = whole_marker(node.as_str()?)?;
    parameters.may_be_star(name).then(|| text("*", node.span))
}

/// Returns a string with `*` in place of each unknown part.
fn parts(node: &Node, parameters: Parameters<'_>) -> Option<Node> {
    let written = node.as_str()?;
    let made = starred(written, |name| parameters.may_be_star(name));
    (made != written).then(|| text(made, node.span))
}

/// Returns a mapping with changed entries, or `None` if `change` changes no entry.
fn with_entries(node: &Node, change: impl Fn(&str, &Node) -> Option<Node>) -> Option<Node> {
    let entries = node.entries()?;
    let changed: Vec<Option<Node>> = entries
        .iter()
        .map(|entry| change(&entry.key, &entry.value))
        .collect();
    if changed.iter().all(Option::is_none) {
        return None;
    }
    let entries = entries.iter().zip(changed);
    let entries = entries.map(|(entry, changed)| Entry {
        value: changed.unwrap_or_else(|| entry.value.clone()),
        ..entry.clone()
    });
    Some(Node::synthetic(
        Value::Mapping(entries.collect()),
        node.span,
    ))
}

/// Returns a list or a single item with changes, or `None` if `change` changes no item.
fn with_items(node: &Node, change: impl Fn(&Node) -> Option<Node>) -> Option<Node> {
    let Value::Sequence(items) = &node.value else {
        return change(node);
    };
    let changed: Vec<Option<Node>> = items.iter().map(change).collect();
    if changed.iter().all(Option::is_none) {
        return None;
    }
    let items = items.iter().zip(changed);
    let items = items.map(|(item, changed)| changed.unwrap_or_else(|| item.clone()));
    Some(Node::synthetic(Value::Sequence(items.collect()), node.span))
}
