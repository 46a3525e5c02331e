//! `s3ferry events`: what the last operations of a stack did, the first cause of a failure first.

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
  s3ferry events --profile prod                 why the last deploy of prod failed
  s3ferry events --profile dev --operations 3   the last three operations
  s3ferry events --profile dev --format json

A bar shows when a resource was worked on; light bars are a rollback.

Exit codes: 0 the last operation succeeded or goes on, 1 it failed or there is no stack.";

/// Width of a chart that no terminal limits.
const WIDTH: usize = 100;
/// A chart is at least as wide as this, however narrow the terminal.
const NARROWEST: usize = 16;

/// EventsOptions of `events`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(stacks("explains", "")))]
pub(crate) struct EventsOptions {
    #[command(flatten)]
    profile: ProfileOption,
    /// How many operations, the latest first
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=50))]
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
    /// Operations, the latest first.
    operations: Vec<Operation>,
}

/// A stack set.
#[derive(Serialize, JsonSchema)]
struct SetEntry {
    #[serde(flatten)]
    place: SetPlace,
    /// Its instances.
    instances: Vec<Existing>,
}

/// An operation.
#[derive(Serialize, JsonSchema)]
struct Operation {
    /// CREATE, UPDATE, DELETE or IMPORT.
    kind: String,
    /// The stack's last status.
    status: String,
    /// When it began, in UTC.
    begin: String,
    /// How long it took.
    seconds: f64,
    /// Whether it failed.
    failed: bool,
    /// The first cause of a failure.
    cause: Option<Cause>,
    /// The resources, in the order in which they were begun.
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
    /// Last status in the rollback.
    rolled_back: Option<String>,
    /// AWS's reason of a failure; may be empty.
    reason: String,
    /// How long it was worked on.
    seconds: f64,
    /// When it was worked on.
    spans: Vec<Span>,
}

/// Explains.
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

/// The last operations of a stack, the latest first; `None` when there is no stack.
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
            // CloudFormation's validation knows of the last operation only.
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
            "There is no such stack. `{}` makes it.",
            shell::with_profile("deploy", &step.profile)
        );
        return out;
    };
    if found.is_empty() {
        out.push_str("Nothing was done with it yet.\n");
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
    let state = if timeline.goes_on() { "now" } else { "ended" };
    let _ = writeln!(
        out,
        "{} of {} UTC, {}, {state} in {}",
        timeline.kind,
        time::utc(timeline.begin as i64),
        time::duration(timeline.duration()),
        shown(&timeline.status)
    );
    if let Some(cause) = cause {
        let red = Style::new()
            .fg_color(Some(AnsiColor::Red.into()))
            .effects(Effects::BOLD);
        out.styled(red, "First cause");
        let _ = writeln!(out, ": {}", shown(&cause.to_string()));
        if !cause.hint.is_empty() {
            let _ = writeln!(out, "What to do: {}", shown(&cause.hint));
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

/// The instances of a stack set that do not stand, with AWS's reasons. Their events are in the
/// accounts that they are in.
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
        let header = ["account", "region", "instance is", "reason"];
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
