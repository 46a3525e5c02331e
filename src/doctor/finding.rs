//! A finding of the doctor, and what it could not read.

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
        /// The rules, in the order of causes: an earlier one can cause a later one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rule {
            $($(#[$doc])* $rule),*
        }

        impl Rule {
            /// The code that the output shows.
            pub(crate) fn code(self) -> &'static str {
                match self {
                    $(Self::$rule => $code),*
                }
            }
        }
    };
}

rules! {
    /// Every stack is deployed, and ended well.
    Stack = "DOCTOR_STACK",
    /// The deployed stacks fit together.
    Disagree = "DOCTOR_STACKS_DISAGREE",
    /// Every role exists.
    RoleMissing = "DOCTOR_ROLE_MISSING",
    /// Every key exists.
    KeyMissing = "DOCTOR_KEY_MISSING",
    /// Every key is enabled, and can serve two accounts.
    KeyState = "DOCTOR_KEY_STATE",
    /// Every bucket exists.
    BucketMissing = "DOCTOR_BUCKET_MISSING",
    /// No policy names a deleted role or user.
    DeadPrincipal = "DOCTOR_DEAD_PRINCIPAL",
    /// Key policies say what the templates say.
    KeyPolicy = "DOCTOR_KEY_POLICY",
    /// Bucket policies say what the templates say.
    BucketPolicy = "DOCTOR_BUCKET_POLICY",
    /// Trust policies say what the templates say.
    TrustPolicy = "DOCTOR_TRUST_POLICY",
    /// Roles have the policies of the templates.
    RolePolicy = "DOCTOR_ROLE_POLICY",
    /// Roles have the permissions boundary of the templates.
    Boundary = "DOCTOR_BOUNDARY",
    /// Every pipeline exists.
    PipelineMissing = "DOCTOR_PIPELINE_MISSING",
    /// Artifact stores use the customer managed key, by its ARN.
    Store = "DOCTOR_ARTIFACT_STORE",
    /// Deploy actions have the role, region and bucket of the templates.
    Action = "DOCTOR_DEPLOY_ACTION",
    /// The deployed templates name the keys that existing buckets encrypt with.
    BucketKey = "DOCTOR_BUCKET_KEY",
    /// The source bucket is versioned.
    Versioning = "DOCTOR_VERSIONING",
    /// A change of the source starts the pipeline.
    ChangeEvents = "DOCTOR_CHANGE_EVENTS",
    /// The source object exists.
    SourceObject = "DOCTOR_SOURCE_OBJECT",
    /// The deploy roles may copy the tags of the source object.
    ObjectTags = "DOCTOR_OBJECT_TAGS",
    /// The target's account owns the deployed objects.
    Ownership = "DOCTOR_OWNERSHIP",
    /// Every call of a run is allowed.
    Denied = "DOCTOR_CALL_DENIED",
    /// Nobody else is allowed anything.
    Exposed = "DOCTOR_ATTACK_ALLOWED",
    /// No stage of the pipeline is switched off.
    Transition = "DOCTOR_TRANSITION",
    /// The last execution succeeded.
    Execution = "DOCTOR_EXECUTION",
    /// Everything else is as in the templates.
    Drift = "DOCTOR_DRIFT",
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub rule: Rule,
    /// An error stops the pipeline or opens something; a warning is a difference.
    pub severity: Severity,
    pub account: String,
    /// What it is about: `role prods3role`.
    pub resource: String,
    /// What is wrong: one sentence.
    pub message: String,
    /// What to do, in order.
    pub fixes: Vec<Fix>,
    /// What follows from it, a sentence each.
    pub consequences: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fix {
    /// A sentence.
    Advice(String),
    /// A command of another program to run, quoted for a shell.
    Command(String),
    /// A command of this program to run: its words after `s3ferry`.
    Run(Vec<String>),
    Add {
        /// The policy that lacks it.
        to: String,
        statement: Json,
    },
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Unread {
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account: String,
    /// What could not be read, such as `the policy of bucket x`.
    pub what: String,
    #[serde(flatten)]
    pub refusal: Refusal,
}

/// A trust policy that names a dead principal, and what it should say.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Repair {
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account: String,
    /// Name of the role, without path.
    pub role: String,
    /// The live policy.
    #[serde(skip)]
    pub live: Json,
    /// The template's.
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
    /// What no action of AWS's would tell.
    pub(super) fn because(account: &str, what: String, reason: impl Into<String>) -> Self {
        Self {
            account: account.to_owned(),
            what,
            refusal: Refusal::because(reason),
        }
    }
}

impl Fix {
    /// Whether it changes something without a look at a deployment's change set.
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

/// A thing as people call it: `key 1234…`, `bucket x`, `role y`.
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
