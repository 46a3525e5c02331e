//! A template as Guard sees it, and the way back from Guard's paths to its text.
//!
//! Guard knows neither `Fn::If` nor `AWS::NoValue`: a property that both branches set looks
//! missing to it. So each variant of a template is checked.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::suppress::Names;
use crate::diagnostic::{Node, Span, Value};
use crate::template::{resources, type_of};

/// Whether a template has resources of one of these types.
pub(super) fn concerns(template: &Node, types: Option<&BTreeSet<&str>>) -> bool {
    let mut resources = resources(template).iter();
    resources.any(|resource| has_type(&resource.value, types))
}

fn has_type(resource: &Node, types: Option<&BTreeSet<&str>>) -> bool {
    types.is_none_or(|types| type_of(resource).is_some_and(|name| types.contains(name)))
}

/// The template as plain JSON, in which what means the same is written the same, and every
/// resource has a list of suppressed rules, with these names: Guard spends long on the first look-up of
/// a key that is missing, and every rule looks for this one. With `types`, only its parameters and the
/// resources of these types.
pub(super) fn to_guard_json(
    template: &Node,
    types: Option<&BTreeSet<&str>>,
    suppressed: &Names,
) -> String {
    let mut json = match types {
        None => template.to_json(),
        Some(_) => {
            let resources: serde_json::Map<_, _> = resources(template)
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
        for (id, resource) in resources {
            if let Some(resource) = resource.as_object_mut() {
                list_suppressions(resource, suppressed.get(id).map_or(&[], Vec::as_slice));
            }
        }
    }
    json.to_string()
}

fn list_suppressions(resource: &mut serde_json::Map<String, Json>, names: &[String]) {
    let metadata = resource.entry("Metadata").or_insert_with(|| json!({}));
    let guard = metadata
        .as_object_mut()
        .map(|metadata| metadata.entry("guard").or_insert_with(|| json!({})));
    if let Some(guard) = guard.and_then(Json::as_object_mut) {
        // Guard takes an empty list for a missing one.
        let list = if names.is_empty() {
            json!(["-"])
        } else {
            json!(names)
        };
        guard.insert("SuppressedRules".to_owned(), list);
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
