//! Determines which deployed stacks belong to a configuration that no longer names them, because
//! the pipeline was renamed or a target, region, or pipeline was removed. Performs no I/O.

use super::StackOutputs;
use crate::plan::Plan;

/// Name suffix of the dev account's stack.
const DEV: &str = "-dev";
/// Start of the description of a template for the dev account.
const DEV_SIDE: &str = "Dev side of pipeline ";

/// Returns the stack name prefix of a recorded deployment that has the same key alias, source
/// bucket, or artifact bucket but a different pipeline name. Returns `None` if a recorded stack has
/// the configured name, or if no recorded deployment matches.
///
/// A configuration that shares none of these three names belongs to another deployment, even if its
/// records were copied.
pub(crate) fn recorded_prefix(plan: &Plan, records: &[StackOutputs]) -> Option<String> {
    let dev = &plan.dev;
    let own = plan.stack_name("dev");
    let here = || {
        records
            .iter()
            .filter(|entry| entry.account == dev.account && entry.region == dev.region)
    };
    if here().any(|entry| entry.stack == own) {
        return None;
    }
    here().find_map(|entry| {
        let prefix = entry.stack.strip_suffix(DEV)?;
        let has =
            |output: &str, name: &str| entry.outputs.get(output).is_some_and(|value| value == name);
        let source = dev.source.object().map(|source| &source.bucket);
        let is_same = has("DeployKeyAliasName", &dev.key_alias)
            || source.is_some_and(|bucket| bucket.create && has("SourceBucketName", &bucket.name))
            || dev.artifact_bucket.create && has("ArtifactBucketName", &dev.artifact_bucket.name);
        is_same.then(|| prefix.to_owned())
    })
}

/// Returns whether s3ferry created a stack for the pipeline of a plan, based on the stack name
/// and the template description.
pub(crate) fn is_of_plan(plan: &Plan, stack: &str, description: &str) -> bool {
    let prefix = plan.stack_name("");
    if !stack.starts_with(&prefix) {
        return false;
    }
    let Some(name) = pipeline_of(description) else {
        return false;
    };
    // The names of additional pipelines end in a number.
    let sanitized: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let is_own = |own: &str| {
        sanitized == own
            || sanitized
                .strip_prefix(own)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
    };
    is_own(prefix.trim_end_matches('-')) || name == plan.dev.pipeline
}

/// Returns whether a description belongs to the template of a dev stack.
pub(crate) fn is_dev(description: &str) -> bool {
    description.starts_with(DEV_SIDE)
}

/// Returns the pipeline name in the description of a template that s3ferry generated.
fn pipeline_of(description: &str) -> Option<&str> {
    if let Some(rest) = description.strip_prefix("Pipeline ") {
        return rest.split_once(',').map(|(name, _)| name);
    }
    let is_ours = description.starts_with(DEV_SIDE) || description.starts_with("Target ");
    let (_, rest) = description
        .split_once(" of pipeline ")
        .filter(|_| is_ours)?;
    let end = rest.find([':', ' ']).unwrap_or(rest.len());
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::config::Document;
    use crate::diagnostic::Source;

    fn plan(pipeline: &str) -> Plan {
        let text = format!(
            "dev:\n  account: \"111111111111\"\n  pipeline:\n    name: {pipeline}\ntargets:\n  - \
             name: prod\n    account: \"222222222222\"\n"
        );
        let document = Document::read(Source::new("s3ferry.yaml", text)).expect("valid");
        Plan::new(&document.config).expect("a plan")
    }

    fn record(stack: &str, output: &str, value: &str) -> StackOutputs {
        StackOutputs {
            account: "111111111111".to_owned(),
            region: "us-east-1".to_owned(),
            stack: stack.to_owned(),
            outputs: BTreeMap::from([(output.to_owned(), value.to_owned())]),
            template: None,
            key: None,
        }
    }

    #[test]
    fn a_renamed_pipeline_keeps_its_stacks() {
        let alias = [record(
            "crossaccountdeploy-dev",
            "DeployKeyAliasName",
            "alias/s3deploykey",
        )];
        assert_eq!(
            recorded_prefix(&plan("site"), &alias).as_deref(),
            Some("crossaccountdeploy")
        );
        assert_eq!(recorded_prefix(&plan("crossaccountdeploy"), &alias), None);
        let other = [record(
            "crossaccountdeploy-dev",
            "DeployKeyAliasName",
            "alias/other",
        )];
        assert_eq!(recorded_prefix(&plan("site"), &other), None);
    }

    #[test]
    fn stacks_are_told_by_their_description() {
        let plan = plan("site");
        let ours = |stack, description| is_of_plan(&plan, stack, description);
        assert!(ours(
            "site-prod2",
            "Target prod2 of pipeline site: output bucket and deploy role"
        ));
        assert!(ours(
            "site-dev-eu-west-1",
            "Dev side of pipeline site in eu-west-1: the key's replica"
        ));
        assert!(ours(
            "site-dev-pipeline-2",
            "Pipeline site-2, which continues where the previous pipeline ends"
        ));
        assert!(!ours("site-2-dev", "Dev side of pipeline site-b: its key"));
        assert!(!ours("site-web", "A web server"));
        assert!(!ours("other-dev", "Dev side of pipeline site: its key"));
    }
}
