//! Creates and reads nodes of the normal form, in which every scalar is text.

use crate::diagnostic::{Entry, Node, Span, Value};
use crate::policy::document::{Pattern, glob};
use crate::template::{DYNAMIC_REFERENCE, Marker};

/// The start of a marker for an unknown part of a string, such as `@{AWS.AccountId}`.
pub(in crate::lint) const MARKER: &str = "@{";

/// The key of the facts, which are derived from a template.
pub(in crate::lint) const DERIVED: &str = "Derived";

pub(super) fn text(text: impl Into<String>, span: Span) -> Node {
    Node::synthetic(Value::String(text.into()), span)
}

pub(super) fn list(items: Vec<Node>, span: Span) -> Node {
    Node::synthetic(Value::Sequence(items), span)
}

pub(super) fn map(entries: Vec<Entry>, span: Span) -> Node {
    Node::synthetic(Value::Mapping(entries), span)
}

pub(super) fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span: value.span,
        value,
    }
}

/// Returns the entry for facts, if there are any.
pub(super) fn derived(facts: Vec<Entry>, span: Span) -> Option<Entry> {
    (!facts.is_empty()).then(|| entry(DERIVED, map(facts, span)))
}

/// Creates a fact at a position.
pub(super) fn fact(name: &str, span: Span) -> Entry {
    entry(name, text("true", span))
}

/// Returns the strings at a key, whose value is a list or a single string.
pub(super) fn texts<'n>(node: &'n Node, key: &str) -> Vec<&'n Node> {
    let found = node.get(key).map(Node::one_or_many).unwrap_or_default();
    found
        .iter()
        .filter(|item| item.as_str().is_some())
        .collect()
}

/// Returns whether a part of a string is unknown.
pub(super) fn is_open(text: &str) -> bool {
    text.contains(MARKER)
}

/// Returns the name of a marker if the text consists only of that marker.
pub(super) fn whole_marker(text: &str) -> Option<&str> {
    let name = text.strip_prefix(MARKER)?.strip_suffix('}')?;
    (!name.contains('}')).then_some(name)
}

/// Returns whether a string is completely unknown and not the value of a resource in the template.
pub(super) fn is_unknown(text: &str) -> bool {
    whole_marker(text).is_some_and(is_free)
}

/// Returns whether only the user who deploys the stack knows the value of a marker.
pub(super) fn is_free(name: &str) -> bool {
    let kind = name.split_once('.').map(|(kind, _)| kind);
    kind.is_some_and(|kind| ["Parameter", "NoEcho", "Value", "resolve"].contains(&kind))
}

/// Returns a string with `*` for each marker whose name `of` accepts.
pub(super) fn starred(text: &str, of: impl Fn(&str) -> bool) -> String {
    let mut pieces = text.split(MARKER);
    let mut made = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('}') {
            Some((name, rest)) if of(name) => {
                made.push('*');
                made.push_str(rest);
            }
            _ => {
                made.push_str(MARKER);
                made.push_str(piece);
            }
        }
    }
    made
}

/// Returns whether two names can be equal.
pub(super) fn may_be_equal(one: &str, other: &str) -> bool {
    let fits = |pattern: &str, text: &str| {
        let wild = starred(pattern, |_| true);
        glob(Pattern::wild(&wild, false).tokens(), text)
    };
    match (is_open(one), is_open(other)) {
        (false, false) => one == other,
        (true, false) => may_be_any(one) && fits(one, other),
        (false, true) => may_be_any(other) && fits(other, one),
        (true, true) => one == other || may_be_any(one) && may_be_any(other),
    }
}

/// Returns whether a name is unknown and does not belong to a specific resource (`@{ID}`).
pub(super) fn may_be_any(name: &str) -> bool {
    let id = name.strip_prefix("@{").and_then(|id| id.strip_suffix('}'));
    is_open(name) && id.is_none_or(|id| id.contains(['.', '@']))
}

/// Returns the position of the first entry of a mapping, where missing entries are reported.
pub(in crate::lint) fn head(node: &Node) -> Span {
    match &node.value {
        Value::Mapping(entries) => entries.first().map_or(node.span, |entry| Span {
            start: entry.key_span.start,
            end: match entry.value.value {
                Value::Mapping(_) | Value::Sequence(_) => entry.key_span.end,
                _ => entry.value.span.end,
            },
        }),
        Value::Sequence(items) => items.first().map_or(node.span, head),
        _ => node.span,
    }
}

/// Returns a resolved node as plain text, lists, and mappings, without tags or null values.
pub(super) fn plain(node: &Node) -> Option<Node> {
    let value = match &node.value {
        Value::Null => return None,
        Value::Sequence(items) => Value::Sequence(items.iter().filter_map(plain).collect()),
        Value::Mapping(entries) => {
            let entries = entries.iter().filter_map(|entry| {
                Some(Entry {
                    key: entry.key.clone(),
                    key_span: entry.key_span,
                    value: plain(&entry.value)?,
                })
            });
            Value::Mapping(entries.collect())
        }
        _ => Value::String(without_references(node.scalar_text().unwrap_or_default())),
    };
    Some(Node::synthetic(value, node.span))
}

/// Returns a string with markers for its dynamic references: `@{resolve.secretsmanager_…}`.
fn without_references(text: &str) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(DYNAMIC_REFERENCE) {
        let Some((reference, behind)) = after.split_once("}}") else {
            break;
        };
        made.push_str(before);
        made.push_str(&Marker::Named.text(&format!("resolve.{reference}")));
        rest = behind;
    }
    made.push_str(rest);
    made
}
