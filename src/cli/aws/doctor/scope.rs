//! The scope of a diagnosis, and the access to each account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::checked::TemplateFormat;
use crate::deploy::live::Accesses;
use crate::deploy::{Access, DeployError, StackStep};
use crate::doctor::Diagnosis;
use crate::doctor::live::View;
use crate::escape::shown;
use crate::plan::Plan;
use crate::proof::Inputs;
use crate::stacks::Side;
use serde_json::Value as Json;

use super::options::DoctorOptions;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::options::of_profile;
use crate::cli::aws::screen::Screen;
use crate::cli::proof::templates;
use crate::cli::{Failure, Global, shell};

/// The scope of a diagnosis.
pub(super) struct Scope<'a> {
    pub(super) options: &'a DoctorOptions,
    pub(super) accounts: Accounts<'a>,
    pub(super) inputs: Inputs,
    /// The merged policies of existing buckets, by bucket.
    pub(super) merged: BTreeMap<String, Json>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(options: &'a DoctorOptions, screen: &'a Screen<'a>) -> Result<Self, Failure> {
        let accounts = Accounts::open(&options.aws, screen)?;
        let project = &accounts.project;
        let targets = &project.plan.targets;
        if let Some(wanted) = &options.target
            && targets.iter().all(|target| target.name != *wanted)
        {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            return Err(Failure::new(
                format!("the configuration has no target `{wanted}`"),
                format!("use one of these targets: {}", names.join(", ")),
            ));
        }
        let dir = options.dir.as_deref();
        let inputs = match (templates(project, dir, false), dir) {
            // Ignore stale files in the default folder: the diagnosis uses the deployed templates.
            (Err(_), None) => {
                let synthesis = project.synthesize(Path::new("stacks"), TemplateFormat::Yaml)?;
                synthesis.inputs(&project.plan, false)
            }
            (found, _) => found?,
        };
        let merged = inputs
            .bucket_policies
            .iter()
            .filter_map(|file| {
                let text = file.source.as_ref()?.text();
                Some((file.name.clone(), serde_json::from_str(text).ok()?))
            })
            .collect();
        Ok(Self {
            options,
            accounts,
            inputs,
            merged,
        })
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.accounts.project.plan
    }

    /// Returns the profiles for the accounts of the stacks. Includes the accounts of stack
    /// instances unless `--profile` is set.
    fn ways<'p>(&'p self, steps: &[&'p StackStep]) -> Vec<Way<'p>> {
        let mut found = Vec::new();
        for step in steps {
            found.push(Way {
                account: &step.account,
                profile: &step.profile,
                region: &step.region,
            });
            if let Side::Target(number) = step.side
                && step.stack_set
                && self.options.profile.name().is_none()
            {
                let instances = self.plan().targets[number].instances.iter();
                found.extend(instances.map(|one| Way {
                    account: &one.account,
                    profile: &one.profile,
                    region: &one.region,
                }));
            }
        }
        found
    }

    /// Returns the stacks that the user's options select.
    fn wanted(&self) -> Result<Vec<&StackStep>, Failure> {
        let all = &self.accounts.steps;
        let steps = match self.options.profile.name() {
            Some(profile) => of_profile(all, profile)?,
            None => all.iter().collect(),
        };
        Ok(steps
            .into_iter()
            .filter(|step| match &self.options.target {
                Some(target) => !step.is_target() || step.template.name == *target,
                None => true,
            })
            .collect())
    }
}

/// A profile for an account.
struct Way<'p> {
    account: &'p str,
    profile: &'p str,
    region: &'p str,
}

/// The access to the accounts, and the identity that reads each account.
pub(super) struct Views {
    pub(super) accesses: Accesses,
    pub(super) accounts: BTreeMap<String, View>,
}

impl Views {
    /// Returns the commands that print the required permissions, one for each profile.
    pub(super) fn policies(&self, global: &Global, diagnosis: &Diagnosis) -> Vec<String> {
        let refused = (diagnosis.unread.iter()).filter(|unread| !unread.refusal.action.is_empty());
        let profiles: BTreeSet<&str> = refused
            .filter_map(|unread| Some(self.accesses.get(&unread.account)?.profile()))
            .collect();
        let command = |profile| {
            let words = ["deployer-policy", "--profile", profile, "--doctor"];
            shell::command(global, &words)
        };
        profiles.into_iter().map(command).collect()
    }
}

/// Opens every account.
pub(super) async fn views(scope: &Scope<'_>) -> Result<Views, Failure> {
    let screen = scope.accounts.screen;
    let wanted = scope.wanted()?;
    let mut views = Views {
        accesses: Accesses::new(),
        accounts: BTreeMap::new(),
    };
    let mut tried = BTreeSet::new();
    // The help for the first account that cannot be opened.
    let mut help = String::new();
    for way in scope.ways(&wanted) {
        if views.accesses.contains_key(way.account) || !tried.insert((way.account, way.profile)) {
            continue;
        }
        match open(scope, &way).await {
            Ok((access, arn)) => {
                screen.says(format!(
                    "Reading account {} with profile {} ({}).",
                    way.account,
                    way.profile,
                    shown(&arn)
                ));
                views.accesses.insert(way.account.to_owned(), access);
                views.accounts.insert(way.account.to_owned(), View::By(arn));
            }
            // Report why an explicitly selected profile does not work.
            Err(error) if scope.options.profile.name().is_some() => return Err(error.into()),
            Err(error) => {
                if help.is_empty() {
                    help = error.help;
                }
                let view = View::Nobody(error.message);
                views.accounts.entry(way.account.to_owned()).or_insert(view);
            }
        }
    }
    for step in &scope.accounts.steps {
        let left_out = scope.options.profile.name().is_some() && scope.options.target.is_none();
        if left_out && !views.accounts.contains_key(step.account.as_str()) {
            let reason = format!("not selected: it belongs to profile {}", step.profile);
            let view = View::Nobody(reason);
            views.accounts.insert(step.account.to_string(), view);
        }
    }
    if views.accesses.is_empty() {
        let first = wanted.first().map_or("", |step| step.account.as_str());
        let reason = match views.accounts.get(first) {
            Some(View::Nobody(reason)) => format!("account {first}: {reason}"),
            _ => String::new(),
        };
        if help.is_empty() {
            "sign in with a profile in the configuration, or set --profile".clone_into(&mut help);
        }
        return Err(Failure::with_code(
            format!("nothing could be read: {reason}"),
            help,
            3,
        ));
    }
    Ok(views)
}

async fn open(scope: &Scope<'_>, way: &Way<'_>) -> Result<(Access, String), DeployError> {
    let settings = scope.options.aws.settings();
    let access = Access::open(way.profile, way.region, &settings).await?;
    let identity = access.verify_account(way.account).await?;
    Ok((access, identity.arn))
}
