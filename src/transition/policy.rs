//! Merges two versions of a policy document. The result allows what either version allows and
//! denies only what both deny.

use crate::template::{Field, Item, Value, list};

/// The comment on a statement that only the deployed pipeline needs.
const KEPT: &str = "Kept from the deployed template until the pipeline stops using it.";

/// The elements of a statement that contain lists of alternatives.
const ALTERNATIVES: [&str; 3] = ["Action", "Principal", "Resource"];

/// Negated operators. A `Deny` with one of them exempts all values in the list.
const NEGATED: [&str; 8] = [
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
    "ArnNotEquals",
    "ArnNotLike",
    "NotIpAddress",
    "NumericNotEquals",
    "DateNotEquals",
];

/// Merges the permissions of the old document into the new one.
pub(super) fn both(new: &Value, old: &Value) -> Value {
    let (Some(new_statements), Some(old_statements)) = (statements(new), statements(old)) else {
        return new.clone();
    };
    let mut found: Vec<Item> = Vec::new();
    for item in &new_statements {
        let is_deny = effect(&item.value) == Some("Deny");
        let same = old_statements
            .iter()
            .find(|old| same_meaning(&old.value, &item.value));
        let sibling = old_statements
            .iter()
            .find(|old| is_sibling(&old.value, &item.value));
        match (same, sibling) {
            (Some(_), _) => found.push(item.clone()),
            // Only the new document denies this, so the old pipeline may still need it.
            (None, _) if is_deny => found.extend(
                sibling
                    .and_then(|old| denied_by_both(&item.value, &old.value))
                    .map(|value| with_comment(item, value)),
            ),
            (None, Some(old)) => match joined(&item.value, &old.value) {
                Some(value) => found.push(with_comment(item, value)),
                None => found.push(item.clone()),
            },
            (None, None) => found.push(item.clone()),
        }
    }
    let mut kept = Vec::new();
    for old in &old_statements {
        let is_covered = effect(&old.value) != Some("Allow")
            || found
                .iter()
                .any(|item| item.value == old.value || covers(&item.value, &old.value));
        if !is_covered {
            let sid = free_sid(&old.value, found.iter().chain(&kept));
            kept.push(Item {
                comment: KEPT.to_owned(),
                value: with_sid(&old.value, sid),
            });
        }
    }
    found.extend(kept);
    let mut document = new.clone();
    document.set("Statement", Value::List(found));
    document
}

fn with_comment(item: &Item, value: Value) -> Item {
    Item {
        comment: item.comment.clone(),
        value,
    }
}

/// Returns the statements of a document; `None` if they come from a function.
fn statements(document: &Value) -> Option<Vec<Item>> {
    match document.field("Statement")? {
        Value::List(items) => Some(items.clone()),
        value @ Value::Map(_) => Some(vec![Item {
            comment: String::new(),
            value: value.clone(),
        }]),
        _ => None,
    }
}

fn effect(statement: &Value) -> Option<&str> {
    statement.field("Effect").and_then(Value::as_text)
}

fn sid(statement: &Value) -> Option<&str> {
    let sid = statement.field("Sid").and_then(Value::as_text);
    sid.filter(|sid| !sid.is_empty())
}

/// Returns the elements of a statement except its Sid.
fn elements(statement: &Value) -> Vec<&Field> {
    match statement {
        Value::Map(fields) => fields.iter().filter(|field| field.key != "Sid").collect(),
        _ => Vec::new(),
    }
}

/// Returns whether two statements differ at most in their Sid.
fn same_meaning(first: &Value, second: &Value) -> bool {
    let json = |statement| -> Vec<(String, serde_json::Value)> {
        let mut all: Vec<_> = elements(statement)
            .into_iter()
            .map(|field| (field.key.clone(), as_list(&field.value).to_json()))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    json(first) == json(second)
}

/// Returns whether two statements are versions of the same statement.
fn is_sibling(old: &Value, new: &Value) -> bool {
    sid(old).is_some() && sid(old) == sid(new) && effect(old) == effect(new)
}

/// Returns the elements in which two statements differ; `None` if one statement lacks an element of
/// the other.
fn differences<'v>(new: &'v Value, old: &Value) -> Option<Vec<&'v str>> {
    let (new, old) = (elements(new), elements(old));
    if new.len() != old.len() {
        return None;
    }
    let mut found = Vec::new();
    for field in new {
        let other = old.iter().find(|other| other.key == field.key)?;
        if as_list(&field.value).to_json() != as_list(&other.value).to_json() {
            found.push(field.key.as_str());
        }
    }
    Some(found)
}

/// Joins two statements that differ in only one list of alternatives. With two such lists, the
/// result would grant combinations that neither statement grants.
fn joined(new: &Value, old: &Value) -> Option<Value> {
    let differences = differences(new, old)?;
    let [only] = differences.as_slice() else {
        return None;
    };
    let (mine, other) = (new.field(only)?, old.field(only)?);
    let value = match *only {
        "Condition" => joined_condition(mine, other, |operator| !is_negated(operator))?,
        "Principal" => joined_fields(mine, other)?,
        only if ALTERNATIVES.contains(&only) => joined_lists(mine, other),
        _ => return None,
    };
    let mut statement = new.clone();
    statement.set(only, value);
    Some(statement)
}

/// Builds a `Deny` statement for the calls that both versions deny, if the versions differ in only
/// one list of alternatives or in the values that they exclude.
fn denied_by_both(new: &Value, old: &Value) -> Option<Value> {
    let differences = differences(new, old)?;
    let [only] = differences.as_slice() else {
        return None;
    };
    let (of_new, of_old) = (new.field(only)?, old.field(only)?);
    let both = match *only {
        "Condition" => joined_condition(of_new, of_old, is_negated)?,
        "Action" | "Resource" => common(of_new, of_old)?,
        _ => return None,
    };
    let mut statement = new.clone();
    statement.set(only, both);
    Some(statement)
}

/// Returns the common items of two lists, if any.
fn common(new: &Value, old: &Value) -> Option<Value> {
    let (Value::List(new), Value::List(old)) = (as_list(new), as_list(old)) else {
        return None;
    };
    let is_in_old = |item: &Item| old.iter().any(|one| one.value == item.value);
    let common: Vec<Item> = new.into_iter().filter(is_in_old).collect();
    (!common.is_empty()).then_some(Value::List(common))
}

fn is_negated(operator: &str) -> bool {
    let operator = operator.rsplit(':').next().unwrap_or(operator);
    let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
    NEGATED.contains(&operator)
}

/// Joins conditions that differ only in the values of one key under an operator that `fits`
/// accepts.
fn joined_condition(new: &Value, old: &Value, fits: fn(&str) -> bool) -> Option<Value> {
    let (Value::Map(new_operators), Value::Map(old_operators)) = (new, old) else {
        return None;
    };
    if new_operators.len() != old_operators.len() {
        return None;
    }
    let mut condition = new.clone();
    let mut changed = 0;
    for operator in new_operators {
        let other = old.field(&operator.key)?;
        if operator.value == *other {
            continue;
        }
        let (Value::Map(keys), Value::Map(other_keys)) = (&operator.value, other) else {
            return None;
        };
        if keys.len() != other_keys.len() || !fits(&operator.key) {
            return None;
        }
        let mut joined = operator.value.clone();
        for key in keys {
            let values = other.field(&key.key)?;
            if key.value != *values {
                changed += 1;
                joined.set(&key.key, joined_lists(&key.value, values));
            }
        }
        condition.set(&operator.key, joined);
    }
    (changed == 1).then_some(condition)
}

/// Joins principals of the same types.
fn joined_fields(new: &Value, old: &Value) -> Option<Value> {
    let (Value::Map(mine), Value::Map(other)) = (new, old) else {
        return None;
    };
    if mine.len() != other.len() {
        return None;
    }
    let mut joined = new.clone();
    for field in mine {
        let values = old.field(&field.key)?;
        joined.set(&field.key, joined_lists(&field.value, values));
    }
    Some(joined)
}

fn as_list(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| Item {
                    comment: String::new(),
                    value: item.value.clone(),
                })
                .collect(),
        ),
        Value::Map(fields) => Value::Map(
            fields
                .iter()
                .map(|field| Field {
                    comment: String::new(),
                    key: field.key.clone(),
                    value: as_list(&field.value),
                })
                .collect(),
        ),
        value => list([value.clone()]),
    }
}

/// Returns the values of both lists, the new ones first.
pub(super) fn joined_lists(new: &Value, old: &Value) -> Value {
    let items = |value: &Value| match as_list(value) {
        Value::List(items) => items,
        value => vec![Item {
            comment: String::new(),
            value,
        }],
    };
    let mut all = match new {
        Value::List(items) => items.clone(),
        value => items(value),
    };
    for item in items(old) {
        if !all.iter().any(|known| known.value == item.value) {
            all.push(item);
        }
    }
    Value::List(all)
}

/// Returns whether a statement allows everything that another allows, element by element.
fn covers(new: &Value, old: &Value) -> bool {
    if effect(new) != Some("Allow") || effect(old) != Some("Allow") {
        return false;
    }
    let (mine, other) = (elements(new), elements(old));
    mine.len() == other.len()
        && mine.iter().all(|field| {
            let found = other.iter().find(|other| other.key == field.key);
            found.is_some_and(|old| match field.key.as_str() {
                "Condition" => condition_covers(&field.value, &old.value),
                key if ALTERNATIVES.contains(&key) => value_covers(&field.value, &old.value),
                _ => field.value == old.value,
            })
        })
}

fn condition_covers(new: &Value, old: &Value) -> bool {
    let (Value::Map(mine), Value::Map(other)) = (new, old) else {
        return new == old;
    };
    mine.len() == other.len()
        && mine.iter().all(|operator| match old.field(&operator.key) {
            Some(other) if is_negated(&operator.key) => {
                as_list(&operator.value).to_json() == as_list(other).to_json()
            }
            Some(other) => value_covers(&operator.value, other),
            None => false,
        })
}

/// Returns whether the new list contains all values of the old one. Mappings are compared by key.
fn value_covers(new: &Value, old: &Value) -> bool {
    match (as_list(new), as_list(old)) {
        (Value::List(new), Value::List(old)) => old
            .iter()
            .all(|item| new.iter().any(|known| known.value == item.value)),
        (Value::Map(new), Value::Map(old)) => {
            new.len() == old.len()
                && new.iter().all(|field| {
                    let other = old.iter().find(|other| other.key == field.key);
                    other.is_some_and(|other| value_covers(&field.value, &other.value))
                })
        }
        _ => false,
    }
}

/// Returns an unused Sid for an old statement.
fn free_sid<'s>(statement: &Value, others: impl Iterator<Item = &'s Item>) -> Option<String> {
    let own = sid(statement)?;
    let taken: Vec<&str> = others.filter_map(|item| sid(&item.value)).collect();
    if !taken.contains(&own) {
        return Some(own.to_owned());
    }
    let base = format!("Previous{own}");
    let mut candidates =
        std::iter::once(base.clone()).chain((2..).map(|number: u32| format!("{base}{number}")));
    candidates.find(|candidate| !taken.contains(&candidate.as_str()))
}

fn with_sid(statement: &Value, sid: Option<String>) -> Value {
    let mut statement = statement.clone();
    if let Some(sid) = sid {
        statement.set("Sid", sid.into());
    }
    statement
}
