//! `s3ferry adopt`: a pipeline that exists made to deploy into the targets' accounts.

use std::path::PathBuf;

use crate::aws::names::is_key_id;
use crate::definition::{Adopted, Definition, adopt};
use crate::deploy::pace::Attempts;
use crate::deploy::{
    Access, DeployError, Observer as _, Origin, ProfileState, executions, pipeline, profile_state,
    stack, stack_steps,
};
use crate::diagnostic::{Kind, Source};
use crate::failure::{self, refused_role};
use crate::plan::Plan;
use crate::stacks::KEY_ID;
use serde_json::Value;
use similar::TextDiff;

use crate::cli::aws::accounts::{Accounts, OutputsFile};
use crate::cli::aws::deploy::handoff::{self, Seen};
use crate::cli::aws::deploy::propagation::{self, Role, is_fresh};
use crate::cli::aws::runtime::{AwsOptions, block_on, first_answer, profile_for};
use crate::cli::aws::screen::Screen;
use crate::cli::output::{self, print};
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, files, shell};

const EXAMPLES: &str = "\
Examples:
  aws codepipeline get-pipeline --name site > site.json
  s3ferry adopt site.json                      what would change, as a diff
  s3ferry adopt site.json --out adopted.json   and the definition for update-pipeline
  s3ferry adopt --name site                    the same with the live pipeline
  s3ferry adopt --name site --write            change it, after asking

The S3 deploy actions that deploy to a target's bucket get its deploy role, its region and a
namespace; the artifact store gets the customer managed key. Everything else stays as it is.";

/// AdoptOptions of `adopt`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AdoptOptions {
    /// What `aws codepipeline get-pipeline` printed
    #[arg(value_name = "FILE", required_unless_present = "name")]
    file: Option<PathBuf>,
    /// The live pipeline of this name, instead of a file
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    name: Option<String>,
    /// Change the live pipeline, after asking
    #[arg(long)]
    write: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Write the new definition to this file; `-`: to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// ARN of the customer managed key [default: the dev stack's]
    #[arg(long, value_name = "ARN")]
    key_arn: Option<String>,
    /// Named profile of the AWS configuration [default: the dev account's, by the configuration]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    aws: AwsOptions,
}

pub(crate) fn run(global: &Global, options: &AdoptOptions) -> Result<Outcome, Failure> {
    let project = Project::load(global)?;
    let screen = Screen::new(global, resume(global, options));
    let given = match &options.file {
        Some(path) => Some(read(files::read(
            path,
            "pipeline definition",
            Kind::Definition,
        )?)?),
        None => None,
    };
    block_on(&screen, work(global, options, &project, &screen, given))
}

/// The command that goes on after an interruption.
fn resume(global: &Global, options: &AdoptOptions) -> String {
    let file = options.file.as_ref().map(|path| path.to_string_lossy());
    let mut words = vec!["adopt"];
    words.extend(file.as_deref());
    if let Some(name) = &options.name {
        words.extend(["--name", name]);
    }
    if options.write {
        words.push("--write");
    }
    words.extend(where_it_is(options));
    shell::command(global, &words)
}

/// The options of this run that say where the pipeline and its key are.
fn where_it_is(options: &AdoptOptions) -> Vec<&str> {
    let pairs = [
        ("--key-arn", options.key_arn.as_deref()),
        ("--profile", options.profile.as_deref()),
        ("--endpoint-url", options.aws.endpoint_url()),
    ];
    (pairs.into_iter())
        .filter_map(|(option, value)| Some([option, value?]))
        .flatten()
        .collect()
}

fn read(source: Source) -> Result<Definition, Failure> {
    Definition::read(source.clone()).map_err(|problems| Failure::document(source, problems))
}

async fn work(
    global: &Global,
    options: &AdoptOptions,
    project: &Project,
    screen: &Screen,
    given: Option<Definition>,
) -> Result<Outcome, Failure> {
    let plan = &project.plan;
    let live = Live::new(global, options, plan);
    let definition = match (given, &options.name) {
        (Some(definition), _) => definition,
        (None, name) => live.definition(name.as_deref().unwrap_or_default()).await?,
    };
    let key = key_arn(global, options, project, &live).await?;
    let adopted = adopt(&definition, plan, &key)
        .map_err(|problems| Failure::document(definition.source.clone(), problems))?;
    show(global, options, &definition, &adopted)?;
    if !options.write {
        if adopted.changed {
            let mut words = vec!["adopt", "--name", &definition.name, "--write"];
            words.extend(where_it_is(options));
            let again = shell::command(global, &words);
            output::note(global, &format!("\nNext: `{again}` changes the pipeline"));
        }
        return Ok(Outcome::Done);
    }
    if !adopted.changed {
        return Ok(Outcome::Done);
    }
    write(global, options, screen, &live, &definition, adopted).await
}

/// The diff, and the new definition where it is asked for.
fn show(
    global: &Global,
    options: &AdoptOptions,
    definition: &Definition,
    adopted: &Adopted,
) -> Result<(), Failure> {
    let to_stdout = options.out.as_deref().is_some_and(files::is_stdout);
    let old = definition.source.text();
    let diff = TextDiff::from_lines(old, &adopted.text)
        .unified_diff()
        .header(definition.source.name(), "adopted")
        .to_string();
    if adopted.changed {
        if to_stdout {
            output::note(global, diff.trim_end());
        } else {
            print(&diff)?;
        }
    } else {
        output::note(global, "The pipeline is adopted already: nothing changes.");
    }
    for note in adopted.done.iter().chain(&adopted.notes) {
        output::note(global, note);
    }
    match &options.out {
        None => Ok(()),
        Some(_) if to_stdout => print(output::Text::json(&adopted.text)),
        Some(path) => {
            files::put(path, &adopted.text)?;
            // The bare definition is the value of an option, the answer's form is all of them.
            let option = match definition.is_bare() {
                true => "--pipeline",
                false => "--cli-input-json",
            };
            let shown = output::path(path);
            let argument = shell::word(&format!("file://{}", path.display()));
            output::note(
                global,
                &format!(
                    "Wrote {shown}, for `aws codepipeline update-pipeline {option} {argument}`."
                ),
            );
            Ok(())
        }
    }
}

async fn write(
    global: &Global,
    options: &AdoptOptions,
    screen: &Screen,
    live: &Live<'_>,
    definition: &Definition,
    adopted: Adopted,
) -> Result<Outcome, Failure> {
    let name = &definition.name;
    live.check_same(definition).await?;
    live.check_idle(name).await?;
    let question = format!("Change pipeline {name}?");
    if !options.yes && !screen.confirm(&question).await? {
        screen.says("Nothing was changed.");
        return Ok(Outcome::Done);
    }
    // Somebody may have changed or started it while the question stood.
    live.check_same(definition).await?;
    live.check_idle(name).await?;
    let new = read(Source::new("adopted", adopted.text))?;
    let access = live.access().await?;
    let mut attempts = None;
    let version = loop {
        let error = match pipeline::update(&access, name, new.pipeline_text()).await {
            Ok(version) => break version,
            Err(error) => error,
        };
        let Some(arn) = refused_role(&error.message) else {
            return Err(explained(error));
        };
        let (role, fresh) = look_at(global, options, arn).await?;
        let attempts = attempts
            .get_or_insert_with(|| Attempts::new(role.attempts(fresh), options.aws.wait_timeout));
        if propagation::pause(screen, attempts, (arn, &role))
            .await
            .is_none()
        {
            return Err(Failure::with_code(
                error.message.clone(),
                format!("{}; nothing was changed", role.help(&live.profile)),
                1,
            ));
        }
        live.check_same(definition).await?;
        live.check_idle(name).await?;
    };
    screen.says(&format!(
        "Pipeline {name} is adopted: version {version}.\nNext: `s3ferry push SITE` deploys through \
         it"
    ));
    Ok(Outcome::Done)
}

/// What is known of a role that CodePipeline refuses, and whether the dev stack changed lately.
async fn look_at(
    global: &Global,
    options: &AdoptOptions,
    role: &str,
) -> Result<(Role, bool), Failure> {
    let mut accounts = Accounts::new(global, &options.aws, Project::load(global)?);
    let dev = accounts.steps[0].clone();
    let fresh = match handoff::look(&mut accounts, &dev).await {
        Seen::Read(Some(stack)) => is_fresh(stack.changed),
        Seen::Read(None) => false,
        Seen::Unreadable(_) | Seen::NoProfile => true,
    };
    Ok((Role::look(&mut accounts, role).await, fresh))
}

/// CodePipeline checks the actions before it accepts a definition.
fn explained(error: DeployError) -> Failure {
    match failure::of_save(&error.message) {
        Some(meaning) => Failure::with_code(
            error.message,
            format!("{}: {}; nothing was changed", meaning.cause, meaning.next),
            1,
        ),
        None => error.into(),
    }
}

/// The live pipeline's account.
struct Live<'a> {
    global: &'a Global,
    options: &'a AdoptOptions,
    plan: &'a Plan,
    profile: String,
    origin: Origin,
}

impl<'a> Live<'a> {
    fn new(global: &'a Global, options: &'a AdoptOptions, plan: &'a Plan) -> Self {
        let (profile, origin) = profile_for(options.profile.as_deref(), &plan.dev.profile);
        Self {
            global,
            profile,
            origin,
            options,
            plan,
        }
    }

    async fn access(&self) -> Result<Access, Failure> {
        let dev = &self.plan.dev;
        let settings = self.options.aws.settings();
        let access = Access::open_as(&self.profile, self.origin, &dev.region, &settings).await?;
        let verified = access.verify_account(&dev.account);
        first_answer(self.global, &self.profile, verified).await?;
        Ok(access)
    }

    async fn definition(&self, name: &str) -> Result<Definition, Failure> {
        let text = pipeline::read(&self.access().await?, name).await?;
        Definition::of_answer(&format!("pipeline {name}"), &text)
            .map_err(|(source, problems)| Failure::document(source, problems))
    }

    /// Makes sure that the live pipeline is the one that was looked at.
    async fn check_same(&self, seen: &Definition) -> Result<(), Failure> {
        let live = self.definition(&seen.name).await?;
        let value = |definition: &Definition| {
            serde_json::from_str::<Value>(definition.pipeline_text()).ok()
        };
        if value(&live) == value(seen) {
            return Ok(());
        }
        let version = |definition: &Definition| {
            definition.version.map_or_else(
                || "another version".to_owned(),
                |version| format!("version {version}"),
            )
        };
        Err(Failure::with_code(
            format!(
                "the live pipeline `{}` is not the one that was read: {} there, {} here",
                seen.name,
                version(&live),
                version(seen)
            ),
            format!(
                "nothing was changed: look again with `s3ferry adopt --name {}`",
                shell::word(&seen.name)
            ),
            1,
        ))
    }

    /// Makes sure that no execution runs.
    async fn check_idle(&self, name: &str) -> Result<(), Failure> {
        let running = executions::running(&self.access().await?, name).await?;
        match running.first() {
            None => Ok(()),
            Some(id) => Err(Failure::with_code(
                format!("execution {id} of pipeline `{name}` runs, and would end unfinished"),
                "nothing was changed: wait for its end, and run it again",
                1,
            )),
        }
    }
}

/// The customer managed key's ARN: as it is given, or the dev stack's.
async fn key_arn(
    global: &Global,
    options: &AdoptOptions,
    project: &Project,
    live: &Live<'_>,
) -> Result<String, Failure> {
    let dev = &project.plan.dev;
    let prefix = format!(
        "arn:{}:kms:{}:{}:key/",
        project.plan.partition.as_str(),
        dev.region,
        dev.account
    );
    if let Some(arn) = &options.key_arn {
        if arn.strip_prefix(&prefix).is_some_and(is_key_id) {
            return Ok(arn.clone());
        }
        return Err(Failure::new(
            format!("`{arn}` is not the ARN of a key of the dev account and region"),
            format!(
                "write `{prefix}…`: an alias is looked up in the account that asks, and a bare ID \
                 means another account's key"
            ),
        ));
    }
    let steps = stack_steps(&project.plan);
    let step = &steps[0];
    let known = OutputsFile::read(global, project).known;
    let known = known.of(&dev.account, &dev.region, &step.stack).cloned();
    let outputs = match known {
        Some(outputs) => Some(outputs),
        None if profile_state(&live.profile).await? == ProfileState::Unknown => None,
        None => {
            let found = stack::read(&live.access().await?, &step.stack).await?;
            found.map(|stack| stack.outputs)
        }
    };
    let id = outputs.and_then(|outputs| outputs.get(KEY_ID).cloned());
    id.map(|id| format!("{prefix}{id}")).ok_or_else(|| {
        Failure::with_code(
            "the ID of the dev account's key is not known: the dev stack is not deployed",
            format!(
                "deploy it first (`s3ferry deploy --profile {}`), or give --key-arn {prefix}…",
                shell::word(&dev.profile)
            ),
            1,
        )
    })
}
