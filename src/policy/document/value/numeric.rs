//! Numbers.

/// An integer or decimal number.
///
/// Follows *IAM JSON policy elements: Condition operators*, section *Numeric condition operators*,
/// in the AWS documentation.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// Parses a number. Returns `None` for anything else, including infinity.
    pub fn parse(text: &str) -> Option<Self> {
        let begins = text.trim_start_matches(['-', '+']);
        if !begins.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        let number: f64 = text.parse().ok()?;
        number.is_finite().then_some(Self(number))
    }
}
