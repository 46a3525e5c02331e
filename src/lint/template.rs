//! Prepares templates and resources for Guard, and finds the positions of Guard's paths in the text
//! of a template.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::normal::head;
use super::suppress::Names;
use crate::diagnostic::{Entry, Node, Span, Value};
use crate::template::{function, resources};

/// Returns the template as JSON. The template is unchanged, except that its resources suppress the
/// rules with these names.
pub(super) fn to_guard_json(template: &Node, suppressed: &Names) -> String {
    let mut json = template.to_json();
    for (id, names) in suppressed {
        // Guard treats an empty list as missing.
        let list = if names.is_empty() {
            json!(["-"])
        } else {
            json!(names)
        };
        let guard = json.pointer_mut(&format!("/Resources/{}/Metadata/guard", escaped(id)));
        if let Some(guard) = guard.and_then(Json::as_object_mut) {
            guard.insert("SuppressedRules".to_owned(), list);
        }
    }
    json.to_string()
}

/// Escapes a step of a JSON pointer.
fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

/// The lists of mappings whose entries are also filtered.
const NESTED: [&str; 2] = ["Stages", "Actions"];

/// Returns a resource in normal form without the properties that no rule names. Also removes such
/// parts of a pipeline's stages and actions. Guard copies its input repeatedly, so a smaller input
/// is faster.
pub(super) fn spare(template: &Node, words: &HashSet<&str>) -> Node {
    changed(template, |resources| {
        changed(resources, |resource| {
            let Value::Mapping(entries) = &resource.value else {
                return resource.clone();
            };
            let entries = entries.iter().map(|entry| match entry.key.as_str() {
                "Properties" => Entry {
                    value: named(&entry.value, words),
                    ..entry.clone()
                },
                _ => entry.clone(),
            });
            Node::synthetic(Value::Mapping(entries.collect()), resource.span)
        })
    })
}

/// Returns a mapping with changed values.
fn changed(node: &Node, change: impl Fn(&Node) -> Node) -> Node {
    let entries = node.entries().unwrap_or_default().iter();
    let entries = entries.map(|entry| Entry {
        key: entry.key.clone(),
        key_span: entry.key_span,
        value: change(&entry.value),
    });
    Node::synthetic(Value::Mapping(entries.collect()), node.span)
}

fn named(node: &Node, words: &HashSet<&str>) -> Node {
    let value = match &node.value {
        Value::Mapping(all) => {
            let is_named = |entry: &&Entry| words.contains(entry.key.as_str());
            // Guard treats an empty mapping as missing.
            let rest = all
                .first()
                .filter(|_| !all.iter().any(|entry| is_named(&entry)));
            let entries = all.iter().filter(is_named).chain(rest);
            let entries = entries.map(|entry| match NESTED.contains(&entry.key.as_str()) {
                true => Entry {
                    value: named(&entry.value, words),
                    ..entry.clone()
                },
                false => entry.clone(),
            });
            Value::Mapping(entries.collect())
        }
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| named(item, words)).collect())
        }
        other => other.clone(),
    };
    Node::synthetic(value, node.span)
}

/// Returns a template with a resource in normal form as its only resource.
pub(super) fn alone(id: &Entry, node: Node) -> Node {
    let mapping = |key: &str, key_span: Span, value: Node| {
        let span = value.span;
        let entry = Entry {
            key: key.to_owned(),
            key_span,
            value,
        };
        Node::synthetic(Value::Mapping(vec![entry]), span)
    };
    let resources = mapping(&id.key, id.key_span, node);
    mapping("Resources", id.key_span, resources)
}

/// A position in a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) resource: Option<String>,
    pub(super) path: String,
    /// The end of the path that does not exist, such as `.Properties.Status`; may be empty.
    pub(super) absent: String,
    pub(super) span: Span,
}

/// Returns the position of Guard's `path` (such as `/Resources/Key/Properties`), as far as it
/// exists, extended by the `missing` part (such as `EnableKeyRotation`).
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
        // A missing property is reported at the resource's logical ID.
        (2.., true, Some(id)) if steps.len() == 2 || steps[2..] == ["Properties"] => id,
        _ => match &node.value {
            Value::Sequence(_) | Value::Mapping(_) => key_span.unwrap_or_else(|| head(node)),
            _ => node.span,
        },
    };
    let absent = plain_steps(if rest.is_empty() { missing } else { rest });
    let absent: String = absent.iter().map(|step| format!(".{step}")).collect();
    let path = steps.join(".") + &absent;
    Place {
        resource,
        path: path.trim_start_matches('.').to_owned(),
        absent,
        span,
    }
}

/// Returns the path of a position in a template, or of the function that contains it.
pub(super) fn path_to(template: &Node, resource: &str, place: Span) -> Option<String> {
    let mut entries = resources(template).iter();
    let resource = entries.find(|entry| entry.key == resource)?;
    let mut path = format!("Resources.{}", resource.key);
    let mut node = &resource.value;
    let is_within = |span: Span| span.start <= place.start && place.end <= span.end;
    while function(node).is_none() && node.span != place {
        let step = match &node.value {
            Value::Mapping(entries) => entries
                .iter()
                .find(|entry| {
                    is_within(Span {
                        start: entry.key_span.start,
                        end: entry.value.span.end,
                    })
                })
                .map(|entry| (entry.key.clone(), entry.key_span == place, &entry.value)),
            Value::Sequence(items) => {
                let mut items = items.iter().enumerate();
                items
                    .find(|(_, item)| is_within(item.span))
                    .map(|(at, item)| (at.to_string(), false, item))
            }
            _ => None,
        };
        let Some((step, is_key, next)) = step else {
            break;
        };
        path.push('.');
        path.push_str(&step);
        if is_key {
            break;
        }
        node = next;
    }
    Some(path)
}

/// Follows one step of `rest` into a node. Keys can contain a slash, so the longest matching key is
/// used.
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

/// Returns the plain keys at the start of a Guard query.
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
