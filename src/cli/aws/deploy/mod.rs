//! `s3ferry deploy`: the stacks of a profile, or all of them, in the order that they need.

pub(crate) mod existing_policy;
pub(crate) mod flow;
pub(crate) mod handoff;
mod initial_run;
mod one;
pub(crate) mod propagation;
pub(crate) mod refuse;
mod session;
pub(crate) mod show;
mod show_properties;
pub(crate) mod stack_set;
mod stack_set_buckets;
mod stack_set_inoperable;
pub(crate) mod stack_set_show;
mod survey;
mod transition;
mod transition_refuse;
mod transition_show;

use std::path::PathBuf;

use crate::cli::aws::runtime::{AwsOptions, ResultOption, block_on, require_stacks};
use crate::cli::aws::screen::Screen;
pub(crate) use crate::cli::proof_input::parameter;
use crate::cli::{Failure, Global, Outcome, shell};
pub(crate) use refuse::example_buckets;
use session::Session;

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
#[command(after_help = EXAMPLES)]
pub(crate) struct DeployOptions {
    /// Named profile of the AWS configuration: deploys the stacks that the configuration gives it
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Deploy every stack in order: dev without its pipeline, the targets, dev with it
    #[arg(long, conflicts_with = "profile")]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Make the pipeline, though the targets cannot be seen from here
    #[arg(long)]
    pub(crate) create_pipeline: bool,
    /// A parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Exit with 1 and deploy nothing also for unproven results, unresolved values and unexplained
    /// excess
    #[arg(long)]
    pub(crate) strict: bool,
    /// Allow that a key, a bucket or a role is replaced or deleted, this once
    #[arg(long)]
    pub(crate) allow_replacement: bool,
    /// Change the pipeline though an execution of it runs, which then ends unfinished
    #[arg(long)]
    pub(crate) interrupt_execution: bool,
    /// Deploy although the pipeline cannot deploy between two of the steps
    #[arg(long)]
    pub(crate) allow_interruption: bool,
    /// Deploy the targets as stack sets, also where the configuration has no `stack_set:`
    #[arg(long)]
    pub(crate) stack_set: bool,
    /// Keep the stacks of accounts and regions that leave a stack set
    #[arg(long)]
    pub(crate) retain_stacks: bool,
    /// Role that CloudFormation acts with, instead of the profile's own permissions
    #[arg(long, value_name = "ARN", value_parser = crate::cli::aws::runtime::role_arn)]
    pub(crate) role_arn: Option<String>,
    /// Bucket for templates that are too long to go inline
    #[arg(long, value_name = "BUCKET")]
    pub(crate) template_bucket: Option<String>,
    /// Write the template of each step of a change to this folder, for review
    #[arg(long, value_name = "DIR")]
    pub(crate) write_steps: Option<PathBuf>,
    /// Folder of the checked-in templates, which must be up to date
    #[arg(long, value_name = "DIR", default_value = "stacks")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) result: ResultOption,
    #[command(flatten)]
    pub(crate) aws: AwsOptions,
}

pub(crate) fn run(global: &Global, options: &DeployOptions) -> Result<Outcome, Failure> {
    require_stacks("deploy", options.profile.as_deref(), Some(options.all))?;
    // Without them, the rest of the change would be refused.
    let consents = shell::given(&[
        (options.allow_replacement, "--allow-replacement"),
        (options.allow_interruption, "--allow-interruption"),
        (options.create_pipeline, "--create-pipeline"),
    ]);
    let resume = shell::resume(global, "deploy", options.profile.as_deref(), &consents);
    let screen = Screen::new(global, resume);
    let mut session = Session::open(global, options, &screen)?;
    block_on(&screen, flow::run(&mut session))
}
