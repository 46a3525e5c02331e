//! The steps of a push: checks the bucket, uploads the content unless the bucket already contains
//! it, finds or starts the execution, and follows it.

pub(super) mod commit;
mod follow;
pub(super) mod version;

use std::io::IsTerminal as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::definition::Definition;
use crate::deploy::execution::{self, Execution, Revision};
use crate::deploy::source::{Content, Current, SourceObject, Upload};
use crate::deploy::{Access, Identity, Observer as _, pipeline};
use crate::escape::shown;
use crate::plan::{PipelinePlan, SOURCE_ACTION, SourcePlan};
use crate::shell::{Command, word};

use super::artifact::Artifact;
use super::document::Document;
use super::options::{self, PushOptions, resume};
use crate::cli::aws::accounts::token;
use crate::cli::aws::runtime::first_answer;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::watch::{ExecutionEntry, one_line};
use crate::cli::output::{self, thousands};
use crate::cli::project::Project;
use crate::cli::{Failure, Outcome};

/// Maximum time for the pipeline to detect an upload. An event takes seconds; polling takes
/// minutes.
const START_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Maximum number of buckets in the final message.
const NAMED: usize = 5;

struct Push<'a> {
    options: &'a PushOptions,
    project: &'a Project,
    screen: &'a Screen<'a>,
    access: Access,
    profile: String,
    /// Version ID of the source object, or commit ID. Empty if it is not known yet.
    version: String,
    /// The result for JSON output.
    result: Document,
}

/// Runs the push.
pub(super) async fn run(
    options: &PushOptions,
    project: &Project,
    screen: &Screen<'_>,
    artifact: &Artifact,
    result: Document,
    upload: &Upload,
) -> Result<Outcome, Failure> {
    let (mut push, caller) = Push::open(options, project, screen, result).await?;
    let Some(object) = SourceObject::of(&project.plan.dev) else {
        return Ok(Outcome::Done);
    };
    let access = &push.access;
    object.check_versioning(access).await?;
    // A push works without this permission.
    if let Ok(aborted @ 1..) = object.abort_leftovers(access, &caller).await {
        screen.says(format!(
            "Aborted {} of this object from an earlier push.",
            match aborted {
                1 => "an incomplete upload".to_owned(),
                more => format!("{more} incomplete uploads"),
            }
        ));
    }
    let current = object.current(access).await?;
    let same = current.filter(|current| {
        current.size == artifact.size && current.sha256.as_deref() == Some(&artifact.sha256)
    });
    match same {
        Some(current) => {
            push.source(&current.version, false)?;
            push.again(&object, &current).await
        }
        None => {
            let version = push.upload(&object, artifact, upload).await?;
            push.source(&version, true)?;
            push.after_upload().await
        }
    }
}

impl<'a> Push<'a> {
    /// Connects to the dev account. Returns the push and the caller.
    async fn open(
        options: &'a PushOptions,
        project: &'a Project,
        screen: &'a Screen<'_>,
        result: Document,
    ) -> Result<(Self, Identity), Failure> {
        let dev = &project.plan.dev;
        let (profile, origin) = options.profile.or_configured(&dev.profile);
        let settings = options.aws.settings();
        let access = Access::open_as(&profile, origin, &dev.region, &settings).await?;
        // A push needs fewer permissions than a deployment.
        let access = access.needing("--push");
        let caller = first_answer(screen, &profile, access.verify_account(&dev.account)).await?;
        let push = Self {
            options,
            project,
            screen,
            access,
            profile,
            version: String::new(),
            result,
        };
        Ok((push, caller))
    }
}

impl Push<'_> {
    /// Records and prints the version, which is the result. Prints it immediately, because the
    /// pipeline may fail. On a terminal, the screen already shows it.
    fn source(&mut self, version: &str, uploaded: bool) -> Result<(), Failure> {
        version.clone_into(&mut self.version);
        self.result.set_version(version);
        if let Some(source) = &mut self.result.source {
            source.uploaded = uploaded;
        }
        let is_said = std::io::stdout().is_terminal() && !self.screen.global.quiet;
        if self.options.result.is_text() && !is_said {
            output::print(&output::line(version))?;
        }
        Ok(())
    }

    /// Returns the next step to follow the execution. `--start` would start another execution.
    fn to_follow(&self) -> &'static str {
        match self.options.start {
            true => "to follow the pipeline, run the same push without --no-watch and --start",
            false => "to follow the pipeline, run the same push without --no-watch",
        }
    }

    fn pipeline(&self) -> &str {
        &self.project.plan.dev.pipeline
    }

    async fn upload(
        &self,
        object: &SourceObject,
        artifact: &Artifact,
        upload: &Upload,
    ) -> Result<String, Failure> {
        let size = thousands(usize::try_from(artifact.size).unwrap_or(usize::MAX));
        let files = match artifact.files {
            1 => "1 file".to_owned(),
            more => format!("{more} files"),
        };
        let place = format!("s3://{}/{}", object.bucket, object.key);
        let bar = self.screen.bytes("Uploading", artifact.size);
        let content = Content {
            file: &artifact.file,
            size: artifact.size,
            sha256: &artifact.sha256,
            summary: format!("{files}, SHA-256 {}", &artifact.sha256[..12]),
        };
        let done = upload
            .run(&self.access, object, &content, &|arrived| {
                bar.set_position(arrived)
            })
            .await;
        drop(bar);
        let version = done?;
        self.screen.says(format!(
            "Uploaded {files} ({size} bytes) to {place}\nVersion {}",
            shown(&version)
        ));
        Ok(version)
    }

    /// Finds and follows the execution after an upload.
    async fn after_upload(&mut self) -> Result<Outcome, Failure> {
        if self.options.no_watch {
            return self.finish(self.to_follow());
        }
        self.screen
            .executing("the upload is complete, and the pipeline starts automatically");
        match self.find(self.pipeline(), 0, START_LIMIT).await? {
            Some(found) => self.follow(&found.id).await,
            None => Err(self.not_started().await),
        }
    }

    /// Handles content that the bucket already contains: follows its execution, reports the result,
    /// or starts a new execution.
    async fn again(
        &mut self,
        object: &SourceObject,
        current: &Current,
    ) -> Result<Outcome, Failure> {
        self.screen.says(format!(
            "Not uploaded: s3://{}/{} already has this content.\nVersion {}",
            object.bucket,
            object.key,
            shown(&current.version)
        ));
        if self.options.start {
            return self.start().await;
        }
        if self.options.no_watch {
            return self.finish("to start the pipeline anyway, use --start");
        }
        let age = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_secs())
            .saturating_sub(current.modified.unsigned_abs());
        let left = START_LIMIT.saturating_sub(Duration::from_secs(age));
        let Some(found) = self.find(self.pipeline(), 0, left).await? else {
            return Err(self.not_started().await);
        };
        let is_all = self.further().next().is_none();
        if !found.is_running() {
            self.screen.says(format!(
                "Execution {} used this version: {}.",
                shown(&found.id),
                said(&found)
            ));
        }
        if found.succeeded() && is_all {
            self.result.execution = Some(ExecutionEntry {
                id: found.id,
                status: found.status.to_string(),
                version_id: Some(Some(self.version.clone())),
                ..ExecutionEntry::default()
            });
            return self.finish("nothing to do; to start the pipeline again, use --start");
        }
        // Follow a completed execution to report its failure, or to follow the next pipelines.
        self.follow(&found.id).await
    }

    async fn start(&mut self) -> Result<Outcome, Failure> {
        let action = self.source_action().await?;
        let version = self.version.clone();
        let revision = action.as_deref().map(|action| Revision {
            action,
            version: &version,
            is_commit: false,
        });
        self.begin(revision, self.to_follow()).await
    }

    /// Starts an execution and follows it, unless the options exclude this. `next` is the step that
    /// follows it later.
    async fn begin(
        &mut self,
        revision: Option<Revision<'_>>,
        next: &str,
    ) -> Result<Outcome, Failure> {
        let id = execution::start(&self.access, self.pipeline(), &token(1), revision).await?;
        self.screen
            .resumes_with(resume(self.screen.global, self.options, false));
        self.screen
            .says(format!("Started execution {}.", shown(&id)));
        if self.options.no_watch {
            self.result.execution = Some(ExecutionEntry {
                id,
                status: "InProgress".to_owned(),
                ..ExecutionEntry::default()
            });
            return self.finish(next);
        }
        self.follow(&id).await
    }

    /// Returns the name of the source action that accepts a version. Returns `None` if the pipeline
    /// does not support source revisions. According to the AWS documentation, *Pipeline types*,
    /// they require type V2.
    async fn source_action(&self) -> Result<Option<String>, Failure> {
        let dev = &self.project.plan.dev;
        if dev.create_pipeline {
            return Ok(Some(SOURCE_ACTION.to_owned()));
        }
        let text = pipeline::read(&self.access, &dev.pipeline).await?;
        let definition = Definition::of_answer(&format!("pipeline {}", dev.pipeline), &text)
            .map_err(|(source, problems)| Failure::document(source, problems))?;
        let mut sources = (definition.actions.iter()).filter(|action| action.reads(&dev.source));
        let action = sources.next().filter(|_| definition.is_v2());
        Ok(action.map(|action| action.name.clone()))
    }

    /// Returns the word for a version of the source.
    fn unit(&self) -> &'static str {
        match self.project.plan.dev.source {
            SourcePlan::Object(_) => "version",
            SourcePlan::Repository(_) => "commit",
        }
    }

    /// Returns the step that deploys the version again.
    fn restart(&self) -> String {
        match self.project.plan.dev.source {
            SourcePlan::Object(_) if self.options.version.is_some() => {
                "run the same push again".to_owned()
            }
            SourcePlan::Object(_) => "run the same push with --start".to_owned(),
            SourcePlan::Repository(_) if self.version.is_empty() => {
                "run `s3ferry push --start`".to_owned()
            }
            SourcePlan::Repository(_) => {
                format!("run `s3ferry push --start {}`", word(&self.version))
            }
        }
    }

    /// Finds the newest execution that uses the version and started at `since` or later.
    async fn find(
        &self,
        pipeline: &str,
        since: i64,
        limit: Duration,
    ) -> Result<Option<Execution>, Failure> {
        let limit = limit.min(self.options.aws.wait_timeout);
        self.screen.begins("pipeline to start");
        let takes = |one: &&Execution| one.started >= since && one.takes(&self.version);
        let pick = |found: &[Execution]| found.iter().find(takes).cloned();
        let found = execution::appears(&self.access, pipeline, limit, pick).await;
        self.screen.clear();
        Ok(found?)
    }

    /// Explains why an execution may not have started.
    async fn not_started(&self) -> Failure {
        let dev = &self.project.plan.dev;
        let (pipeline, version) = (self.pipeline(), &self.version);
        let recent = execution::recent(&self.access, pipeline).await;
        let newest = recent.map(|found| found.into_iter().next());
        let other = newest.map_or_else(
            |error| format!("; cannot read its executions: {error}"),
            |newest| match newest {
                None => "; the pipeline has no executions".to_owned(),
                Some(newest) => format!(
                    "; the newest execution is {} ({})",
                    newest.id, newest.status
                ),
            },
        );
        let how = if dev.create_pipeline {
            format!(
                "run `{}` to check the rule that starts the pipeline",
                Command::aws("events describe-rule")
                    .option("--name", &dev.change_rule)
                    .option("--profile", &self.profile)
            )
        } else {
            "check that an EventBridge rule starts the pipeline and passes the version (see the \
             notes from `s3ferry synth`)"
                .to_owned()
        };
        Failure::finding(
            format!("no execution of pipeline `{pipeline}` uses version {version}{other}"),
            format!("{how}; to start it now, run the same push with --start"),
        )
    }

    /// Returns the pipelines after the first.
    fn further(&self) -> impl Iterator<Item = &PipelinePlan> {
        self.project.plan.pipelines.iter().skip(1)
    }

    /// Describes where the files were deployed.
    fn deployed(&self) -> String {
        let plan = &self.project.plan;
        let placed: Vec<String> = (plan.pipelines.iter())
            .flat_map(|pipeline| &pipeline.stages)
            .flat_map(|stage| {
                let target = &plan.targets[stage.target];
                let place = |index: &usize| {
                    let bucket = &target.instances[*index].bucket.name;
                    match (&target.object_key, target.path.as_str()) {
                        (Some(key), _) => format!("s3://{bucket}/{key}"),
                        (None, path) => format!("s3://{bucket}/{path}"),
                    }
                };
                stage.instances.iter().map(place).collect::<Vec<_>>()
            })
            .collect();
        let shown: Vec<&str> = placed.iter().take(NAMED).map(String::as_str).collect();
        let shown = shown.join(", ");
        match placed.len().saturating_sub(NAMED) {
            0 => format!("Deployed to {shown}"),
            more => format!("Deployed to {shown} and {more} more buckets"),
        }
    }

    fn finish(&mut self, next: &str) -> Result<Outcome, Failure> {
        self.print(next)?;
        Ok(Outcome::Done)
    }

    fn print(&mut self, next: &str) -> Result<(), Failure> {
        let next = (!next.is_empty()).then(|| next.to_owned());
        if self.options.result.is_text()
            && let Some(next) = &next
        {
            self.screen.says(format!("\nNext: {next}"));
        }
        self.result.next = next;
        self.options.result.print(&self.result)
    }
}

/// Formats the status of an execution, with the summary from AWS.
fn said(execution: &Execution) -> String {
    match execution.summary.as_str() {
        "" => shown(execution.status.as_str()).into_owned(),
        summary => format!(
            "{} ({})",
            shown(execution.status.as_str()),
            one_line(summary)
        ),
    }
}
