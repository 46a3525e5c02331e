//! Compares property values before and after a change (AWS CloudFormation, *DescribeChangeSet* with
//! `IncludePropertyValues`). CloudFormation masks the values of `NoEcho` parameters. Performs no
//! I/O.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The value of one property before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct PropertyChange {
    /// Path of the property, such as `/Properties/Stages/0/Name`.
    pub path: String,
    /// Value before the change. Null if absent. CloudFormation masks the values of `NoEcho`
    /// parameters.
    pub before: Option<String>,
    /// Value after the change. Null if absent.
    pub after: Option<String>,
}

/// Returns the differences between two values of a property or of a whole resource. If both values
/// are documents, returns only the parts that differ.
pub(super) fn between(
    path: &str,
    before: Option<&str>,
    after: Option<&str>,
) -> Vec<PropertyChange> {
    // A long value may be truncated, which makes it invalid JSON.
    let parsed = |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok());
    let mut found = Vec::new();
    if let (Some(old), Some(new)) = (parsed(before), parsed(after))
        && is_document(&old)
        && is_document(&new)
    {
        differences(path, Some(&old), Some(&new), &mut found);
    } else if before != after {
        found.push(PropertyChange {
            path: path.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        });
    }
    found
}

fn is_document(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn differences(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<PropertyChange>,
) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (name, value) in old {
                differences(&format!("{path}/{name}"), Some(value), new.get(name), found);
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                differences(&format!("{path}/{name}"), None, Some(value), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for at in 0..old.len().max(new.len()) {
                differences(&format!("{path}/{at}"), old.get(at), new.get(at), found);
            }
        }
        (before, after) => found.push(PropertyChange {
            path: path.to_owned(),
            before: before.map(text),
            after: after.map(text),
        }),
    }
}

/// Returns a value as CloudFormation writes it: strings without quotation marks.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &[PropertyChange]) -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        found
            .iter()
            .map(|one| format!("{}: {} > {}", one.path, text(&one.before), text(&one.after)))
            .collect()
    }

    #[test]
    fn only_what_differs_in_a_document_is_returned() {
        let before = r#"{"a": {"b": 1, "c": "x"}, "list": [1, 2], "gone": true}"#;
        let after = r#"{"a": {"b": 2, "c": "x"}, "list": [1, 3, "y"], "new": {"k": []}}"#;
        assert_eq!(
            shown(&between("/P", Some(before), Some(after))),
            [
                "/P/a/b: 1 > 2",
                "/P/list/1: 2 > 3",
                "/P/list/2: - > y",
                "/P/gone: true > -",
                "/P/new: - > {\"k\":[]}",
            ]
        );
        let of = between(
            "",
            Some(r#"{"Properties": {"Name": "a"}}"#),
            Some(r#"{"Properties": {"Name": "b"}}"#),
        );
        assert_eq!(shown(&of), ["/Properties/Name: a > b"]);
    }

    #[test]
    fn other_values_are_returned_as_they_are() {
        for (before, after, expected) in [
            (Some("a"), Some("b"), "/P: a > b"),
            (None, Some("{}"), "/P: - > {}"),
            (Some("[1, 2"), Some("[1]"), "/P: [1, 2 > [1]"),
            (Some("1"), Some("2"), "/P: 1 > 2"),
            (Some("[]"), None, "/P: [] > -"),
        ] {
            assert_eq!(shown(&between("/P", before, after)), [expected]);
        }
        assert_eq!(between("/P", Some("a"), Some("a")), []);
    }
}
