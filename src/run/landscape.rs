//! The accounts of a run, with the buckets and keys that it works on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::key_state::KeyState;
use crate::aws::arn;
use crate::diagnostic::Span;
use crate::policy::document::{Arn, Effect};

/// An account and region of a stack set.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
pub struct Instance {
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
}

/// A place in one of the files of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The file, by its number in [`crate::proof::Proof::files`].
    pub file: usize,
    /// The place in its text.
    pub span: Span,
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

impl Doubt {
    pub(crate) fn new(
        place: Place,
        resource: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            place,
            resource: resource.into(),
            reason: reason.into(),
            effect: None,
        }
    }
}

/// A value of a template, or why it cannot be known.
pub(crate) type Value = Result<String, Box<Doubt>>;

/// Number of a policy among those of the proof.
pub(crate) type PolicyId = usize;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    /// `None`: nobody says whose it is.
    pub(crate) account: Option<String>,
    /// `None`: nobody says where it is.
    pub(crate) region: Option<String>,
    pub(crate) policy: Option<PolicyId>,
    /// Whether S3 encrypts with a bucket key, so that the context is the bucket's ARN; `None`: not
    /// known.
    pub(crate) bucket_key: Option<bool>,
    /// How S3 encrypts what is uploaded without a word about encryption.
    pub(crate) encryption: Encryption,
    /// Whether it has no ACLs (`BucketOwnerEnforced`); `None`: not known.
    pub(crate) is_owner_enforced: Option<bool>,
    /// Whether its objects have versions; `None`: not known.
    pub(crate) is_versioned: Option<bool>,
    /// Whether S3 keeps other accounts out as long as the bucket's policy is public; `None`: not known.
    pub(crate) restricts_public: Option<bool>,
    /// The bucket that its server access logs go to.
    pub(crate) log_bucket: Option<(String, String)>,
    /// Whether a template makes it.
    pub(crate) is_made: bool,
    /// The target whose template makes it.
    pub(crate) target: Option<String>,
    /// The target's instance that it belongs to, if the target has several.
    pub(crate) instance: Option<Arc<Instance>>,
    /// Where the template makes it, or a file says all about it.
    pub(crate) place: Option<Place>,
}

/// A bucket's default encryption.
#[derive(Debug, Clone, Default)]
pub(crate) enum Encryption {
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
    pub(crate) fn default_key(&self) -> Option<&DefaultKey> {
        match self {
            Self::Kms(key) => Some(key),
            _ => None,
        }
    }
}

/// The key of a bucket's default encryption.
#[derive(Debug, Clone)]
pub(crate) struct DefaultKey {
    /// As the bucket names it; `None`: the AWS managed key.
    pub(crate) key: Option<String>,
    /// Where the template says it, and the logical ID of the bucket; `None`: the configuration
    /// says it of an existing bucket.
    pub(crate) said: Option<(Place, String)>,
}

/// A KMS key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) policy: PolicyId,
    /// The place of its policy.
    pub(crate) place: Place,
    /// Whether that is all that the key has as policies.
    pub(crate) is_whole: bool,
    /// Whether a stack makes it.
    pub(crate) is_made: bool,
    /// Whether KMS lets S3 use it.
    pub(crate) usable: Usable,
    /// What it is like, for the condition keys that tell it.
    pub(crate) kind: KeyKind,
    /// Its tags; `None`: not known.
    pub(crate) tags: Option<Tags>,
    /// The target whose template makes it; `None`: the dev account's side.
    pub(crate) target: Option<String>,
    /// Which of the target's instances makes it, where there are several.
    pub(crate) instance: Option<Arc<Instance>>,
}

/// Whether KMS lets S3 use a key.
#[derive(Debug, Clone)]
pub(crate) enum Usable {
    /// It does, or nobody says otherwise.
    Yes,
    /// It does not.
    No(Unusable),
    /// That depends on what is not known.
    Unknown(Doubt),
}

/// Why a key cannot be used.
#[derive(Debug, Clone)]
pub(crate) struct Unusable {
    /// Its state, if that is why; otherwise S3 cannot encrypt with such a key.
    pub(crate) state: Option<KeyState>,
    /// What it is, as in "the key is …".
    pub(crate) what: String,
    /// What to do.
    pub(crate) fix: &'static str,
    /// Where the template says so.
    pub(crate) place: Place,
    /// The key's logical ID.
    pub(crate) resource: String,
}

/// Properties of a key that condition keys tell; `None`: not known.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyKind {
    pub(crate) spec: Option<String>,
    pub(crate) usage: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) multi_region: Option<String>,
}

/// The accounts of a run and what is in them.
#[derive(Debug, Default)]
pub(crate) struct Landscape {
    pub(crate) partition: String,
    pub(crate) organization: Option<String>,
    /// The accounts of the stacks.
    pub(crate) accounts: BTreeSet<String>,
    /// Region of the dev stack.
    pub(crate) region: String,
    pub(crate) buckets: BTreeMap<String, Bucket>,
    pub(crate) keys: Vec<Key>,
    /// Aliases, as (account, region, alias), with their keys' IDs or ARNs.
    pub(crate) aliases: BTreeMap<(String, String, String), String>,
    /// The states of keys that exist, by ARN.
    pub(crate) key_states: BTreeMap<String, KeyState>,
}

impl Landscape {
    /// The bucket of an ARN of it or of an object in it.
    pub(crate) fn bucket_of(&self, arn: &str) -> Option<&Bucket> {
        self.buckets.get(bucket_name(arn)?)
    }

    /// The bucket of a name that may not be known.
    pub(crate) fn bucket_named(&self, name: &Value) -> Option<&Bucket> {
        self.buckets.get(name.as_ref().ok()?)
    }

    /// The account of a bucket, or of an object's bucket, where a template says it.
    pub(crate) fn owner(&self, arn: &str) -> Option<&str> {
        self.bucket_of(arn)?.account.as_deref()
    }

    pub(crate) fn bucket_arn(&self, name: &str) -> String {
        arn::bucket(&self.partition, name)
    }

    /// The key that a template makes, by its ARN or that of an alias of it.
    pub(crate) fn known_key(&self, arn: &str) -> Option<&Key> {
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
    pub(crate) fn aliases_of(&self, key: &Key) -> Vec<String> {
        let aliases = self.aliases.iter();
        let own = aliases.filter(|((account, region, _), target)| {
            *account == key.account
                && region_of(&key.arn) == region
                && (**target == key.arn || key.arn.rsplit('/').next() == Some(target))
        });
        own.map(|((_, _, alias), _)| alias.clone()).collect()
    }
}

/// The alias of the AWS managed key of S3, which every account has in every region.
pub(crate) const MANAGED_KEY: &str = "alias/aws/s3";

/// Whether an ARN is that of the AWS managed key of S3.
pub(crate) fn is_managed_key(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.service == "kms" && arn.resource == MANAGED_KEY)
}

/// Region of an ARN.
pub(crate) fn region_of(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.region)
}

/// Account of an ARN.
pub(crate) fn account_of(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.account)
}

/// The bucket in an S3 ARN.
pub(crate) fn bucket_name(arn: &str) -> Option<&str> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "s3")?;
    arn.resource.split('/').next()
}
