//! Reads the actions of a pipeline.
//!
//! Follows *Action structure reference*, *Amazon S3 source action reference*,
//! *CodeStarSourceConnection for Bitbucket Cloud, GitHub, GitHub Enterprise Server, GitLab.com, and
//! GitLab self-managed actions*, *Amazon S3 deploy action reference*, and *AWS CodePipeline invoke
//! action reference* in the AWS documentation.

use std::sync::Arc;

use super::Reader;
use crate::aws::arn_kind::ArnKind;
use crate::definition::model::{ActionPart, member};
use crate::diagnostic::Node;
use crate::run::Instance;
use crate::run::landscape::Value;
use crate::run::pipeline::{Action, Approve, Deploy, Invoke, Pipeline, Repository, Source, Work};
use crate::template::known_text;

const KEY: &str = "KMSEncryptionKeyARN";

impl Reader<'_, '_> {
    /// Reads an action. `stage` is the number and the name of its stage.
    pub(super) fn action(
        &mut self,
        pipeline: &Pipeline,
        stage: (usize, &str),
        node: &Node,
    ) -> Action {
        let part = ActionPart(node);
        let name = part.get("Name").and_then(known_text).unwrap_or("an action");
        let role = self.optional(part.get("RoleArn"), "the action's role", node);
        let region = match self.optional(part.get("Region"), "the action's region", node) {
            Some(Ok(region)) => region,
            Some(Err(doubt)) => {
                self.unknown_objects = Some(doubt);
                pipeline.region.clone()
            }
            None => pipeline.region.clone(),
        };
        let performer = role.as_ref().unwrap_or(&pipeline.service_role);
        let work = self.work(part, pipeline, (stage.1, &region), performer);
        Action {
            name: name.to_owned(),
            region,
            order: (stage.0, run_order(part)),
            inputs: self.artifacts(part, "InputArtifacts"),
            outputs: self.artifacts(part, "OutputArtifacts"),
            work,
            role,
            place: self.place(node),
        }
    }

    /// Returns the names of artifacts, with a placeholder for an unknown name.
    fn artifacts(&mut self, part: ActionPart<'_, Node>, list: &str) -> Vec<String> {
        let Some(found) = part.get(list) else {
            return Vec::new();
        };
        let Some(items) = found.items() else {
            self.doubt(found, &format!("the action's {list} are unknown"));
            return Vec::new();
        };
        items
            .iter()
            .map(|item| {
                let name = self.text(member(item, "Name"), "the artifact's name", item);
                name.unwrap_or_else(|doubt| {
                    self.unknown_objects = Some(doubt);
                    "Unknown".to_owned()
                })
            })
            .collect()
    }

    fn work(
        &mut self,
        part: ActionPart<'_, Node>,
        pipeline: &Pipeline,
        (stage, region): (&str, &str),
        performer: &Value,
    ) -> Work {
        let node = part.0;
        let kind = |name| part.kind(name).and_then(known_text);
        let settings = part.get("Configuration");
        self.undecided(settings, "the action's configuration");
        let setting = |name: &str| part.setting(name);
        match (kind("Category"), kind("Owner"), kind("Provider")) {
            (Some("Source"), Some("AWS"), Some("S3")) => Work::Source(Source {
                bucket: self.setting(setting("S3Bucket"), "the source bucket", node),
                key: self.setting(setting("S3ObjectKey"), "the source object", node),
            }),
            (Some("Source"), Some("AWS"), Some("CodeStarSourceConnection")) => {
                let mut connection = self.setting(setting("ConnectionArn"), "the connection", node);
                for name in ["FullRepositoryId", "BranchName"] {
                    if setting(name).is_none() {
                        connection = Err(self.doubt(node, &format!("{name} is not specified")));
                    }
                }
                let name = "OutputArtifactFormat";
                let format = self.optional_setting(setting(name), name, node);
                let is_reference = matches!(&format, Some(Ok(format)) if format != "CODE_ZIP");
                if let Some(Err(doubt)) = format {
                    connection = Err(doubt);
                }
                Work::Repository(Repository {
                    connection,
                    is_reference,
                })
            }
            (Some("Deploy"), Some("AWS"), Some("S3")) => {
                let (target, instance, tagged_objects) = self.target(performer, stage);
                let extract = self.optional_setting(setting("Extract"), "Extract", node);
                Work::Deploy(Deploy {
                    target,
                    instance,
                    tagged_objects,
                    bucket: self.setting(setting("BucketName"), "the output bucket", node),
                    says_extract: match &extract {
                        Some(Ok(text)) => matches!(text.as_str(), "true" | "false"),
                        Some(Err(_)) => true,
                        None => settings.is_some_and(|settings| settings.tag.is_some()),
                    },
                    extract: !matches!(extract, Some(Ok(text)) if text != "true"),
                    object_key: self.optional_setting(setting("ObjectKey"), "ObjectKey", node),
                    canned_acl: self.optional_setting(setting("CannedACL"), "CannedACL", node),
                    key: self.optional_setting(setting(KEY), KEY, node),
                })
            }
            (Some("Build" | "Test"), Some("AWS"), Some("CodeBuild")) => {
                Work::Build(self.build(part, pipeline, region, performer))
            }
            (Some("Invoke"), Some("AWS"), Some("StepFunctions")) => {
                let (target, instance, _) = self.target(performer, stage);
                Work::Machine(self.machine(part, target, instance))
            }
            (Some("Invoke"), Some("AWS"), Some("CodePipeline")) => Work::Invoke(Invoke {
                name: self.setting(setting("PipelineName"), "the pipeline to start", node),
                variables: variables(setting("Variables")),
            }),
            (Some("Approval"), Some("AWS"), Some("Manual")) => {
                let topic = setting("NotificationArn");
                let topic = self.optional_setting(topic, "the topic of the approval", node);
                // A value that is not the ARN of a topic identifies no resource.
                let is_topic = |arn: &String| ArnKind::Topic.parse(arn).is_ok();
                let topic = topic.map(|topic| match topic {
                    Ok(arn) if !is_topic(&arn) => {
                        let reason = format!("`{arn}` is not the ARN of a standard topic");
                        Err(self.doubt(node, &reason))
                    }
                    topic => topic,
                });
                Work::Approve(Approve {
                    stage: stage.to_owned(),
                    topic,
                })
            }
            (category, owner, provider) => {
                let (category, provider) = (category.unwrap_or("?"), provider.unwrap_or("?"));
                let provider = match owner {
                    Some("AWS") | None => provider.to_owned(),
                    Some(owner) => format!("{provider} ({owner})"),
                };
                Work::Other {
                    what: format!("the {category} action by {provider}"),
                    provider,
                }
            }
        }
    }

    /// Returns the target whose template creates the role, the instance of the target, and whether
    /// the target's objects have tags. If no template creates the role, the stage name is used as
    /// the target.
    fn target(&self, role: &Value, stage: &str) -> (String, Option<Arc<Instance>>, bool) {
        let role = role.as_deref().ok();
        let role = role.and_then(|role| self.world.role(role));
        match role.and_then(|role| role.resolver) {
            Some(number) => {
                let deployment = self.world.resolvers[number].deployment();
                let target = deployment.target.unwrap_or(deployment.stack);
                let instance = deployment.instance.clone();
                (target.to_owned(), instance, deployment.tagged_objects)
            }
            None => (stage.to_owned(), None, false),
        }
    }
}

/// Returns the run order of an action. The default is 1.
fn run_order(part: ActionPart<'_, Node>) -> u32 {
    let order = part.get("RunOrder").and_then(Node::scalar_text);
    order.and_then(|order| order.parse().ok()).unwrap_or(1)
}

/// Returns the variables of an invoke action, which are specified as a JSON string.
fn variables(node: Option<&Node>) -> Option<Vec<(String, String)>> {
    #[derive(serde::Deserialize)]
    struct Variable {
        name: String,
        value: String,
    }
    let Some(node) = node else {
        return Some(Vec::new());
    };
    let found: Vec<Variable> = serde_json::from_str(known_text(node)?).ok()?;
    let found = found.into_iter();
    Some(found.map(|one| (one.name, one.value)).collect())
}
