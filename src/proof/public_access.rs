//! Determines whether S3 considers a bucket policy public and therefore denies access from other
//! accounts to a bucket with `RestrictPublicBuckets`.
//!
//! Follows *Blocking public access to your Amazon S3 storage*, section *The meaning of "public"*,
//! in the AWS documentation.

use super::world::World;
use crate::policy::document::{
    Comparison, Condition, Effect, Policy, PrincipalId, Statement, Wanted,
};
use crate::run::landscape::bucket_name;
use crate::run::{Call, Hindrance, Rejection};

/// Condition keys whose fixed values restrict the principals.
const FIXED: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// Returns the hindrance that prevents a principal in another account from accessing a bucket. If a
/// bucket with `RestrictPublicBuckets` has a public policy, S3 allows access only to the owner's
/// account and to AWS services.
pub(super) fn hindrance(world: &World<'_>, call: &Call) -> Option<Hindrance> {
    let (bucket, user) = (bucket_name(&call.resource)?, call.caller.account()?);
    let found = world.land.buckets.get(bucket)?;
    if found.account.as_deref() == Some(user) || found.restricts_public == Some(false) {
        return None;
    }
    let held = &world.policies[found.policy?];
    let (statement, is_sure) = public_statement(&held.document.solid)?;
    let because = format!(
        "the policy of {bucket} is public, and `RestrictPublicBuckets` is set: S3 denies access \
         from other accounts"
    );
    let is_known = found.restricts_public.is_some() && found.account.is_some() && is_sure;
    Some(match is_known {
        true => {
            let (place, resource) = (held.at(statement.span), Some(held.resource.clone()));
            let fix = "list the principals instead of `*`";
            Hindrance::Rejected(Rejection::new(because, fix, place, resource))
        }
        false => {
            let reason = format!(
                "whether S3 denies access from other accounts: the policy of {bucket} may be \
                 public, and `RestrictPublicBuckets` may be set"
            );
            Hindrance::Doubtful(held.doubt(statement.span, reason))
        }
    })
}

/// Returns the statement that makes a policy public, and whether that is certain.
fn public_statement(policy: &Policy) -> Option<(&Statement, bool)> {
    let mut found: Option<(&Statement, bool)> = None;
    for statement in &policy.statements {
        match is_public(statement) {
            Some(true) => return Some((statement, true)),
            Some(false) => {}
            None => found = found.or(Some((statement, false))),
        }
    }
    found
}

/// Returns whether a statement is public, or `None` if AWS does not document the case.
fn is_public(statement: &Statement) -> Option<bool> {
    let everyone = statement.principal.as_ref().is_some_and(|element| {
        let mut entries = element.entries.iter();
        !element.negated && entries.any(|entry| entry.id == PrincipalId::Everyone)
    });
    if statement.effect == Effect::Deny || !everyone {
        return Some(false);
    }
    let mut public = Some(true);
    for condition in &statement.conditions {
        match narrows(condition) {
            Some(true) => return Some(false),
            Some(false) => {}
            None => public = None,
        }
    }
    public
}

/// Returns whether a condition limits the principals to fixed values, or `None` if AWS does not
/// document the operator.
fn narrows(condition: &Condition) -> Option<bool> {
    if !FIXED.contains(&condition.key.to_lowercase().as_str()) {
        return Some(false);
    }
    let operator = condition.operator;
    let is_plain = matches!(
        operator.comparison,
        Comparison::StringEquals | Comparison::StringLike | Comparison::Arn | Comparison::IpAddress
    ) && !operator.negated
        && !operator.if_exists
        && operator.quantifier.is_none();
    if !is_plain {
        return None;
    }
    let is_fixed = condition.values.iter().all(|value| {
        let is_pattern = |text: &str| text.contains(['*', '?']) || text.contains("${");
        match value.wanted {
            Wanted::Network(_) => !is_broad(&value.text),
            _ => !is_pattern(&value.text),
        }
    });
    Some(is_fixed)
}

/// Returns whether S3 considers an IP range public: broader than /8 for IPv4, or /32 for IPv6.
fn is_broad(range: &str) -> bool {
    let (address, length) = range.split_once('/').unwrap_or((range, "128"));
    let least = if address.contains(':') { 32 } else { 8 };
    length.parse().is_ok_and(|length: u8| length < least)
}
