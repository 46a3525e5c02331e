//! The way of a push: the bucket looked at, the content uploaded unless it is there already, the
//! execution found, or started, and followed.

use std::io::IsTerminal as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3ferry::deploy::execution::{self, Execution, State};
use s3ferry::deploy::source::{Content, Current, SourceObject, Upload};
use s3ferry::deploy::{Access, Observer as _};
use serde_json::{Value, json};

use super::{Artifact, Options, watch, why};
use crate::cli::accounts::token;
use crate::cli::deploy::Format;
use crate::cli::output::{self, thousands};
use crate::cli::project::Project;
use crate::cli::screen::Screen;
use crate::cli::{Failure, Global, Outcome};

/// How long after an upload the pipeline may need to notice it: by an event some seconds, by
/// polling some minutes.
const START_LIMIT: Duration = Duration::from_secs(5 * 60);

/// How many buckets are named at the end.
const NAMED: usize = 5;

struct Push<'a> {
    global: &'a Global,
    options: &'a Options,
    project: &'a Project,
    screen: &'a Screen,
    access: Access,
    profile: String,
    /// The result for machines, as far as it is known.
    result: Value,
}

/// Pushes.
///
/// # Errors
/// The bucket cannot take it, AWS refuses, or the execution failed.
pub(super) async fn run(
    global: &Global,
    options: &Options,
    project: &Project,
    screen: &Screen,
    artifact: &Artifact,
    upload: &Upload,
) -> Result<Outcome, Failure> {
    let dev = &project.plan.dev;
    let profile = options.profile.as_ref().unwrap_or(&dev.profile).clone();
    let access = Access::open(&profile, &dev.region, &options.aws.settings()).await?;
    // Whoever pushes needs less than whoever deploys.
    let access = access.needing("--push");
    access.verify_account(&dev.account).await?;
    let object = SourceObject {
        bucket: dev.source_bucket.name.clone(),
        key: dev.source_object_key.clone(),
        account: dev.account.clone(),
    };
    object.check_versioning(&access).await?;
    let current = object.current(&access).await?;
    let same = current.filter(|current| {
        current.size == artifact.size && current.sha256.as_deref() == Some(&artifact.sha256)
    });
    let mut push = Push {
        global,
        options,
        project,
        screen,
        access,
        profile,
        result: json!({
            "version": 1,
            "source": {
                "bucket": object.bucket,
                "key": object.key,
                "bytes": artifact.size,
                "files": artifact.files,
                "sha256": artifact.sha256,
            },
            "execution": null,
        }),
    };
    match same {
        Some(current) => {
            push.source(&current.version, false)?;
            push.again(&object, &current).await
        }
        None => {
            let version = push.upload(&object, artifact, upload).await?;
            push.source(&version, true)?;
            push.after_upload(&version).await
        }
    }
}

impl Push<'_> {
    /// The version that there is now, which is the result: it is printed at once, since the
    /// pipeline may fail. On a terminal the screen says it.
    fn source(&mut self, version: &str, uploaded: bool) -> Result<(), Failure> {
        self.result["source"]["versionId"] = json!(version);
        self.result["source"]["uploaded"] = json!(uploaded);
        let is_said = std::io::stdout().is_terminal() && !self.global.quiet;
        if self.options.format == Format::Text && !is_said {
            output::print(&format!("{version}\n"))?;
        }
        Ok(())
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
        bar.finish_and_clear();
        let version = done?;
        self.screen.says(&format!(
            "Uploaded {files} ({size} bytes) to {place}\nVersion {version}"
        ));
        Ok(version)
    }

    /// After an upload: its execution.
    async fn after_upload(&mut self, version: &str) -> Result<Outcome, Failure> {
        if self.options.no_watch {
            return self.finish("the same without --no-watch follows the pipeline");
        }
        self.screen
            .goes_on("The upload is complete, and the pipeline starts by itself.".to_owned());
        match self.find(version, START_LIMIT).await? {
            Some(found) => self.follow(&found.id).await,
            None => Err(self.not_started(version).await),
        }
    }

    /// The same content again: followed, or told how it ended, or started.
    async fn again(
        &mut self,
        object: &SourceObject,
        current: &Current,
    ) -> Result<Outcome, Failure> {
        self.screen.says(&format!(
            "Not uploaded: s3://{}/{} has the same content.\nVersion {}",
            object.bucket, object.key, current.version
        ));
        if self.options.start {
            return self.start().await;
        }
        if self.options.no_watch {
            return self.finish("--start starts the pipeline with it anyway");
        }
        let age = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_secs())
            .saturating_sub(current.modified.unsigned_abs());
        let left = START_LIMIT.saturating_sub(Duration::from_secs(age));
        let Some(found) = self.find(&current.version, left).await? else {
            return Err(self.not_started(&current.version).await);
        };
        if found.is_running() {
            return self.follow(&found.id).await;
        }
        self.screen.says(&format!(
            "Execution {} took it: {}.",
            found.id,
            said(&found)
        ));
        if found.status == "Succeeded" {
            self.result["execution"] = json!({ "id": found.id, "status": found.status });
            return self.finish("nothing is to be done; --start runs the pipeline again");
        }
        // Once more, for what it failed by.
        self.follow(&found.id).await
    }

    async fn start(&mut self) -> Result<Outcome, Failure> {
        let id = execution::start(&self.access, self.pipeline(), &token(1)).await?;
        self.screen
            .resumes_with(super::resume(self.global, self.options, false));
        self.screen.says(&format!("Started execution {id}."));
        if self.options.no_watch {
            self.result["execution"] = json!({ "id": id, "status": "InProgress" });
            return self.finish("the same without --no-watch follows the pipeline");
        }
        self.follow(&id).await
    }

    async fn find(&self, version: &str, limit: Duration) -> Result<Option<Execution>, Failure> {
        let limit = limit.min(self.options.aws.wait_timeout);
        self.screen.begins("start of the pipeline");
        let found = execution::find(&self.access, self.pipeline(), version, limit).await;
        self.screen.clear();
        Ok(found?)
    }

    /// Why no execution may have started.
    async fn not_started(&self, version: &str) -> Failure {
        let dev = &self.project.plan.dev;
        let pipeline = self.pipeline();
        let newest = execution::recent(&self.access, pipeline).await.ok();
        let newest = newest.and_then(|found| found.into_iter().next());
        let other = newest.map_or_else(
            || "; it has never run".to_owned(),
            |newest| {
                format!(
                    "; the newest execution is {} ({})",
                    newest.id, newest.status
                )
            },
        );
        let how = if dev.create_pipeline {
            format!(
                "`aws events describe-rule --name {} --profile {}` shows the rule that starts it",
                dev.change_rule, self.profile
            )
        } else {
            "look at how the pipeline learns of changes".to_owned()
        };
        Failure::with_code(
            format!("no execution of pipeline `{pipeline}` takes version {version}{other}"),
            format!("{how}; the same push with --start starts it now"),
            1,
        )
    }

    async fn follow(&mut self, id: &str) -> Result<Outcome, Failure> {
        let pipeline = self.pipeline().to_owned();
        let region = &self.project.plan.dev.region;
        let page = watch::console(region, &pipeline, id);
        self.screen.says(&format!("Execution {id}\n{page}"));
        self.screen
            .goes_on(format!("Execution {id} of pipeline {pipeline} goes on."));
        let watcher = watch::Watcher::new(self.screen, &pipeline, region, &self.profile);
        let limit = self.options.aws.wait_timeout;
        let end = execution::follow(&self.access, &pipeline, id, limit, &|state| {
            watcher.shows(state);
        })
        .await;
        self.screen.ended();
        let end = end?;
        self.result["execution"] = watch::json(&end, &page);
        self.ended(&end)
    }

    fn ended(&mut self, end: &State) -> Result<Outcome, Failure> {
        let execution = &end.execution;
        let plan = &self.project.plan;
        if execution.status == "Succeeded" {
            output::note(self.global, &self.deployed());
            let further: Vec<&str> = (plan.pipelines.iter().skip(1))
                .map(|pipeline| pipeline.name.as_str())
                .collect();
            if !further.is_empty() {
                let note = format!(
                    "It started the next pipeline, of: {}. Those go on by themselves.",
                    further.join(", ")
                );
                output::note(self.global, &note);
            }
            return self.finish("");
        }
        let failed = end.actions.iter().find(|action| action.status == "Failed");
        let mut help = match execution.status.as_str() {
            "Superseded" => {
                "a newer execution goes through the pipeline in its place; the same push with \
                 --start runs this content again"
            }
            "Stopped" | "Cancelled" => {
                "somebody stopped it; the same push with --start runs it again"
            }
            _ => "mend what is said above; the same push with --start runs it again",
        }
        .to_owned();
        let mut message = format!("execution {} is {}", execution.id, said(execution));
        if let Some(action) = failed {
            message = format!(
                "action `{}` of stage `{}` failed: {}",
                action.action,
                action.stage,
                if action.message.is_empty() {
                    "AWS says nothing about it"
                } else {
                    &action.message
                }
            );
            if let Some(why) = why::explain(self.project, action)? {
                self.result["explanation"] = why.json;
                output::note(self.global, &format!("\n{}", why.text.trim_end()));
                help = why.next;
            }
        }
        self.print("")?;
        Err(Failure::with_code(message, help, 1))
    }

    /// Where the files are now.
    fn deployed(&self) -> String {
        let plan = &self.project.plan;
        let first = plan.pipelines.first().into_iter();
        let placed: Vec<String> = first
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
        match self.options.format {
            Format::Json => {
                self.result["next"] = if next.is_empty() {
                    Value::Null
                } else {
                    json!(next)
                };
                output::print(&format!("{:#}\n", self.result))
            }
            Format::Text => {
                if !next.is_empty() {
                    output::note(self.global, &format!("\nNext: {next}"));
                }
                Ok(())
            }
        }
    }
}

/// An execution's status, with what AWS says about it.
fn said(execution: &Execution) -> String {
    match execution.summary.as_str() {
        "" => execution.status.clone(),
        summary => format!("{} ({summary})", execution.status),
    }
}
