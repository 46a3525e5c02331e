//! Who has which policies once the templates are deployed: roles, buckets, keys, and where each
//! policy stands. Filling it from templates and files is [`super::collect`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::document::Document;
use super::input::Instance;
use super::key_kind::{KeyKind, Usable};
use super::key_state::KeyState;
use super::resolve::Resolver;
use crate::diagnostic::{Node, Source, Span};
use crate::policy::document::{Arn, Effect};
use crate::shell::word;

/// A place in one of the files of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, by its number in [`super::Proof::files`].
    pub file: usize,
    /// The place in its text.
    pub span: Span,
}

/// A policy that is not given, and what would give it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// Whose policy it is.
    pub what: String,
    /// The option that settles it.
    pub option: String,
}

/// An option that gives the file with the policies of what has a name, as a shell reads it.
pub(super) fn file_option(option: &str, name: &str) -> String {
    format!("{option} {}", word(&format!("{name}=FILE")))
}

/// A statement that cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Where it stands.
    pub place: Place,
    /// The resource that has it.
    pub resource: String,
    /// Why it cannot be resolved.
    pub reason: String,
    /// Its effect, where that is known.
    pub effect: Option<Effect>,
}

/// A policy with its place.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) document: Document,
    /// The logical ID of the resource that has it, or the name of what has it elsewhere.
    pub(super) resource: String,
    pub(super) file: usize,
    /// The document.
    pub(super) span: Span,
    /// Whether a template or file of the user's holds it; otherwise the proof assumes it.
    pub(super) given: bool,
}

/// Number of a policy in [`World::policies`].
pub(super) type PolicyId = usize;

/// A role.
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

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// A bucket.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    /// `None`: nobody says whose it is.
    pub(super) account: Option<String>,
    /// `None`: nobody says where it is.
    pub(super) region: Option<String>,
    pub(super) policy: Option<PolicyId>,
    /// Whether S3 encrypts with a bucket key, so that the context is the bucket's ARN; `None`: not
    /// known.
    pub(super) bucket_key: Option<bool>,
    /// How S3 encrypts what is uploaded without a word about encryption.
    pub(super) encryption: Encryption,
    /// Whether it has no ACLs (`BucketOwnerEnforced`); `None`: not known.
    pub(super) is_owner_enforced: Option<bool>,
    /// Whether its objects have versions; `None`: not known.
    pub(super) is_versioned: Option<bool>,
    /// Whether S3 keeps other accounts out as long as the bucket's policy is public; `None`: not known.
    pub(super) restricts_public: Option<bool>,
    /// The bucket that its server access logs go to.
    pub(super) log_bucket: Option<(String, String)>,
    /// The template that makes it, if one does: the number of its resolver.
    pub(super) resolver: Option<usize>,
    /// Where the template makes it, or a file says all about it.
    pub(super) place: Option<Place>,
}

/// A bucket's default encryption.
#[derive(Debug, Clone, Default)]
pub(super) enum Encryption {
    /// Nobody says.
    #[default]
    Untold,
    /// The template says it with a value that cannot be resolved.
    Unresolved(Doubt),
    /// With keys of S3, which need no permission.
    S3Managed,
    /// With a KMS key.
    Kms(DefaultKey),
}

impl Encryption {
    /// The key that is used where nobody names one.
    pub(super) fn default_key(&self) -> Option<&DefaultKey> {
        match self {
            Self::Kms(key) => Some(key),
            _ => None,
        }
    }
}

/// The key of a bucket's default encryption.
#[derive(Debug, Clone)]
pub(super) struct DefaultKey {
    /// As the bucket names it; `None`: the AWS managed key.
    pub(super) key: Option<String>,
    /// Where the template says it, and the logical ID of the bucket; `None`: the configuration
    /// says it of an existing bucket.
    pub(super) said: Option<(Place, String)>,
}

/// A KMS key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) policy: PolicyId,
    /// Whether that is all that the key has as policies.
    pub(super) is_whole: bool,
    /// Whether a stack makes it.
    pub(super) is_made: bool,
    /// Whether KMS lets S3 use it.
    pub(super) usable: Usable,
    /// What it is like, for the condition keys that tell it.
    pub(super) kind: KeyKind,
    /// Its tags; `None`: not known.
    pub(super) tags: Option<Tags>,
    /// The target whose template makes it; `None`: the dev account's side.
    pub(super) target: Option<String>,
    /// Which of the target's instances makes it, where there are several.
    pub(super) instance: Option<Arc<Instance>>,
}

/// A resource of a template that is there.
pub(super) struct Found<'a> {
    /// The number of its resolver.
    pub(super) resolver: usize,
    pub(super) id: &'a str,
    pub(super) node: &'a Node,
}

/// All of it.
#[derive(Default)]
pub(super) struct World<'a> {
    pub(super) files: Vec<Source>,
    /// How many of the files are templates: the first.
    pub(super) templates: usize,
    pub(super) resolvers: &'a [Resolver<'a>],
    pub(super) resources: Vec<Found<'a>>,
    pub(super) policies: Vec<Held>,
    /// By account and name in lower case.
    pub(super) roles: BTreeMap<(String, String), Role>,
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) keys: Vec<Key>,
    /// Aliases, as (account, region, alias), with their keys' IDs or ARNs.
    pub(super) aliases: BTreeMap<(String, String, String), String>,
    pub(super) key_files: BTreeMap<String, PolicyId>,
    /// The states of keys that exist, by ARN.
    pub(super) key_states: BTreeMap<String, KeyState>,
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
    pub(super) organization: Option<String>,
    pub(super) partition: String,
    /// The accounts of the stacks.
    pub(super) accounts: BTreeSet<String>,
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

    /// The bucket of an ARN of it or of an object in it.
    pub(super) fn bucket_of(&self, arn: &str) -> Option<&Bucket> {
        self.buckets.get(bucket_name(arn)?)
    }

    /// The account of a bucket, or of an object's bucket, where a template says it.
    pub(super) fn owner(&self, arn: &str) -> Option<&str> {
        self.bucket_of(arn)?.account.as_deref()
    }

    pub(super) fn bucket_arn(&self, name: &str) -> String {
        format!("arn:{}:s3:::{name}", self.partition)
    }

    /// The ARN and policy of a key, by its ARN or that of an alias of it.
    pub(super) fn key(&self, arn: &str) -> Option<(String, PolicyId)> {
        if let Some(id) = self.key_files.get(arn) {
            return Some((arn.to_owned(), *id));
        }
        if is_managed_key(arn) {
            return Some((arn.to_owned(), self.managed_key));
        }
        let key = self.known_key(arn)?;
        Some((key.arn.clone(), key.policy))
    }

    /// The key that a template makes, by its ARN or that of an alias of it.
    pub(super) fn known_key(&self, arn: &str) -> Option<&Key> {
        let parts = Arn::parse(arn)?;
        let target = if parts.resource.starts_with("alias/") {
            let alias = (
                parts.account.to_owned(),
                parts.region.to_owned(),
                parts.resource.to_owned(),
            );
            self.aliases.get(&alias)?.as_str()
        } else {
            arn
        };
        let mut keys = self.keys.iter();
        keys.find(|key| {
            key.arn == target
                || (key.account == parts.account
                    && region_of(&key.arn) == parts.region
                    && key.arn.rsplit('/').next() == Some(target))
        })
    }

    /// The aliases of a key that the templates make.
    pub(super) fn aliases_of(&self, key: &Key) -> Vec<String> {
        let aliases = self.aliases.iter();
        let own = aliases.filter(|((account, region, _), target)| {
            *account == key.account
                && region_of(&key.arn) == region
                && (**target == key.arn || key.arn.rsplit('/').next() == Some(target))
        });
        own.map(|((_, _, alias), _)| alias.clone()).collect()
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
            place: Place {
                file: self.file,
                span: unknown.span,
            },
            resource: self.resource.clone(),
            reason: unknown.reason.clone(),
            effect: unknown.effect,
        })
    }
}

/// Account and name, in lower case, of a role's ARN.
pub(super) fn role_key(arn: &str) -> Option<(String, String)> {
    let arn = Arn::parse(arn)?;
    let path = arn.resource.strip_prefix("role/")?;
    let name = path.rsplit('/').next()?;
    Some((arn.account.to_owned(), name.to_lowercase()))
}

/// The alias of the AWS managed key of S3, which every account has in every region.
pub(super) const MANAGED_KEY: &str = "alias/aws/s3";

/// Whether an ARN is that of the AWS managed key of S3.
pub(super) fn is_managed_key(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.service == "kms" && arn.resource == MANAGED_KEY)
}

/// Region of an ARN.
pub(super) fn region_of(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.region)
}

/// Account of an ARN.
pub(super) fn account_of(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.account)
}

/// The bucket in an S3 ARN.
pub(super) fn bucket_name(arn: &str) -> Option<&str> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "s3")?;
    arn.resource.split('/').next()
}
