//! `s3ferry push`: a folder or zip file uploaded as a new version of the source, and the
//! execution of the pipeline that it starts, followed to its end.

mod archive;
mod check;
mod content;
mod flow;
mod limits;
mod site;
mod warning;
pub(crate) mod watch;
mod why;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::deploy::source::Upload;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) use archive::options as entry_options;

use crate::cli::aws::deploy::example_buckets;
use crate::cli::aws::runtime::{AwsOptions, Format, ResultOption, block_on_or};
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, output, shell};
use warning::{Code, Warning};

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
#[command(after_help = EXAMPLES)]
pub(crate) struct PushOptions {
    /// Folder of the site, or a zip file of it
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// Named profile of the AWS configuration [default: the dev account's, by the configuration]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Follow the pipeline to its end, which is the default
    #[arg(long, overrides_with = "no_watch")]
    watch: bool,
    /// Upload, and do not wait for the pipeline
    #[arg(long)]
    no_watch: bool,
    /// Start the pipeline though the content is the same as before
    #[arg(long)]
    start: bool,
    /// Take the folder's hidden files too, whose names begin with a dot
    #[arg(long)]
    hidden: bool,
    /// Refuse to upload if there is a warning about the files; notes are accepted
    #[arg(long)]
    strict: bool,
    /// Leave out a kind of warning or note; can be repeated
    #[arg(long, value_name = "KIND", value_enum)]
    allow: Vec<Code>,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// What is to be uploaded, ready on disk.
struct Artifact {
    /// The zip file; a temporary one has no name, so that nothing stays behind.
    file: File,
    /// Its size in bytes.
    size: u64,
    /// Number of files in it.
    files: u64,
    /// What is reported about the files.
    warnings: Vec<Warning>,
    /// SHA-256 of the zip file, in hexadecimal digits.
    sha256: String,
}

/// What is known of an artifact's files before it is uploaded.
struct Inspected {
    /// Number of files.
    files: u64,
    /// What the S3 deploy action does with them that is not expected.
    warnings: Vec<Warning>,
}

/// Uploads and follows.
pub(crate) fn run(global: &Global, options: &PushOptions) -> Result<Outcome, Failure> {
    let project = Project::load(global)?;
    example_buckets(&project.plan)?;
    let screen = Screen::new(global, resume(global, options, options.start));
    let mut artifact = artifact(global, options, &project, &screen)?;
    artifact.warnings = warning::report(global, artifact.warnings, &options.allow);
    if options.strict {
        strict(options, &project, &artifact)?;
    }
    let upload = Upload::default();
    let work = flow::run(global, options, &project, &screen, &artifact, &upload);
    block_on_or(&screen, work, async || {
        // There is nobody to tell: the bucket's own rules end what stays.
        let _ = upload.abort().await;
    })
}

/// Refuses an artifact with warnings. Machines get the result without an upload.
fn strict(options: &PushOptions, project: &Project, artifact: &Artifact) -> Result<(), Failure> {
    let refused = warning::refuse(&artifact.warnings);
    if refused.is_err() && options.result.format == Format::Json {
        let mut result = result(project, artifact);
        result["source"]["versionId"] = Value::Null;
        result["source"]["uploaded"] = json!(false);
        result["next"] = json!("fix the files, or accept the warnings with --allow");
        output::print(output::Text::json_value(&result))?;
    }
    refused
}

/// The result for machines before an upload.
fn result(project: &Project, artifact: &Artifact) -> Value {
    let dev = &project.plan.dev;
    let warnings: Vec<Value> = artifact.warnings.iter().map(Warning::json).collect();
    json!({
        "version": 1,
        "source": {
            "bucket": dev.source_bucket.name,
            "key": dev.source_object_key,
            "bytes": artifact.size,
            "files": artifact.files,
            "sha256": artifact.sha256,
        },
        "warnings": warnings,
        "execution": null,
        "additional": [],
    })
}

/// The command that goes on after an interruption; `start` is left out once the pipeline was
/// started, which it would start again.
fn resume(global: &Global, options: &PushOptions, start: bool) -> String {
    let path = options.path.to_string_lossy();
    let allowed: Vec<String> = options.allow.iter().map(|code| code.name()).collect();
    let mut words = vec!["push", &*path];
    for (option, is_given) in [
        ("--hidden", options.hidden),
        ("--strict", options.strict),
        ("--start", start),
        ("--no-watch", options.no_watch),
    ] {
        if is_given {
            words.push(option);
        }
    }
    for code in &allowed {
        words.extend(["--allow", code]);
    }
    for (option, value) in [
        ("--profile", options.profile.as_deref()),
        ("--endpoint-url", options.aws.endpoint_url()),
    ] {
        if let Some(value) = value {
            words.extend([option, value]);
        }
    }
    shell::command(global, &words)
}

fn artifact(
    global: &Global,
    options: &PushOptions,
    project: &Project,
    screen: &Screen,
) -> Result<Artifact, Failure> {
    let path = &options.path;
    let shown = path.display();
    let data = std::fs::metadata(path).map_err(|error| {
        Failure::new(
            format!("cannot read `{shown}`: {error}"),
            "name a folder or a zip file; `s3ferry sample` writes one to try it with",
        )
    })?;
    let targets = &project.plan.targets;
    let (mut file, Inspected { files, warnings }) = if data.is_dir() {
        archive::make(global, path, options.hidden, targets, screen)?
    } else if !data.is_file() {
        // Before it is opened: a pipe would wait for whoever writes into it.
        return Err(Failure::new(
            format!("`{shown}` is neither a file nor a folder"),
            "name a folder or a zip file",
        ));
    } else {
        let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
        let inspected = check::zip(path, &file, targets, screen)?;
        (file, inspected)
    };
    let (size, sha256) = digest(&mut file).map_err(|error| cannot_read(path, &error))?;
    limits::size(path, size)?;
    Ok(Artifact {
        file,
        size,
        files,
        warnings,
        sha256,
    })
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("cannot read `{}`: {error}", path.display()),
        "check its permissions",
    )
}

/// Size and SHA-256 of a file, read piece by piece.
fn digest(file: &mut File) -> std::io::Result<(u64, String)> {
    use std::io::Seek as _;
    file.rewind()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
    let digest = hasher.finalize();
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    Ok((size, digits.collect()))
}
