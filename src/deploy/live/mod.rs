//! Reads the live state of the accounts for `s3ferry doctor`. Several resources are read at the
//! same time. The clients retry failed calls, and calls that still fail are recorded. This module
//! never changes a resource. If a read aborts, the diagnosis lists the resource as not read.

mod bucket;
mod key;
mod pipeline;
mod role;
mod rule;
mod stacks;

use std::collections::{BTreeMap, BTreeSet};

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value as Json;

use super::together::finished;
use super::{Access, Observer};

use crate::definition::model::stores_of;
use crate::doctor::Expected;
use crate::doctor::live::{Live, Reading, Refusal, Stack};
use crate::policy::document::Arn;
use crate::template::UNKNOWN;
pub(crate) use stacks::{Wanted, stacks};

/// Maximum number of resources to read at the same time. Each resource requires up to ten calls.
const AT_ONCE: usize = 6;

/// Access to the accounts, by account ID.
pub(crate) type Accesses = BTreeMap<String, Access>;

/// Returns the ID of the key that an alias refers to.
pub(crate) async fn key_id_of_alias(access: &Access, alias: &str) -> Option<String> {
    let described = key::describe(access, alias).await;
    described.read().map(|metadata| metadata.key_id.clone())
}

/// Reads all expected resources in the accessible accounts.
pub(crate) async fn read(
    expected: &Expected,
    stacks: BTreeMap<usize, Reading<Stack>>,
    accesses: &Accesses,
    observer: &dyn Observer,
) -> Live {
    let mut live = Live {
        stacks,
        ..Live::default()
    };
    let mut wanted = Vec::new();
    for pipeline in expected.pipelines() {
        let thing = Thing::Pipeline(pipeline.known_name().to_owned());
        wanted.push((pipeline.account.clone(), pipeline.region.clone(), thing));
    }
    for rule in expected.rules() {
        let thing = Thing::Rule(rule.known_name().to_owned());
        wanted.push((rule.account.clone(), rule.region.clone(), thing));
    }
    for role in &expected.roles {
        let policies = role.managed.iter().map(|(arn, _)| arn.clone()).collect();
        let thing = Thing::Role(role.arn.clone(), policies);
        wanted.push((role.account.clone(), String::new(), thing));
    }
    for bucket in &expected.buckets {
        let thing = Thing::Bucket(bucket.name.clone());
        wanted.push((bucket.account.clone(), bucket.region.clone(), thing));
    }
    observer.begins("live state of roles, buckets, and pipelines");
    read_all(wanted, accesses, &mut live).await;
    observer.begins("live state of keys");
    let keys = keys(expected, &live);
    read_all(keys, accesses, &mut live).await;
    observer.ended();
    live
}

/// Returns the keys that are expected, that pipelines refer to, or that buckets use for encryption.
fn keys(expected: &Expected, live: &Live) -> Vec<(String, String, Thing)> {
    let mut wanted: BTreeSet<(String, String, String)> = BTreeSet::new();
    let mut want = |name: &str, account: &str, region: &str| {
        let arn = Arn::parse(name);
        let account = arn.as_ref().map_or(account, |arn| arn.account);
        let region = arn.as_ref().map_or(region, |arn| arn.region);
        if !name.contains(UNKNOWN) {
            wanted.insert((account.to_owned(), region.to_owned(), name.to_owned()));
        }
    };
    for key in &expected.keys {
        want(&key.arn, &key.account, "");
    }
    for pipeline in expected.pipelines() {
        let found = live.pipelines.get(pipeline.known_name());
        if let Some(found) = found.and_then(Reading::read) {
            let stores = stores_of(&found.definition).into_iter();
            for key in stores.filter_map(|store| store.key()?.as_str()) {
                want(key, &pipeline.account, &pipeline.region);
            }
        }
    }
    for bucket in &expected.buckets {
        let found = live.buckets.get(&bucket.name).and_then(Reading::read);
        let encryption = found.and_then(|found| found.encryption.read());
        if let Some(key) = encryption.and_then(|encryption| encryption.key.as_ref()) {
            want(key, &bucket.account, &bucket.region);
        }
    }
    wanted
        .into_iter()
        .map(|(account, region, name)| (account, region, Thing::Key(name)))
        .collect()
}

enum Thing {
    Pipeline(String),
    Rule(String),
    /// ARN of a role, and the ARNs of the managed policies that it should have.
    Role(String, Vec<String>),
    Bucket(String),
    /// ARN, ID, or alias of a key.
    Key(String),
}

/// Stores a result in the live state.
type Found = Box<dyn FnOnce(&mut Live) + Send>;

impl Thing {
    async fn read(self, access: Access) -> Found {
        match self {
            Self::Pipeline(name) => {
                let found = pipeline::read(&access, &name).await;
                Box::new(|live| drop(live.pipelines.insert(name, found)))
            }
            Self::Rule(name) => {
                let found = rule::read(&access, &name).await;
                Box::new(|live| drop(live.rules.insert(name, found)))
            }
            Self::Role(arn, policies) => {
                let found = role::read(&access, &arn, policies).await;
                Box::new(|live| drop(live.roles.insert(arn, found)))
            }
            Self::Bucket(name) => {
                let found = bucket::read(&access, &name).await;
                Box::new(|live| drop(live.buckets.insert(name, found)))
            }
            Self::Key(name) => {
                let found = key::read(&access, &name).await;
                Box::new(|live| drop(live.keys.insert(name, found)))
            }
        }
    }
}

async fn read_all(wanted: Vec<(String, String, Thing)>, accesses: &Accesses, live: &mut Live) {
    let reads = wanted.into_iter().filter_map(|(account, region, thing)| {
        let access = accesses.get(&account)?;
        let access = match region.as_str() {
            "" => access.clone(),
            region => access.in_region(region),
        };
        Some(thing.read(access))
    });
    let (found, _) = finished(AT_ONCE, reads).await;
    found.into_values().for_each(|found| found(live));
}

/// Evaluates to the value of a reading, or returns from the function if the reading has no value.
macro_rules! known {
    ($reading:expr) => {
        match $reading {
            Reading::Read(value) => value,
            Reading::Missing => return Reading::Missing,
            Reading::Refused(refusal) => return Reading::Refused(refusal),
        }
    };
}
use known;

/// Converts the result of a call. An error code in `missing` means that the resource is missing.
fn reading<T, E, R>(
    access: &Access,
    action: &str,
    missing: &[&str],
    answer: Result<T, SdkError<E, R>>,
) -> Reading<T>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match answer {
        Ok(value) => Reading::Read(value),
        Err(error) if error.code().is_some_and(|code| missing.contains(&code)) => Reading::Missing,
        Err(error) => Reading::Refused(Refusal {
            action: action.to_owned(),
            reason: access.error(action, &error).message,
        }),
    }
}

/// Parses a policy document. Documents from IAM are percent-encoded as defined in RFC 3986.
pub(super) fn document(action: &str, text: &str) -> Reading<Json> {
    let decoded = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    match serde_json::from_str(&decoded) {
        Ok(document) => Reading::Read(document),
        Err(error) => Reading::Refused(Refusal {
            action: action.to_owned(),
            reason: format!("its document is not valid JSON: {error}"),
        }),
    }
}
