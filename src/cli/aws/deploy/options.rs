//! The options of `deploy`.

use std::path::PathBuf;

use crate::cli::aws::options::{
    AwsOptions, BucketOption, ParameterOption, ResultOption, RoleOption, StackOptions, YesOption,
    stacks,
};

const EXAMPLES: &str = "\
Examples:
  s3ferry deploy --profile dev          key, buckets, and roles of the dev account
  s3ferry deploy --profile prod         bucket and deploy role of the prod account
  s3ferry deploy --profile dev          pipeline, after prod is deployed
  s3ferry deploy --all --yes            all steps in order, without prompts, for CI
  s3ferry deploy --profile prod --dry-run
  s3ferry deploy --all --dry-run --write-steps steps
                                        show the steps of a change and write their templates
  s3ferry deploy --profile prod --parameter DeployKeyId=mrk-1234...

You can interrupt the command at any time. To resume, run it again.";

/// Options of `s3ferry deploy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(stacks(
        "Deploy",
        "Deploy every stack in order: dev without the pipeline, the targets, and then dev with the \
         pipeline",
    )),
)]
pub(crate) struct DeployOptions {
    #[command(flatten)]
    pub(super) stacks: StackOptions,
    #[command(flatten)]
    pub(super) parameters: ParameterOption,
    /// Require the checked-in templates in this folder to be up to date
    #[arg(
        long,
        value_name = "DIR",
        default_value = "stacks",
        help_heading = "Input"
    )]
    pub(super) out: PathBuf,
    /// Refuse to deploy if results are unproven, values are unresolved, or permissions are
    /// excessive
    #[arg(long, help_heading = "Checks")]
    pub(super) strict: bool,
    #[command(flatten)]
    pub(super) confirmation: YesOption,
    /// Show the changes without making them
    #[arg(long, help_heading = "Behavior")]
    pub(super) dry_run: bool,
    /// Create the pipeline even if the targets cannot be read
    #[arg(long, help_heading = "Behavior")]
    pub(super) create_pipeline: bool,
    /// Allow this deployment to replace or delete a key, a bucket, or a role
    #[arg(long, help_heading = "Behavior")]
    pub(super) allow_replacement: bool,
    /// Change the pipeline even if this aborts a running execution
    #[arg(long, help_heading = "Behavior")]
    pub(super) interrupt_execution: bool,
    /// Deploy even if the pipeline cannot deploy between two steps
    #[arg(long, help_heading = "Behavior")]
    pub(super) allow_interruption: bool,
    /// Deploy all targets as stack sets, even without `stack_set:` in the configuration
    #[arg(long, help_heading = "Behavior")]
    pub(super) stack_set: bool,
    /// Retain the stacks of instances that are removed from a stack set
    #[arg(long, help_heading = "Behavior")]
    pub(super) retain_stacks: bool,
    #[command(flatten)]
    pub(super) role: RoleOption,
    #[command(flatten)]
    pub(super) bucket: BucketOption,
    /// Write the template of each step to this folder for review
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(super) write_steps: Option<PathBuf>,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}
