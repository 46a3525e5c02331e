//! From templates and files to the world that they make.

mod buckets;
mod keys;
mod opaque;
mod options;

use std::collections::BTreeMap;

use super::document::Document;
use super::input::{InputError, Inputs};
use super::resolve::{Resolver, known_text, unknown_in};
use super::world::{Found, Held, Missing, World, file_option, role_key};
use crate::diagnostic::{Node, Problem, Source, read};
use crate::policy::document::{Policy, PolicyKind};
use crate::run::landscape::{Landscape, PolicyId, Tags, account_of};
use crate::run::{Doubt, Place};

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
    collector.claims(inputs);
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
    /// Bucket policies, by bucket: the account that puts them, and what it is if it is not the owner's.
    put_by: Vec<(String, String, Doubt)>,
    /// Policies of roles that cannot be known, by account: they may be any role's.
    floating: Vec<(String, PolicyId)>,
}

impl<'a> Collector<'a> {
    fn new(inputs: &Inputs, resolvers: &'a [Resolver<'a>]) -> Result<Self, Vec<InputError>> {
        let dev = (inputs.stacks.first()).and_then(|stack| stack.instances.first());
        let account = dev.map_or("", |instance| &instance.account);
        let open = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"arn:{}:iam::{account}:root"}},"Action":"sts:AssumeRole"}}}}"#,
            inputs.partition
        );
        let key = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"arn:{}:iam::{account}:root"}},"Action":"kms:*","Resource":"*"}}}}"#,
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
                land: Landscape {
                    partition: inputs.partition.clone(),
                    organization: inputs.organization.clone(),
                    accounts: (inputs.stacks.iter())
                        .flat_map(|stack| &stack.instances)
                        .map(|instance| instance.account.clone())
                        .collect(),
                    region: dev.map_or_else(String::new, |instance| instance.region.clone()),
                    buckets: BTreeMap::new(),
                    keys: Vec::new(),
                    aliases: BTreeMap::new(),
                    key_states: BTreeMap::new(),
                },
                files,
                templates: inputs.stacks.len(),
                resolvers,
                resources: Vec::new(),
                policies: assumed,
                roles: BTreeMap::new(),
                key_files: BTreeMap::new(),
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
                opaque: Vec::new(),
                disputed: BTreeMap::new(),
                has_unknown_aliases: false,
            },
            problems: BTreeMap::new(),
            managed: BTreeMap::new(),
            attached: Vec::new(),
            boundaries: Vec::new(),
            floating: Vec::new(),
            put_by: Vec::new(),
        })
    }

    fn resources(&mut self) {
        for (number, resolver) in self.world.resolvers.iter().enumerate() {
            self.opaque(resolver);
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
                    "AWS::S3::Bucket" => self.bucket(resolver, &found, uncertain),
                    "AWS::S3::BucketPolicy" => self.bucket_policy(resolver, &found, uncertain),
                    "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => {
                        self.key(resolver, &found, uncertain);
                    }
                    "AWS::KMS::Alias" => self.alias(resolver, &found, uncertain),
                    kind => {
                        if let Some(reason) = opaque::reason(kind, &entry.value) {
                            let doubt = self.doubt_of(&found, &entry.value, reason.to_owned());
                            self.doubt(doubt);
                        } else if let Some(reason) = uncertain
                            && matches!(kind, "AWS::CodePipeline::Pipeline" | "AWS::Events::Rule")
                        {
                            let doubt = self.doubt_of(&found, &entry.value, reason.to_owned());
                            self.doubt(doubt);
                        }
                    }
                }
                self.world.resources.push(found);
            }
        }
        for (name, account, doubt) in std::mem::take(&mut self.put_by) {
            let owner = self.world.land.buckets.get(&name);
            let owner = owner.and_then(|bucket| bucket.account.as_ref());
            if owner.is_some_and(|owner| *owner != account) {
                let arn = self.world.land.bucket_arn(&name);
                self.world.disputed.insert(arn, doubt);
            }
        }
        for (account, id) in std::mem::take(&mut self.floating) {
            let roles = self.world.roles.iter_mut();
            for (_, role) in roles.filter(|((owner, _), _)| *owner == account) {
                role.identity.push(id);
            }
        }
        let attached = std::mem::take(&mut self.attached);
        for (role, arn) in attached {
            // IAM attaches policies of the role's own account, and those of AWS.
            let policy = self.managed.get(&arn).copied();
            let policy = policy.filter(|_| account_of(&arn) == role.0);
            let role = self.world.roles.entry(role).or_default();
            match policy {
                Some(id) => role.identity.push(id),
                None => {
                    role.missing_identity = Some(Missing {
                        what: format!("the managed policy `{arn}`"),
                        option: file_option("--identity", &role.arn),
                    });
                }
            }
        }
        for (role, arn) in std::mem::take(&mut self.boundaries) {
            let policy = self.managed.get(&arn).copied();
            let policy = policy.filter(|_| account_of(&arn) == role.0);
            let role = self.world.roles.entry(role).or_default();
            match policy {
                Some(id) => role.boundary = Some(id),
                None => {
                    role.missing_boundary = Some(Missing {
                        what: format!("the permissions boundary `{arn}`"),
                        option: file_option("--boundary", &role.arn),
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

    /// Notes what cannot be resolved and stands in no policy. A template that serves several instances
    /// has the same doubt in each.
    fn doubt(&mut self, doubt: Doubt) {
        if !self.world.other_doubts.contains(&doubt) {
            self.world.other_doubts.push(doubt);
        }
    }

    /// A doubt about a part of a resource.
    fn doubt_of(&self, found: &Found<'a>, part: &Node, reason: String) -> Doubt {
        Doubt {
            place: Place {
                file: self.file_of(found),
                span: part.span,
            },
            resource: found.id.to_owned(),
            reason,
            effect: None,
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
        span: crate::diagnostic::Span,
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
            let reason = "the role's name or path cannot be known, so its policies are nobody's";
            let doubt = self.doubt_of(found, found.node, reason.to_owned());
            return self.doubt(doubt);
        };
        let trust = resolver.property(found.node, "AssumeRolePolicyDocument");
        let trust = self.hold(found, trust, PolicyKind::Trust, uncertain);
        let mut identity = Vec::new();
        let mut unknown = None;
        let policies = resolver.property(found.node, "Policies");
        for policy in self.list(policies.as_ref(), &mut unknown) {
            let document = policy.get("PolicyDocument").cloned();
            identity.extend(self.hold(found, document, PolicyKind::Identity, uncertain));
        }
        let managed = resolver.property(found.node, "ManagedPolicyArns");
        let managed: Vec<String> = (self.list(managed.as_ref(), &mut unknown).iter())
            .map(|arn| known_text(arn).unwrap_or("of an unknown name").to_owned())
            .collect();
        let tags = resolver.property(found.node, "Tags");
        let before = self.world.roles.get(&key);
        if before.is_some_and(|role| role.resolver.is_some()) {
            let reason = "another resource makes a role of this name, too";
            let doubt = self.doubt_of(found, found.node, reason.to_owned());
            self.world.disputed.insert(arn.clone(), doubt);
        }
        let role = self.world.roles.entry(key.clone()).or_default();
        role.tags = tags_of(tags.as_ref());
        role.arn = arn;
        role.resolver = Some(found.resolver);
        role.trust = trust;
        role.identity.extend(identity);
        if let Some(reason) = unknown {
            role.missing_identity = Some(Missing {
                what: format!(
                    "policies of the role `{}` that cannot be resolved: {reason}",
                    found.id
                ),
                option: file_option("--identity", &role.arn),
            });
        }
        let attached = managed.into_iter().map(|arn| (key.clone(), arn));
        self.attached.extend(attached);
        if let Some(boundary) = resolver.property(found.node, "PermissionsBoundary") {
            let text = known_text(&boundary).unwrap_or("of an unknown name");
            self.boundaries.push((key, text.to_owned()));
        }
    }

    /// The items of a list; why it, or one of them, cannot be known.
    fn list(&self, list: Option<&Node>, unknown: &mut Option<String>) -> Vec<Node> {
        let Some(list) = list else { return Vec::new() };
        let reason = |node: &Node| node.as_str().unwrap_or("it is no list").to_owned();
        let Some(items) = list.items().filter(|_| list.tag.is_none()) else {
            *unknown = Some(reason(list));
            return Vec::new();
        };
        let (known, others): (Vec<&Node>, Vec<&Node>) =
            items.iter().partition(|item| item.tag.is_none());
        if let Some(other) = others.first() {
            *unknown = Some(reason(other));
        }
        known.into_iter().cloned().collect()
    }

    fn managed_policy(
        &mut self,
        resolver: &Resolver<'a>,
        found: &Found<'a>,
        uncertain: Option<&str>,
    ) {
        let document = resolver.property(found.node, "PolicyDocument");
        let roles = resolver.property(found.node, "Roles");
        let uncertain = uncertain.or(floating(roles.as_ref()));
        let Some(id) = self.hold(found, document, PolicyKind::Identity, uncertain) else {
            return;
        };
        if let Some(arn) = super::symbols::attribute(resolver, found.id, found.node, "PolicyArn") {
            self.managed.insert(arn, id);
        }
        self.attach(resolver, roles, id);
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
        let uncertain = uncertain.or(floating(roles.as_ref()));
        if let Some(id) = self.hold(found, document, PolicyKind::Identity, uncertain) {
            self.attach(resolver, roles, id);
        }
    }

    fn attach(&mut self, resolver: &Resolver<'a>, roles: Option<Node>, id: PolicyId) {
        let here = resolver.deployment();
        for name in roles.iter().flat_map(Node::one_or_many) {
            match (known_text(name), unknown_in(name)) {
                (Some(name), _) => {
                    let key = (here.account.to_owned(), name.to_lowercase());
                    let role = self.world.roles.entry(key).or_default();
                    if role.name.is_empty() {
                        name.clone_into(&mut role.name);
                    }
                    role.identity.push(id);
                }
                (None, part) => {
                    let held = &self.world.policies[id];
                    let why = part.and_then(Node::as_str).unwrap_or("it is no text");
                    let doubt = Doubt {
                        place: Place {
                            file: held.file,
                            span: name.span,
                        },
                        resource: held.resource.clone(),
                        reason: format!("the role that has this policy: {why}"),
                        effect: None,
                    };
                    self.doubt(doubt);
                    self.floating.push((here.account.to_owned(), id));
                }
            }
        }
    }

    fn finish(mut self) -> Result<World<'a>, Vec<InputError>> {
        if self.problems.is_empty() {
            for ((account, name), role) in &mut self.world.roles {
                let name = role.written_name(name).to_owned();
                if role.arn.is_empty() {
                    role.arn = format!(
                        "arn:{}:iam::{account}:role/{name}",
                        self.world.land.partition
                    );
                }
                if role.resolver.is_some() {
                    continue;
                }
                if !role.is_given {
                    role.missing_identity = Some(Missing {
                        what: format!("the other policies of the existing role `{name}`"),
                        option: file_option("--identity", &name),
                    });
                }
                if !role.is_bounded && role.boundary.is_none() {
                    role.missing_boundary = Some(no_boundary(&name));
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

/// What is missing of an existing role whose permissions boundary nobody gives.
pub(super) fn no_boundary(role: &str) -> Missing {
    Missing {
        what: format!(
            "the permissions boundary of the existing role `{role}` (with `none` for FILE it has none)"
        ),
        option: file_option("--boundary", role),
    }
}

/// Why a policy may or may not be a role's.
fn floating(roles: Option<&Node>) -> Option<&'static str> {
    unknown_in(roles?).map(|_| "the role that has it cannot be known")
}

/// Tags of a resource; `None`: not known. Without the property there are none.
fn tags_of(tags: Option<&Node>) -> Option<Tags> {
    let Some(tags) = tags else {
        return Some(Tags::new());
    };
    let tags = tags.items().filter(|_| tags.tag.is_none())?.iter();
    tags.map(|tag| {
        let text = |name| tag.get(name).and_then(known_text).map(str::to_owned);
        Some((text("Key")?, text("Value")?))
    })
    .collect()
}
