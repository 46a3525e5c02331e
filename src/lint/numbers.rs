//! Account IDs that are written as numbers and lose a leading zero.
//!
//! YAML reads an unquoted `012345678901` as a number, and CloudFormation writes the number without
//! the zero. The result is the ID of a different account, or an invalid ID.

use crate::diagnostic::{Diagnostic, Node, Severity, Span, Value};

/// The rule name of a finding about an account ID that is a number.
pub(crate) const UNQUOTED_ACCOUNT_ID: &str = "LINT_UNQUOTED_ACCOUNT_ID";

/// The length of an account ID.
const DIGITS: usize = 12;

/// Returns a finding for each account ID that has a leading zero and is written as a number.
pub(super) fn unquoted_account_ids(template: &Node) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut path: Vec<String> = Vec::new();
    search(template, &mut path, &mut findings);
    findings
}

fn search(node: &Node, path: &mut Vec<String>, into: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::Number(text) if lost_zero(text, path) => into.push(finding(text, path, node.span)),
        Value::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(at.to_string());
                search(item, path, into);
                path.pop();
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                search(&entry.value, path, into);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Returns whether a number is an account ID with a leading zero. Where only account IDs are
/// allowed, the zero may already be missing.
fn lost_zero(text: &str, path: &[String]) -> bool {
    let has_only_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let mut keys = path.iter().rev();
    let key = keys.find(|key| key.parse::<usize>().is_err());
    let is_of_account = key.is_some_and(|key| {
        let key = key.to_ascii_lowercase();
        key == "aws" || key.starts_with("aws:") && key.ends_with("account")
    });
    has_only_digits
        && (text.len() == DIGITS && text.starts_with('0')
            || text.len() == DIGITS - 1 && is_of_account)
}

fn finding(text: &str, path: &[String], span: Span) -> Diagnostic {
    let message = format!("the account ID `{text}` is a number, so it loses its leading zero");
    let resource = match path {
        [section, id, ..] if section == "Resources" => Some(id.as_str()),
        _ => None,
    };
    Diagnostic::new(span, message)
        .of_rule(
            (UNQUOTED_ACCOUNT_ID, Severity::Error),
            resource,
            path.join("."),
        )
        .help("write all 12 digits in quotes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, read};

    #[test]
    fn account_ids_with_a_leading_zero_need_quotes() {
        let text = "
Parameters: {Account: {Type: String, Default: 012345678901}, Port: {Type: Number, Default: 080}}
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      A: [012345678902, \"012345678903\", 222222222222, 12345678904]
      Principal: {AWS: [12345678905, 222222222222]}
      Condition: {StringEquals: {aws:SourceAccount: 12345678906}}
";
        let node = read(&Source::new("template.yaml", text)).expect("a valid document");
        let found: Vec<(String, Option<String>)> = unquoted_account_ids(&node)
            .iter()
            .map(|finding| {
                let place = &text[finding.span.start..finding.span.end];
                (place.to_owned(), finding.resource().map(str::to_owned))
            })
            .collect();
        let of = |id: &str, resource: Option<&str>| (id.to_owned(), resource.map(str::to_owned));
        assert_eq!(
            found,
            [
                of("012345678901", None),
                of("012345678902", Some("R")),
                of("12345678905", Some("R")),
                of("12345678906", Some("R")),
            ]
        );
    }
}
