//! `s3ferry push`: uploads a folder or zip file as a new version of the source object, and follows
//! the pipeline execution that the upload starts.

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
pub(crate) use options::PushOptions;

/// Runs `s3ferry push`.
pub(crate) fn run(global: &Global, options: &PushOptions) -> Result<Outcome, Failure> {
    let project = Project::load(global)?;
    example_buckets(&project.plan)?;
    let screen = Screen::new(global, options::resume(global, options, options.start));
    let mut artifact = artifact::artifact(options, &project, &screen)?;
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
        // Ignore failures: the lifecycle rule of the source bucket removes incomplete uploads.
        let _ = upload.abort().await;
    })
}
