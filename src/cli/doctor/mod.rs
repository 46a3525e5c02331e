//! `s3ferry doctor`: the live state of both accounts, compared with the templates and proven, and
//! what is wrong in the order of causes.

mod json;
mod repair;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use s3ferry::deploy::live::{self as edge, Accesses};
use s3ferry::deploy::{Access, DeployError, Observer as _, StackStep, stack_steps};
use s3ferry::doctor::live::{Live, Reading, Stack, View};
use s3ferry::doctor::{Diagnosis, Expected, Place, diagnose};
use s3ferry::proof::{Inputs, Resolved, resolved};
use serde_json::Value as Json;

use super::aws::{AwsOptions, block_on, of_profile};
use super::deploy::Format;
use super::project::Project;
use super::proof_input::{failure, templates};
use super::screen::Screen;
use super::{Failure, Global, Outcome, output, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry doctor                        both accounts, with every profile that is at hand
  s3ferry doctor --profile dev          what can be seen from the dev account
  s3ferry doctor --target prod          the dev account, and one target
  s3ferry doctor -v                     with the commands that hold a whole policy
  s3ferry doctor --repair-trust         write trust policies again that name a deleted role
  s3ferry doctor --format json

It only reads, but for --repair-trust, which asks first. What it may not read is listed, and never
assumed. Exit codes: 0 nothing is wrong; 1 findings; 3 nothing could be read.";

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Named profile of the AWS configuration: only look into its accounts
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Only look at the dev account and this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Folder of the templates [default: stacks, where it has them]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write trust policies again that name a deleted role: the one thing that is ever changed
    #[arg(long)]
    repair_trust: bool,
    /// Do not ask before a trust policy is written
    #[arg(long, short, requires = "repair_trust")]
    yes: bool,
    /// Format of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Looks.
pub(crate) fn run(global: &Global, options: &Options) -> Result<Outcome, Failure> {
    let screen = Screen::new(global, "s3ferry doctor");
    let patient = Patient::new(global, options)?;
    block_on(&screen, examine(&patient, &screen))
}

/// What is looked at, before anything is read.
struct Patient<'a> {
    global: &'a Global,
    options: &'a Options,
    project: Project,
    steps: Vec<StackStep>,
    inputs: Inputs,
    resources: Vec<Resolved>,
    merged: BTreeMap<String, Json>,
}

impl<'a> Patient<'a> {
    fn new(global: &'a Global, options: &'a Options) -> Result<Self, Failure> {
        let project = Project::load(global)?;
        let targets = &project.plan.targets;
        if let Some(wanted) = &options.target
            && targets.iter().all(|target| target.name != *wanted)
        {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            return Err(Failure::new(
                format!("the configuration has no target `{wanted}`"),
                format!("its targets are: {}", names.join(", ")),
            ));
        }
        let inputs = templates(&project, options.dir.as_deref(), false)?;
        let merged = inputs
            .bucket_policies
            .iter()
            .filter_map(|file| {
                let text = file.source.as_ref()?.text();
                Some((file.name.clone(), serde_json::from_str(text).ok()?))
            })
            .collect();
        Ok(Self {
            steps: stack_steps(&project.plan),
            resources: resolved(&inputs).map_err(failure)?,
            merged,
            inputs,
            project,
            global,
            options,
        })
    }

    fn places(&self) -> Vec<Place> {
        self.steps
            .iter()
            .map(|step| Place {
                template: step.template.name.clone(),
                stack: step.stack.clone(),
                account: step.account.clone(),
                region: step.region.clone(),
                profile: step.profile.clone(),
                tagged_objects: (self.project.plan.targets.iter())
                    .any(|target| target.tagged_objects && target.name == step.template.name),
            })
            .collect()
    }

    /// The stacks that are looked at, by the user's options.
    fn wanted(&self) -> Result<Vec<&StackStep>, Failure> {
        let steps = match &self.options.profile {
            Some(profile) => of_profile(&self.steps, profile)?,
            None => self.steps.iter().collect(),
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

/// The ways into the accounts, and who looks there.
struct Views {
    accesses: Accesses,
    accounts: BTreeMap<String, View>,
}

impl Views {
    /// The commands that print the policies for what was refused, one for each profile.
    fn policies(&self, global: &Global, diagnosis: &Diagnosis) -> Vec<String> {
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

async fn examine(patient: &Patient<'_>, screen: &Screen) -> Result<Outcome, Failure> {
    let views = views(patient, screen).await?;
    let mut diagnosis = look(patient, &views, screen).await?;
    let mut repaired = Vec::new();
    if patient.options.repair_trust {
        repaired = repair::repair(patient, &views, &diagnosis, screen).await?;
        if !repaired.is_empty() {
            diagnosis = look(patient, &views, screen).await?;
        }
    }
    screen.clear();
    output::print(match patient.options.format {
        Format::Text => show::text(patient, &views, &diagnosis),
        Format::Json => {
            output::Text::json(&json::json(patient, &views.accounts, &diagnosis, &repaired))
        }
    })?;
    Ok(if diagnosis.findings.is_empty() {
        Outcome::Done
    } else {
        Outcome::Findings
    })
}

/// Finds the way into every account.
async fn views(patient: &Patient<'_>, screen: &Screen) -> Result<Views, Failure> {
    let wanted = patient.wanted()?;
    let mut views = Views {
        accesses: Accesses::new(),
        accounts: BTreeMap::new(),
    };
    let mut tried = BTreeSet::new();
    // What to do about the first account that there is no way into.
    let mut help = String::new();
    for step in &wanted {
        if views.accesses.contains_key(&step.account)
            || !tried.insert((&step.account, &step.profile))
        {
            continue;
        }
        match open(patient, step).await {
            Ok((access, arn)) => {
                screen.says(&format!(
                    "Reading account {} with profile {} ({arn}).",
                    step.account, step.profile
                ));
                views.accesses.insert(step.account.clone(), access);
                views.accounts.insert(step.account.clone(), View::By(arn));
            }
            // Who names a profile wants to know why it does not work.
            Err(error) if patient.options.profile.is_some() => return Err(error.into()),
            Err(error) => {
                if help.is_empty() {
                    help = error.help;
                }
                let view = View::Nobody(error.message);
                views.accounts.entry(step.account.clone()).or_insert(view);
            }
        }
    }
    for step in &patient.steps {
        let left_out = patient.options.profile.is_some() && patient.options.target.is_none();
        if left_out && !views.accounts.contains_key(&step.account) {
            let reason = format!("not looked at: it is profile {}'s", step.profile);
            let view = View::Nobody(reason);
            views.accounts.insert(step.account.clone(), view);
        }
    }
    if views.accesses.is_empty() {
        let first = wanted.first().map_or("", |step| step.account.as_str());
        let reason = match views.accounts.get(first) {
            Some(View::Nobody(reason)) => format!("account {first}: {reason}"),
            _ => String::new(),
        };
        if help.is_empty() {
            "log in with a profile of the configuration, or name one with --profile"
                .clone_into(&mut help);
        }
        return Err(Failure::with_code(
            format!("nothing could be read: {reason}"),
            help,
            3,
        ));
    }
    Ok(views)
}

async fn open(patient: &Patient<'_>, step: &StackStep) -> Result<(Access, String), DeployError> {
    let settings = patient.options.aws.settings();
    let access = Access::open(&step.profile, &step.region, &settings).await?;
    let identity = access.verify_account(&step.account).await?;
    Ok((access, identity.arn))
}

/// Reads everything, and finds out what is wrong.
async fn look(patient: &Patient<'_>, views: &Views, screen: &Screen) -> Result<Diagnosis, Failure> {
    let places = patient.places();
    let stacks = edge::stacks(&places, &views.accesses).await;
    let key = key_id(patient, &stacks, &views.accesses).await;
    let expected = Expected::new(
        &patient.resources,
        places,
        key.as_deref(),
        &patient.merged,
        &patient.inputs.bucket_keys,
    );
    let mut live = edge::read(&expected, stacks, &views.accesses, screen).await;
    live.accounts = views.accounts.clone();
    let target = patient.options.target.as_deref();
    let diagnosis = diagnose(&expected, &live, &patient.inputs, target).map_err(failure)?;
    if !is_anything_read(&live) {
        let why = diagnosis.unread.first();
        return Err(Failure::with_code(
            format!(
                "nothing could be read: {}",
                why.map_or("", |unread| &unread.refusal.reason)
            ),
            match views.policies(patient.global, &diagnosis).as_slice() {
                [] => String::new(),
                commands => format!(
                    "the policy that it takes to look is printed by `{}`",
                    commands.join("`, `")
                ),
            },
            3,
        ));
    }
    Ok(diagnosis)
}

/// The ID of the dev account's key: from the stacks, or by its alias.
async fn key_id(
    patient: &Patient<'_>,
    stacks: &BTreeMap<usize, Reading<Stack>>,
    accesses: &Accesses,
) -> Option<String> {
    const KEY_ID: &str = "DeployKeyId";
    let read = || stacks.values().filter_map(Reading::read);
    let output = read().find_map(|stack| stack.outputs.get(KEY_ID));
    let parameter = || read().find_map(|stack| stack.parameters.get(KEY_ID));
    if let Some(id) = output.or_else(parameter) {
        return Some(id.clone());
    }
    let dev = &patient.project.plan.dev;
    let access = accesses.get(&dev.account)?.in_region(&dev.region);
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
