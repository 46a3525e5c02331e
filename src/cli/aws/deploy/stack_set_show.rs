//! What would change in a stack set, and what failed, as tables and for machines.

use std::collections::{BTreeMap, HashMap};

use crate::deploy::stack_set::run::{Prepared, Report};
use crate::deploy::stack_set::{Existing, Failed, Instance};
use serde_json::{Value, json};

use crate::cli::output::{Stream, table_for, thousands};

/// How many accounts of one kind of change are shown; those that are removed are all shown.
const SHOWN: usize = 20;
/// How many instances that do not stand are shown.
const FAILURES: usize = 100;

/// A number of instances.
pub(crate) fn number(of: usize) -> String {
    match of {
        1 => "1 instance".to_owned(),
        _ => format!("{} instances", thousands(of)),
    }
}

/// Regions by account.
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

/// What would change, as a table: one row for an account.
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
            (before, "") => format!("{}: {before} is taken away", one.what),
            (before, after) => format!("{}: {before} becomes {after}", one.what),
        };
        add("update", "stack set", "", &why);
    }
    for unit in &comparison.add_units {
        add("add", unit, "", "organizational unit");
    }
    let existing = |list: &[Existing]| -> Vec<(Instance, String)> {
        list.iter()
            .map(|one| (one.instance.clone(), one.reason.clone()))
            .collect()
    };
    let suspended = "the account is suspended".to_owned();
    let skipped: Vec<(Instance, String)> = (comparison.suspended.iter())
        .map(|one| (one.instance.clone(), suspended.clone()))
        .collect();
    let added: Vec<(Instance, String)> = comparison
        .add
        .iter()
        .map(|one| (one.clone(), String::new()))
        .collect();
    for (action, instances, limit) in [
        ("remove", existing(&comparison.remove), usize::MAX),
        ("create again", existing(&comparison.recreate), usize::MAX),
        ("skip", skipped, SHOWN),
        ("update", existing(&comparison.update), SHOWN),
        ("add", added, SHOWN),
    ] {
        let accounts = by_account(instances.iter().map(|(instance, _)| instance));
        let reasons: HashMap<&str, &str> = instances
            .iter()
            .map(|(instance, reason)| (instance.account.as_str(), reason.as_str()))
            .collect();
        let count = accounts.len();
        for (account, regions) in accounts.iter().take(limit) {
            let why = reasons.get(account).copied().unwrap_or_default();
            add(action, account, &regions.join(", "), why);
        }
        if count > limit {
            let more = format!("{} accounts more", thousands(count - limit));
            add(action, &more, "", "");
        }
    }
    let header = ["action", "account", "regions", "because of"];
    table_for(stream, &header, &rows, &[])
}

/// The same for machines.
pub(crate) fn changes_json(prepared: &Prepared) -> Value {
    let comparison = &prepared.comparison;
    let existing = |list: &[Existing]| -> Value {
        list.iter()
            .map(|one| {
                json!({
                    "account": one.instance.account,
                    "region": one.instance.region,
                    "reason": one.reason,
                })
            })
            .collect()
    };
    json!({
        "create": prepared.set.is_none(),
        "differences": prepared.differences.iter().map(|one| json!({
            "what": one.what, "before": one.before, "after": one.after,
        })).collect::<Value>(),
        "add": comparison.add.iter().map(|one| json!({
            "account": one.account, "region": one.region,
        })).collect::<Value>(),
        "addOrganizationalUnits": comparison.add_units,
        "update": existing(&comparison.update),
        "createAgain": existing(&comparison.recreate),
        "suspended": existing(&comparison.suspended),
        "remove": existing(&comparison.remove),
        "withoutDeployAction": existing(&comparison.unnamed),
        "current": comparison.current,
    })
}

/// The instances that do not stand, each with AWS's reason: those that failed first, and of those
/// that were not tried because of them only their number.
pub(crate) fn failures(stream: Stream, report: &Report) -> String {
    let is_consequence =
        |one: &&Failed| !report.failed.is_empty() && one.reason.to_lowercase().contains("cancel");
    let others = report.behind.iter().filter(|one| !is_consequence(one));
    let all: Vec<&Failed> = report.failed.iter().chain(others).collect();
    let row = |one: &&Failed| {
        let Failed {
            instance,
            status,
            reason,
            ..
        } = one;
        [&instance.account, &instance.region, status, reason]
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
            "{number} more were cancelled, because too many failed\n"
        ));
    }
    text
}

/// What stands and what does not, for machines.
pub(crate) fn report_json(report: &Report) -> Value {
    let of = |list: &[Failed]| -> Value {
        list.iter()
            .map(|one| {
                json!({
                    "account": one.instance.account,
                    "region": one.instance.region,
                    "status": one.status,
                    "reason": one.reason,
                    "stackId": one.stack_id,
                })
            })
            .collect()
    };
    json!({
        "current": report.current,
        "failed": of(&report.failed),
        "behind": of(&report.behind),
    })
}
