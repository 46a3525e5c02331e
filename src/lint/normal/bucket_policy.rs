//! Determines whether a bucket policy denies every request without TLS.

use super::nodes::{DERIVED, MARKER, head, is_open, is_unknown, may_be_any, texts};
use super::policy::UNKNOWN_EFFECT;
use crate::diagnostic::{Node, Span};
use crate::policy::document::Pattern;
use crate::policy::document::glob;

/// The effect of a bucket policy on requests without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// The policy denies such requests for the bucket and its objects.
    Required,
    /// The policy does not deny all such requests.
    Optional(Option<Span>),
    /// The effect depends on an unknown part of the policy.
    Unknown,
}

/// Objects that no policy names. They have different characters and lengths.
const ANY_OBJECTS: [&str; 2] = ["\u{1}", "\u{2}\u{3}\u{2}"];

pub(super) fn tls(statements: &[Node], bucket: Option<&str>) -> Tls {
    let mut is_unknown = false;
    let mut near = None;
    let (mut has_bucket, mut has_objects) = (false, false);
    for statement in statements {
        if statement.entries().is_none() {
            is_unknown = true;
            continue;
        }
        match denies_plain_requests(statement) {
            Some(true) => {}
            Some(false) => continue,
            None => {
                is_unknown = true;
                continue;
            }
        }
        near = near.or(Some(head(statement)));
        for resource in texts(statement, "Resource") {
            let written = resource.as_str().unwrap_or_default();
            // The ARN of a resource that is not in the template.
            let of_another = written.replacen(".Arn}", "}", 1);
            let is_arn = written.starts_with(MARKER) && of_another != written;
            let path = if is_arn {
                Some(of_another.as_str())
            } else {
                path(written)
            };
            let Some(path) = path else {
                is_unknown |= is_open(written);
                continue;
            };
            let Some(bucket) = bucket else {
                is_unknown = true;
                continue;
            };
            let (named, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
            let path = match named != bucket && is_deployed_as(named, bucket) {
                true => format!("{bucket}{rest}"),
                false => path.to_owned(),
            };
            let pattern = Pattern::wild(&path, false);
            let covers = |text: &str| glob(pattern.tokens(), text);
            let is_bucket = covers(bucket);
            let is_objects = ANY_OBJECTS
                .iter()
                .all(|object| covers(&format!("{bucket}/{object}")));
            has_bucket |= is_bucket;
            has_objects |= is_objects;
            // Two names can be equal if at least one of them is unknown.
            is_unknown |=
                !is_bucket && named != bucket && (may_be_any(named) || may_be_any(bucket));
        }
    }
    match (has_bucket && has_objects, is_unknown) {
        (true, _) => Tls::Required,
        (false, true) => Tls::Unknown,
        (false, false) => Tls::Optional(near),
    }
}

/// Returns whether two names are equal after the pseudo parameters in one of them are replaced by
/// values.
fn is_deployed_as(named: &str, bucket: &str) -> bool {
    let with_values = |name: &str| {
        regex::escape(name)
            .replace(r"@\{AWS\.AccountId\}", "[0-9]{12}")
            .replace(r"@\{AWS\.Region\}", "[a-z]+(-[a-z]+)+-[0-9]")
    };
    let fits = |name: &str, other: &str| {
        let expression = || regex::Regex::new(&format!("^{}$", with_values(name)));
        is_open(name) && expression().is_ok_and(|expression| expression.is_match(other))
    };
    fits(named, bucket) || fits(bucket, named)
}

/// Returns the bucket and key of an S3 ARN, or `*`.
fn path(resource: &str) -> Option<&str> {
    if resource == "*" {
        return Some(resource);
    }
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "s3" | "*", "" | "*", "" | "*", path] => Some(path),
        _ => None,
    }
}

/// Returns whether a statement denies every action to everyone for all requests without TLS, or
/// `None` if this depends on an unknown value.
fn denies_plain_requests(statement: &Node) -> Option<bool> {
    let principal = statement.get("Principal").and_then(|who| who.get("AWS"));
    let effect = match statement.at([DERIVED, UNKNOWN_EFFECT]) {
        Some(_) => None,
        None => Some(statement.get("Effect").and_then(Node::as_str) == Some("Deny")),
    };
    let conditions = [
        effect,
        one_of(statement.get("Action"), &["s3:*", "*"], is_open),
        one_of(principal, &["*"], is_unknown),
        lacks_tls(statement.get("Condition")),
    ];
    conditions.into_iter().reduce(and)?
}

/// Returns whether one of the values is in `wanted`, or `None` if this depends on an unknown value.
fn one_of(found: Option<&Node>, wanted: &[&str], is_unknown: fn(&str) -> bool) -> Option<bool> {
    let found = found.map(Node::one_or_many).unwrap_or_default();
    let any = |fits: &dyn Fn(&str) -> bool| found.iter().filter_map(Node::as_str).any(fits);
    match any(&|text| wanted.contains(&text)) {
        true => Some(true),
        false if any(&is_unknown) => None,
        false => Some(false),
    }
}

/// Returns whether a condition holds for every request without TLS and has no other requirement.
fn lacks_tls(condition: Option<&Node>) -> Option<bool> {
    if condition.and_then(Node::as_str).is_some_and(is_open) {
        return None;
    }
    let Some([block]) = condition.and_then(Node::entries) else {
        return Some(false);
    };
    let values = match block.value.entries() {
        Some([only]) if is_plain_bool(&block.key) && only.key == "aws:securetransport" => {
            only.value.one_or_many()
        }
        _ => return Some(false),
    };
    let values = values.iter().map(|value| match value.as_str() {
        Some(text) if is_unknown(text) => None,
        text => Some(text.is_some_and(|text| text.eq_ignore_ascii_case("false"))),
    });
    // A condition without values holds for no request.
    values.reduce(and).unwrap_or(Some(false))
}

fn is_plain_bool(operator: &str) -> bool {
    ["bool", "boolifexists"].contains(&operator.to_ascii_lowercase().as_str())
}

/// Returns whether both values are true. Each of them may be unknown.
fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}
