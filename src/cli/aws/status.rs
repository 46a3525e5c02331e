//! `s3ferry status`: how every stack stands, and what is next.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use s3ferry::checked::TemplateFormat;
use s3ferry::deploy::next::{self, Found, hints};
use s3ferry::deploy::protection::Guard;
use s3ferry::deploy::stack_set::run::stands;
use s3ferry::deploy::stack_set::{Wanted, set};
use s3ferry::deploy::view::{self, View};
use s3ferry::deploy::{
    Access, Comparison, Condition, DeployError, Observer as _, ProfileState, StackStep,
    profile_state, time, together,
};
use s3ferry::escape::shown;
use s3ferry::stacks::Side;
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

    fn row(&self) -> Vec<String> {
        let step = &self.step;
        let mut row = vec![
            step.stack.clone(),
            step.account.clone(),
            step.region.clone(),
        ];
        if let Found::StackSet {
            complete,
            comparison,
        } = &self.found
        {
            let state = if *complete {
                "stack set, current"
            } else {
                "stack set, INCOMPLETE"
            };
            row.extend([state, "-", word(Some(comparison))].map(str::to_owned));
            return row;
        }
        let Some(view) = self.view() else {
            let state = if self.failure.is_some() {
                "cannot be read"
            } else {
                "not deployed"
            };
            row.push(state.to_owned());
            return row;
        };
        let stack = &view.stack;
        row.extend([
            stack.status.clone(),
            protection(view).to_owned(),
            comparison(view).to_owned(),
            drift(view),
            time::utc(stack.changed),
        ]);
        row
    }

    fn json(&self) -> Value {
        let step = &self.step;
        let mut json = json!({
            "template": step.template.name,
            "stack": step.stack,
            "account": step.account,
            "region": step.region,
            "profile": step.profile,
            "stackSet": step.stack_set,
            "complete": match &self.found {
                Found::StackSet { complete, .. } => Some(*complete),
                _ => None,
            },
            "templateComparison": match &self.found {
                Found::StackSet { comparison, .. } => Some(word(Some(comparison))),
                _ => None,
            },
            "state": match (&self.found, &self.failure) {
                (_, Some(_)) => "unreadable",
                (Found::Missing, _) => "missing",
                _ => "deployed",
            },
            "problem": self.failure.as_ref().map(Failure::message),
        });
        if let (Some(view), Some(json)) = (self.view(), json.as_object_mut()) {
            let stack = &view.stack;
            let more = json!({
                "status": stack.status,
                "reason": stack.reason,
                "terminationProtection": stack.protected,
                "stackPolicy": match &view.guard {
                    Guard::InForce => "inForce",
                    Guard::Open(_) => "open",
                    Guard::Unread(_) => "unread",
                },
                "unprotectedResources": match &view.guard {
                    Guard::Open(open) => open.as_slice(),
                    Guard::InForce | Guard::Unread(_) => &[],
                },
                "templateComparison": view.comparison.is_some().then(|| comparison(view)),
                "drift": stack.drift,
                "driftChecked": stack.drift_checked.map(time::utc),
                "changed": time::utc(stack.changed),
                "parameters": stack.parameters,
                "outputs": stack.outputs,
                "cause": view.cause.as_ref().map(|cause| json!({
                    "resource": cause.logical_id,
                    "reason": cause.reason,
                    "hint": cause.hint,
                })),
                "drifted": view.drifted.as_ref().map(|all| all.iter().map(|one| json!({
                    "resource": one.logical_id,
                    "physicalId": one.physical_id,
                    "type": one.resource_type,
                    "status": one.status,
                    "differences": one.differences.iter().map(|difference| json!({
                        "path": difference.path,
                        "expected": difference.expected,
                        "actual": difference.actual,
                    })).collect::<Vec<_>>(),
                })).collect::<Vec<_>>()),
            });
            if let Value::Object(more) = more {
                json.extend(more);
            }
        }
        json
    }
}

fn comparison(view: &View) -> &'static str {
    word(view.comparison.as_ref())
}

fn word(comparison: Option<&Comparison>) -> &'static str {
    match comparison {
        None => "-",
        Some(Comparison::Same | Comparison::SameMeaning(_)) => "same",
        Some(Comparison::Different(_)) => "differs",
    }
}

/// How a stack is protected: from deletion, and its resources by its policy.
fn protection(view: &View) -> &'static str {
    match (view.stack.protected, &view.guard) {
        (true, Guard::InForce) => "on",
        (true, Guard::Open(_)) => "policy open",
        (true, Guard::Unread(_)) => "policy unread",
        (false, Guard::Open(_)) => "off",
        (false, Guard::InForce | Guard::Unread(_)) => "deletion off",
    }
}

fn drift(view: &View) -> String {
    let stack = &view.stack;
    let found = match stack.drift.as_str() {
        "IN_SYNC" => "none",
        "DRIFTED" => "drifted",
        _ => return "-".to_owned(),
    };
    match stack.drift_checked {
        Some(checked) => format!("{found}, {}", time::utc(checked)),
        None => found.to_owned(),
    }
}

fn text(seen: &[Seen], deliveries: Option<&Deliveries>, hints: &[String]) -> Text {
    // The stack's name ends with the template's.
    const HEADER: [&str; 8] = [
        "stack",
        "account",
        "region",
        "state",
        "protected",
        "template",
        "drift",
        "changed (UTC)",
    ];
    let rows: Vec<Vec<String>> = seen.iter().map(Seen::row).collect();
    let mut out = Text::from(&output::table(&HEADER, &rows, &[]));
    for one in seen {
        let place = format!(
            "{} in {}, {}",
            one.step.stack, one.step.account, one.step.region
        );
        if let Some(failure) = &one.failure {
            let _ = writeln!(out, "\n{place} cannot be read: {}", failure.message());
        }
        if let Some(missing) = one.unprotected() {
            let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
            out.push_str("\n");
            out.styled(yellow, &format!("{place} is not protected: {missing}"));
            out.push_str("\n");
        }
        if let Some(view) = one.view() {
            if let Guard::Unread(problem) = &view.guard {
                let _ = writeln!(out, "\n{place}: its stack policy is not known: {problem}");
            }
            out.append(&details(&place, view));
        }
    }
    if let Some(deliveries) = deliveries {
        out.append(&deliveries.text());
    }
    if !hints.is_empty() {
        out.push_str("\nNext:\n");
        for hint in hints {
            let _ = writeln!(out, "  {}", shown(hint));
        }
    }
    out
}

/// What a stack's row has no room for.
fn details(place: &str, view: &View) -> Text {
    let mut out = Text::new();
    if let Some(cause) = &view.cause {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        out.push_str("\n");
        out.styled(red, &format!("{place}: {}", shown(&cause.to_string())));
        out.push_str("\n");
        if !cause.hint.is_empty() {
            let _ = writeln!(out, "  What to do: {}", shown(&cause.hint));
        }
    }
    for one in view.drifted.iter().flatten() {
        let _ = writeln!(
            out,
            "\n{place}: {} ({}) is {} outside CloudFormation",
            shown(&one.logical_id),
            shown(&one.resource_type),
            shown(&one.status.to_lowercase())
        );
        for difference in &one.differences {
            let _ = writeln!(
                out,
                "  {}: {} instead of {}",
                shown(&difference.path),
                shown(&short(&difference.actual)),
                shown(&short(&difference.expected))
            );
        }
    }
    if !view.stack.outputs.is_empty() {
        let outputs = view.stack.outputs.iter();
        let rows: Vec<Vec<String>> = outputs
            .map(|(name, value)| vec![format!("  {name}"), value.clone()])
            .collect();
        let _ = writeln!(out, "\n{place}");
        out.push_str(&output::table(&["  output", "value"], &rows, &[]));
    }
    out
}

fn short(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((at, _)) => format!("{} …", &value[..at]),
        None if value.is_empty() => "nothing".to_owned(),
        None => value.to_owned(),
    }
}
