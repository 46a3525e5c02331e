//! Finds circular definitions of rules and variables. Guard would follow them until the stack
//! overflows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// The references of each rule or variable, by its name.
type Mentions = BTreeMap<String, BTreeSet<String>>;

/// Returns the name of a rule or variable (with its `%`) whose definition refers to itself,
/// directly or indirectly.
///
/// `tree` is the parse tree of a file, as Guard prints it.
pub(super) fn circular(tree: &Json) -> Option<String> {
    let mut rules = Mentions::new();
    let mut variables = Mentions::new();
    assignments(&tree["assignments"], &mut variables);
    let all = ["guard_rules", "parameterized_rules"].map(|list| tree[list].as_array());
    for rule in all.into_iter().flatten().flatten() {
        let rule = if rule["rule"].is_object() {
            &rule["rule"]
        } else {
            rule
        };
        let name = rule["rule_name"].as_str().unwrap_or_default();
        rules
            .entry(name.to_owned())
            .or_default()
            .extend(mentioned(rule, "dependent_rule"));
        // The variables of a rule hide those of the file.
        let mut own = Mentions::new();
        assignments(rule, &mut own);
        let mut seen = variables.clone();
        seen.extend(own);
        if let Some(found) = cycle(&seen) {
            return Some(found);
        }
    }
    cycle(&variables).or_else(|| cycle(&rules))
}

/// Collects the variables that are assigned in a part of the tree.
fn assignments(part: &Json, found: &mut Mentions) {
    if let (Some(name), value @ (Json::Object(_) | Json::Array(_))) =
        (part["var"].as_str(), &part["value"])
    {
        let uses = mentioned(value, "Key");
        let uses = uses.into_iter().filter(|name| name.starts_with('%'));
        found.entry(format!("%{name}")).or_default().extend(uses);
    }
    for inner in children(part) {
        assignments(inner, found);
    }
}

/// Returns the string values of all members with this name in a part of the tree.
fn mentioned(part: &Json, member: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = part[member]
        .as_str()
        .map(str::to_owned)
        .into_iter()
        .collect();
    for inner in children(part) {
        found.extend(mentioned(inner, member));
    }
    found
}

fn children(part: &Json) -> Vec<&Json> {
    match part {
        Json::Object(members) => members.values().collect(),
        Json::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}

/// Returns a name that belongs to a cycle.
fn cycle(mentions: &Mentions) -> Option<String> {
    // A name that has no references, or that is never referenced, does not belong to a cycle.
    let mut left = mentions.clone();
    loop {
        let used: BTreeSet<&String> = left.values().flatten().collect();
        let ends: Vec<String> = left
            .iter()
            .filter(|(name, uses)| {
                !used.contains(name) || !uses.iter().any(|used| left.contains_key(used))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if ends.is_empty() {
            return left.into_keys().next();
        }
        for name in ends {
            left.remove(&name);
        }
    }
}
