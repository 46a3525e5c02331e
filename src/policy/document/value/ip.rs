//! IP addresses and ranges.

use std::net::IpAddr;

use ipnet::IpNet;

/// A range of IPv4 or IPv6 addresses.
///
/// Follows *IAM JSON policy elements: Condition operators*, section *IP address condition
/// operators*, in the AWS documentation: CIDR notation. A single address is a range of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Parses an address or a range. Returns `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let one = || text.parse().map(|address: IpAddr| address.into());
        text.parse().or_else(|_| one()).ok().map(Self)
    }

    /// Returns whether an address in the request is in the range. Returns `false` for an invalid
    /// address.
    pub fn contains(&self, value: &str) -> bool {
        let address: Option<IpAddr> = value.parse().ok();
        address.is_some_and(|address| self.0.contains(&address))
    }
}
