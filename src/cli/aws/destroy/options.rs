//! The options of `destroy`.

use crate::cli::aws::options::{AwsOptions, ResultOption, RoleOption, StackOptions, stacks};

const EXAMPLES: &str = "\
Examples:
  s3ferry destroy --profile prod        ask for the stack name, then delete the stack
  s3ferry destroy --profile dev         fails while a target is deployed
  s3ferry destroy --all                 delete the targets, then dev
  s3ferry destroy --all --removed       delete only stacks that are no longer configured
  s3ferry destroy --profile prod --confirm crossaccountdeploy-prod   skip the prompt

The key is retained, as are the buckets and their contents. The command prints how to remove them.
You can interrupt the command. To resume, run it again.";

/// Options of `s3ferry destroy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(stacks("Delete", "Delete every stack: targets first, then dev")),
)]
pub(crate) struct DestroyOptions {
    #[command(flatten)]
    pub(super) stacks: StackOptions,
    /// Delete only the stacks that are no longer in the configuration
    #[arg(long, help_heading = "Selection")]
    pub(super) removed: bool,
    /// Confirm the deletion of this stack without a prompt; can be repeated
    #[arg(long, value_name = "STACK", help_heading = "Behavior")]
    pub(super) confirm: Vec<String>,
    /// Delete the stacks even if deployed targets or the live pipeline may still need them
    #[arg(long, help_heading = "Behavior")]
    pub(super) force: bool,
    /// Retain the stacks of stack instances as standalone stacks
    #[arg(long, help_heading = "Behavior")]
    pub(super) retain_stacks: bool,
    #[command(flatten)]
    pub(super) role: RoleOption,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}
