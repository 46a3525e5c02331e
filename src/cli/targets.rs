//! `s3ferry targets`: what the configuration expands to, instance by instance.

use crate::plan::{InstancePlan, Plan, TargetPlan};
use serde_json::{Value as Json, json};

use super::locate::ExampleOption;
use super::output::{Text, note, print, table};
use super::project::Project;
use super::{Failure, Global, Outcome};

const EXAMPLES: &str = "\
Examples:
  s3ferry targets                          every account and region, in the order of the waves
  s3ferry targets --target prod --region eu-west-1
  s3ferry targets --account 222222222222 --format json
  s3ferry targets --format csv > targets.csv";

const COLUMNS: [&str; 9] = [
    "target", "wave", "account", "region", "bucket", "role", "pipeline", "stage", "action",
];

/// Version of the JSON shape; it changes when a member changes its meaning or goes.
const JSON_VERSION: u32 = 1;

/// TargetsOptions of `targets`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TargetsOptions {
    #[command(flatten)]
    example: ExampleOption,
    /// Only the target of this name
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    target: Vec<String>,
    /// Only this account
    #[arg(long, value_name = "ID", help_heading = "Filters")]
    account: Vec<String>,
    /// Only this region
    #[arg(long, value_name = "REGION", help_heading = "Filters")]
    region: Vec<String>,
    /// Format of the answer
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
}

/// How the list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// One JSON object.
    Json,
    /// Comma-separated values, with a first line that names the columns.
    Csv,
}

/// Lists the instances of the targets.
pub(crate) fn run(global: &Global, options: &TargetsOptions) -> Result<Outcome, Failure> {
    let project = Project::load_or_example(global, options.example)?;
    let plan = &project.plan;
    known(plan, "target", &options.target, |target, _| &target.name)?;
    known(plan, "account", &options.account, |_, instance| {
        &instance.account
    })?;
    known(plan, "region", &options.region, |_, instance| {
        &instance.region
    })?;
    let wanted = |values: &[String], value: &str| {
        values.is_empty() || values.iter().any(|wanted| wanted == value)
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (wave, target) in plan.targets.iter().enumerate() {
        let instances = target.instances.iter().filter(|instance| {
            wanted(&options.target, &target.name)
                && wanted(&options.account, &instance.account)
                && wanted(&options.region, &instance.region)
        });
        rows.extend(instances.map(|instance| {
            vec![
                target.name.clone(),
                (wave + 1).to_string(),
                instance.account.to_string(),
                instance.region.to_string(),
                instance.bucket.name.to_string(),
                instance.role.name.to_string(),
                plan.pipelines[instance.pipeline].name.to_string(),
                instance.stage.clone(),
                instance.action.clone(),
            ]
        }));
    }
    print(match options.format {
        Format::Text if rows.is_empty() => Text::new(),
        Format::Text => Text::from(&table(&COLUMNS, &rows, &[1])),
        Format::Json => Text::json(&json_of(&rows)),
        Format::Csv => Text::from(&csv_of(&rows)),
    })?;
    if rows.is_empty() {
        note(global, "Nothing is all of that.");
    }
    Ok(Outcome::Done)
}

/// Every value of a filter must mean something.
pub(crate) fn known(
    plan: &Plan,
    what: &str,
    values: &[String],
    of: for<'p> fn(&'p TargetPlan, &'p InstancePlan) -> &'p str,
) -> Result<(), Failure> {
    for value in values {
        let all = || {
            plan.instances()
                .map(|(target, instance)| of(target, instance))
        };
        if all().all(|known| known != value) {
            let help = match crate::config::near(value, all()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "see `s3ferry targets`".to_owned(),
            };
            return Err(Failure::new(
                format!("the configuration has no {what} `{value}`"),
                help,
            ));
        }
    }
    Ok(())
}

fn json_of(rows: &[Vec<String>]) -> String {
    let objects: Json = rows
        .iter()
        .map(|row| {
            let fields = COLUMNS.iter().zip(row).map(|(column, value)| {
                let value = match *column {
                    "wave" => json!(value.parse::<usize>().unwrap_or_default()),
                    _ => json!(value),
                };
                ((*column).to_owned(), value)
            });
            Json::Object(fields.collect())
        })
        .collect();
    format!(
        "{:#}\n",
        json!({ "version": JSON_VERSION, "instances": objects })
    )
}

/// No name that AWS accepts needs quotes; a role's may, for its comma.
fn csv_of(rows: &[Vec<String>]) -> String {
    let mut out = format!("{}\n", COLUMNS.join(","));
    for row in rows {
        let fields: Vec<String> = row
            .iter()
            .map(|field| {
                if field.contains(',') {
                    format!("\"{field}\"")
                } else {
                    field.clone()
                }
            })
            .collect();
        out.push_str(&fields.join(","));
        out.push('\n');
    }
    out
}
