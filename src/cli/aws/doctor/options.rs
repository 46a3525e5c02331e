//! The options of `doctor`.

use std::path::PathBuf;

use crate::cli::aws::options::{AwsOptions, ProfileOption, ResultOption, YesOption, help};

const EXAMPLES: &str = "\
Examples:
  s3ferry doctor                        both accounts, with every profile that is at hand
  s3ferry doctor --profile dev          what can be seen from the dev account
  s3ferry doctor --target prod          the dev account, and one target
  s3ferry doctor -v                     with the commands that hold a whole policy
  s3ferry doctor --repair-trust         write trust policies again that name a deleted role
  s3ferry doctor --format json

The live state is compared with the deployed templates, also where the configuration has changed
since. Everything that cannot be read is listed, and nothing is assumed about it. Only --repair-trust
writes, after asking.

Exit codes:
  0  nothing is wrong: everything was read, and every call of a run is allowed
  1  findings
  3  nothing could be read
  4  no problem was found, but not everything could be read or decided";

const PROFILE: &str = "Named profile of the AWS configuration: only look into its accounts";

/// DoctorOptions of `doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(help("profile", PROFILE)),
    mut_args(help("yes", "Skip the confirmation prompt before a trust policy is written")),
    mut_args(|arg| match arg.get_id() == "yes" {
        true => arg.requires("repair_trust"),
        false => arg,
    }),
)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(super) profile: ProfileOption,
    /// Only look at the dev account and this target
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    pub(super) target: Option<String>,
    /// Folder of the templates [default: stacks, where it has them]
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    pub(super) dir: Option<PathBuf>,
    /// Write trust policies again that name a deleted role
    #[arg(long, help_heading = "Behavior")]
    pub(super) repair_trust: bool,
    #[command(flatten)]
    pub(super) confirmation: YesOption,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}
