//! What was read of the accounts: each answer is there, or AWS says that there is none, or it was
//! refused. Reading it is `deploy`'s.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading<T> {
    Read(T),
    /// AWS says that there is none.
    Missing,
    /// It could not be read, and nothing is assumed of it.
    Refused(Refusal),
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Refusal {
    /// The action that it takes, such as `kms:GetKeyPolicy`; empty where nobody looks.
    pub action: String,
    /// AWS's reason, on one line.
    pub reason: String,
}

impl Refusal {
    /// A reason that no action of AWS's is behind.
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self {
            action: String::new(),
            reason: reason.into(),
        }
    }
}

impl<T> Reading<T> {
    pub(crate) fn read(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Missing | Self::Refused(_) => None,
        }
    }

    /// Whether AWS says that there is none.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Why it could not be read.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Read(_) | Self::Missing => None,
        }
    }

    /// The same of a part of it.
    pub(crate) fn map<U>(self, part: impl FnOnce(T) -> U) -> Reading<U> {
        self.then(|value| Reading::Read(part(value)))
    }

    /// The same of a part of it that may be missing or unreadable itself.
    pub(crate) fn then<U>(self, part: impl FnOnce(T) -> Reading<U>) -> Reading<U> {
        match self {
            Self::Read(value) => part(value),
            Self::Missing => Reading::Missing,
            Self::Refused(refusal) => Reading::Refused(refusal),
        }
    }
}

/// The live state of everything that a deployment consists of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Live {
    /// The accounts, with who looks into them.
    pub accounts: BTreeMap<String, View>,
    /// Stacks, by their numbers in [`super::Expected::places`].
    pub stacks: BTreeMap<usize, Reading<Stack>>,
    /// Keys, by how they were asked for: ARN.
    pub keys: BTreeMap<String, Reading<Key>>,
    pub buckets: BTreeMap<String, Reading<Bucket>>,
    /// Roles, by the ARN that is expected.
    pub roles: BTreeMap<String, Reading<Role>>,
    pub pipelines: BTreeMap<String, Reading<Pipeline>>,
    /// EventBridge rules, by name.
    pub rules: BTreeMap<String, Reading<Rule>>,
}

/// Who looks into an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// The user or session with this ARN.
    By(String),
    /// Nobody; why.
    Nobody(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stack {
    pub name: String,
    /// CloudFormation's status code.
    pub status: String,
    /// Why it has this status; may be empty.
    pub reason: String,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
}

/// A KMS key (AWS KMS API reference, *DescribeKey* and those below it).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, `PendingImport`, `Unavailable`…
    pub state: String,
    /// Whether AWS manages it, so that nobody can change its policy.
    pub is_aws_managed: bool,
    /// `ENCRYPT_DECRYPT`, or another usage.
    pub usage: String,
    /// When it will be deleted, as AWS writes a date; `None`: it will not.
    pub deletion: Option<String>,
    /// Its policy: the one that is called `default`.
    pub policy: Reading<Json>,
    /// Its other policies, such as `AWS_RAM`, by their names.
    pub others: Reading<Vec<Policy>>,
    pub grants: Reading<Vec<Grant>>,
    /// Names of its aliases, with `alias/`.
    pub aliases: Reading<Vec<String>>,
    pub rotation: Reading<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub id: String,
    pub grantee: String,
    /// Operations, such as `Decrypt`.
    pub operations: Vec<String>,
    /// Whether it holds under a condition on the encryption context only.
    pub is_constrained: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bucket {
    pub policy: Reading<Json>,
    /// `Enabled`, `Suspended`, or empty when it never was on.
    pub versioning: Reading<String>,
    /// Whether its events go to EventBridge.
    pub event_bridge: Reading<bool>,
    /// `BucketOwnerEnforced`, `BucketOwnerPreferred` or `ObjectWriter`; missing counts as the last.
    pub ownership: Reading<String>,
    /// Groups and accounts beside the owner that its ACL lets in, by URI or canonical ID.
    pub grantees: Reading<Vec<String>>,
    pub encryption: Reading<Encryption>,
    /// The four settings of its public access block, by their names in CloudFormation.
    pub public_access_block: Reading<BTreeMap<String, bool>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The key, as the bucket names it; `None`: S3's own.
    pub key: Option<String>,
    pub bucket_key: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Role {
    pub arn: String,
    /// Unique ID, `AROA…`.
    pub id: String,
    pub trust: Json,
    pub boundary: Option<Policy>,
    pub attached: Reading<Vec<Policy>>,
    /// Inline policies, by name.
    pub inline: Reading<Vec<Policy>>,
    /// Managed policies that are expected and not attached, by ARN: whether they exist.
    pub detached: BTreeMap<String, Reading<()>>,
}

/// A policy with a name: of a role, or of a key beside its default one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// ARN of a managed policy, name of an inline one or of a key's.
    pub name: String,
    /// The document; of a managed policy its default version's.
    pub document: Reading<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    /// The definition, in the names of `AWS::CodePipeline::Pipeline`.
    pub definition: Json,
    /// Stages whose inbound transition is disabled, with the reason.
    pub stopped: Reading<Vec<(String, String)>>,
    /// The last execution, when it failed, or the source action that failed before it became one.
    pub failure: Reading<Option<Failure>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Failure {
    /// ID of the execution; empty where the source action failed before there was one.
    pub execution: String,
    /// Stage; empty where it is not known.
    pub stage: String,
    /// Action; empty where it is not known.
    pub action: String,
    /// AWS's error code; empty where it is not known.
    pub code: String,
    pub message: String,
    /// What started the execution, such as `CreatePipeline`.
    pub trigger: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub arn: String,
    pub enabled: bool,
    pub pattern: Option<Json>,
    pub targets: Reading<Vec<Target>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Target {
    /// ID within the rule.
    pub id: String,
    /// ARN of what it starts.
    pub arn: String,
    /// Role that EventBridge assumes for it.
    pub role: Option<String>,
    /// What EventBridge passes to it.
    pub input: Input,
}

/// What EventBridge passes to a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Input {
    #[default]
    Event,
    /// A constant text, or the part of the event at a path.
    Other(String),
    /// A text made from parts of the event.
    Transformed {
        /// Paths into the event, by the name that the template has for them.
        paths: BTreeMap<String, String>,
        /// The text, with names in angle brackets.
        template: String,
    },
}
