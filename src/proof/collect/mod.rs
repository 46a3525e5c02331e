//! Builds the world from templates and files.

mod buckets;
mod keys;
mod opaque;
mod options;
mod roles;

use std::collections::BTreeMap;

use super::document::Document;
use super::input::{InputError, Inputs};
use super::resolve::Resolver;
use super::world::{Held, Missing, TemplateResource, World};
use crate::aws::arn;
use crate::diagnostic::{Diagnostic, Node, Source, read};
use crate::policy::document::{Policy, PolicyKind};
use crate::run::landscape::{Bucket, Landscape, PolicyId, account_of};
use crate::run::{Doubt, Place};
use crate::template::type_of;

/// The policy of an administrator of any account.
const ADMINISTRATOR: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// The broadest resource policy, for a policy that was not provided.
const OPEN_RESOURCE: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;

/// The broadest trust policy.
const OPEN_TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:*"}}"#;

/// The policy of the AWS managed key for S3, as AWS creates it in every account: principals in the
/// account use it through S3, and no other account can use it (AWS KMS, *Permissions for AWS
/// services in key policies*).
const MANAGED_KEY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"s3.*"},"StringEquals":{"kms:CallerAccount":"${aws:ResourceAccount}"}}}}"#;

/// The policy of a key that is created without one. This policy delegates to the policies of the
/// key's account.
fn default_key_policy(partition: &str, account: &str) -> String {
    let root = arn::root(partition, account);
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{root}"}},"Action":"kms:*","Resource":"*"}}}}"#
    )
}

/// Collects all policies.
pub(super) fn collect<'a>(
    inputs: &'a Inputs,
    resolvers: &'a [Resolver<'a>],
) -> Result<World<'a>, Vec<InputError>> {
    let mut collector = Collector::new(inputs, resolvers)?;
    collector.claims(inputs);
    collector.resources();
    collector.options(inputs)?;
    collector.finish()
}

#[derive(Default)]
struct Collector<'a> {
    world: World<'a>,
    problems: BTreeMap<usize, Vec<Diagnostic>>,
    /// Managed policies, by ARN.
    managed: BTreeMap<String, PolicyId>,
    /// ARNs of managed policies, each with the role that it is attached to.
    attached: Vec<((String, String), String)>,
    boundaries: Vec<((String, String), String)>,
    /// Bucket policies, by bucket: the account that sets the policy, and the [`Doubt`] to record if
    /// that is not the owner's account.
    put_by: Vec<(String, String, Doubt)>,
    /// Policies of unknown roles, by account. They may belong to any role in the account.
    floating: Vec<(String, PolicyId)>,
}

impl<'a> Collector<'a> {
    fn new(inputs: &'a Inputs, resolvers: &'a [Resolver<'a>]) -> Result<Self, Vec<InputError>> {
        let dev = (inputs.stacks.first()).and_then(|stack| stack.instances.first());
        let account = dev.map_or("", |instance| &instance.account);
        let open = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"sts:AssumeRole"}}}}"#,
            arn::root(&inputs.partition, account)
        );
        let key = default_key_policy(&inputs.partition, account);
        let mut files: Vec<Source> = inputs
            .stacks
            .iter()
            .map(|stack| stack.template.source().clone())
            .collect();
        let mut assumed = Vec::new();
        for (name, text, kind) in [
            (
                "an administrator's policy",
                ADMINISTRATOR,
                PolicyKind::Identity,
            ),
            (
                "a role that trusts the entire account",
                &open,
                PolicyKind::Trust,
            ),
            (
                "a policy that is not provided",
                OPEN_RESOURCE,
                PolicyKind::Resource,
            ),
            (
                "a trust policy that is not provided",
                OPEN_TRUST,
                PolicyKind::Trust,
            ),
            ("a key that delegates to its account", &key, PolicyKind::Key),
            (
                "a bucket that allows everyone to do everything",
                OPEN_RESOURCE,
                PolicyKind::Resource,
            ),
            ("the AWS managed key for S3", MANAGED_KEY, PolicyKind::Key),
        ] {
            let source = Source::new(name, text);
            let parsed = read(&source)
                .map_err(|problem| vec![problem])
                .and_then(|node| Policy::parse(&node, kind))
                .map_err(|problems| vec![InputError::new(&source, problems)])?;
            assumed.push(Held {
                resource: name.to_owned(),
                place: Place {
                    file: files.len(),
                    span: parsed.span,
                },
                document: Document::solid(parsed),
                given: false,
            });
            files.push(source);
        }
        Ok(Self {
            world: World {
                projects: &inputs.projects,
                land: Landscape {
                    partition: inputs.partition.clone(),
                    organization: inputs.organization.clone(),
                    accounts: (inputs.stacks.iter())
                        .flat_map(|stack| &stack.instances)
                        .map(|instance| instance.account.clone())
                        .collect(),
                    region: dev.map_or_else(String::new, |instance| instance.region.clone()),
                    ..Landscape::default()
                },
                files,
                templates: inputs.stacks.len(),
                resolvers,
                policies: assumed,
                administrator: 0,
                open_trust: 1,
                open_resource: 2,
                open_roles: 3,
                open_key: 4,
                open_bucket: 5,
                managed_key: 6,
                ..World::default()
            },
            ..Self::default()
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
                    .then_some("the condition of its resource is unknown");
                let found = TemplateResource {
                    resolver: number,
                    id: &entry.key,
                    node: &entry.value,
                };
                match type_of(&entry.value).unwrap_or_default() {
                    "AWS::IAM::Role" => self.role(&found, uncertain),
                    "AWS::IAM::ManagedPolicy" | "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" => {
                        self.identity_policy(&found, uncertain);
                    }
                    "AWS::S3::Bucket" => self.bucket(&found, uncertain),
                    "AWS::S3::BucketPolicy" => self.bucket_policy(&found, uncertain),
                    "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => self.key(&found, uncertain),
                    "AWS::KMS::Alias" => self.alias(&found, uncertain),
                    kind => {
                        let is_of_run = matches!(
                            kind,
                            "AWS::CodePipeline::Pipeline"
                                | "AWS::Events::Rule"
                                | "AWS::CodeBuild::Project"
                                | "AWS::StepFunctions::StateMachine"
                        );
                        let reason = opaque::reason(kind, &entry.value);
                        if let Some(reason) = reason.or(uncertain.filter(|_| is_of_run)) {
                            self.doubt_on(&found, &entry.value, reason.to_owned());
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
        for (key, arn) in std::mem::take(&mut self.attached) {
            let policy = self.policy_of_role(&key, &arn);
            let role = self.world.roles.entry(key).or_default();
            let what = format!("the managed policy `{arn}`");
            match policy {
                Some(id) => role.identity.push(id),
                None => {
                    role.missing_identity = Some(Missing::new(what, "--identity", &role.arn));
                }
            }
        }
        for (key, arn) in std::mem::take(&mut self.boundaries) {
            let policy = self.policy_of_role(&key, &arn);
            let role = self.world.roles.entry(key).or_default();
            let what = format!("the permissions boundary `{arn}`");
            role.boundary = policy.or(role.boundary);
            if policy.is_none() {
                role.missing_boundary = Some(Missing::new(what, "--boundary", &role.arn));
            }
        }
    }

    /// Returns a managed policy by its ARN. IAM attaches only AWS managed policies and policies in
    /// the role's account.
    fn policy_of_role(&self, role: &(String, String), arn: &str) -> Option<PolicyId> {
        let policy = self.managed.get(arn).copied();
        policy.filter(|_| account_of(arn) == role.0)
    }

    /// Reads and stores a policy of a resource.
    fn hold(
        &mut self,
        found: &TemplateResource<'a>,
        document: Option<Node>,
        kind: PolicyKind,
        uncertain: Option<&str>,
    ) -> Option<PolicyId> {
        let Some(document) = document else {
            let problem = Diagnostic::new(found.node.span, format!("`{}` has no policy", found.id))
                .help("add a policy, or remove the resource");
            self.problem(found, vec![problem]);
            return None;
        };
        match Document::read(&document, kind, uncertain) {
            Ok(read) => Some(self.keep(read, found.id, self.place(found, &document))),
            Err(problems) => {
                self.problem(found, problems);
                None
            }
        }
    }

    /// Records an unresolved value outside a policy. Each instance of a template has the same
    /// unresolved values, so they are recorded once.
    fn doubt(&mut self, doubt: Doubt) {
        if !self.world.other_doubts.contains(&doubt) {
            self.world.other_doubts.push(doubt);
        }
    }

    /// Records a [`Doubt`] about a part of a resource.
    fn doubt_on(&mut self, found: &TemplateResource<'a>, part: &Node, reason: String) {
        let doubt = self.doubt_of(found, part, reason);
        self.doubt(doubt);
    }

    /// Returns a [`Doubt`] about a part of a resource.
    fn doubt_of(&self, found: &TemplateResource<'a>, part: &Node, reason: String) -> Doubt {
        Doubt::new(self.place(found, part), found.id, reason)
    }

    /// Returns the location of a part of a resource.
    fn place(&self, found: &TemplateResource<'a>, part: &Node) -> Place {
        Place {
            file: self.file_of(found),
            span: part.span,
        }
    }

    /// Returns a bucket, whether or not a template creates it.
    fn bucket_named(&mut self, name: &str) -> &mut Bucket {
        let buckets = &mut self.world.land.buckets;
        buckets.entry(name.to_owned()).or_default()
    }

    /// Returns the resolver of the template that contains a resource.
    fn resolver(&self, found: &TemplateResource<'a>) -> &'a Resolver<'a> {
        &self.world.resolvers[found.resolver]
    }

    fn file_of(&self, found: &TemplateResource<'a>) -> usize {
        self.resolver(found).deployment().file
    }

    /// Records problems of a resource. The problems of a template are the same in each of its
    /// instances.
    fn problem(&mut self, found: &TemplateResource<'a>, problems: Vec<Diagnostic>) {
        let known = self.problems.entry(self.file_of(found)).or_default();
        for problem in problems {
            if !known.contains(&problem) {
                known.push(problem);
            }
        }
    }

    fn keep(&mut self, document: Document, resource: &str, place: Place) -> PolicyId {
        self.world.policies.push(Held {
            document,
            resource: resource.to_owned(),
            place,
            given: true,
        });
        self.world.policies.len() - 1
    }

    fn finish(mut self) -> Result<World<'a>, Vec<InputError>> {
        if self.problems.is_empty() {
            for ((account, name), role) in &mut self.world.roles {
                let name = role.written_name(name).to_owned();
                if role.arn.is_empty() {
                    role.arn = arn::role(&self.world.land.partition, account, &name);
                }
                if role.resolver.is_some() {
                    continue;
                }
                if !role.is_given {
                    role.missing_identity = Some(Missing::new(
                        format!("the other policies of the existing role `{name}`"),
                        "--identity",
                        &name,
                    ));
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

/// Returns the missing permissions boundary of an existing role.
pub(super) fn no_boundary(role: &str) -> Missing {
    Missing::new(
        format!(
            "the permissions boundary of the existing role `{role}` (use `none` if it has none)"
        ),
        "--boundary",
        role,
    )
}
