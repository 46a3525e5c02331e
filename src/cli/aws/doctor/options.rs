//! The options of `doctor`.

use std::path::PathBuf;

use crate::cli::aws::options::{AwsOptions, ProfileOption, ResultOption, YesOption, help};

const EXAMPLES: &str = "\
Examples:
  s3ferry doctor                        check all accounts with a configured profile
  s3ferry doctor --profile dev          check only the dev account
  s3ferry doctor --target prod          check the dev account and one target
  s3ferry doctor -v                     also show commands that contain a whole policy
  s3ferry doctor --repair-trust         repair trust policies that reference a deleted role
  s3ferry doctor --format json

The command compares the live state with the deployed templates, even if the configuration has
changed since. It lists everything that it cannot read and makes no assumptions about it. It makes
changes only with --repair-trust, after confirmation.

Exit codes:
  0  no findings: everything was read, and every call of an execution is allowed
  1  findings
  3  nothing could be read
  4  no findings, but not everything could be read or evaluated";

const PROFILE: &str = "Check only the accounts of this AWS profile";

/// Options of `s3ferry doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(help("profile", PROFILE)),
    mut_args(help("yes", "Skip the confirmation prompt before writing a trust policy")),
    mut_args(|arg| match arg.get_id() == "yes" {
        true => arg.requires("repair_trust"),
        false => arg,
    }),
)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(super) profile: ProfileOption,
    /// Check only the dev account and this target
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    pub(super) target: Option<String>,
    /// Use the templates in this folder [default: stacks, if it contains templates]
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    pub(super) dir: Option<PathBuf>,
    /// Repair trust policies that reference a deleted role
    #[arg(long, help_heading = "Behavior")]
    pub(super) repair_trust: bool,
    #[command(flatten)]
    pub(super) confirmation: YesOption,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}
