//! The live state of the accounts. Each part was read, does not exist, or could not be read. The
//! `deploy` module reads it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

/// The result of reading a part of the live state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading<T> {
    Read(T),
    /// AWS reports that it does not exist.
    Missing,
    /// It could not be read, and nothing is assumed about it.
    Refused(Refusal),
}

/// The reason why a part could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Refusal {
    /// The required action, such as `kms:GetKeyPolicy`; empty if no action was called.
    pub action: String,
    /// The reason, such as the AWS error message, on one line.
    pub reason: String,
}

impl Refusal {
    /// Creates a refusal without an AWS action.
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

    /// Returns whether AWS reports that it does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Returns why it could not be read.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Read(_) | Self::Missing => None,
        }
    }

    /// Applies `part` to the value that was read.
    pub(crate) fn map<U>(self, part: impl FnOnce(T) -> U) -> Reading<U> {
        self.then(|value| Reading::Read(part(value)))
    }

    /// Applies `part` to the value that was read; the result can itself be missing or unreadable.
    pub(crate) fn then<U>(self, part: impl FnOnce(T) -> Reading<U>) -> Reading<U> {
        match self {
            Self::Read(value) => part(value),
            Self::Missing => Reading::Missing,
            Self::Refused(refusal) => Reading::Refused(refusal),
        }
    }
}

/// The live state of all resources of a deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Live {
    /// The accounts, each with the identity that reads it.
    pub accounts: BTreeMap<String, View>,
    /// Stacks, by their indexes in [`super::Expected::places`].
    pub stacks: BTreeMap<usize, Reading<Stack>>,
    /// Keys, by the names in the requests, such as ARNs.
    pub keys: BTreeMap<String, Reading<Key>>,
    pub buckets: BTreeMap<String, Reading<Bucket>>,
    /// Roles, by their expected ARNs.
    pub roles: BTreeMap<String, Reading<Role>>,
    pub pipelines: BTreeMap<String, Reading<Pipeline>>,
    /// EventBridge rules, by name.
    pub rules: BTreeMap<String, Reading<Rule>>,
}

/// The identity that reads an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// The user or session with this ARN.
    By(String),
    /// No identity, with the reason.
    Nobody(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stack {
    pub name: String,
    /// The CloudFormation status code.
    pub status: String,
    /// The reason for the status; may be empty.
    pub reason: String,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
}

/// A KMS key. Follows *DescribeKey* and related operations in the AWS documentation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, `PendingImport`, `Unavailable`…
    pub state: String,
    /// Whether AWS manages it, so that its policy cannot be changed.
    pub is_aws_managed: bool,
    /// `ENCRYPT_DECRYPT`, or another usage.
    pub usage: String,
    /// The scheduled deletion date, in the format that AWS returns; `None` if no deletion is
    /// scheduled.
    pub deletion: Option<String>,
    /// Its policy named `default`.
    pub policy: Reading<Json>,
    /// Its other policies, such as `AWS_RAM`, by their names.
    pub others: Reading<Vec<Policy>>,
    pub grants: Reading<Vec<Grant>>,
    /// Names of its aliases, with the prefix `alias/`.
    pub aliases: Reading<Vec<String>>,
    pub rotation: Reading<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub id: String,
    pub grantee: String,
    /// Operations, such as `Decrypt`.
    pub operations: Vec<String>,
    /// Whether the grant has a constraint on the encryption context.
    pub is_constrained: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bucket {
    pub policy: Reading<Json>,
    /// `Enabled`, `Suspended`, or empty if versioning was never enabled.
    pub versioning: Reading<String>,
    /// Whether the bucket sends events to EventBridge.
    pub event_bridge: Reading<bool>,
    /// `BucketOwnerEnforced`, `BucketOwnerPreferred`, or `ObjectWriter` (the default if missing).
    pub ownership: Reading<String>,
    /// Groups and accounts other than the owner that its ACL allows, by URI or canonical ID.
    pub grantees: Reading<Vec<String>>,
    pub encryption: Reading<Encryption>,
    /// The four settings of its public access block, by their CloudFormation names.
    pub public_access_block: Reading<BTreeMap<String, bool>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Encryption {
    /// `AES256`, `aws:kms`, or `aws:kms:dsse`.
    pub algorithm: String,
    /// The key, as the bucket names it; `None` for S3 managed keys.
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
    /// Whether each expected but unattached managed policy exists, by ARN.
    pub detached: BTreeMap<String, Reading<()>>,
}

/// A named policy of a role, or a policy of a key other than the default policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// The ARN of a managed policy, or the name of an inline policy or a key policy.
    pub name: String,
    /// The document; for a managed policy, that of the default version.
    pub document: Reading<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    /// The definition, with the property names of `AWS::CodePipeline::Pipeline`.
    pub definition: Json,
    /// Stages whose inbound transition is disabled, with the reason.
    pub stopped: Reading<Vec<(String, String)>>,
    /// The failure of the last execution, or of a source action that failed before an execution
    /// started.
    pub failure: Reading<Option<Failure>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Failure {
    /// ID of the execution; empty if the source action failed before an execution started.
    pub execution: String,
    /// Stage; empty if unknown.
    pub stage: String,
    /// Action; empty if unknown.
    pub action: String,
    /// AWS error code; empty if unknown.
    pub code: String,
    pub message: String,
    /// The trigger of the execution, such as `CreatePipeline`.
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
    /// ARN of the resource that it starts.
    pub arn: String,
    /// The role that EventBridge assumes.
    pub role: Option<String>,
    /// The input that EventBridge passes to it.
    pub input: Input,
}

/// The input that EventBridge passes to a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Input {
    #[default]
    Event,
    /// Constant text, or the path of a part of the event.
    Other(String),
    /// Text built from parts of the event.
    Transformed {
        /// Paths in the event, by their names in the template.
        paths: BTreeMap<String, String>,
        /// The text, with names in angle brackets.
        template: String,
    },
}
