//! The parts of the live state that could not be read, with the required permissions.

use std::collections::BTreeSet;

use super::expected::Expected;
use super::finding::{Unread, shown};
use super::live::{Live, Reading, Refusal, View};
use crate::policy::document::Arn;
use crate::template::UNKNOWN;

/// Returns all parts of the live state that could not be read or were not read.
pub(super) fn unread(expected: &Expected, live: &Live) -> Vec<Unread> {
    let mut list = List {
        live,
        found: BTreeSet::new(),
    };
    for (account, view) in &live.accounts {
        if let View::Nobody(reason) = view {
            let stacks = expected.places.iter();
            let stacks: Vec<&str> = stacks
                .filter(|place| place.account == *account)
                .map(|place| place.template.as_str())
                .collect();
            let what = format!("all resources of {}", stacks.join(", "));
            list.found.insert(Unread::because(account, what, reason));
        }
    }
    for (number, place) in expected.places.iter().enumerate() {
        let what = format!("stack {}", place.stack);
        list.thing(&place.account, what, live.stacks.get(&number));
    }
    for key in &expected.keys {
        if !live.keys.contains_key(&key.arn) && !key.arn.contains(UNKNOWN) {
            list.thing::<()>(&key.account, shown(&key.arn), None);
        }
    }
    for (arn, key) in &live.keys {
        let account = Arn::parse(arn).map_or_else(
            || expected.places.first().map_or("", |place| &place.account),
            |arn| arn.account,
        );
        let name = shown(arn);
        let key = list.thing(account, name.clone(), Some(key));
        if let Some(key) = key.filter(|key| !key.is_aws_managed) {
            list.part(account, "policy", &name, &key.policy);
            list.part(account, "policy names", &name, &key.others);
            for policy in key.others.read().into_iter().flatten() {
                let what = format!("policy {}", policy.name);
                list.part(account, &what, &name, &policy.document);
            }
            list.part(account, "grants", &name, &key.grants);
            list.part(account, "aliases", &name, &key.aliases);
            list.part(account, "rotation", &name, &key.rotation);
        }
    }
    for bucket in &expected.buckets {
        let (account, name) = (&bucket.account, format!("bucket {}", bucket.name));
        let reading = live.buckets.get(&bucket.name);
        if let Some(read) = list.thing(account, name.clone(), reading) {
            list.part(account, "policy", &name, &read.policy);
            list.part(account, "versioning", &name, &read.versioning);
            list.part(account, "notifications", &name, &read.event_bridge);
            list.part(account, "object ownership", &name, &read.ownership);
            list.part(account, "ACL", &name, &read.grantees);
            list.part(account, "default encryption", &name, &read.encryption);
            let block = &read.public_access_block;
            list.part(account, "public access block", &name, block);
        }
    }
    for role in &expected.roles {
        let (account, name) = (&role.account, format!("role {}", role.name));
        let reading = live.roles.get(&role.arn);
        if let Some(read) = list.thing(account, name.clone(), reading) {
            list.part(account, "managed policies", &name, &read.attached);
            list.part(account, "inline policies", &name, &read.inline);
            let policies = read.attached.read().into_iter().chain(read.inline.read());
            for policy in policies.flatten().chain(&read.boundary) {
                let what = format!("policy {}", policy.name);
                list.part(account, &what, &name, &policy.document);
            }
        }
    }
    for pipeline in expected.pipelines() {
        let name = format!("pipeline {}", pipeline.known_name());
        let (account, reading) = (&pipeline.account, live.pipelines.get(pipeline.known_name()));
        if let Some(read) = list.thing(account, name.clone(), reading) {
            list.part(account, "state", &name, &read.stopped);
            list.part(account, "executions", &name, &read.failure);
        }
    }
    for rule in expected.rules() {
        let name = format!("rule {}", rule.known_name());
        let reading = live.rules.get(rule.known_name());
        if let Some(read) = list.thing(&rule.account, name.clone(), reading) {
            list.part(&rule.account, "targets", &name, &read.targets);
        }
    }
    list.found.into_iter().collect()
}

struct List<'l> {
    live: &'l Live,
    found: BTreeSet<Unread>,
}

impl List<'_> {
    /// Adds a resource if access was denied or it was not read. Returns the resource if it was
    /// read.
    fn thing<'r, T>(
        &mut self,
        account: &str,
        what: String,
        reading: Option<&'r Reading<T>>,
    ) -> Option<&'r T> {
        match reading {
            Some(Reading::Refused(refusal)) => self.add(account, what, refusal.clone()),
            None => self.add(account, what, Refusal::because("it was not read")),
            Some(Reading::Missing | Reading::Read(_)) => {}
        }
        reading?.read()
    }

    /// Adds a part of a resource if it could not be read.
    fn part<T>(&mut self, account: &str, what: &str, of: &str, reading: &Reading<T>) {
        if let Some(refusal) = reading.refusal() {
            self.add(account, format!("{what} of {of}"), refusal.clone());
        }
    }

    /// Adds an entry if the account is accessible. An inaccessible account has one entry for the
    /// whole account.
    fn add(&mut self, account: &str, what: String, refusal: Refusal) {
        if let Some(View::By(_)) = self.live.accounts.get(account) {
            let account = account.to_owned();
            self.found.insert(Unread {
                account,
                what,
                refusal,
            });
        }
    }
}
