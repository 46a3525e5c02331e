//! `s3ferry events`: explains the last operations of a stack, starting with the root cause of a
//! failure.

use std::fmt::Write as _;

use crate::deploy::events::operations;
use crate::deploy::stack_set::{Existing, Health, Instance, instances};
use crate::deploy::timeline::{Row, Span, Timeline};
use crate::deploy::{Access, Cause, StackStep, cause, stack, time};
use crate::escape::shown;
use anstyle::{AnsiColor, Effects, Style};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::options::{AwsOptions, ProfileOption, ResultOption, stacks};
use crate::cli::aws::place::{SetPlace, StackPlace, heading};
use crate::cli::aws::runtime::block_on;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::{chart, stack_set};
use crate::cli::json::Version;
use crate::cli::output::Text;
use crate::cli::{Failure, Global, Outcome, output, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry events --profile prod                 explain why the last deployment failed
  s3ferry events --profile dev --operations 3   show the last three operations
  s3ferry events --profile dev --format json

A bar shows when an operation on a resource was in progress. Light bars show a rollback.

Exit codes: 0 the last operation succeeded or is in progress, 1 it failed or the stack does not
exist.";

/// Width of a chart if the output is not a terminal.
const WIDTH: usize = 100;
/// Minimum width of a chart, even on a narrow terminal.
const NARROWEST: usize = 16;

/// Options of `s3ferry events`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(stacks("Explain", "")))]
pub(crate) struct EventsOptions {
    #[command(flatten)]
    profile: ProfileOption,
    /// Show this number of operations, newest first
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=50), help_heading = "Selection")]
    operations: u8,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// The output of `s3ferry events --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry events")]
pub(crate) struct Document {
    version: Version,
    /// One entry for each stack or stack set.
    stacks: Vec<Entry>,
}

/// A stack or a stack set.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Entry {
    Stack(StackEntry),
    StackSet(SetEntry),
}

/// A stack.
#[derive(Serialize, JsonSchema)]
struct StackEntry {
    #[serde(flatten)]
    place: StackPlace,
    /// Whether the stack exists.
    exists: bool,
    /// Operations, newest first.
    operations: Vec<Operation>,
}

/// A stack set.
#[derive(Serialize, JsonSchema)]
struct SetEntry {
    #[serde(flatten)]
    place: SetPlace,
    /// Instances of the stack set.
    instances: Vec<Existing>,
}

/// An operation.
#[derive(Serialize, JsonSchema)]
struct Operation {
    /// CREATE, UPDATE, DELETE, or IMPORT.
    kind: String,
    /// The last status of the stack.
    status: String,
    /// Start time, in UTC.
    begin: String,
    /// Duration in seconds.
    seconds: f64,
    /// Whether the operation failed.
    failed: bool,
    /// The root cause of a failure.
    cause: Option<Cause>,
    /// The resources, in the order in which their operations started.
    resources: Vec<Resource>,
    #[serde(skip)]
    timeline: Timeline,
}

/// A resource.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Resource {
    /// Logical ID.
    resource: String,
    /// Resource type.
    #[serde(rename = "type")]
    resource_type: String,
    /// Last status before any rollback.
    status: String,
    /// Last status during the rollback.
    rolled_back: Option<String>,
    /// The reason that AWS gave for a failure; may be empty.
    reason: String,
    /// Total time in progress, in seconds.
    seconds: f64,
    /// Time spans in progress.
    spans: Vec<Span>,
}

/// Runs `s3ferry events`.
pub(crate) fn run(global: &Global, options: &EventsOptions) -> Result<Outcome, Failure> {
    let profile = options.profile.required("events")?;
    let resume = shell::command(global, &["events", "--profile", profile]);
    let screen = Screen::new(global, resume);
    let accounts = Accounts::open(&options.aws, &screen)?;
    block_on(&screen, explain_all(accounts, options, profile))
}

async fn explain_all(
    mut accounts: Accounts<'_>,
    options: &EventsOptions,
    profile: &str,
) -> Result<Outcome, Failure> {
    let mut entries = Vec::new();
    let mut failed = false;
    for step in accounts.select(Some(profile))? {
        let access = accounts.access(&step).await?;
        let (text, entry) = if step.stack_set {
            let wanted = stack_set::wanted(&accounts.project, &step, &[])?;
            let all = instances::list(&access, &wanted.plan).await?;
            failed |= all.is_empty() || all.iter().any(|one| one.health != Health::Current);
            let text = Text::from(&stack_set_text(&step, &all));
            (
                text,
                Entry::StackSet(SetEntry {
                    place: (&step).into(),
                    instances: all,
                }),
            )
        } else {
            let found = explain(&access, &step, options).await?;
            failed |= found
                .as_ref()
                .is_none_or(|found| found.first().is_some_and(|last| last.failed));
            let text = text(&step, found.as_deref(), width());
            let entry = StackEntry {
                place: (&step).into(),
                exists: found.is_some(),
                operations: found.unwrap_or_default(),
            };
            (text, Entry::Stack(entry))
        };
        if options.result.is_text() {
            if !entries.is_empty() {
                output::print("\n")?;
            }
            output::print(text)?;
        }
        entries.push(entry);
    }
    options.result.print(&Document {
        version: Version,
        stacks: entries,
    })?;
    Ok(Outcome::findings(failed))
}

/// Returns the last operations of a stack, newest first, or `None` if the stack does not exist.
async fn explain(
    access: &Access,
    step: &StackStep,
    options: &EventsOptions,
) -> Result<Option<Vec<Operation>>, Failure> {
    let Some(stack) = stack::read(access, &step.stack).await? else {
        return Ok(None);
    };
    let all = operations(access, &stack.id, usize::from(options.operations)).await?;
    let mut found = Vec::new();
    for events in &all {
        let Some(timeline) = Timeline::of(events) else {
            continue;
        };
        let cause = match (timeline.failed(), found.is_empty()) {
            (false, _) => None,
            // CloudFormation keeps validation results only for the last operation.
            (true, true) => cause::find(access, &stack.id, events).await?,
            (true, false) => cause::first(events),
        };
        found.push(Operation::new(timeline, cause));
    }
    Ok(Some(found))
}

fn width() -> usize {
    output::Stream::Results.width().unwrap_or(WIDTH)
}

fn text(step: &StackStep, found: Option<&[Operation]>, width: usize) -> Text {
    let mut out = Text::from(&(heading(step) + "\n"));
    let Some(found) = found else {
        let _ = writeln!(
            out,
            "The stack does not exist. Run `{}` to create it.",
            shell::with_profile("deploy", &step.profile)
        );
        return out;
    };
    if found.is_empty() {
        out.push_str("The stack has no operations yet.\n");
    }
    for (index, one) in found.iter().enumerate() {
        if index > 0 {
            out.push_str("\n");
        }
        out.append(&operation(one, width));
    }
    out
}

fn operation(operation: &Operation, width: usize) -> Text {
    let Operation {
        timeline, cause, ..
    } = operation;
    let mut out = Text::new();
    let (time_word, state) = match timeline.goes_on() {
        true => ("running for", "now"),
        false => ("took", "ended"),
    };
    let _ = writeln!(
        out,
        "{} started {} UTC, {time_word} {}, {state} in {}",
        timeline.kind,
        time::utc(timeline.begin as i64),
        time::duration(timeline.duration()),
        shown(&timeline.status)
    );
    if let Some(cause) = cause {
        let red = Style::new()
            .fg_color(Some(AnsiColor::Red.into()))
            .effects(Effects::BOLD);
        out.styled(red, "Root cause");
        let _ = writeln!(out, ": {}", shown(&cause.to_string()));
        if !cause.hint.is_empty() {
            let _ = writeln!(out, "Fix: {}", shown(&cause.hint));
        }
    }
    let longest = |of: fn(&Row) -> usize| timeline.rows.iter().map(of).max().unwrap_or_default();
    let names = longest(|row| shown(&row.logical_id).chars().count()).max("resource".len());
    let states = longest(|row| shown(&row.status).chars().count()).max("status".len());
    let bars = width.saturating_sub(names + states + 14).max(NARROWEST);
    let total = timeline.duration();
    let scale = time::duration(total);
    let _ = writeln!(
        out,
        "  {:<names$}  {:<states$}  {:>7} 0s{:>rest$}",
        "resource",
        "status",
        "time",
        scale,
        rest = bars.saturating_sub(2)
    );
    for row in &timeline.rows {
        let color = if row.status.ends_with("_FAILED") {
            AnsiColor::Red
        } else if row.rolled_back.is_some() {
            AnsiColor::Yellow
        } else {
            AnsiColor::Green
        };
        let style = Style::new().fg_color(Some(color.into()));
        let bar = chart::bar(&row.spans, total, bars);
        let _ = write!(
            out,
            "  {:<names$}  {:<states$}  {:>7} ",
            shown(&row.logical_id),
            shown(&row.status),
            time::duration(row.duration()),
        );
        out.styled(style, &bar);
        out.push_str("\n");
    }
    out
}

/// Formats the instances of a stack set that are not current, with the reasons that AWS gave. The
/// accounts of the instances contain the events.
fn stack_set_text(step: &StackStep, all: &[Existing]) -> String {
    let behind: Vec<&Existing> = all
        .iter()
        .filter(|one| one.health != Health::Current)
        .collect();
    let mut out = format!(
        "{}: {} of {} instances are current\n",
        heading(step),
        all.len() - behind.len(),
        all.len()
    );
    if !behind.is_empty() {
        let row = |one: &&Existing| {
            let Instance { account, region } = &one.instance;
            [account, region, one.health.name(), &one.reason]
                .map(str::to_owned)
                .to_vec()
        };
        let rows: Vec<Vec<String>> = behind.iter().map(row).collect();
        let header = ["account", "region", "state", "reason"];
        out.push_str(&output::table(&header, &rows, &[]));
    }
    out
}

impl Operation {
    fn new(timeline: Timeline, cause: Option<Cause>) -> Self {
        let resources = timeline.rows.iter().map(|row| Resource {
            resource: row.logical_id.clone(),
            resource_type: row.resource_type.clone(),
            status: row.status.clone(),
            rolled_back: row.rolled_back.clone(),
            reason: row.reason.clone(),
            seconds: row.duration(),
            spans: row.spans.clone(),
        });
        Self {
            kind: timeline.kind.clone(),
            status: timeline.status.clone(),
            begin: time::utc(timeline.begin as i64),
            seconds: timeline.duration(),
            failed: timeline.failed(),
            cause,
            resources: resources.collect(),
            timeline,
        }
    }
}
