//! The normal form of a template, which the built-in rules check.
//!
//! The normal form represents the resources that CloudFormation creates from a template. It
//! contains each resource once for every outcome of its conditions, with functions evaluated as far
//! as possible, every scalar as text, and normalized policy documents. An unknown part is
//! `@{NAME}`. Information that rules cannot find by comparing text is in the facts under `Derived`.
//! Every value keeps its position in the template.
//!
//! This module does not decide whether a resource violates a rule.

mod at_most;
mod bucket_policy;
mod conditions;
mod confinement;
mod facts;
mod nodes;
mod pipelines;
mod policy;
mod relations;

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Diagnostic, Entry, Node, Severity, Span, Value};
use crate::template::{OpenLoop, function, resources, type_of};
use at_most::at_most;
use bucket_policy::Tls;
use conditions::{Conditions, Outcome, Used};
use nodes::{derived, entry, fact, is_open, list, map, plain, text};
use policy::{Kind, Parameters, canonical};
use relations::Relations;

pub(super) use nodes::{DERIVED, MARKER, head};

/// The rule name of notes about parts that could not be checked.
pub(crate) const NOT_CHECKED: &str = "LINT_NOT_CHECKED";

/// A resource in normal form, for one outcome of its conditions.
#[derive(Debug)]
pub(super) struct Resource<'t> {
    /// The resource as written.
    pub(super) entry: &'t Entry,
    pub(super) kind: &'t str,
    /// Its type, properties, deletion and replacement policies, and facts.
    pub(super) node: Node,
    /// The resource with the widest permissions of its policies, if they depend on unknown values.
    pub(super) at_most: Option<Node>,
}

/// A template in normal form.
#[derive(Debug)]
pub(super) struct Normal<'t> {
    pub(super) resources: Vec<Resource<'t>>,
    /// Notes about the parts that could not be checked.
    pub(super) notes: Vec<Diagnostic>,
    parameters: Parameters<'t>,
}

/// Converts a template with expanded loops to normal form. `open` contains the loops that could not
/// be expanded. Keeps only resources of the types in `words`, with the properties that `words`
/// contains for the type.
pub(super) fn normal<'t>(
    template: &'t Node,
    open: &[OpenLoop],
    words: &HashMap<&str, HashSet<&str>>,
) -> Normal<'t> {
    let conditions = Conditions::new(template);
    let relations = Relations::of(template, &conditions);
    let unchecked = template
        .entry("Conditions")
        .filter(|_| relations.is_incomplete)
        .map(|conditions| {
            let message = "the relationships between resources depend on too many conditions: not \
                           all combinations are checked";
            let note = Diagnostic::new(conditions.key_span, message);
            note.of_rule((NOT_CHECKED, Severity::Note), None, "Conditions")
        });
    let notes = open_loops(open).chain(macros(template)).chain(unchecked);
    let mut normal = Normal {
        resources: Vec::new(),
        notes: notes.collect(),
        parameters: Parameters::of(template),
    };
    for one in resources(template) {
        let Some(kind) = type_of(&one.value) else {
            let message = match one.key.as_str() {
                "Fn::Transform" => {
                    "the content that the transform inserts here is not checked".to_owned()
                }
                id => format!("`{id}` has no type, so it is not checked"),
            };
            normal.note(one, one.key_span, message);
            continue;
        };
        if kind.ends_with("::MODULE") {
            let message = format!("the resources of the module `{}` are not checked", one.key);
            normal.note(one, one.key_span, message);
        } else if !kind.contains("::") || kind.trim() != kind {
            let message = format!("`{}` has an unknown type, so it is not checked", one.key);
            normal.note(one, one.key_span, message);
        } else if let Some(words) = words.get(kind) {
            normal.resource(template, &conditions, &relations, one, kind, words);
        }
    }
    normal
}

/// Returns notes about the loops that are not checked.
pub(super) fn open_loops(open: &[OpenLoop]) -> impl Iterator<Item = Diagnostic> {
    open.iter().map(|open| {
        let message = format!("the loop `{}` is not checked: {}", open.name, open.reason);
        Diagnostic::new(open.span, message).of_rule(
            (NOT_CHECKED, Severity::Note),
            None,
            "Resources",
        )
    })
}

/// The transform that provides `Fn::ForEach` and other functions. It is supported.
const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";

/// Returns notes about the macros of a template, which can change everything in it.
fn macros(template: &Node) -> impl Iterator<Item = Diagnostic> {
    let used = template.get("Transform").map(Node::one_or_many);
    used.unwrap_or_default().iter().filter_map(|name| {
        let name_text = match name.as_str() {
            Some(LANGUAGE_EXTENSIONS) => return None,
            Some(text) => text,
            None => name
                .get("Name")
                .and_then(Node::as_str)
                .unwrap_or("Transform"),
        };
        let message =
            format!("the transform `{name_text}` is not applied: its output is not checked");
        let note = Diagnostic::new(head(name), message);
        Some(note.of_rule((NOT_CHECKED, Severity::Note), None, "Transform"))
    })
}

/// Returns the position of a transform in a resource, if it uses one.
fn transform(node: &Node) -> Option<Span> {
    if let Some(("Transform", _)) = function(node) {
        return Some(head(node));
    }
    match &node.value {
        Value::Sequence(items) => items.iter().find_map(transform),
        Value::Mapping(entries) => entries.iter().find_map(|entry| match entry.key.as_str() {
            "Fn::Transform" => Some(entry.key_span),
            _ => transform(&entry.value),
        }),
        _ => None,
    }
}

/// The property that the normal form requires even if no rule checks it.
const NEEDED: &str = "Bucket";

/// Returns a resource with only the properties that rules check.
fn looked_at(one: &Entry, words: &HashSet<&str>) -> Entry {
    let is_looked_at = |key: &str| key == NEEDED || words.contains(key);
    let with = |node: &Node, change: &dyn Fn(&Entry) -> Option<Entry>| {
        let entries = node.entries().unwrap_or_default().iter();
        map(entries.filter_map(change).collect(), node.span)
    };
    let value = with(&one.value, &|entry| match entry.key.as_str() {
        "Metadata" => None,
        "Properties" if function(&entry.value).is_none() => Some(Entry {
            value: with(&entry.value, &|property| {
                is_looked_at(&property.key).then(|| property.clone())
            }),
            ..entry.clone()
        }),
        _ => Some(entry.clone()),
    });
    Entry {
        value,
        ..one.clone()
    }
}

impl<'t> Normal<'t> {
    pub(super) fn note(&mut self, resource: &Entry, span: Span, message: impl Into<String>) {
        let rule = (NOT_CHECKED, Severity::Note);
        let path = format!("Resources.{}", resource.key);
        let note = Diagnostic::new(span, message).of_rule(rule, Some(&resource.key), path);
        self.notes.push(note);
    }

    fn resource(
        &mut self,
        template: &'t Node,
        conditions: &Conditions<'t>,
        relations: &Relations,
        one: &'t Entry,
        kind: &'t str,
        words: &HashSet<&str>,
    ) {
        if let Some(span) = transform(&one.value) {
            self.note(
                one,
                span,
                "the content that the transform inserts here is not checked",
            );
        }
        let condition = one.value.get("Condition").and_then(Node::as_str);
        let written = looked_at(one, words);
        let mut used = Used::default();
        used.conditions.extend(condition);
        used.read(&written.value);
        let outcomes = conditions.outcomes(&used.conditions, &used.names);
        if outcomes.is_incomplete {
            let message =
                "the resource depends on too many conditions: not all combinations are checked";
            self.note(one, one.key_span, message);
        }
        for outcome in &outcomes.list {
            if outcome.holds(condition) {
                let (node, at_most) = self.one(template, outcome, relations, &written);
                self.resources.push(Resource {
                    entry: one,
                    kind,
                    node,
                    at_most,
                });
            }
        }
    }

    /// Returns a resource for an outcome of its conditions, and the same resource with the widest
    /// permissions if they differ.
    fn one(
        &mut self,
        template: &Node,
        outcome: &Outcome,
        relations: &Relations,
        one: &Entry,
    ) -> (Node, Option<Node>) {
        let resolver = outcome.resolver(template);
        let value = |key: &str| plain(&resolver.resolve(one.value.get(key)?)?);
        let properties = value("Properties");
        let properties = match properties {
            Some(properties) if properties.entries().is_some() => properties,
            Some(open) if open.as_str().is_some_and(is_open) => {
                self.note(
                    one,
                    open.span,
                    "the properties are known only when the stack is deployed, so they are not \
                     checked",
                );
                map(Vec::new(), one.key_span)
            }
            _ => map(Vec::new(), one.key_span),
        };
        let mut written = Vec::new();
        for (key, value) in [
            ("Type", value("Type")),
            ("DeletionPolicy", value("DeletionPolicy")),
            ("UpdateReplacePolicy", value("UpdateReplacePolicy")),
        ] {
            written.extend(value.map(|value| entry(key, value)));
        }
        let mut facts = relations.of_resource(&one.key, outcome);
        facts.push(fact("NormalForm", one.key_span));
        let widest = at_most(&properties, self.parameters);
        let mut made = |properties: Node| {
            let (mut written, mut facts) = (written.clone(), facts.clone());
            let facts_of = |action: Span| relations.of_action(&one.key, action, outcome);
            let properties = self.properties(one, properties, &facts_of, &mut facts);
            written.push(entry("Properties", properties));
            written.extend(derived(facts, one.key_span));
            map(written, one.value.span)
        };
        (made(properties), widest.map(made))
    }

    fn properties(
        &mut self,
        one: &Entry,
        properties: Node,
        facts_of_action: &dyn Fn(Span) -> Vec<Entry>,
        facts: &mut Vec<Entry>,
    ) -> Node {
        let kind = type_of(&one.value).unwrap_or_default();
        let span = properties.span;
        let Value::Mapping(entries) = properties.value else {
            return properties;
        };
        let mut written: Vec<Entry> = Vec::with_capacity(entries.len());
        for property in entries {
            let Entry {
                key,
                key_span,
                value,
            } = property;
            let value = match (kind, key.as_str()) {
                ("AWS::S3::BucketPolicy", "PolicyDocument") => {
                    self.policy(one, &value, Kind::Bucket)
                }
                (_, "PolicyDocument") => self.policy(one, &value, Kind::Identity),
                (_, "AssumeRolePolicyDocument") => self.policy(one, &value, Kind::Trust),
                (_, "KeyPolicy") => self.policy(one, &value, Kind::Key),
                ("AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group", "Policies") => {
                    self.inline_policies(one, &value)
                }
                ("AWS::Events::Rule", "EventPattern") => policy::from_text(&value),
                ("AWS::CodePipeline::Pipeline", "Stages") => stages(&value, facts_of_action),
                _ => value,
            };
            written.push(Entry {
                key,
                key_span,
                value,
            });
        }
        if kind.starts_with("AWS::IAM::") {
            let statements = || map(vec![entry("Statement", list(Vec::new(), span))], span);
            let empty = [
                ("Policies", list(Vec::new(), span)),
                ("PolicyDocument", statements()),
            ];
            let missing = empty
                .into_iter()
                .filter(|(key, _)| written.iter().all(|entry| entry.key != *key))
                .map(|(key, value)| entry(key, value));
            let missing: Vec<Entry> = missing.collect();
            written.extend(missing);
        }
        let properties = map(written, span);
        if kind == "AWS::S3::BucketPolicy"
            && let Some(statements) = properties.at(["PolicyDocument", "Statement"])
        {
            let bucket = properties.get("Bucket").and_then(Node::as_str);
            let statements = statements.items().unwrap_or_default();
            match bucket_policy::tls(statements, bucket) {
                Tls::Required => {}
                Tls::Optional(near) => {
                    facts.push(fact("TlsOptional", near.unwrap_or(one.key_span)));
                }
                Tls::Unknown => {
                    let unknown = format!("{MARKER}Value.0}}");
                    facts.push(entry("TlsOptional", text(unknown, one.key_span)));
                }
            }
        }
        properties
    }

    fn policy(&mut self, one: &Entry, document: &Node, kind: Kind) -> Node {
        let canonical = canonical(document, kind, self.parameters);
        let is_text = |node: &Node| node.as_str().is_some();
        let statements = canonical.get("Statement").and_then(Node::items);
        if is_text(&canonical) {
            let message =
                "this policy is known only when the stack is deployed, so it is not checked";
            self.note(one, document.span, message);
        } else if let Some(open) = statements
            .unwrap_or_default()
            .iter()
            .find(|one| is_text(one))
        {
            let message =
                "this statement is known only when the stack is deployed, so it is not checked";
            self.note(one, open.span, message);
        }
        canonical
    }

    fn inline_policies(&mut self, one: &Entry, policies: &Node) -> Node {
        let policies_of = policies.one_or_many().iter();
        let policies_of: Vec<Node> = policies_of
            .map(|policy| {
                let Some(entries) = policy.entries() else {
                    let message = "this policy is known only when the stack is deployed, so it is \
                                   not checked";
                    self.note(one, policy.span, message);
                    return policy.clone();
                };
                let entries = entries.iter().map(|element| Entry {
                    key: element.key.clone(),
                    key_span: element.key_span,
                    value: match element.key.as_str() {
                        "PolicyDocument" => self.policy(one, &element.value, Kind::Identity),
                        _ => element.value.clone(),
                    },
                });
                map(entries.collect(), policy.span)
            })
            .collect();
        list(policies_of, policies.span)
    }
}

/// Returns the stages of a pipeline with the facts about their actions.
fn stages(stages: &Node, facts_of: &dyn Fn(Span) -> Vec<Entry>) -> Node {
    let with = |node: &Node, key: &str, value: Node| {
        let entries = node.entries().unwrap_or_default().iter();
        let entries = entries.map(|element| match element.key == key {
            true => entry(key, value.clone()),
            false => element.clone(),
        });
        map(entries.collect(), node.span)
    };
    let stages_of = stages.one_or_many().iter().map(|stage| {
        let Some(actions) = stage.get("Actions") else {
            return stage.clone();
        };
        let actions_of = actions.one_or_many().iter().map(|action| {
            let mut node = action.clone();
            if let Value::Mapping(entries) = &mut node.value {
                entries.extend(derived(facts_of(action.span), action.span));
            }
            node
        });
        with(stage, "Actions", list(actions_of.collect(), actions.span))
    });
    list(stages_of.collect(), stages.span)
}
