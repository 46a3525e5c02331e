//! `s3ferry push`: a folder or zip file uploaded as a new version of the source, and the
//! execution of the pipeline that it starts, followed to its end.

mod archive;
mod check;
mod flow;
mod limits;
pub(crate) mod watch;
mod why;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use s3ferry::deploy::source::Upload;
use sha2::{Digest as _, Sha256};

pub(crate) use archive::options as entry_options;

use super::aws::{AwsOptions, block_on_or};
use super::deploy::{Format, example_buckets};
use super::project::Project;
use super::screen::Screen;
use super::{Failure, Global, Outcome, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry push site/                    zip the folder, upload it, follow the pipeline
  s3ferry push site.zip --no-watch      upload only
  s3ferry push site/ --start            the same content again: run the pipeline anyway
  s3ferry push site/ --profile dev-ci --format json
  version=$(s3ferry push site/ --no-watch -q)

The result is the version ID; it is printed alone with -q, and where standard output is no
terminal.

A push that was stopped while the pipeline ran is run again: what is uploaded already is not
uploaded twice, and the execution is followed on.";

/// Options of `push`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
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
    /// Format of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
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
    /// SHA-256 of the zip file, in hexadecimal digits.
    sha256: String,
}

/// Uploads and follows.
pub(crate) fn run(global: &Global, options: &Options) -> Result<Outcome, Failure> {
    let project = Project::load(global)?;
    example_buckets(&project.plan)?;
    let screen = Screen::new(global, resume(global, options, options.start));
    let artifact = artifact(global, options, &project, &screen)?;
    let upload = Upload::default();
    let work = flow::run(global, options, &project, &screen, &artifact, &upload);
    block_on_or(&screen, work, async || {
        // There is nobody to tell: the bucket's own rules end what stays.
        let _ = upload.abort().await;
    })
}

/// The command that goes on after an interruption; `start` is left out once the pipeline was
/// started, which it would start again.
fn resume(global: &Global, options: &Options, start: bool) -> String {
    let path = options.path.to_string_lossy();
    let mut words = vec!["push", &*path];
    for (option, is_given) in [
        ("--hidden", options.hidden),
        ("--start", start),
        ("--no-watch", options.no_watch),
    ] {
        if is_given {
            words.push(option);
        }
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
    options: &Options,
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
    let (mut file, files) = if data.is_dir() {
        archive::make(global, path, options.hidden, targets, screen)?
    } else if !data.is_file() {
        // Before it is opened: a pipe would wait for whoever writes into it.
        return Err(Failure::new(
            format!("`{shown}` is neither a file nor a folder"),
            "name a folder or a zip file",
        ));
    } else {
        let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
        let files = check::zip(global, path, &file, targets, screen)?;
        (file, files)
    };
    let (size, sha256) = digest(&mut file).map_err(|error| cannot_read(path, &error))?;
    limits::size(path, size)?;
    Ok(Artifact {
        file,
        size,
        files,
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
