//! Whether a bucket policy denies every request without TLS.

use super::nodes::{MARKER, head, is_open, may_be_any, texts};
use crate::diagnostic::{Node, Span};
use crate::policy::document::Pattern;
use crate::policy::document::glob;

/// What a bucket policy says about requests without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// They are denied, on the bucket and on its objects.
    Required,
    /// They are not.
    Optional(Option<Span>),
    /// A part of the policy that decides this is unknown.
    Unknown,
}

/// An object that no policy names.
const ANY_OBJECT: &str = "\u{1}any";

pub(super) fn tls(statements: &[Node], bucket: Option<&str>) -> Tls {
    let mut is_unknown = false;
    let mut near = None;
    let (mut has_bucket, mut has_objects) = (false, false);
    for statement in statements {
        if statement.entries().is_none() {
            is_unknown = true;
            continue;
        }
        if !denies_plain_requests(statement) {
            continue;
        }
        near = near.or(Some(head(statement)));
        for resource in texts(statement, "Resource") {
            let written = resource.as_str().unwrap_or_default();
            // The ARN of what is not in the template.
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
            let (is_bucket, is_objects) =
                (covers(bucket), covers(&format!("{bucket}/{ANY_OBJECT}")));
            has_bucket |= is_bucket;
            has_objects |= is_objects;
            // Two unknown names, or an unknown and a known one, may be the same.
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

/// Whether a name with pseudo parameters is another name in the account and region for which that
/// one is written out.
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

/// The bucket and key of an S3 ARN, or `*`.
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

/// Whether a statement denies every action to everyone if the request has no TLS, and whatever
/// else it is like.
fn denies_plain_requests(statement: &Node) -> bool {
    let is = |key: &str, wanted: &[&str]| {
        let mut found = texts(statement, key).into_iter().filter_map(Node::as_str);
        found.any(|text| wanted.contains(&text))
    };
    let everyone = statement.get("Principal").map(|who| texts(who, "AWS"));
    let is_everyone = everyone
        .unwrap_or_default()
        .iter()
        .any(|name| name.as_str() == Some("*"));
    let conditions = statement.get("Condition").and_then(Node::entries);
    let is_tls = match conditions {
        Some([block]) => {
            let is_bool =
                ["bool", "boolifexists"].contains(&block.key.to_ascii_lowercase().as_str());
            let keys = block.value.entries().unwrap_or_default();
            is_bool
                && matches!(keys, [only] if only.key == "aws:securetransport"
                && only.value.one_or_many().iter().all(|value| {
                    value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("false"))
                }))
        }
        _ => false,
    };
    is("Effect", &["Deny"]) && is("Action", &["s3:*", "*"]) && is_everyone && is_tls
}
