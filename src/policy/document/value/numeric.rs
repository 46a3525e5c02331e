//! Numbers.

/// An integer or decimal number.
///
/// Follows the AWS document *IAM JSON policy elements: Condition operators*, section *Numeric
/// condition operators*.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// Reads a number; `None` for anything else, infinity among it.
    pub fn parse(text: &str) -> Option<Self> {
        let begins = text.trim_start_matches(['-', '+']);
        if !begins.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        let number: f64 = text.parse().ok()?;
        number.is_finite().then_some(Self(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value_not_by_text() {
        assert_eq!(Number::parse("10"), Number::parse("10.0"));
        assert!(Number::parse("9") < Number::parse("10"));
        assert!(Number::parse("-1") < Number::parse("0.5"));
        for wrong in ["", "ten", "inf", "NaN", "1,000", " 1", "1e999"] {
            assert_eq!(Number::parse(wrong), None, "{wrong}");
        }
    }
}
