//! Determines whether the conditions of a statement confine it to accounts, organizations, or
//! roles.
//!
//! A condition confines a statement if it holds only for fixed values of a key. It must not use a
//! wildcard, match an absent key, or depend on values of the request.
//!
//! Follows *Amazon S3 User Guide*, section *The meaning of "public"*, and *IAM JSON policy
//! elements: Condition operators* in the AWS documentation.

use super::nodes::{MARKER, is_open, whole_marker};
use super::policy::Parameters;
use crate::diagnostic::{Node, Span};
use crate::policy::document::{Comparison, Operator, Quantifier};

/// The required confinement of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// Anything that keeps the statement from being public.
    Known,
    /// Named roles.
    Principals,
    /// The account or organization on whose behalf a service acts.
    Source,
    /// The account on whose behalf a service acts.
    SourceAccount,
    /// The resource on whose behalf a service acts.
    SourceArn,
}

/// The service whose resource a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    S3,
    Kms,
    Iam,
}

/// The marker for an unknown partition in ARNs.
const PARTITION: &str = "@{AWS.Partition}";

/// The part of a key's value that must be fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fixed {
    /// The whole value.
    Whole,
    /// The part before the first occurrence of this character.
    Before(char),
    /// The account or the bucket of an ARN.
    ArnAccount,
    /// The start of the name in an ARN.
    ArnResource,
    /// Any part other than wildcards.
    Something,
    /// A range that covers only a small part of all addresses.
    Addresses,
}

/// Returns the keys that confine a statement, in lowercase.
fn keys(to: To, service: Service) -> Vec<(&'static str, Fixed)> {
    let organizations = [
        ("aws:principalorgid", Fixed::Whole),
        ("aws:principalorgpaths", Fixed::Before('/')),
    ];
    let sources = [
        ("aws:sourceaccount", Fixed::Whole),
        ("aws:sourcearn", Fixed::ArnAccount),
        ("aws:sourceorgid", Fixed::Whole),
        ("aws:sourceorgpaths", Fixed::Before('/')),
        ("aws:sourceowner", Fixed::Whole),
    ];
    let mut keys = Vec::new();
    match to {
        To::Known => {
            keys.extend(organizations);
            keys.extend(sources);
            keys.extend([
                ("aws:principalaccount", Fixed::Whole),
                ("aws:principalarn", Fixed::ArnAccount),
                ("aws:sourcevpc", Fixed::Whole),
                ("aws:sourcevpce", Fixed::Whole),
                ("aws:userid", Fixed::Before(':')),
            ]);
            match service {
                Service::S3 => keys.extend([
                    (
                        "s3:x-amz-server-side-encryption-aws-kms-key-id",
                        Fixed::Whole,
                    ),
                    ("s3:dataaccesspointaccount", Fixed::Whole),
                    ("s3:dataaccesspointarn", Fixed::ArnAccount),
                    ("aws:sourceip", Fixed::Addresses),
                ]),
                Service::Kms => keys.push(("kms:calleraccount", Fixed::Whole)),
                Service::Iam => {}
            }
        }
        To::Principals => {
            keys.extend([
                ("aws:principalarn", Fixed::ArnResource),
                ("aws:userid", Fixed::Before(':')),
            ]);
        }
        To::Source => keys.extend(sources),
        To::SourceAccount => {
            keys.extend([
                ("aws:sourceaccount", Fixed::Whole),
                ("aws:sourceorgid", Fixed::Whole),
            ]);
        }
        To::SourceArn => keys.push(("aws:sourcearn", Fixed::Something)),
    }
    keys
}

/// A statement that is not confined.
#[derive(Debug, Clone)]
pub(super) struct Loose {
    /// The position of the value that is not fixed, or of the statement if it has no such
    /// condition.
    pub(super) span: Span,
    /// The unknown value that might confine the statement.
    pub(super) open: Option<Node>,
}

/// Checks that a statement in normal form is confined.
pub(super) fn confined(
    statement: &Node,
    to: To,
    service: Service,
    parameters: Parameters<'_>,
    otherwise: Span,
) -> Result<(), Loose> {
    let keys = keys(to, service);
    let mut loose = None;
    let mut unknown = None;
    let conditions = statement.get("Condition");
    if let Some(text) = conditions.filter(|node| node.as_str().is_some_and(is_open)) {
        unknown = Some(text.clone());
    }
    for block in conditions.and_then(Node::entries).unwrap_or_default() {
        let Some(operator) = Operator::parse(&block.key).filter(is_confining) else {
            continue;
        };
        for condition in block.value.entries().unwrap_or_default() {
            let Some((_, fixed)) = keys.iter().find(|(key, _)| *key == condition.key) else {
                continue;
            };
            let values = condition.value.one_or_many();
            let open = values.iter().find(|value| {
                let text = value.as_str().unwrap_or_default();
                !is_fixed(text, *fixed, operator.comparison)
            });
            let has_patterns = !matches!(
                operator.comparison,
                Comparison::StringEquals | Comparison::StringEqualsIgnoreCase
            );
            let may_be_loose = |value: &&Node| {
                let name = value.as_str().and_then(whole_marker);
                has_patterns && name.is_some_and(|name| parameters.may_be_star(name))
            };
            let unsure = values.iter().find(may_be_loose);
            match (open, unsure) {
                (_, Some(value)) => unknown = unknown.or(Some(value.clone())),
                (None, None) if !values.is_empty() => return Ok(()),
                (None, None) => {}
                (Some(value), None) => loose = loose.or(Some(value.span)),
            }
        }
    }
    Err(Loose {
        span: loose.unwrap_or(otherwise),
        open: unknown,
    })
}

/// Returns whether an operator holds only if the key has a listed value.
fn is_confining(operator: &Operator) -> bool {
    !operator.negated
        && !operator.if_exists
        && operator.quantifier != Some(Quantifier::ForAllValues)
}

fn is_fixed(value: &str, fixed: Fixed, comparison: Comparison) -> bool {
    let has_wildcards = match comparison {
        Comparison::StringLike | Comparison::Arn => true,
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase => false,
        Comparison::IpAddress => return fixed == Fixed::Addresses && is_narrow(value),
        _ => return false,
    };
    let is_loose = |text: &str| {
        // The value of a policy variable depends on the request.
        text.contains("${") || has_wildcards && text.contains(['*', '?'])
    };
    match fixed {
        Fixed::Whole => !is_loose(value),
        Fixed::Before(end) => !is_loose(value.split(end).next().unwrap_or(value)),
        Fixed::Something => {
            let mut rest = value.split([':', '/', '*', '?']);
            let is_partition = |part: &str| part.starts_with("aws") || part == PARTITION;
            rest.any(|part| !matches!(part, "" | "arn" | "s3") && !is_partition(part))
                && !value.contains("${")
        }
        Fixed::ArnAccount | Fixed::ArnResource => {
            // A value without a colon is an unknown identifier or a string that matches no request.
            // The ARN of a resource in the template contains its account.
            if !value.contains(':') {
                let is_own = value
                    .split_once('}')
                    .is_some_and(|(name, _)| name.starts_with(MARKER) && name.ends_with(".Arn"));
                return is_own && fixed == Fixed::ArnAccount || !is_loose(value);
            }
            let parts: Vec<&str> = value.splitn(6, ':').collect();
            let [_, _, service, _, account, resource] = parts[..] else {
                return false;
            };
            if fixed == Fixed::ArnResource {
                // The principal specifies the account. A part of the name is sufficient.
                return match resource.split_once('/') {
                    Some((kind, name)) => {
                        !is_loose(kind) && !name.starts_with(['*', '?', '$']) && !name.is_empty()
                    }
                    None => !is_loose(resource),
                };
            }
            match account {
                "" if service == "s3" => !is_loose(resource.split('/').next().unwrap_or(resource)),
                _ => !account.is_empty() && !is_loose(account),
            }
        }
        Fixed::Addresses => false,
    }
}

/// Returns whether a range covers only a small part of all addresses.
fn is_narrow(range: &str) -> bool {
    let Some((address, length)) = range.split_once('/') else {
        return true;
    };
    let least = if address.contains(':') { 32 } else { 8 };
    length.parse::<u32>().map_or(true, |length| length >= least)
}
