//! The model of a template and its sections. Follows *Template sections* in the AWS documentation.

use serde_json::Value as Json;

use super::value::{Field, Value, list, map};

/// A CloudFormation template, with its sections in reading order.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Comment at the top of the file, with its line breaks.
    pub header: String,
    /// Description of the stack.
    pub description: String,
    pub parameters: Vec<Parameter>,
    /// The mappings, each with its name.
    pub mappings: Vec<(String, Value)>,
    pub conditions: Vec<Condition>,
    pub resources: Vec<Resource>,
    pub outputs: Vec<Output>,
}

#[derive(Debug, Clone)]
pub struct Parameter {
    pub id: String,
    /// Description, in one sentence.
    pub description: String,
    /// Label in the console.
    pub label: String,
    pub default: Option<String>,
    /// The allowed values; empty for any value.
    pub allowed_values: Vec<String>,
    /// Pattern for the value, and the message for a value that does not match.
    pub allowed_pattern: Option<(String, String)>,
}

/// A condition, which compares two values.
#[derive(Debug, Clone)]
pub struct Condition {
    pub id: String,
    pub test: Value,
}

#[derive(Debug, Clone)]
pub struct Resource {
    /// Comment above it, which explains its purpose.
    pub comment: String,
    pub id: String,
    /// Type, such as `AWS::S3::Bucket`.
    pub kind: String,
    /// Condition under which it exists.
    pub condition: Option<String>,
    /// Resources that must exist before it.
    pub depends_on: Vec<String>,
    /// Whether the resource is retained when its stack is deleted or when the resource is replaced.
    /// If its first creation is rolled back, the resource is still deleted, so that it does not
    /// conflict with the next attempt.
    pub retained: bool,
    /// The Guard rules that are suppressed for it, each with a reason.
    pub suppressed: Vec<(String, String)>,
    pub properties: Value,
}

#[derive(Debug, Clone)]
pub struct Output {
    pub id: String,
    /// Description, in one sentence.
    pub description: String,
    pub value: Value,
    /// Condition under which it exists.
    pub condition: Option<String>,
}

impl Resource {
    /// Creates a resource without options.
    pub(crate) fn new(id: &str, kind: &str, comment: &str, properties: Value) -> Self {
        Self {
            comment: comment.to_owned(),
            id: id.to_owned(),
            kind: kind.to_owned(),
            condition: None,
            depends_on: Vec::new(),
            retained: false,
            suppressed: Vec::new(),
            properties,
        }
    }

    /// Returns the resource, which is retained when its stack is deleted or when the resource is
    /// replaced.
    #[must_use]
    pub(crate) fn retained(mut self) -> Self {
        self.retained = true;
        self
    }

    /// Returns the resource with a Guard rule suppressed for a reason.
    #[must_use]
    pub(crate) fn suppress(mut self, rule: &str, reason: &str) -> Self {
        self.suppressed.push((rule.to_owned(), reason.to_owned()));
        self
    }

    fn to_value(&self) -> Value {
        let mut value = map([("Type", self.kind.as_str())]);
        if let Some(condition) = &self.condition {
            value = value.with("Condition", condition);
        }
        if !self.depends_on.is_empty() {
            value = value.with("DependsOn", list(&self.depends_on));
        }
        if self.retained {
            value = value
                .with("DeletionPolicy", "RetainExceptOnCreate")
                .with("UpdateReplacePolicy", "Retain");
        }
        if !self.suppressed.is_empty() {
            let rules = self.suppressed.iter().map(|(rule, _)| rule);
            let reasons = self.suppressed.iter().map(|(rule, reason)| (rule, reason));
            let guard = map([("SuppressedRules", list(rules)), ("Reasons", map(reasons))]);
            value = value.with("Metadata", map([("guard", guard)]));
        }
        value.with("Properties", self.properties.clone())
    }
}

impl Template {
    /// Returns the resource with this logical ID.
    pub(crate) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// Returns the value of an output.
    pub(crate) fn output(&self, id: &str) -> Option<&Value> {
        let output = self.outputs.iter().find(|output| output.id == id)?;
        Some(&output.value)
    }

    /// Returns the sections as a mapping for the writers and [`Template::to_json`].
    pub(super) fn to_value(&self) -> Value {
        let mut value = map([
            ("AWSTemplateFormatVersion", "2010-09-09"),
            ("Description", self.description.as_str()),
        ]);
        if !self.parameters.is_empty() {
            value = value
                .with("Metadata", self.metadata())
                .with("Parameters", section(&self.parameters, Parameter::to_field));
        }
        if !self.mappings.is_empty() {
            value = value.with("Mappings", map(self.mappings.iter().cloned()));
        }
        if !self.conditions.is_empty() {
            value = value.with("Conditions", section(&self.conditions, Condition::to_field));
        }
        value = value.with(
            "Resources",
            section(&self.resources, |resource| Field {
                comment: resource.comment.clone(),
                key: resource.id.clone(),
                value: resource.to_value(),
            }),
        );
        if !self.outputs.is_empty() {
            value = value.with("Outputs", section(&self.outputs, Output::to_field));
        }
        value
    }

    fn metadata(&self) -> Value {
        let ids = self.parameters.iter().map(|parameter| &parameter.id);
        let labels = self
            .parameters
            .iter()
            .map(|parameter| (&parameter.id, map([("default", parameter.label.as_str())])));
        let group =
            map([("Label", map([("default", "Deployment")]))]).with("Parameters", list(ids));
        let interface = map([
            ("ParameterGroups", list([group])),
            ("ParameterLabels", map(labels)),
        ]);
        map([("AWS::CloudFormation::Interface", interface)])
    }

    /// Returns the template as YAML, with comments and short-form intrinsic functions.
    pub fn to_yaml(&self) -> String {
        super::yaml::write(&self.header, &self.to_value())
    }

    /// Returns the template as indented JSON, with long-form intrinsic functions.
    pub fn to_json_text(&self) -> String {
        crate::escape::json(&format!("{:#}\n", self.to_json())).into_owned()
    }

    /// Returns the template as JSON data.
    pub fn to_json(&self) -> Json {
        self.to_value().to_json()
    }
}

fn section<T>(items: &[T], field: impl Fn(&T) -> Field) -> Value {
    Value::Map(items.iter().map(field).collect())
}

impl Parameter {
    fn to_field(&self) -> Field {
        let mut value = map([
            ("Type", "String"),
            ("Description", self.description.as_str()),
        ]);
        value = value.with_some("Default", self.default.as_ref());
        if !self.allowed_values.is_empty() {
            value = value.with("AllowedValues", list(&self.allowed_values));
        }
        if let Some((pattern, constraint)) = &self.allowed_pattern {
            value = value
                .with("AllowedPattern", pattern)
                .with("ConstraintDescription", constraint);
        }
        Field {
            comment: String::new(),
            key: self.id.clone(),
            value,
        }
    }
}

impl Condition {
    fn to_field(&self) -> Field {
        Field {
            comment: String::new(),
            key: self.id.clone(),
            value: self.test.clone(),
        }
    }
}

impl Output {
    fn to_field(&self) -> Field {
        let mut value = map([("Description", self.description.as_str())]);
        value = value.with_some("Condition", self.condition.as_ref());
        Field {
            comment: String::new(),
            key: self.id.clone(),
            value: value.with("Value", self.value.clone()),
        }
    }
}
