//! The values of templates: JSON values, intrinsic functions, and comments.

use serde_json::Value as Json;

/// A value of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    String(String),
    Bool(bool),
    Integer(i64),
    List(Vec<Item>),
    /// A mapping with ordered fields.
    Map(Vec<Field>),
    /// `!Ref`: a parameter, or the main identifier of a resource.
    Ref(String),
    /// `!GetAtt`: a resource and an attribute.
    GetAtt(String, String),
    /// `!Sub`: text with `${…}`.
    Sub(String),
    /// `!Equals` of two values.
    Equals(Box<Value>, Box<Value>),
}

/// An item of a list, with the comment above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Comment; may be empty.
    pub comment: String,
    pub value: Value,
}

/// A field of a mapping, with the comment above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Comment; may be empty.
    pub comment: String,
    pub key: String,
    pub value: Value,
}

impl<V: Into<Value>> From<V> for Item {
    fn from(value: V) -> Self {
        Self {
            comment: String::new(),
            value: value.into(),
        }
    }
}

impl Field {
    pub(crate) fn new(key: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            comment: String::new(),
            key: key.into(),
            value: value.into(),
        }
    }
}

/// Creates a mapping of these fields.
pub(crate) fn map<K: Into<String>, V: Into<Value>>(
    fields: impl IntoIterator<Item = (K, V)>,
) -> Value {
    let fields = fields.into_iter();
    Value::Map(fields.map(|(key, value)| Field::new(key, value)).collect())
}

/// Creates a list of these items.
pub(crate) fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Value {
    Value::List(items.into_iter().map(Item::from).collect())
}

impl Value {
    /// Creates a `!Ref` to a resource or parameter.
    pub(crate) fn reference(id: &str) -> Self {
        Self::Ref(id.to_owned())
    }

    /// Creates a string, or a `!Sub` if the string has variables.
    pub(crate) fn text(text: String) -> Self {
        match text.contains("${") {
            true => Self::Sub(text),
            false => Self::String(text),
        }
    }

    /// Creates a `!GetAtt` of a resource's attribute.
    pub(crate) fn attribute(id: &str, attribute: &str) -> Self {
        Self::GetAtt(id.to_owned(), attribute.to_owned())
    }

    /// Returns the value of a field of a mapping.
    pub(crate) fn field(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(fields) => {
                let mut fields = fields.iter();
                fields
                    .find(|field| field.key == key)
                    .map(|field| &field.value)
            }
            _ => None,
        }
    }

    /// Returns the text with a prefix. Other values stay unchanged.
    #[must_use]
    pub(crate) fn prefixed(&self, text: &str) -> Self {
        match self {
            Self::String(own) => Self::String(format!("{text}{own}")),
            Self::Sub(own) => Self::Sub(format!("{text}{own}")),
            other => other.clone(),
        }
    }

    /// Returns the text with a suffix. Other values stay unchanged.
    #[must_use]
    pub(crate) fn suffixed(&self, text: &str) -> Self {
        match self {
            Self::String(own) => Self::String(format!("{own}{text}")),
            Self::Sub(own) => Self::Sub(format!("{own}{text}")),
            other => other.clone(),
        }
    }

    /// Adds a field to a mapping. Other values stay unchanged.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Self::Map(fields) = &mut self {
            fields.push(Field::new(key, value));
        }
        self
    }

    /// Changes the value of an existing field of a mapping. Other values stay unchanged.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        if let Self::Map(fields) = self
            && let Some(field) = fields.iter_mut().find(|field| field.key == key)
        {
            field.value = value;
        }
    }

    /// Adds a field if it has a value.
    #[must_use]
    pub(crate) fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Returns the value as JSON, with long-form intrinsic functions and without comments.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::String(text) => Json::from(text.as_str()),
            Self::Bool(value) => Json::from(*value),
            Self::Integer(value) => Json::from(*value),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Map(fields) => fields
                .iter()
                .map(|field| (field.key.clone(), field.value.to_json()))
                .collect(),
            Self::Ref(id) => serde_json::json!({ "Ref": id }),
            Self::GetAtt(id, attribute) => serde_json::json!({ "Fn::GetAtt": [id, attribute] }),
            Self::Sub(text) => serde_json::json!({ "Fn::Sub": text }),
            Self::Equals(a, b) => {
                serde_json::json!({ "Fn::Equals": [a.to_json(), b.to_json()] })
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::String(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}
