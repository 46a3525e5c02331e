//! The element `Condition`.

use super::operator::{Comparison, Operator};
use super::pattern::{Pattern, Token, arn_parts};
use super::value::{Binary, Instant, Network, Number, parse_bool};
use crate::diagnostic::{Diagnostic, Span};

/// One operator and key of a `Condition`, with the values that the key is compared with.
///
/// Follows the AWS document *IAM JSON policy elements: Condition*.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// Its name, as it is written.
    pub operator_text: String,
    /// The context key, as it is written.
    pub key: String,
    /// The same in lower case, since key names ignore case.
    pub(crate) key_lower: Box<str>,
    /// The values; may be empty.
    pub values: Vec<ConditionValue>,
    /// From the key to the last value.
    pub span: Span,
}

/// One value of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionValue {
    /// As it is written.
    pub text: String,
    /// Where it stands.
    pub span: Span,
    /// What it means to its operator.
    pub wanted: Wanted,
}

/// What a value means to its operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// To `String…` and, where it holds variables, to `Bool`.
    Text(Pattern),
    /// To `Arn…`: six patterns, where the value has six parts.
    Arn(ArnPattern),
    /// To `Numeric…`.
    Number(Number),
    /// To `Date…`.
    Instant(Instant),
    /// To `Bool` and `Null`.
    Bool(bool),
    /// To `BinaryEquals`.
    Binary(Binary),
    /// To `IpAddress`.
    Network(Network),
}

/// A value of an ARN operator.
#[derive(Debug, Clone, PartialEq)]
pub struct ArnPattern {
    pub(crate) pattern: Pattern,
    /// Without variables the parts are known at once; `None` where there are fewer than six.
    pub(crate) parts: Option<Box<[Vec<Token>; 6]>>,
}

impl ConditionValue {
    /// Reads a value for an operator; variables count only with `variables`.
    ///
    /// # Errors
    /// A value that the operator cannot compare, such as `soon` for a date.
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
            return Err(Diagnostic::new(span, format!("`{text}` is no {what}"))
                .label(format!("not a {what}"))
                .help(help));
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
            "write it as `2026-01-31T12:00:00Z`, or in seconds since 1970",
        ),
        Comparison::BinaryEquals => ("binary value", "write it in base 64, with its padding"),
        Comparison::IpAddress => (
            "IP address range",
            "write it in CIDR notation, as `203.0.113.0/24` or `2001:db8::/32`",
        ),
        _ => ("boolean", "write `true` or `false`"),
    }
}
