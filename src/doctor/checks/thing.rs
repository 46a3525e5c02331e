//! The resources that findings are about.

use super::super::expected::{ExpectedBucket, ExpectedKey, ExpectedRole, Place, RULE};
use super::super::live::Key;
use super::last;
use crate::policy::document::Arn;
use crate::proof::Resolved;

/// A resource that findings and commands are about.
#[derive(Debug, Clone)]
pub(in crate::doctor) struct Thing<'t> {
    pub(super) account: &'t str,
    /// Its region; empty for a global resource.
    pub(super) region: &'t str,
    /// Its displayed name, such as `role prods3role`.
    pub(super) shown: String,
}

impl<'t> Thing<'t> {
    fn new(account: &'t str, region: &'t str, kind: &str, name: &str) -> Self {
        let shown = format!("{kind} {name}");
        Self {
            account,
            region,
            shown,
        }
    }

    fn key(arn: &'t str) -> Self {
        let parsed = Arn::parse(arn);
        let (account, region) = parsed.map_or(("", ""), |arn| (arn.account, arn.region));
        Self::new(account, region, "key", last(arn))
    }
}

impl<'t> From<&'t Place> for Thing<'t> {
    fn from(place: &'t Place) -> Self {
        Self::new(&place.account, &place.region, "stack", &place.stack)
    }
}

impl<'t> From<&'t ExpectedRole> for Thing<'t> {
    fn from(role: &'t ExpectedRole) -> Self {
        Self::new(&role.account, "", "role", &role.name)
    }
}

impl<'t> From<&'t ExpectedBucket> for Thing<'t> {
    fn from(bucket: &'t ExpectedBucket) -> Self {
        Self::new(&bucket.account, &bucket.region, "bucket", &bucket.name)
    }
}

impl<'t> From<&'t ExpectedKey> for Thing<'t> {
    fn from(key: &'t ExpectedKey) -> Self {
        Self::key(&key.arn)
    }
}

impl<'t> From<&'t Key> for Thing<'t> {
    fn from(key: &'t Key) -> Self {
        Self::key(&key.arn)
    }
}

/// A pipeline or a rule.
impl<'t> From<&'t Resolved> for Thing<'t> {
    fn from(of: &'t Resolved) -> Self {
        let kind = if of.kind == RULE { "rule" } else { "pipeline" };
        Self::new(&of.account, &of.region, kind, of.known_name())
    }
}
