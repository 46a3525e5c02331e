//! The options of `push`.

use std::path::PathBuf;

use super::warning::Code;
use crate::cli::aws::options::{AwsOptions, DEV_PROFILE, ProfileOption, ResultOption, help};
use crate::cli::{Global, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry push site/                    zip and upload the folder, then follow the pipeline
  s3ferry push site.zip --no-watch      upload only
  s3ferry push site/ --start            start the pipeline even if the content is unchanged
  s3ferry push site/ --profile dev-ci --format json
  s3ferry push site/ --strict --allow content-type
  version=$(s3ferry push site/ --no-watch -q)
  s3ferry push --version \"$version\"     deploy an earlier version again

Examples for a repository:
  s3ferry push --watch                  follow the newest execution
  s3ferry push --watch 4f3c2b1          follow the execution of this commit
  s3ferry push --start COMMIT           deploy a specific commit, such as an older one

The result is the version ID, or the commit ID. The command prints it to standard output with -q, or
if standard output is not a terminal.

Before the upload, the command warns about unexpected effects of the S3 deploy action: `\\` in a
name becomes `/`, a symbolic link becomes a small file, and most types become
application/octet-stream. Notes are informational. With --strict, warnings prevent the upload.

The pipeline adds and overwrites files. It does not delete files that were removed from the site.

If the source is a repository, every push to its branch starts the pipeline, so there is nothing to
upload.

You can interrupt the command. To resume without another upload, run it again.";

/// Options of `s3ferry push`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(help("profile", DEV_PROFILE)))]
pub(crate) struct PushOptions {
    /// Folder or zip file that contains the site; if the source is a repository, the ID of a commit
    #[arg(value_name = "FILE|DIR|COMMIT")]
    pub(super) path: Option<PathBuf>,
    #[command(flatten)]
    pub(super) profile: ProfileOption,
    /// Deploy this earlier version of the source object again, without an upload
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["path", "hidden", "strict", "allow", "start"],
        help_heading = "Input"
    )]
    pub(super) version: Option<String>,
    /// Include hidden files, whose names begin with a dot
    #[arg(long, help_heading = "Input")]
    pub(super) hidden: bool,
    /// Refuse to upload if there are warnings about the files; notes are accepted
    #[arg(long, help_heading = "Checks")]
    pub(super) strict: bool,
    /// Suppress this kind of warning or note; can be repeated
    #[arg(long, value_name = "KIND", value_enum, help_heading = "Checks")]
    pub(super) allow: Vec<Code>,
    /// Follow the pipeline execution until it ends (default); if the source is a repository, follow
    /// the newest execution or the execution of COMMIT
    #[arg(long, overrides_with = "no_watch", help_heading = "Behavior")]
    pub(super) watch: bool,
    /// Upload without waiting for the pipeline
    #[arg(long, help_heading = "Behavior")]
    pub(super) no_watch: bool,
    /// Start the pipeline even if the content is unchanged; if the source is a repository, deploy
    /// COMMIT or the newest commit
    #[arg(long, help_heading = "Behavior")]
    pub(super) start: bool,
    #[command(flatten)]
    pub(super) result: ResultOption,
    #[command(flatten)]
    pub(super) aws: AwsOptions,
}

/// Returns the command that resumes the work after an interruption. `start` must be `false` once
/// the pipeline has started, to avoid starting it again.
pub(super) fn resume(global: &Global, options: &PushOptions, start: bool) -> String {
    // A version is only started, so nothing is left to resume after the start.
    if options.version.is_some() && !start {
        return shell::command(global, &["status"]);
    }
    let path = options.path.as_deref().map(|path| path.to_string_lossy());
    let allowed: Vec<String> = options.allow.iter().map(|code| code.name()).collect();
    let mut words = vec!["push"];
    words.extend(path.as_deref());
    words.extend(shell::given(&[
        (options.watch && path.is_none() && !start, "--watch"),
        (options.hidden, "--hidden"),
        (options.strict, "--strict"),
        (start && options.version.is_none(), "--start"),
        (options.no_watch, "--no-watch"),
    ]));
    for code in &allowed {
        words.extend(["--allow", code]);
    }
    for (option, value) in [
        ("--version", options.version.as_deref()),
        ("--profile", options.profile.name()),
        ("--endpoint-url", options.aws.endpoint_url()),
    ] {
        if let Some(value) = value {
            words.extend([option, value]);
        }
    }
    shell::command(global, &words)
}
