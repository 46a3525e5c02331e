//! `s3ferry doctor`: the live state of both accounts, compared with the deployed templates and proven,
//! and the problems in the order of causes.

mod candidates;
mod json;
mod repair;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::checked::TemplateFormat;
use crate::deploy::live::{self as edge, Accesses};
use crate::deploy::{
    Access, DeployError, Observer as _, Outputs, StackStep, ownership, stack_steps,
};
use crate::doctor::live::{Live, Reading, View};
use crate::doctor::{Candidate, Deployed, Diagnosis, Expected, Health, Place, Reference, diagnose};
use crate::proof::{Inputs, resolved};
use crate::stacks::{KEY_ID, Side};
use serde_json::Value as Json;

use crate::cli::aws::accounts::OutputsFile;
use crate::cli::aws::runtime::{AwsOptions, Format, ResultOption, block_on, of_profile};
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::proof_input::{failure, templates};
use crate::cli::{Failure, Global, Outcome, output, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry doctor                        both accounts, with every profile that is at hand
  s3ferry doctor --profile dev          what can be seen from the dev account
  s3ferry doctor --target prod          the dev account, and one target
  s3ferry doctor -v                     with the commands that hold a whole policy
  s3ferry doctor --repair-trust         write trust policies again that name a deleted role
  s3ferry doctor --format json

The live state is compared with the deployed templates, also where the configuration has changed
since. Everything that cannot be read is listed, and nothing is assumed about it. Only --repair-trust
writes, after asking.

Exit codes:
  0  nothing is wrong: everything was read, and every call of a run is allowed
  1  findings
  3  nothing could be read
  4  no problem was found, but not everything could be read or decided";

/// DoctorOptions of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorOptions {
    /// Named profile of the AWS configuration: only look into its accounts
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Only look at the dev account and this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Folder of the templates [default: stacks, where it has them]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write trust policies again that name a deleted role
    #[arg(long)]
    repair_trust: bool,
    /// Skip the confirmation prompt before a trust policy is written
    #[arg(long, short, requires = "repair_trust")]
    yes: bool,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Looks.
pub(crate) fn run(global: &Global, options: &DoctorOptions) -> Result<Outcome, Failure> {
    let screen = Screen::new(global, "s3ferry doctor");
    let scope = Scope::new(global, options)?;
    block_on(&screen, examine(&scope, &screen))
}

/// What is looked at, before anything is read.
struct Scope<'a> {
    global: &'a Global,
    options: &'a DoctorOptions,
    project: Project,
    steps: Vec<StackStep>,
    inputs: Inputs,
    merged: BTreeMap<String, Json>,
    /// The outputs file.
    records: Outputs,
}

impl<'a> Scope<'a> {
    fn new(global: &'a Global, options: &'a DoctorOptions) -> Result<Self, Failure> {
        let mut project = Project::load(global)?;
        // The stacks of a renamed pipeline keep their names.
        let records = OutputsFile::read(global, &project).known;
        if let Some(prefix) = ownership::recorded_prefix(&project.plan, records.stacks()) {
            project.plan.set_stack_prefix(&prefix);
        }
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
        let dir = options.dir.as_deref();
        let inputs = match (templates(&project, dir, false), dir) {
            // Stale files in the default folder do not matter: the deployed templates are compared.
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
            steps: stack_steps(&project.plan),
            merged,
            records,
            inputs,
            project,
            global,
            options,
        })
    }

    /// The ways into the accounts of stacks; those of stack instances where no profile is named.
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
                && self.options.profile.is_none()
            {
                let instances = self.project.plan.targets[number].instances.iter();
                found.extend(instances.map(|one| Way {
                    account: &one.account,
                    profile: &one.profile,
                    region: &one.region,
                }));
            }
        }
        found
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

/// A way into an account.
struct Way<'p> {
    account: &'p str,
    profile: &'p str,
    region: &'p str,
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

async fn examine(scope: &Scope<'_>, screen: &Screen) -> Result<Outcome, Failure> {
    let views = views(scope, screen).await?;
    let (mut deployed, mut diagnosis) = look(scope, &views, screen).await?;
    let mut repaired = Vec::new();
    if scope.options.repair_trust {
        repaired = repair::repair(scope, &views, &diagnosis, screen).await?;
        if !repaired.is_empty() {
            (deployed, diagnosis) = look(scope, &views, screen).await?;
        }
    }
    screen.clear();
    let examined = Examined {
        scope,
        views: &views,
        deployed: &deployed,
        diagnosis: &diagnosis,
    };
    output::print(match scope.options.result.format {
        Format::Text => show::text(&examined),
        Format::Json => output::Text::json(&json::json(&examined, &repaired)),
    })?;
    Ok(match diagnosis.health() {
        Health::Healthy => Outcome::Done,
        Health::Findings => Outcome::Findings,
        Health::Incomplete => Outcome::Incomplete,
    })
}

/// Everything that is shown.
struct Examined<'a> {
    scope: &'a Scope<'a>,
    views: &'a Views,
    deployed: &'a Deployed,
    diagnosis: &'a Diagnosis,
}

impl Examined<'_> {
    /// Name of the pipeline that is diagnosed.
    fn pipeline(&self) -> &str {
        let mut resources = self.deployed.resources.iter();
        resources
            .find(|one| one.kind == "AWS::CodePipeline::Pipeline")
            .and_then(|one| one.name.as_deref())
            .unwrap_or(&self.scope.project.plan.dev.pipeline)
    }

    /// The stacks in which the configuration differs from what is deployed, with how.
    fn differences(&self) -> Vec<(&Place, Difference)> {
        let deployed = self.deployed.places.iter();
        let deployed = deployed.filter_map(|place| match place.reference {
            Reference::Differs => Some((place, Difference::Template)),
            Reference::Transitional => Some((place, Difference::Incomplete)),
            Reference::Removed => Some((place, Difference::NotConfigured)),
            Reference::Same | Reference::Local | Reference::Absent => None,
        });
        let others = self.deployed.others.iter();
        let others = others.map(|place| match place.reference {
            Reference::Absent => (place, Difference::NotDeployed),
            Reference::Removed => (place, Difference::NotConfigured),
            Reference::Same | Reference::Differs | Reference::Transitional | Reference::Local => {
                (place, Difference::NotUsed)
            }
        });
        deployed.chain(others).collect()
    }

    /// A finding's command.
    fn command(&self, words: &[String]) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        shell::command(self.scope.global, &words)
    }

    /// The command that shows the differences.
    fn diff(&self, differences: &[(&Place, Difference)]) -> String {
        let profiles: BTreeSet<&str> = differences
            .iter()
            .map(|(place, _)| place.profile.as_str())
            .collect();
        let words = match profiles.first() {
            Some(profile) if profiles.len() == 1 && !profile.is_empty() => {
                vec!["diff", "--profile", profile]
            }
            _ => vec!["diff", "--all"],
        };
        shell::command(self.scope.global, &words)
    }
}

/// How the configuration differs from a deployed stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// The template says something else.
    Template,
    /// The template is one between two configurations.
    Incomplete,
    /// The stack is not deployed.
    NotDeployed,
    /// The configuration has no such stack.
    NotConfigured,
    /// The stack is deployed, and the deployed pipeline is another one.
    NotUsed,
}

impl Difference {
    /// For people.
    fn text(self) -> &'static str {
        match self {
            Self::Template => "differs from the configuration",
            Self::Incomplete => "is changing: it still keeps what the old configuration needed",
            Self::NotDeployed => "is configured and not deployed",
            Self::NotConfigured => "is deployed and not configured",
            Self::NotUsed => "is deployed beside the stacks of another pipeline",
        }
    }

    /// For machines.
    fn code(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Incomplete => "incomplete",
            Self::NotDeployed => "notDeployed",
            Self::NotConfigured => "notConfigured",
            Self::NotUsed => "notUsed",
        }
    }
}

/// Finds the way into every account.
async fn views(scope: &Scope<'_>, screen: &Screen) -> Result<Views, Failure> {
    let wanted = scope.wanted()?;
    let mut views = Views {
        accesses: Accesses::new(),
        accounts: BTreeMap::new(),
    };
    let mut tried = BTreeSet::new();
    // What to do about the first account that there is no way into.
    let mut help = String::new();
    for way in scope.ways(&wanted) {
        if views.accesses.contains_key(way.account) || !tried.insert((way.account, way.profile)) {
            continue;
        }
        match open(scope, &way).await {
            Ok((access, arn)) => {
                screen.says(&format!(
                    "Reading account {} with profile {} ({}).",
                    way.account,
                    way.profile,
                    crate::escape::shown(&arn)
                ));
                views.accesses.insert(way.account.to_owned(), access);
                views.accounts.insert(way.account.to_owned(), View::By(arn));
            }
            // Who names a profile wants to know why it does not work.
            Err(error) if scope.options.profile.is_some() => return Err(error.into()),
            Err(error) => {
                if help.is_empty() {
                    help = error.help;
                }
                let view = View::Nobody(error.message);
                views.accounts.entry(way.account.to_owned()).or_insert(view);
            }
        }
    }
    for step in &scope.steps {
        let left_out = scope.options.profile.is_some() && scope.options.target.is_none();
        if left_out && !views.accounts.contains_key(step.account.as_str()) {
            let reason = format!("not looked at: it is profile {}'s", step.profile);
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

async fn open(scope: &Scope<'_>, way: &Way<'_>) -> Result<(Access, String), DeployError> {
    let settings = scope.options.aws.settings();
    let access = Access::open(way.profile, way.region, &settings).await?;
    let identity = access.verify_account(way.account).await?;
    Ok((access, identity.arn))
}

/// Reads everything, and finds out what is wrong with the deployed state.
async fn look(
    scope: &Scope<'_>,
    views: &Views,
    screen: &Screen,
) -> Result<(Deployed, Diagnosis), Failure> {
    let candidates = candidates::read(scope, views, screen).await;
    let key = key_id(scope, &candidates, &views.accesses).await;
    let resources = resolved(&scope.inputs).map_err(failure)?;
    let mut deployed = Deployed::new(&scope.inputs, &resources, &candidates, key.as_deref());
    deployed.keep_deployed_keys();
    let none = BTreeMap::new();
    let is_current = deployed.places.first().map(|dev| dev.reference) == Some(Reference::Same);
    let expected = Expected::new(
        &deployed.resources,
        deployed.places.clone(),
        &deployed.keys,
        // What the configuration merges into a policy may not be deployed yet.
        if is_current { &scope.merged } else { &none },
        &deployed.inputs.bucket_keys,
    );
    deployed.inputs.buckets = expected.claims();
    let stacks = deployed.stacks.clone();
    let mut live = edge::read(&expected, stacks, &views.accesses, screen).await;
    live.accounts = views.accounts.clone();
    let target = scope.options.target.as_deref();
    let mut diagnosis = diagnose(&expected, &live, &deployed.inputs, target).map_err(failure)?;
    diagnosis.unread.extend(deployed.unread.iter().cloned());
    if !is_anything_read(&live) {
        let why = diagnosis.unread.first();
        return Err(Failure::with_code(
            format!(
                "nothing could be read: {}",
                why.map_or("", |unread| &unread.refusal.reason)
            ),
            match views.policies(scope.global, &diagnosis).as_slice() {
                [] => String::new(),
                commands => format!("attach the policy that `{}` prints", commands.join("`, `")),
            },
            3,
        ));
    }
    Ok((deployed, diagnosis))
}

/// The ID of the dev account's key: from the stacks, or by its alias.
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
    let dev = &scope.project.plan.dev;
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
