//! `s3ferry targets`: lists the instances of the targets in the configuration.

use crate::plan::{InstancePlan, Plan, TargetPlan};
use schemars::JsonSchema;
use serde::Serialize;

use super::json::Version;
use super::locate::ExampleOption;
use super::output::{Text, note, print, table};
use super::project::Project;
use super::{Failure, Global, Outcome};

const EXAMPLES: &str = "\
Examples:
  s3ferry targets  all accounts and regions, in deployment order
  s3ferry targets --target prod --region eu-west-1
  s3ferry targets --account 222222222222 --format json
  s3ferry targets --format csv > targets.csv";

const COLUMNS: [&str; 9] = [
    "target", "wave", "account", "region", "bucket", "role", "pipeline", "stage", "action",
];

/// The output of `s3ferry targets --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry targets")]
pub(crate) struct Document<'p> {
    version: Version,
    /// Accounts and regions, in the order of the waves.
    instances: Vec<Instance<'p>>,
}

/// An account and region of a target.
#[derive(Serialize, JsonSchema)]
struct Instance<'p> {
    /// Name of the target.
    target: &'p str,
    /// Number of the target in the order of deployment, from 1.
    #[schemars(range(min = 1))]
    wave: usize,
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    account: &'p str,
    /// Region.
    region: &'p str,
    /// Name of the output bucket.
    bucket: &'p str,
    /// Name of the deploy role.
    role: &'p str,
    /// Name of the pipeline.
    pipeline: &'p str,
    /// Name of the stage.
    stage: &'p str,
    /// Name of the deploy action.
    action: &'p str,
    /// ID of the CloudFront distribution that is invalidated after the deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    distribution: Option<&'p str>,
}

impl<'p> Instance<'p> {
    fn new(
        plan: &'p Plan,
        wave: usize,
        target: &'p TargetPlan,
        instance: &'p InstancePlan,
    ) -> Self {
        Self {
            target: &target.name,
            wave,
            account: &instance.account,
            region: &instance.region,
            bucket: &instance.bucket.name,
            role: &instance.role.name,
            pipeline: &plan.pipelines[instance.pipeline].name,
            stage: &instance.stage,
            action: &instance.action,
            distribution: (instance.invalidation.as_ref())
                .map(|invalidation| invalidation.distribution.as_str()),
        }
    }

    /// Returns the values in the order of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let wave = self.wave.to_string();
        [
            self.target,
            &wave,
            self.account,
            self.region,
            self.bucket,
            self.role,
            self.pipeline,
            self.stage,
            self.action,
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TargetsOptions {
    /// List only the target with this name; can be repeated
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    target: Vec<String>,
    /// List only this account; can be repeated
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    account: Vec<String>,
    /// List only this region; can be repeated
    #[arg(long, value_name = "REGION", help_heading = "Selection")]
    region: Vec<String>,
    #[command(flatten)]
    example: ExampleOption,
    /// Set the output format
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
}

/// The format of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// One JSON object.
    Json,
    /// Comma-separated values with a header line.
    Csv,
}

/// Lists the instances of the targets.
pub(crate) fn run(global: &Global, options: &TargetsOptions) -> Result<Outcome, Failure> {
    let project = Project::load_or_example(global, options.example)?;
    let plan = &project.plan;
    project.known("target", &options.target, |target, _| &target.name)?;
    project.known("account", &options.account, |_, found| &found.account)?;
    project.known("region", &options.region, |_, found| &found.region)?;
    let wanted = |values: &[String], value: &str| {
        values.is_empty() || values.iter().any(|wanted| wanted == value)
    };
    let mut instances = Vec::new();
    for (target, wave) in plan.targets.iter().zip(1..) {
        let found = target.instances.iter().filter(|instance| {
            wanted(&options.target, &target.name)
                && wanted(&options.account, &instance.account)
                && wanted(&options.region, &instance.region)
        });
        instances.extend(found.map(|instance| Instance::new(plan, wave, target, instance)));
    }
    let is_empty = instances.is_empty();
    let rows = || instances.iter().map(Instance::row).collect::<Vec<_>>();
    print(match options.format {
        Format::Text if is_empty => Text::new(),
        Format::Text => Text::from(&table(&COLUMNS, &rows(), &[1])),
        Format::Csv => Text::from(&csv_of(&rows())),
        Format::Json => Text::document(&Document {
            version: Version,
            instances,
        })?,
    })?;
    if is_empty {
        note(global, "No instance matches all filters.");
    }
    Ok(Outcome::Done)
}

/// Returns comma-separated values. Only the name of a role can contain a comma.
fn csv_of(rows: &[Vec<String>]) -> String {
    let quoted = |field: &String| match field.contains(',') {
        true => format!("\"{field}\""),
        false => field.clone(),
    };
    let mut out = format!("{}\n", COLUMNS.join(","));
    for row in rows {
        out += &row.iter().map(quoted).collect::<Vec<_>>().join(",");
        out.push('\n');
    }
    out
}
