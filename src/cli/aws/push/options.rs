//! The options of `push`.

use std::path::PathBuf;

use super::warning::Code;
use crate::cli::aws::options::{AwsOptions, DEV_PROFILE, ProfileOption, ResultOption, help};
use crate::cli::{Global, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry push site/                    zip the folder, upload it, follow the pipeline
  s3ferry push site.zip --no-watch      upload only
  s3ferry push site/ --start            the same content again: run the pipeline anyway
  s3ferry push site/ --profile dev-ci --format json
  s3ferry push site/ --strict --allow content-type
  version=$(s3ferry push site/ --no-watch -q)

The result is the version ID; it is printed alone with -q, and where standard output is no
terminal.

Before the upload, push warns about files that the S3 deploy action treats in an unexpected way:
`\\` in a name becomes `/`, a symbolic link becomes a small file, most types become
application/octet-stream. Notes are for information; --strict refuses warnings only.

The pipeline adds and overwrites files. Files that are removed from the site are not deleted from
the bucket.

A push that was stopped while the pipeline ran is run again: what is uploaded already is not
uploaded twice, and the execution is followed on.";

/// PushOptions of `push`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(help("profile", DEV_PROFILE)))]
pub(crate) struct PushOptions {
    /// Folder of the site, or a zip file of it
    #[arg(value_name = "FILE|DIR")]
    pub(super) path: PathBuf,
    #[command(flatten)]
    pub(super) profile: ProfileOption,
    /// Take the folder's hidden files too, whose names begin with a dot
    #[arg(long, help_heading = "Input")]
    pub(super) hidden: bool,
    /// Refuse to upload if there is a warning about the files; notes are accepted
    #[arg(long, help_heading = "Checks")]
    pub(super) strict: bool,
    /// Leave out a kind of warning or note; can be repeated
    #[arg(long, value_name = "KIND", value_enum, help_heading = "Checks")]
    pub(super) allow: Vec<Code>,
    /// Follow the pipeline to its end, which is the default
    #[arg(long, overrides_with = "no_watch", help_heading = "Behavior")]
    watch: bool,
    /// Upload, and do not wait for the pipeline
    #[arg(long, help_heading = "Behavior")]
    pub(super) no_watch: bool,
    /// Start the pipeline though the content is the same as before
    #[arg(long, help_heading = "Behavior")]
    pub(super) start: bool,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}

/// The command that goes on after an interruption; `start` is left out once the pipeline was
/// started, which it would start again.
pub(super) fn resume(global: &Global, options: &PushOptions, start: bool) -> String {
    let path = options.path.to_string_lossy();
    let allowed: Vec<String> = options.allow.iter().map(|code| code.name()).collect();
    let mut words = vec!["push", &*path];
    words.extend(shell::given(&[
        (options.hidden, "--hidden"),
        (options.strict, "--strict"),
        (start, "--start"),
        (options.no_watch, "--no-watch"),
    ]));
    for code in &allowed {
        words.extend(["--allow", code]);
    }
    for (option, value) in [
        ("--profile", options.profile.name()),
        ("--endpoint-url", options.aws.endpoint_url()),
    ] {
        if let Some(value) = value {
            words.extend([option, value]);
        }
    }
    shell::command(global, &words)
}
