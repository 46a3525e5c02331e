//! The result of a push, for JSON output.

use crate::deploy::source::Current;
use crate::failure::{Kind, Meaning};
use crate::plan::Plan;
use crate::proof::{Decided, Verdict};
use crate::run::Step;
use schemars::JsonSchema;
use serde::Serialize;

use super::artifact::Artifact;
use super::warning::Warning;
use crate::cli::aws::source_place::SourcePlace;
use crate::cli::aws::watch::ExecutionEntry;
use crate::cli::json::Version;

/// The output of `s3ferry push --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry push")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    version: Version,
    /// The source object; null if the source is a repository.
    pub(super) source: Option<Source>,
    /// The repository; null if the source is an object.
    pub(super) repository: Option<Commit>,
    /// Warnings about the files, one for each kind.
    warnings: Vec<Warning>,
    /// The pipeline execution.
    pub(super) execution: Option<ExecutionEntry>,
    /// The executions of the additional pipelines, in order.
    pub(super) additional: Vec<AdditionalEntry>,
    /// The newer execution that superseded an execution of this push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) superseded_by: Option<Superseding>,
    /// Why an action failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) explanation: Option<Explanation>,
    /// The next step, as a sentence; null if nothing is left to do.
    pub(super) next: Option<String>,
}

/// The source object.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    #[serde(flatten)]
    place: SourcePlace,
    /// Size of the zip file in bytes.
    bytes: u64,
    /// Number of files in the zip file; null with --version, which does not read the file.
    files: Option<u64>,
    /// SHA-256 of the zip file; null if --version deploys an object that another tool uploaded.
    sha256: Option<String>,
    /// Version of the object; null if --strict refused the upload.
    pub(super) version_id: Option<String>,
    /// Whether this command uploaded the object; false if the bucket already contains it, or if
    /// --strict refused the upload.
    pub(super) uploaded: bool,
}

/// The repository that the pipeline deploys.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Commit {
    #[serde(flatten)]
    place: SourcePlace,
    /// The commit that the execution deploys; null if unknown.
    commit_id: Option<String>,
}

/// An execution of an additional pipeline.
#[derive(Serialize, JsonSchema)]
pub(super) struct AdditionalEntry {
    #[serde(flatten)]
    pub(super) execution: ExecutionEntry,
    /// Name of the pipeline.
    pub(super) pipeline: String,
}

/// An execution that superseded another execution.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Superseding {
    /// Execution ID.
    pub(super) id: String,
    /// Status from AWS.
    pub(super) status: String,
    /// Version of the source object, or commit, that the execution uses; null until AWS reports it.
    pub(super) version_id: Option<String>,
}

/// Why an action failed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Explanation {
    /// The known failure; null if only the denied calls are known.
    failure: Option<Kind>,
    /// Description of the failure; null for an unknown failure.
    meaning: Option<String>,
    /// Cause of the failure; null for an unknown failure.
    cause: Option<String>,
    /// Whether the exact denied call is known.
    exact: bool,
    /// Calls that can explain the denial, with the decision of the proof.
    calls: Vec<CallEntry>,
}

/// A call.
#[derive(Serialize, JsonSchema)]
struct CallEntry {
    /// Step of the execution.
    #[schemars(with = "String")]
    step: Step,
    /// Caller.
    caller: String,
    /// Action.
    action: String,
    /// ARN of the resource.
    resource: String,
    /// Decision of the proof.
    verdict: Verdict,
}

impl Document {
    /// Creates the result before the upload.
    pub(super) fn new(plan: &Plan, artifact: &Artifact) -> Self {
        let source = Source {
            place: SourcePlace::from(&plan.dev.source),
            bytes: artifact.size,
            files: Some(artifact.files),
            sha256: Some(artifact.sha256.clone()),
            version_id: None,
            uploaded: false,
        };
        Self {
            source: Some(source),
            warnings: artifact.warnings.clone(),
            ..Self::empty()
        }
    }

    /// Creates the result for an existing version of the source object.
    pub(super) fn of_version(plan: &Plan, object: &Current) -> Self {
        let source = Source {
            place: SourcePlace::from(&plan.dev.source),
            bytes: object.size,
            files: None,
            sha256: object.sha256.clone(),
            version_id: None,
            uploaded: false,
        };
        Self {
            source: Some(source),
            ..Self::empty()
        }
    }

    /// Creates the result for a repository.
    pub(super) fn of_repository(plan: &Plan) -> Self {
        Self {
            repository: Some(Commit {
                place: SourcePlace::from(&plan.dev.source),
                commit_id: None,
            }),
            ..Self::empty()
        }
    }

    /// Records the version that the execution uses.
    pub(super) fn set_version(&mut self, version: &str) {
        let version = Some(version.to_owned());
        if let Some(source) = &mut self.source {
            source.version_id.clone_from(&version);
        }
        if let Some(repository) = &mut self.repository {
            repository.commit_id = version;
        }
    }

    /// Creates a result without a source.
    pub(super) fn empty() -> Self {
        Self {
            version: Version,
            source: None,
            repository: None,
            warnings: Vec::new(),
            execution: None,
            additional: Vec::new(),
            superseded_by: None,
            explanation: None,
            next: None,
        }
    }
}

impl Explanation {
    pub(super) fn new(meaning: Option<&Meaning>, exact: bool, calls: &[&Decided]) -> Self {
        let calls = calls.iter().map(|decided| CallEntry {
            step: decided.call.step,
            caller: decided.call.caller.shown().to_string(),
            action: decided.call.action.clone(),
            resource: decided.call.resource.clone(),
            verdict: decided.verdict,
        });
        Self {
            failure: meaning.map(|meaning| meaning.kind),
            meaning: meaning.map(|meaning| meaning.meaning.clone()),
            cause: meaning.map(|meaning| meaning.cause.clone()),
            exact,
            calls: calls.collect(),
        }
    }
}
