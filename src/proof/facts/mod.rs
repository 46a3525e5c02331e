//! Reads the pipelines in the templates, and the rules that start them.
//!
//! Follows *AWS::CodePipeline::Pipeline*, *CodePipeline pipeline structure reference*, *Rule
//! structure reference*, and *AWS::Events::Rule* in the AWS documentation.

mod actions;
mod builds;
mod conditions;
mod machines;
mod rules;
mod states;

use std::collections::HashSet;

use super::resolve::Resolver;
use super::world::{TemplateResource, World};
use crate::aws::arn::{self, Arn};
use crate::aws::arn_kind::ArnKind;
use crate::definition::model::{self, StorePart, member};
use crate::diagnostic::Node;
use crate::run::landscape::{Value, account_of};
use crate::run::pipeline::{Pipeline, Store, Work};
use crate::run::{Doubt, Obstacle, Place};
use crate::template::{known_text, unknown_in};
use rules::rules;

/// Reads every pipeline. Each unknown value becomes a [`Doubt`].
pub(super) fn pipelines(world: &World<'_>) -> (Vec<Pipeline>, Vec<Doubt>) {
    let mut doubts = Vec::new();
    let mut found = Vec::new();
    for resource in &world.resources {
        if resource.node.get("Type").and_then(Node::as_str) != Some("AWS::CodePipeline::Pipeline") {
            continue;
        }
        found.push(Reader::new(world, resource, &mut doubts).pipeline());
    }
    rules(world, &mut found, &mut doubts);
    (in_order(found), doubts)
}

/// Sorts the pipelines in execution order: each pipeline comes after the pipeline that starts it.
fn in_order(mut pipelines: Vec<Pipeline>) -> Vec<Pipeline> {
    let started: HashSet<String> = pipelines
        .iter()
        .flat_map(|pipeline| pipeline.invokes().map(|(name, _)| name.to_owned()))
        .collect();
    // Pipelines that no other pipeline starts come first. The others follow the pipeline that
    // starts them.
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

/// A reader for one template resource.
struct Reader<'r, 'w> {
    world: &'r World<'w>,
    resolver: &'r Resolver<'w>,
    resource: &'r TemplateResource<'w>,
    doubts: &'r mut Vec<Doubt>,
    /// Why the objects in the artifact stores are unknown: a name in their keys or the region of a
    /// store is unknown.
    unknown_objects: Option<Box<Doubt>>,
}

/// Returns the first member in the spelling of the CodePipeline API (such as `actions`), and its
/// value. The declaration model reads both spellings, but CloudFormation rejects this one.
fn api_spelling(node: &Node) -> Option<(&str, &Node)> {
    if let Some(items) = node.items() {
        return items.iter().find_map(api_spelling);
    }
    let mut entries = node.entries()?.iter();
    entries.find_map(|entry| match entry.key.as_str() {
        // The provider defines the names in it.
        "Configuration" => None,
        name if name.starts_with(|first: char| first.is_ascii_lowercase()) => {
            Some((name, &entry.value))
        }
        _ => api_spelling(&entry.value),
    })
}

impl<'r, 'w> Reader<'r, 'w> {
    fn new(
        world: &'r World<'w>,
        resource: &'r TemplateResource<'w>,
        doubts: &'r mut Vec<Doubt>,
    ) -> Self {
        Self {
            world,
            resolver: &world.resolvers[resource.resolver],
            resource,
            doubts,
            unknown_objects: None,
        }
    }

    fn place(&self, node: &Node) -> Place {
        Place {
            file: self.resolver.deployment().file,
            span: node.span,
        }
    }

    fn doubt(&mut self, node: &Node, reason: &str) -> Box<Doubt> {
        let doubt = Doubt::new(self.place(node), self.resource.id, reason);
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt.clone());
        }
        Box::new(doubt)
    }

    /// Returns a known string, or a [`Doubt`] if it is unknown.
    fn text(&mut self, node: Option<&Node>, what: &str, parent: &Node) -> Value {
        let Some(node) = node else {
            return Err(self.doubt(parent, &format!("{what} is not specified")));
        };
        match (known_text(node), unknown_in(node)) {
            (Some(text), _) => Ok(text.to_owned()),
            (None, Some(part)) => {
                let reason = part.as_str().unwrap_or_default().to_owned();
                Err(self.doubt(node, &format!("{what}: {reason}")))
            }
            (None, None) => Err(self.doubt(node, &format!("{what} is not a string"))),
        }
    }

    /// Returns a setting of an action. Pipeline variables are known only at run time.
    fn setting(&mut self, node: Option<&Node>, what: &str, parent: &Node) -> Value {
        let value = self.text(node, what, parent)?;
        match value.contains("#{") {
            true => Err(self.doubt(
                node.unwrap_or(parent),
                &format!("{what}: the variables in `{value}` are known only at run time"),
            )),
            false => Ok(value),
        }
    }

    /// Returns an optional setting.
    fn optional_setting(
        &mut self,
        node: Option<&Node>,
        what: &str,
        parent: &Node,
    ) -> Option<Value> {
        node.map(|node| self.setting(Some(node), what, parent))
    }

    /// Returns an optional string.
    fn optional(&mut self, node: Option<&Node>, what: &str, parent: &Node) -> Option<Value> {
        node.map(|node| self.text(Some(node), what, parent))
    }

    fn pipeline(&mut self) -> Pipeline {
        let here = self.resolver.deployment().clone();
        let node = self.resource.node;
        let name = self.resolver.attribute(self.resource.id, "");
        let name = name.unwrap_or_else(|| {
            let doubt = self.doubt(node, "the pipeline's name is unknown");
            self.unknown_objects = Some(doubt);
            self.resource.id.to_owned()
        });
        let role = self.resolver.property(node, "RoleArn");
        let service_role = self.text(role.as_ref(), "the pipeline's role", node);
        let mut pipeline = Pipeline {
            arn: arn::pipeline(here.partition, here.region, here.account, &name),
            name,
            account: here.account.to_owned(),
            region: here.region.to_owned(),
            service_role,
            stores: Vec::new(),
            actions: Vec::new(),
            rules: Vec::new(),
            variables: self.variables(),
            gates: Vec::new(),
            faults: Vec::new(),
            checks: Vec::new(),
            place: self.place(node),
        };
        self.stores(&mut pipeline);
        for property in ["ArtifactStore", "ArtifactStores", "Stages"] {
            let value = self.resolver.property(node, property);
            if let Some((name, place)) = value.as_ref().and_then(api_spelling) {
                let reason =
                    format!("`{name}` in `{property}` uses the spelling of the CodePipeline API");
                let fix = "capitalize the first letter, as CloudFormation requires";
                self.fault(&mut pipeline, place, reason, fix);
            }
        }
        let Some(stages) = self.resolver.property(node, "Stages") else {
            self.doubt(node, "the pipeline has no stages");
            return pipeline;
        };
        if stages.items().is_none() {
            self.doubt(&stages, "the pipeline's stages are unknown");
        }
        for (number, stage) in stages.items().unwrap_or_default().iter().enumerate() {
            let name = member(stage, "Name").and_then(known_text);
            let name = name.unwrap_or("a stage").to_owned();
            let actions = member(stage, "Actions").and_then(Node::items);
            if actions.is_none() {
                self.doubt(stage, "the stage's actions are unknown");
            }
            for action in actions.unwrap_or_default() {
                let action = self.action(&pipeline, (number, &name), action);
                pipeline.actions.push(action);
            }
            self.conditions(&mut pipeline, &name, stage);
        }
        let known = stages
            .items()
            .filter(|stages| stages.iter().all(|stage| stage.tag.is_none()));
        if known.is_some_and(|stages| stages.len() < 2) {
            let fix = "add a stage: only the first stage can contain source actions";
            let reason = "a pipeline must have at least two stages".to_owned();
            self.fault(&mut pipeline, &stages, reason, fix);
        }
        self.faults(&mut pipeline);
        if let Some(doubt) = &self.unknown_objects {
            for store in &mut pipeline.stores {
                store.bucket = Err(doubt.clone());
            }
        }
        pipeline
    }

    fn fault(&self, pipeline: &mut Pipeline, node: &Node, reason: String, fix: &'static str) {
        pipeline.faults.push(Obstacle {
            place: self.place(node),
            resource: self.resource.id.to_owned(),
            reason,
            fix,
        });
    }

    /// Records the settings that CodePipeline rejects, or that make every execution fail.
    fn faults(&mut self, pipeline: &mut Pipeline) {
        if let Ok(role) = &pipeline.service_role
            && account_of(role) != pipeline.account
        {
            let fix = "specify a service role in the pipeline's account";
            let reason = format!("the service role {role} is not in the pipeline's account");
            let node = self.resource.node;
            self.fault(pipeline, node, reason, fix);
        }
        if self.unknown_objects.is_some() {
            return;
        }
        let mut found = Vec::new();
        for action in &pipeline.actions {
            let name = &action.name;
            let mut add = |reason: String, fix| {
                found.push(Obstacle {
                    place: action.place,
                    resource: self.resource.id.to_owned(),
                    reason,
                    fix,
                });
            };
            let region = &action.region;
            let has_artifacts = !(action.inputs.is_empty() && action.outputs.is_empty());
            let mut stores = pipeline.stores.iter();
            if has_artifacts && !stores.any(|store| store.region == *region) {
                add(
                    format!("action {name} is in {region}, which has no artifact store"),
                    "add a store for the region to `ArtifactStores`",
                );
            }
            for artifact in &action.inputs {
                let mut makers = pipeline.actions.iter();
                if !makers.any(|maker| maker.outputs.contains(artifact)) {
                    add(
                        format!(
                            "action {name} reads the artifact {artifact}, which no action outputs"
                        ),
                        "specify an output artifact of an earlier action",
                    );
                }
                let mut makers = pipeline.actions.iter();
                let is_reference = makers.any(|maker| {
                    maker.outputs.contains(artifact)
                        && matches!(&maker.work, Work::Repository(source) if source.is_reference)
                });
                if is_reference && matches!(action.work, Work::Deploy(_)) {
                    add(
                        format!(
                            "action {name} deploys the artifact {artifact}, which contains only a \
                             reference to the repository"
                        ),
                        "set `OutputArtifactFormat: CODE_ZIP` in the source action",
                    );
                }
            }
            let artifacts = match &action.work {
                Work::Source(_) | Work::Repository(_) => Some((0, 1)),
                Work::Deploy(_) => Some((1, 0)),
                _ => None,
            };
            if artifacts.is_some_and(|wanted| wanted != (action.inputs.len(), action.outputs.len()))
            {
                add(
                    format!("action {name} has the wrong number of artifacts"),
                    "specify one output for a source action, or one input for a deploy action",
                );
            }
            if let Work::Deploy(deploy) = &action.work
                && let Some(Ok(acl)) = &deploy.canned_acl
                && acl != "bucket-owner-full-control"
                && (self.world.land.bucket_named(&deploy.bucket))
                    .is_some_and(|bucket| bucket.is_owner_enforced == Some(true))
            {
                add(
                    format!(
                        "action {name} sets the ACL {acl} on objects in a bucket with ACLs disabled"
                    ),
                    "remove `CannedACL`, or set `ObjectOwnership: BucketOwnerPreferred`",
                );
            }
            match &action.work {
                Work::Build(_) if action.inputs.is_empty() => add(
                    format!("action {name} has no input artifact"),
                    "add the artifact to build to `InputArtifacts`",
                ),
                Work::Build(build) => {
                    if let Some(fault) = &build.fault {
                        add(
                            format!("action {name} cannot succeed: {fault}"),
                            "set the type of the project's `Source` and `Artifacts` to CODEPIPELINE",
                        );
                    }
                }
                Work::Machine(machine) => {
                    let parsed = machine.arn.as_deref().ok().and_then(Arn::parse);
                    if parsed.is_some_and(|arn| arn.region != action.region) {
                        add(
                            format!(
                                "action {name} is in {region}, but its state machine is in another \
                                 region"
                            ),
                            "set `Region` to the region of the state machine",
                        );
                    }
                    let mut deploys = pipeline.deploys_to(machine);
                    if deploys.any(|(deploy, _)| deploy.order >= action.order) {
                        add(
                            format!("action {name} does not run after the deployment"),
                            "increase its `RunOrder`, or move it to a later stage",
                        );
                    }
                }
                Work::Deploy(deploy) if !deploy.says_extract => add(
                    format!("action {name} does not specify whether to extract the artifact"),
                    "set `Extract: true` or `Extract: false`",
                ),
                Work::Deploy(deploy) if !deploy.extract && deploy.object_key.is_none() => add(
                    format!("action {name} does not extract the artifact and has no `ObjectKey`"),
                    "set `ObjectKey`, or set `Extract: true`",
                ),
                Work::Repository(source) => {
                    if let Ok(arn) = &source.connection {
                        let parsed = ArnKind::Connection.parse(arn);
                        let place = parsed.map(|found| found.region == pipeline.region);
                        if place != Ok(true) {
                            add(
                                format!(
                                    "action {name} uses {arn}, which is not a connection in the \
                                     pipeline's region"
                                ),
                                "set `ConnectionArn` to a connection in the pipeline's region",
                            );
                        }
                    }
                }
                Work::Source(source) => {
                    let bucket = self.world.land.bucket_named(&source.bucket);
                    if bucket.is_some_and(|bucket| bucket.is_versioned == Some(false)) {
                        add(
                            format!(
                                "versioning is not enabled on the source bucket of action {name}"
                            ),
                            "set `VersioningConfiguration: {Status: Enabled}`",
                        );
                    }
                }
                _ => {}
            }
        }
        pipeline.faults.extend(found);
    }

    /// Returns the known variables of the pipeline with their defaults.
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

    /// Records a part that cannot be resolved.
    fn undecided(&mut self, part: Option<&Node>, what: &str) {
        if let Some(part) = part.filter(|part| part.tag.is_some()) {
            let why = part.as_str().unwrap_or_default();
            self.doubt(part, &format!("{what}: {why}"));
        }
    }

    fn stores(&mut self, pipeline: &mut Pipeline) {
        let node = self.resource.node;
        let only = self.resolver.property(node, "ArtifactStore");
        let stores = self.resolver.property(node, "ArtifactStores");
        self.undecided(stores.as_ref(), "the artifact stores");
        let several = stores.as_ref().filter(|stores| stores.items().is_some());
        for part in model::stores(only.as_ref(), several) {
            let region = match part.entry {
                Some(entry) => self.text(member(entry, "Region"), "the store's region", entry),
                None => Ok(pipeline.region.clone()),
            };
            match (part.store, part.entry, region) {
                (Some(store), _, Ok(region)) => {
                    let store = self.store(&part, store, region);
                    pipeline.stores.push(store);
                }
                (None, Some(entry), _) => {
                    self.doubt(entry, "the region's artifact store is not specified");
                }
                _ => {}
            }
        }
        if pipeline.stores.is_empty() {
            let doubt = self.doubt(node, "the pipeline's artifact store is unknown");
            pipeline.stores.push(Store {
                region: pipeline.region.clone(),
                bucket: Err(doubt.clone()),
                key: Some(Err(doubt)),
                place: pipeline.place,
            });
        }
    }

    fn store(&mut self, part: &StorePart<'_, Node>, node: &Node, region: String) -> Store {
        let bucket = self.text(part.bucket(), "the artifact bucket", node);
        let key = member(node, "EncryptionKey");
        let key = key.map(|key| self.text(part.key(), "the artifact store's key", key));
        Store {
            region,
            bucket,
            key,
            place: self.place(node),
        }
    }
}
