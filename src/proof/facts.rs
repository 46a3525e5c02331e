//! What the pipeline's own resource says: its roles, sources, artifact stores and deploy actions,
//! and the rules that start it. Which calls follow from that is [`super::run`]'s.
//!
//! Follows the AWS documents *CodePipeline pipeline structure reference*, *Amazon S3 source
//! action reference* and *Amazon S3 deploy action reference*.

use std::collections::HashSet;
use std::sync::Arc;

use super::input::Instance;
use super::resolve::{Resolver, known_text, unknown_in};
use super::world::{Doubt, Found, Place, World};
use crate::syntax::Node;

/// A pipeline.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) service_role: String,
    pub(super) stores: Vec<Store>,
    pub(super) sources: Vec<SourceAction>,
    pub(super) deploys: Vec<Deploy>,
    pub(super) rules: Vec<Rule>,
    /// The pipelines that it starts.
    pub(super) invokes: Vec<Invoke>,
    /// Its variables with their defaults.
    pub(super) variables: Vec<(String, String)>,
    /// What an execution must meet to enter a stage.
    pub(super) gates: Vec<Gate>,
    /// Roles of actions that are neither S3 sources nor S3 deployments, and of rules.
    pub(super) other_roles: Vec<(String, Place)>,
    pub(super) place: Place,
}

/// An artifact store.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) region: String,
    pub(super) bucket: String,
    /// As the pipeline names it; `None`: the AWS managed key.
    pub(super) key: Option<String>,
    pub(super) place: Place,
}

/// An S3 source action.
#[derive(Debug, Clone)]
pub(super) struct SourceAction {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) role: Option<String>,
    pub(super) place: Place,
}

/// An S3 deploy action.
#[derive(Debug, Clone)]
pub(super) struct Deploy {
    pub(super) target: String,
    pub(super) instance: Option<Arc<Instance>>,
    pub(super) role: String,
    pub(super) region: String,
    pub(super) bucket: String,
    pub(super) extract: bool,
    pub(super) object_key: String,
    pub(super) canned_acl: Option<String>,
    pub(super) key: Option<String>,
    /// Whether it copies the tags of the source object.
    pub(super) tagged_objects: bool,
    pub(super) place: Place,
}

/// An EventBridge rule that starts the pipeline.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) arn: String,
    pub(super) role: String,
    pub(super) place: Place,
}

/// An action that starts another pipeline.
#[derive(Debug, Clone)]
pub(super) struct Invoke {
    pub(super) name: String,
    /// Variables that it passes; `None` where they cannot be known.
    pub(super) variables: Option<Vec<(String, String)>>,
    pub(super) place: Place,
}

/// An entry condition that fails the execution unless a pipeline variable has a value.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) stage: String,
    pub(super) variable: String,
    pub(super) value: String,
    /// Logical ID of the pipeline.
    pub(super) resource: String,
    pub(super) place: Place,
}

impl Deploy {
    /// The key of an object that the action writes.
    pub(super) fn written_key(&self) -> String {
        match (self.extract, self.object_key.as_str()) {
            (false, key) => key.to_owned(),
            (true, "") => "index.html".to_owned(),
            (true, path) => format!("{}/index.html", path.trim_matches('/')),
        }
    }
}

impl Pipeline {
    /// The store of a region, or else the pipeline's own.
    pub(super) fn store(&self, region: &str) -> Option<&Store> {
        let here = |region: &str| self.stores.iter().find(|store| store.region == region);
        here(region)
            .or_else(|| here(&self.region))
            .or(self.stores.first())
    }
}

/// Reads every pipeline; what cannot be known is a doubt.
pub(super) fn pipelines(world: &World<'_>) -> (Vec<Pipeline>, Vec<Doubt>) {
    let mut doubts = Vec::new();
    let mut found = Vec::new();
    for resource in &world.resources {
        if resource.node.get("Type").and_then(Node::as_str) != Some("AWS::CodePipeline::Pipeline") {
            continue;
        }
        let mut reader = Reader {
            world,
            resolver: &world.resolvers[resource.resolver],
            resource,
            doubts: &mut doubts,
        };
        found.extend(reader.pipeline());
    }
    for pipeline in &mut found {
        pipeline.rules = rules(world, &pipeline.arn);
    }
    (in_order(found), doubts)
}

/// The pipelines in the order in which they run: one that another starts comes behind it.
fn in_order(mut pipelines: Vec<Pipeline>) -> Vec<Pipeline> {
    let started: HashSet<String> = pipelines
        .iter()
        .flat_map(|pipeline| pipeline.invokes.iter().map(|invoke| invoke.name.clone()))
        .collect();
    // Those that nothing starts first; the others wait for the one that does.
    pipelines.sort_by_key(|pipeline| started.contains(&pipeline.name));
    let mut found: Vec<Pipeline> = Vec::with_capacity(pipelines.len());
    while !pipelines.is_empty() {
        let next = found.last().and_then(|last| last.invokes.first());
        let at = next.and_then(|invoke| {
            let mut waiting = pipelines.iter();
            waiting.position(|pipeline| pipeline.name == invoke.name)
        });
        found.push(pipelines.remove(at.unwrap_or(0)));
    }
    found
}

struct Reader<'r, 'w> {
    world: &'r World<'w>,
    resolver: &'r Resolver<'w>,
    resource: &'r Found<'w>,
    doubts: &'r mut Vec<Doubt>,
}

impl Reader<'_, '_> {
    fn place(&self, node: &Node) -> Place {
        Place {
            file: self.resolver.deployment().file,
            span: node.span,
        }
    }

    fn doubt(&mut self, node: &Node, reason: &str) {
        self.doubts.push(Doubt {
            place: self.place(node),
            resource: self.resource.id.to_owned(),
            reason: reason.to_owned(),
            effect: None,
        });
    }

    /// A known text, or a doubt about it.
    fn text(&mut self, node: Option<&Node>, what: &str, parent: &Node) -> Option<String> {
        match node {
            Some(node) => match (known_text(node), unknown_in(node)) {
                (Some(text), _) => return Some(text.to_owned()),
                (None, Some(part)) => {
                    let reason = part.as_str().unwrap_or_default().to_owned();
                    self.doubt(node, &format!("{what}: {reason}"));
                }
                (None, None) => self.doubt(node, &format!("{what} is no text")),
            },
            None => self.doubt(parent, &format!("{what} is not given")),
        }
        None
    }

    fn pipeline(&mut self) -> Option<Pipeline> {
        let here = self.resolver.deployment().clone();
        let node = self.resource.node;
        let name = super::symbols::attribute(self.resolver, self.resource.id, node, "");
        let name = name.or_else(|| {
            self.doubt(node, "the pipeline's name cannot be known");
            None
        })?;
        let role = self.resolver.property(node, "RoleArn");
        let service_role = self.text(role.as_ref(), "the pipeline's role", node)?;
        let mut pipeline = Pipeline {
            arn: format!(
                "arn:{}:codepipeline:{}:{}:{name}",
                here.partition, here.region, here.account
            ),
            name,
            account: here.account.to_owned(),
            region: here.region.to_owned(),
            service_role,
            stores: Vec::new(),
            sources: Vec::new(),
            deploys: Vec::new(),
            rules: Vec::new(),
            invokes: Vec::new(),
            variables: self.variables(),
            gates: Vec::new(),
            other_roles: Vec::new(),
            place: self.place(node),
        };
        self.stores(&mut pipeline);
        let Some(stages) = self.resolver.property(node, "Stages") else {
            self.doubt(node, "the pipeline has no stages");
            return Some(pipeline);
        };
        if stages.items().is_none() {
            self.doubt(&stages, "the pipeline's stages cannot be known");
        }
        for stage in stages.items().unwrap_or_default() {
            let name = stage
                .get("Name")
                .and_then(known_text)
                .unwrap_or("a stage")
                .to_owned();
            let actions = stage.get("Actions").and_then(Node::items);
            if actions.is_none() {
                self.doubt(stage, "its actions cannot be known");
            }
            for action in actions.unwrap_or_default() {
                self.action(&mut pipeline, &name, action);
            }
            self.conditions(&mut pipeline, &name, stage);
        }
        Some(pipeline)
    }

    /// The pipeline's variables with their defaults, as far as they can be known.
    fn variables(&self) -> Vec<(String, String)> {
        let variables = self.resolver.property(self.resource.node, "Variables");
        let variables = variables.as_ref().and_then(Node::items).unwrap_or_default();
        let text = |node: &Node, key| node.get(key).and_then(known_text).map(str::to_owned);
        variables
            .iter()
            .filter_map(|node| {
                let default = text(node, "DefaultValue").unwrap_or_default();
                Some((text(node, "Name")?, default))
            })
            .collect()
    }

    /// The rules of a stage's conditions (AWS CodePipeline, *Rule structure reference*).
    fn conditions(&mut self, pipeline: &mut Pipeline, stage: &str, node: &Node) {
        for kind in ["BeforeEntry", "OnSuccess", "OnFailure"] {
            let conditions = node.at([kind, "Conditions"]).and_then(Node::items);
            for condition in conditions.unwrap_or_default() {
                let fails = kind == "BeforeEntry"
                    && condition.get("Result").and_then(known_text) == Some("FAIL");
                let rules = condition.get("Rules").and_then(Node::items);
                for rule in rules.unwrap_or_default() {
                    self.rule(pipeline, rule);
                    if fails {
                        pipeline.gates.extend(self.gate(stage, rule));
                    }
                }
            }
        }
    }

    /// What a rule calls. The documents of these two name no permission.
    fn rule(&mut self, pipeline: &mut Pipeline, rule: &Node) {
        let provider = rule.at(["RuleTypeId", "Provider"]).and_then(known_text);
        if matches!(provider, Some("VariableCheck" | "DeploymentWindow")) {
            return;
        }
        if let Some(role) = rule.get("RoleArn")
            && let Some(role) = self.text(Some(role), "the rule's role", rule)
        {
            pipeline.other_roles.push((role, self.place(rule)));
        }
        let provider = provider.unwrap_or("?");
        self.doubt(
            rule,
            &format!("the calls of a {provider} rule are not known"),
        );
    }

    /// A rule that compares a pipeline variable with a text.
    fn gate(&self, stage: &str, rule: &Node) -> Option<Gate> {
        let setting = |name| rule.at(["Configuration", name]).and_then(known_text);
        if rule.at(["RuleTypeId", "Provider"]).and_then(known_text) != Some("VariableCheck")
            || setting("Operator") != Some("EQ")
        {
            return None;
        }
        let variable = setting("Variable")?.strip_prefix("#{variables.")?;
        Some(Gate {
            stage: stage.to_owned(),
            variable: variable.strip_suffix('}')?.to_owned(),
            value: setting("Value")?.to_owned(),
            resource: self.resource.id.to_owned(),
            place: self.place(rule),
        })
    }

    fn stores(&mut self, pipeline: &mut Pipeline) {
        let node = self.resource.node;
        if let Some(store) = self.resolver.property(node, "ArtifactStore") {
            let region = pipeline.region.clone();
            pipeline.stores.extend(self.store(&store, region));
        }
        let stores = self.resolver.property(node, "ArtifactStores");
        for entry in stores.as_ref().and_then(Node::items).unwrap_or_default() {
            let region = self.text(entry.get("Region"), "the store's region", entry);
            if let (Some(region), Some(store)) = (region, entry.get("ArtifactStore")) {
                pipeline.stores.extend(self.store(store, region));
            }
        }
        if pipeline.stores.is_empty() {
            self.doubt(node, "the pipeline's artifact store cannot be known");
        }
    }

    fn store(&mut self, node: &Node, region: String) -> Option<Store> {
        let bucket = self.text(node.get("Location"), "the artifact bucket", node)?;
        let key = match node.get("EncryptionKey") {
            Some(key) => Some(self.text(key.get("Id"), "the artifact store's key", key)?),
            None => None,
        };
        Some(Store {
            region,
            bucket,
            key,
            place: self.place(node),
        })
    }

    fn action(&mut self, pipeline: &mut Pipeline, stage: &str, action: &Node) {
        let kind = |name| action.at(["ActionTypeId", name]).and_then(known_text);
        let role = match action.get("RoleArn") {
            Some(role) => {
                let Some(role) = self.text(Some(role), "the action's role", action) else {
                    return;
                };
                Some(role)
            }
            None => None,
        };
        let settings = action.get("Configuration");
        let configuration = |name: &str| settings.and_then(|settings| settings.get(name));
        match (kind("Category"), kind("Provider")) {
            (Some("Source"), Some("S3")) => {
                let bucket = self.text(configuration("S3Bucket"), "the source bucket", action);
                let key = self.text(configuration("S3ObjectKey"), "the source object", action);
                if let (Some(bucket), Some(key)) = (bucket, key) {
                    pipeline.sources.push(SourceAction {
                        bucket,
                        key,
                        role,
                        place: self.place(action),
                    });
                }
            }
            (Some("Deploy"), Some("S3")) => {
                let Some(bucket) =
                    self.text(configuration("BucketName"), "the output bucket", action)
                else {
                    return;
                };
                let mut optional = |name: &str| match configuration(name) {
                    Some(node) => self.text(Some(node), name, action),
                    None => None,
                };
                let deploy = Deploy {
                    target: String::new(),
                    instance: None,
                    tagged_objects: false,
                    region: String::new(),
                    bucket,
                    extract: optional("Extract").is_none_or(|text| text == "true"),
                    object_key: optional("ObjectKey").unwrap_or_default(),
                    canned_acl: optional("CannedACL"),
                    key: optional("KMSEncryptionKeyARN"),
                    role: role.unwrap_or_else(|| pipeline.service_role.clone()),
                    place: self.place(action),
                };
                let region = action.get("Region").and_then(known_text);
                let (target, instance, tagged_objects) = self.target(&deploy, stage);
                pipeline.deploys.push(Deploy {
                    target,
                    instance,
                    tagged_objects,
                    region: region.unwrap_or(&pipeline.region).to_owned(),
                    ..deploy
                });
            }
            (Some("Invoke"), Some("CodePipeline")) => {
                let name = configuration("PipelineName");
                if let Some(name) = self.text(name, "the pipeline to start", action) {
                    pipeline.invokes.push(Invoke {
                        name,
                        variables: variables(configuration("Variables")),
                        place: self.place(action),
                    });
                }
            }
            (Some("Approval"), _) => {}
            (category, provider) => {
                if let Some(role) = role {
                    pipeline.other_roles.push((role, self.place(action)));
                }
                let (category, provider) = (category.unwrap_or("?"), provider.unwrap_or("?"));
                self.doubt(
                    action,
                    &format!("the calls of a {category} action by {provider} are not known"),
                );
            }
        }
    }

    /// The target whose template makes the role, or else the stage; and whether that target's
    /// objects have tags.
    fn target(&self, deploy: &Deploy, stage: &str) -> (String, Option<Arc<Instance>>, bool) {
        let role = self.world.role(&deploy.role);
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

/// The variables of an invoke action, which are JSON in a text.
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

fn rules(world: &World<'_>, pipeline: &str) -> Vec<Rule> {
    let mut found = Vec::new();
    for resource in &world.resources {
        if resource.node.get("Type").and_then(Node::as_str) != Some("AWS::Events::Rule") {
            continue;
        }
        let resolver = &world.resolvers[resource.resolver];
        let arn = super::symbols::attribute(resolver, resource.id, resource.node, "Arn");
        let targets = resolver.property(resource.node, "Targets");
        for target in targets.as_ref().and_then(Node::items).unwrap_or_default() {
            if target.get("Arn").and_then(known_text) != Some(pipeline) {
                continue;
            }
            if let (Some(arn), Some(role)) = (&arn, target.get("RoleArn").and_then(known_text)) {
                found.push(Rule {
                    arn: arn.clone(),
                    role: role.to_owned(),
                    place: Place {
                        file: resolver.deployment().file,
                        span: target.span,
                    },
                });
            }
        }
    }
    found
}
