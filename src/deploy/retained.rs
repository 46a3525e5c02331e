//! Resources that are retained when their stack is deleted, and the commands that remove them.

use aws_sdk_cloudformation::types::ResourceStatus;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Access, DeployError};
use crate::diagnostic::{Source, read};
use crate::shell::Command;

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StackResource {
    /// Logical ID.
    #[serde(rename = "resource")]
    pub logical_id: String,
    /// Physical ID, such as a bucket name or key ID.
    pub physical_id: String,
    /// Resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
}

/// Lists the resources of a stack (*ListStackResources*).
pub(crate) async fn resources(
    access: &Access,
    stack: &str,
) -> Result<Vec<StackResource>, DeployError> {
    let found: Result<Vec<_>, _> = access
        .cloudformation()
        .list_stack_resources()
        .stack_name(stack)
        .into_paginator()
        .items()
        .send()
        .collect()
        .await;
    let found = found.map_err(|error| access.error("cloudformation:ListStackResources", &error))?;
    Ok(found
        .into_iter()
        .filter(|one| one.resource_status != Some(ResourceStatus::DeleteComplete))
        .map(|one| StackResource {
            logical_id: one.logical_resource_id.unwrap_or_default(),
            physical_id: one.physical_resource_id.unwrap_or_default(),
            resource_type: one.resource_type.unwrap_or_default(),
        })
        .filter(|one| !one.physical_id.is_empty())
        .collect())
}

/// Returns the resources that a deployed template retains when its stack is deleted.
pub(crate) fn retained(template: &str, resources: &[StackResource]) -> Vec<StackResource> {
    let Ok(template) = read(&Source::new("deployed template", template)) else {
        return Vec::new();
    };
    let keeps = |id: &str| {
        let policy = template.at(["Resources", id, "DeletionPolicy"]);
        let policy = policy.and_then(|policy| policy.as_str());
        matches!(policy, Some("Retain" | "RetainExceptOnCreate"))
    };
    let kept = resources.iter().filter(|one| keeps(&one.logical_id));
    kept.cloned().collect()
}

/// Returns the command that deletes a retained resource, or `None` for a type that s3ferry does not
/// retain. A bucket must be [emptied](EMPTYING) first.
pub(crate) fn removal(
    resource: &StackResource,
    region: &str,
    profile: &str,
    deletion_window_days: u32,
) -> Option<String> {
    let id = &resource.physical_id;
    let command = match resource.resource_type.as_str() {
        "AWS::S3::Bucket" => Command::aws("s3api delete-bucket").option("--bucket", id),
        "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => Command::aws("kms schedule-key-deletion")
            .option("--key-id", id)
            .option("--pending-window-in-days", deletion_window_days.to_string()),
        _ => return None,
    };
    let command = command
        .option("--region", region)
        .option("--profile", profile);
    Some(command.to_string())
}

/// Command that deletes up to 1,000 object versions of a bucket. `BUCKET` and `PROFILE` are
/// placeholders.
pub(crate) const EMPTYING: &str = "aws s3api delete-objects --bucket BUCKET --profile PROFILE --delete \
    \"$(aws s3api list-object-versions --bucket BUCKET --profile PROFILE --max-items 1000 --query \
    '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}' --output json)\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(logical_id: &str, resource_type: &str) -> StackResource {
        StackResource {
            logical_id: logical_id.to_owned(),
            physical_id: format!("{logical_id}-id"),
            resource_type: resource_type.to_owned(),
        }
    }

    #[test]
    fn the_deployed_template_says_what_is_kept() {
        let template = "Resources:\n  Key:\n    Type: AWS::KMS::Key\n    DeletionPolicy: \
                        RetainExceptOnCreate\n  Alias:\n    Type: AWS::KMS::Alias\n  Old:\n    \
                        Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n";
        let all = [
            resource("Key", "AWS::KMS::Key"),
            resource("Alias", "AWS::KMS::Alias"),
            resource("Old", "AWS::S3::Bucket"),
        ];
        let kept = retained(template, &all);
        assert_eq!(kept, [all[0].clone(), all[2].clone()]);
        assert!(retained("{", &all).is_empty());
    }

    #[test]
    fn each_has_its_command() {
        let of = |kind| removal(&resource("It", kind), "eu-west-1", "dev", 7);
        let key = of("AWS::KMS::Key").unwrap();
        assert!(key.contains("--key-id It-id --pending-window-in-days 7 --region eu-west-1"));
        assert!(
            of("AWS::S3::Bucket")
                .unwrap()
                .contains("delete-bucket --bucket It-id")
        );
        assert_eq!(of("AWS::IAM::Role"), None);
        let mut odd = resource("It", "AWS::S3::Bucket");
        odd.physical_id = "a b; id".to_owned();
        let command = removal(&odd, "eu-west-1", "prod team $(id)", 7).unwrap();
        assert!(command.contains("--bucket 'a b; id' --region"), "{command}");
        assert!(
            command.ends_with("--profile 'prod team $(id)'"),
            "{command}"
        );
    }
}
