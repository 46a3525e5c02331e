//! Finds the principals outside the deployment's accounts that a policy grants access to.

use std::collections::BTreeSet;

use crate::diagnostic::{Node, Value};

/// Returns the principals in a statement that belong to none of the accounts. `*` is an outsider
/// unless a condition limits the principals; then the accounts in the condition are checked. An
/// Allow statement with `NotPrincipal` grants access to everyone else. A Deny statement has no
/// outsiders.
pub(crate) fn outsiders(statement: &Node, accounts: &BTreeSet<&str>) -> Vec<String> {
    if statement.get("Effect").and_then(Node::as_str) == Some("Deny") {
        return Vec::new();
    }
    let mut named = Vec::new();
    if let Some(principal) = statement.get("Principal") {
        scalars(principal, &mut named);
    }
    if statement.get("NotPrincipal").is_some() {
        named.push("*");
    }
    let limits = limits(statement);
    let is_open = limits.is_none();
    if named.contains(&"*") {
        named.extend(limits.into_iter().flatten());
    }
    named.retain(|text| match account_in(text) {
        Some(account) => !accounts.contains(account),
        None => *text == "*" && is_open,
    });
    named.into_iter().map(str::to_owned).collect()
}

/// Condition keys that identify the caller (IAM, *AWS global condition context keys*; AWS KMS, *AWS
/// KMS condition keys*).
const WHO: [&str; 8] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:userid",
    "kms:calleraccount",
    "aws:sourceaccount",
    "aws:sourcearn",
];

/// Returns the values that a statement's condition limits its principals to, or `None` if there is
/// no limit. A negated operator is not a limit.
fn limits(statement: &Node) -> Option<Vec<&str>> {
    let operators = statement.get("Condition").and_then(Node::entries)?;
    let mut found = None;
    for operator in operators {
        let name = operator.key.to_lowercase();
        if name.contains("not") || name.contains("ifexists") || name == "null" {
            continue;
        }
        for key in operator.value.entries().unwrap_or_default() {
            if WHO.contains(&key.key.to_lowercase().as_str()) {
                scalars(&key.value, found.get_or_insert_with(Vec::new));
            }
        }
    }
    found
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

/// Returns the account in a principal: an account ID, or the fifth part of an ARN.
fn account_in(principal: &str) -> Option<&str> {
    let part = principal.split(':').nth(4).unwrap_or(principal);
    crate::aws::names::is_account_id(part).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, read};

    fn found(statement: &str) -> Vec<String> {
        let node = read(&Source::new("statement", statement)).expect("YAML");
        outsiders(&node, &BTreeSet::from(["111111111111", "222222222222"]))
    }

    #[test]
    fn everybody_is_an_outsider_unless_a_condition_says_who() {
        for (condition, outside) in [
            ("{}", vec!["*"]),
            ("{Bool: {aws:SecureTransport: true}}", vec!["*"]),
            (
                "{StringNotEquals: {aws:PrincipalAccount: '333333333333'}}",
                vec!["*"],
            ),
            (
                "{StringEquals: {kms:CallerAccount: '111111111111'}}",
                vec![],
            ),
            (
                "{StringEquals: {kms:CallerAccount: '333333333333'}}",
                vec!["333333333333"],
            ),
            (
                "{ArnLike: {'AWS:principalarn': 'arn:aws:iam::333333333333:role/*'}}",
                vec!["arn:aws:iam::333333333333:role/*"],
            ),
            (
                "{StringEquals: {aws:PrincipalOrgID: o-exampleorg1}}",
                vec![],
            ),
        ] {
            let statement =
                format!("{{Effect: Allow, Principal: '*', Action: '*', Condition: {condition}}}");
            assert_eq!(found(&statement), outside, "{condition}");
        }
    }

    #[test]
    fn an_allow_for_everybody_but_some_is_for_outsiders() {
        let statement = "{Effect: Allow, NotPrincipal: {AWS: '333333333333'}, Action: '*'}";
        assert_eq!(found(statement), ["*"]);
        assert!(found(&statement.replace("Allow", "Deny")).is_empty());
    }
}
