//! The deployed state of the templates: roles, buckets, and keys, and the policies of each with
//! their locations. [`super::collect`] fills it from templates and files.

use std::collections::BTreeMap;

use super::document::Document;
use super::input::ExistingProject;
use super::resolve::Resolver;
use crate::diagnostic::{Node, Source, Span};
use crate::policy::document::Arn;
use crate::run::landscape::{Landscape, PolicyId, Tags, is_managed_key};
use crate::run::{Doubt, Place};
use crate::shell::word;

/// A policy that was not provided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct Missing {
    /// The policy and its owner.
    pub what: String,
    /// The option that provides the policy.
    pub option: String,
}

impl Missing {
    /// Creates the option from the name of the policy's owner.
    pub(super) fn new(what: String, option: &str, name: &str) -> Self {
        Self {
            what,
            option: format!("{option} {}", word(&format!("{name}=FILE"))),
        }
    }
}

/// A policy and its location.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) document: Document,
    /// The logical ID of the resource that it belongs to, or the name of the owner outside the
    /// templates.
    pub(super) resource: String,
    /// The location of the document.
    pub(super) place: Place,
    /// Whether a template or a file from the user contains it. Otherwise, the proof assumes it.
    pub(super) given: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) arn: String,
    /// The role's name as written in a policy that is attached to it. The name is empty if there is
    /// no such policy.
    pub(super) name: String,
    /// The template that creates it, if any: the index of its resolver.
    pub(super) resolver: Option<usize>,
    /// Whether a file specifies its other policies, so that none are missing.
    pub(super) is_given: bool,
    /// Whether the user specified its permissions boundary or specified that it has none.
    pub(super) is_bounded: bool,
    pub(super) identity: Vec<PolicyId>,
    pub(super) trust: Option<PolicyId>,
    pub(super) boundary: Option<PolicyId>,
    pub(super) missing_identity: Option<Missing>,
    pub(super) missing_boundary: Option<Missing>,
    /// Its tags; `None` if they are unknown.
    pub(super) tags: Option<Tags>,
}

impl Role {
    /// Returns the name of a role as written. IAM names are case-insensitive, so the key of a role
    /// is in lowercase.
    pub(super) fn written_name<'r>(&'r self, key: &'r str) -> &'r str {
        match (self.arn.rsplit('/').next(), self.name.as_str()) {
            (Some(name), _) if !name.is_empty() => name,
            (_, "") => key,
            (_, name) => name,
        }
    }
}

/// A template resource that exists.
pub(super) struct TemplateResource<'a> {
    /// The index of its resolver.
    pub(super) resolver: usize,
    pub(super) id: &'a str,
    pub(super) node: &'a Node,
}

#[derive(Default)]
pub(super) struct World<'a> {
    /// The buckets and keys, and their accounts.
    pub(super) land: Landscape,
    pub(super) files: Vec<Source>,
    /// The number of templates. They come first in the files.
    pub(super) templates: usize,
    pub(super) resolvers: &'a [Resolver<'a>],
    pub(super) resources: Vec<TemplateResource<'a>>,
    pub(super) policies: Vec<Held>,
    /// The roles, by account and lowercase name.
    pub(super) roles: BTreeMap<(String, String), Role>,
    pub(super) key_files: BTreeMap<String, PolicyId>,
    /// The provided policies of topics; `None` for a topic without a policy.
    pub(super) topics: BTreeMap<String, Option<PolicyId>>,
    /// Service control policies of the stacks' accounts, by level.
    pub(super) scps: Vec<Vec<PolicyId>>,
    /// Resource control policies of the stacks' accounts, by level.
    pub(super) rcps: Vec<Vec<PolicyId>>,
    /// The policy of an administrator, which allows everything.
    pub(super) administrator: PolicyId,
    /// The trust policy of another party's role in an attack. It trusts the entire dev account.
    pub(super) open_trust: PolicyId,
    /// The policy of another party's key. It delegates to the policies of the key's account.
    pub(super) open_key: PolicyId,
    /// The policy of another party's bucket. It allows everyone to do everything.
    pub(super) open_bucket: PolicyId,
    /// The broadest policy that a bucket, key, role, or topic may have if its policy was not provided.
    pub(super) open_resource: PolicyId,
    pub(super) open_roles: PolicyId,
    /// The policy of the AWS managed key for S3 in each account.
    pub(super) managed_key: PolicyId,
    /// CodeBuild projects that no template contains.
    pub(super) projects: &'a [ExistingProject],
    /// Unresolved values outside policies.
    pub(super) other_doubts: Vec<Doubt>,
    /// Template features that can change anything. With any of these, every call is unproven.
    pub(super) opaque: Vec<Doubt>,
    /// Buckets and roles that the templates define ambiguously, by ARN.
    pub(super) disputed: BTreeMap<String, Doubt>,
    /// Whether an unknown alias may exist.
    pub(super) has_unknown_aliases: bool,
}

impl World<'_> {
    /// Returns the role with the given ARN.
    pub(super) fn role(&self, arn: &str) -> Option<&Role> {
        let role = self.roles.get(&role_key(arn)?)?;
        // The path of a role that no template creates is unknown.
        (role.resolver.is_none() || role.arn == arn).then_some(role)
    }

    /// Returns the role that prevents a role with this ARN from existing, because it has the same
    /// name and a different path. Names are unique in an account, regardless of paths (IAM, *IAM
    /// and AWS STS quotas*).
    pub(super) fn namesake(&self, arn: &str) -> Option<&Role> {
        let role = self.roles.get(&role_key(arn)?)?;
        (role.resolver.is_some() && role.arn != arn).then_some(role)
    }

    /// Returns the ARN and policy of a key, by its ARN or the ARN of one of its aliases.
    pub(super) fn key(&self, arn: &str) -> Option<(String, PolicyId)> {
        if let Some(id) = self.key_files.get(arn) {
            return Some((arn.to_owned(), *id));
        }
        if is_managed_key(arn) {
            return Some((arn.to_owned(), self.managed_key));
        }
        let key = self.land.known_key(arn)?;
        Some((key.arn.clone(), key.policy))
    }

    /// Returns everything that cannot be resolved.
    pub(super) fn doubts(&self) -> Vec<Doubt> {
        let of_policies = self.policies.iter().flat_map(Held::doubts);
        of_policies
            .chain(self.other_doubts.iter().cloned())
            .chain(self.opaque.iter().cloned())
            .chain(self.disputed.values().cloned())
            .collect()
    }
}

impl Held {
    /// Returns the statements that cannot be resolved.
    pub(super) fn doubts(&self) -> impl Iterator<Item = Doubt> + '_ {
        self.document.unknown.iter().map(|unknown| Doubt {
            effect: unknown.effect,
            ..self.doubt(unknown.span, unknown.reason.clone())
        })
    }

    /// Returns a location in the file of the document.
    pub(super) fn at(&self, span: Span) -> Place {
        Place { span, ..self.place }
    }

    /// Returns a [`Doubt`] about a span of the document.
    pub(super) fn doubt(&self, span: Span, reason: impl Into<String>) -> Doubt {
        Doubt::new(self.at(span), &self.resource, reason)
    }
}

/// Returns the account and lowercase name in a role ARN.
pub(super) fn role_key(arn: &str) -> Option<(String, String)> {
    let arn = Arn::parse(arn)?;
    let path = arn.resource.strip_prefix("role/")?;
    let name = path.rsplit('/').next()?;
    Some((arn.account.to_owned(), name.to_lowercase()))
}
