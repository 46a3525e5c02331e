//! The accounts that an execution uses, and their buckets and keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::key_state::KeyState;
use crate::aws::arn;
use crate::diagnostic::Span;
use crate::policy::document::{Arn, Effect};

/// The account and region of a stack instance.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
pub struct Instance {
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
}

/// A location in one of the files of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The file, by its index in [`crate::proof::Proof::files`].
    pub file: usize,
    /// The span in its text.
    pub span: Span,
}

/// Something that cannot be resolved, such as a value or statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Its location.
    pub place: Place,
    /// The resource that contains it.
    pub resource: String,
    /// Why it cannot be resolved.
    pub reason: String,
    /// The effect of the statement, if known.
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

/// A template value, or why it is unknown.
pub(crate) type Value = Result<String, Box<Doubt>>;

/// Index of a policy in the proof.
pub(crate) type PolicyId = usize;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    /// `None` if unspecified.
    pub(crate) account: Option<String>,
    /// `None` if unspecified.
    pub(crate) region: Option<String>,
    pub(crate) policy: Option<PolicyId>,
    /// Whether an S3 Bucket Key is enabled, so that the encryption context is the ARN of the
    /// bucket; `None` if unknown.
    pub(crate) bucket_key: Option<bool>,
    /// How S3 encrypts objects that are uploaded without encryption headers.
    pub(crate) encryption: Encryption,
    /// Whether ACLs are disabled (`BucketOwnerEnforced`); `None` if unknown.
    pub(crate) is_owner_enforced: Option<bool>,
    /// Whether versioning is enabled; `None` if unknown.
    pub(crate) is_versioned: Option<bool>,
    /// Whether S3 denies access from other accounts while the bucket policy is public; `None` if
    /// unknown.
    pub(crate) restricts_public: Option<bool>,
    /// The bucket that receives its server access logs, and their prefix.
    pub(crate) log_bucket: Option<(String, String)>,
    /// Whether a template creates it.
    pub(crate) is_made: bool,
    /// The target whose template creates it.
    pub(crate) target: Option<String>,
    /// The instance of the target that it belongs to, if the target has several.
    pub(crate) instance: Option<Arc<Instance>>,
    /// The location in the template, or in the file with its policy.
    pub(crate) place: Option<Place>,
}

/// A bucket's default encryption.
#[derive(Debug, Clone, Default)]
pub(crate) enum Encryption {
    /// Unspecified.
    #[default]
    Untold,
    /// The template specifies it with a value that cannot be resolved.
    Unresolved(Doubt),
    /// With S3 managed keys, which need no permissions.
    S3Managed,
    /// With a KMS key.
    Kms(DefaultKey),
}

impl Encryption {
    /// Returns the key that is used if an upload specifies none.
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
    /// The key as the bucket specifies it; `None` for the AWS managed key.
    pub(crate) key: Option<String>,
    /// The location in the template, and the logical ID of the bucket. `None` if the configuration
    /// specifies the key for an existing bucket.
    pub(crate) said: Option<(Place, String)>,
}

/// A KMS key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) policy: PolicyId,
    /// The location of its policy.
    pub(crate) place: Place,
    /// Whether this is the only policy of the key.
    pub(crate) is_whole: bool,
    /// Whether a stack creates it.
    pub(crate) is_made: bool,
    /// Whether KMS allows S3 to use it.
    pub(crate) usable: Usable,
    /// Its properties, for condition keys.
    pub(crate) kind: KeyKind,
    /// Its tags; `None` if unknown.
    pub(crate) tags: Option<Tags>,
    /// The target whose template creates it; `None` for the dev account.
    pub(crate) target: Option<String>,
    /// The instance of the target, if the target has several.
    pub(crate) instance: Option<Arc<Instance>>,
}

/// Whether KMS allows S3 to use a key.
#[derive(Debug, Clone)]
pub(crate) enum Usable {
    /// KMS allows it, or nothing is known to prevent it.
    Yes,
    /// KMS does not allow it.
    No(Unusable),
    /// The answer depends on an unknown.
    Unknown(Doubt),
}

/// Why a key cannot be used.
#[derive(Debug, Clone)]
pub(crate) struct Unusable {
    /// Its state, if that is the reason. Otherwise, S3 cannot encrypt with this kind of key.
    pub(crate) state: Option<KeyState>,
    /// The setting that is the reason, as in "the key has …".
    pub(crate) what: String,
    /// How to fix it.
    pub(crate) fix: &'static str,
    /// The location in the template.
    pub(crate) place: Place,
    /// The key's logical ID.
    pub(crate) resource: String,
}

/// Properties of a key that condition keys expose; `None` if unknown.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyKind {
    pub(crate) spec: Option<String>,
    pub(crate) usage: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) multi_region: Option<String>,
}

/// The accounts that an execution uses, and their resources.
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
    /// Aliases as (account, region, alias), each with the ID or ARN of its key.
    pub(crate) aliases: BTreeMap<(String, String, String), String>,
    /// The states of existing keys, by ARN.
    pub(crate) key_states: BTreeMap<String, KeyState>,
}

impl Landscape {
    /// Returns the bucket in a bucket ARN or object ARN.
    pub(crate) fn bucket_of(&self, arn: &str) -> Option<&Bucket> {
        self.buckets.get(bucket_name(arn)?)
    }

    /// Returns the bucket with a name that may be unknown.
    pub(crate) fn bucket_named(&self, name: &Value) -> Option<&Bucket> {
        self.buckets.get(name.as_ref().ok()?)
    }

    /// Returns the owner's account of the bucket in a bucket ARN or object ARN, if it is specified.
    pub(crate) fn owner(&self, arn: &str) -> Option<&str> {
        self.bucket_of(arn)?.account.as_deref()
    }

    pub(crate) fn bucket_arn(&self, name: &str) -> String {
        arn::bucket(&self.partition, name)
    }

    /// Returns a key that a template creates, by its ARN or the ARN of one of its aliases.
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

    /// Returns the aliases of a key that the templates create.
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

/// The alias of the AWS managed key for S3, which exists in every account and region.
pub(crate) const MANAGED_KEY: &str = "alias/aws/s3";

/// Returns whether an ARN identifies the AWS managed key for S3.
pub(crate) fn is_managed_key(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.service == "kms" && arn.resource == MANAGED_KEY)
}

/// Returns the region in an ARN.
pub(crate) fn region_of(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.region)
}

/// Returns the account in an ARN.
pub(crate) fn account_of(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.account)
}

/// Returns the bucket in an S3 ARN.
pub(crate) fn bucket_name(arn: &str) -> Option<&str> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "s3")?;
    arn.resource.split('/').next()
}
