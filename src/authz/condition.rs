//! Whether a condition of a statement holds for a request.

use super::matching::{self, Match};
use super::request::{Context, ContextValue};
use crate::iam::value::{Instant, Number, parse_bool};
use crate::iam::{Comparison, Condition, ConditionValue, Effect, Operator, Quantifier, Wanted};

/// Whether a condition holds.
///
/// Follows the AWS documents *IAM JSON policy elements: Condition operators* and *Single-valued
/// vs. multivalued context keys*:
///
/// - values are alternatives, and for a negated operator none of them may match;
/// - a missing key makes a positive operator false, a negated one and `…IfExists` true,
///   `ForAllValues` true and `ForAnyValue` false; a set without values, or of an empty string
///   only, counts as missing for the two;
/// - a multivalued key needs one of the two: without, neither a positive nor a negated operator
///   holds.
///
/// A value that is none of the operator's kind (`soon` for a date) matches nothing. A variable
/// without a value "might cause the entire statement to be invalid", says *IAM policy elements:
/// Variables and tags*: its value matches nothing, and a negated operator that would hold only
/// because of that holds in a `Deny` and not in an `Allow`.
pub(super) fn holds(condition: &Condition, context: &Context, effect: Effect) -> bool {
    let operator = condition.operator;
    let actual = actual(condition, context);
    if operator.comparison == Comparison::Null {
        let wanted = Wanted::Bool(actual.is_none());
        return condition.values.iter().any(|value| value.wanted == wanted);
    }
    let test = |value: &str| compare(condition, operator, value, context, effect);
    match (operator.quantifier, actual) {
        (_, None) if operator.if_exists => true,
        (None, None) => operator.negated,
        (None, Some(ContextValue::One(value))) => test(value),
        (None, Some(ContextValue::Many(_))) => false,
        (Some(quantifier), actual) => {
            let values = match actual {
                None => &[],
                Some(ContextValue::One(value)) => std::slice::from_ref(value),
                Some(ContextValue::Many(values)) => values.as_slice(),
            };
            let is_empty = values.iter().all(String::is_empty);
            match quantifier {
                Quantifier::ForAllValues => is_empty || values.iter().all(|value| test(value)),
                Quantifier::ForAnyValue => !is_empty && values.iter().any(|value| test(value)),
            }
        }
    }
}

/// What the request has for a condition's key; a key without any value is missing.
pub(super) fn actual<'a>(condition: &Condition, context: &'a Context) -> Option<&'a ContextValue> {
    context
        .get_lower(&condition.key_lower)
        .filter(|value| !matches!(value, ContextValue::Many(values) if values.is_empty()))
}

fn compare(
    condition: &Condition,
    operator: Operator,
    actual: &str,
    context: &Context,
    effect: Effect,
) -> bool {
    let mut unresolved = false;
    let any = condition.values.iter().any(|value| {
        let found = value_matches(value, operator.comparison, actual, context);
        unresolved |= found == Match::Unresolved;
        found == Match::Yes
    });
    match (operator.negated, any) {
        (false, any) => any,
        (true, true) => false,
        (true, false) => !unresolved || effect == Effect::Deny,
    }
}

fn value_matches(
    value: &ConditionValue,
    comparison: Comparison,
    actual: &str,
    context: &Context,
) -> Match {
    match (&value.wanted, comparison) {
        (Wanted::Text(pattern), Comparison::StringEqualsIgnoreCase) => {
            matching::ignoring_case(pattern, actual, context)
        }
        (Wanted::Text(pattern), Comparison::Bool) if parse_bool(actual).is_some() => {
            matching::ignoring_case(pattern, actual, context)
        }
        (Wanted::Text(_), Comparison::Bool) => Match::No,
        (Wanted::Text(pattern), _) => matching::wild(pattern, actual, context),
        (Wanted::Arn(pattern), _) => matching::arn(pattern, actual, context),
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
