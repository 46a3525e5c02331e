//! The findings of `s3ferry doctor`, and the parts of the live state that it could not read.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::live::Refusal;
use crate::diagnostic::Severity;
use crate::policy::document::Arn;
use crate::run::ARTIFACT;

/// Declares the rules with their codes.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $code:literal,)*) => {
        /// The rules, in causal order: a violation of an earlier rule can cause a violation of a
        /// later rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rule {
            $($(#[$doc])* $rule),*
        }

        impl Rule {
            /// Returns the code in the output.
            pub(crate) fn code(self) -> &'static str {
                match self {
                    $(Self::$rule => $code),*
                }
            }
        }
    };
}

rules! {
    /// Every stack is deployed, and its last operation succeeded.
    Stack = "DOCTOR_STACK",
    /// The deployed stacks match each other.
    Disagree = "DOCTOR_STACKS_DISAGREE",
    /// Every role exists.
    RoleMissing = "DOCTOR_ROLE_MISSING",
    /// Every key exists.
    KeyMissing = "DOCTOR_KEY_MISSING",
    /// Every key is enabled and can encrypt and decrypt.
    KeyState = "DOCTOR_KEY_STATE",
    /// Every bucket exists.
    BucketMissing = "DOCTOR_BUCKET_MISSING",
    /// No policy names a deleted role or user.
    DeadPrincipal = "DOCTOR_DEAD_PRINCIPAL",
    /// Key policies match the templates.
    KeyPolicy = "DOCTOR_KEY_POLICY",
    /// Bucket policies match the templates.
    BucketPolicy = "DOCTOR_BUCKET_POLICY",
    /// Trust policies match the templates.
    TrustPolicy = "DOCTOR_TRUST_POLICY",
    /// Roles have the policies that the templates specify.
    RolePolicy = "DOCTOR_ROLE_POLICY",
    /// Roles have the permissions boundary that the templates specify.
    Boundary = "DOCTOR_BOUNDARY",
    /// Every pipeline exists.
    PipelineMissing = "DOCTOR_PIPELINE_MISSING",
    /// Artifact stores use the customer managed key, by its ARN.
    Store = "DOCTOR_ARTIFACT_STORE",
    /// Deploy actions have the role, region, and bucket that the templates specify.
    Action = "DOCTOR_DEPLOY_ACTION",
    /// The deployed templates name the keys that encrypt existing buckets.
    BucketKey = "DOCTOR_BUCKET_KEY",
    /// The source bucket is versioned.
    Versioning = "DOCTOR_VERSIONING",
    /// A change to the source starts the pipeline.
    ChangeEvents = "DOCTOR_CHANGE_EVENTS",
    /// The source object exists.
    SourceObject = "DOCTOR_SOURCE_OBJECT",
    /// The deploy roles are allowed to copy the tags of the source object.
    ObjectTags = "DOCTOR_OBJECT_TAGS",
    /// The target's account owns the deployed objects.
    Ownership = "DOCTOR_OWNERSHIP",
    /// Every call of an execution is allowed.
    Denied = "DOCTOR_CALL_DENIED",
    /// No other principal has access.
    Exposed = "DOCTOR_ATTACK_ALLOWED",
    /// No stage transition of the pipeline is disabled.
    Transition = "DOCTOR_TRANSITION",
    /// The last execution succeeded.
    Execution = "DOCTOR_EXECUTION",
    /// Everything else matches the templates.
    Drift = "DOCTOR_DRIFT",
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub rule: Rule,
    /// An error stops the pipeline or allows unintended access; a warning is a difference.
    pub severity: Severity,
    pub account: String,
    /// The affected resource, such as `role prods3role`.
    pub resource: String,
    /// The problem, in one sentence.
    pub message: String,
    /// The steps of the fix, in order.
    pub fixes: Vec<Fix>,
    /// The consequences, one sentence each.
    pub consequences: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fix {
    /// A sentence.
    Advice(String),
    /// A command for another program, quoted for a shell.
    Command(String),
    /// An s3ferry command: the words after `s3ferry`.
    Run(Vec<String>),
    Add {
        /// The policy that lacks the statement.
        to: String,
        statement: Json,
    },
}

/// A part of the live state that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Unread {
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account: String,
    /// Description of the part, such as `policy of bucket x`.
    pub what: String,
    #[serde(flatten)]
    pub refusal: Refusal,
}

/// A trust policy that names a deleted principal, and its replacement.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Repair {
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account: String,
    /// Name of the role, without its path.
    pub role: String,
    /// The live policy.
    #[serde(skip)]
    pub live: Json,
    /// The policy of the template.
    #[serde(skip)]
    pub wanted: Json,
}

impl Finding {
    pub(super) fn new(rule: Rule, severity: Severity, account: &str, resource: String) -> Self {
        Self {
            rule,
            severity,
            account: account.to_owned(),
            resource,
            message: String::new(),
            fixes: Vec::new(),
            consequences: Vec::new(),
        }
    }
}

impl Unread {
    /// Creates an entry without an AWS action.
    pub(super) fn because(account: &str, what: String, reason: impl Into<String>) -> Self {
        Self {
            account: account.to_owned(),
            what,
            refusal: Refusal::because(reason),
        }
    }
}

impl Fix {
    /// Returns whether the fix changes resources without a review of a change set.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Command(_) | Self::Add { .. } => true,
            Self::Run(words) => words
                .first()
                .is_some_and(|word| ["adopt", "doctor"].contains(&word.as_str())),
            Self::Advice(_) => false,
        }
    }
}

/// Returns the displayed name of a resource, such as `key 1234…`, `bucket x`, or `role y`.
pub(super) fn shown(arn: &str) -> String {
    let Some(parsed) = Arn::parse(arn) else {
        let name = arn.strip_suffix("/policy").unwrap_or(arn);
        return format!("bucket {name}");
    };
    let last = parsed.resource.rsplit('/').next().unwrap_or_default();
    match (parsed.service, parsed.resource.split('/').next()) {
        ("s3", _) if parsed.resource.ends_with(ARTIFACT) => {
            format!("artifacts {}*", parsed.resource.trim_end_matches(ARTIFACT))
        }
        ("kms", Some("alias")) => format!("key {}", parsed.resource),
        ("kms", _) => format!("key {last}"),
        ("iam", Some("role")) => format!("role {last}"),
        ("s3", Some(bucket)) if bucket == parsed.resource => format!("bucket {bucket}"),
        ("s3", _) => format!("objects {}", parsed.resource),
        ("codepipeline", _) => format!("pipeline {}", parsed.resource),
        _ => arn.to_owned(),
    }
}
