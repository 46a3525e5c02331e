//! The values that condition operators compare, other than strings: how they are written in
//! policies and in request contexts alike, and how two of them compare.

mod binary;
mod date;
mod ip;
mod numeric;

pub use binary::Binary;
pub use date::Instant;
pub use ip::Network;
pub use numeric::Number;

/// Reads a boolean of a policy or a request, in any case.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
