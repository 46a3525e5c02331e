//! Reads templates as trees with positions. Also reads deployed templates into the model, so that
//! they can be merged with new templates.
//!
//! The model does not have the sections that s3ferry never writes (rules, transforms).
//! [`Template::read`] rejects a template with such a section, because it cannot be merged.

use super::model::{Condition, Output, Parameter, Resource, Template};
use super::value::{Item, Value, list, map};
use crate::diagnostic::{self, Diagnostic, Node, RepeatedKey, Source, Span};

/// The sections that the model represents.
const SECTIONS: [&str; 8] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
];

/// Reads a CloudFormation template in YAML or JSON. As in CloudFormation, the last value of a
/// repeated key applies.
///
/// # Errors
///
/// Returns an error if the text is not a CloudFormation template, or if it has no resources.
pub fn read_template(source: &Source) -> Result<Node, Diagnostic> {
    read_with_repeated_keys(source).map(|(node, _)| node)
}

/// Reads a CloudFormation template like [`read_template`]. Also returns its repeated keys.
///
/// # Errors
///
/// Returns an error if [`read_template`] would return one.
pub(super) fn read_with_repeated_keys(
    source: &Source,
) -> Result<(Node, Vec<RepeatedKey>), Diagnostic> {
    let (node, repeated) = diagnostic::read_last_values(source)?;
    let first = node.entries().and_then(<[_]>::first);
    let place = first.map(|entry| entry.key_span).unwrap_or_default();
    match node.get("Resources").map(|resources| resources.entries()) {
        Some(Some([_, ..])) => Ok((node, repeated)),
        Some(_) => Err(
            Diagnostic::new(place, "nothing was checked: `Resources` is empty")
                .help("specify a CloudFormation template with resources"),
        ),
        None => Err(Diagnostic::new(place, "not a CloudFormation template")
            .label("this file has no `Resources` section")
            .help("specify a CloudFormation template")),
    }
}

impl Value {
    /// Returns the value of a template node. The short and the long form of an intrinsic function
    /// have the same value.
    pub(crate) fn from_node(node: &Node) -> Self {
        let plain = match &node.value {
            diagnostic::Value::Null => Self::String(String::new()),
            diagnostic::Value::Bool(value) => Self::Bool(*value),
            // A number with leading zeros is an account ID.
            diagnostic::Value::Number(text) => match text.parse::<i64>() {
                Ok(number) if number.to_string() == *text => Self::Integer(number),
                _ => Self::String(text.clone()),
            },
            diagnostic::Value::String(text) => Self::String(text.clone()),
            diagnostic::Value::Sequence(items) => list(items.iter().map(Self::from_node)),
            diagnostic::Value::Mapping(entries) => {
                let entries = entries.iter();
                let known = entries.filter(|entry| entry.value.value != diagnostic::Value::Null);
                map(known.map(|entry| (&entry.key, Self::from_node(&entry.value))))
            }
        };
        match node.tag.as_deref() {
            Some("Ref") => function("Ref", plain),
            Some("Condition") => function("Condition", plain),
            Some(tag) => function(&format!("Fn::{tag}"), plain),
            None => match plain {
                Self::Map(mut fields) if fields.len() == 1 => {
                    let only = fields.remove(0);
                    function(&only.key, only.value)
                }
                plain => plain,
            },
        }
    }

    /// Returns the text of a string, which is known without a deployment.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Returns a function by its long name. A mapping with one field has the same notation.
fn function(name: &str, argument: Value) -> Value {
    match (name, argument) {
        ("Ref", Value::String(id)) => Value::Ref(id),
        ("Fn::Sub", Value::String(text)) => Value::Sub(text),
        ("Fn::GetAtt", Value::String(text)) => match text.split_once('.') {
            Some((id, attribute)) => Value::attribute(id, attribute),
            None => single("Fn::GetAtt", Value::String(text)),
        },
        ("Fn::GetAtt", Value::List(items)) => match items.as_slice() {
            [
                Item {
                    value: Value::String(id),
                    ..
                },
                Item {
                    value: Value::String(attribute),
                    ..
                },
            ] => Value::attribute(id, attribute),
            _ => single("Fn::GetAtt", Value::List(items)),
        },
        ("Fn::Equals", Value::List(mut items)) if items.len() == 2 => {
            let second = items.remove(1).value;
            let first = items.remove(0).value;
            Value::Equals(Box::new(first), Box::new(second))
        }
        (name, argument) => single(name, argument),
    }
}

fn single(key: &str, value: Value) -> Value {
    map([(key, value)])
}

impl Template {
    /// Reads the text of a template in YAML or JSON, without its comments.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not a template, has no resources, or has a section that the
    /// model does not represent.
    pub(crate) fn read(source: &Source) -> Result<Self, Diagnostic> {
        let (root, _) = diagnostic::read_last_values(source)?;
        let Some(sections) = root.entries() else {
            return Err(Diagnostic::new(root.span, "the template is not a mapping"));
        };
        if let Some(other) = sections
            .iter()
            .find(|section| !SECTIONS.contains(&section.key.as_str()))
        {
            return Err(Diagnostic::new(
                other.key_span,
                format!("s3ferry does not write the section `{}`", other.key),
            ));
        }
        let section = |name: &str| root.get(name).and_then(Node::entries).unwrap_or_default();
        let resources = section("Resources");
        if resources.is_empty() {
            return Err(Diagnostic::new(
                Span { start: 0, end: 0 },
                "the template has no resources",
            ));
        }
        Ok(Self {
            header: String::new(),
            description: text(&root, "Description"),
            parameters: (section("Parameters").iter())
                .map(|entry| parameter(&entry.key, &entry.value))
                .collect(),
            mappings: (section("Mappings").iter())
                .map(|entry| (entry.key.clone(), Value::from_node(&entry.value)))
                .collect(),
            conditions: (section("Conditions").iter())
                .map(|entry| Condition {
                    id: entry.key.clone(),
                    test: Value::from_node(&entry.value),
                })
                .collect(),
            resources: (resources.iter())
                .map(|entry| resource(&entry.key, &entry.value))
                .collect(),
            outputs: (section("Outputs").iter())
                .map(|entry| output(&entry.key, &entry.value))
                .collect(),
        })
    }
}

fn text(node: &Node, key: &str) -> String {
    let found = node.get(key).and_then(Node::scalar_text);
    found.unwrap_or_default().to_owned()
}

fn texts(node: Option<&Node>) -> Vec<String> {
    let items = node.map(Node::one_or_many).unwrap_or_default().iter();
    let texts = items.filter_map(Node::scalar_text);
    texts.map(str::to_owned).collect()
}

fn parameter(id: &str, node: &Node) -> Parameter {
    let optional = |key| node.get(key).and_then(Node::scalar_text).map(str::to_owned);
    Parameter {
        id: id.to_owned(),
        description: text(node, "Description"),
        label: id.to_owned(),
        default: optional("Default"),
        allowed_values: texts(node.get("AllowedValues")),
        allowed_pattern: optional("AllowedPattern")
            .map(|pattern| (pattern, text(node, "ConstraintDescription"))),
    }
}

fn resource(id: &str, node: &Node) -> Resource {
    let properties = node.get("Properties").map(Value::from_node);
    let mut found = Resource::new(
        id,
        &text(node, "Type"),
        "",
        properties.unwrap_or_else(|| Value::Map(Vec::new())),
    );
    let condition = node.get("Condition").and_then(Node::scalar_text);
    found.condition = condition.map(str::to_owned);
    found.depends_on = texts(node.get("DependsOn"));
    let policy = node.get("DeletionPolicy").and_then(Node::scalar_text);
    found.retained = policy.is_some_and(|policy| policy.starts_with("Retain"));
    let guard = node.at(["Metadata", "guard"]);
    let reasons = guard.and_then(|guard| guard.get("Reasons"));
    found.suppressed = texts(guard.and_then(|guard| guard.get("SuppressedRules")))
        .into_iter()
        .map(|rule| {
            let reason = reasons.map(|reasons| text(reasons, &rule));
            (rule, reason.unwrap_or_default())
        })
        .collect();
    found
}

fn output(id: &str, node: &Node) -> Output {
    let condition = node.get("Condition").and_then(Node::scalar_text);
    Output {
        id: id.to_owned(),
        description: text(node, "Description"),
        value: node
            .get("Value")
            .map_or_else(|| Value::String(String::new()), Value::from_node),
        condition: condition.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::stacks::stacks;

    #[test]
    fn every_template_of_the_example_is_read_back() {
        let example = Source::new("example", crate::config::EXAMPLE);
        let document = crate::config::Document::read(example).expect("an example");
        let plan = Plan::new(&document.config).expect("a plan");
        for stack in stacks(&plan) {
            let yaml = Source::new("a.yaml", stack.template.to_yaml());
            let json = Source::new("a.json", stack.template.to_json_text());
            for source in [yaml, json] {
                let read = Template::read(&source).expect("a template");
                let (read, written) = (read.to_json(), stack.template.to_json());
                for section in ["Resources", "Conditions", "Outputs"] {
                    assert_eq!(read[section], written[section], "{section}");
                }
            }
        }
    }

    #[test]
    fn a_section_that_would_be_lost_is_an_error() {
        let text = "Transform: X\nResources:\n  A:\n    Type: AWS::SNS::Topic\n";
        let problem = Template::read(&Source::new("a.yaml", text)).expect_err("a transform");
        assert!(problem.message.contains("`Transform`"), "{problem:?}");
    }
}
