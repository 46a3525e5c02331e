//! The accounts and regions of a target, from its settings or from its accounts file.

use super::{Config, Target};

/// A line of an accounts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Account ID.
    pub account: String,
    /// Region, if the file has a column for it.
    pub region: Option<String>,
    /// ID of the CloudFront distribution, if the file has a column for it.
    pub distribution: Option<String>,
}

impl Target {
    /// Returns whether the template serves several accounts.
    pub(crate) fn has_many_accounts(&self) -> bool {
        self.accounts.is_some() || self.accounts_file.is_some()
    }

    /// Returns whether the template serves several regions.
    pub(crate) fn has_many_regions(&self) -> bool {
        self.regions.is_some() || self.listed.iter().any(|line| line.region.is_some())
    }

    /// Returns the ID of the distribution in an account and region, if the target invalidates caches.
    pub(crate) fn distribution(&self, account: &str, region: &str) -> Option<&str> {
        let line = self.listed.iter().find(|line| {
            line.account == account && line.region.as_deref().is_none_or(|own| own == region)
        });
        let listed = line.and_then(|line| line.distribution.as_ref());
        let only = self.invalidate.as_ref();
        let found = listed.or_else(|| only.and_then(|only| only.distribution.as_ref()));
        found.map(String::as_str)
    }

    /// Returns the accounts and regions of the target, in the order of the configuration.
    pub(crate) fn places(&self, dev_region: &str) -> Vec<(String, String)> {
        let regions = match (&self.regions, &self.region) {
            (Some(regions), _) => regions.clone(),
            (None, Some(region)) => vec![region.clone()],
            (None, None) => vec![dev_region.to_owned()],
        };
        let mut found = Vec::new();
        let mut add = |account: &str, own: Option<&String>| match own {
            Some(region) => found.push((account.to_owned(), region.clone())),
            None => found.extend(
                regions
                    .iter()
                    .map(|region| (account.to_owned(), region.clone())),
            ),
        };
        for account in self.account.iter().chain(self.accounts.iter().flatten()) {
            add(account, None);
        }
        for line in &self.listed {
            add(&line.account, line.region.as_ref());
        }
        found
    }
}

impl Config {
    /// Returns whether any target invalidates caches.
    pub(crate) fn invalidates(&self) -> bool {
        self.targets
            .iter()
            .any(|target| target.invalidate.is_some())
    }
}
