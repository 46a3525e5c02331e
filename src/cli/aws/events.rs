//! `s3ferry events`: what the last operations of a stack did, the first cause of a failure first.

use std::fmt::Write as _;

use crate::deploy::events::{find_cause, operations};
use crate::deploy::stack_set::{Existing, Health, instances};
use crate::deploy::timeline::{Row, Timeline};
use crate::deploy::{Access, Cause, StackStep, cause, stack, time};
use crate::escape::shown;
use anstyle::{AnsiColor, Effects, Style};
use serde_json::{Value, json};

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::chart;
use crate::cli::aws::deploy::stack_set;
use crate::cli::aws::runtime::{AwsOptions, Format, ResultOption, block_on, require_stacks};
use crate::cli::aws::screen::Screen;
use crate::cli::output::Text;
use crate::cli::project::Project;
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
#[command(after_help = EXAMPLES)]
pub(crate) struct EventsOptions {
    /// Named profile of the AWS configuration: explains the stacks that the configuration gives it
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// How many operations, the latest first
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=50))]
    operations: u8,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// One operation, and why it failed.
struct Explained {
    timeline: Timeline,
    cause: Option<Cause>,
}

/// Explains.
pub(crate) fn run(global: &Global, options: &EventsOptions) -> Result<Outcome, Failure> {
    require_stacks("events", options.profile.as_deref(), None)?;
    let profile = options.profile.as_deref().unwrap_or_default();
    let words = ["events", "--profile", profile];
    let screen = Screen::new(global, shell::command(global, &words));
    let project = Project::load(global)?;
    let accounts = Accounts::new(global, &options.aws, project);
    block_on(&screen, explain_all(accounts, options))
}

async fn explain_all(
    mut accounts: Accounts<'_>,
    options: &EventsOptions,
) -> Result<Outcome, Failure> {
    let mut results = Vec::new();
    let mut failed = false;
    for step in accounts.select(options.profile.as_deref())? {
        let access = accounts.access(&step).await?;
        if step.stack_set {
            let wanted = stack_set::wanted(&accounts.project, &step, &[])?;
            let all = instances::list(&access, &wanted.plan).await?;
            failed |= all.is_empty() || all.iter().any(|one| one.health != Health::Current);
            if options.result.format == Format::Text {
                let space = if results.is_empty() { "" } else { "\n" };
                output::print(&format!("{space}{}", stack_set_text(&step, &all)))?;
            }
            results.push(stack_set_json(&step, &all));
            continue;
        }
        let found = explain(&access, &step, options).await?;
        failed |= found
            .as_ref()
            .is_none_or(|found| found.first().is_some_and(|last| last.timeline.failed()));
        if options.result.format == Format::Text {
            if !results.is_empty() {
                output::print("\n")?;
            }
            output::print(text(&step, found.as_deref(), width()))?;
        }
        results.push(json_of(&step, found.as_deref()));
    }
    if options.result.format == Format::Json {
        let all = json!({ "version": 1, "stacks": results });
        output::print(Text::json_value(&all))?;
    }
    Ok(if failed {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

/// The last operations of a stack, the latest first; `None` when there is no stack.
async fn explain(
    access: &Access,
    step: &StackStep,
    options: &EventsOptions,
) -> Result<Option<Vec<Explained>>, Failure> {
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
            (true, true) => find_cause(access, &stack.id, events).await?,
            (true, false) => cause::first(events),
        };
        found.push(Explained { timeline, cause });
    }
    Ok(Some(found))
}

fn width() -> usize {
    output::Stream::Results.width().unwrap_or(WIDTH)
}

fn text(step: &StackStep, found: Option<&[Explained]>, width: usize) -> Text {
    let mut out = Text::from(&format!(
        "{}: stack {} in account {}, {}\n",
        step.template.name, step.stack, step.account, step.region
    ));
    let Some(found) = found else {
        let _ = writeln!(
            out,
            "There is no such stack. `s3ferry deploy --profile {}` makes it.",
            shell::word(&step.profile)
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

fn operation(explained: &Explained, width: usize) -> Text {
    let Explained { timeline, cause } = explained;
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
        "{}: stack set {} of account {}, {}: {} of {} instances are current\n",
        step.template.name,
        step.stack,
        step.account,
        step.region,
        all.len() - behind.len(),
        all.len()
    );
    if !behind.is_empty() {
        let rows: Vec<Vec<String>> = behind
            .iter()
            .map(|one| {
                vec![
                    one.instance.account.clone(),
                    one.instance.region.clone(),
                    health(one.health).to_owned(),
                    one.reason.clone(),
                ]
            })
            .collect();
        let header = ["account", "region", "instance is", "reason"];
        out.push_str(&output::table(&header, &rows, &[]));
    }
    out
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Current => "current",
        Health::Outdated => "outdated",
        Health::Inoperable => "inoperable",
        Health::Suspended => "suspended",
    }
}

fn stack_set_json(step: &StackStep, all: &[Existing]) -> Value {
    let instances: Vec<Value> = all
        .iter()
        .map(|one| {
            json!({
                "account": one.instance.account,
                "region": one.instance.region,
                "health": health(one.health),
                "reason": one.reason,
                "stackId": one.stack_id,
            })
        })
        .collect();
    json!({
        "template": step.template.name,
        "stackSet": step.stack,
        "account": step.account,
        "region": step.region,
        "profile": step.profile,
        "instances": instances,
    })
}

fn json_of(step: &StackStep, found: Option<&[Explained]>) -> Value {
    let operations = found.map(|found| found.iter().map(operation_json).collect::<Vec<_>>());
    json!({
        "template": step.template.name,
        "stack": step.stack,
        "account": step.account,
        "region": step.region,
        "profile": step.profile,
        "exists": found.is_some(),
        "operations": operations.unwrap_or_default(),
    })
}

fn operation_json(explained: &Explained) -> Value {
    let Explained { timeline, cause } = explained;
    let rows: Vec<Value> = (timeline.rows.iter())
        .map(|row| {
            let spans: Vec<Value> = (row.spans.iter())
                .map(|span| {
                    json!({ "begin": span.begin, "end": span.end, "rollback": span.rollback })
                })
                .collect();
            json!({
                "resource": row.logical_id,
                "type": row.resource_type,
                "status": row.status,
                "rolledBack": row.rolled_back,
                "reason": row.reason,
                "seconds": row.duration(),
                "spans": spans,
            })
        })
        .collect();
    json!({
        "kind": timeline.kind,
        "status": timeline.status,
        "begin": time::utc(timeline.begin as i64),
        "seconds": timeline.duration(),
        "failed": timeline.failed(),
        "cause": cause.as_ref().map(|cause| json!({
            "resource": cause.logical_id,
            "type": cause.resource_type,
            "status": cause.status,
            "reason": cause.reason,
            "hint": cause.hint,
        })),
        "resources": rows,
    })
}
