//! From templates and files to the world that they make.

mod options;

use std::collections::BTreeMap;

use super::document::Document;
use super::input::{InputError, Inputs};
use super::key_state::KeyState;
use super::resolve::{Resolver, known_text, unknown_in};
use super::world::{
    DefaultKey, Doubt, Found, Held, Key, Missing, Place, PolicyId, Usable, World, role_key,
};
use crate::iam::{Policy, PolicyKind};
use crate::syntax::{Node, Problem, Source, read};

/// What an administrator of some account may do: everything.
const ADMINISTRATOR: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// What a resource's policy might say that is not given: anything.
const OPEN_RESOURCE: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;

/// The same of a trust policy.
const OPEN_TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:*"}}"#;

/// The policy of the AWS managed key of S3, as AWS writes it in every account: its principals use
/// it through S3, and no other account does (AWS KMS, *Permissions for AWS services in key
/// policies*).
const MANAGED_KEY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"s3.*"},"StringEquals":{"kms:CallerAccount":"${aws:ResourceAccount}"}}}}"#;

/// Collects all policies.
pub(super) fn collect<'a>(
    inputs: &Inputs,
    resolvers: &'a [Resolver<'a>],
) -> Result<World<'a>, Vec<InputError>> {
    let mut collector = Collector::new(inputs, resolvers)?;
    collector.resources();
    collector.options(inputs)?;
    collector.finish()
}

struct Collector<'a> {
    world: World<'a>,
    problems: BTreeMap<usize, Vec<Problem>>,
    /// Managed policies by ARN.
    managed: BTreeMap<String, PolicyId>,
    /// Managed policies by ARN, attached to the role of a key; where.
    attached: Vec<((String, String), String)>,
    boundaries: Vec<((String, String), String)>,
}

impl<'a> Collector<'a> {
    fn new(inputs: &Inputs, resolvers: &'a [Resolver<'a>]) -> Result<Self, Vec<InputError>> {
        let dev = (inputs.stacks.first())
            .and_then(|stack| stack.instances.first())
            .map_or("", |instance| &instance.account);
        let open = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"arn:{}:iam::{dev}:root"}},"Action":"sts:AssumeRole"}}}}"#,
            inputs.partition
        );
        let key = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"arn:{}:iam::{dev}:root"}},"Action":"kms:*","Resource":"*"}}}}"#,
            inputs.partition
        );
        let mut files: Vec<Source> = inputs
            .stacks
            .iter()
            .map(|stack| stack.source.clone())
            .collect();
        let mut assumed = Vec::new();
        for (name, text, kind) in [
            (
                "an administrator's policy",
                ADMINISTRATOR,
                PolicyKind::Identity,
            ),
            (
                "a role that trusts the whole account",
                &open,
                PolicyKind::Trust,
            ),
            (
                "a policy that is not given",
                OPEN_RESOURCE,
                PolicyKind::Resource,
            ),
            ("a trust that is not given", OPEN_TRUST, PolicyKind::Trust),
            ("a key that leaves it to its account", &key, PolicyKind::Key),
            (
                "a bucket that allows everybody everything",
                OPEN_RESOURCE,
                PolicyKind::Resource,
            ),
            ("the AWS managed key of S3", MANAGED_KEY, PolicyKind::Key),
        ] {
            let source = Source::new(name, text);
            let parsed = read(&source)
                .map_err(|problem| vec![problem])
                .and_then(|node| Policy::parse(&node, kind))
                .map_err(|problems| vec![InputError::new(&source, problems)])?;
            assumed.push(Held {
                resource: name.to_owned(),
                file: files.len(),
                span: parsed.span,
                document: Document::solid(parsed),
                given: false,
            });
            files.push(source);
        }
        Ok(Self {
            world: World {
                files,
                templates: inputs.stacks.len(),
                resolvers,
                resources: Vec::new(),
                policies: assumed,
                roles: BTreeMap::new(),
                buckets: BTreeMap::new(),
                keys: Vec::new(),
                aliases: BTreeMap::new(),
                key_files: BTreeMap::new(),
                key_states: BTreeMap::new(),
                scps: Vec::new(),
                rcps: Vec::new(),
                administrator: 0,
                open_trust: 1,
                open_resource: 2,
                open_roles: 3,
                open_key: 4,
                open_bucket: 5,
                managed_key: 6,
                other_doubts: Vec::new(),
                organization: inputs.organization.clone(),
                partition: inputs.partition.clone(),
                accounts: inputs
                    .stacks
                    .iter()
                    .flat_map(|stack| &stack.instances)
                    .map(|instance| instance.account.clone())
                    .collect(),
            },
            problems: BTreeMap::new(),
            managed: BTreeMap::new(),
            attached: Vec::new(),
            boundaries: Vec::new(),
        })
    }

    fn resources(&mut self) {
        for (number, resolver) in self.world.resolvers.iter().enumerate() {
            for entry in resolver.resources() {
                let there = resolver.is_there(&entry.value);
                if there == Some(false) {
                    continue;
                }
                let uncertain = there
                    .is_none()
                    .then_some("its resource's condition cannot be known");
                let found = Found {
                    resolver: number,
                    id: &entry.key,
                    node: &entry.value,
                };
                match entry
                    .value
                    .get("Type")
                    .and_then(Node::as_str)
                    .unwrap_or_default()
                {
                    "AWS::IAM::Role" => self.role(resolver, &found, uncertain),
                    "AWS::IAM::ManagedPolicy" => self.managed_policy(resolver, &found, uncertain),
                    "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" => {
                        self.inline_policy(resolver, &found, uncertain);
                    }
                    "AWS::S3::Bucket" => self.bucket(resolver, &found),
                    "AWS::S3::BucketPolicy" => self.bucket_policy(resolver, &found, uncertain),
                    "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => {
                        self.key(resolver, &found, uncertain);
                    }
                    "AWS::KMS::Alias" => self.alias(resolver, &found),
                    _ => {}
                }
                self.world.resources.push(found);
            }
        }
        let attached = std::mem::take(&mut self.attached);
        for (role, arn) in attached {
            let policy = self.managed.get(&arn).copied();
            let role = self.world.roles.entry(role).or_default();
            match policy {
                Some(id) => role.identity.push(id),
                None => {
                    role.missing_identity = Some(Missing {
                        what: format!("the managed policy `{arn}`"),
                        option: format!("--identity {}=FILE", role.arn),
                    });
                }
            }
        }
        for (role, arn) in std::mem::take(&mut self.boundaries) {
            let policy = self.managed.get(&arn).copied();
            let role = self.world.roles.entry(role).or_default();
            match policy {
                Some(id) => role.boundary = Some(id),
                None => {
                    role.missing_boundary = Some(Missing {
                        what: format!("the permissions boundary `{arn}`"),
                        option: format!("--boundary {}=FILE", role.arn),
                    });
                }
            }
        }
    }

    /// Reads a policy of a resource and keeps it.
    fn hold(
        &mut self,
        found: &Found<'a>,
        document: Option<Node>,
        kind: PolicyKind,
        uncertain: Option<&str>,
    ) -> Option<PolicyId> {
        let Some(document) = document else {
            let problem = Problem::new(found.node.span, format!("`{}` has no policy", found.id))
                .help("give it one, or take the resource away");
            self.problem(found, vec![problem]);
            return None;
        };
        match Document::read(&document, kind, uncertain) {
            Ok(read) => {
                let span = document.span;
                let file = self.file_of(found);
                Some(self.keep(read, found.id.to_owned(), file, span))
            }
            Err(problems) => {
                self.problem(found, problems);
                None
            }
        }
    }

    fn file_of(&self, found: &Found<'a>) -> usize {
        self.world.resolvers[found.resolver].deployment().file
    }

    /// Problems of a resource; those of a template are the same in each of its instances.
    fn problem(&mut self, found: &Found<'a>, problems: Vec<Problem>) {
        let known = self.problems.entry(self.file_of(found)).or_default();
        for problem in problems {
            if !known.contains(&problem) {
                known.push(problem);
            }
        }
    }

    fn keep(
        &mut self,
        document: Document,
        resource: String,
        file: usize,
        span: crate::syntax::Span,
    ) -> PolicyId {
        self.world.policies.push(Held {
            document,
            resource,
            file,
            span,
            given: true,
        });
        self.world.policies.len() - 1
    }

    fn role(&mut self, resolver: &Resolver<'a>, found: &Found<'a>, uncertain: Option<&str>) {
        let arn = super::symbols::attribute(resolver, found.id, found.node, "Arn");
        let Some((arn, key)) = arn.and_then(|arn| Some((arn.clone(), role_key(&arn)?))) else {
            return;
        };
        let trust = resolver.property(found.node, "AssumeRolePolicyDocument");
        let trust = self.hold(found, trust, PolicyKind::Trust, uncertain);
        let mut identity = Vec::new();
        if let Some(policies) = resolver.property(found.node, "Policies") {
            for policy in policies.items().unwrap_or_default() {
                let document = policy.get("PolicyDocument").cloned();
                identity.extend(self.hold(found, document, PolicyKind::Identity, uncertain));
            }
        }
        let role = self.world.roles.entry(key.clone()).or_default();
        role.arn = arn;
        role.resolver = Some(found.resolver);
        role.trust = trust;
        role.identity.extend(identity);
        let managed = resolver.property(found.node, "ManagedPolicyArns");
        for arn in managed.as_ref().and_then(Node::items).unwrap_or_default() {
            let text = known_text(arn).unwrap_or("of an unknown name");
            self.attached.push((key.clone(), text.to_owned()));
        }
        if let Some(boundary) = resolver.property(found.node, "PermissionsBoundary") {
            let text = known_text(&boundary).unwrap_or("of an unknown name");
            self.boundaries.push((key, text.to_owned()));
        }
    }

    fn managed_policy(
        &mut self,
        resolver: &Resolver<'a>,
        found: &Found<'a>,
        uncertain: Option<&str>,
    ) {
        let document = resolver.property(found.node, "PolicyDocument");
        let Some(id) = self.hold(found, document, PolicyKind::Identity, uncertain) else {
            return;
        };
        if let Some(arn) = super::symbols::attribute(resolver, found.id, found.node, "PolicyArn") {
            self.managed.insert(arn, id);
        }
        self.attach(resolver, resolver.property(found.node, "Roles"), id);
    }

    fn inline_policy(
        &mut self,
        resolver: &Resolver<'a>,
        found: &Found<'a>,
        uncertain: Option<&str>,
    ) {
        let document = resolver.property(found.node, "PolicyDocument");
        let roles = (resolver.property(found.node, "Roles"))
            .or_else(|| resolver.property(found.node, "RoleName"));
        if let Some(id) = self.hold(found, document, PolicyKind::Identity, uncertain) {
            self.attach(resolver, roles, id);
        }
    }

    fn attach(&mut self, resolver: &Resolver<'a>, roles: Option<Node>, id: PolicyId) {
        let here = resolver.deployment();
        for name in roles.iter().flat_map(Node::one_or_many) {
            if let Some(name) = known_text(name) {
                let key = (here.account.to_owned(), name.to_lowercase());
                self.world.roles.entry(key).or_default().identity.push(id);
            }
        }
    }

    fn bucket(&mut self, resolver: &Resolver<'a>, found: &Found<'a>) {
        let Some(name) = super::symbols::attribute(resolver, found.id, found.node, "") else {
            return;
        };
        let here = resolver.deployment();
        let encryption = resolver.property(found.node, "BucketEncryption");
        let rule = encryption
            .as_ref()
            .and_then(|node| node.at(["ServerSideEncryptionConfiguration", "0"]));
        let default_key = encryption
            .as_ref()
            .and_then(|node| self.default_key(found, node));
        let logging = resolver.property(found.node, "LoggingConfiguration");
        let log_bucket = logging.as_ref().and_then(|logging| {
            let bucket = known_text(logging.get("DestinationBucketName")?)?;
            let prefix = logging
                .get("LogFilePrefix")
                .and_then(known_text)
                .unwrap_or_default();
            Some((bucket.to_owned(), prefix.to_owned()))
        });
        let bucket = self.world.buckets.entry(name).or_default();
        here.account.clone_into(&mut bucket.account);
        here.region.clone_into(&mut bucket.region);
        bucket.bucket_key = rule.and_then(has_bucket_key) == Some(true);
        bucket.default_key = default_key;
        bucket.log_bucket = log_bucket;
        bucket.resolver = Some(found.resolver);
        bucket.place = Some(Place {
            file: here.file,
            span: found.node.span,
        });
    }

    /// The key of a bucket's default encryption; what cannot be known of it is a doubt.
    fn default_key(&mut self, found: &Found<'a>, encryption: &Node) -> Option<DefaultKey> {
        let place = |span| Place {
            file: self.file_of(found),
            span,
        };
        let rule = encryption.at(["ServerSideEncryptionConfiguration", "0"]);
        let default = rule.and_then(|rule| rule.get("ServerSideEncryptionByDefault"));
        let setting = |name: &str| default.and_then(|default| default.get(name));
        let algorithm = setting("SSEAlgorithm").and_then(known_text);
        let key = setting("KMSMasterKeyID");
        let unknown = match algorithm {
            Some(algorithm) if !algorithm.starts_with("aws:kms") => None,
            Some(_) => key.and_then(unknown_in),
            None => unknown_in(default.unwrap_or(encryption)),
        };
        if let Some(part) = unknown {
            let doubt = Doubt {
                place: place(part.span),
                resource: found.id.to_owned(),
                reason: format!(
                    "the bucket's default encryption: {}",
                    part.as_str().unwrap_or_default()
                ),
                effect: None,
            };
            // A template that serves several instances has the same doubt in each.
            if !self.world.other_doubts.contains(&doubt) {
                self.world.other_doubts.push(doubt);
            }
            return None;
        }
        algorithm.filter(|algorithm| algorithm.starts_with("aws:kms"))?;
        Some(DefaultKey {
            key: key.and_then(known_text).map(str::to_owned),
            bucket_key: rule.and_then(has_bucket_key),
            said: Some((
                place(default.map_or(encryption.span, |default| default.span)),
                found.id.to_owned(),
            )),
        })
    }

    fn bucket_policy(
        &mut self,
        resolver: &Resolver<'a>,
        found: &Found<'a>,
        uncertain: Option<&str>,
    ) {
        let document = resolver.property(found.node, "PolicyDocument");
        let Some(id) = self.hold(found, document, PolicyKind::Resource, uncertain) else {
            return;
        };
        if let Some(name) = resolver.text_property(found.node, "Bucket") {
            let here = resolver.deployment();
            let bucket = self.world.buckets.entry(name).or_default();
            bucket.policy = Some(id);
            if bucket.account.is_empty() {
                here.account.clone_into(&mut bucket.account);
                here.region.clone_into(&mut bucket.region);
            }
        }
    }

    fn key(&mut self, resolver: &Resolver<'a>, found: &Found<'a>, uncertain: Option<&str>) {
        let document = resolver.property(found.node, "KeyPolicy");
        let Some(policy) = self.hold(found, document, PolicyKind::Key, uncertain) else {
            return;
        };
        let here = resolver.deployment();
        if let Some(arn) = super::symbols::attribute(resolver, found.id, found.node, "Arn") {
            self.world.keys.push(Key {
                arn,
                account: here.account.to_owned(),
                policy,
                is_whole: true,
                is_made: true,
                usable: usable(resolver, found),
                target: here.target.map(str::to_owned),
                instance: here.instance.clone(),
            });
        }
    }

    fn alias(&mut self, resolver: &Resolver<'a>, found: &Found<'a>) {
        let here = resolver.deployment();
        let alias = resolver.text_property(found.node, "AliasName");
        let target = resolver.text_property(found.node, "TargetKeyId");
        if let (Some(alias), Some(target)) = (alias, target) {
            let key = (here.account.to_owned(), here.region.to_owned(), alias);
            self.world.aliases.insert(key, target);
        }
    }

    fn finish(mut self) -> Result<World<'a>, Vec<InputError>> {
        if self.problems.is_empty() {
            for ((account, name), role) in &mut self.world.roles {
                if role.arn.is_empty() {
                    role.arn = format!("arn:{}:iam::{account}:role/{name}", self.world.partition);
                }
                if role.resolver.is_none() && !role.is_given {
                    role.missing_identity = Some(Missing {
                        what: format!("the other policies of the existing role `{name}`"),
                        option: format!("--identity {name}=FILE"),
                    });
                }
            }
            return Ok(self.world);
        }
        let files = &self.world.files;
        Err(std::mem::take(&mut self.problems)
            .into_iter()
            .map(|(file, problems)| InputError::new(&files[file], problems))
            .collect())
    }
}

/// Whether a template's key can be used: its `Enabled` (AWS CloudFormation, *AWS::KMS::Key*).
fn usable(resolver: &Resolver<'_>, found: &Found<'_>) -> Usable {
    let Some(enabled) = resolver.property(found.node, "Enabled") else {
        return Usable::Yes;
    };
    let place = Place {
        file: resolver.deployment().file,
        span: enabled.span,
    };
    match (known_text(&enabled), unknown_in(&enabled)) {
        (Some(text), _) if text.eq_ignore_ascii_case("false") => {
            Usable::No(KeyState::Disabled, place, found.id.to_owned())
        }
        (None, Some(part)) => Usable::Unknown(Doubt {
            place,
            resource: found.id.to_owned(),
            reason: format!(
                "whether the key is enabled: {}",
                part.as_str().unwrap_or_default()
            ),
            effect: None,
        }),
        _ => Usable::Yes,
    }
}

/// Whether a rule of a bucket's default encryption has an S3 Bucket Key, which dual-layer encryption
/// does not support (Amazon S3, *Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys*). `None`:
/// the value cannot be resolved.
fn has_bucket_key(rule: &Node) -> Option<bool> {
    let algorithm = rule.at(["ServerSideEncryptionByDefault", "SSEAlgorithm"]);
    if algorithm.and_then(known_text) == Some("aws:kms:dsse") {
        return Some(false);
    }
    match rule.get("BucketKeyEnabled") {
        None => Some(false),
        Some(enabled) => known_text(enabled).map(|text| text == "true"),
    }
}
