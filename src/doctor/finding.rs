//! A finding of the doctor, and what it could not read.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::live::Refusal;
use crate::diagnostic::Severity;

/// The rules, in the order of causes: an earlier one can cause a later one.
pub(crate) const RULES: [(&str, &str); 26] = [
    (STACK, "every stack is deployed, and ended well"),
    (DISAGREE, "the deployed stacks fit together"),
    (ROLE_MISSING, "every role exists"),
    (KEY_MISSING, "every key exists"),
    (
        KEY_STATE,
        "every key is enabled, and can serve two accounts",
    ),
    (BUCKET_MISSING, "every bucket exists"),
    (DEAD_PRINCIPAL, "no policy names a deleted role or user"),
    (KEY_POLICY, "key policies say what the templates say"),
    (BUCKET_POLICY, "bucket policies say what the templates say"),
    (TRUST_POLICY, "trust policies say what the templates say"),
    (ROLE_POLICY, "roles have the policies of the templates"),
    (
        BOUNDARY,
        "roles have the permissions boundary of the templates",
    ),
    (PIPELINE_MISSING, "every pipeline exists"),
    (
        STORE,
        "artifact stores use the customer managed key, by its ARN",
    ),
    (
        ACTION,
        "deploy actions have the role, region and bucket of the templates",
    ),
    (
        BUCKET_KEY,
        "the deployed templates name the keys that existing buckets encrypt with",
    ),
    (VERSIONING, "the source bucket is versioned"),
    (CHANGE_EVENTS, "a change of the source starts the pipeline"),
    (SOURCE_OBJECT, "the source object exists"),
    (
        OBJECT_TAGS,
        "the deploy roles may copy the tags of the source object",
    ),
    (OWNERSHIP, "the target's account owns the deployed objects"),
    (DENIED, "every call of a run is allowed"),
    (EXPOSED, "nobody else is allowed anything"),
    (TRANSITION, "no stage of the pipeline is switched off"),
    (EXECUTION, "the last execution succeeded"),
    (DRIFT, "everything else is as in the templates"),
];

pub(super) const STACK: &str = "DOCTOR_STACK";
pub(super) const DISAGREE: &str = "DOCTOR_STACKS_DISAGREE";
pub(super) const ROLE_MISSING: &str = "DOCTOR_ROLE_MISSING";
pub(super) const KEY_MISSING: &str = "DOCTOR_KEY_MISSING";
pub(super) const KEY_STATE: &str = "DOCTOR_KEY_STATE";
pub(super) const BUCKET_MISSING: &str = "DOCTOR_BUCKET_MISSING";
pub(super) const DEAD_PRINCIPAL: &str = "DOCTOR_DEAD_PRINCIPAL";
pub(super) const KEY_POLICY: &str = "DOCTOR_KEY_POLICY";
pub(super) const BUCKET_POLICY: &str = "DOCTOR_BUCKET_POLICY";
pub(super) const TRUST_POLICY: &str = "DOCTOR_TRUST_POLICY";
pub(super) const ROLE_POLICY: &str = "DOCTOR_ROLE_POLICY";
pub(super) const BOUNDARY: &str = "DOCTOR_BOUNDARY";
pub(super) const PIPELINE_MISSING: &str = "DOCTOR_PIPELINE_MISSING";
pub(super) const STORE: &str = "DOCTOR_ARTIFACT_STORE";
pub(super) const ACTION: &str = "DOCTOR_DEPLOY_ACTION";
pub(super) const BUCKET_KEY: &str = "DOCTOR_BUCKET_KEY";
pub(super) const VERSIONING: &str = "DOCTOR_VERSIONING";
pub(super) const CHANGE_EVENTS: &str = "DOCTOR_CHANGE_EVENTS";
pub(super) const SOURCE_OBJECT: &str = "DOCTOR_SOURCE_OBJECT";
pub(super) const OBJECT_TAGS: &str = "DOCTOR_OBJECT_TAGS";
pub(super) const OWNERSHIP: &str = "DOCTOR_OWNERSHIP";
pub(super) const DENIED: &str = "DOCTOR_CALL_DENIED";
pub(super) const EXPOSED: &str = "DOCTOR_ATTACK_ALLOWED";
pub(super) const TRANSITION: &str = "DOCTOR_TRANSITION";
pub(super) const EXECUTION: &str = "DOCTOR_EXECUTION";
pub(super) const DRIFT: &str = "DOCTOR_DRIFT";

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// The rule: one of [`RULES`].
    pub rule: &'static str,
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

/// A way to fix something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fix {
    /// A sentence.
    Advice(String),
    /// A command of another program to run, quoted for a shell.
    Command(String),
    /// A command of this program to run: its words after `s3ferry`.
    Run(Vec<String>),
    /// A statement to add.
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

impl Finding {
    /// Its rule's place in the order of causes.
    pub(super) fn rank(&self) -> usize {
        let rules = &mut RULES.iter();
        rules
            .position(|(rule, _)| *rule == self.rule)
            .unwrap_or(RULES.len())
    }
}
