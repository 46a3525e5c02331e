//! Who has which policies once the templates are deployed: roles, buckets, keys, and where each
//! policy stands. Filling it from templates and files is [`super::collect`]'s.

use std::collections::BTreeMap;

use super::document::Document;
use super::resolve::Resolver;
use crate::diagnostic::{Node, Source, Span};
use crate::policy::document::Arn;
use crate::run::landscape::{Landscape, PolicyId, Tags, is_managed_key};
use crate::run::{Doubt, Place};
use crate::shell::word;

/// A policy that is not given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct Missing {
    /// Owner of the policy.
    pub what: String,
    /// The option that gives the policy.
    pub option: String,
}

impl Missing {
    /// What an option would give by the file with the policies of what has a name.
    pub(super) fn new(what: String, option: &str, name: &str) -> Self {
        Self {
            what,
            option: format!("{option} {}", word(&format!("{name}=FILE"))),
        }
    }
}

/// A policy with its place.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) document: Document,
    /// The logical ID of the resource that has it, or the name of what has it elsewhere.
    pub(super) resource: String,
    /// The document.
    pub(super) place: Place,
    /// Whether a template or file of the user's holds it; otherwise the proof assumes it.
    pub(super) given: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) arn: String,
    /// Its name as a policy writes it that is attached to it; empty where none is.
    pub(super) name: String,
    /// The template that makes it, if one does: the number of its resolver.
    pub(super) resolver: Option<usize>,
    /// Whether a file says what else it has, so that nothing is expected of it.
    pub(super) is_given: bool,
    /// Whether the user says what its permissions boundary is, or that it has none.
    pub(super) is_bounded: bool,
    pub(super) identity: Vec<PolicyId>,
    pub(super) trust: Option<PolicyId>,
    pub(super) boundary: Option<PolicyId>,
    pub(super) missing_identity: Option<Missing>,
    pub(super) missing_boundary: Option<Missing>,
    /// Its tags; `None`: not known.
    pub(super) tags: Option<Tags>,
}

impl Role {
    /// Its name as it is written. IAM ignores the case of names, so that a role's `key` has it in
    /// lowercase.
    pub(super) fn written_name<'r>(&'r self, key: &'r str) -> &'r str {
        match (self.arn.rsplit('/').next(), self.name.as_str()) {
            (Some(name), _) if !name.is_empty() => name,
            (_, "") => key,
            (_, name) => name,
        }
    }
}

/// A resource of a template that is there.
pub(super) struct TemplateResource<'a> {
    /// The number of its resolver.
    pub(super) resolver: usize,
    pub(super) id: &'a str,
    pub(super) node: &'a Node,
}

#[derive(Default)]
pub(super) struct World<'a> {
    /// The buckets and keys, and the accounts that they are in.
    pub(super) land: Landscape,
    pub(super) files: Vec<Source>,
    /// How many of the files are templates: the first.
    pub(super) templates: usize,
    pub(super) resolvers: &'a [Resolver<'a>],
    pub(super) resources: Vec<TemplateResource<'a>>,
    pub(super) policies: Vec<Held>,
    /// By account and name in lower case.
    pub(super) roles: BTreeMap<(String, String), Role>,
    pub(super) key_files: BTreeMap<String, PolicyId>,
    /// Service control policies of the accounts of the stacks, by level.
    pub(super) scps: Vec<Vec<PolicyId>>,
    /// Resource control policies of these accounts, by level.
    pub(super) rcps: Vec<Vec<PolicyId>>,
    /// What an administrator is allowed: everything.
    pub(super) administrator: PolicyId,
    /// What a role of somebody else's trusts, for an attack: the whole dev account.
    pub(super) open_trust: PolicyId,
    /// What a key of somebody else's says: its account's policies decide.
    pub(super) open_key: PolicyId,
    /// What a bucket of somebody else's says: everybody may do everything.
    pub(super) open_bucket: PolicyId,
    /// What a bucket's, key's or role's policy might say that is not given.
    pub(super) open_resource: PolicyId,
    pub(super) open_roles: PolicyId,
    /// The policy of the AWS managed key of S3 in each account.
    pub(super) managed_key: PolicyId,
    /// What cannot be resolved and stands in no policy.
    pub(super) other_doubts: Vec<Doubt>,
    /// What may change anything: then nothing is proven of any call.
    pub(super) opaque: Vec<Doubt>,
    /// Buckets and roles of which the templates do not say one thing, by ARN.
    pub(super) disputed: BTreeMap<String, Doubt>,
    /// Whether an alias may be there that cannot be known.
    pub(super) has_unknown_aliases: bool,
}

impl World<'_> {
    /// The role of an ARN.
    pub(super) fn role(&self, arn: &str) -> Option<&Role> {
        let role = self.roles.get(&role_key(arn)?)?;
        // Of a role that no template makes, nobody says the path.
        (role.resolver.is_none() || role.arn == arn).then_some(role)
    }

    /// The role that keeps one of this ARN from being there: it has the name in another path. Names
    /// are unique in an account whatever their paths (IAM, *IAM and AWS STS quotas*).
    pub(super) fn namesake(&self, arn: &str) -> Option<&Role> {
        let role = self.roles.get(&role_key(arn)?)?;
        (role.resolver.is_some() && role.arn != arn).then_some(role)
    }

    /// The ARN and policy of a key, by its ARN or that of an alias of it.
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

    /// What cannot be resolved.
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
    /// Its statements that cannot be resolved.
    pub(super) fn doubts(&self) -> impl Iterator<Item = Doubt> + '_ {
        self.document.unknown.iter().map(|unknown| Doubt {
            effect: unknown.effect,
            ..self.doubt(unknown.span, unknown.reason.clone())
        })
    }

    /// A place in its file.
    pub(super) fn at(&self, span: Span) -> Place {
        Place { span, ..self.place }
    }

    /// A doubt about a part of it.
    pub(super) fn doubt(&self, span: Span, reason: impl Into<String>) -> Doubt {
        Doubt::new(self.at(span), &self.resource, reason)
    }
}

/// Account and name, in lower case, of a role's ARN.
pub(super) fn role_key(arn: &str) -> Option<(String, String)> {
    let arn = Arn::parse(arn)?;
    let path = arn.resource.strip_prefix("role/")?;
    let name = path.rsplit('/').next()?;
    Some((arn.account.to_owned(), name.to_lowercase()))
}
