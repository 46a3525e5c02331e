//! A template as Guard sees it, and the way back from Guard's paths to its text.
//!
//! Guard knows neither `Fn::If` nor `AWS::NoValue`: a property that both branches set looks
//! missing to it. So a template with conditional values becomes several variants, one for each
//! way in which its conditions can come out, and each is checked. What a template means
//! otherwise is none of this module's business.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::diagnostic::{Entry, Node, Span, Value};

/// With more conditions than this, not every combination of them is checked, but those with
/// all of them alike and those with one of them different.
const ALL_COMBINATIONS: usize = 3;

/// The template under every outcome of the conditions that its values depend on.
pub(super) fn variants(template: &Node) -> Vec<Cow<'_, Node>> {
    let mut names = BTreeSet::new();
    let mut absent = false;
    survey(template, &mut names, &mut absent);
    if names.is_empty() && !absent {
        return vec![Cow::Borrowed(template)];
    }
    let names: Vec<&str> = names.into_iter().collect();
    outcomes(names.len())
        .into_iter()
        .filter_map(|holds| {
            let true_ones: Vec<&str> = names
                .iter()
                .zip(&holds)
                .filter(|(_, holds)| **holds)
                .map(|(name, _)| *name)
                .collect();
            resolve(template, &true_ones).map(Cow::Owned)
        })
        .collect()
}

fn outcomes(count: usize) -> Vec<Vec<bool>> {
    if count <= ALL_COMBINATIONS {
        return (0..1_usize << count)
            .map(|bits| (0..count).map(|at| bits >> at & 1 == 1).collect())
            .collect();
    }
    [false, true]
        .into_iter()
        .flat_map(|all| {
            let one_different = (0..count).map(move |odd| {
                let mut holds = vec![all; count];
                holds[odd] = !all;
                holds
            });
            std::iter::once(vec![all; count]).chain(one_different)
        })
        .collect()
}

fn survey<'n>(node: &'n Node, names: &mut BTreeSet<&'n str>, absent: &mut bool) {
    if let Some((condition, _, _)) = conditional(node) {
        names.insert(condition);
    }
    *absent |= is_no_value(node);
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| survey(item, names, absent)),
        Value::Mapping(entries) => entries
            .iter()
            .for_each(|entry| survey(&entry.value, names, absent)),
        _ => {}
    }
}

/// The node with its conditional values decided; `None` where that leaves no value.
fn resolve(node: &Node, true_ones: &[&str]) -> Option<Node> {
    if is_no_value(node) {
        return None;
    }
    if let Some((condition, yes, no)) = conditional(node) {
        return resolve(
            if true_ones.contains(&condition) {
                yes
            } else {
                no
            },
            true_ones,
        );
    }
    let value = match &node.value {
        Value::Sequence(items) => Value::Sequence(
            items
                .iter()
                .filter_map(|item| resolve(item, true_ones))
                .collect(),
        ),
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .filter_map(|entry| {
                    Some(Entry {
                        key: entry.key.clone(),
                        key_span: entry.key_span,
                        value: resolve(&entry.value, true_ones)?,
                    })
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Some(Node {
        value,
        span: node.span,
        tag: node.tag.clone(),
    })
}

/// The condition and both branches of `!If` or `{"Fn::If": …}`.
fn conditional(node: &Node) -> Option<(&str, &Node, &Node)> {
    let items = match (node.tag.as_deref(), node.entries()) {
        (Some("If"), _) => node.items()?,
        (None, Some([only])) if only.key == "Fn::If" => only.value.items()?,
        _ => return None,
    };
    match items {
        [condition, yes, no] => Some((condition.as_str()?, yes, no)),
        _ => None,
    }
}

fn is_no_value(node: &Node) -> bool {
    const NO_VALUE: Option<&str> = Some("AWS::NoValue");
    match (node.tag.as_deref(), node.entries()) {
        (Some("Ref"), _) => node.as_str() == NO_VALUE,
        (None, Some([only])) if only.key == "Ref" => only.value.as_str() == NO_VALUE,
        _ => false,
    }
}

/// Whether a template has resources of one of these types.
pub(super) fn concerns(template: &Node, types: Option<&BTreeSet<&str>>) -> bool {
    template
        .get("Resources")
        .and_then(Node::entries)
        .unwrap_or_default()
        .iter()
        .any(|resource| has_type(&resource.value, types))
}

fn has_type(resource: &Node, types: Option<&BTreeSet<&str>>) -> bool {
    types.is_none_or(|types| {
        resource
            .get("Type")
            .and_then(Node::as_str)
            .is_some_and(|name| types.contains(name))
    })
}

/// The template as plain JSON, in which what means the same is written the same, and every
/// resource has a list of suppressed rules: Guard spends long on the first look-up of a key that
/// is missing, and every rule looks for this one. With `types`, only its parameters and the
/// resources of these types.
pub(super) fn to_guard_json(template: &Node, types: Option<&BTreeSet<&str>>) -> String {
    let mut json = match types {
        None => template.to_json(),
        Some(_) => {
            let resources: serde_json::Map<_, _> = template
                .get("Resources")
                .and_then(Node::entries)
                .unwrap_or_default()
                .iter()
                .filter(|resource| has_type(&resource.value, types))
                .map(|resource| (resource.key.clone(), resource.value.to_json()))
                .collect();
            let mut json = json!({ "Resources": resources });
            if let Some(parameters) = template.get("Parameters") {
                json["Parameters"] = parameters.to_json();
            }
            json
        }
    };
    simplify(&mut json);
    if let Some(resources) = json.get_mut("Resources").and_then(Json::as_object_mut) {
        resources
            .values_mut()
            .filter_map(Json::as_object_mut)
            .for_each(list_suppressions);
    }
    json.to_string()
}

fn list_suppressions(resource: &mut serde_json::Map<String, Json>) {
    let metadata = resource.entry("Metadata").or_insert_with(|| json!({}));
    let guard = metadata
        .as_object_mut()
        .map(|metadata| metadata.entry("guard").or_insert_with(|| json!({})));
    if let Some(guard) = guard.and_then(Json::as_object_mut) {
        // Guard takes an empty list for a missing one.
        let list = guard.entry("SuppressedRules").or_insert_with(|| json!([]));
        if list.as_array().is_some_and(Vec::is_empty) {
            *list = json!(["-"]);
        }
    }
}

/// `{"Fn::Sub": "${Bucket}"}` is a reference, `{"Fn::Sub": "text"}` is text, and
/// `{"Fn::GetAtt": "Key.Arn"}` has two parts.
fn simplify(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(simplify),
        Json::Object(entries) => {
            if let Some(plain) = simplified(entries) {
                *json = plain;
            } else {
                entries.values_mut().for_each(simplify);
            }
        }
        _ => {}
    }
}

fn simplified(entries: &serde_json::Map<String, Json>) -> Option<Json> {
    if entries.len() != 1 {
        return None;
    }
    let (function, argument) = entries.iter().next()?;
    let text = argument.as_str()?;
    match function.as_str() {
        "Fn::Sub" if !text.contains("${") => Some(json!(text)),
        "Fn::Sub" => {
            let name = text.strip_prefix("${")?.strip_suffix('}')?;
            let is_reference = name.chars().all(|c| c.is_ascii_alphanumeric() || c == ':');
            is_reference.then(|| json!({ "Ref": name }))
        }
        "Fn::GetAtt" => text
            .split_once('.')
            .map(|(resource, attribute)| json!({ "Fn::GetAtt": [resource, attribute] })),
        _ => None,
    }
}

/// A place in a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) resource: Option<String>,
    pub(super) path: String,
    pub(super) span: Span,
}

/// The place that Guard calls `path` (`/Resources/Key/Properties`), as far as it exists, and
/// from there on what is `missing` (`EnableKeyRotation`).
pub(super) fn locate(template: &Node, path: &str, missing: &str) -> Place {
    let mut steps: Vec<&str> = Vec::new();
    let mut node = template;
    let mut key_span = None;
    let mut id_span = None;
    let mut rest = path.trim_start_matches('/');
    while !rest.is_empty() {
        let Some((step, key, next)) = step_into(node, rest) else {
            break;
        };
        steps.push(step);
        key_span = key;
        if steps.len() == 2 {
            id_span = key;
        }
        node = next;
        rest = rest[step.len()..].trim_start_matches('/');
    }
    let in_resource = steps.first() == Some(&"Resources");
    let resource = (in_resource && steps.len() > 1).then(|| steps[1].to_owned());
    let span = match (steps.len(), in_resource, id_span) {
        // What a whole resource lacks is said beside its name.
        (2.., true, Some(id)) if steps.len() == 2 || steps[2..] == ["Properties"] => id,
        _ => match &node.value {
            Value::Sequence(_) | Value::Mapping(_) => key_span.unwrap_or_else(|| head(node)),
            _ => node.span,
        },
    };
    let absent = plain_steps(if rest.is_empty() { missing } else { rest });
    let path = steps
        .into_iter()
        .chain(absent)
        .collect::<Vec<_>>()
        .join(".");
    Place {
        resource,
        path,
        span,
    }
}

/// One step into a node along `rest`. Keys may themselves hold a slash, so the longest that
/// fits is taken.
fn step_into<'n, 'p>(node: &'n Node, rest: &'p str) -> Option<(&'p str, Option<Span>, &'n Node)> {
    let fits = |step: &str| {
        rest.strip_prefix(step)
            .is_some_and(|after| after.is_empty() || after.starts_with('/'))
    };
    match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .filter(|entry| fits(&entry.key))
            .max_by_key(|entry| entry.key.len())
            .map(|entry| (&rest[..entry.key.len()], Some(entry.key_span), &entry.value)),
        Value::Sequence(items) => {
            let index = rest.split('/').next()?;
            Some((index, None, items.get(index.parse::<usize>().ok()?)?))
        }
        _ => None,
    }
}

/// The head of a mapping or list that has no key of its own: its first entry.
fn head(node: &Node) -> Span {
    match &node.value {
        Value::Mapping(entries) => entries.first().map_or(node.span, |entry| Span {
            start: entry.key_span.start,
            end: match entry.value.value {
                Value::Mapping(_) | Value::Sequence(_) => entry.key_span.end,
                _ => entry.value.span.end,
            },
        }),
        Value::Sequence(items) => items.first().map_or(node.span, head),
        _ => node.span,
    }
}

/// The plain keys at the head of a query of Guard's.
fn plain_steps(query: &str) -> Vec<&str> {
    query
        .split(['.', '/'])
        .take_while(|step| {
            !step.is_empty()
                && step
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
        .collect()
}
