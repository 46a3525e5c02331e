//! Reads the structured JSON report of Guard.
//!
//! Guard documents the command (*AWS CloudFormation Guard: cfn-guard validate*) but not this
//! report. An unexpected structure is therefore an error, and is never treated as "no findings".

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::normal::MARKER;

/// One failed check of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) rule: String,
    /// The path in Guard's format, such as `/Resources/Key/Properties`; may be empty.
    pub(super) path: String,
    /// The rest of the path, which Guard did not find; may be empty.
    pub(super) missing: String,
    /// The message of the rule, or the clause as Guard describes it.
    pub(super) message: Message,
    /// Whether the compared value is unknown, in which case the rule may hold.
    pub(super) is_open: bool,
}

impl Failure {
    /// Returns whether the failure is a finding of a built-in rule. In a built-in rule, a clause
    /// without a message is part of a filter or cannot be evaluated.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.message, Message::Author(_))
    }
}

/// The description of a failed check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// The message in the rule.
    Author(String),
    /// The clause that failed.
    Clause(String),
}

/// The failures, and the names of all rules that were evaluated.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) failures: Vec<Failure>,
    pub(super) evaluated: BTreeSet<String>,
}

/// Reads Guard's reports on the given number of documents.
///
/// # Errors
///
/// Returns an error if a report has an unexpected structure.
pub(super) fn read(answer: &str, documents: usize) -> Result<Vec<Answer>, String> {
    let json: Json = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    match json.as_array() {
        Some(reports) if reports.len() == documents => reports.iter().map(read_one).collect(),
        _ => Err(format!("expected a list of {documents} reports")),
    }
}

fn read_one(report: &Json) -> Result<Answer, String> {
    let mut read = Answer::default();
    for list in ["compliant", "not_applicable"] {
        for name in array(report, list)? {
            let name = name.as_str().ok_or_else(|| {
                let kind = kind(name);
                format!("expected a name in `{list}`, found {kind}")
            })?;
            read.evaluated.insert(plain_name(name).to_owned());
        }
    }
    for failed in array(report, "not_compliant")? {
        let rule = failed
            .get("Rule")
            .ok_or_else(|| format!("unexpected {} in `not_compliant`", kind(failed)))?;
        let name = plain_name(text(rule, "name").ok_or("a rule has no name")?);
        read.evaluated.insert(name.to_owned());
        let before = read.failures.len();
        for check in array(rule, "checks")? {
            collect(name, check, &mut read.failures)?;
        }
        if read.failures.len() == before {
            read.failures.push(Failure {
                rule: name.to_owned(),
                path: String::new(),
                missing: String::new(),
                message: message(rule, || name.to_owned()),
                is_open: false,
            });
        }
    }
    Ok(read)
}

/// Returns the plain name of a rule. Clauses outside rules are named `<file>/default` in a report,
/// and `default` elsewhere.
fn plain_name(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

fn collect(rule: &str, check: &Json, into: &mut Vec<Failure>) -> Result<(), String> {
    let (what, body) = single(check)?;
    match what {
        "Rule" => {
            let before = into.len();
            for check in array(body, "checks")? {
                collect(rule, check, into)?;
            }
            // The message of a called rule applies to each of its clauses.
            if let Message::Author(words) = message(body, String::new) {
                for failure in &mut into[before..] {
                    failure.message = Message::Author(words.clone());
                }
            }
        }
        "Disjunctions" => {
            let mut alternatives = Vec::new();
            for check in array(body, "checks")? {
                collect(rule, check, &mut alternatives)?;
            }
            into.extend(merged(alternatives));
        }
        "Clause" => {
            let (_, body) = single(body)?;
            let check = body.get("check").unwrap_or(&Json::Null);
            let (path, missing) = clause_place(check)?;
            into.push(Failure {
                rule: rule.to_owned(),
                path,
                missing,
                message: message(body, || context(body)),
                is_open: is_open(check),
            });
        }
        "Block" => {
            let (path, missing) = match body.get("unresolved") {
                Some(unresolved) if !unresolved.is_null() => unresolved_place(unresolved)?,
                _ => Default::default(),
            };
            into.push(Failure {
                rule: rule.to_owned(),
                path,
                missing,
                message: message(body, || match text(body, "context") {
                    Some(_) if body["messages"]["error_message"].is_string() => {
                        text(&body["messages"], "error_message")
                            .unwrap_or_default()
                            .to_owned()
                    }
                    _ => context(body),
                }),
                is_open: false,
            });
        }
        other => return Err(format!("unknown check `{other}`")),
    }
    Ok(())
}

/// Merges alternatives that failed together into one failure. The result has their common path and
/// the last message in the rule, because rules put the message at the end of the last alternative.
fn merged(alternatives: Vec<Failure>) -> Option<Failure> {
    let authored = alternatives
        .iter()
        .rposition(|failure| matches!(failure.message, Message::Author(_)));
    let chosen = alternatives.get(authored.unwrap_or(0))?;
    let mut placed = alternatives
        .iter()
        .filter(|failure| !failure.path.is_empty());
    let first = placed.next().map_or("", |failure| failure.path.as_str());
    let path = placed.fold(first, |common, failure| common_path(common, &failure.path));
    let same_place = alternatives
        .iter()
        .all(|failure| failure.path == path && failure.missing == chosen.missing);
    Some(Failure {
        rule: chosen.rule.clone(),
        path: path.to_owned(),
        missing: if same_place {
            chosen.missing.clone()
        } else {
            String::new()
        },
        message: chosen.message.clone(),
        is_open: alternatives.iter().any(|failure| failure.is_open),
    })
}

/// Returns whether a comparison fails only because its value is unknown.
fn is_open(check: &Json) -> bool {
    let Ok((kind, body)) = single(check) else {
        return false;
    };
    let is_marked = |value: &Json| {
        let text = value.get("value").and_then(Json::as_str);
        text.is_some_and(|text| text.contains(MARKER))
    };
    if kind == "UnResolved" {
        return is_marked(&body["value"]["traversed_to"]);
    }
    let operator = body["comparison"][0].as_str();
    let is_negated = body["comparison"][1].as_bool() == Some(true);
    let may_hold = match operator {
        // A fact with an unknown value may or may not exist.
        Some("Exists") => is_negated,
        Some("Empty") => false,
        _ => !is_negated,
    };
    may_hold && (is_marked(&body["from"]) || is_marked(&body["value"]))
}

fn common_path<'a>(a: &'a str, b: &str) -> &'a str {
    let mut end = 0;
    for (at, _) in a.match_indices('/').chain([(a.len(), "")]) {
        let is_whole = b.len() == at || b[at.min(b.len())..].starts_with('/');
        if b.is_char_boundary(at.min(b.len())) && a.get(..at) == b.get(..at) && is_whole {
            end = at;
        }
    }
    &a[..end]
}

fn clause_place(check: &Json) -> Result<(String, String), String> {
    if check.is_null() {
        return Ok(Default::default());
    }
    let (what, body) = single(check)?;
    match what {
        "Resolved" | "InResolved" => {
            let value = body
                .get("from")
                .or_else(|| body.get("value"))
                .ok_or("a comparison has no value")?;
            let path = path_of(value)?;
            // If a rule compares a logical ID, Guard reports the path of its parent.
            match value.get("value").and_then(Json::as_str) {
                Some(id) if path == "/Resources" => Ok((format!("{path}/{id}"), String::new())),
                _ => Ok((path, String::new())),
            }
        }
        "UnResolved" => {
            unresolved_place(body.get("value").ok_or("an unresolved value is missing")?)
        }
        "UnResolvedContext" => Ok(Default::default()),
        other => Err(format!("unknown comparison `{other}`")),
    }
}

fn unresolved_place(unresolved: &Json) -> Result<(String, String), String> {
    let to = unresolved
        .get("traversed_to")
        .ok_or("an unresolved value has no position")?;
    let missing = text(unresolved, "remaining_query").unwrap_or_default();
    Ok((path_of(to)?, missing.to_owned()))
}

fn path_of(value: &Json) -> Result<String, String> {
    text(value, "path")
        .map(str::to_owned)
        .ok_or_else(|| "a value has no path".to_owned())
}

fn message(body: &Json, otherwise: impl Fn() -> String) -> Message {
    match text(&body["messages"], "custom_message").map(str::trim) {
        Some(words) if !words.is_empty() => Message::Author(words.to_owned()),
        _ => Message::Clause(otherwise()),
    }
}

fn context(body: &Json) -> String {
    text(body, "context")
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn text<'j>(json: &'j Json, key: &str) -> Option<&'j str> {
    json.get(key).and_then(Json::as_str)
}

fn array<'j>(json: &'j Json, key: &str) -> Result<&'j [Json], String> {
    json.get(key)
        .and_then(Json::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("`{key}` is not a list"))
}

fn single(json: &Json) -> Result<(&str, &Json), String> {
    let mut entries = json.as_object().into_iter().flatten();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Ok((key, value)),
        _ => Err(format!("expected a single entry, found {}", kind(json))),
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "a mapping",
    }
}
