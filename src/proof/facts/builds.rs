//! Reads the CodeBuild projects of build actions.
//!
//! A project has many settings that cause calls, such as a VPC or a cache. The proof models the
//! settings that s3ferry generates. Any other setting makes the calls of the build unproven.
//!
//! Follows *AWS CodeBuild build and test action reference* and *AWS::CodeBuild::Project* in the AWS
//! documentation.

use super::Reader;
use crate::aws::arn;
use crate::definition::model::ActionPart;
use crate::diagnostic::Node;
use crate::run::landscape::{Value, account_of};
use crate::run::pipeline::{Build, Pipeline};
use crate::run::{Doubt, SECRET_SUFFIX};
use crate::template::{known_text, unknown_in};

const PROJECT: &str = "AWS::CodeBuild::Project";

/// Properties of a project that cause no calls, or whose calls are modeled.
const PROPERTIES: [&str; 13] = [
    "Artifacts",
    "ConcurrentBuildLimit",
    "Description",
    "EncryptionKey",
    "Environment",
    "LogsConfig",
    "Name",
    "QueuedTimeoutInMinutes",
    "ServiceRole",
    "Source",
    "Tags",
    "TimeoutInMinutes",
    "Visibility",
];
/// Settings of the environment that cause no calls, or whose calls are modeled.
const ENVIRONMENT: [&str; 5] = [
    "ComputeType",
    "EnvironmentVariables",
    "Image",
    "PrivilegedMode",
    "Type",
];
/// Top-level keys of a build specification that cause no calls.
const SPECIFICATION: [&str; 3] = ["artifacts", "phases", "version"];
/// Settings of the action that cause no further calls.
const SETTINGS: [&str; 3] = ["BatchEnabled", "PrimarySource", "ProjectName"];

impl Reader<'_, '_> {
    /// Reads a build action. The project is in the account of the role that performs the action.
    pub(super) fn build(
        &mut self,
        part: ActionPart<'_, Node>,
        pipeline: &Pipeline,
        region: &str,
        performer: &Value,
    ) -> Build {
        let node = part.0;
        let name = part.setting("ProjectName");
        let name = self.setting(name, "the project of the build", node);
        let account = match performer {
            Ok(role) => account_of(role),
            Err(_) => &pipeline.account,
        };
        let mut build = match name {
            Ok(name) => self.project(&name, account, region, node),
            Err(doubt) => self.unknown_project(Err(doubt.clone()), Err(doubt.clone()), node),
        };
        let settings = part.get("Configuration").and_then(Node::entries);
        let other = settings.into_iter().flatten().find(|setting| {
            let is_batch = setting.key == "BatchEnabled"
                && !matches!(known_text(&setting.value), Some("false"));
            is_batch || !SETTINGS.contains(&setting.key.as_str())
        });
        if let Some(setting) = other {
            let what = format!("the setting `{}` of the build action", setting.key);
            build.unknown.get_or_insert(what);
        }
        build
    }

    /// Returns a project whose settings are unknown.
    fn unknown_project(&self, project: Value, role: Value, action: &Node) -> Build {
        let what = "the CodeBuild project that no template contains".to_owned();
        let doubt = Doubt::new(self.place(action), self.resource.id, what.as_str());
        Build {
            project,
            role,
            key: Some(Err(Box::new(doubt))),
            log_group: None,
            secrets: Vec::new(),
            unknown: Some(what),
            fault: None,
            place: self.place(action),
        }
    }

    /// Returns the project with this name from the templates or the configuration.
    fn project(&mut self, name: &str, account: &str, region: &str, action: &Node) -> Build {
        let world = self.world;
        let partition = self.resolver.deployment().partition;
        let project = Ok(arn::project(partition, region, account, name));
        let made = world.resources.iter().find(|resource| {
            let resolver = &world.resolvers[resource.resolver];
            let here = resolver.deployment();
            resource.node.get("Type").and_then(Node::as_str) == Some(PROJECT)
                && (here.account, here.region) == (account, region)
                && resolver.attribute(resource.id, "").as_deref() == Some(name)
        });
        let Some(made) = made else {
            let mut known = world.projects.iter();
            let known = known.find(|project| {
                (&*project.name, &*project.account, &*project.region) == (name, account, region)
            });
            let role = match known {
                Some(project) => Ok(project.role.clone()),
                None => {
                    let reason = format!("the role of the CodeBuild project {name}");
                    Err(self.doubt(action, &reason))
                }
            };
            return self.unknown_project(project, role, action);
        };
        let mut reader = Reader::new(world, made, &mut *self.doubts);
        let node = made.node;
        let property = |name: &str| reader.resolver.property(node, name);
        let (role, logs, key) = (
            property("ServiceRole"),
            property("LogsConfig"),
            property("EncryptionKey"),
        );
        let (source, artifacts, environment) = (
            property("Source"),
            property("Artifacts"),
            property("Environment"),
        );
        let parts = [&source, &artifacts, &environment, &logs];
        let unresolved = parts.into_iter().flatten().find_map(unknown_in);
        let other = other_setting(node, parts.map(Option::as_ref));
        let unknown = match (unresolved, other) {
            (Some(_), _) => Some("the settings of the project that cannot be resolved".to_owned()),
            (None, Some(setting)) => Some(format!("the setting `{setting}` of the project")),
            (None, None) => None,
        };
        let kind = |part: &Option<Node>| {
            let kind = part.as_ref().and_then(|part| part.get("Type"));
            kind.and_then(known_text).map(str::to_owned)
        };
        let is_foreign = |kind: Option<String>| kind.is_some_and(|kind| kind != "CODEPIPELINE");
        let fault = (is_foreign(kind(&source)) || is_foreign(kind(&artifacts))).then(|| {
            format!(
                "the project {name} does not get its source from CodePipeline or does not return \
                 its output to CodePipeline"
            )
        });
        let variables = environment.as_ref();
        let variables = variables.and_then(|node| node.get("EnvironmentVariables"));
        let place = (partition, region, account);
        let secrets = reader.secrets(variables, node).into_iter();
        Build {
            project,
            role: reader.text(role.as_ref(), "the project's role", node),
            key: key.map(|key| reader.text(Some(&key), "the project's key", node)),
            log_group: reader.log_group(logs.as_ref(), name),
            secrets: secrets
                .map(|id| id.map(|id| secret_arn(&id, place)))
                .collect(),
            unknown,
            fault,
            place: reader.place(node),
        }
    }

    /// Returns the ARN of the log group of a project, or `None` if it writes no logs to CloudWatch.
    fn log_group(&mut self, logs: Option<&Node>, project: &str) -> Option<Value> {
        let here = self.resolver.deployment();
        let named = |name: &str| arn::log_group(here.partition, here.region, here.account, name);
        let default = || named(&format!("/aws/codebuild/{project}"));
        let Some(logs) = logs.and_then(|logs| logs.get("CloudWatchLogs")) else {
            return Some(Ok(default()));
        };
        if logs.get("Status").and_then(known_text) == Some("DISABLED") {
            return None;
        }
        Some(match logs.get("GroupName") {
            None => Ok(default()),
            Some(name) => {
                let text = self.text(Some(name), "the log group of the build", logs);
                text.map(|name| named(&name))
            }
        })
    }

    /// Returns the names or ARNs of the secrets in the environment variables of a project.
    fn secrets(&mut self, variables: Option<&Node>, project: &Node) -> Vec<Value> {
        let items = variables.and_then(Node::items).unwrap_or_default();
        let mut found = Vec::new();
        for item in items {
            match item.get("Type").map(known_text) {
                None | Some(Some("PLAINTEXT")) => {}
                Some(Some("SECRETS_MANAGER")) => {
                    let id = self.text(item.get("Value"), "the secret of a variable", project);
                    found.push(id);
                }
                Some(kind) => {
                    let kind = kind.unwrap_or("unknown");
                    let reason = format!("an environment variable of the type {kind}");
                    found.push(Err(self.doubt(item, &reason)));
                }
            }
        }
        found
    }
}

/// Returns the first setting of a project whose calls are not modeled.
fn other_setting(
    project: &Node,
    [source, artifacts, environment, logs]: [Option<&Node>; 4],
) -> Option<String> {
    let beyond = |node: Option<&Node>, known: &[&str]| {
        let mut entries = node.and_then(Node::entries).unwrap_or_default().iter();
        let found = entries.find(|entry| !known.contains(&entry.key.as_str()));
        found.map(|entry| entry.key.clone())
    };
    let image = environment.and_then(|environment| environment.get("Image"));
    // Other images can be in a private repository.
    let is_managed = image
        .and_then(known_text)
        .is_some_and(|image| image.starts_with("aws/codebuild/"));
    let text = source
        .and_then(|source| source.get("BuildSpec"))
        .and_then(known_text);
    // Without a mapping, the build specification is a file in the source or in a bucket. Other keys
    // can name secrets, caches, and reports.
    let specification: Option<serde_yaml::Mapping> =
        text.and_then(|text| serde_yaml::from_str(text).ok());
    let is_plain = specification.is_some_and(|keys| {
        keys.keys()
            .all(|key| key.as_str().is_some_and(|key| SPECIFICATION.contains(&key)))
    });
    beyond(project.get("Properties"), &PROPERTIES)
        .or_else(|| beyond(source, &["BuildSpec", "Type"]))
        .or_else(|| beyond(artifacts, &["Type"]))
        .or_else(|| beyond(environment, &ENVIRONMENT))
        .or_else(|| beyond(logs, &["CloudWatchLogs"]))
        .or_else(|| (!is_managed).then(|| "Image".to_owned()))
        .or_else(|| (!is_plain).then(|| "BuildSpec".to_owned()))
}

/// Returns the ARN of a secret that is specified by its name or ARN. A JSON key and a version can
/// follow. For a name, the random end of the ARN is a sample.
fn secret_arn(id: &str, (partition, region, account): (&str, &str, &str)) -> String {
    if id.starts_with("arn:") {
        let parts: Vec<&str> = id.split(':').take(7).collect();
        return parts.join(":");
    }
    let name = id.split(':').next().unwrap_or(id);
    let id = format_args!("{name}{SECRET_SUFFIX}");
    arn::secret(partition, region, account, id)
}
