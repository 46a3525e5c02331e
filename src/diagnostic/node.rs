//! The tree of a document.

use super::Span;

/// One node of a document: its value, its place, and its tag (`Sub` for `!Sub`).
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands. A mapping or sequence runs from its first entry to its last.
    pub span: Span,
    /// The tag without its exclamation mark; `None` where there is none.
    pub tag: Option<String>,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// A plain `true` or `false`.
    Bool(bool),
    /// A plain number, as it is written: so `012345678901` is not lost.
    Number(String),
    /// Any other scalar.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the document's order, without repeated keys.
    Mapping(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Entry {
    /// The key as messages show it, with the name of what a reader cannot see in it.
    pub(crate) fn shown_key(&self) -> String {
        crate::escape::key(&self.key)
    }
}

impl Node {
    /// A node that no document holds, placed where the one that it was made from stands.
    pub fn synthetic(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            tag: None,
        }
    }

    /// The text of a string; `None` for anything else.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string, number or boolean, as CloudFormation reads them alike.
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// The entries of a mapping; `None` for anything else.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a sequence; `None` for anything else.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a sequence, or the node itself as the only one: the way in which
    /// policies write one or several.
    pub fn one_or_many(&self) -> &[Node] {
        self.items().unwrap_or(std::slice::from_ref(self))
    }

    /// The entry of a mapping under `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// The value of a mapping under `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The node at a path of keys and list indexes (from 0, as decimal text).
    pub fn at<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&Node> {
        path.into_iter()
            .try_fold(self, |node, step| match &node.value {
                Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
                _ => node.get(step),
            })
    }

    /// The node and all that is in it at another place.
    pub(crate) fn placed(&self, span: Span) -> Self {
        let value = match &self.value {
            Value::Sequence(items) => {
                Value::Sequence(items.iter().map(|item| item.placed(span)).collect())
            }
            Value::Mapping(entries) => {
                let entries = entries.iter().map(|entry| Entry {
                    key: entry.key.clone(),
                    key_span: span,
                    value: entry.value.placed(span),
                });
                Value::Mapping(entries.collect())
            }
            other => other.clone(),
        };
        Self {
            value,
            span,
            tag: self.tag.clone(),
        }
    }

    /// What kind of value it is, for messages: `a string`, `a mapping`…
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The same as plain JSON. Tags become CloudFormation's long forms (`!Sub x` is
    /// `{"Fn::Sub": "x"}`, `!GetAtt a.b` is `{"Fn::GetAtt": ["a", "b"]}`).
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        let plain = match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone()))
            }
            Value::String(text) => Json::String(text.clone()),
            Value::Sequence(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Mapping(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        };
        match self.tag.as_deref() {
            None => plain,
            Some("GetAtt") => {
                let parts = match plain {
                    Json::String(text) => match text.split_once('.') {
                        Some((resource, attribute)) => Json::from(vec![resource, attribute]),
                        None => Json::String(text),
                    },
                    other => other,
                };
                serde_json::json!({ "Fn::GetAtt": parts })
            }
            Some(tag @ ("Ref" | "Condition")) => serde_json::json!({ tag: plain }),
            Some(tag) => serde_json::json!({ format!("Fn::{tag}"): plain }),
        }
    }
}
