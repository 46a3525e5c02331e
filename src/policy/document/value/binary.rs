//! Binary values, written in base 64.

/// A binary value.
///
/// Follows the AWS document *IAM JSON policy elements: Condition operators*, section *Binary
/// condition operators*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary(Vec<u8>);

impl Binary {
    /// Reads standard base 64 with its padding; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !bytes.len().is_multiple_of(4) {
            return None;
        }
        let body = text.trim_end_matches('=');
        if bytes.len() - body.len() > 2 {
            return None;
        }
        let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
        let mut bits = 0_u32;
        let mut count = 0;
        for byte in body.bytes() {
            bits = (bits << 6) | sextet(byte)?;
            count += 6;
            if count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        (bits == 0).then_some(Self(out))
    }

    /// Whether a request's value is this one: written in base 64, as a request in JSON has to
    /// write it, or the very bytes.
    pub fn is(&self, value: &str) -> bool {
        self.0 == value.as_bytes() || Self::parse(value).as_ref() == Some(self)
    }
}

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
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
