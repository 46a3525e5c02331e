//! The options of `deploy`.

use std::path::PathBuf;

use crate::cli::aws::options::{
    AwsOptions, BucketOption, ParameterOption, ResultOption, RoleOption, StackOptions, YesOption,
    stacks,
};

const EXAMPLES: &str = "\
Examples:
  s3ferry deploy --profile dev          key, buckets and roles of the dev account
  s3ferry deploy --profile prod         prod's bucket and deploy role
  s3ferry deploy --profile dev          the pipeline, now that prod stands
  s3ferry deploy --all --yes            every step in order, without asking, for CI
  s3ferry deploy --profile prod --dry-run
  s3ferry deploy --all --dry-run --write-steps steps
                                        the steps of a change, and the template of each
  s3ferry deploy --profile prod --parameter DeployKeyId=mrk-1234...

Safe to interrupt, by Ctrl-C or in any other way: run it again and it resumes.";

/// DeployOptions of `deploy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(stacks(
        "deploys",
        "Deploy every stack in order: dev without its pipeline, the targets, dev with it",
    )),
)]
pub(crate) struct DeployOptions {
    #[command(flatten)]
    pub(super) stacks: StackOptions,
    #[command(flatten)]
    pub(super) confirmation: YesOption,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Make the pipeline, though the targets cannot be seen from here
    #[arg(long)]
    pub(super) create_pipeline: bool,
    #[command(flatten)]
    pub(super) parameters: ParameterOption,
    /// Exit with 1 and deploy nothing also for unproven results, unresolved values and unexplained
    /// excess
    #[arg(long)]
    pub(super) strict: bool,
    /// Allow that a key, a bucket or a role is replaced or deleted, this once
    #[arg(long)]
    pub(super) allow_replacement: bool,
    /// Change the pipeline though an execution of it runs, which then ends unfinished
    #[arg(long)]
    pub(super) interrupt_execution: bool,
    /// Deploy although the pipeline cannot deploy between two of the steps
    #[arg(long)]
    pub(super) allow_interruption: bool,
    /// Deploy the targets as stack sets, also where the configuration has no `stack_set:`
    #[arg(long)]
    pub(super) stack_set: bool,
    /// Keep the stacks of accounts and regions that leave a stack set
    #[arg(long)]
    pub(super) retain_stacks: bool,
    #[command(flatten)]
    pub(super) role: RoleOption,
    #[command(flatten)]
    pub(super) bucket: BucketOption,
    /// Write the template of each step of a change to this folder, for review
    #[arg(long, value_name = "DIR")]
    pub(super) write_steps: Option<PathBuf>,
    /// Folder of the checked-in templates, which must be up to date
    #[arg(long, value_name = "DIR", default_value = "stacks")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}
