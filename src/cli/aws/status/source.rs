//! Checks whether the pipelines have deployed the newest version of the source: of the source
//! object, or of the commits that CodePipeline has detected. Without the required permissions, the
//! command prints a message and continues.

use std::fmt::Write as _;

use crate::deploy::delivery::{Delivery, Freshness};
use crate::deploy::execution::Execution;
use crate::deploy::source::{Look, SourceObject};
use crate::deploy::{Access, DeployError, execution, time};
use crate::escape::shown;
use crate::plan::{Plan, SOURCE_ACTION, SourcePlan};
use crate::shell::word;
use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::source_place::SourcePlace;
use crate::cli::output::Text;
use crate::cli::shell::{Command, with_profile};

/// The source, and the version that each pipeline has deployed.
pub(super) struct Deliveries {
    source: SourcePlan,
    /// The newest version and its upload time, or the newest commit and the start time of its
    /// execution.
    newest: Result<(String, i64), String>,
    pipelines: Vec<(String, Result<Delivery, String>)>,
    /// The command that deploys the newest version.
    remedy: String,
}

/// The source.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceEntry {
    #[serde(flatten)]
    place: SourcePlace,
    /// Newest version of the object, or the newest commit that an execution uses; null if unknown.
    newest_version: Option<String>,
    /// Upload time of the object, in UTC; null for a repository.
    uploaded: Option<String>,
    /// Why the version is unknown.
    problem: Option<String>,
}

/// A pipeline.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PipelineEntry {
    /// Name of the pipeline.
    name: String,
    /// Deployed version relative to the newest version.
    state: PipelineState,
    /// Source version of the last successful execution.
    live_version: Option<String>,
    /// ID of that execution.
    live_execution: Option<String>,
    /// Why the state is unknown.
    problem: Option<String>,
}

/// The deployed version of a pipeline.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PipelineState {
    /// The newest version.
    Newest,
    /// An older version; a running execution deploys the newest.
    Running,
    /// An older version.
    Outdated,
    /// No execution has succeeded.
    Never,
    /// Unknown; see `problem`.
    Unknown,
}

impl Deliveries {
    /// Reads the newest version of the source and the executions of each pipeline.
    pub(super) async fn look(access: &Access, plan: &Plan) -> Self {
        let mut of_first = None;
        let newest = match SourceObject::of(&plan.dev) {
            Some(object) => newest(&object, access).await,
            None => {
                let found = execution::recent(access, &plan.dev.pipeline).await;
                newest_commit(access, of_first.insert(found))
            }
        };
        let mut pipelines = Vec::new();
        if let Ok((version, _)) = &newest {
            for pipeline in &plan.pipelines {
                let found = match of_first.take() {
                    Some(found) => found,
                    None => execution::recent(access, &pipeline.name).await,
                };
                let found = found.map(|executions| Delivery::new(&executions, version));
                let found = found.map_err(|error| reason(access, &error));
                pipelines.push((pipeline.name.to_string(), found));
            }
        }
        let remedy = match &newest {
            Ok((version, _)) => remedy(access, plan, version),
            Err(_) => String::new(),
        };
        Self {
            source: plan.dev.source.clone(),
            newest,
            pipelines,
            remedy,
        }
    }

    /// Returns the next step if a pipeline has not deployed the newest version.
    pub(super) fn hint(&self) -> Option<String> {
        let is_behind = |found: &Result<Delivery, String>| {
            let freshness = found.as_ref().map(|delivery| delivery.freshness);
            matches!(freshness, Ok(Freshness::Outdated | Freshness::Never))
        };
        let mut pipelines = self.pipelines.iter();
        pipelines
            .any(|(_, found)| is_behind(found))
            .then(|| format!("run `{}` to deploy the newest version", self.remedy))
    }

    pub(super) fn text(&self) -> Text {
        let mut out = Text::new();
        let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
        let (version, uploaded) = match &self.newest {
            Ok(newest) => newest,
            Err(problem) => {
                let _ = writeln!(out, "\nSource {}: {}", self.source, shown(problem));
                return out;
            }
        };
        let (version, time) = (shown(version), time::utc(*uploaded));
        let _ = match &self.source {
            SourcePlan::Object(_) => writeln!(
                out,
                "\nSource {}: newest version {version}, uploaded {time} UTC",
                self.source
            ),
            SourcePlan::Repository(_) => writeln!(
                out,
                "\nSource {}: newest commit with an execution: {version}, started {time} UTC",
                self.source
            ),
        };
        for (name, found) in &self.pipelines {
            let delivery = match found {
                Ok(delivery) => delivery,
                Err(problem) => {
                    let _ = writeln!(out, "  {name}: {}", shown(problem));
                    continue;
                }
            };
            let live = delivery.version().unwrap_or("unknown");
            let id = |execution: &Option<Execution>| {
                let execution = execution.as_ref();
                execution.map_or_else(String::new, |execution| execution.id.clone())
            };
            let (running, live_id) = (id(&delivery.newest), id(&delivery.live));
            let (text, is_behind) = match delivery.freshness {
                Freshness::Newest => (
                    format!("has deployed the newest version (execution {live_id})"),
                    false,
                ),
                Freshness::Running if delivery.live.is_none() => (
                    format!("execution {running} is deploying the newest version"),
                    false,
                ),
                Freshness::Running => (
                    format!(
                        "the live version is {live}; execution {running} is deploying the newest \
                         version"
                    ),
                    false,
                ),
                Freshness::Outdated => (
                    format!(
                        "warning: the live version is {live} (execution {live_id}), not the \
                         newest{}",
                        attempt(delivery)
                    ),
                    true,
                ),
                Freshness::Never => (
                    format!("warning: no execution has succeeded{}", attempt(delivery)),
                    true,
                ),
            };
            let style = if is_behind { yellow } else { Style::new() };
            out.push_str("  ");
            out.styled(style, &shown(&format!("{name}: {text}")));
            out.push_str("\n");
        }
        out
    }

    /// Returns the source, for JSON output.
    pub(super) fn source(&self) -> SourceEntry {
        let newest = self.newest.as_ref();
        SourceEntry {
            place: SourcePlace::from(&self.source),
            newest_version: newest.ok().map(|(version, _)| version.clone()),
            uploaded: (newest.ok())
                .filter(|_| self.source.object().is_some())
                .map(|(_, uploaded)| time::utc(*uploaded)),
            problem: newest.err().cloned(),
        }
    }

    /// Returns the pipelines, for JSON output.
    pub(super) fn pipelines(&self) -> Vec<PipelineEntry> {
        let entry = |(name, found): &(String, Result<Delivery, String>)| {
            let delivery = found.as_ref().ok();
            let live = delivery.and_then(|delivery| delivery.live.as_ref());
            PipelineEntry {
                name: name.clone(),
                state: delivery.map_or(PipelineState::Unknown, |found| match found.freshness {
                    Freshness::Newest => PipelineState::Newest,
                    Freshness::Running => PipelineState::Running,
                    Freshness::Outdated => PipelineState::Outdated,
                    Freshness::Never => PipelineState::Never,
                }),
                live_version: delivery.and_then(Delivery::version).map(str::to_owned),
                live_execution: live.map(|live| live.id.clone()),
                problem: found.as_ref().err().cloned(),
            }
        };
        self.pipelines.iter().map(entry).collect()
    }
}

/// Describes the result of the last execution with the newest version.
fn attempt(delivery: &Delivery) -> String {
    match &delivery.newest {
        Some(newest) => format!(
            "; execution {} for the newest version is {}",
            newest.id, newest.status
        ),
        None => "; no execution uses the newest version".to_owned(),
    }
}

async fn newest(object: &SourceObject, access: &Access) -> Result<(String, i64), String> {
    match object.look(access).await {
        Ok(Look::Current(current)) => Ok((current.version, current.modified)),
        Ok(Look::Missing) => Err("the object does not exist yet".to_owned()),
        Ok(Look::Forbidden) => Err(format!(
            "the newest version is unknown: profile `{}` needs s3:GetObject on the object and \
             s3:ListBucket on the bucket",
            access.profile()
        )),
        Err(error) => Err(reason(access, &error)),
    }
}

/// Returns the newest commit that an execution of the first pipeline uses. Only CodePipeline can
/// read the repository.
fn newest_commit(
    access: &Access,
    found: &Result<Vec<Execution>, DeployError>,
) -> Result<(String, i64), String> {
    let found = (found.as_ref()).map_err(|error| reason(access, error))?;
    let mut commits = found.iter().filter_map(|one| {
        let commit = one.versions.first()?;
        Some((commit.clone(), one.started))
    });
    commits
        .next()
        .ok_or_else(|| "no execution has used a commit yet".to_owned())
}

fn reason(access: &Access, error: &DeployError) -> String {
    format!(
        "the version is unknown because profile `{}` cannot read it: {}",
        access.profile(),
        error.message
    )
}

/// Returns the command that deploys a version.
fn remedy(access: &Access, plan: &Plan, version: &str) -> String {
    let dev = &plan.dev;
    if dev.source.repository().is_some() {
        let words = format!("push --start {}", word(version));
        return with_profile(&words, access.profile()).to_string();
    }
    let revision = format!(
        "actionName={SOURCE_ACTION},revisionType=S3_OBJECT_VERSION_ID,revisionValue={version}"
    );
    // The source action of an adopted pipeline may have another name.
    let revision = dev.create_pipeline.then_some(revision);
    Command::aws("codepipeline start-pipeline-execution")
        .option("--name", &dev.pipeline)
        .maybe("--source-revisions", revision)
        .option("--region", &dev.region)
        .option("--profile", access.profile())
        .to_string()
}
