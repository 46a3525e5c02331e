//! Reads the CodeBuild projects of build actions.
//!
//! Follows *AWS CodeBuild build and test action reference* and *AWS::CodeBuild::Project* in the AWS
//! documentation.

use super::Reader;
use crate::aws::arn;
use crate::definition::model::ActionPart;
use crate::diagnostic::Node;
use crate::run::SECRET_SUFFIX;
use crate::run::landscape::{Value, account_of};
use crate::run::pipeline::{Build, Pipeline};
use crate::template::known_text;

const PROJECT: &str = "AWS::CodeBuild::Project";

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
        let batch = part.setting("BatchEnabled").and_then(known_text);
        let name = self.setting(
            part.setting("ProjectName"),
            "the project of the build",
            node,
        );
        let name = name.and_then(|name| match batch {
            None | Some("false") => Ok(name),
            Some(_) => Err(self.doubt(node, "the calls of batch builds, which are not modeled")),
        });
        let account = match performer {
            Ok(role) => account_of(role).to_owned(),
            Err(_) => pipeline.account.clone(),
        };
        match name {
            Ok(name) => self.project(&name, &account, region, node),
            Err(doubt) => Build {
                project: Err(doubt.clone()),
                role: Err(doubt),
                log_group: None,
                secrets: Vec::new(),
                fault: None,
                place: self.place(node),
            },
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
        let place = self.place(action);
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
            return Build {
                project,
                role,
                log_group: None,
                secrets: Vec::new(),
                fault: None,
                place,
            };
        };
        let mut reader = Reader::new(world, made, &mut *self.doubts);
        let node = made.node;
        let property = |name: &str| reader.resolver.property(node, name);
        let (role, logs) = (property("ServiceRole"), property("LogsConfig"));
        let (source, artifacts) = (property("Source"), property("Artifacts"));
        let variables = property("Environment");
        let variables = variables
            .as_ref()
            .and_then(|node| node.get("EnvironmentVariables"));
        let spec = source.as_ref().and_then(|source| source.get("BuildSpec"));
        let is_whole = spec.and_then(known_text).is_some_and(|spec| {
            !(spec.contains("secrets-manager") || spec.contains("parameter-store"))
        });
        let secrets = reader.secrets(variables, node);
        let mut build = Build {
            project,
            role: reader.text(role.as_ref(), "the project's role", node),
            log_group: reader.log_group(logs.as_ref(), name),
            secrets: secrets
                .into_iter()
                .map(|id| id.map(|id| secret_arn(&id, (partition, region, account))))
                .collect(),
            fault: None,
            place: reader.place(node),
        };
        if spec.is_some() && !is_whole {
            let reason = "the parameters and secrets that the build specification reads";
            build.secrets.push(Err(reader.doubt(node, reason)));
        }
        let from_pipeline = [&source, &artifacts].into_iter().all(|part| {
            let kind = part.as_ref().and_then(|part| part.get("Type"));
            kind.is_none_or(|kind| known_text(kind).is_none_or(|kind| kind == "CODEPIPELINE"))
        });
        if !from_pipeline {
            build.fault = Some(format!(
                "the project {name} does not get its source from CodePipeline or does not return \
                 its output to CodePipeline"
            ));
        }
        build
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
        let Some(variables) = variables else {
            return Vec::new();
        };
        let Some(items) = variables.items() else {
            return vec![Err(
                self.doubt(variables, "the environment variables of the build")
            )];
        };
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

/// Returns the ARN of a secret that is specified by its name or ARN. A JSON key and a version can
/// follow. For a name, the random end of the ARN is a sample.
fn secret_arn(id: &str, (partition, region, account): (&str, &str, &str)) -> String {
    if id.starts_with("arn:") {
        let parts: Vec<&str> = id.split(':').take(7).collect();
        return parts.join(":");
    }
    let name = id.split(':').next().unwrap_or(id);
    arn::secret(
        partition,
        region,
        account,
        format_args!("{name}{SECRET_SUFFIX}"),
    )
}
