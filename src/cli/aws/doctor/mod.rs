//! `s3ferry doctor`: compares the accounts' live state with the deployed templates, proves that
//! state, and reports the problems, causes first.

mod candidates;
mod document;
mod examined;
mod options;
mod repair;
mod scope;
mod show;

use std::collections::BTreeMap;

use crate::deploy::live::{self as edge, Accesses};
use crate::doctor::live::{Live, Reading};
use crate::doctor::{Candidate, Deployed, Diagnosis, Expected, Health, Reference, diagnose};
use crate::proof::resolved;
use crate::stacks::KEY_ID;

use crate::cli::aws::runtime::block_on;
use crate::cli::aws::screen::Screen;
use crate::cli::{Failure, Global, Outcome, output};
pub(crate) use document::Document;
use examined::Examined;
pub(crate) use options::DoctorOptions;
use scope::{Scope, Views, views};

/// Runs `s3ferry doctor`.
pub(crate) fn run(global: &Global, options: &DoctorOptions) -> Result<Outcome, Failure> {
    let screen = Screen::new(global, "s3ferry doctor");
    let scope = Scope::new(options, &screen)?;
    block_on(&screen, examine(&scope))
}

async fn examine(scope: &Scope<'_>) -> Result<Outcome, Failure> {
    let views = views(scope).await?;
    let (mut deployed, mut diagnosis) = look(scope, &views).await?;
    let mut repaired = Vec::new();
    if scope.options.repair_trust {
        repaired = repair::repair(scope, &views, &diagnosis).await?;
        if !repaired.is_empty() {
            (deployed, diagnosis) = look(scope, &views).await?;
        }
    }
    scope.accounts.screen.clear();
    let examined = Examined {
        scope,
        views: &views,
        deployed: &deployed,
        diagnosis: &diagnosis,
    };
    let result = scope.options.result;
    if result.is_text() {
        output::print_wrapped(show::text(&examined))?;
    }
    result.print(&Document::new(&examined, &repaired))?;
    Ok(match diagnosis.health() {
        Health::Healthy => Outcome::Done,
        Health::Findings => Outcome::Findings,
        Health::Incomplete => Outcome::Incomplete,
    })
}

/// Reads the live state and diagnoses it.
async fn look(scope: &Scope<'_>, views: &Views) -> Result<(Deployed, Diagnosis), Failure> {
    let candidates = candidates::read(scope, views).await;
    let key = key_id(scope, &candidates, &views.accesses).await;
    let resources = resolved(&scope.inputs)?;
    let mut deployed = Deployed::new(&scope.inputs, &resources, &candidates, key.as_deref());
    deployed.keep_deployed_keys();
    let none = BTreeMap::new();
    let is_current = deployed.places.first().map(|dev| dev.reference) == Some(Reference::Same);
    let expected = Expected::new(
        &deployed.resources,
        deployed.places.clone(),
        &deployed.keys,
        // The merged policy in the configuration may not be deployed yet.
        if is_current { &scope.merged } else { &none },
        &deployed.inputs.bucket_keys,
        &deployed.inputs.projects,
    );
    deployed.inputs.buckets = expected.claims();
    let stacks = deployed.stacks.clone();
    let mut live = edge::read(&expected, stacks, &views.accesses, scope.accounts.screen).await;
    live.accounts = views.accounts.clone();
    let target = scope.options.target.as_deref();
    let mut diagnosis = diagnose(&expected, &live, &deployed.inputs, target)?;
    diagnosis.unread.extend(deployed.unread.iter().cloned());
    if !is_anything_read(&live) {
        let why = diagnosis.unread.first();
        return Err(Failure::with_code(
            format!(
                "nothing could be read: {}",
                why.map_or("", |unread| &unread.refusal.reason)
            ),
            match views
                .policies(scope.accounts.screen.global, &diagnosis)
                .as_slice()
            {
                [] => String::new(),
                commands => format!("attach the policy from `{}`", commands.join("`, `")),
            },
            3,
        ));
    }
    Ok((deployed, diagnosis))
}

/// Returns the ID of the dev account's key, from the stacks or from the alias.
async fn key_id(
    scope: &Scope<'_>,
    candidates: &[Candidate],
    accesses: &Accesses,
) -> Option<String> {
    let read = || {
        let found = candidates.iter().filter_map(|one| one.found.as_ref());
        found.filter_map(|found| found.stack.read())
    };
    let output = read().find_map(|stack| stack.outputs.get(KEY_ID));
    let parameter = || read().find_map(|stack| stack.parameters.get(KEY_ID));
    if let Some(id) = output.or_else(parameter) {
        return Some(id.clone());
    }
    let dev = &scope.plan().dev;
    let access = accesses.get(dev.account.as_str())?.in_region(&dev.region);
    edge::key_id_of_alias(&access, &dev.key_alias).await
}

fn is_anything_read(live: &Live) -> bool {
    fn answered<'r, T: 'r>(readings: impl Iterator<Item = &'r Reading<T>>) -> bool {
        let mut readings = readings;
        readings.any(|reading| reading.refusal().is_none())
    }
    answered(live.stacks.values())
        || answered(live.keys.values())
        || answered(live.roles.values())
        || answered(live.pipelines.values())
        || answered(live.rules.values())
        || live.buckets.values().any(|bucket| match bucket {
            // A bucket is read in parts.
            Reading::Read(bucket) => bucket.policy.refusal().is_none(),
            Reading::Missing => true,
            Reading::Refused(_) => false,
        })
}
