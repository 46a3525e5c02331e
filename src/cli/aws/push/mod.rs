//! `s3ferry push`: uploads a folder or zip file as a new version of the source object, and follows
//! the pipeline execution that the upload starts. If the source is a repository, nothing is
//! uploaded: the command follows or starts the execution of a commit.

mod archive;
mod artifact;
mod check;
mod content;
mod document;
mod flow;
mod inspected;
mod limits;
mod options;
mod site;
mod warning;
mod why;

use crate::deploy::source::Upload;

use crate::cli::aws::refuse::example_buckets;
use crate::cli::aws::runtime::block_on_or;
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome};
pub(crate) use document::Document;
use flow::{commit, version};
pub(crate) use options::PushOptions;

/// Runs `s3ferry push`.
pub(crate) fn run(global: &Global, options: &PushOptions) -> Result<Outcome, Failure> {
    let project = Project::load(global)?;
    let task = match project.plan.dev.source.repository() {
        Some(_) if options.version.is_some() => None,
        Some(repository) => Some(commit::task(options, &project, repository)?),
        None => None,
    };
    example_buckets(&project.plan)?;
    let starts = options.start || options.version.is_some();
    let screen = Screen::new(global, options::resume(global, options, starts));
    if let Some(id) = &options.version {
        let work = version::run(options, &project, &screen, id);
        return block_on_or(&screen, work, async || {});
    }
    if let Some(task) = task {
        let work = commit::run(options, &project, &screen, task);
        return block_on_or(&screen, work, async || {});
    }
    let Some(path) = &options.path else {
        return Err(Failure::new(
            "`push` requires a folder or a zip file",
            "specify the folder that contains the site; `s3ferry sample` writes a sample zip file",
        ));
    };
    let mut artifact = artifact::artifact(path, options, &project, &screen)?;
    artifact.warnings = warning::report(&screen, artifact.warnings, &options.allow);
    let mut document = Document::new(&project.plan, &artifact);
    if options.strict
        && let Err(refused) = warning::refuse(&artifact.warnings)
    {
        // The JSON output includes the result without an upload.
        document.next = Some("fix the files, or accept the warnings with --allow".to_owned());
        options.result.print(&document)?;
        return Err(refused);
    }
    let upload = Upload::default();
    let work = flow::run(options, &project, &screen, &artifact, document, &upload);
    block_on_or(&screen, work, async || {
        // Ignore failures: a lifecycle rule of the source bucket can remove incomplete uploads.
        let _ = upload.abort().await;
    })
}
