//! Deploys an earlier version of the source object again, without an upload.

use crate::deploy::execution::Revision;
use crate::deploy::source::SourceObject;
use crate::shell::Command;

use super::{Push, options::PushOptions};
use crate::cli::aws::push::document::Document;
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::{Failure, Outcome};

/// Starts the pipeline with a version of the source object, and follows the execution.
pub(in crate::cli::aws::push) async fn run(
    options: &PushOptions,
    project: &Project,
    screen: &Screen<'_>,
    version: &str,
) -> Result<Outcome, Failure> {
    let Some(object) = SourceObject::of(&project.plan.dev) else {
        return Err(Failure::new(
            format!(
                "--version requires a source object, but the source is {}",
                project.plan.dev.source
            ),
            "to deploy an earlier commit, use `s3ferry push --start COMMIT`",
        ));
    };
    let (mut push, _) = Push::open(options, project, screen, Document::empty()).await?;
    let Some(found) = object.version(&push.access, version).await? else {
        let list = Command::aws("s3api list-object-versions")
            .option("--bucket", &object.bucket)
            .option("--prefix", &object.key)
            .option("--profile", &push.profile);
        return Err(Failure::new(
            format!(
                "s3://{}/{} has no version `{version}`, or this version is a delete marker",
                object.bucket, object.key
            ),
            format!("run `{list}` to list the versions"),
        ));
    };
    let Some(action) = push.source_action().await? else {
        return Err(Failure::new(
            format!(
                "pipeline `{}` cannot be started with a version: it is not of type V2, or no source \
                 action reads the configured object",
                push.pipeline()
            ),
            "upload the earlier content again with `s3ferry push`",
        ));
    };
    push.result = Document::of_version(&project.plan, &found);
    push.source(version, false)?;
    let revision = Revision {
        action: &action,
        version,
        is_commit: false,
    };
    push.begin(
        Some(revision),
        "to see the state of the pipeline, run `s3ferry status`",
    )
    .await
}
