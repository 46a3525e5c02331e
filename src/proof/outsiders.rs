//! Who a policy lets in from accounts that have no part in a run.

use std::collections::BTreeSet;

use crate::syntax::{Node, Value};

/// The principals of a statement that belong to none of the accounts, and `*` without a condition.
/// Of a Deny there are none.
pub fn outsiders(statement: &Node, accounts: &BTreeSet<&str>) -> Vec<String> {
    if statement.get("Effect").and_then(Node::as_str) == Some("Deny") {
        return Vec::new();
    }
    let mut named = Vec::new();
    if let Some(principal) = statement.get("Principal") {
        scalars(principal, &mut named);
    }
    let everybody = statement.get("Condition").is_none();
    named.retain(|text| match account_in(text) {
        Some(account) => !accounts.contains(account),
        None => *text == "*" && everybody,
    });
    named.into_iter().map(str::to_owned).collect()
}

fn scalars<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                scalars(&entry.value, found);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| scalars(item, found)),
        _ => found.extend(node.scalar_text()),
    }
}

/// The account in a principal: its ID, or the fifth part of an ARN.
fn account_in(principal: &str) -> Option<&str> {
    let part = principal.split(':').nth(4).unwrap_or(principal);
    crate::iam::is_account_id(part).then_some(part)
}
