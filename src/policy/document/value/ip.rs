//! IP addresses and ranges.

use std::net::IpAddr;

/// A range of IPv4 or IPv6 addresses.
///
/// Follows the AWS document *IAM JSON policy elements: Condition operators*, section *IP address
/// condition operators*: CIDR notation; an address alone is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads an address or a range; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            Some(_) => return None,
        };
        (prefix <= bits).then_some(Self { address, prefix })
    }

    /// Whether an address of a request lies in the range; never, where it is no address.
    pub fn contains(&self, value: &str) -> bool {
        match (self.address, value.parse()) {
            (IpAddr::V4(network), Ok(IpAddr::V4(address))) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V6(network), Ok(IpAddr::V6(address))) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses_and_no_others() {
        let within = |range, address| Network::parse(range).expect("a range").contains(address);
        assert!(within("203.0.113.0/24", "203.0.113.255"));
        assert!(!within("203.0.113.0/24", "203.0.114.0"));
        assert!(within("0.0.0.0/0", "8.8.8.8"));
        assert!(!within("0.0.0.0/0", "::1"));
        assert!(within("203.0.113.7", "203.0.113.7"));
        assert!(!within("203.0.113.7", "203.0.113.8"));
        assert!(within("2001:DB8:1234:5678::/64", "2001:db8:1234:5678:0::9"));
        assert!(!within("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::"));
        assert!(within("::/0", "2001:db8::"));
        assert!(!within("::/0", "no address"));
        for wrong in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/",
            "1.2.3.4/+8",
        ] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
