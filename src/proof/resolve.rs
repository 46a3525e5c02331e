//! Templates as they stand once deployed: parameters, conditions and intrinsic functions
//! resolved, each value still at the place where it was written.
//!
//! What AWS decides is symbolic (a key's ID, a name that nobody gave); what cannot be known is
//! an unknown, which carries its reason. What the resolved values mean is not decided here.
//!
//! Follows the AWS document *CloudFormation template reference guide*, sections *Intrinsic
//! function reference* and *Pseudo parameters reference*.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Partition;
use crate::diagnostic::{Entry, Node, Span, Value};
use crate::run::Instance;

/// The tag of a value that cannot be known; its text is the reason.
const UNKNOWN: &str = "s3ferry:unknown";

/// Functions and references nested deeper than this are taken for a circle.
const DEPTH_LIMIT: usize = 48;

/// Longest text that functions may make, in bytes: more than any value of CloudFormation has.
const TEXT_LIMIT: usize = 1 << 20;

/// Where and how a template is deployed.
#[derive(Debug, Clone)]
pub(super) struct Deployment<'a> {
    /// Stack name, for `AWS::StackName` and for names that AWS makes from it.
    pub(super) stack: &'a str,
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) partition: &'a str,
    /// Values of parameters.
    pub(super) parameters: Arc<HashMap<String, String>>,
    /// IDs of its keys that are known, by logical ID.
    pub(super) key_ids: &'a [(String, String)],
    /// The file that it is in, by its number.
    pub(super) file: usize,
    /// The target whose template it is; `None`: the dev account's side.
    pub(super) target: Option<&'a str>,
    /// Whether the target's deploy role copies the tags of the source object.
    pub(super) tagged_objects: bool,
    /// Which of its instances it is, where there are several.
    pub(super) instance: Option<Arc<Instance>>,
}

/// A template with all that is needed to resolve its values.
pub(super) struct Resolver<'a> {
    root: &'a Node,
    deployment: Deployment<'a>,
    depth: AtomicUsize,
    known: Mutex<HashMap<String, Node>>,
    conditions: Mutex<HashMap<String, Option<bool>>>,
}

/// Whether a value, or a part of it, is unknown: the first such part.
pub(super) fn unknown_in(node: &Node) -> Option<&Node> {
    if node.tag.as_deref() == Some(UNKNOWN) {
        return Some(node);
    }
    match &node.value {
        Value::Sequence(items) => items.iter().find_map(unknown_in),
        Value::Mapping(entries) => entries.iter().find_map(|entry| unknown_in(&entry.value)),
        _ => None,
    }
}

/// The text of a known scalar.
pub(super) fn known_text(node: &Node) -> Option<&str> {
    match node.tag {
        None => node.scalar_text(),
        Some(_) => None,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unknown(reason: impl Into<String>, span: Span) -> Node {
    Node {
        value: Value::String(reason.into()),
        span,
        tag: Some(UNKNOWN.to_owned()),
    }
}

/// A text that functions have put together. Each may double what the one before it made.
fn limited(text: String, span: Span) -> Node {
    match text.len() {
        0..=TEXT_LIMIT => text_node(text, span),
        _ => unknown("its functions make a text that is too long", span),
    }
}

fn text_node(text: impl Into<String>, span: Span) -> Node {
    Node::synthetic(Value::String(text.into()), span)
}

impl<'a> Resolver<'a> {
    pub(super) fn new(root: &'a Node, deployment: Deployment<'a>) -> Self {
        Self {
            root,
            deployment,
            depth: AtomicUsize::new(0),
            known: Mutex::default(),
            conditions: Mutex::default(),
        }
    }

    pub(super) fn deployment(&self) -> &Deployment<'a> {
        &self.deployment
    }

    /// The resources, in the template's order.
    pub(super) fn resources(&self) -> &'a [Entry] {
        let resources = self.root.get("Resources").and_then(Node::entries);
        resources.unwrap_or_default()
    }

    /// A section of the template, as it is written.
    pub(super) fn section(&self, name: &str) -> Option<&'a Node> {
        self.root.get(name)
    }

    /// Whether the template has a parameter.
    pub(super) fn has_parameter(&self, name: &str) -> bool {
        let parameters = self.root.get("Parameters");
        parameters.is_some_and(|parameters| parameters.get(name).is_some())
    }

    fn resource(&self, id: &str) -> Option<&'a Node> {
        self.root.get("Resources")?.get(id)
    }

    /// Whether a resource is there: its own condition. `None` where nobody can tell.
    pub(super) fn is_there(&self, resource: &Node) -> Option<bool> {
        match resource.get("Condition") {
            None => Some(true),
            Some(name) => self.condition(name.scalar_text()?),
        }
    }

    /// A property of a resource, resolved.
    pub(super) fn property(&self, resource: &Node, name: &str) -> Option<Node> {
        self.resolve(resource.get("Properties")?.get(name)?)
    }

    /// A property of a resource that is a known text.
    pub(super) fn text_property(&self, resource: &Node, name: &str) -> Option<String> {
        known_text(&self.property(resource, name)?).map(str::to_owned)
    }

    /// The outputs whose values are known texts.
    pub(super) fn outputs(&self) -> HashMap<String, String> {
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

    /// Resolves a value; `None` is `AWS::NoValue`.
    pub(super) fn resolve(&self, node: &Node) -> Option<Node> {
        if self.depth.load(Ordering::Relaxed) > DEPTH_LIMIT {
            return Some(unknown("its functions refer to each other", node.span));
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        let resolved = match &node.tag {
            Some(tag) => self.call(tag, node, node.span),
            None => self.untagged(node),
        };
        self.depth.fetch_sub(1, Ordering::Relaxed);
        resolved
    }

    fn untagged(&self, node: &Node) -> Option<Node> {
        let value = match &node.value {
            Value::Sequence(items) => {
                Value::Sequence(items.iter().filter_map(|item| self.resolve(item)).collect())
            }
            Value::Mapping(entries) => {
                if let [only] = entries.as_slice() {
                    if only.key == "Ref" {
                        return self.call("Ref", &only.value, node.span);
                    }
                    if let Some(name) = only.key.strip_prefix("Fn::") {
                        return self.call(name, &only.value, node.span);
                    }
                }
                Value::Mapping(
                    entries
                        .iter()
                        .filter_map(|entry| {
                            Some(Entry {
                                key: entry.key.clone(),
                                key_span: entry.key_span,
                                value: self.resolve(&entry.value)?,
                            })
                        })
                        .collect(),
                )
            }
            // CloudFormation puts in what only AWS knows (*Get values stored in other services using
            // dynamic references*).
            Value::String(text) if text.contains("{{resolve:") => {
                return Some(unknown(
                    "a dynamic reference is known only to AWS",
                    node.span,
                ));
            }
            other => other.clone(),
        };
        Some(Node::synthetic(value, node.span))
    }

    /// The argument of a function: what stands behind its tag or its long-form key.
    fn argument(&self, name: &str, node: &Node) -> Option<Node> {
        // In short form the tag is the function's own; anything below is resolved as usual.
        if node.tag.as_deref() == Some(name) {
            self.untagged(node)
        } else {
            self.resolve(node)
        }
    }

    fn call(&self, name: &str, argument: &Node, span: Span) -> Option<Node> {
        Some(match name {
            "Ref" => match argument.scalar_text() {
                Some("AWS::NoValue") => return None,
                Some(id) => self.reference(id, span),
                None => unknown("`Ref` names nothing", span),
            },
            "GetAtt" => self.attribute_call(argument, span),
            "Sub" => self.sub(argument, span),
            "Join" => self.join(&self.argument(name, argument)?, span),
            "Select" => self.select(&self.argument(name, argument)?, span),
            "Split" => self.split(&self.argument(name, argument)?, span),
            "If" => return self.choose(argument, span),
            "FindInMap" => self.find_in_map(&self.argument(name, argument)?, span),
            UNKNOWN => argument.clone(),
            "ImportValue" => unknown("`ImportValue` is another stack's output", span),
            _ => unknown(format!("the value of `{name}` is known only to AWS"), span),
        })
    }

    fn reference(&self, id: &str, span: Span) -> Node {
        let deployment = &self.deployment;
        let pseudo = match id {
            "AWS::AccountId" => Some(deployment.account),
            "AWS::Region" => Some(deployment.region),
            "AWS::Partition" => Some(deployment.partition),
            "AWS::StackName" => Some(deployment.stack),
            "AWS::URLSuffix" => Partition::of_arns(deployment.partition).map(Partition::dns_suffix),
            _ => None,
        };
        if let Some(text) = pseudo {
            return text_node(text, span);
        }
        if let Some(parameter) = self.root.get("Parameters").and_then(|all| all.get(id)) {
            return self.parameter(id, parameter, span);
        }
        self.attribute(id, "", span)
    }

    fn parameter(&self, id: &str, parameter: &Node, span: Span) -> Node {
        let kind = parameter
            .get("Type")
            .and_then(Node::as_str)
            .unwrap_or("String");
        let given = self.deployment.parameters.get(id).map(String::as_str);
        let default = parameter.get("Default").and_then(Node::scalar_text);
        let Some(text) = given
            .or(default)
            .filter(|_| !kind.starts_with("AWS::SSM::"))
        else {
            let reason = match kind.starts_with("AWS::SSM::") {
                true => format!("the value of the parameter `{id}` is in Systems Manager"),
                false => format!(
                    "the value of the parameter `{id}`, which `--parameter {id}=VALUE` gives"
                ),
            };
            return unknown(reason, span);
        };
        if super::parameters::is_list(kind) {
            let items = text.split(',').map(|item| text_node(item.trim(), span));
            return Node::synthetic(Value::Sequence(items.collect()), span);
        }
        text_node(text, span)
    }

    fn attribute_call(&self, argument: &Node, span: Span) -> Node {
        if let Some((id, name)) = argument.scalar_text().and_then(|text| text.split_once('.')) {
            return self.attribute(id, name, span);
        }
        match argument.items() {
            Some([id, name]) => match (id.as_str(), self.resolve(name)) {
                (Some(id), Some(name)) if known_text(&name).is_some() => {
                    self.attribute(id, known_text(&name).unwrap_or_default(), span)
                }
                _ => unknown("`GetAtt` names nothing that is known", span),
            },
            _ => unknown("`GetAtt` names nothing", span),
        }
    }

    /// An attribute of a resource; the empty one is what `Ref` gives.
    fn attribute(&self, id: &str, name: &str, span: Span) -> Node {
        let key = format!("{id}.{name}");
        if let Some(known) = locked(&self.known).get(&key) {
            return Node {
                span,
                ..known.clone()
            };
        }
        let Some(resource) = self.resource(id) else {
            return unknown(format!("there is no `{id}` in the template"), span);
        };
        if self.depth.load(Ordering::Relaxed) > DEPTH_LIMIT {
            return unknown("its functions refer to each other", span);
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        let found = super::symbols::attribute(self, id, resource, name);
        self.depth.fetch_sub(1, Ordering::Relaxed);
        let node = match found {
            Some(text) => text_node(text, span),
            None if name.is_empty() => unknown(format!("AWS decides what `{id}` is called"), span),
            None => unknown(format!("AWS decides the `{name}` of `{id}`"), span),
        };
        locked(&self.known).insert(key, node.clone());
        node
    }

    fn sub(&self, argument: &Node, span: Span) -> Node {
        let (template, variables) = match argument.items() {
            Some([template, variables]) => (template, Some(variables)),
            Some(_) => return unknown("`Sub` has neither a text nor a list of two", span),
            None => (argument, None),
        };
        let Some(mut rest) = template.scalar_text() else {
            return unknown("`Sub` has no text", span);
        };
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let name = name.trim();
            let given = variables.and_then(|variables| variables.get(name));
            let value = match (given, name.split_once('.')) {
                (Some(given), _) => match self.resolve(given) {
                    Some(value) => value,
                    None => continue,
                },
                (None, Some((id, attribute))) => self.attribute(id, attribute, span),
                (None, None) => self.reference(name, span),
            };
            match known_text(&value) {
                Some(text) => out.push_str(text),
                None if unknown_in(&value).is_some() => return value,
                None => return unknown(format!("`{name}` is no text"), span),
            }
        }
        out.push_str(rest);
        limited(out, span)
    }

    fn join(&self, argument: &Node, span: Span) -> Node {
        if let Some(part) = unknown_in(argument) {
            return Node {
                span,
                ..part.clone()
            };
        }
        let parts = argument.items().unwrap_or_default();
        let [delimiter, list] = parts else {
            return unknown("`Join` has not a delimiter and a list", span);
        };
        let texts: Option<Vec<&str>> = (list.items().unwrap_or_default().iter())
            .map(known_text)
            .collect();
        match (known_text(delimiter).or(Some("")), texts) {
            (Some(delimiter), Some(texts)) => limited(texts.join(delimiter), span),
            _ => unknown("`Join` has something else than texts", span),
        }
    }

    fn select(&self, argument: &Node, span: Span) -> Node {
        let Some([index, list]) = argument.items() else {
            return unknown("`Select` has not an index and a list", span);
        };
        let index = known_text(index).and_then(|text| text.parse::<usize>().ok());
        let items = list.items().filter(|_| list.tag.is_none());
        match (index, items) {
            (Some(index), Some(items)) => match items.get(index) {
                Some(item) => Node {
                    span,
                    ..item.clone()
                },
                None => unknown(
                    format!("`Select` asks for item {index}, which is not there"),
                    span,
                ),
            },
            _ => match unknown_in(argument) {
                Some(part) => Node {
                    span,
                    ..part.clone()
                },
                None => unknown("`Select` has not an index and a list", span),
            },
        }
    }

    fn split(&self, argument: &Node, span: Span) -> Node {
        if let Some(part) = unknown_in(argument) {
            return Node {
                span,
                ..part.clone()
            };
        }
        let parts: Option<Vec<&str>> = argument
            .items()
            .and_then(|items| items.iter().map(known_text).collect());
        match parts.as_deref() {
            Some([delimiter, text]) if !delimiter.is_empty() => {
                let items = text.split(*delimiter).map(|item| text_node(item, span));
                Node::synthetic(Value::Sequence(items.collect()), span)
            }
            _ => unknown("`Split` has not a delimiter and a text", span),
        }
    }

    fn choose(&self, argument: &Node, span: Span) -> Option<Node> {
        let Some([name, yes, no]) = argument.items() else {
            return Some(unknown("`If` has not a condition and two values", span));
        };
        match name.scalar_text().and_then(|name| self.condition(name)) {
            Some(true) => self.resolve(yes),
            Some(false) => self.resolve(no),
            None => Some(unknown("the condition of `If` cannot be known", span)),
        }
    }

    fn find_in_map(&self, argument: &Node, span: Span) -> Node {
        let keys: Option<Vec<&str>> = argument
            .items()
            .and_then(|items| items.iter().take(3).map(known_text).collect());
        let found = match keys.as_deref() {
            Some([map, first, second]) => {
                let maps = self.root.get("Mappings");
                maps.and_then(|maps| maps.at([*map, *first, *second]))
            }
            _ => None,
        };
        let default = || argument.items()?.get(3)?.get("DefaultValue");
        let has_unknown = keys.is_none();
        match found.or_else(|| default().filter(|_| !has_unknown)) {
            Some(value) => Node {
                span,
                ..value.clone()
            },
            None => match unknown_in(argument) {
                Some(part) => Node {
                    span,
                    ..part.clone()
                },
                None => unknown("`FindInMap` finds nothing", span),
            },
        }
    }

    /// A condition of the template by name; `None` where nobody can tell.
    fn condition(&self, name: &str) -> Option<bool> {
        if let Some(known) = locked(&self.conditions).get(name) {
            return *known;
        }
        // Until it is known, a condition that asks for itself is none.
        locked(&self.conditions).insert(name.to_owned(), None);
        let test = self.root.get("Conditions").and_then(|all| all.get(name));
        let value = test.and_then(|test| self.test(test));
        locked(&self.conditions).insert(name.to_owned(), value);
        value
    }

    fn test(&self, node: &Node) -> Option<bool> {
        let (name, argument) = match (&node.tag, node.entries()) {
            (Some(tag), _) => (tag.as_str(), node),
            (None, Some([only])) => (
                only.key.strip_prefix("Fn::").unwrap_or(&only.key),
                &only.value,
            ),
            _ => return None,
        };
        match name {
            "Condition" => self.condition(argument.scalar_text()?),
            "Equals" => {
                let [left, right] = argument.items()? else {
                    return None;
                };
                let (left, right) = (self.resolve(left)?, self.resolve(right)?);
                Some(known_text(&left)? == known_text(&right)?)
            }
            "Not" => self.test(argument.items()?.first()?).map(|value| !value),
            "And" | "Or" => {
                let decisive = name == "Or";
                let values: Vec<Option<bool>> = argument
                    .items()?
                    .iter()
                    .map(|item| self.test(item))
                    .collect();
                if values.contains(&Some(decisive)) {
                    Some(decisive)
                } else if values.contains(&None) {
                    None
                } else {
                    Some(!decisive)
                }
            }
            _ => None,
        }
    }
}
