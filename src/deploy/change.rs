//! One change of a change set, and what makes it dangerous.

use aws_sdk_cloudformation::types::{OperationEvent, ResourceChange};

/// Types whose loss cuts targets off from artifacts, or loses objects.
const GUARDED_TYPES: [&str; 4] = [
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::S3::Bucket",
    "AWS::IAM::Role",
];

/// What would happen to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`.
    pub action: String,
    /// Logical ID.
    pub logical_id: String,
    /// Physical ID of a resource that exists.
    pub physical_id: String,
    /// Resource type.
    pub resource_type: String,
    /// `True`, `False` or `Conditional`; empty when it cannot be.
    pub replacement: String,
    /// What becomes of the old resource, such as `Retain`; may be empty.
    pub policy_action: String,
    /// What triggers it, such as `Properties.KeyPolicy`.
    pub causes: Vec<String>,
}

impl Change {
    /// Whether it would replace or delete a key, a bucket or a role.
    pub fn is_dangerous(&self) -> bool {
        GUARDED_TYPES.contains(&self.resource_type.as_str())
            && (self.action == "Remove" || self.replacement == "True")
    }

    /// What it does, in a word or two.
    pub fn what(&self) -> &'static str {
        match (self.action.as_str(), self.replacement.as_str()) {
            ("Add", _) => "create",
            ("Modify", "True") => "REPLACE",
            ("Modify", "Conditional") => "change, may replace",
            ("Modify", _) => "change",
            ("Remove", _) if self.policy_action == "Retain" => "remove, retained",
            ("Remove", _) => "DELETE",
            ("Import", _) => "import",
            _ => "known when executed",
        }
    }
}

impl From<ResourceChange> for Change {
    fn from(change: ResourceChange) -> Self {
        let mut causes: Vec<String> = Vec::new();
        for detail in change.details.unwrap_or_default() {
            let Some(target) = detail.target else {
                continue;
            };
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
            let scope = change.scope.unwrap_or_default();
            causes = scope
                .iter()
                .map(|scope| scope.as_str().to_owned())
                .collect();
        }
        let text = |value: Option<String>| value.unwrap_or_default();
        Self {
            action: text(change.action.map(|action| action.as_str().to_owned())),
            logical_id: text(change.logical_resource_id),
            physical_id: text(change.physical_resource_id),
            resource_type: text(change.resource_type),
            replacement: text(change.replacement.map(|found| found.as_str().to_owned())),
            policy_action: text(change.policy_action.map(|found| found.as_str().to_owned())),
            causes,
        }
    }
}

/// A finding of CloudFormation's validation of a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// Logical ID of the resource.
    pub logical_id: String,
    /// Its type; may be empty.
    pub resource_type: String,
    /// `FAIL` or `WARN`.
    pub mode: String,
    /// Which validation.
    pub name: String,
    /// Place in the resource; may be empty.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

impl Validation {
    /// The finding of an event, when it is one.
    pub fn of(event: OperationEvent) -> Option<Self> {
        let failed = event.validation_status?.as_str() == "FAILED";
        failed.then(|| Self {
            logical_id: event.logical_resource_id.unwrap_or_default(),
            resource_type: event.resource_type.unwrap_or_default(),
            mode: event
                .validation_failure_mode
                .map(|mode| mode.as_str().to_owned())
                .unwrap_or_default(),
            name: event.validation_name.unwrap_or_default(),
            path: event.validation_path.unwrap_or_default(),
            reason: event.validation_status_reason.unwrap_or_default(),
        })
    }
}
