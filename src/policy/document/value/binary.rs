//! Binary values in Base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A binary value.
///
/// Follows *IAM JSON policy elements: Condition operators*, section *Binary condition operators*,
/// in the AWS documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary(Vec<u8>);

impl Binary {
    /// Parses standard Base64 with padding. Returns `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok().map(Self)
    }

    /// Returns whether a value in the request is equal to this value. The value in the request can
    /// be in Base64, as in a JSON request, or be the bytes themselves.
    pub fn is(&self, value: &str) -> bool {
        self.0 == value.as_bytes() || Self::parse(value).as_ref() == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_read_with_its_padding() {
        let bytes = |text| Binary::parse(text).map(|binary| binary.0);
        assert_eq!(bytes("QmluYXJ5"), Some(b"Binary".to_vec()));
        assert_eq!(bytes("QQ=="), Some(b"A".to_vec()));
        assert_eq!(bytes(""), Some(Vec::new()));
        for wrong in ["QQ", "QR==", "Q===", "Q*==", "====", "QQ==QQ=="] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
