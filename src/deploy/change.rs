//! One change in a change set, and whether it is dangerous.

use aws_sdk_cloudformation::types::{ResourceChange, ResourceTargetDefinition};
use schemars::JsonSchema;
use serde::Serialize;

use super::property_change::{PropertyChange, between};
use crate::stacks::GUARDED_TYPES;

/// The planned change to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// CloudFormation action: `Add`, `Modify`, `Remove`, `Import`, or `Dynamic`.
    pub action: String,
    /// Logical ID.
    #[serde(rename = "resource")]
    pub logical_id: String,
    /// Physical ID. Empty for a new resource.
    pub physical_id: String,
    /// Resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Whether the change replaces the resource: `True`, `False`, or `Conditional`. Empty unless
    /// the action is `Modify`.
    pub replacement: String,
    /// Policy action for the old resource, such as `Retain`. May be empty.
    pub policy_action: String,
    /// Causes of the change, such as `Properties.KeyPolicy`.
    pub causes: Vec<String>,
    /// Properties that change, with the values that CloudFormation returns.
    #[serde(rename = "propertyChanges")]
    pub properties: Vec<PropertyChange>,
}

impl Change {
    /// Returns whether the change would replace or delete a key, a bucket, or a role.
    pub(crate) fn is_dangerous(&self) -> bool {
        GUARDED_TYPES.contains(&self.resource_type.as_str())
            && (self.action == "Remove" || self.replaces())
    }

    /// Returns whether the change replaces the resource.
    fn replaces(&self) -> bool {
        self.replacement == "True"
    }

    /// Returns a short description of the change.
    pub(crate) fn what(&self) -> &'static str {
        match (self.action.as_str(), self.replacement.as_str()) {
            ("Add", _) => "create",
            ("Modify", "True") => "REPLACE",
            ("Modify", "Conditional") => "change, may replace",
            ("Modify", _) => "change",
            ("Remove", _) if self.policy_action == "Retain" => "remove, retained",
            ("Remove", _) => "DELETE",
            ("Import", _) => "import",
            _ => "known at execution",
        }
    }
}

impl From<ResourceChange> for Change {
    fn from(change: ResourceChange) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut properties: Vec<PropertyChange> = Vec::new();
        for detail in change.details.unwrap_or_default() {
            let Some(target) = detail.target else {
                continue;
            };
            for found in values(&target) {
                // A property that changes for two reasons has two details.
                if !properties.iter().any(|known| known.path == found.path) {
                    properties.push(found);
                }
            }
            let attribute = target
                .attribute
                .map(|attribute| attribute.as_str().to_owned())
                .unwrap_or_default();
            let name = match target.name {
                Some(name) => format!("{attribute}.{name}"),
                None => attribute,
            };
            let cause = match detail.causing_entity {
                Some(entity) => format!("{name} (by {entity})"),
                None => name,
            };
            if !cause.is_empty() && !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        if causes.is_empty() {
            let scope = change.scope.iter().flatten();
            causes = scope.map(|scope| scope.as_str().to_owned()).collect();
        }
        if properties.is_empty()
            && let (Some(before), Some(after)) = (&change.before_context, &change.after_context)
        {
            properties = between("", Some(before), Some(after));
        }
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Self {
            properties,
            action: text(change.action.as_ref().map(|one| one.as_str())),
            logical_id: change.logical_resource_id.unwrap_or_default(),
            physical_id: change.physical_resource_id.unwrap_or_default(),
            resource_type: change.resource_type.unwrap_or_default(),
            replacement: text(change.replacement.as_ref().map(|one| one.as_str())),
            policy_action: text(change.policy_action.as_ref().map(|one| one.as_str())),
            causes,
        }
    }
}

/// Returns the values in a detail, if CloudFormation returns any.
fn values(target: &ResourceTargetDefinition) -> Vec<PropertyChange> {
    let (before, after) = (target.before_value(), target.after_value());
    if before.is_none() && after.is_none() {
        return Vec::new();
    }
    let attribute = target
        .attribute()
        .map_or("", |attribute| attribute.as_str());
    let path = match (target.path(), target.name()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => format!("/{attribute}/{name}"),
        (None, None) => format!("/{attribute}"),
    };
    between(&path, before, after)
}
