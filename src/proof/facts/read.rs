//! From the templates to the pipelines and the rules that start them.
//!
//! Follows the AWS documents *AWS::CodePipeline::Pipeline*, *CodePipeline pipeline structure
//! reference*, *Rule structure reference* and *AWS::Events::Rule*.

use std::collections::HashSet;

use super::super::resolve::{Resolver, known_text, unknown_in};
use super::super::world::{Doubt, Found, Place, World};
use super::{Check, Gate, Pipeline, Rule, Store, Value};
use crate::syntax::Node;

/// Reads every pipeline; what cannot be known is a doubt.
pub(in super::super) fn pipelines(world: &World<'_>) -> (Vec<Pipeline>, Vec<Doubt>) {
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
        found.push(reader.pipeline());
    }
    rules(world, &mut found, &mut doubts);
    (in_order(found), doubts)
}

/// The pipelines in the order in which they run: one that another starts comes behind it.
fn in_order(mut pipelines: Vec<Pipeline>) -> Vec<Pipeline> {
    let started: HashSet<String> = pipelines
        .iter()
        .flat_map(|pipeline| pipeline.invokes().map(|(name, _)| name.to_owned()))
        .collect();
    // Those that nothing starts first; the others wait for the one that does.
    pipelines.sort_by_key(|pipeline| started.contains(&pipeline.name));
    let mut found: Vec<Pipeline> = Vec::with_capacity(pipelines.len());
    while !pipelines.is_empty() {
        let next = found.last().and_then(|last| last.invokes().next());
        let at = next.and_then(|(name, _)| {
            let mut waiting = pipelines.iter();
            waiting.position(|pipeline| pipeline.name == name)
        });
        let at = at.unwrap_or(0);
        found.push(pipelines.remove(at));
    }
    found
}

/// Reads one resource of a template.
pub(super) struct Reader<'r, 'w> {
    pub(super) world: &'r World<'w>,
    pub(super) resolver: &'r Resolver<'w>,
    pub(super) resource: &'r Found<'w>,
    doubts: &'r mut Vec<Doubt>,
}

impl Reader<'_, '_> {
    pub(super) fn place(&self, node: &Node) -> Place {
        Place {
            file: self.resolver.deployment().file,
            span: node.span,
        }
    }

    pub(super) fn doubt(&mut self, node: &Node, reason: &str) -> Box<Doubt> {
        let doubt = Doubt {
            place: self.place(node),
            resource: self.resource.id.to_owned(),
            reason: reason.to_owned(),
            effect: None,
        };
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt.clone());
        }
        Box::new(doubt)
    }

    /// A known text, or a doubt about it.
    pub(super) fn text(&mut self, node: Option<&Node>, what: &str, parent: &Node) -> Value {
        let Some(node) = node else {
            return Err(self.doubt(parent, &format!("{what} is not given")));
        };
        match (known_text(node), unknown_in(node)) {
            (Some(text), _) => Ok(text.to_owned()),
            (None, Some(part)) => {
                let reason = part.as_str().unwrap_or_default().to_owned();
                Err(self.doubt(node, &format!("{what}: {reason}")))
            }
            (None, None) => Err(self.doubt(node, &format!("{what} is no text"))),
        }
    }

    /// A text that may be left out.
    pub(super) fn optional(
        &mut self,
        node: Option<&Node>,
        what: &str,
        parent: &Node,
    ) -> Option<Value> {
        node.map(|node| self.text(Some(node), what, parent))
    }

    fn pipeline(&mut self) -> Pipeline {
        let here = self.resolver.deployment().clone();
        let node = self.resource.node;
        let name = super::super::symbols::attribute(self.resolver, self.resource.id, node, "");
        let name = name.unwrap_or_else(|| {
            self.doubt(node, "the pipeline's name cannot be known");
            self.resource.id.to_owned()
        });
        let role = self.resolver.property(node, "RoleArn");
        let service_role = self.text(role.as_ref(), "the pipeline's role", node);
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
            actions: Vec::new(),
            rules: Vec::new(),
            variables: self.variables(),
            gates: Vec::new(),
            checks: Vec::new(),
            place: self.place(node),
        };
        self.stores(&mut pipeline);
        let Some(stages) = self.resolver.property(node, "Stages") else {
            self.doubt(node, "the pipeline has no stages");
            return pipeline;
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
                let action = self.action(&pipeline, &name, action);
                pipeline.actions.push(action);
            }
            self.conditions(&mut pipeline, &name, stage);
        }
        pipeline
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
                    let check = self.check(rule);
                    pipeline.checks.extend(check);
                    if fails {
                        pipeline.gates.extend(self.gate(stage, rule));
                    }
                }
            }
        }
    }

    /// What a rule calls. The documents of these two name no permission.
    fn check(&mut self, rule: &Node) -> Option<Check> {
        let provider = rule.at(["RuleTypeId", "Provider"]).and_then(known_text);
        if matches!(provider, Some("VariableCheck" | "DeploymentWindow")) {
            return None;
        }
        Some(Check {
            provider: provider.unwrap_or("?").to_owned(),
            role: self.optional(rule.get("RoleArn"), "the rule's role", rule),
            place: self.place(rule),
        })
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
            let store = self.store(&store, region);
            pipeline.stores.push(store);
        }
        let stores = self.resolver.property(node, "ArtifactStores");
        for entry in stores.as_ref().and_then(Node::items).unwrap_or_default() {
            let region = self.text(entry.get("Region"), "the store's region", entry);
            let Some(store) = entry.get("ArtifactStore") else {
                self.doubt(entry, "the region's artifact store is not given");
                continue;
            };
            if let Ok(region) = region {
                let store = self.store(store, region);
                pipeline.stores.push(store);
            }
        }
        if pipeline.stores.is_empty() {
            let doubt = self.doubt(node, "the pipeline's artifact store cannot be known");
            pipeline.stores.push(Store {
                region: pipeline.region.clone(),
                bucket: Err(doubt.clone()),
                key: Some(Err(doubt)),
                place: pipeline.place,
            });
        }
    }

    fn store(&mut self, node: &Node, region: String) -> Store {
        let bucket = self.text(node.get("Location"), "the artifact bucket", node);
        let key = node.get("EncryptionKey");
        let key = key.map(|key| self.text(key.get("Id"), "the artifact store's key", key));
        Store {
            region,
            bucket,
            key,
            place: self.place(node),
        }
    }
}

/// The rules that start the pipelines. Of one whose target cannot be known nobody can say whether it
/// starts one.
fn rules(world: &World<'_>, pipelines: &mut [Pipeline], doubts: &mut Vec<Doubt>) {
    for resource in &world.resources {
        if resource.node.get("Type").and_then(Node::as_str) != Some("AWS::Events::Rule") {
            continue;
        }
        let resolver = &world.resolvers[resource.resolver];
        let mut reader = Reader {
            world,
            resolver,
            resource,
            doubts,
        };
        let arn = super::super::symbols::attribute(resolver, resource.id, resource.node, "Arn");
        let targets = resolver.property(resource.node, "Targets");
        for target in targets.as_ref().and_then(Node::items).unwrap_or_default() {
            let node = target.get("Arn").unwrap_or(target);
            let Some(started) = known_text(node) else {
                if let Some(part) = unknown_in(node) {
                    let why = part.as_str().unwrap_or_default();
                    reader.doubt(node, &format!("what the rule starts: {why}"));
                }
                continue;
            };
            let mut pipelines = pipelines.iter_mut();
            let Some(pipeline) = pipelines.find(|pipeline| pipeline.arn == started) else {
                continue;
            };
            let arn = arn.clone().ok_or(());
            let arn = arn.map_err(|()| reader.doubt(resource.node, "the rule's name is not known"));
            let role = reader.text(
                target.get("RoleArn"),
                "the role of the rule's target",
                target,
            );
            pipeline.rules.push(Rule {
                arn,
                role,
                place: reader.place(target),
            });
        }
    }
}
