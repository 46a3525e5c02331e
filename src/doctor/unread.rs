//! The parts of the live state that could not be read, each with the permission that it takes.

use std::collections::BTreeSet;

use super::diagnose::shown;
use super::expected::Expected;
use super::finding::Unread;
use super::live::{Live, Policy, Reading, Refusal, View};
use crate::policy::document::Arn;
use crate::template::UNKNOWN;

/// Everything that could not be read, or was not.
pub(super) fn unread(expected: &Expected, live: &Live) -> Vec<Unread> {
    let mut found = BTreeSet::new();
    let not_read = Refusal {
        action: String::new(),
        reason: "it was not read".to_owned(),
    };
    let seen = |account: &str| matches!(live.accounts.get(account), Some(View::By(_)));
    for (account, view) in &live.accounts {
        if let View::Nobody(reason) = view {
            let stacks = expected.places.iter();
            let stacks: Vec<&str> = stacks
                .filter(|place| place.account == *account)
                .map(|place| place.template.as_str())
                .collect();
            found.insert(Unread {
                account: account.clone(),
                what: format!("everything of {}", stacks.join(", ")),
                refusal: Refusal {
                    action: String::new(),
                    reason: reason.clone(),
                },
            });
        }
    }
    let mut add = |account: &str, what: String, refusal: Option<&Refusal>| {
        if let Some(refusal) = refusal
            && seen(account)
        {
            found.insert(Unread {
                account: account.to_owned(),
                what,
                refusal: refusal.clone(),
            });
        }
    };
    for (number, place) in expected.places.iter().enumerate() {
        if !live.stacks.contains_key(&number) {
            let what = format!("stack {}", place.stack);
            add(&place.account, what, Some(&not_read));
        }
    }
    for key in &expected.keys {
        if !live.keys.contains_key(&key.arn) && !key.arn.contains(UNKNOWN) {
            add(&key.account, shown(&key.arn), Some(&not_read));
        }
    }
    for (number, stack) in &live.stacks {
        if let Some(place) = expected.places.get(*number) {
            add(
                &place.account,
                format!("stack {}", place.stack),
                stack.refusal(),
            );
        }
    }
    for (arn, key) in &live.keys {
        let account = Arn::parse(arn).map_or_else(
            || expected.places.first().map_or("", |place| &place.account),
            |arn| arn.account,
        );
        let name = shown(arn);
        add(account, name.clone(), key.refusal());
        if let Reading::Read(key) = key
            && !key.is_aws_managed
        {
            add(account, format!("policy of {name}"), key.policy.refusal());
            add(
                account,
                format!("names of the policies of {name}"),
                key.others.refusal(),
            );
            for policy in key.others.read().into_iter().flatten() {
                let what = format!("policy {} of {name}", policy.name);
                add(account, what, policy.document.refusal());
            }
            add(account, format!("grants of {name}"), key.grants.refusal());
            add(account, format!("aliases of {name}"), key.aliases.refusal());
            add(
                account,
                format!("rotation of {name}"),
                key.rotation.refusal(),
            );
        }
    }
    for bucket in &expected.buckets {
        let (account, name) = (&bucket.account, &bucket.name);
        let Some(reading) = live.buckets.get(name) else {
            add(account, format!("bucket {name}"), Some(&not_read));
            continue;
        };
        add(account, format!("bucket {name}"), reading.refusal());
        if let Reading::Read(read) = reading {
            for (what, refusal) in [
                ("policy", read.policy.refusal()),
                ("versioning", read.versioning.refusal()),
                ("notifications", read.event_bridge.refusal()),
                ("object ownership", read.ownership.refusal()),
                ("ACL", read.grantees.refusal()),
                ("default encryption", read.encryption.refusal()),
                ("public access block", read.public_access_block.refusal()),
            ] {
                add(account, format!("{what} of bucket {name}"), refusal);
            }
        }
    }
    for role in &expected.roles {
        let (account, name) = (&role.account, &role.name);
        let Some(reading) = live.roles.get(&role.arn) else {
            add(account, format!("role {name}"), Some(&not_read));
            continue;
        };
        add(account, format!("role {name}"), reading.refusal());
        if let Reading::Read(read) = reading {
            add(
                account,
                format!("managed policies of role {name}"),
                read.attached.refusal(),
            );
            add(
                account,
                format!("inline policies of role {name}"),
                read.inline.refusal(),
            );
            let policies = read.attached.read().into_iter().chain(read.inline.read());
            let policies = policies.flatten().chain(&read.boundary);
            for Policy {
                name: policy,
                document,
            } in policies
            {
                add(
                    account,
                    format!("policy {policy} of role {name}"),
                    document.refusal(),
                );
            }
        }
    }
    for pipeline in expected.pipelines() {
        let name = pipeline.name.clone().unwrap_or_default();
        let Some(reading) = live.pipelines.get(&name) else {
            let what = format!("pipeline {name}");
            add(&pipeline.account, what, Some(&not_read));
            continue;
        };
        add(
            &pipeline.account,
            format!("pipeline {name}"),
            reading.refusal(),
        );
        if let Reading::Read(read) = reading {
            add(
                &pipeline.account,
                format!("state of pipeline {name}"),
                read.stopped.refusal(),
            );
            add(
                &pipeline.account,
                format!("executions of pipeline {name}"),
                read.failure.refusal(),
            );
        }
    }
    for rule in expected.rules() {
        let name = rule.name.clone().unwrap_or_default();
        if let Some(reading) = live.rules.get(&name) {
            add(&rule.account, format!("rule {name}"), reading.refusal());
            if let Reading::Read(read) = reading {
                add(
                    &rule.account,
                    format!("targets of rule {name}"),
                    read.targets.refusal(),
                );
            }
        } else {
            add(&rule.account, format!("rule {name}"), Some(&not_read));
        }
    }
    found.into_iter().collect()
}
