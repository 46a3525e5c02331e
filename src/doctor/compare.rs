//! Compares policies by meaning, statement by statement. The `Sid`, the order of lists, a single
//! value instead of a list, an account ID instead of its root ARN, and the letter case of actions,
//! condition operators, and condition keys do not matter.

use serde_json::{Map, Value as Json, json};

use crate::template::UNKNOWN;

/// The differences between a live policy and the expected policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Difference {
    /// Expected statements that are missing from the live policy.
    pub missing: Vec<Json>,
    /// Expected statements that differ in the live policy, each with its live form.
    pub changed: Vec<(Json, Json)>,
    /// Live statements that are not expected.
    pub extra: Vec<Json>,
}

impl Difference {
    /// Returns whether the policies are equivalent.
    pub(crate) fn is_none(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.extra.is_empty()
    }

    /// Returns the expected statements that are missing or changed.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Json> {
        let changed = self.changed.iter().map(|(expected, _)| expected);
        self.missing.iter().chain(changed)
    }
}

pub(crate) fn statements(policy: &Json) -> &[Json] {
    match policy.get("Statement") {
        Some(Json::Array(statements)) => statements,
        Some(statement) => std::slice::from_ref(statement),
        None => &[],
    }
}

/// Compares two policies. Expected statements with unknown values are not compared.
pub(crate) fn compare(expected: &Json, live: &Json) -> Difference {
    let mut rest: Vec<&Json> = statements(live).iter().collect();
    let mut unmatched = Vec::new();
    let mut unknown = Vec::new();
    for statement in statements(expected) {
        if statement.to_string().contains(UNKNOWN) {
            unknown.push(statement);
            continue;
        }
        let same = canonical(statement);
        match rest.iter().position(|live| canonical(live) == same) {
            Some(at) => {
                rest.remove(at);
            }
            // Equivalent expected statements can share one live statement.
            None if statements(live).iter().any(|live| canonical(live) == same) => {}
            None => unmatched.push(statement),
        }
    }
    let mut take = |wanted: &Json| {
        let sid = sid(wanted)?;
        let at = rest.iter().position(|live| self::sid(live) == Some(sid))?;
        Some(rest.remove(at).clone())
    };
    for statement in unknown {
        take(statement);
    }
    let mut found = Difference::default();
    for statement in unmatched {
        match take(statement) {
            Some(live) => found.changed.push((statement.clone(), live)),
            None => found.missing.push(statement.clone()),
        }
    }
    found.extra = rest.into_iter().cloned().collect();
    found
}

/// Returns the `Sid` of a statement, if it has one.
pub(crate) fn sid(statement: &Json) -> Option<&str> {
    statement
        .get("Sid")
        .and_then(Json::as_str)
        .filter(|sid| !sid.is_empty())
}

/// Returns the canonical form of a statement, which all equivalent statements share.
fn canonical(statement: &Json) -> Json {
    let Some(members) = statement.as_object() else {
        return statement.clone();
    };
    let mut out = Map::new();
    for (name, value) in members {
        let value = match name.as_str() {
            "Sid" => continue,
            "Action" | "NotAction" => texts(value, |text| text.to_ascii_lowercase()),
            "Resource" | "NotResource" => texts(value, str::to_owned),
            "Principal" | "NotPrincipal" => principals(value),
            "Condition" => match value.as_object() {
                Some(blocks) if !blocks.is_empty() => conditions(blocks),
                _ => continue,
            },
            _ => value.clone(),
        };
        out.insert(name.clone(), value);
    }
    Json::Object(out)
}

fn texts(value: &Json, write: impl Fn(&str) -> String) -> Json {
    let items = match value {
        Json::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut texts: Vec<String> = items
        .iter()
        .map(|item| match item {
            Json::String(text) => write(text),
            other => write(&other.to_string()),
        })
        .collect();
    texts.sort();
    texts.dedup();
    Json::from(texts)
}

fn principals(value: &Json) -> Json {
    let Some(kinds) = value.as_object() else {
        return json!({ "AWS": texts(value, account_as_root) });
    };
    let kinds = kinds.iter();
    kinds
        .map(|(kind, names)| (kind.clone(), texts(names, account_as_root)))
        .collect()
}

/// Returns the account ID for the root ARN of an account, and any other text unchanged.
fn account_as_root(text: &str) -> String {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, "root"] => (*account).to_owned(),
        _ => text.to_owned(),
    }
}

fn conditions(blocks: &Map<String, Json>) -> Json {
    let blocks = blocks.iter().map(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        let keys = keys.map(|(key, values)| (key.to_lowercase(), texts(values, str::to_owned)));
        (operator.to_lowercase(), keys.collect::<Json>())
    });
    blocks.collect()
}
