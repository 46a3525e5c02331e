//! `s3ferry status`: how every stack stands, and what is next.

mod show;

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use crate::checked::TemplateFormat;
use crate::deploy::next::{self, Found, hints};
use crate::deploy::stack_set::run::stands;
use crate::deploy::stack_set::{Wanted, set};
use crate::deploy::view::{self, View};
use crate::deploy::{
    Access, Comparison, Condition, DeployError, Observer as _, ProfileState, StackStep,
    profile_state, together,
};
use crate::stacks::Side;
use serde_json::{Value, json};

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::deploy::flow::made_pipeline;
use crate::cli::aws::deploy::{refuse, stack_set};
use crate::cli::aws::removed::{self, Removed};
use crate::cli::aws::runtime::{AwsOptions, Format, ResultOption, block_on};
use crate::cli::aws::screen::Screen;
use crate::cli::output::Text;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, output};

mod source;

use show::text;
use source::Deliveries;

const EXAMPLES: &str = "\
Examples:
  s3ferry status                        every stack of the configuration
  s3ferry status --profile prod --drift detect what was changed by another way
  s3ferry status --format json

A stack whose account cannot be reached from here is listed as such, unless --profile names it.
It warns when a pipeline has not deployed the newest version of the source object.

Exit codes: 0 no stack has failed; 1 one has, is not protected, or drifted (with --drift); 3 a stack
could not be read, unless only its profile is missing here.";

/// How many stacks are looked at together.
const TOGETHER: usize = 8;
/// No more of a value than this is shown.
const LONGEST_VALUE: usize = 120;

/// StatusOptions of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusOptions {
    /// Named profile of the AWS configuration: shows the stacks that the configuration gives it
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Show every stack, which is the default
    #[arg(long, conflicts_with = "profile")]
    all: bool,
    /// Detect drift first, and list what has drifted
    #[arg(long)]
    drift: bool,
    /// Folder of the checked-in templates
    #[arg(long, value_name = "DIR", default_value = "stacks")]
    out: PathBuf,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// A stack as it was found.
struct Seen {
    step: StackStep,
    found: Found,
    /// Why it could not be read.
    failure: Option<Failure>,
    /// Whether there is a profile or an environment to read it with.
    has_profile: bool,
}

/// A read that runs beside others.
type Read = Pin<Box<dyn Future<Output = Result<Found, DeployError>> + Send>>;

/// Shows how the stacks stand.
pub(crate) fn run(global: &Global, options: &StatusOptions) -> Result<Outcome, Failure> {
    let screen = Screen::new(global, "s3ferry status");
    let project = Project::load(global)?;
    let synthesis = project.synthesize(&options.out, TemplateFormat::Yaml)?;
    let stale = refuse::first_stale(&options.out, &synthesis);
    let stale = stale.map(|file| file.name().to_owned());
    let accounts = Accounts::with(global, &options.aws, project, synthesis.stacks);
    block_on(&screen, show(accounts, options, &screen, stale))
}

async fn show(
    mut accounts: Accounts<'_>,
    options: &StatusOptions,
    screen: &Screen,
    stale: Option<String>,
) -> Result<Outcome, Failure> {
    let steps = accounts.select(options.profile.as_deref())?;
    screen.begins(if options.drift {
        "drift detection"
    } else {
        "stacks' state"
    });
    let mut seen = look(&mut accounts, options, steps).await?;
    let has_no_dev = seen
        .iter()
        .any(|one| one.step.side == Side::Dev && matches!(one.found, Found::Missing));
    if has_no_dev && accounts.find_earlier_name().await {
        let steps = accounts.select(options.profile.as_deref())?;
        seen = look(&mut accounts, options, steps).await?;
    }
    screen.ended();
    let unreadable = seen.iter().filter(|one| one.failure.is_some()).count();
    if options.profile.is_some() || unreadable == seen.len() {
        // Whoever asks for one account wants to know why it cannot be read.
        let failure = seen.iter_mut().find_map(|one| one.failure.take());
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    let all: Vec<(StackStep, Found)> = seen
        .iter()
        .map(|one| (one.step.clone(), one.found.clone()))
        .collect();
    let mut hints = hints(&all, accounts.project.plan.dev.create_pipeline);
    let deliveries = deliveries(&mut accounts, &seen).await;
    hints.extend(deliveries.as_ref().and_then(Deliveries::hint));
    if let Some(file) = &stale {
        hints.insert(
            0,
            format!("`s3ferry synth`: `{file}` is not what the configuration makes"),
        );
    }
    let removed = removed::find(&mut accounts).await;
    hints.extend(removed.iter().map(Removed::sentence));
    match options.result.format {
        Format::Text => output::print(text(&seen, deliveries.as_ref(), &hints))?,
        Format::Json => {
            let stacks: Vec<Value> = seen.iter().map(Seen::json).collect();
            let (source, pipelines) = match &deliveries {
                Some(deliveries) => deliveries.json(),
                None => (Value::Null, json!([])),
            };
            let all = json!({
                "version": 1,
                "stacks": stacks,
                "source": source,
                "pipelines": pipelines,
                "staleFile": stale,
                "removed": removed.iter().map(Removed::json).collect::<Vec<_>>(),
                "next": hints,
            });
            output::print(Text::json_value(&all))?;
        }
    }
    // Nothing is known of these stacks, which is not the same as nothing is wrong. A profile that
    // does not exist here is expected: others have the access.
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
            "correct the problems that are listed, and run the same command again",
            3,
        ));
    }
    Ok(if seen.iter().any(Seen::is_bad) {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

/// What the pipelines have deployed, where the dev stack can be read and there is a pipeline.
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

/// Looks at all stacks, several at a time, and gives them in their order.
///
/// # Errors
/// A read ended without a result.
async fn look(
    accounts: &mut Accounts<'_>,
    options: &StatusOptions,
    steps: Vec<StackStep>,
) -> Result<Vec<Seen>, Failure> {
    let drift = options.drift.then_some(options.aws.wait_timeout);
    let mut seen = Vec::new();
    let mut reads = Vec::new();
    for (index, step) in steps.into_iter().enumerate() {
        let (read, failure) = match reader(accounts, &step, drift).await {
            Ok(read) => (Some(read), None),
            Err(failure) => (None, Some(failure)),
        };
        reads.extend(read.map(|read| async move { (index, read.await) }));
        let has_profile = failure.is_none()
            || !matches!(
                profile_state(&step.profile).await,
                Ok(ProfileState::Unknown)
            );
        seen.push(Seen {
            step,
            found: Found::Unreadable,
            failure,
            has_profile,
        });
    }
    for (index, result) in together(TOGETHER, reads).await? {
        match result {
            Ok(found) => seen[index].found = found,
            Err(error) => seen[index].failure = Some(error.into()),
        }
    }
    Ok(seen)
}

/// The read of a stack or stack set, which can run beside others.
async fn reader(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    drift: Option<Duration>,
) -> Result<Read, Failure> {
    let access = accounts.access(step).await?;
    if step.stack_set {
        let wanted = stack_set::wanted(&accounts.project, step, &[])?;
        return Ok(Box::pin(async move {
            look_at_stack_set(&access, &wanted).await
        }));
    }
    let step = step.clone();
    Ok(Box::pin(async move {
        let found = view::look(&access, &step, drift).await?;
        Ok(found.map_or(Found::Missing, |view| Found::There(Box::new(view))))
    }))
}

async fn look_at_stack_set(access: &Access, wanted: &Wanted) -> Result<Found, DeployError> {
    let Some(set) = set::describe(access, &wanted.plan).await? else {
        return Ok(Found::Missing);
    };
    Ok(Found::StackSet {
        complete: stands(access, wanted).await?,
        comparison: Comparison::of(&set.template, &wanted.text),
    })
}

impl Seen {
    fn view(&self) -> Option<&View> {
        match &self.found {
            Found::There(view) => Some(view),
            _ => None,
        }
    }

    /// Whether its last operation failed, or it has drifted.
    fn is_bad(&self) -> bool {
        if let Found::StackSet { complete, .. } = self.found {
            return !complete;
        }
        let Some(view) = self.view() else {
            return false;
        };
        view.cause.is_some()
            || matches!(
                view.stack.condition(),
                Condition::CreationFailed | Condition::RollbackFailed | Condition::DeletionFailed
            )
            || view.drifted.as_ref().is_some_and(|all| !all.is_empty())
            || self.unprotected().is_some()
    }

    /// What does not protect a deployed stack.
    fn unprotected(&self) -> Option<String> {
        let view = self.view()?;
        let is_ready = view.stack.condition() == Condition::Ready;
        is_ready.then(|| next::unprotected(view)).flatten()
    }
}
