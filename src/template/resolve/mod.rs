//! Resolves the parameters, conditions, and intrinsic functions of templates. Each value keeps its
//! position in the text.
//!
//! Values that AWS assigns, such as a key ID or a name that is not specified, are made up. Values
//! that cannot be known are marked as unknown, with a reason. This module does not interpret the
//! values.
//!
//! Follows *CloudFormation template reference guide*, sections *Intrinsic function reference* and
//! *Pseudo parameters reference*, in the AWS documentation.

mod attribute;
mod call;
mod condition;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::functions::{self, function};
use super::parameters;
use crate::aws::Partition;
use crate::diagnostic::{Entry, Node, Span, Value};

/// The tag of an unknown value. The text of the value is the reason or the marker.
pub(crate) const UNKNOWN: &str = "s3ferry:unknown";

/// The prefix of a dynamic reference, which ends with `}}`. Follows *Get values stored in other
/// services using dynamic references* in the AWS documentation.
pub(crate) const DYNAMIC_REFERENCE: &str = "{{resolve:";

/// The maximum nesting depth. Functions and references that are nested more deeply are considered
/// circular.
const DEPTH_LIMIT: usize = 48;

/// The maximum length of a string that functions produce, in bytes. It exceeds the length of any
/// CloudFormation value.
const TEXT_LIMIT: usize = 1 << 20;

/// The known properties of a template's deployment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deployment<'a> {
    /// Stack name, used to make up the names and IDs that AWS assigns. Without a stack name, these
    /// values are unknown.
    pub stack: Option<&'a str>,
    pub account: Option<&'a str>,
    pub region: Option<&'a str>,
    /// Partition, as in ARNs.
    pub partition: Option<&'a str>,
    /// The values of parameters.
    pub parameters: Arc<HashMap<String, String>>,
    /// The known IDs of its keys, by logical ID.
    pub key_ids: &'a [(String, String)],
    /// Number of the template. The keys of different templates have different IDs.
    pub number: usize,
}

/// Resolves the values of a template for a deployment.
///
/// An unknown value has the tag `s3ferry:unknown`; in JSON, it is `{"Fn::s3ferry:unknown": …}`.
pub(crate) struct Resolver<'a> {
    root: &'a Node,
    deployment: Deployment<'a>,
    marker: Option<Marker<'a>>,
    depth: AtomicUsize,
    known: Mutex<HashMap<String, Node>>,
    conditions: Mutex<HashMap<String, Option<bool>>>,
    without_defaults: BTreeSet<String>,
}

/// The replacement of an unknown value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Marker<'a> {
    /// The same text for every value.
    Text(&'a str),
    /// `@{NAME}`, where equal names mean equal values: `@{AWS.AccountId}`, `@{Bucket}`,
    /// `@{Key.Arn}`, `@{Parameter.Name}`, `@{NoEcho.Token}` for a secret, and `@{Value.NUMBER}` for
    /// other values.
    Named,
}

impl Marker<'_> {
    /// Returns the marker of a value.
    pub(crate) fn text(self, name: &str) -> String {
        match self {
            Self::Text(text) => text.to_owned(),
            Self::Named => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
                let name = name.replace("::", ".");
                let name: String = name
                    .chars()
                    .map(|c| if is_plain(c) { c } else { '_' })
                    .collect();
                format!("@{{{name}}}")
            }
        }
    }
}

/// A string that may contain markers.
struct Text {
    text: String,
    is_known: bool,
}

impl Text {
    fn known(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_known: true,
        }
    }
}

/// Returns the first unknown part of a value.
pub(crate) fn unknown_in(node: &Node) -> Option<&Node> {
    if node.tag.as_deref() == Some(UNKNOWN) {
        return Some(node);
    }
    match &node.value {
        Value::Sequence(items) => items.iter().find_map(unknown_in),
        Value::Mapping(entries) => entries.iter().find_map(|entry| unknown_in(&entry.value)),
        _ => None,
    }
}

/// Returns the text of a known scalar.
pub(crate) fn known_text(node: &Node) -> Option<&str> {
    match node.tag {
        None => node.scalar_text(),
        Some(_) => None,
    }
}

/// Replaces the items or entries of a value. Removes those without a replacement.
fn children(value: &Value, replace: impl Fn(&Node) -> Option<Node>) -> Value {
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text_node(text: impl Into<String>, span: Span) -> Node {
    Node::synthetic(Value::String(text.into()), span)
}

impl<'a> Resolver<'a> {
    /// Creates a resolver for a template.
    pub(crate) fn new(root: &'a Node, deployment: Deployment<'a>) -> Self {
        Self {
            root,
            deployment,
            marker: None,
            depth: AtomicUsize::new(0),
            known: Mutex::default(),
            conditions: Mutex::default(),
            without_defaults: BTreeSet::new(),
        }
    }

    /// Returns the resolver with a marker instead of a reason for each unknown value. A partly
    /// unknown string contains a marker for each unknown part and is tagged as unknown.
    #[must_use]
    pub(crate) fn with_marker(mut self, marker: Marker<'a>) -> Self {
        self.marker = Some(marker);
        self
    }

    /// Returns the resolver with fixed outcomes for these conditions.
    #[must_use]
    pub(crate) fn with_conditions(self, outcomes: &HashMap<String, bool>) -> Self {
        let outcomes = outcomes.iter();
        locked(&self.conditions).extend(outcomes.map(|(name, holds)| (name.clone(), Some(*holds))));
        self
    }

    /// Returns the resolver without the default values of these parameters.
    #[must_use]
    pub(crate) fn without_defaults(mut self, names: &BTreeSet<String>) -> Self {
        self.without_defaults.clone_from(names);
        self
    }

    /// Returns the resources, in the order of the template.
    pub(crate) fn resources(&self) -> &'a [Entry] {
        functions::resources(self.root)
    }

    /// Returns the resources of a type, regardless of their conditions.
    pub(crate) fn of_type(&self, wanted: &str) -> impl Iterator<Item = &'a Entry> {
        let all = self.resources().iter();
        all.filter(move |resource| functions::type_of(&resource.value) == Some(wanted))
    }

    /// Returns a section of the template as written.
    pub(crate) fn section(&self, name: &str) -> Option<&'a Node> {
        self.root.get(name)
    }

    /// Returns whether the template has a parameter.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        self.root.at(["Parameters", name]).is_some()
    }

    fn resource(&self, id: &str) -> Option<&'a Node> {
        self.root.get("Resources")?.get(id)
    }

    /// Returns whether the condition of a resource or output is met, or `None` if that is unknown.
    pub(crate) fn is_there(&self, resource: &Node) -> Option<bool> {
        match resource.get("Condition") {
            None => Some(true),
            Some(name) => self.condition(name.scalar_text()?),
        }
    }

    /// Returns the resolved value of a property.
    pub(crate) fn property(&self, resource: &Node, name: &str) -> Option<Node> {
        self.resolve(resource.get("Properties")?.get(name)?)
    }

    /// Returns the text of a property if it is known. With a marker, the text can contain unknown
    /// parts.
    pub(crate) fn text_property(&self, resource: &Node, name: &str) -> Option<String> {
        Some(self.text(&self.property(resource, name)?)?.text)
    }

    /// Returns the outputs with known values.
    pub(crate) fn outputs(&self) -> HashMap<String, String> {
        let outputs = self.root.get("Outputs").and_then(Node::entries);
        let outputs = outputs.unwrap_or_default().iter();
        outputs
            .filter(|output| self.is_there(&output.value) != Some(false))
            .filter_map(|output| {
                let value = self.resolve(output.value.get("Value")?)?;
                Some((output.key.clone(), known_text(&value)?.to_owned()))
            })
            .collect()
    }

    /// Resolves a value. Returns `None` for `AWS::NoValue`.
    pub(crate) fn resolve(&self, node: &Node) -> Option<Node> {
        if self.depth.load(Ordering::Relaxed) > DEPTH_LIMIT {
            return Some(self.unknown("its functions contain a circular reference", node.span));
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        let resolved = match function(node) {
            Some((name, argument)) => self.call(name, argument, node.span),
            None => Some(self.plain(node)),
        };
        self.depth.fetch_sub(1, Ordering::Relaxed);
        resolved
    }

    /// Resolves the children of a node.
    fn plain(&self, node: &Node) -> Node {
        match &node.value {
            Value::String(text) if self.is_dynamic(text) => self.dynamic(node.span),
            value => Node::synthetic(children(value, |child| self.resolve(child)), node.span),
        }
    }

    /// Returns an unnamed unknown value, which differs from every other value.
    fn unknown(&self, reason: impl Into<String>, span: Span) -> Node {
        self.unknown_called(&format!("Value.{}", span.start), reason, span)
    }

    fn unknown_called(&self, name: &str, reason: impl Into<String>, span: Span) -> Node {
        let text = match self.marker {
            Some(marker) => marker.text(name),
            None => reason.into(),
        };
        Node {
            value: Value::String(text),
            span,
            tag: Some(UNKNOWN.to_owned()),
        }
    }

    /// Returns a value that is unknown because a part of it is unknown.
    fn unknown_by(&self, part: &Node, span: Span) -> Node {
        match self.marker {
            Some(_) => self.unknown("", span),
            None => Node {
                span,
                ..part.clone()
            },
        }
    }

    /// Returns whether a string contains a dynamic reference that makes it unknown. With named
    /// markers, the reference stays as written.
    fn is_dynamic(&self, text: &str) -> bool {
        text.contains(DYNAMIC_REFERENCE) && !matches!(self.marker, Some(Marker::Named))
    }

    fn dynamic(&self, span: Span) -> Node {
        self.unknown("only AWS can resolve a dynamic reference", span)
    }

    /// Returns the text that a function produced. The length is limited, because nested functions
    /// can double it repeatedly.
    fn limited(&self, made: Text, span: Span) -> Node {
        let mut node = match made.text.len() {
            // CloudFormation evaluates functions before dynamic references.
            0..=TEXT_LIMIT if self.is_dynamic(&made.text) => return self.dynamic(span),
            0..=TEXT_LIMIT => text_node(made.text, span),
            _ => return self.unknown("its functions produce a string that is too long", span),
        };
        node.tag = (!made.is_known).then(|| UNKNOWN.to_owned());
        node
    }

    /// Returns the text of a resolved scalar. An unknown value has text only with a marker.
    fn text(&self, node: &Node) -> Option<Text> {
        let is_known = node.tag.is_none();
        if !is_known && self.marker.is_none() {
            return None;
        }
        let text = node.scalar_text()?.to_owned();
        Some(Text { text, is_known })
    }

    fn reference(&self, id: &str, span: Span) -> Node {
        let deployment = &self.deployment;
        let known = match id {
            "AWS::AccountId" => deployment.account,
            "AWS::Region" => deployment.region,
            "AWS::Partition" => deployment.partition,
            "AWS::StackName" => deployment.stack,
            "AWS::URLSuffix" => (deployment.partition)
                .and_then(Partition::of_arns)
                .map(Partition::dns_suffix),
            _ => {
                return match self.root.at(["Parameters", id]) {
                    Some(parameter) => self.parameter(id, parameter, span),
                    None => self.attribute_node(id, "", span),
                };
            }
        };
        match known {
            Some(text) => text_node(text, span),
            None => {
                let reason = format!("`{id}` is known only when the stack is deployed");
                self.unknown_called(id, reason, span)
            }
        }
    }

    fn parameter(&self, id: &str, parameter: &Node, span: Span) -> Node {
        let kind = parameters::type_of(parameter);
        let given = self.deployment.parameters.get(id).map(String::as_str);
        let default = parameter.get("Default").and_then(Node::scalar_text);
        let default = default.filter(|_| !self.without_defaults.contains(id));
        let is_stored = parameters::is_stored(kind);
        let is_secret = parameter.get("NoEcho").and_then(Node::scalar_text) == Some("true");
        // A default value is visible in the template, so it is not secret.
        let is_secret = is_secret && default.is_none_or(str::is_empty);
        if is_secret && matches!(self.marker, Some(Marker::Named)) {
            return self.unknown_called(&format!("NoEcho.{id}"), "", span);
        }
        let Some(text) = given.or(default).filter(|_| !is_stored) else {
            let reason = match is_stored {
                true => format!("the value of the parameter `{id}` is in Parameter Store"),
                false => format!(
                    "the value of the parameter `{id}` (specify it with `--parameter {id}=VALUE`)"
                ),
            };
            return self.unknown_called(&format!("Parameter.{id}"), reason, span);
        };
        if parameters::is_list(kind) {
            let items = text.split(',').map(|item| text_node(item.trim(), span));
            return Node::synthetic(Value::Sequence(items.collect()), span);
        }
        text_node(text, span)
    }

    /// Returns an attribute of a resource. The empty attribute is the value of `Ref`.
    fn attribute_node(&self, id: &str, name: &str, span: Span) -> Node {
        let key = format!("{id}.{name}");
        if let Some(known) = locked(&self.known).get(&key) {
            return Node {
                span,
                ..known.clone()
            };
        }
        let Some(resource) = self.resource(id) else {
            let name = if name.is_empty() { id } else { &key };
            return self.unknown_called(name, format!("the template has no `{id}`"), span);
        };
        if self.depth.load(Ordering::Relaxed) > DEPTH_LIMIT {
            return self.unknown("its functions contain a circular reference", span);
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        let found = self.return_value(id, resource, name);
        self.depth.fetch_sub(1, Ordering::Relaxed);
        let node = match found {
            Some(text) => self.limited(text, span),
            None if name.is_empty() => {
                self.unknown_called(id, format!("AWS assigns the name of `{id}`"), span)
            }
            None => {
                let reason = format!("AWS assigns the `{name}` of `{id}`");
                self.unknown_called(&key, reason, span)
            }
        };
        locked(&self.known).insert(key, node.clone());
        node
    }
}
