//! The variants of a template: its values under each outcome of its conditions.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::functions::function;
use crate::diagnostic::{Entry, Node, Value};

/// With more conditions than this, not every combination of them is a variant, but those with
/// all of them alike and those with one of them different.
const ALL_COMBINATIONS: usize = 3;

/// Returns the template under every outcome of the conditions that its values depend on: without
/// `Fn::If` and `AWS::NoValue`, and otherwise as it is written.
pub(crate) fn variants(template: &Node) -> Vec<Cow<'_, Node>> {
    let mut names = BTreeSet::new();
    let mut absent = false;
    survey(template, &mut names, &mut absent);
    if names.is_empty() && !absent {
        return vec![Cow::Borrowed(template)];
    }
    let names: Vec<&str> = names.into_iter().collect();
    outcomes(names.len())
        .into_iter()
        .filter_map(|holds| {
            let true_ones: Vec<&str> = names
                .iter()
                .zip(&holds)
                .filter(|(_, holds)| **holds)
                .map(|(name, _)| *name)
                .collect();
            decided(template, &true_ones).map(Cow::Owned)
        })
        .collect()
}

fn outcomes(count: usize) -> Vec<Vec<bool>> {
    if count <= ALL_COMBINATIONS {
        return (0..1_usize << count)
            .map(|bits| (0..count).map(|at| bits >> at & 1 == 1).collect())
            .collect();
    }
    [false, true]
        .into_iter()
        .flat_map(|all| {
            let one_different = (0..count).map(move |odd| {
                let mut holds = vec![all; count];
                holds[odd] = !all;
                holds
            });
            std::iter::once(vec![all; count]).chain(one_different)
        })
        .collect()
}

fn survey<'n>(node: &'n Node, names: &mut BTreeSet<&'n str>, absent: &mut bool) {
    if let Some((condition, _, _)) = conditional(node) {
        names.insert(condition);
    }
    *absent |= is_no_value(node);
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| survey(item, names, absent)),
        Value::Mapping(entries) => entries
            .iter()
            .for_each(|entry| survey(&entry.value, names, absent)),
        _ => {}
    }
}

/// Returns the node with its conditional values decided; `None` where that leaves no value.
fn decided(node: &Node, true_ones: &[&str]) -> Option<Node> {
    if is_no_value(node) {
        return None;
    }
    if let Some((condition, yes, no)) = conditional(node) {
        let holds = true_ones.contains(&condition);
        return decided(if holds { yes } else { no }, true_ones);
    }
    let value = children(&node.value, |child| decided(child, true_ones));
    Some(Node {
        value,
        span: node.span,
        tag: node.tag.clone(),
    })
}

/// Returns a value with its items or entries replaced, and without those that have no replacement.
pub(super) fn children(value: &Value, replace: impl Fn(&Node) -> Option<Node>) -> Value {
    match value {
        Value::Sequence(items) => Value::Sequence(items.iter().filter_map(replace).collect()),
        Value::Mapping(entries) => {
            let entries = entries.iter().filter_map(|entry| {
                Some(Entry {
                    key: entry.key.clone(),
                    key_span: entry.key_span,
                    value: replace(&entry.value)?,
                })
            });
            Value::Mapping(entries.collect())
        }
        other => other.clone(),
    }
}

/// Returns the condition and both branches of `Fn::If`.
fn conditional(node: &Node) -> Option<(&str, &Node, &Node)> {
    match function(node)? {
        ("If", argument) => match argument.items()? {
            [condition, yes, no] => Some((condition.as_str()?, yes, no)),
            _ => None,
        },
        _ => None,
    }
}

fn is_no_value(node: &Node) -> bool {
    matches!(function(node), Some(("Ref", name)) if name.as_str() == Some(super::NO_VALUE))
}
