//! The element `Condition`.

use super::operator::{Comparison, Operator};
use super::pattern::{Pattern, Token, arn_parts};
use super::value::{Binary, Instant, Network, Number, parse_bool};
use crate::diagnostic::{Diagnostic, Span};

/// One operator and key in a `Condition`, with the values to compare the key with.
///
/// Follows *IAM JSON policy elements: Condition* in the AWS documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// The operator as written.
    pub operator_text: String,
    /// The context key as written.
    pub key: String,
    /// The context key in lowercase, because key names are case-insensitive.
    pub(crate) key_lower: Box<str>,
    /// The values, which may be empty.
    pub values: Vec<ConditionValue>,
    /// The span from the key to the last value.
    pub span: Span,
}

/// One value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionValue {
    /// The value as written.
    pub text: String,
    /// Its span.
    pub span: Span,
    /// Its meaning to the operator.
    pub wanted: Wanted,
}

/// The meaning of a value to its operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// For `String…`, and for `Bool` if it contains variables.
    Text(Pattern),
    /// For `Arn…`: six patterns, if the value has six parts.
    Arn(ArnPattern),
    /// For `Numeric…`.
    Number(Number),
    /// For `Date…`.
    Instant(Instant),
    /// For `Bool` and `Null`.
    Bool(bool),
    /// For `BinaryEquals`.
    Binary(Binary),
    /// For `IpAddress`.
    Network(Network),
}

/// A value for an ARN operator.
#[derive(Debug, Clone, PartialEq)]
pub struct ArnPattern {
    pub(crate) pattern: Pattern,
    /// The parts, if the value has no variables and has all six parts.
    pub(crate) parts: Option<Box<[Vec<Token>; 6]>>,
}

impl ConditionValue {
    /// Reads a value for an operator. Variables are recognized only with `variables`.
    ///
    /// # Errors
    /// Returns an error if the operator cannot compare the value, such as `soon` for a date.
    pub fn parse(
        operator: Operator,
        text: &str,
        variables: bool,
        span: Span,
    ) -> Result<Self, Diagnostic> {
        let wanted = match operator.comparison {
            Comparison::StringEquals | Comparison::StringEqualsIgnoreCase => {
                Some(Wanted::Text(Pattern::exact(text, variables)))
            }
            Comparison::StringLike => Some(Wanted::Text(Pattern::wild(text, variables))),
            Comparison::Arn => Some(Wanted::Arn(ArnPattern::parse(text, variables))),
            Comparison::Numeric(_) => Number::parse(text).map(Wanted::Number),
            Comparison::Date(_) => Instant::parse(text).map(Wanted::Instant),
            Comparison::BinaryEquals => Binary::parse(text).map(Wanted::Binary),
            Comparison::IpAddress => Network::parse(text).map(Wanted::Network),
            Comparison::Null => parse_bool(text).map(Wanted::Bool),
            Comparison::Bool => parse_bool(text).map(Wanted::Bool).or_else(|| {
                let pattern = Pattern::exact(text, variables);
                pattern.has_variables().then_some(Wanted::Text(pattern))
            }),
        };
        let Some(wanted) = wanted else {
            let (what, help) = kind(operator.comparison);
            return Err(
                Diagnostic::new(span, format!("`{text}` is not a valid {what}"))
                    .label(format!("not a valid {what}"))
                    .help(help),
            );
        };
        Ok(Self {
            text: text.to_owned(),
            span,
            wanted,
        })
    }
}

impl ArnPattern {
    fn parse(text: &str, variables: bool) -> Self {
        let pattern = Pattern::wild(text, variables);
        Self {
            parts: if pattern.has_variables() {
                None
            } else {
                arn_parts(pattern.tokens()).map(Box::new)
            },
            pattern,
        }
    }
}

fn kind(comparison: Comparison) -> (&'static str, &'static str) {
    match comparison {
        Comparison::Numeric(_) => ("number", "write an integer or a decimal number"),
        Comparison::Date(_) => (
            "date",
            "write it as `2026-01-31T12:00:00Z`, or as seconds since 1970",
        ),
        Comparison::BinaryEquals => ("binary value", "write it in Base64, with padding"),
        Comparison::IpAddress => (
            "IP address range",
            "write it in CIDR notation, such as `203.0.113.0/24` or `2001:db8::/32`",
        ),
        _ => ("boolean", "write `true` or `false`"),
    }
}
