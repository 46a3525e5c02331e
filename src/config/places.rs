//! Validates the accounts and regions of targets, and the names that differ between them.

use crate::aws::partition_of;
use std::collections::HashSet;

use super::validate::Found;
use super::{BucketNamespace, Config, Target, pipeline_region_problem};

/// Returns the reason why a target cannot be in a region, and a fix.
pub(super) fn region_problem(
    config: &Config,
    target: &str,
    region: &str,
) -> Option<(String, String)> {
    let dev = &config.dev;
    let what = format!("target `{target}`");
    if let Some(problem) = pipeline_region_problem(region, &what) {
        return Some(problem);
    }
    let (theirs, ours) = (partition_of(region), partition_of(&dev.region));
    if theirs != ours {
        return Some((
            format!(
                "`{region}` is in partition `{}`, but the dev region is in `{}`: accounts in \
                 different partitions cannot access each other",
                theirs.as_str(),
                ours.as_str()
            ),
            "choose regions in the same partition".to_owned(),
        ));
    }
    (region != dev.region && !dev.key.multi_region).then(|| {
        (
            format!(
                "target `{target}` is in `{region}`, but the pipeline is in `{}`: this requires a \
                 multi-Region key",
                dev.region
            ),
            "set `multi_region: true` in `dev.key` before the first deployment (changing it later \
             replaces the key)"
                .to_owned(),
        )
    })
}

impl Found {
    pub(super) fn account_and_region(&mut self, config: &Config, index: usize, target: &Target) {
        let at = |key: &str| format!("targets.{index}.{key}");
        match (&target.account, &target.accounts, &target.accounts_file) {
            (Some(id), None, None) => self.account(&at("account"), id),
            (None, Some(ids), None) => self.accounts(&at("accounts"), ids),
            (None, None, Some(_)) => {}
            (None, None, None) => self.add(
                &at("account"),
                format!("target `{}` has no account", target.name),
                "add `account:` with 12 digits in quotes, or `accounts:` with a list",
            ),
            _ => self.add(
                &at(if target.accounts.is_some() {
                    "accounts"
                } else {
                    "accounts_file"
                }),
                "only one of `account`, `accounts`, and `accounts_file` is allowed",
                "keep one of them",
            ),
        }
        match (&target.region, &target.regions) {
            (Some(region), None) => self.target_region(config, target, &at("region"), region),
            (None, Some(regions)) => {
                let mut seen = HashSet::new();
                for (number, region) in regions.iter().enumerate() {
                    let path = at(&format!("regions.{number}"));
                    self.target_region(config, target, &path, region);
                    if !seen.insert(region) {
                        self.add(&path, format!("duplicate region `{region}`"), "remove one");
                    }
                }
                if regions.is_empty() {
                    self.add(&at("regions"), "no regions", "list at least one region");
                }
            }
            (Some(_), Some(_)) => self.add(
                &at("regions"),
                "`region` and `regions` cannot be used together",
                "keep one of them",
            ),
            (None, None) => {}
        }
    }

    fn accounts(&mut self, path: &str, ids: &[String]) {
        let mut seen = HashSet::new();
        for (number, id) in ids.iter().enumerate() {
            let path = format!("{path}.{number}");
            self.account(&path, id);
            if !seen.insert(id) {
                self.add(&path, format!("duplicate account `{id}`"), "remove one");
            }
        }
        if ids.is_empty() {
            self.add(path, "no accounts", "list at least one account");
        }
    }

    /// Checks that names differ between several accounts or regions.
    pub(super) fn patterns(&mut self, config: &Config, index: usize, target: &Target) {
        // The accounts are unknown until the accounts file is read.
        if target.accounts_file.is_some() && target.listed.is_empty() {
            return;
        }
        let at = |key: &str| format!("targets.{index}.{key}");
        let has = |text: &str, part: &str| text.contains(part);
        // A name in the account-regional namespace contains both.
        let in_account = config.bucket_namespace == BucketNamespace::Account;
        let is_single_name = !(in_account && target.create);
        let mut wanted = Vec::new();
        if is_single_name && target.has_many_accounts() && !has(&target.bucket, "{account}") {
            wanted.push("{account}");
        }
        if is_single_name && target.has_many_regions() && !has(&target.bucket, "{region}") {
            wanted.push("{region}");
        }
        if !wanted.is_empty() {
            self.add(
                &at("bucket"),
                format!(
                    "every account and region of target `{}` requires a different output bucket, \
                     but `{}` is a single name",
                    target.name, target.bucket
                ),
                format!(
                    "add `{}`, such as `{}-{}`",
                    wanted.join("` and `"),
                    target.bucket,
                    wanted.join("-")
                ),
            );
        }
        if in_account && target.has_many_regions() && !config.dev.artifacts.create {
            self.add(
                "dev.artifacts.create",
                format!(
                    "target `{}` has one template for several regions, but with \
                     `bucket_namespace: account`, the name of the existing artifact bucket differs \
                     from the names of the artifact buckets in the other regions",
                    target.name
                ),
                "set `create: true`, or add a separate target for each region",
            );
        }
        if let Some(bucket) = &config.dev.artifacts.bucket
            && target.has_many_regions()
            && !in_account
            && !has(bucket, "{region}")
        {
            self.add(
                "dev.artifacts.bucket",
                format!(
                    "target `{}` has one template for several regions, but `{bucket}` does not \
                     contain the region of the artifact bucket",
                    target.name
                ),
                "add `{region}` to it, or add a separate target for each region",
            );
        }
        if let Some(role) = &target.role
            && target.has_many_regions()
            && !has(role, "{region}")
        {
            self.add(
                &at("role"),
                format!(
                    "roles are global, so each region requires a different name, but `{role}` is \
                     a single name"
                ),
                format!("add `{{region}}`, such as `{role}-{{region}}`"),
            );
        }
    }

    fn target_region(&mut self, config: &Config, target: &Target, path: &str, region: &str) {
        if let Some((message, help)) = region_problem(config, &target.name, region) {
            self.add(path, message, help);
        }
    }
}
