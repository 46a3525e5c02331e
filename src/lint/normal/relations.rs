//! What the other resources of a template mean for a resource: the policy of a bucket, the
//! policies of a pipeline's role, the rules that start a pipeline.
//!
//! A relation that depends on a value that is unknown is left open: no fact follows from it.

use std::collections::{BTreeSet, HashMap};

use super::conditions::Conditions;
use super::nodes::{entry, fact, is_open, list, may_be_any, plain, text, texts};
use super::policy::{Kind, Parameters, canonical};
use crate::diagnostic::{Entry, Node, Span};
use crate::policy::document::Pattern;
use crate::policy::document::glob;
use crate::template::{Deployment, Marker, Resolver, function, type_of};

/// The service principal of EventBridge.
const EVENTS: &str = "events.amazonaws.com";

/// The facts that follow from the relations of a template's resources.
pub(super) struct Relations {
    /// Of resources, by logical ID.
    pub(super) resources: HashMap<String, Vec<Entry>>,
    /// Of actions of pipelines, by logical ID and the place of the action.
    pub(super) actions: HashMap<(String, Span), Vec<Entry>>,
}

/// A resource whose properties are resolved.
struct Resource<'t> {
    id: &'t str,
    id_span: Span,
    kind: &'t str,
    condition: Option<&'t str>,
    written: &'t Node,
    properties: Node,
}

impl Resource<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.properties.get(key)?.as_str()
    }
}

impl Relations {
    pub(super) fn of(template: &Node, conditions: &Conditions<'_>) -> Self {
        let resolver = Resolver::new(template, Deployment::default()).with_marker(Marker::Named);
        let reader = Reader::new(&resolver, conditions, Parameters::of(template));
        let mut relations = Self {
            resources: HashMap::new(),
            actions: HashMap::new(),
        };
        reader.buckets(&mut relations);
        reader.pipelines(&mut relations);
        reader.policies(&mut relations);
        relations
    }

    fn add(&mut self, id: &str, fact: Entry) {
        self.resources.entry(id.to_owned()).or_default().push(fact);
    }
}

struct Reader<'r, 't> {
    resolver: &'r Resolver<'t>,
    conditions: &'r Conditions<'t>,
    parameters: Parameters<'t>,
    resources: Vec<Resource<'t>>,
    /// The resources that a resource is created after, by logical ID.
    after: HashMap<&'t str, BTreeSet<&'t str>>,
}

/// The types that take part in a relation.
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

impl<'r, 't> Reader<'r, 't> {
    fn new(
        resolver: &'r Resolver<'t>,
        conditions: &'r Conditions<'t>,
        parameters: Parameters<'t>,
    ) -> Self {
        let entries = resolver.resources().iter();
        let resources: Vec<Resource<'t>> = entries
            .filter_map(|one| {
                let kind = type_of(&one.value).filter(|kind| TYPES.contains(kind))?;
                let properties = one.value.get("Properties");
                let properties = properties
                    .and_then(|properties| resolver.resolve(properties))
                    .and_then(|properties| plain(&properties));
                Some(Resource {
                    id: &one.key,
                    id_span: one.key_span,
                    kind,
                    condition: one.value.get("Condition").and_then(Node::as_str),
                    written: &one.value,
                    properties: properties
                        .unwrap_or_else(|| super::nodes::map(Vec::new(), one.key_span)),
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
            conditions,
            parameters,
            resources,
            after,
        }
    }

    fn of_type(&self, kind: &'static str) -> impl Iterator<Item = &Resource<'t>> {
        self.resources.iter().filter(move |one| one.kind == kind)
    }

    /// What `Ref` gives for a resource.
    fn name(&self, id: &str) -> String {
        let name = self.resolver.attribute(id, "");
        name.unwrap_or_else(|| format!("@{{{id}}}"))
    }

    fn buckets(&self, into: &mut Relations) {
        let policies: Vec<(Option<&str>, Option<&str>)> = self
            .of_type("AWS::S3::BucketPolicy")
            .map(|policy| (policy.text("Bucket"), policy.condition))
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
        // A policy whose bucket is in the template belongs to no other.
        let is_decided = policies.iter().all(|(bucket, _)| {
            bucket.is_some_and(|name| names.contains(name) || !may_be_any(name))
        });
        for bucket in self.of_type("AWS::S3::Bucket") {
            let name = self.name(bucket.id);
            let is_name = |other: Option<&str>| other == Some(name.as_str());
            let own: Vec<Option<&str>> = policies
                .iter()
                .filter(|(bucket, _)| is_name(*bucket))
                .map(|(_, condition)| *condition)
                .collect();
            if is_decided && !self.conditions.implies(bucket.condition, &own) {
                into.add(bucket.id, fact("NoBucketPolicy", bucket.id_span));
            }
            if sources.contains(name.as_str()) {
                into.add(bucket.id, fact("PipelineSource", bucket.id_span));
            }
            if logs.contains(name.as_str()) {
                into.add(bucket.id, fact("ReceivesLogs", bucket.id_span));
            }
        }
    }

    fn pipelines(&self, into: &mut Relations) {
        for pipeline in self.of_type("AWS::CodePipeline::Pipeline") {
            let role = pipeline
                .text("RoleArn")
                .and_then(|arn| arn.rsplit('/').next());
            if let Some(role) = role {
                // The ARN of what is not in the template.
                let role = role.replace(".Arn}", "}");
                self.policies_not_awaited(pipeline, &role, into);
                self.roles_not_assumable(pipeline, &role, into);
            }
            late_sources(pipeline, into);
            if self.nothing_starts(pipeline) {
                into.add(pipeline.id, fact("NothingStarts", pipeline.id_span));
            }
        }
    }

    /// The policies that are attached to a role by themselves.
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

    /// The policies of the template that a role names.
    fn linked<'s>(&'s self, role: &'s Resource<'t>) -> impl Iterator<Item = &'s Resource<'t>> {
        let arns = texts(&role.properties, "ManagedPolicyArns");
        self.of_type("AWS::IAM::ManagedPolicy")
            .filter(move |policy| {
                let name = self.name(policy.id);
                arns.iter().any(|arn| arn.as_str() == Some(name.as_str()))
            })
    }

    fn policies_not_awaited(&self, pipeline: &Resource<'_>, role: &str, into: &mut Relations) {
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

    fn roles_not_assumable(&self, pipeline: &Resource<'_>, role: &str, into: &mut Relations) {
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

    /// The roles that the policies of a role let it assume; `None` where not all of them are known.
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
        // A role without policies here has them elsewhere.
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

    /// Whether a pipeline has an S3 source that does not poll, and nothing else starts it.
    fn nothing_starts(&self, pipeline: &Resource<'_>) -> bool {
        let is_silent = actions(&pipeline.properties).any(|action| {
            is_action(action, "Source", "S3")
                && setting(action, "PollForSourceChanges").is_some_and(|polls| polls == "false")
        });
        if !is_silent || pipeline.properties.get("Triggers").is_some() {
            return false;
        }
        let name = self.name(pipeline.id);
        !self.of_type("AWS::Events::Rule").any(|rule| {
            let Some(pattern) = rule.properties.get("EventPattern") else {
                return false;
            };
            if rule.text("State") == Some("DISABLED") {
                return false;
            }
            // As text, or unknown.
            let hears = match pattern.as_str() {
                Some(text) => text.contains("aws.s3") || is_open(text),
                None => texts(pattern, "source")
                    .iter()
                    .any(|source| source.as_str() == Some("aws.s3")),
            };
            let targets = rule.properties.get("Targets").map(Node::one_or_many);
            let starts = targets.unwrap_or_default().iter().any(|target| {
                let arn = target.get("Arn").and_then(Node::as_str).unwrap_or("@{");
                let target = arn.rsplit(':').next().unwrap_or_default();
                target == name || may_be_any(target)
            });
            hears && starts
        })
    }

    /// Which policies are those of roles that EventBridge assumes.
    fn policies(&self, into: &mut Relations) {
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

/// The actions of a pipeline.
pub(super) fn actions(properties: &Node) -> impl Iterator<Item = &Node> {
    let stages = properties.get("Stages").and_then(Node::items);
    let actions = stages
        .unwrap_or_default()
        .iter()
        .filter_map(|stage| stage.get("Actions")?.items());
    actions.flatten()
}

/// Notes the source actions that are not in the first stage.
fn late_sources(pipeline: &Resource<'_>, into: &mut Relations) {
    let stages = pipeline.properties.get("Stages").and_then(Node::items);
    for stage in stages.unwrap_or_default().iter().skip(1) {
        for action in stage
            .get("Actions")
            .map(Node::one_or_many)
            .unwrap_or_default()
        {
            let category = action.at(["ActionTypeId", "Category"]);
            if let Some(category) = category.filter(|node| node.as_str() == Some("Source")) {
                let key = (pipeline.id.to_owned(), action.span);
                into.actions
                    .entry(key)
                    .or_default()
                    .push(fact("LateSource", category.span));
            }
        }
    }
}

fn is_action(action: &Node, category: &str, provider: &str) -> bool {
    let is = |key, wanted| {
        let found = action.at(["ActionTypeId", key]).and_then(Node::as_str);
        found == Some(wanted)
    };
    is("Category", category) && is("Provider", provider)
}

fn setting<'n>(action: &'n Node, key: &str) -> Option<&'n str> {
    action.at(["Configuration", key])?.as_str()
}

/// Whether a pattern covers the ARN of a role, or may cover it once both are known.
fn may_cover(pattern: &str, arn: &str) -> bool {
    let covers = |pattern: &str, text: &str| glob(Pattern::wild(pattern, false).tokens(), text);
    if !is_open(pattern) && !is_open(arn) {
        return covers(pattern, arn);
    }
    let service = |arn: &str| arn.split(':').nth(2).unwrap_or_default().to_owned();
    if [pattern, arn].iter().all(|arn| arn.starts_with("arn:"))
        && !covers(&service(pattern), &service(arn))
    {
        return false;
    }
    let name = |arn: &str| {
        arn.rsplit('/')
            .next()
            .unwrap_or_default()
            .replace(".Arn}", "}")
    };
    let (named, wanted) = (name(pattern), name(arn));
    may_be_any(&named) || may_be_any(&wanted) || covers(&named, &wanted)
}

/// The resources that a resource names: with `DependsOn`, `Ref`, `Fn::GetAtt` or `Fn::Sub`.
fn needs<'n>(node: &'n Node, into: &mut BTreeSet<&'n str>) {
    match function(node) {
        Some(("Ref", name)) => into.extend(name.as_str()),
        Some(("GetAtt", argument)) => {
            let name = argument.one_or_many().first().and_then(Node::as_str);
            into.extend(name.and_then(|name| name.split('.').next()));
        }
        Some(("Sub", argument)) => {
            let written = argument.one_or_many().first().and_then(Node::as_str);
            let variables = written.unwrap_or_default().split("${").skip(1);
            into.extend(variables.filter_map(|rest| rest.split(['}', '.']).next()));
        }
        _ => {}
    }
    for entry in node.entries().unwrap_or_default() {
        if entry.key == "DependsOn" {
            into.extend(entry.value.one_or_many().iter().filter_map(Node::as_str));
        }
        needs(&entry.value, into);
    }
    for item in node.items().unwrap_or_default() {
        needs(item, into);
    }
}

/// The statements of a policy, in normal form; `None` where it is unknown.
fn statements(policy: &Node, kind: Kind, parameters: Parameters<'_>) -> Option<Vec<Node>> {
    let document = canonical(policy, kind, parameters);
    let statements = document.get("Statement")?.items()?;
    let is_known = statements
        .iter()
        .all(|statement| statement.entries().is_some());
    is_known.then(|| statements.to_vec())
}
