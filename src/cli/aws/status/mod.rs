//! `s3ferry status`: shows the status of every stack, and the next steps.

mod entry;
mod seen;
mod show;
mod source;

use std::path::PathBuf;

use crate::checked::TemplateFormat;
use crate::deploy::next::{StackState, hints};
use crate::deploy::{Observer as _, StackStep};
use crate::stacks::Side;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::options::{AwsOptions, ResultOption, StackOptions, stacks};
use crate::cli::aws::refuse::first_stale;
use crate::cli::aws::removed::{self, Removed, RemovedEntry};
use crate::cli::aws::runtime::block_on;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::seen::made_pipeline;
use crate::cli::json::Version;
use crate::cli::output;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome};
use entry::Entry;
use seen::{Seen, look};
use source::{Deliveries, PipelineEntry, SourceEntry};

const EXAMPLES: &str = "\
Examples:
  s3ferry status                        show every stack
  s3ferry status --profile prod --drift  detect changes made outside CloudFormation
  s3ferry status --format json

A stack in an unreachable account is listed as unreadable. With --profile, this is an error.
The command warns if a pipeline has not deployed the newest version of the source object.

Exit codes: 0 no problems; 1 a stack failed, is not protected, or drifted (with --drift); 3 a stack
could not be read (stacks whose profile is not configured do not count).";

/// Options of `s3ferry status`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(stacks("Show", "Show every stack (default)")))]
pub(crate) struct StatusOptions {
    #[command(flatten)]
    stacks: StackOptions,
    /// Compare the checked-in templates in this folder
    #[arg(
        long,
        value_name = "DIR",
        default_value = "stacks",
        help_heading = "Input"
    )]
    out: PathBuf,
    /// Run drift detection first, and list the drifted resources
    #[arg(long, help_heading = "Checks")]
    drift: bool,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// The output of `s3ferry status --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry status")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    version: Version,
    /// One entry for each stack or stack set.
    stacks: Vec<Entry>,
    /// The source; null if the dev stack cannot be read or its pipeline is not created yet.
    source: Option<SourceEntry>,
    /// The version that each pipeline has deployed; empty if the newest version is unknown.
    pipelines: Vec<PipelineEntry>,
    /// A checked-in file that does not match the configuration.
    stale_file: Option<String>,
    /// Stacks of the pipeline that are no longer in the configuration.
    removed: Vec<RemovedEntry>,
    /// The next steps, as sentences.
    next: Vec<String>,
}

/// Runs `s3ferry status`.
pub(crate) fn run(global: &Global, options: &StatusOptions) -> Result<Outcome, Failure> {
    let screen = Screen::new(global, "s3ferry status");
    let project = Project::load(global)?;
    let synthesis = project.synthesize(&options.out, TemplateFormat::Yaml)?;
    let stale = first_stale(&options.out, &synthesis);
    let stale = stale.map(|file| file.name().to_owned());
    let accounts = Accounts::synthesized(&options.aws, &screen, project, &synthesis);
    block_on(&screen, show(accounts, options, stale))
}

async fn show(
    mut accounts: Accounts<'_>,
    options: &StatusOptions,
    stale: Option<String>,
) -> Result<Outcome, Failure> {
    let steps = accounts.select(options.stacks.profile())?;
    let drift = options.drift.then_some(options.aws.wait_timeout);
    accounts.screen.begins(match drift {
        Some(_) => "drift detection",
        None => "stack status",
    });
    let mut seen = look(&mut accounts, steps, drift).await?;
    let has_no_dev = seen
        .iter()
        .any(|one| one.step.side == Side::Dev && matches!(one.found, StackState::Missing));
    if has_no_dev && accounts.find_earlier_name().await {
        let steps = accounts.select(options.stacks.profile())?;
        seen = look(&mut accounts, steps, drift).await?;
    }
    accounts.screen.ended();
    let unreadable = seen.iter().filter(|one| one.failure.is_some()).count();
    if options.stacks.profile().is_some() || unreadable == seen.len() {
        // Report why the selected account cannot be read.
        let failure = seen.iter_mut().find_map(|one| one.failure.take());
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    let all: Vec<(StackStep, StackState)> = seen
        .iter()
        .map(|one| (one.step.clone(), one.found.clone()))
        .collect();
    let mut next = hints(&all, accounts.project.plan.dev.create_pipeline);
    let deliveries = deliveries(&mut accounts, &seen).await;
    next.extend(deliveries.as_ref().and_then(Deliveries::hint));
    if let Some(file) = &stale {
        let hint = format!("run `s3ferry synth`: `{file}` does not match the configuration");
        next.insert(0, hint);
    }
    let removed = removed::find(&mut accounts).await;
    next.extend(removed.iter().map(Removed::sentence));
    if options.result.is_text() {
        output::print_wrapped(show::text(&seen, deliveries.as_ref(), &next))?;
    }
    let deliveries = deliveries.as_ref();
    options.result.print(&Document {
        version: Version,
        stacks: seen.iter().map(Entry::new).collect(),
        source: deliveries.map(Deliveries::source),
        pipelines: deliveries.map(Deliveries::pipelines).unwrap_or_default(),
        stale_file: stale,
        removed: removed.iter().map(Removed::entry).collect(),
        next,
    })?;
    // The state of these stacks is unknown, so the command must not report success. A missing
    // profile is expected, because other users have access to that account.
    let unread = seen
        .iter()
        .filter(|one| one.failure.is_some() && one.has_profile);
    let unread: Vec<&str> = unread.map(|one| one.step.stack.as_str()).collect();
    if !unread.is_empty() {
        return Err(Failure::with_code(
            format!(
                "{} of {} stacks could not be read: {}",
                unread.len(),
                seen.len(),
                unread.join(", ")
            ),
            "fix the problems listed above, then run the same command again",
            3,
        ));
    }
    Ok(Outcome::findings(seen.iter().any(Seen::is_bad)))
}

/// Returns the versions that the pipelines have deployed, if the dev stack can be read and a
/// pipeline exists.
async fn deliveries(accounts: &mut Accounts<'_>, seen: &[Seen]) -> Option<Deliveries> {
    let dev = seen.iter().find(|one| one.step.side == Side::Dev)?;
    let stack = &dev.view()?.stack;
    let adopted = !accounts.project.plan.dev.create_pipeline;
    if !adopted && !made_pipeline(Some(stack)) {
        return None;
    }
    let access = accounts.access(&dev.step).await.ok()?;
    Some(Deliveries::look(&access, &accounts.project.plan).await)
}
