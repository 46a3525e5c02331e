//! The tree of a document.

use super::Span;

/// A node of a document: its value, its position, and its tag (`Sub` for `!Sub`).
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The position. The span of a mapping or sequence extends from its first to its last entry.
    pub span: Span,
    /// The tag without its exclamation mark, if any.
    pub tag: Option<String>,
}

/// The value of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~`, or an empty value.
    Null,
    /// A plain `true` or `false`.
    Bool(bool),
    /// A plain number as text, which preserves `012345678901`.
    Number(String),
    /// Any other scalar.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in document order, without repeated keys.
    Mapping(Vec<Entry>),
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The text of the key.
    pub key: String,
    /// The position of the key.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Entry {
    /// Formats the key for messages. Names the first invisible character in the key, if any.
    pub(crate) fn shown_key(&self) -> String {
        crate::escape::key(&self.key)
    }
}

impl Node {
    /// Creates a node that is not in the document, at the position of the node that it replaces.
    pub fn synthetic(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            tag: None,
        }
    }

    /// Returns the text of a string; `None` for other values.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the text of a string, number, or boolean, which CloudFormation treats alike.
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// Returns the entries of a mapping; `None` for other values.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the items of a sequence; `None` for other values.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the items of a sequence, or the node itself as a single item, as in policies.
    pub fn one_or_many(&self) -> &[Node] {
        self.items().unwrap_or(std::slice::from_ref(self))
    }

    /// Returns the entry of a mapping with this key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// Returns the value of this key in a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the node at a path of keys and list indexes (zero-based, as decimal text).
    pub fn at<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&Node> {
        path.into_iter()
            .try_fold(self, |node, step| match &node.value {
                Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
                _ => node.get(step),
            })
    }

    /// Returns a copy of the node and its contents at a different position.
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

    /// Returns the kind of the value for messages: `a string`, `a mapping`…
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

    /// Converts the node to plain JSON. Tags become the long forms of CloudFormation (`!Sub x` is
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
