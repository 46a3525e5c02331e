//! One change of a change set, and what makes it dangerous.

use aws_sdk_cloudformation::types::ResourceChange;

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
