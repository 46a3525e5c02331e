//! The names of condition operators.

use crate::diagnostic::may_be_name;

/// A condition operator, such as `ForAllValues:StringNotLikeIfExists`.
///
/// Follows *IAM JSON policy elements: Condition operators* and *Single-valued vs. multivalued
/// context keys* in the AWS documentation. Names are case-insensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// `ForAllValues:` or `ForAnyValue:`.
    pub quantifier: Option<Quantifier>,
    /// The comparison.
    pub comparison: Comparison,
    /// `…Not…`.
    pub negated: bool,
    /// `…IfExists`.
    pub if_exists: bool,
}

/// How a set of values in the request is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// `ForAllValues:`.
    ForAllValues,
    /// `ForAnyValue:`.
    ForAnyValue,
}

/// The type of values that an operator compares, and how it compares them, before any negation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `StringEquals`.
    StringEquals,
    /// `StringEqualsIgnoreCase`.
    StringEqualsIgnoreCase,
    /// `StringLike`.
    StringLike,
    /// `Numeric…`.
    Numeric(Order),
    /// `Date…`.
    Date(Order),
    /// `Bool`.
    Bool,
    /// `BinaryEquals`.
    BinaryEquals,
    /// `IpAddress`.
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which behave identically.
    Arn,
    /// `Null`.
    Null,
}

/// How two ordered values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `…Equals`.
    Equals,
    /// `…LessThan`.
    LessThan,
    /// `…LessThanEquals`.
    LessThanEquals,
    /// `…GreaterThan`.
    GreaterThan,
    /// `…GreaterThanEquals`.
    GreaterThanEquals,
}

impl Order {
    /// Returns whether the value of the request has this order relative to the value in the policy.
    pub fn holds<T: PartialOrd>(self, actual: &T, wanted: &T) -> bool {
        match self {
            Self::Equals => actual == wanted,
            Self::LessThan => actual < wanted,
            Self::LessThanEquals => actual <= wanted,
            Self::GreaterThan => actual > wanted,
            Self::GreaterThanEquals => actual >= wanted,
        }
    }
}

/// Every operator, without quantifiers and `IfExists`.
const NAMES: [(&str, Comparison, bool); 27] = {
    use Comparison as C;
    use Order::{Equals, GreaterThan, GreaterThanEquals, LessThan, LessThanEquals};
    [
        ("StringEquals", C::StringEquals, false),
        ("StringNotEquals", C::StringEquals, true),
        ("StringEqualsIgnoreCase", C::StringEqualsIgnoreCase, false),
        ("StringNotEqualsIgnoreCase", C::StringEqualsIgnoreCase, true),
        ("StringLike", C::StringLike, false),
        ("StringNotLike", C::StringLike, true),
        ("NumericEquals", C::Numeric(Equals), false),
        ("NumericNotEquals", C::Numeric(Equals), true),
        ("NumericLessThan", C::Numeric(LessThan), false),
        ("NumericLessThanEquals", C::Numeric(LessThanEquals), false),
        ("NumericGreaterThan", C::Numeric(GreaterThan), false),
        (
            "NumericGreaterThanEquals",
            C::Numeric(GreaterThanEquals),
            false,
        ),
        ("DateEquals", C::Date(Equals), false),
        ("DateNotEquals", C::Date(Equals), true),
        ("DateLessThan", C::Date(LessThan), false),
        ("DateLessThanEquals", C::Date(LessThanEquals), false),
        ("DateGreaterThan", C::Date(GreaterThan), false),
        ("DateGreaterThanEquals", C::Date(GreaterThanEquals), false),
        ("Bool", C::Bool, false),
        ("BinaryEquals", C::BinaryEquals, false),
        ("IpAddress", C::IpAddress, false),
        ("NotIpAddress", C::IpAddress, true),
        ("ArnEquals", C::Arn, false),
        ("ArnLike", C::Arn, false),
        ("ArnNotEquals", C::Arn, true),
        ("ArnNotLike", C::Arn, true),
        ("Null", C::Null, false),
    ]
};

impl Operator {
    /// Parses the name of an operator. Returns `None` if AWS has no such operator.
    pub fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (None, name),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => {
                (Some(Quantifier::ForAllValues), rest)
            }
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => {
                (Some(Quantifier::ForAnyValue), rest)
            }
            Some(_) => return None,
        };
        let cut = rest.len().saturating_sub("IfExists".len());
        let (base, if_exists) = match rest.get(cut..) {
            Some(suffix) if suffix.eq_ignore_ascii_case("IfExists") => (&rest[..cut], true),
            _ => (rest, false),
        };
        let (_, comparison, negated) = NAMES
            .iter()
            .find(|(known, _, _)| known.eq_ignore_ascii_case(base))?;
        // `Null` already tests whether the key exists.
        if *comparison == Comparison::Null && (if_exists || quantifier.is_some()) {
            return None;
        }
        Some(Self {
            quantifier,
            comparison: *comparison,
            negated: *negated,
            if_exists,
        })
    }

    /// Returns the most similar known name, for a message.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        if !may_be_name(name) {
            return None;
        }
        let base = name.rsplit(':').next().unwrap_or(name);
        let base = base.strip_suffix("IfExists").unwrap_or(base);
        NAMES
            .iter()
            .map(|(known, _, _)| {
                let distance =
                    strsim::damerau_levenshtein(&known.to_lowercase(), &base.to_lowercase());
                (distance, *known)
            })
            .min()
            .filter(|(distance, known)| *distance * 3 <= known.len())
            .map(|(_, known)| known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_take_their_affixes() {
        let operator = Operator::parse("forallvalues:stringNOTlikeifexists").expect("known");
        assert_eq!(operator.quantifier, Some(Quantifier::ForAllValues));
        assert_eq!(operator.comparison, Comparison::StringLike);
        assert!(operator.negated && operator.if_exists);
        for (name, _, _) in NAMES {
            assert!(Operator::parse(name).is_some(), "{name}");
        }
        for unknown in [
            "",
            "StringMatches",
            "BoolNot",
            "NullIfExists",
            "ForAnyValue:Null",
            "ForNone:Bool",
            "IfExists",
            "StringEqualsIfExistsIfExists",
            "DateLike",
            "é",
        ] {
            assert_eq!(Operator::parse(unknown), None, "{unknown}");
        }
        assert_eq!(Operator::nearest("StringEqual"), Some("StringEquals"));
        assert_eq!(Operator::nearest("Whatever"), None);
    }
}
