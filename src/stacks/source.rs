//! The source stage of a pipeline, its triggers, and the source revisions that start an execution.

use crate::config::{DetectChanges, Trigger};
use crate::plan::{Plan, RepositorySource, SOURCE_ACTION, SOURCE_ARTIFACT, SourcePlan};
use crate::template::{Value, list, map};

use super::pipeline::action;

/// Builds the source stage of the pipeline with this number, starting at 0.
pub(super) fn source_stage(plan: &Plan, number: usize) -> Value {
    let dev = &plan.dev;
    let yes_or_no = |value: bool| if value { "true" } else { "false" };
    let (provider, configuration) = match &dev.source {
        SourcePlan::Object(source) => {
            let polls = number == 0 && source.detect_changes == DetectChanges::Polling;
            let configuration = map([
                ("S3Bucket", source.bucket.name.as_str()),
                ("S3ObjectKey", source.key.as_str()),
                ("PollForSourceChanges", yes_or_no(polls)),
            ]);
            ("S3", configuration)
        }
        SourcePlan::Repository(source) => {
            // A trigger with filters replaces the detection of changes on the branch. An additional
            // pipeline is started only by the previous one.
            let detects = number == 0 && source.trigger.is_none();
            let configuration = map([
                ("ConnectionArn", source.connection.as_str()),
                ("FullRepositoryId", source.repository.as_str()),
                ("BranchName", source.branch.as_str()),
                ("OutputArtifactFormat", "CODE_ZIP"),
                ("DetectChanges", yes_or_no(detects)),
            ]);
            ("CodeStarSourceConnection", configuration)
        }
    };
    let source = action(SOURCE_ACTION, "Source", provider, 1)
        .with("Region", dev.region.as_str())
        .with("Namespace", "SourceVariables")
        .with("Configuration", configuration)
        .with("OutputArtifacts", list([map([("Name", SOURCE_ARTIFACT)])]));
    map([("Name", Value::from("Source"))]).with("Actions", list([source]))
}

/// Builds the filters for the pushes that start the pipeline. Only pushes start it: there is no
/// filter for pull requests, so a pull request, such as one from a fork, never starts it. Follows
/// *Add trigger with code push or pull request event types* in the AWS documentation.
pub(super) fn trigger(source: &RepositorySource) -> Option<Value> {
    let Trigger {
        branches,
        paths,
        tags,
    } = source.trigger.as_ref()?;
    let filter = |patterns: &[String]| {
        let (excluded, included): (Vec<&str>, Vec<&str>) = patterns
            .iter()
            .map(String::as_str)
            .partition(|pattern| pattern.starts_with('!'));
        let excluded: Vec<&str> = (excluded.iter())
            .filter_map(|pattern| pattern.strip_prefix('!'))
            .collect();
        map([("Includes", list(included))])
            .with_some("Excludes", (!excluded.is_empty()).then(|| list(excluded)))
    };
    let push = match tags {
        Some(tags) => map([("Tags", filter(tags))]),
        None => {
            // File paths can be filtered only together with branches.
            let branches = match branches {
                Some(patterns) => filter(patterns),
                None => map([("Includes", list([source.branch.as_str()]))]),
            };
            map([("Branches", branches)]).with_some("FilePaths", paths.as_deref().map(filter))
        }
    };
    let git = map([("SourceActionName", SOURCE_ACTION)]).with("Push", list([push]));
    let trigger = map([("ProviderType", "CodeStarSourceConnection")]).with("GitConfiguration", git);
    Some(list([trigger]))
}

/// Returns the source revisions for *StartPipelineExecution* as JSON. `version` is also JSON.
pub(super) fn source_revisions(kind: &str, version: &str) -> String {
    format!(
        "[{{\"actionName\":\"{SOURCE_ACTION}\",\"revisionType\":\"{kind}\",\
         \"revisionValue\":{version}}}]"
    )
}

/// The revision type of a source object.
pub(super) const OBJECT_VERSION: &str = "S3_OBJECT_VERSION_ID";
