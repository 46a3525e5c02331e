//! IP addresses and ranges.

use std::net::IpAddr;

use ipnet::IpNet;

/// A range of IPv4 or IPv6 addresses.
///
/// Follows the AWS document *IAM JSON policy elements: Condition operators*, section *IP address
/// condition operators*: CIDR notation; an address alone is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Reads an address or a range; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let one = || text.parse().map(|address: IpAddr| address.into());
        text.parse().or_else(|_| one()).ok().map(Self)
    }

    /// Whether an address of a request lies in the range; never, where it is no address.
    pub fn contains(&self, value: &str) -> bool {
        let address: Option<IpAddr> = value.parse().ok();
        address.is_some_and(|address| self.0.contains(&address))
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
