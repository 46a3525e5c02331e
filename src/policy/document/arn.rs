//! Amazon Resource Names and account IDs, as policies and requests write them.
//!
//! Follows the AWS document *Identify AWS resources with Amazon Resource Names (ARNs)*.

use std::fmt::{self, Display};

/// An ARN, split into the parts after `arn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-eusc`, `aws-us-gov`…
    pub partition: &'a str,
    /// The service's namespace, `s3`.
    pub service: &'a str,
    /// May be empty.
    pub region: &'a str,
    /// The account's ID; may be empty.
    pub account: &'a str,
    /// The rest, which may hold further colons.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` where it has not six parts or does not begin with `arn`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }
}

impl Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

/// Whether a text has the form of an account ID: twelve digits.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
