//! The JSON Schema of the configuration, and the check of a file against it. The check reports all
//! unknown keys, missing keys, and wrong types. Other modules check the values.

use serde_json::Value as Json;

use super::Config;
use super::names::ACCOUNT_ID;
use crate::aws::names::digits;
use crate::diagnostic::{Diagnostic, Entry, Node, Span, Value, may_be_name};
use crate::escape::{is_hidden, is_unseen, named, spelled};

/// Returns the JSON Schema (draft 2020-12) of the configuration file.
pub fn json_schema() -> Json {
    let mut schema = schemars::schema_for!(Config).to_value();
    schema["title"] = Json::from("s3ferry configuration");
    schema
}

/// Returns all differences between a file and the schema.
pub(super) fn check(node: &Node) -> Vec<Diagnostic> {
    let schema = json_schema();
    let mut checker = Checker {
        definitions: &schema["$defs"],
        problems: Vec::new(),
    };
    if node.value == Value::Null {
        return vec![
            Diagnostic::new(node.span, "the file is empty")
                .help("run `s3ferry init --force` to create a configuration"),
        ];
    }
    checker.value(node, node.span, "the configuration", &schema);
    checker.problems
}

/// Returns the candidate that is most similar to `text`, if it is similar enough.
pub fn near<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if !may_be_name(text) {
        return None;
    }
    let text = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let candidate_lower = candidate.to_lowercase();
            (strsim::jaro_winkler(&text, &candidate_lower), candidate)
        })
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

struct Checker<'s> {
    definitions: &'s Json,
    problems: Vec<Diagnostic>,
}

impl<'s> Checker<'s> {
    /// Checks a node. `place` is the position for errors if the node is empty, and `name` is the
    /// key of the node.
    fn value(&mut self, node: &Node, place: Span, name: &str, schema: &'s Json) {
        let (mut schema, nullable) = self.resolve(schema);
        let options = self.options(schema);
        // If a value can have several types, the one that it has determines the rest of the check.
        if let Some(option) = options.iter().find(|option| fits(node, option)) {
            schema = option;
        }
        if node.tag.is_some() {
            self.problems.push(
                Diagnostic::new(node.span, format!("`{name}` has a tag"))
                    .help("remove the tag: the configuration does not support tags such as `!Sub`"),
            );
            return;
        }
        if node.value == Value::Null {
            if !nullable {
                self.problems.push(
                    Diagnostic::new(place, format!("`{name}` is empty"))
                        .help(format!("set it to {}", expected(schema))),
                );
            }
            return;
        }
        if let Value::String(text) = &node.value
            && let Some(hidden) = text.chars().find(|c| is_hidden(*c))
        {
            self.problems.push(
                Diagnostic::new(
                    node.span,
                    format!("`{name}` contains {}: `{text}`", named(hidden)),
                )
                .help("remove it: control and invisible characters are not allowed"),
            );
            return;
        }
        if let Some(allowed) = allowed_values(schema) {
            self.choice(node, name, &allowed);
            return;
        }
        match (kind(schema), &node.value) {
            (Some("object"), Value::Mapping(_)) => self.mapping(node, place, schema),
            (Some("array"), Value::Sequence(items)) => {
                for item in items {
                    self.value(item, item.span, name, &schema["items"]);
                }
            }
            (Some("string"), Value::String(_)) | (Some("boolean"), Value::Bool(_)) => {}
            (None, _) if schema["anyOf"].is_null() => {}
            (Some("integer"), Value::Number(text)) if text.parse::<u64>().is_ok() => {
                self.range(node, name, text, schema);
            }
            (Some("string"), Value::Number(text)) => {
                let (message, help) = unquoted(name, text, schema);
                self.problems.push(
                    Diagnostic::new(node.span, message)
                        .label("a number")
                        .help(help),
                );
            }
            _ => self.problems.push(match key_without_colon(node, schema) {
                Some(problem) => problem,
                None => Diagnostic::new(
                    node.span,
                    format!("`{name}` must be {}, not {}", expected(schema), node.kind()),
                )
                .help(format!("write {}", expected(schema))),
            }),
        }
    }

    fn choice(&mut self, node: &Node, name: &str, allowed: &[&str]) {
        let text = node.scalar_text().unwrap_or_default();
        if allowed.contains(&text) {
            return;
        }
        let list = allowed.join(", ");
        let help = match near(text, allowed.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? Allowed values: {list}"),
            None => format!("use one of: {list}"),
        };
        self.problems
            .push(Diagnostic::new(node.span, format!("`{name}` cannot be `{text}`")).help(help));
    }

    fn range(&mut self, node: &Node, name: &str, text: &str, schema: &Json) {
        let (Some(value), minimum, maximum) = (
            text.parse::<u64>().ok(),
            schema["minimum"].as_u64(),
            schema["maximum"].as_u64(),
        ) else {
            return;
        };
        if minimum.is_some_and(|least| value < least) || maximum.is_some_and(|most| value > most) {
            let (least, most) = (minimum.unwrap_or(0), maximum.unwrap_or(u64::MAX));
            self.problems.push(
                Diagnostic::new(node.span, format!("`{name}` is out of range"))
                    .help(format!("use a number from {least} to {most}")),
            );
        }
    }

    fn mapping(&mut self, node: &Node, place: Span, schema: &'s Json) {
        let properties = schema["properties"].as_object();
        let entries = node.entries().unwrap_or_default();
        for entry in entries {
            let known = properties.and_then(|properties| properties.get(&entry.key));
            match known {
                None if !schema["additionalProperties"].is_object()
                    && foreign_character(&entry.key).is_some() =>
                {
                    let names = properties.into_iter().flat_map(|map| map.keys());
                    self.foreign(entry, names.map(String::as_str));
                }
                Some(schema) => {
                    self.value(&entry.value, entry.key_span, &entry.key, schema);
                }
                None if schema["additionalProperties"].is_object() => self.value(
                    &entry.value,
                    entry.key_span,
                    &entry.key,
                    &schema["additionalProperties"],
                ),
                None => {
                    let names = properties.into_iter().flat_map(|map| map.keys());
                    let names: Vec<&str> = names.map(String::as_str).collect();
                    let help = match near(&entry.key, names.iter().copied()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("allowed keys: {}", names.join(", ")),
                    };
                    self.problems.push(
                        Diagnostic::new(entry.key_span, format!("unknown key `{}`", entry.key))
                            .help(help),
                    );
                }
            }
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            let Some(name) = required.as_str() else {
                continue;
            };
            if node.get(name).is_none() {
                let span = entries.first().map_or(place, |entry| entry.key_span);
                self.problems.push(
                    Diagnostic::new(span, format!("missing key `{name}`"))
                        .help(format!("add `{name}:`")),
                );
            }
        }
    }

    /// Reports a key with a confusable or invisible character.
    fn foreign<'n>(&mut self, entry: &Entry, names: impl Iterator<Item = &'n str>) {
        let Some(c) = foreign_character(&entry.key) else {
            return;
        };
        let plain: String = entry.key.chars().filter(|c| !is_unseen(*c)).collect();
        let advice = if entry.key.starts_with(char::is_whitespace) {
            "indent it with spaces"
        } else {
            "retype it"
        };
        let help = match near(plain.trim(), names) {
            Some(meant) => format!("{advice}; did you mean `{meant}`?"),
            None => advice.to_owned(),
        };
        let message = format!(
            "unknown key `{}`: it contains {}",
            spelled(&entry.key),
            named(c)
        );
        self.problems
            .push(Diagnostic::new(entry.key_span, message).help(help));
    }

    /// Returns the alternatives of a value that can have several types.
    fn options(&self, schema: &'s Json) -> Vec<&'s Json> {
        let options = schema["anyOf"].as_array().into_iter().flatten();
        options.map(|option| self.resolve(option).0).collect()
    }

    /// Follows references, and returns whether the value can be null.
    fn resolve(&self, schema: &'s Json) -> (&'s Json, bool) {
        if let Some(options) = schema["anyOf"].as_array() {
            let nullable = options.iter().any(|option| option["type"] == "null");
            let mut others = options.iter().filter(|option| option["type"] != "null");
            return match (others.next(), others.next()) {
                (Some(other), None) => (self.resolve(other).0, nullable),
                _ => (schema, nullable),
            };
        }
        if let Some(name) = schema["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next())
        {
            return (self.resolve(&self.definitions[name]).0, false);
        }
        let nullable = schema["type"]
            .as_array()
            .is_some_and(|types| types.iter().any(|kind| kind == "null"));
        (schema, nullable)
    }
}

/// Returns whether a value has the type of a schema.
fn fits(node: &Node, schema: &Json) -> bool {
    matches!(
        (kind(schema), &node.value),
        (Some("object"), Value::Mapping(_)) | (Some("boolean"), Value::Bool(_))
    )
}

/// Returns the problem with a line that lacks the colon after a key or the space after the colon.
/// YAML parses such a line as a string.
fn key_without_colon(node: &Node, schema: &Json) -> Option<Diagnostic> {
    let Value::String(text) = &node.value else {
        return None;
    };
    let properties = schema["properties"].as_object()?;
    let (key, rest) = properties.keys().find_map(|key| {
        let rest = text.strip_prefix(key.as_str())?;
        rest.starts_with([':', '=', ' ', '"', '\'', '\n'])
            .then_some((key, rest))
    })?;
    let missing = match rest.starts_with(':') {
        true => format!("missing space after `{key}:`"),
        false => format!("missing `:` and a space after `{key}`"),
    };
    let help = format!("write `{key}: …`");
    Some(Diagnostic::new(node.span, missing).help(help))
}

/// Returns an invisible or non-ASCII character in a key. All keys of the configuration are ASCII.
fn foreign_character(key: &str) -> Option<char> {
    let mut unseen = key.chars().filter(|c| is_unseen(*c));
    unseen
        .next()
        .or_else(|| key.chars().find(|c| !c.is_ascii()))
}

/// Returns the type of a schema, ignoring `null`.
fn kind(schema: &Json) -> Option<&str> {
    match &schema["type"] {
        Json::String(kind) => Some(kind),
        Json::Array(kinds) => kinds
            .iter()
            .filter_map(Json::as_str)
            .find(|kind| *kind != "null"),
        _ => None,
    }
}

/// Returns the values of an enumeration, in both forms that schemars writes.
fn allowed_values(schema: &Json) -> Option<Vec<&str>> {
    let mut values: Vec<&str> = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    for option in schema["oneOf"].as_array().into_iter().flatten() {
        values.extend(option["const"].as_str());
        values.extend(
            option["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str),
        );
    }
    (!values.is_empty()).then_some(values)
}

/// Returns the problem and a fix for a number where the schema requires text.
fn unquoted(name: &str, text: &str, schema: &Json) -> (String, String) {
    let message = format!("`{name}` is not in quotes");
    if schema["pattern"] != ACCOUNT_ID {
        return (message, format!("write \"{text}\""));
    }
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match (is_digits, text.len()) {
        (true, 12) => (
            message,
            format!(
                "write \"{text}\": YAML reads an account ID without quotes as a number and drops a \
                 leading zero"
            ),
        ),
        (true, count) => (
            format!("{message} and has {} instead of 12", digits(count)),
            ALL_DIGITS.to_owned(),
        ),
        // Such as `1.1e11`.
        (false, _) => (message, ALL_DIGITS.to_owned()),
    }
}

const ALL_DIGITS: &str = "write all 12 digits in quotes, such as \"012345678901\"";

fn expected(schema: &Json) -> &'static str {
    if schema["pattern"] == ACCOUNT_ID {
        return "12 digits in quotes";
    }
    if schema["anyOf"].is_array() {
        return "true, false, or a mapping (`key: value` lines)";
    }
    match kind(schema) {
        Some("object") => "a mapping (`key: value` lines)",
        Some("array") => "a list (`- item` lines)",
        Some("boolean") => "true or false",
        Some("integer") => "a whole number",
        _ => "text in quotes",
    }
}
