//! The outputs file: what deployed stacks gave out, so that the next account can be deployed by
//! somebody without access to the ones before. It holds no secret, and can be committed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stacks::SERVICE_ROLE_ARN;

/// The version of the file's shape.
const VERSION: u32 = 1;

/// The outputs of all stacks that were deployed from one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "The outputs file", transform = open)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Version of the file. It changes when a member is removed or changes its meaning.
    #[schemars(extend("const" = VERSION))]
    version: u32,
    /// One entry for each stack, in the order of account, region and name.
    stacks: Vec<StackOutputs>,
}

/// The outputs of one stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = open)]
#[serde(deny_unknown_fields)]
pub struct StackOutputs {
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account: String,
    /// Region.
    pub region: String,
    /// Stack name.
    pub stack: String,
    /// Outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// SHA-256 of the configuration's template that it was last deployed for, in hexadecimal. Of the
    /// dev stack it says that the pipeline has switched to this template; a target may still have
    /// more than the template grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub template: Option<String>,
    /// ID of the dev account's key that the stack was last deployed with; none of the dev stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Makes a published schema open: a later version may have more members.
fn open(schema: &mut schemars::Schema) {
    schema.remove("additionalProperties");
}

/// Why a text cannot be used as outputs file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// Git left a merge conflict in it.
    #[error("it has a merge conflict at line {line}")]
    Conflict {
        /// Line of the first marker.
        line: usize,
    },
    /// A newer version of the program wrote it.
    #[error(
        "it was written by a newer version of s3ferry (version {version} of the file; this \
         version of s3ferry reads version {VERSION})"
    )]
    Newer {
        /// Version of the file.
        version: u64,
    },
    /// It is something else, or cannot be read.
    #[error("{0}")]
    Invalid(String),
}

impl Unusable {
    /// What to do about it.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "resolve the conflict",
            Self::Newer { .. } => "update s3ferry",
            Self::Invalid(_) => {
                "restore the file, or delete it: the next `s3ferry deploy` writes it again"
            }
        }
    }
}

impl Default for Outputs {
    fn default() -> Self {
        Self {
            version: VERSION,
            stacks: Vec::new(),
        }
    }
}

impl Outputs {
    /// Reads the file's text.
    pub(crate) fn from_json(text: &str) -> Result<Self, Unusable> {
        let marker = text.lines().position(|line| line.starts_with("<<<<<<< "));
        if let Some(line) = marker {
            return Err(Unusable::Conflict { line: line + 1 });
        }
        let invalid = |error: serde_json::Error| Unusable::Invalid(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(invalid)?;
        // A newer file may have another shape, so its version is read first.
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => {
                return Err(Unusable::Newer { version });
            }
            Some(version) if version < u64::from(VERSION) => {
                let problem = format!("there is no version {version} of this file");
                return Err(Unusable::Invalid(problem));
            }
            _ => {}
        }
        serde_json::from_str(text).map_err(invalid)
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        // Strings and maps of strings are always JSON.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let mut text = crate::escape::json(&text).into_owned();
        text.push('\n');
        text
    }

    /// All entries.
    pub(crate) fn stacks(&self) -> &[StackOutputs] {
        &self.stacks
    }

    /// What the names of the stacks of recorded pipelines begin with, by those of their dev stacks.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &str> {
        let entries = self.stacks.iter();
        let dev = entries.filter(|entry| entry.outputs.contains_key(SERVICE_ROLE_ARN));
        dev.filter_map(|entry| entry.stack.strip_suffix("dev"))
    }

    fn entry(&self, account: &str, region: &str, stack: &str) -> Option<&StackOutputs> {
        self.stacks.iter().find(|entry| {
            entry.account == account && entry.region == region && entry.stack == stack
        })
    }

    /// The outputs of a stack.
    pub(crate) fn of(
        &self,
        account: &str,
        region: &str,
        stack: &str,
    ) -> Option<&BTreeMap<String, String>> {
        Some(&self.entry(account, region, stack)?.outputs)
    }

    /// The digest of the template that a stack was last deployed for.
    pub(crate) fn template_of(&self, account: &str, region: &str, stack: &str) -> Option<&str> {
        self.entry(account, region, stack)?.template.as_deref()
    }

    /// The key that a stack was last deployed with.
    pub(crate) fn key_of(&self, account: &str, region: &str, stack: &str) -> Option<&str> {
        self.entry(account, region, stack)?.key.as_deref()
    }

    /// Puts the outputs of a stack; tells whether that changed anything.
    pub fn put(&mut self, entry: StackOutputs) -> bool {
        if self.stacks.contains(&entry) {
            return false;
        }
        self.remove(&entry.account, &entry.region, &entry.stack);
        self.stacks.push(entry);
        self.stacks.sort();
        true
    }

    /// Forgets a stack; tells whether it was there.
    pub(crate) fn remove(&mut self, account: &str, region: &str, stack: &str) -> bool {
        let before = self.stacks.len();
        self.stacks.retain(|entry| {
            entry.account != account || entry.region != region || entry.stack != stack
        });
        self.stacks.len() != before
    }
}
