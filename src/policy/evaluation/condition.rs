//! Evaluates the conditions of a statement against a request.

use super::matching::{self, Match};
use super::request::ContextValue;
use super::truth::{Truth, View};
use crate::policy::document::value::{Instant, Number, parse_bool};
use crate::policy::document::{
    Comparison, Condition, ConditionValue, Operator, Quantifier, Wanted,
};

/// Returns whether a condition holds.
///
/// Follows *IAM JSON policy elements: Condition operators* and *Single-valued vs. multivalued
/// context keys* in the AWS documentation:
///
/// - Values are alternatives. For a negated operator, none of them may match.
/// - With a missing key, a positive operator is false, and a negated operator and `…IfExists` are
///   true. `ForAllValues` is true and `ForAnyValue` is false. For these two quantifiers, a set that
///   is empty or contains only empty strings counts as missing.
/// - A multivalued key requires `ForAllValues` or `ForAnyValue`. Without them, neither a positive
///   nor a negated operator holds. AWS does not document this case, so the result is unknown for a
///   partly known request.
///
/// A value that the operator cannot compare (such as `soon` for a date) matches nothing. For
/// variables without a value, see [`matching::one_of`].
pub(super) fn holds(condition: &Condition, view: View<'_>) -> Truth {
    let operator = condition.operator;
    let actual = view.get(&condition.key_lower);
    let actual = actual.as_deref();
    if operator.comparison == Comparison::Null {
        return is_null(condition, actual);
    }
    let test = |value: &str| compare(condition, operator, value, view);
    match (operator.quantifier, actual) {
        (_, Some(ContextValue::Present | ContextValue::Unknown)) => Truth::Unknown,
        (_, None) if operator.if_exists => Truth::Yes,
        (None, None) => operator.negated.into(),
        (None, Some(ContextValue::One(value))) => test(value),
        (None, Some(ContextValue::Many(_))) if view.unlisted.is_some() => Truth::Unknown,
        (None, Some(ContextValue::Many(_))) => Truth::No,
        (Some(quantifier), actual) => {
            let values = match actual {
                Some(ContextValue::One(value)) => std::slice::from_ref(value),
                Some(ContextValue::Many(values)) => values.as_slice(),
                _ => &[],
            };
            let is_empty = values.iter().all(String::is_empty);
            let tested = values.iter().map(|value| test(value));
            match (quantifier, is_empty) {
                (Quantifier::ForAllValues, true) => Truth::Yes,
                (Quantifier::ForAllValues, false) => Truth::all(tested),
                (Quantifier::ForAnyValue, true) => Truth::No,
                (Quantifier::ForAnyValue, false) => Truth::any(tested),
            }
        }
    }
}

/// Evaluates the operator `Null`, which tests whether the key is missing.
fn is_null(condition: &Condition, actual: Option<&ContextValue>) -> Truth {
    Truth::any(condition.values.iter().map(|value| {
        let missing = match actual {
            Some(ContextValue::Unknown) => Truth::Unknown,
            actual => actual.is_none().into(),
        };
        match value.wanted {
            Wanted::Bool(true) => missing,
            Wanted::Bool(false) => missing.not(),
            _ => Truth::No,
        }
    }))
}

fn compare(condition: &Condition, operator: Operator, actual: &str, view: View<'_>) -> Truth {
    let values = condition.values.iter();
    let found = values.map(|value| value_matches(value, operator.comparison, actual, view));
    matching::one_of(found, operator.negated)
}

fn value_matches(
    value: &ConditionValue,
    comparison: Comparison,
    actual: &str,
    view: View<'_>,
) -> Match {
    match (&value.wanted, comparison) {
        (Wanted::Text(pattern), Comparison::StringEqualsIgnoreCase) => {
            matching::ignoring_case(pattern, actual, view)
        }
        (Wanted::Text(pattern), Comparison::Bool) if parse_bool(actual).is_some() => {
            matching::ignoring_case(pattern, actual, view)
        }
        (Wanted::Text(_), Comparison::Bool) => Match::No,
        (Wanted::Text(pattern), _) => matching::wild(pattern, actual, view),
        (Wanted::Arn(pattern), _) => matching::arn(pattern, actual, view),
        (Wanted::Number(wanted), Comparison::Numeric(order)) => Number::parse(actual)
            .is_some_and(|actual| order.holds(&actual, wanted))
            .into(),
        (Wanted::Instant(wanted), Comparison::Date(order)) => Instant::parse(actual)
            .is_some_and(|actual| order.holds(&actual, wanted))
            .into(),
        (Wanted::Bool(wanted), _) => (parse_bool(actual) == Some(*wanted)).into(),
        (Wanted::Binary(wanted), _) => wanted.is(actual).into(),
        (Wanted::Network(wanted), _) => wanted.contains(actual).into(),
        (Wanted::Number(_) | Wanted::Instant(_), _) => Match::No,
    }
}
