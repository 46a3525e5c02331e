//! The changes to a stack set and its failed instances, as tables and for JSON output.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::deploy::stack_set::deployment::{Prepared, Report};
use crate::deploy::stack_set::{Difference, Existing, Failed, Instance};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::{Stream, table_for, thousands};

/// Maximum number of accounts shown for one kind of change. Removed accounts are all shown.
const SHOWN: usize = 20;
/// Maximum number of failed instances shown.
const FAILURES: usize = 100;

/// Formats a number of instances.
pub(crate) fn number(of: usize) -> String {
    match of {
        1 => "1 instance".to_owned(),
        _ => format!("{} instances", thousands(of)),
    }
}

/// Lists the first accounts, and counts the others.
pub(crate) fn named<'a>(accounts: impl ExactSizeIterator<Item = &'a &'a str>) -> String {
    let more = accounts.len().saturating_sub(SHOWN);
    let names: Vec<&str> = accounts.take(SHOWN).copied().collect();
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Lists accounts for use in a sentence.
pub(crate) fn listed(accounts: &BTreeSet<&str>) -> String {
    let plural = if accounts.len() == 1 { "" } else { "s" };
    format!("account{plural} {}", named(accounts.iter()))
}

/// Groups the regions of instances by account.
pub(crate) fn by_account<'i>(
    instances: impl IntoIterator<Item = &'i Instance>,
) -> BTreeMap<&'i str, Vec<&'i str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in instances {
        found.entry(&one.account).or_default().push(&one.region);
    }
    for regions in found.values_mut() {
        regions.sort_unstable();
    }
    found
}

/// Formats the changes as a table, with one row per account.
pub(crate) fn changes(stream: Stream, prepared: &Prepared) -> String {
    let comparison = &prepared.comparison;
    let mut rows = Vec::new();
    let mut add = |action: &str, account: &str, regions: &str, why: &str| {
        rows.push([action, account, regions, why].map(str::to_owned).to_vec());
    };
    if prepared.set.is_none() {
        add("create", "stack set", "", "");
    }
    for one in &prepared.differences {
        let why = match (one.before.as_str(), one.after.as_str()) {
            ("", "") => one.what.clone(),
            ("", after) => format!("{}: {after}", one.what),
            (before, "") => format!("{}: {before} removed", one.what),
            (before, after) => format!("{}: {before} -> {after}", one.what),
        };
        add("update", "stack set", "", &why);
    }
    for unit in &comparison.add_units {
        add("add", unit, "", "organizational unit");
    }
    fn existing(list: &[Existing]) -> Vec<(&Instance, &str)> {
        let list = list.iter();
        list.map(|one| (&one.instance, one.reason.as_str()))
            .collect()
    }
    let skipped = comparison.suspended.iter();
    let skipped = skipped.map(|one| (&one.instance, "the account is suspended"));
    let added = comparison.add.iter().map(|one| (one, ""));
    for (action, instances, limit) in [
        ("remove", existing(&comparison.remove), usize::MAX),
        ("recreate", existing(&comparison.recreate), usize::MAX),
        ("skip", skipped.collect(), SHOWN),
        ("update", existing(&comparison.update), SHOWN),
        ("add", added.collect(), SHOWN),
    ] {
        let accounts = by_account(instances.iter().map(|(instance, _)| *instance));
        let reasons = instances.iter();
        let reasons: HashMap<&str, &str> = reasons
            .map(|(instance, reason)| (instance.account.as_str(), *reason))
            .collect();
        for (account, regions) in accounts.iter().take(limit) {
            let why = reasons.get(account).copied().unwrap_or_default();
            add(action, account, &regions.join(", "), why);
        }
        if let Some(more @ 1..) = accounts.len().checked_sub(limit) {
            add(
                action,
                &format!("{} more accounts", thousands(more)),
                "",
                "",
            );
        }
    }
    let header = ["action", "account", "regions", "reason"];
    table_for(stream, &header, &rows, &[])
}

/// Formats the instances that are not current, with the reasons from AWS. Failed instances come
/// first. Instances that were canceled because of the failures are only counted.
pub(crate) fn failures(stream: Stream, report: &Report) -> String {
    let is_consequence =
        |one: &&Failed| !report.failed.is_empty() && one.reason.to_lowercase().contains("cancel");
    let others = report.behind.iter().filter(|one| !is_consequence(one));
    let all: Vec<&Failed> = report.failed.iter().chain(others).collect();
    let row = |one: &&Failed| {
        let Instance { account, region } = &one.instance;
        [account, region, &one.status, &one.reason]
            .map(String::clone)
            .to_vec()
    };
    let rows: Vec<Vec<String>> = all.iter().take(FAILURES).map(row).collect();
    let header = ["account", "region", "status", "reason"];
    let mut text = table_for(stream, &header, &rows, &[]);
    if all.len() > FAILURES {
        let more = thousands(all.len() - FAILURES);
        text.push_str(&format!("{more} more\n"));
    }
    let consequences = report.behind.iter().filter(is_consequence).count();
    if consequences > 0 {
        let number = thousands(consequences);
        text.push_str(&format!(
            "{number} more were canceled because too many instances failed\n"
        ));
    }
    text
}

/// Changes to a stack set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetChanges {
    /// Whether the stack set is created.
    create: bool,
    /// Differences in the stack set itself.
    differences: Vec<Difference>,
    /// Instances to add.
    add: Vec<Instance>,
    /// IDs of the organizational units to add.
    add_organizational_units: Vec<String>,
    /// Instances to update.
    update: Vec<InstanceWithReason>,
    /// Instances to recreate.
    create_again: Vec<InstanceWithReason>,
    /// Instances that the last operation skipped because their accounts are suspended.
    suspended: Vec<InstanceWithReason>,
    /// Instances to remove.
    remove: Vec<InstanceWithReason>,
    /// Instances without a deploy action in the pipeline.
    without_deploy_action: Vec<InstanceWithReason>,
    /// Number of current instances.
    current: usize,
}

/// An account and region of a stack set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct InstanceWithReason {
    #[serde(flatten)]
    instance: Instance,
    /// Why the instance is listed, or the reason from AWS; may be empty.
    reason: String,
}

impl SetChanges {
    pub(crate) fn new(prepared: &Prepared) -> Self {
        let comparison = &prepared.comparison;
        let existing = |list: &[Existing]| {
            let list = list.iter().map(|one| InstanceWithReason {
                instance: one.instance.clone(),
                reason: one.reason.clone(),
            });
            list.collect()
        };
        Self {
            create: prepared.set.is_none(),
            differences: prepared.differences.clone(),
            add: comparison.add.clone(),
            add_organizational_units: comparison.add_units.clone(),
            update: existing(&comparison.update),
            create_again: existing(&comparison.recreate),
            suspended: existing(&comparison.suspended),
            remove: existing(&comparison.remove),
            without_deploy_action: existing(&comparison.unnamed),
            current: comparison.current,
        }
    }
}
