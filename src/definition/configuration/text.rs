//! The text of a configuration that is created from a definition.

use std::borrow::Cow;

use super::{Draft, DraftSource, DraftTarget};
use crate::escape::{self, yaml_string as quoted};
use crate::shell::word;

impl Draft {
    /// Returns the configuration file. Unknown accounts and regions are empty.
    pub(crate) fn to_yaml(&self) -> String {
        let region = self.region.clone().unwrap_or_default();
        let multi_region = (self.targets.iter())
            .any(|target| target.region.as_ref().is_some_and(|own| *own != region));
        let mut out = format!(
            "\
# s3ferry: pipeline {name} deploys to S3 buckets in other accounts.
# Created from the definition of the pipeline. The pipeline, its role, and its buckets exist.
# Other settings have default values; `s3ferry schema` describes all settings.

dev:
  account: {account}               # owns the pipeline; keep the quotes
  region: {region}
  profile: dev                          # named profile in your AWS configuration
  key:                                  # new: an AWS managed key cannot be shared
    alias: s3deploykey
    administrators: []                  # ARNs of IAM roles or users in the dev account
    multi_region: {multi_region}                 # changing this later replaces the key
  source:
{source}  artifacts:
    bucket: {artifacts}
    create: false                       # exists
    # If the bucket has a policy, save it and specify the file here to keep its statements:
    #   aws s3api get-bucket-policy --bucket {artifacts_bare} \\
    #     --query Policy --output text --profile dev > artifacts-policy.json
    existing_policy: null
  pipeline:
    name: {pipeline}
    create: false                       # exists; `s3ferry adopt` changes it
    service_role: {role}

targets:
",
            name = one_line(&self.pipeline),
            account = quoted(&self.account),
            source = self.source.to_yaml(),
            artifacts = quoted(&self.artifact_bucket),
            artifacts_bare = word(&self.artifact_bucket),
            pipeline = quoted(&self.pipeline),
            role = quoted(&self.service_role),
        );
        for target in &self.targets {
            let can_have_tags = matches!(self.source, DraftSource::Object { .. });
            out.push_str(&target.to_yaml(&region, can_have_tags));
        }
        out.push_str(
            "\
\npermissions: least                      # or article: the wildcards in AWS's published procedure
quotas:
  actions_per_pipeline: 1000            # AWS quota; larger fleets need more pipelines
tags: {}
",
        );
        out
    }
}

impl DraftSource {
    fn to_yaml(&self) -> String {
        match self {
            Self::Object { bucket, key, polls } => format!(
                "    bucket: {}
    object_key: {}
    create: false                       # exists; must be versioned
    detect_changes: {}
    encryption_key: null                # ARN of its default encryption key, if customer managed
",
                quoted(bucket),
                quoted(key),
                if *polls { "polling" } else { "events" },
            ),
            Self::Repository {
                connection,
                repository,
                branch,
            } => format!(
                "    connection: {}
    repository: {}
    branch: {}
",
                quoted(connection),
                quoted(repository),
                quoted(branch),
            ),
        }
    }
}

impl DraftTarget {
    /// Returns the target. `can_have_tags` is false if the source has no object tags.
    fn to_yaml(&self, dev_region: &str, can_have_tags: bool) -> String {
        let account = self.account.as_deref().unwrap_or_default();
        let region = self.region.as_deref().unwrap_or(dev_region);
        let mut out = format!(
            "  - name: {name}
    account: {account}            # owns the bucket and its objects
    region: {region}
    profile: {name}
    bucket: {bucket}
    create: false                       # exists
",
            name = self.name,
            account = quoted(account),
            bucket = quoted(&self.bucket),
        );
        let default = format!("{}s3role", self.name);
        let taken = self
            .current_role
            .as_deref()
            .and_then(|arn| arn.rsplit('/').next());
        let role = if taken == Some(default.as_str()) {
            format!("{default}-s3ferry")
        } else {
            default
        };
        match &self.current_role {
            None => out.push_str(&format!(
                "    role: {role:<34}# new, in the target's account\n"
            )),
            Some(current) => out.push_str(&format!(
                "    # New: until the pipeline is adopted, the action uses {}\n    role: {role}\n",
                one_line(current)
            )),
        }
        match &self.object_key {
            Some(key) => out.push_str(&format!(
                "    extract: false\n    object_key: {}\n",
                quoted(key)
            )),
            None => out.push_str(&format!(
                "    path: {:<34}# folder in the bucket to deploy to\n",
                quoted(&self.path)
            )),
        }
        if can_have_tags {
            out.push_str(
                "    tagged_objects: false               # true if the source object has tags\n",
            );
        }
        for (key, value) in [
            ("canned_acl", &self.canned_acl),
            ("cache_control", &self.cache_control),
            ("encryption_key", &self.encryption_key),
        ] {
            if let Some(value) = value {
                out.push_str(&format!("    {key}: {}\n", quoted(value)));
            }
        }
        if self.encryption_key.is_none() {
            out.push_str(
                "    encryption_key: null                # ARN of its default encryption key, if \
                 customer managed\n",
            );
        }
        if self.approval {
            out.push_str("    approval: true\n");
        }
        out
    }
}

/// Returns a string without line breaks, for a comment.
fn one_line(text: &str) -> Cow<'_, str> {
    escape::shown(text)
}
