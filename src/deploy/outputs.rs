//! The outputs file. It contains the outputs of deployed stacks, so that a user without access to
//! the previous accounts can deploy to the next one. It contains no secrets and can be committed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stacks::SERVICE_ROLE_ARN;

/// Version of the file format.
const VERSION: u32 = 1;

/// The outputs of all stacks that were deployed from one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "The outputs file", transform = open)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Version of the file. The version changes when a member is removed or its meaning changes.
    #[schemars(extend("const" = VERSION))]
    version: u32,
    /// One entry for each stack, sorted by account, region, and name.
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
    /// SHA-256 digest, in hexadecimal, of the configured template that the stack was last deployed
    /// for. For the dev stack, the digest means that the pipeline has switched to this template. A
    /// target may still grant more than the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub template: Option<String>,
    /// ID of the dev account's key that the stack was last deployed with. Absent for the dev stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Allows additional members in the published schema, because a later version may add some.
fn open(schema: &mut schemars::Schema) {
    schema.remove("additionalProperties");
}

/// The reason why text cannot be used as an outputs file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// The text contains a Git merge conflict.
    #[error("it has a merge conflict at line {line}")]
    Conflict {
        /// Line of the first conflict marker.
        line: usize,
    },
    /// A newer version of s3ferry wrote the file.
    #[error(
        "it was written by a newer version of s3ferry (file version {version}; this version of \
         s3ferry reads file version {VERSION})"
    )]
    Newer {
        /// Version of the file.
        version: u64,
    },
    /// The text is not a valid outputs file.
    #[error("{0}")]
    Invalid(String),
}

impl Unusable {
    /// Returns the suggested fix.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "resolve the conflict",
            Self::Newer { .. } => "update s3ferry",
            Self::Invalid(_) => {
                "restore or delete the file: the next `s3ferry deploy` recreates it"
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
    /// Parses the text of the file.
    pub(crate) fn from_json(text: &str) -> Result<Self, Unusable> {
        let marker = text.lines().position(|line| line.starts_with("<<<<<<< "));
        if let Some(line) = marker {
            return Err(Unusable::Conflict { line: line + 1 });
        }
        let invalid = |error: serde_json::Error| Unusable::Invalid(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(invalid)?;
        // A newer file may have a different format, so its version is read first.
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => {
                return Err(Unusable::Newer { version });
            }
            Some(version) if version < u64::from(VERSION) => {
                let problem = format!("file version {version} does not exist");
                return Err(Unusable::Invalid(problem));
            }
            _ => {}
        }
        serde_json::from_str(text).map_err(invalid)
    }

    /// Returns the text of the file.
    pub fn to_json(&self) -> String {
        // Strings and maps of strings can always be serialized.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let mut text = crate::escape::json(&text).into_owned();
        text.push('\n');
        text
    }

    /// Returns all entries.
    pub(crate) fn stacks(&self) -> &[StackOutputs] {
        &self.stacks
    }

    /// Returns the stack name prefixes of all recorded pipelines, based on their dev stacks.
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

    /// Returns the outputs of a stack.
    pub(crate) fn of(
        &self,
        account: &str,
        region: &str,
        stack: &str,
    ) -> Option<&BTreeMap<String, String>> {
        Some(&self.entry(account, region, stack)?.outputs)
    }

    /// Returns the digest of the template that a stack was last deployed for.
    pub(crate) fn template_of(&self, account: &str, region: &str, stack: &str) -> Option<&str> {
        self.entry(account, region, stack)?.template.as_deref()
    }

    /// Returns the key that a stack was last deployed with.
    pub(crate) fn key_of(&self, account: &str, region: &str, stack: &str) -> Option<&str> {
        self.entry(account, region, stack)?.key.as_deref()
    }

    /// Records the outputs of a stack. Returns whether anything changed.
    pub fn put(&mut self, entry: StackOutputs) -> bool {
        if self.stacks.contains(&entry) {
            return false;
        }
        self.remove(&entry.account, &entry.region, &entry.stack);
        self.stacks.push(entry);
        self.stacks.sort();
        true
    }

    /// Removes the entry of a stack. Returns whether it existed.
    pub(crate) fn remove(&mut self, account: &str, region: &str, stack: &str) -> bool {
        let before = self.stacks.len();
        self.stacks.retain(|entry| {
            entry.account != account || entry.region != region || entry.stack != stack
        });
        self.stacks.len() != before
    }
}
