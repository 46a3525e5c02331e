//! The options of `destroy`.

use crate::cli::aws::options::{AwsOptions, ResultOption, RoleOption, StackOptions, stacks};

const EXAMPLES: &str = "\
Examples:
  s3ferry destroy --profile prod        asks for the stack's name first
  s3ferry destroy --profile dev         refused while a target stands
  s3ferry destroy --all                 targets, then dev
  s3ferry destroy --all --removed       only stacks that the configuration no longer names
  s3ferry destroy --profile prod --confirm crossaccountdeploy-prod   without a terminal

The key and the buckets stay, with all that is in them; how to remove them is printed.
Safe to interrupt: run it again and it resumes.";

/// DestroyOptions of `destroy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(stacks("deletes", "Delete every stack: the targets', then the dev account's")),
)]
pub(crate) struct DestroyOptions {
    #[command(flatten)]
    pub(super) stacks: StackOptions,
    /// Delete the stacks that the configuration no longer names, and no others
    #[arg(long)]
    pub(super) removed: bool,
    /// Name of a stack to delete, instead of typing it; may be repeated
    #[arg(long, value_name = "STACK")]
    pub(super) confirm: Vec<String>,
    /// Delete the dev account's stacks though a target stands, or cannot be seen from here
    #[arg(long)]
    pub(super) force: bool,
    /// Keep the stacks of a stack set's instances, as stacks without a stack set
    #[arg(long)]
    pub(super) retain_stacks: bool,
    #[command(flatten)]
    pub(super) role: RoleOption,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}
