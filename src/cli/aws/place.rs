//! The location of a stack, for entries in JSON documents.

use crate::aws::{AccountId, Region};
use crate::deploy::StackStep;
use schemars::JsonSchema;
use serde::Serialize;

/// A stack.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// Name of the stack or stack set.
    stack: String,
    account: AccountId,
    region: Region,
    /// AWS profile with access to the account.
    profile: String,
}

/// A stack in the configuration.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StackPlace {
    /// Name of the template: its file name in the output folder, without the extension.
    template: String,
    #[serde(flatten)]
    place: Place,
}

/// A stack set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetPlace {
    /// Name of the template: its file name in the output folder, without the extension.
    template: String,
    /// Name of the stack set.
    stack_set: String,
    account: AccountId,
    region: Region,
    /// AWS profile with access to the account.
    profile: String,
}

impl From<&StackStep> for Place {
    fn from(step: &StackStep) -> Self {
        Self {
            stack: step.stack.clone(),
            account: step.account.clone(),
            region: step.region.clone(),
            profile: step.profile.clone(),
        }
    }
}

impl From<&StackStep> for StackPlace {
    fn from(step: &StackStep) -> Self {
        Self {
            template: step.template.name.clone(),
            place: step.into(),
        }
    }
}

impl From<&StackStep> for SetPlace {
    fn from(step: &StackStep) -> Self {
        Self {
            template: step.template.name.clone(),
            stack_set: step.stack.clone(),
            account: step.account.clone(),
            region: step.region.clone(),
            profile: step.profile.clone(),
        }
    }
}

/// Returns the heading for output about a stack.
pub(crate) fn heading(step: &StackStep) -> String {
    let StackStep {
        stack,
        account,
        region,
        ..
    } = step;
    let name = &step.template.name;
    match step.stack_set {
        true => format!("{name}: stack set {stack} in account {account}, {region}"),
        false => format!("{name}: stack {stack} in account {account}, {region}"),
    }
}
