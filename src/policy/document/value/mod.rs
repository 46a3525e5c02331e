//! The values that condition operators compare, except strings: their syntax in policies and
//! request contexts, and their comparison.

mod binary;
mod date;
mod ip;
mod numeric;

pub use binary::Binary;
pub use date::Instant;
pub use ip::Network;
pub use numeric::Number;

/// Parses a boolean in a policy or a request, ignoring case.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
