//! Expands the loops of a template (`Fn::ForEach`).
//!
//! Follows *CloudFormation template reference guide*, section *`Fn::ForEach`*, in the AWS
//! documentation.

use std::borrow::Cow;

use super::{Deployment, Marker, Resolver, function, unknown_in};
use crate::diagnostic::{Entry, Node, Span, Value};

/// The prefix of a loop's key, before the loop's name.
const LOOP: &str = "Fn::ForEach::";

/// The maximum number of entries that the loops of a template can generate. It exceeds the maximum
/// number of resources in a template.
const LIMIT: usize = 10_000;

/// A loop that cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenLoop {
    /// Name of the loop.
    pub(crate) name: String,
    /// Position of its key.
    pub(crate) span: Span,
    /// The reason why it cannot be expanded.
    pub(crate) reason: &'static str,
}

/// Returns a template with expanded loops, and the loops that are left out because they cannot be
/// expanded. Each copy has the position of the loop's text.
pub(crate) fn without_loops(template: &Node) -> (Cow<'_, Node>, Vec<OpenLoop>) {
    if !has_loop(template) {
        return (Cow::Borrowed(template), Vec::new());
    }
    let mut writer = Writer {
        resolver: Resolver::new(template, Deployment::default()).with_marker(Marker::Named),
        open: Vec::new(),
        written: 0,
    };
    let node = writer.node(template, &[]);
    (Cow::Owned(node), writer.open)
}

/// Returns the loops that generate resources, for rules that check the template as written.
pub(crate) fn loops_as_written(template: &Node) -> Vec<OpenLoop> {
    let entries = template.get("Resources").and_then(Node::entries);
    let loops = entries.unwrap_or_default().iter().filter_map(|entry| {
        Some(OpenLoop {
            name: entry.key.strip_prefix(LOOP)?.to_owned(),
            span: entry.key_span,
            reason: "the rules from --rules check the template as written",
        })
    });
    loops.collect()
}

fn has_loop(node: &Node) -> bool {
    match &node.value {
        Value::Sequence(items) => items.iter().any(has_loop),
        Value::Mapping(entries) => entries
            .iter()
            .any(|entry| entry.key.starts_with(LOOP) || has_loop(&entry.value)),
        _ => false,
    }
}

/// An identifier of a loop and its current value.
type Variable = (String, String);

struct Writer<'t> {
    resolver: Resolver<'t>,
    open: Vec<OpenLoop>,
    written: usize,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node, variables: &[Variable]) -> Node {
        if let Some(value) = referred(node, variables) {
            return Node::synthetic(Value::String(value.to_owned()), node.span);
        }
        let value = match &node.value {
            Value::String(text) => Value::String(filled(text, variables)),
            Value::Sequence(items) => Value::Sequence(
                items
                    .iter()
                    .map(|item| self.node(item, variables))
                    .collect(),
            ),
            Value::Mapping(entries) => {
                let mut written = Vec::with_capacity(entries.len());
                for entry in entries {
                    self.entry(entry, variables, &mut written);
                }
                Value::Mapping(written)
            }
            other => other.clone(),
        };
        Node {
            value,
            span: node.span,
            tag: node.tag.clone(),
        }
    }

    fn entry(&mut self, entry: &Entry, variables: &[Variable], into: &mut Vec<Entry>) {
        let Some(name) = entry.key.strip_prefix(LOOP) else {
            into.push(Entry {
                key: filled(&entry.key, variables),
                key_span: entry.key_span,
                value: self.node(&entry.value, variables),
            });
            return;
        };
        let open = |reason| OpenLoop {
            name: name.to_owned(),
            span: entry.key_span,
            reason,
        };
        let parts = match entry.value.items() {
            Some([identifier, collection, fragment]) => identifier
                .scalar_text()
                .zip(fragment.entries())
                .map(|(identifier, fragment)| (identifier, collection, fragment)),
            _ => None,
        };
        let Some((identifier, collection, fragment)) = parts else {
            let reason = "it requires an identifier, a collection, and a fragment";
            return self.open.push(open(reason));
        };
        let collection = self.node(collection, variables);
        let Some(items) = self.items(&collection) else {
            let reason = "its collection is known only when the stack is deployed";
            return self.open.push(open(reason));
        };
        for item in items {
            let mut variables = variables.to_vec();
            variables.push((identifier.to_owned(), item));
            for entry in fragment {
                self.written += 1;
                if self.written > LIMIT {
                    let reason = "the loops generate more entries than a template can have";
                    return self.open.push(open(reason));
                }
                self.entry(entry, &variables, into);
            }
        }
    }

    fn items(&self, collection: &Node) -> Option<Vec<String>> {
        let resolved = self.resolver.resolve(collection)?;
        if unknown_in(&resolved).is_some() {
            return None;
        }
        let items = resolved.items()?.iter();
        items
            .map(|item| item.scalar_text().map(str::to_owned))
            .collect()
    }
}

/// Returns the value of a loop's identifier that a node refers to.
fn referred<'v>(node: &Node, variables: &'v [Variable]) -> Option<&'v str> {
    let ("Ref", argument) = function(node)? else {
        return None;
    };
    let name = argument.as_str()?;
    value_of(name, variables)
}

/// Returns the value of an identifier. If two loops have the same identifier, the inner loop takes
/// precedence.
fn value_of<'v>(name: &str, variables: &'v [Variable]) -> Option<&'v str> {
    let mut variables = variables.iter().rev();
    variables
        .find(|(identifier, _)| identifier == name)
        .map(|(_, value)| value.as_str())
}

/// Replaces the identifiers in a string: `${Name}` with the value, and `&{Name}` with only the
/// letters and digits of the value.
fn filled(text: &str, variables: &[Variable]) -> String {
    if variables.is_empty() || !text.contains('{') {
        return text.to_owned();
    }
    let mut made = text.to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in variables.iter().rev() {
        if seen.contains(&name.as_str()) {
            continue;
        }
        seen.push(name);
        let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        made = made
            .replace(&format!("${{{name}}}"), value)
            .replace(&format!("&{{{name}}}"), &plain);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, read};

    fn written(text: &str) -> (serde_json::Value, Vec<OpenLoop>) {
        let node = read(&Source::new("template.yaml", text)).expect("a valid document");
        let (node, open) = without_loops(&node);
        (node.to_json(), open)
    }

    #[test]
    fn loops_are_written_out() {
        let (json, open) = written(
            r#"
Parameters: {Names: {Type: CommaDelimitedList, Default: "a-1, b"}}
Resources:
  Fn::ForEach::Outer:
    - Name
    - !Ref Names
    - Bucket&{Name}:
        Type: AWS::S3::Bucket
        Properties:
          BucketName: !Sub "${Name}-x"
          Tags:
            Fn::ForEach::Inner: [Key, [k, "l"], {"${Key}": !Ref Name}]
"#,
        );
        assert_eq!(open, []);
        assert_eq!(
            json["Resources"],
            serde_json::json!({
                "Bucketa1": {"Type": "AWS::S3::Bucket", "Properties": {
                    "BucketName": {"Fn::Sub": "a-1-x"}, "Tags": {"k": "a-1", "l": "a-1"}}},
                "Bucketb": {"Type": "AWS::S3::Bucket", "Properties": {
                    "BucketName": {"Fn::Sub": "b-x"}, "Tags": {"k": "b", "l": "b"}}},
            })
        );
    }

    #[test]
    fn loops_with_unknown_items_are_named() {
        let (json, open) = written(
            r#"
Parameters: {Names: {Type: CommaDelimitedList}}
Resources:
  Fn::ForEach::One: [Name, !Ref Names, {"B${Name}": {Type: "AWS::S3::Bucket"}}]
  Fn::ForEach::Two: nothing
"#,
        );
        assert_eq!(json["Resources"], serde_json::json!({}));
        let names: Vec<&str> = open.iter().map(|open| open.name.as_str()).collect();
        assert_eq!(names, ["One", "Two"]);
    }
}
