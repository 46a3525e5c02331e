//! `s3ferry adopt`: changes an existing pipeline to deploy to the targets' accounts.

use std::path::PathBuf;

use crate::aws::arn;
use crate::aws::names::is_key_id;
use crate::definition::{Adopted, Definition, adopt};
use crate::deploy::pace::Attempts;
use crate::deploy::{
    Access, DeployError, Origin, ProfileState, execution, pipeline, profile_state, stack,
    stack_steps,
};
use crate::diagnostic::{Kind, Source};
use crate::failure::{self, refused_role};
use crate::stacks::KEY_ID;
use serde_json::Value;
use similar::TextDiff;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::options::{AwsOptions, DEV_PROFILE, ProfileOption, YesOption, help};
use crate::cli::aws::outputs_file::OutputsFile;
use crate::cli::aws::refused_role::{Role, is_fresh, pause};
use crate::cli::aws::runtime::{block_on, first_answer};
use crate::cli::aws::screen::Screen;
use crate::cli::aws::seen::{Seen, look};
use crate::cli::output::{self, print};
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, files, shell};

const EXAMPLES: &str = "\
Examples:
  aws codepipeline get-pipeline --name site > site.json
  s3ferry adopt site.json                      show the changes as a diff
  s3ferry adopt site.json --out adopted.json   also write the definition for update-pipeline
  s3ferry adopt --name site                    show the changes to the live pipeline
  s3ferry adopt --name site --write            change the live pipeline after confirmation

Each S3 deploy action that deploys to a target's bucket gets the target's deploy role and region,
and a namespace. The artifact store gets the customer managed key. Nothing else changes.";

/// Options of `s3ferry adopt`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(help("profile", DEV_PROFILE)))]
pub(crate) struct AdoptOptions {
    /// Read the pipeline definition from the output of `aws codepipeline get-pipeline`
    #[arg(value_name = "FILE", required_unless_present = "name")]
    file: Option<PathBuf>,
    /// Read the live pipeline with this name instead of a file
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "file",
        help_heading = "Selection"
    )]
    name: Option<String>,
    #[command(flatten)]
    profile: ProfileOption,
    /// Use the customer managed key with this ARN [default: the key of the dev stack]
    #[arg(long, value_name = "ARN", help_heading = "Input")]
    key_arn: Option<String>,
    /// Change the live pipeline after confirmation
    #[arg(long, help_heading = "Behavior")]
    write: bool,
    #[command(flatten)]
    confirmation: YesOption,
    /// Write the new definition to this file, or to standard output if `-`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
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
    let adoption = Adoption::new(options, &project, &screen);
    block_on(&screen, adoption.run(given))
}

/// Returns the command that resumes the work after an interruption.
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

/// Returns the options that identify the pipeline and its key.
fn where_it_is(options: &AdoptOptions) -> Vec<&str> {
    let pairs = [
        ("--key-arn", options.key_arn.as_deref()),
        ("--profile", options.profile.name()),
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

/// Explains why CodePipeline rejected the definition. CodePipeline validates the actions before it
/// accepts a definition.
fn explained(error: DeployError) -> Failure {
    match failure::of_save(&error.message) {
        Some(meaning) => Failure::finding(
            error.message,
            format!("{}: {}; nothing was changed", meaning.cause, meaning.next),
        ),
        None => error.into(),
    }
}

/// An adoption, and the profile for the live pipeline's account.
struct Adoption<'a> {
    options: &'a AdoptOptions,
    project: &'a Project,
    screen: &'a Screen<'a>,
    profile: String,
    origin: Origin,
}

impl<'a> Adoption<'a> {
    fn new(options: &'a AdoptOptions, project: &'a Project, screen: &'a Screen<'a>) -> Self {
        let (profile, origin) = options.profile.or_configured(&project.plan.dev.profile);
        Self {
            options,
            project,
            screen,
            profile,
            origin,
        }
    }

    async fn run(self, given: Option<Definition>) -> Result<Outcome, Failure> {
        let options = self.options;
        let definition = match (given, &options.name) {
            (Some(definition), _) => definition,
            (None, name) => self.definition(name.as_deref().unwrap_or_default()).await?,
        };
        let key = self.key_arn().await?;
        let adopted = adopt(&definition, &self.project.plan, &key)
            .map_err(|problems| Failure::document(definition.source.clone(), problems))?;
        self.show(&definition, &adopted)?;
        if !adopted.changed {
            return Ok(Outcome::Done);
        }
        if !options.write {
            let mut words = vec!["adopt", "--name", &definition.name, "--write"];
            words.extend(where_it_is(options));
            let again = shell::command(self.screen.global, &words);
            self.screen
                .says(format!("\nNext: run `{again}` to change the pipeline"));
            return Ok(Outcome::Done);
        }
        self.write(&definition, adopted).await
    }

    /// Shows the diff, and writes the new definition if requested.
    fn show(&self, definition: &Definition, adopted: &Adopted) -> Result<(), Failure> {
        let (options, screen) = (self.options, self.screen);
        let to_stdout = options.out.as_deref().is_some_and(files::is_stdout);
        let old = definition.source.text();
        let diff = TextDiff::from_lines(old, &adopted.text)
            .unified_diff()
            .header(definition.source.name(), "adopted")
            .to_string();
        if adopted.changed {
            if to_stdout {
                screen.says(diff.trim_end());
            } else {
                print(&diff)?;
            }
        } else {
            screen.says("The pipeline is already adopted. No changes.");
        }
        for note in adopted.done.iter().chain(&adopted.notes) {
            screen.says(note);
        }
        match &options.out {
            None => Ok(()),
            Some(_) if to_stdout => print(output::Text::json(&adopted.text)),
            Some(path) => {
                files::put(path, &adopted.text)?;
                // `--pipeline` expects only the definition. The response of `get-pipeline` has the
                // structure that `--cli-input-json` expects.
                let option = match definition.is_bare() {
                    true => "--pipeline",
                    false => "--cli-input-json",
                };
                let shown = output::path(path);
                let argument = shell::word(&format!("file://{}", path.display()));
                screen.says(format!(
                    "Wrote {shown}. To apply it, run `aws codepipeline update-pipeline {option} \
                     {argument}`."
                ));
                Ok(())
            }
        }
    }

    async fn write(&self, definition: &Definition, adopted: Adopted) -> Result<Outcome, Failure> {
        let (options, screen) = (self.options, self.screen);
        let name = &definition.name;
        self.check(definition).await?;
        let question = format!("Change pipeline {name}?");
        if !screen.confirm(options.confirmation.yes, &question).await? {
            screen.says("Nothing was changed.");
            return Ok(Outcome::Done);
        }
        // The pipeline may have changed or started while the prompt was open.
        self.check(definition).await?;
        let new = read(Source::new("adopted", adopted.text))?;
        let access = self.access().await?;
        let mut attempts = None;
        let version = loop {
            let error = match pipeline::update(&access, new.pipeline_text()).await {
                Ok(version) => break version,
                Err(error) => error,
            };
            let Some(arn) = refused_role(&error.message) else {
                return Err(explained(error));
            };
            let (role, fresh) = self.look_at(arn).await?;
            let attempts = attempts.get_or_insert_with(|| {
                Attempts::new(role.attempts(fresh), options.aws.wait_timeout)
            });
            if pause(screen, attempts, (arn, &role)).await.is_none() {
                return Err(Failure::finding(
                    error.message.clone(),
                    format!("{}; nothing was changed", role.help(&self.profile)),
                ));
            }
            self.check(definition).await?;
        };
        screen.says(format!(
        "Adopted pipeline {name} (version {version}).\nNext: run `s3ferry push SITE` to deploy a \
         site"
    ));
        Ok(Outcome::Done)
    }

    /// Returns the state of a role that CodePipeline rejected, and whether the dev stack changed
    /// recently.
    async fn look_at(&self, role: &str) -> Result<(Role, bool), Failure> {
        let mut accounts = Accounts::open(&self.options.aws, self.screen)?;
        let dev = accounts.dev().clone();
        let fresh = match look(&mut accounts, &dev).await {
            Seen::Read(Some(stack)) => is_fresh(stack.changed),
            Seen::Read(None) => false,
            Seen::Unreadable(_) | Seen::NoProfile => true,
        };
        Ok((Role::look(&mut accounts, role).await, fresh))
    }

    async fn access(&self) -> Result<Access, Failure> {
        let dev = &self.project.plan.dev;
        let settings = self.options.aws.settings();
        let access = Access::open_as(&self.profile, self.origin, &dev.region, &settings).await?;
        let verified = access.verify_account(&dev.account);
        first_answer(self.screen, &self.profile, verified).await?;
        Ok(access)
    }

    async fn definition(&self, name: &str) -> Result<Definition, Failure> {
        let text = pipeline::read(&self.access().await?, name).await?;
        Definition::of_answer(&format!("pipeline {name}"), &text)
            .map_err(|(source, problems)| Failure::document(source, problems))
    }

    /// Checks that the live pipeline has not changed since it was read, and that no execution is
    /// running.
    async fn check(&self, seen: &Definition) -> Result<(), Failure> {
        self.check_same(seen).await?;
        self.check_idle(&seen.name).await
    }

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
        Err(Failure::finding(
            format!(
                "pipeline `{}` changed after it was read: the live pipeline has {}, expected {}",
                seen.name,
                version(&live),
                version(seen)
            ),
            format!(
                "nothing was changed; review the new changes with `s3ferry adopt --name {}`",
                shell::word(&seen.name)
            ),
        ))
    }

    async fn check_idle(&self, name: &str) -> Result<(), Failure> {
        let running = execution::running(&self.access().await?, name).await?;
        match running.first() {
            None => Ok(()),
            Some(id) => Err(Failure::finding(
                format!(
                    "execution {id} of pipeline `{name}` is running, and an update would abort it"
                ),
                "nothing was changed; wait for the execution to finish, then run the command again",
            )),
        }
    }

    /// Returns the ARN of the customer managed key, from `--key-arn` or from the dev stack.
    async fn key_arn(&self) -> Result<String, Failure> {
        let project = self.project;
        let dev = &project.plan.dev;
        let prefix = arn::key(
            project.plan.partition.as_str(),
            &dev.region,
            &dev.account,
            "",
        );
        if let Some(arn) = &self.options.key_arn {
            if arn.strip_prefix(&prefix).is_some_and(is_key_id) {
                return Ok(arn.clone());
            }
            return Err(Failure::new(
                format!("`{arn}` is not the ARN of a key in the dev account and region"),
                format!(
                    "use the form `{prefix}…`: an alias or a bare key ID is resolved in the \
                     caller's account"
                ),
            ));
        }
        let steps = stack_steps(&project.plan);
        let step = &steps[0];
        let known = OutputsFile::read(self.screen.global, project);
        let outputs = match known.of(step).cloned() {
            Some(outputs) => Some(outputs),
            None if profile_state(&self.profile).await? == ProfileState::Unknown => None,
            None => {
                let found = stack::read(&self.access().await?, &step.stack).await?;
                found.map(|stack| stack.outputs)
            }
        };
        let id = outputs.and_then(|outputs| outputs.get(KEY_ID).cloned());
        id.map(|id| format!("{prefix}{id}")).ok_or_else(|| {
            Failure::finding(
                "the ID of the dev account's key is unknown: the dev stack is not deployed",
                format!(
                    "deploy it first (`s3ferry deploy --profile {}`), or set --key-arn {prefix}…",
                    shell::word(&dev.profile)
                ),
            )
        })
    }
}
