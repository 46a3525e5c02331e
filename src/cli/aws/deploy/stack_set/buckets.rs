//! Checks for existing buckets that a stack set would create. StackSets cannot import them, so the
//! check runs before any change, in the accounts with a profile.

use std::collections::{BTreeSet, HashSet};

use crate::deploy::StackStep;
use crate::deploy::existing_bucket::{self, ExistingBucket as Answer, Place};
use crate::deploy::retained::{self, StackResource};
use crate::deploy::stack_set::Instance;
use crate::deploy::stack_set::deployment::Prepared;
use crate::plan::InstancePlan;

use super::reach::reach;
use crate::cli::Failure;
use crate::cli::aws::deploy::result::{Done, ExistingBucket, StepResult};
use crate::cli::aws::deploy::session::Session;
use crate::cli::aws::stack_set;
use crate::cli::output::thousands;

/// Maximum number of buckets shown.
const SHOWN: usize = 20;

/// A bucket that may conflict with a stack instance.
struct InTheWay {
    instance: Instance,
    place: Place,
}

/// Searches for existing buckets that the new instances of a stack set would create.
pub(super) async fn check(
    session: &mut Session<'_>,
    step: &StackStep,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let found = in_the_way(session, step, prepared).await?;
    if found.is_empty() {
        return Ok(());
    }
    session.screen.says(text(session, &found));
    if session.options.dry_run {
        return Ok(());
    }
    let buckets = found.iter().map(|one| ExistingBucket {
        instance: one.instance.clone(),
        bucket: one.place.bucket.clone(),
    });
    let result = StepResult {
        buckets: buckets.collect(),
        ..StepResult::new(step, Done::Refused)
    };
    let message = format!(
        "stack set `{}` cannot create {}; nothing was changed",
        step.stack,
        match found.len() {
            1 => "a bucket that already exists".to_owned(),
            number => format!("{} buckets that already exist", thousands(number)),
        }
    );
    let help = "StackSets cannot import buckets: empty and delete them with the commands above, or \
                choose other names in the configuration";
    session.refuse(result, Failure::finding(message, help))
}

async fn in_the_way(
    session: &Session<'_>,
    step: &StackStep,
    prepared: &Prepared,
) -> Result<Vec<InTheWay>, Failure> {
    let target = stack_set::target(&session.accounts.project, step)?;
    let comparison = &prepared.comparison;
    let again = comparison.recreate.iter().map(|one| &one.instance);
    let new: HashSet<&Instance> = comparison.add.iter().chain(again).collect();
    let instances: Vec<&InstancePlan> = (target.instances.iter())
        .filter(|one| new.contains(&Instance::new(&one.account, &one.region)))
        .collect();
    if instances.is_empty() || step.template.buckets.is_empty() {
        return Ok(Vec::new());
    }
    let profiles = instances.iter().map(|one| one.profile.as_str());
    let reached = reach(session, profiles).await?;
    for problem in &reached.problems {
        session.screen.says(format!(
            "{problem} Existing buckets in the profile's account are not checked."
        ));
    }
    let mut candidates = Vec::new();
    for instance in instances {
        let Some(access) = reached.accounts.get(instance.account.as_str()) else {
            continue;
        };
        let access = access.in_region(&instance.region);
        candidates.extend(step.template.buckets.iter().map(|bucket| InTheWay {
            instance: Instance::new(&instance.account, &instance.region),
            place: Place {
                access: access.clone(),
                account: instance.account.to_string(),
                bucket: bucket.name_in(&instance.account, &instance.region),
            },
        }));
    }
    let places = candidates.iter().map(|one| &one.place);
    let answers = existing_bucket::look_for(places).await?;
    let mut unknown = BTreeSet::new();
    let mut found = Vec::new();
    for (candidate, answer) in candidates.into_iter().zip(answers) {
        match answer {
            Answer::No => {}
            Answer::Here | Answer::Elsewhere(_) => found.push(candidate),
            Answer::Unknown(error) => {
                unknown.insert(error.message);
            }
        }
    }
    for problem in unknown {
        session.screen.says(format!(
            "Cannot determine whether a bucket already exists: {problem}."
        ));
    }
    Ok(found)
}

/// Lists the buckets and the commands that remove them.
fn text(session: &Session<'_>, found: &[InTheWay]) -> String {
    let days = session.accounts.project.plan.dev.key_deletion_window_days;
    let mut text = "These buckets already exist. To remove them:\n".to_owned();
    for one in found.iter().take(SHOWN) {
        let bucket = StackResource {
            logical_id: String::new(),
            physical_id: one.place.bucket.clone(),
            resource_type: "AWS::S3::Bucket".to_owned(),
        };
        let (region, profile) = (&one.instance.region, one.place.access.profile());
        // Keep each command on one line, so that it can be copied.
        let command = retained::removal(&bucket, region, profile, days).unwrap_or_default();
        text.push_str(&format!(
            "  {} (account {})\n    {command}\n",
            one.place.bucket, one.instance.account
        ));
    }
    if found.len() > SHOWN {
        text.push_str(&format!("and {} more\n", thousands(found.len() - SHOWN)));
    }
    text.push_str(&format!(
        "Empty each bucket first. To delete up to 1,000 object versions at a time:\n  {}",
        retained::EMPTYING
    ));
    text
}
