//! Validates the source of the pipeline: an object in an S3 bucket, or a repository.
//!
//! Follows *CodeStarSourceConnection for Bitbucket Cloud, GitHub, GitHub Enterprise Server,
//! GitLab.com, and GitLab self-managed actions* and *Add trigger with code push or pull request
//! event types* in the AWS documentation.

use super::names::object_key_problem;
use super::validate::{Found, place_problem};
use super::{Config, PipelineSource, Trigger};
use crate::aws::arn;
use crate::aws::arn_kind::ArnKind;
use crate::aws::names::bucket_problem;
use crate::aws::partition_of;
use crate::aws::quotas::{TRIGGER_PATTERN, TRIGGER_PATTERNS};
use crate::aws::regions::{AS_OF, has_connections, with_connections};

impl Found {
    /// Checks the source.
    pub(super) fn source(&mut self, config: &Config) {
        let source = &config.dev.source;
        match &source.connection {
            Some(connection) => self.repository(config, source, connection),
            None => self.object(config, source),
        }
    }

    fn object(&mut self, config: &Config, source: &PipelineSource) {
        self.name(
            "dev.source.bucket",
            source.bucket.as_deref().and_then(bucket_problem),
            "see the S3 bucket naming rules",
        );
        self.name(
            "dev.source.object_key",
            source.object_key.as_deref().and_then(object_key_problem),
            "use a key such as `sample-website.zip`",
        );
        if let Some(arn) = &source.encryption_key {
            let path = "dev.source.encryption_key";
            let dev = &config.dev;
            self.encryption_key(config, path, arn, &dev.account, &dev.region);
        }
        for (key, is_set) in [
            ("repository", source.repository.is_some()),
            ("branch", source.branch.is_some()),
            ("trigger", source.trigger.is_some()),
        ] {
            if is_set {
                self.add(
                    &format!("dev.source.{key}"),
                    format!("`{key}` requires `connection`"),
                    "add `connection:` with the ARN of the connection to the repository's provider",
                );
            }
        }
    }

    fn repository(&mut self, config: &Config, source: &PipelineSource, connection: &str) {
        for (key, is_set) in [
            ("bucket", source.bucket.is_some()),
            ("object_key", source.object_key.is_some()),
            ("create", source.create.is_some()),
            ("detect_changes", source.detect_changes.is_some()),
            ("encryption_key", source.encryption_key.is_some()),
        ] {
            if is_set {
                self.add(
                    &format!("dev.source.{key}"),
                    format!("`{key}` and `connection` cannot be used together"),
                    format!(
                        "remove `{key}` if the source is a repository, or remove `connection` if \
                         it is an object in a bucket"
                    ),
                );
            }
        }
        self.connection(config, connection);
        match &source.repository {
            None => self.add(
                "dev.source.connection",
                "`connection` requires `repository`",
                "add `repository:` with the full name, such as `owner/name`",
            ),
            Some(name) => self.name(
                "dev.source.repository",
                repository_problem(name),
                "use the full name, such as `owner/name`",
            ),
        }
        match &source.branch {
            None => self.add(
                "dev.source.connection",
                "`connection` requires `branch`",
                "add `branch:` with the branch to deploy, such as `main`",
            ),
            Some(branch) => self.name(
                "dev.source.branch",
                branch_problem(branch),
                "use the name of one branch, such as `main`",
            ),
        }
        if let Some(trigger) = &source.trigger {
            self.trigger(trigger);
            if !config.dev.pipeline.create {
                self.add(
                    "dev.source.trigger",
                    "`trigger` requires `create: true` under `dev.pipeline`: the existing pipeline \
                     keeps its triggers",
                    "remove `trigger`, and set the filters in the pipeline",
                );
            }
        }
        for (index, target) in config.targets.iter().enumerate() {
            if target.tagged_objects {
                self.add(
                    &format!("targets.{index}.tagged_objects"),
                    "`tagged_objects` requires a source object: a repository has no object tags",
                    "remove `tagged_objects`",
                );
            }
        }
    }

    fn connection(&mut self, config: &Config, arn: &str) {
        let dev = &config.dev;
        let path = "dev.source.connection";
        let partition = partition_of(&dev.region);
        if !has_connections(&dev.region) {
            let others = with_connections(partition);
            let help = match others.as_slice() {
                [] => "use an object in a bucket as the source".to_owned(),
                others => format!(
                    "choose one of these regions for `dev.region`: {}; or use an object in a \
                     bucket as the source",
                    others.join(", ")
                ),
            };
            let message = format!(
                "the source of a pipeline in `{}` cannot be a repository: CodeConnections is not \
                 available there (as of {AS_OF})",
                dev.region
            );
            return self.add(path, message, help);
        }
        let place = (partition.as_str(), &*dev.region, &*dev.account);
        let problem = place_problem(arn, ArnKind::Connection, "connection", "pipeline", place);
        let form = arn::regional(
            partition,
            "codeconnections",
            &dev.region,
            &dev.account,
            "connection/ID",
        );
        let help = format!("use `{form}` with an ID from `aws codeconnections list-connections`");
        self.name(path, problem, &help);
    }

    fn trigger(&mut self, trigger: &Trigger) {
        let lists = [
            ("branches", &trigger.branches),
            ("paths", &trigger.paths),
            ("tags", &trigger.tags),
        ];
        if lists.iter().all(|(_, list)| list.is_none()) {
            self.add(
                "dev.source.trigger",
                "`trigger` has no filters",
                "add `branches`, `paths`, or `tags`; or remove `trigger`, so that every push to \
                 the branch starts the pipeline",
            );
        }
        if trigger.tags.is_some() && (trigger.branches.is_some() || trigger.paths.is_some()) {
            self.add(
                "dev.source.trigger.tags",
                "`tags` cannot be combined with `branches` or `paths`",
                "use `tags` alone, or remove it",
            );
        }
        for (key, list) in lists {
            let Some(list) = list else { continue };
            let path = format!("dev.source.trigger.{key}");
            self.patterns_of_a_filter(&path, key, list);
        }
    }

    fn patterns_of_a_filter(&mut self, path: &str, key: &str, list: &[String]) {
        let (excluded, included): (Vec<&String>, Vec<&String>) =
            list.iter().partition(|pattern| pattern.starts_with('!'));
        if included.is_empty() {
            self.add(
                path,
                format!("`{key}` includes nothing"),
                "add a pattern that does not begin with `!`, such as `**`",
            );
        }
        let most = TRIGGER_PATTERNS.length();
        for (what, patterns) in [("included", included), ("excluded", excluded)] {
            if patterns.len() > most {
                self.add(
                    path,
                    format!(
                        "`{key}` has {} {what} patterns, but CodePipeline allows {most}",
                        patterns.len()
                    ),
                    "use fewer patterns, such as `site/**` for all files in a folder",
                );
            }
        }
        for (number, pattern) in list.iter().enumerate() {
            let path = format!("{path}.{number}");
            let text = pattern.strip_prefix('!').unwrap_or(pattern);
            if list[..number].contains(pattern) {
                self.add(&path, format!("duplicate pattern `{pattern}`"), "remove it");
            }
            if let Some(part) = ["{{resolve:", "${", "#{"]
                .into_iter()
                .find(|part| text.contains(part))
            {
                self.add(
                    &path,
                    format!("the pattern contains `{part}`, which is not text in a template"),
                    "use a glob pattern without references or variables",
                );
            }
            let length = text.chars().count();
            if length == 0 || length > TRIGGER_PATTERN.length() {
                self.add(
                    &path,
                    format!(
                        "the pattern has {length} characters, but CodePipeline allows 1 to {}",
                        TRIGGER_PATTERN.value
                    ),
                    "specify a glob pattern, such as `site/**`",
                );
            }
        }
    }
}

/// Checks the full name of a repository. GitLab allows several groups before the name.
fn repository_problem(name: &str) -> Option<String> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && (part.chars()).all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c))
    };
    let parts: Vec<&str> = name.split('/').collect();
    let fault = if name.contains("://") || name.starts_with("git@") {
        "it is a URL"
    } else if parts.len() < 2 {
        "it has no owner"
    } else if !parts.iter().all(|part| is_part(part)) {
        "it must consist of the owner and the name, separated by `/`"
    } else if name.ends_with(".git") {
        "it ends with `.git`"
    } else {
        return None;
    };
    Some(format!(
        "`{name}` is not the full name of a repository: {fault}"
    ))
}

/// Checks the name of a branch. Follows *git check-ref-format* in the Git documentation.
fn branch_problem(name: &str) -> Option<String> {
    let is_forbidden = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let fault = if name.is_empty() {
        "it is empty"
    } else if name.chars().count() > TRIGGER_PATTERN.length() {
        "it is too long"
    } else if name.starts_with("refs/") {
        "it must not begin with `refs/`"
    } else if name.chars().any(is_forbidden) || name.contains("#{") {
        "it contains a character that a branch name cannot contain"
    } else if name.starts_with(['/', '-'])
        || name.ends_with(['/', '.'])
        || name.contains("..")
        || name.contains("//")
        || name.contains("@{")
        || name
            .split('/')
            .any(|part| part.starts_with('.') || part.ends_with(".lock"))
    {
        "Git does not allow this name"
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid branch name: {fault}"))
}
