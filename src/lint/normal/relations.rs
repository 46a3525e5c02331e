//! Determines the relations between the resources of a template: the policy of a bucket, the
//! policies of a pipeline's role, and the rules that start a pipeline.
//!
//! If a relation depends on an unknown value, its fact is unknown or omitted. Relations are
//! determined for every outcome of the conditions that they depend on.

use std::collections::{BTreeSet, HashMap};

use super::conditions::{Conditions, Outcome, Used};
use super::facts::{Facts, Resource};
use super::nodes::{entry, fact, is_open, list, map, may_be_any, plain, text, texts};
use super::pipelines::{
    actions, hears_uploads, is_action, late_sources, may_cover, needs, repeated_namespaces,
    setting, statements,
};
use super::policy::{Kind, Parameters, from_text};
use crate::diagnostic::{Entry, Node, Span, Value};
use crate::template::{Resolver, resources, type_of};

/// The service principal of EventBridge.
const EVENTS: &str = "events.amazonaws.com";

/// The facts that follow from the relations of a template's resources, by outcome of conditions.
pub(super) struct Relations {
    worlds: Vec<(Outcome, Facts)>,
    /// Whether there are too many outcomes to try all of them.
    pub(super) is_incomplete: bool,
}

impl Relations {
    pub(super) fn of(template: &Node, conditions: &Conditions<'_>) -> Self {
        let mut used = Used::default();
        for one in resources(template) {
            if type_of(&one.value).is_some_and(|kind| TYPES.contains(&kind)) {
                let condition = one.value.get("Condition").and_then(Node::as_str);
                used.conditions.extend(condition);
                let properties = one.value.get("Properties");
                for property in properties.and_then(Node::entries).unwrap_or_default() {
                    if PROPERTIES.contains(&property.key.as_str()) {
                        used.read(&property.value);
                    }
                }
            }
        }
        let outcomes = conditions.outcomes(&used.conditions, &BTreeSet::new());
        let parameters = Parameters::of(template);
        let worlds = outcomes.list.into_iter().map(|outcome| {
            let facts = facts_in(template, &outcome, parameters);
            (outcome, facts)
        });
        Self {
            worlds: worlds.collect(),
            is_incomplete: outcomes.is_incomplete,
        }
    }

    /// Returns the facts about a resource that can occur with an outcome of its conditions.
    pub(super) fn of_resource(&self, id: &str, outcome: &Outcome) -> Vec<Entry> {
        self.merged(outcome, |facts| facts.resources.get(id))
    }

    /// Returns the facts about an action of a pipeline.
    pub(super) fn of_action(&self, id: &str, place: Span, outcome: &Outcome) -> Vec<Entry> {
        let key = (id.to_owned(), place);
        self.merged(outcome, |facts| facts.actions.get(&key))
    }

    fn merged<'r>(
        &'r self,
        outcome: &Outcome,
        of: impl Fn(&'r Facts) -> Option<&'r Vec<Entry>>,
    ) -> Vec<Entry> {
        let mut merged: Vec<Entry> = Vec::new();
        let worlds = self.worlds.iter();
        let worlds = worlds.filter(|(world, _)| outcome.agrees_with(world));
        for fact in worlds.filter_map(|(_, facts)| of(facts)).flatten() {
            let known = merged.iter_mut().find(|known| known.key == fact.key);
            let Some(known) = known else {
                merged.push(fact.clone());
                continue;
            };
            match (&mut known.value.value, &fact.value.value) {
                (Value::Sequence(items), Value::Sequence(more)) => {
                    let new = more.iter().filter(|item| !items.contains(item)).cloned();
                    let new: Vec<Node> = new.collect();
                    items.extend(new);
                }
                // A fact that is certain in one outcome takes precedence.
                (Value::String(text), _) if is_open(text) => *known = fact.clone(),
                _ => {}
            }
        }
        merged
    }
}

/// Returns the facts in an outcome of conditions.
fn facts_in(template: &Node, outcome: &Outcome, parameters: Parameters<'_>) -> Facts {
    let resolver = outcome.resolver(template);
    let reader = Reader::new(&resolver, outcome, parameters);
    let mut facts = Facts::default();
    reader.buckets(&mut facts);
    reader.pipelines(&mut facts);
    reader.policies(&mut facts);
    facts
}

struct Reader<'r, 't> {
    resolver: &'r Resolver<'t>,
    parameters: Parameters<'t>,
    resources: Vec<Resource<'t>>,
    /// The resources that each resource depends on, by its logical ID.
    after: HashMap<&'t str, BTreeSet<&'t str>>,
}

/// The types of resources that have relations.
const TYPES: [&str; 8] = [
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::CodePipeline::Pipeline",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::RolePolicy",
];

/// The properties that relations depend on.
const PROPERTIES: [&str; 19] = [
    "AssumeRolePolicyDocument",
    "Bucket",
    "BucketName",
    "EventPattern",
    "LoggingConfiguration",
    "ManagedPolicyArns",
    "ManagedPolicyName",
    "Name",
    "Path",
    "Policies",
    "PolicyDocument",
    "RoleArn",
    "RoleName",
    "Roles",
    "Stages",
    "State",
    "Targets",
    "Triggers",
    "Users",
];

impl<'r, 't> Reader<'r, 't> {
    fn new(resolver: &'r Resolver<'t>, outcome: &Outcome, parameters: Parameters<'t>) -> Self {
        let entries = resolver.resources().iter();
        let resources: Vec<Resource<'t>> = entries
            .filter_map(|one| {
                let kind = type_of(&one.value).filter(|kind| TYPES.contains(kind))?;
                let condition = one.value.get("Condition").and_then(Node::as_str);
                if !outcome.holds(condition) {
                    return None;
                }
                let properties = one.value.get("Properties");
                let properties = properties
                    .and_then(|properties| resolver.resolve(properties))
                    .and_then(|properties| plain(&properties));
                Some(Resource {
                    id: &one.key,
                    id_span: one.key_span,
                    kind,
                    written: &one.value,
                    properties: properties.unwrap_or_else(|| map(Vec::new(), one.key_span)),
                })
            })
            .collect();
        let has_pipeline = resources
            .iter()
            .any(|resource| resource.kind == "AWS::CodePipeline::Pipeline");
        let mut after = HashMap::new();
        if has_pipeline {
            for one in resolver.resources() {
                let mut needed = BTreeSet::new();
                needs(&one.value, &mut needed);
                after.insert(one.key.as_str(), needed);
            }
        }
        Self {
            resolver,
            parameters,
            resources,
            after,
        }
    }

    fn of_type(&self, kind: &'static str) -> impl Iterator<Item = &Resource<'t>> {
        self.resources.iter().filter(move |one| one.kind == kind)
    }

    /// Returns the value of `Ref` for a resource.
    fn name(&self, id: &str) -> String {
        let name = self.resolver.attribute(id, "");
        name.unwrap_or_else(|| format!("@{{{id}}}"))
    }

    fn buckets(&self, into: &mut Facts) {
        let policies: Vec<Option<&str>> = self
            .of_type("AWS::S3::BucketPolicy")
            .map(|policy| policy.text("Bucket"))
            .collect();
        let mut sources = BTreeSet::new();
        let mut logs = BTreeSet::new();
        for pipeline in self.of_type("AWS::CodePipeline::Pipeline") {
            let actions = actions(&pipeline.properties);
            let actions = actions.filter(|action| is_action(action, "Source", "S3"));
            sources.extend(actions.filter_map(|action| setting(action, "S3Bucket")));
        }
        for bucket in self.of_type("AWS::S3::Bucket") {
            let target = bucket
                .properties
                .at(["LoggingConfiguration", "DestinationBucketName"]);
            logs.extend(target.and_then(Node::as_str));
        }
        let names: BTreeSet<String> = self
            .of_type("AWS::S3::Bucket")
            .map(|bucket| self.name(bucket.id))
            .collect();
        // A policy of a bucket in the template belongs to no other bucket.
        let open = policies
            .iter()
            .flatten()
            .find(|name| !names.contains(**name) && may_be_any(name));
        for bucket in self.of_type("AWS::S3::Bucket") {
            let name = self.name(bucket.id);
            if !policies.contains(&Some(name.as_str())) {
                let unknown = open.map(|open| entry("NoBucketPolicy", text(*open, bucket.id_span)));
                let certain = || fact("NoBucketPolicy", bucket.id_span);
                into.add(bucket.id, unknown.unwrap_or_else(certain));
            }
            if sources.contains(name.as_str()) {
                into.add(bucket.id, fact("PipelineSource", bucket.id_span));
            }
            if logs.contains(name.as_str()) {
                into.add(bucket.id, fact("ReceivesLogs", bucket.id_span));
            }
        }
    }

    fn pipelines(&self, into: &mut Facts) {
        for pipeline in self.of_type("AWS::CodePipeline::Pipeline") {
            let role = pipeline
                .text("RoleArn")
                .and_then(|arn| arn.rsplit('/').next());
            if let Some(role) = role {
                // The ARN of a resource that is not in the template.
                let role = role.replace(".Arn}", "}");
                self.policies_not_awaited(pipeline, &role, into);
                self.roles_not_assumable(pipeline, &role, into);
            }
            late_sources(pipeline, into);
            repeated_namespaces(pipeline, into);
            if self.nothing_starts(pipeline) {
                into.add(pipeline.id, fact("NothingStarts", pipeline.id_span));
            }
        }
    }

    /// Returns the policies that attach themselves to a role.
    fn attached<'s>(&'s self, role: &'s str) -> impl Iterator<Item = &'s Resource<'t>> {
        self.resources.iter().filter(move |policy| {
            let key = match policy.kind {
                "AWS::IAM::RolePolicy" => "RoleName",
                "AWS::IAM::ManagedPolicy" | "AWS::IAM::Policy" => "Roles",
                _ => return false,
            };
            texts(&policy.properties, key)
                .iter()
                .any(|name| name.as_str() == Some(role))
        })
    }

    /// Returns the policies of the template that a role names.
    fn linked<'s>(&'s self, role: &'s Resource<'t>) -> impl Iterator<Item = &'s Resource<'t>> {
        let arns = texts(&role.properties, "ManagedPolicyArns");
        self.of_type("AWS::IAM::ManagedPolicy")
            .filter(move |policy| {
                let name = self.name(policy.id);
                arns.iter().any(|arn| arn.as_str() == Some(name.as_str()))
            })
    }

    fn policies_not_awaited(&self, pipeline: &Resource<'_>, role: &str, into: &mut Facts) {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = vec![pipeline.id];
        while let Some(id) = open.pop() {
            for next in self.after.get(id).into_iter().flatten() {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        let missing = self
            .attached(role)
            .filter(|policy| !reached.contains(policy.id));
        let depends = pipeline.written.get("DependsOn");
        let place = depends.map_or(pipeline.id_span, |depends| depends.span);
        let missing: Vec<Node> = missing.map(|policy| text(policy.id, place)).collect();
        if !missing.is_empty() {
            into.add(
                pipeline.id,
                entry("PoliciesNotAwaited", list(missing, place)),
            );
        }
    }

    fn roles_not_assumable(&self, pipeline: &Resource<'_>, role: &str, into: &mut Facts) {
        let Some(owner) = self
            .of_type("AWS::IAM::Role")
            .find(|one| self.name(one.id) == role)
        else {
            return;
        };
        let Some(allowed) = self.assumable(owner, role) else {
            return;
        };
        for action in actions(&pipeline.properties) {
            let Some(named) = action.get("RoleArn") else {
                continue;
            };
            let wanted = named.as_str().unwrap_or_default();
            if wanted.is_empty() || allowed.iter().any(|pattern| may_cover(pattern, wanted)) {
                continue;
            }
            let key = (pipeline.id.to_owned(), action.span);
            into.actions
                .entry(key)
                .or_default()
                .push(fact("RoleNotAssumable", named.span));
        }
    }

    /// Returns the roles that the policies of a role allow it to assume, or `None` if not all
    /// policies are known.
    fn assumable(&self, owner: &Resource<'_>, role: &str) -> Option<Vec<String>> {
        let ids: BTreeSet<String> = self
            .of_type("AWS::IAM::ManagedPolicy")
            .map(|policy| self.name(policy.id))
            .collect();
        let arns = texts(&owner.properties, "ManagedPolicyArns");
        let is_ours = |arn: &&Node| arn.as_str().is_some_and(|arn| ids.contains(arn));
        if !arns.iter().all(is_ours) {
            return None;
        }
        let mut documents: Vec<&Node> = Vec::new();
        for policy in self.attached(role).chain(self.linked(owner)) {
            documents.push(policy.properties.get("PolicyDocument")?);
        }
        let inline = owner.properties.get("Policies").map(Node::one_or_many);
        for policy in inline.unwrap_or_default() {
            documents.push(policy.get("PolicyDocument")?);
        }
        // A role without policies in this template presumably has policies elsewhere.
        if documents.is_empty() {
            return None;
        }
        let mut allowed = Vec::new();
        for document in documents {
            for statement in statements(document, Kind::Identity, self.parameters)? {
                let is = |key: &str, wanted: &[&str]| {
                    let mut found = texts(&statement, key).into_iter();
                    found.any(|found| wanted.contains(&found.as_str().unwrap_or_default()))
                };
                if !is("Effect", &["Allow"]) {
                    continue;
                }
                if statement.get("NotAction").is_some() || statement.get("NotResource").is_some() {
                    return None;
                }
                if is("Action", &["sts:assumerole", "sts:*", "*"]) {
                    let resources = texts(&statement, "Resource").into_iter();
                    allowed.extend(resources.filter_map(Node::as_str).map(str::to_owned));
                }
            }
        }
        Some(allowed)
    }

    /// Returns whether nothing starts a pipeline that has an S3 source without polling.
    fn nothing_starts(&self, pipeline: &Resource<'_>) -> bool {
        let is_silent = actions(&pipeline.properties).any(|action| {
            is_action(action, "Source", "S3")
                && setting(action, "PollForSourceChanges").is_some_and(|polls| polls == "false")
        });
        if !is_silent || pipeline.properties.get("Triggers").is_some() {
            return false;
        }
        let name = self.name(pipeline.id);
        let sources = actions(&pipeline.properties);
        let sources = sources.filter(|action| is_action(action, "Source", "S3"));
        let buckets: Vec<&str> = sources
            .filter_map(|action| setting(action, "S3Bucket"))
            .collect();
        !self.of_type("AWS::Events::Rule").any(|rule| {
            let Some(pattern) = rule.properties.get("EventPattern") else {
                return false;
            };
            if rule.text("State") == Some("DISABLED") {
                return false;
            }
            let pattern = from_text(pattern);
            // A pattern that is text is unknown.
            let hears = pattern.as_str().is_some() || hears_uploads(&pattern, &buckets);
            let targets = rule.properties.get("Targets").map(Node::one_or_many);
            let starts = targets.unwrap_or_default().iter().any(|target| {
                let arn = target.get("Arn").and_then(Node::as_str).unwrap_or("@{");
                let target = arn.rsplit(':').next().unwrap_or_default();
                target == name || may_be_any(target)
            });
            hears && starts
        })
    }

    /// Adds facts about the roles that EventBridge assumes and about their policies.
    fn policies(&self, into: &mut Facts) {
        for role in self.of_type("AWS::IAM::Role") {
            let trust = role.properties.get("AssumeRolePolicyDocument");
            let statements =
                trust.and_then(|trust| statements(trust, Kind::Trust, self.parameters));
            let is_trusted = statements.unwrap_or_default().iter().any(|statement| {
                if statement.get("Effect").and_then(Node::as_str) != Some("Allow") {
                    return false;
                }
                let services = statement.get("Principal").map(|who| texts(who, "Service"));
                let mut services = services.unwrap_or_default().into_iter();
                services.any(|service| service.as_str() == Some(EVENTS))
            });
            if !is_trusted {
                continue;
            }
            into.add(role.id, fact("OfEventBridge", role.id_span));
            let name = self.name(role.id);
            for policy in self.attached(&name).chain(self.linked(role)) {
                into.add(policy.id, fact("OfEventBridge", policy.id_span));
            }
        }
    }
}
