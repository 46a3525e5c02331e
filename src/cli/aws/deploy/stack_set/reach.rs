//! Access to the accounts of stack instances, if the accounts have a profile.

use std::collections::{BTreeSet, HashMap};

use crate::deploy::{Access, DeployError, ProfileState, Settings, profile_state, together};

use crate::cli::aws::deploy::session::Session;

/// Maximum number of concurrent attempts.
const TOGETHER: usize = 8;

/// The accounts that profiles have access to.
#[derive(Default)]
pub(super) struct Reached {
    /// The access to each account.
    pub(super) accounts: HashMap<String, Access>,
    /// Why configured profiles cannot be used.
    pub(super) problems: BTreeSet<String>,
}

/// Opens the accounts of these profiles. Skips profiles that are not in the AWS configuration
/// files.
pub(super) async fn reach(
    session: &Session<'_>,
    profiles: impl IntoIterator<Item = &str>,
) -> Result<Reached, DeployError> {
    let region = &session.accounts.project.plan.dev.region;
    let settings = session.options.aws.settings();
    let mut found = Reached::default();
    let mut work = Vec::new();
    for profile in BTreeSet::from_iter(profiles) {
        match profile_state(profile).await {
            Ok(ProfileState::Known) => {}
            Ok(_) => continue,
            Err(error) => {
                found.problems.insert(format!("{error}."));
                continue;
            }
        }
        let (profile, region, settings) = (profile.to_owned(), region.clone(), settings.clone());
        work.push(async move {
            let opened = open(&profile, &region, &settings).await;
            (profile, opened)
        });
    }
    for (profile, result) in together(TOGETHER, work).await? {
        match result {
            Ok((account, access)) => {
                found.accounts.entry(account).or_insert(access);
            }
            Err(error) => {
                let problem = format!("Profile {profile} cannot be used: {error}.");
                found.problems.insert(problem);
            }
        }
    }
    Ok(found)
}

/// Opens a profile, and returns its account ID and access.
async fn open(
    profile: &str,
    region: &str,
    settings: &Settings,
) -> Result<(String, Access), DeployError> {
    let access = Access::open(profile, region, settings).await?;
    let identity = access.identity().await?;
    Ok((identity.account, access))
}

/// Opens access to the accounts of all instances and of the dev profile.
pub(super) async fn reach_all(session: &Session<'_>) -> Result<Reached, DeployError> {
    let plan = &session.accounts.project.plan;
    let instances = plan.instances();
    let profiles = instances.map(|(_, instance)| instance.profile.as_str());
    reach(session, profiles.chain([plan.dev.profile.as_str()])).await
}
