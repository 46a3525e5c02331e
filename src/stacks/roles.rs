//! The dev account's roles and the managed policies on them. Managed policies of their own
//! break the circle between a role, the key policy that names it, and the key that it may use.

use crate::cfn::{Resource, Value, list, map};
use crate::config::Permissions;
use crate::plan::Plan;

use super::policy::{Statement, document, single_statement_document};
use super::tags;

/// Logical IDs of the policies that the pipeline needs before it can be created.
pub(super) const SERVICE_ROLE_POLICIES: [&str; 3] =
    ["SourcePolicy", "ArtifactPolicy", "AssumeDeployRolesPolicy"];

/// The service role's ARN: of the role in the stack, so that what names it waits for it, or of
/// the existing one.
pub(super) fn service_role_arn(plan: &Plan) -> Value {
    if plan.dev.service_role.create {
        Value::attribute("ServiceRole", "Arn")
    } else {
        Value::from(plan.dev.service_role.arn.as_str())
    }
}

fn service_role_name(plan: &Plan) -> Value {
    if plan.dev.service_role.create {
        Value::reference("ServiceRole")
    } else {
        Value::from(plan.dev.service_role.name.as_str())
    }
}

/// The service role, if it is made, and its policies.
pub(super) fn service_role(plan: &Plan) -> Vec<Resource> {
    let mut resources = Vec::new();
    let role = &plan.dev.service_role;
    if role.create {
        // CodePipeline documents no source condition for this trust, and one on a key that it
        // does not send would stop every run.
        let trust = Statement::allow("CodePipelineAssumesTheRole", "")
            .service("codepipeline.amazonaws.com")
            .actions(["sts:AssumeRole"]);
        let properties = map([
            ("RoleName", role.name.as_str()),
            ("Path", role.path.as_str()),
        ])
        .with(
            "Description",
            format!("Service role of pipeline {}", plan.dev.pipeline),
        )
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some(
            "PermissionsBoundary",
            plan.dev.permissions_boundary.as_ref(),
        )
        .with_some("Tags", tags(plan));
        let comment = "The pipeline's service role. What it may do stands in the policies below. \
                       CodePipeline documents no source condition for its trust, so there is none.";
        let role = Resource::new("ServiceRole", "AWS::IAM::Role", comment, properties).suppress(
            "CFN_NO_EXPLICIT_RESOURCE_NAMES",
            "The targets' trust policies name it.",
        );
        resources.push(role);
    }
    resources.push(source_policy(plan));
    resources.push(artifact_policy(plan));
    resources.push(assume_policy(plan));
    resources
}

/// A managed policy on one role.
pub(super) fn managed_policy(
    id: &str,
    name: &str,
    comment: &str,
    description: &str,
    role: Value,
    document: Value,
) -> Resource {
    let properties = map([("ManagedPolicyName", name), ("Description", description)])
        .with("Roles", list([role]))
        .with("PolicyDocument", document);
    Resource::new(id, "AWS::IAM::ManagedPolicy", comment, properties)
}

const BUCKET_READS: [&str; 3] = [
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
];

fn source_policy(plan: &Plan) -> Resource {
    let statements = [
        Statement::allow(
            "ReadSourceBucket",
            "The source action looks at the bucket's settings.",
        )
        .actions(BUCKET_READS)
        .on(plan.bucket_arn(&plan.dev.source_bucket.name)),
        Statement::allow(
            "ReadSourceObject",
            "It reads this one object, in any version.",
        )
        .actions([
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
        ])
        .on(plan.source_object_arn()),
    ];
    managed_policy(
        "SourcePolicy",
        &plan.dev.source_policy,
        "Source stage: the service role reads the source.",
        "Reads the pipeline's source",
        service_role_name(plan),
        document(&statements),
    )
}

fn artifact_policy(plan: &Plan) -> Resource {
    let statements = [
        Statement::allow(
            "ReadArtifactBucket",
            "CodePipeline looks at the store's settings.",
        )
        .actions(BUCKET_READS)
        .on(plan.bucket_arn(&plan.dev.artifact_bucket.name)),
        Statement::allow(
            "StoreArtifacts",
            "It stores artifacts and reads them back, in this pipeline's folder only. \
             CodePipeline cuts the folder's name to 20 characters.",
        )
        .actions([
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:PutObject",
            "s3:PutObjectAcl",
        ])
        .on(plan.artifact_objects_arn()),
        Statement::allow("EncryptArtifacts", "It encrypts them with this key.")
            .actions(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])
            .on(Value::attribute("DeployKey", "Arn")),
    ];
    managed_policy(
        "ArtifactPolicy",
        &plan.dev.artifact_policy,
        "The service role stores the artifacts, encrypted.",
        "Stores the pipeline's artifacts",
        service_role_name(plan),
        document(&statements),
    )
}

fn assume_policy(plan: &Plan) -> Resource {
    let roles = list(plan.targets.iter().map(|target| &target.role.arn));
    let comment = "It assumes exactly these roles. Each of them trusts exactly the service role.";
    let statement = Statement::allow("AssumeDeployRoles", comment)
        .actions(["sts:AssumeRole"])
        .on(roles);
    let document = match plan.permissions {
        Permissions::Least => document(&[statement]),
        Permissions::Article => single_statement_document(&statement.without_sid()),
    };
    managed_policy(
        "AssumeDeployRolesPolicy",
        &plan.dev.assume_policy,
        "Deploy stage: the service role becomes the target's deploy role.",
        "Assumes the deploy roles of the pipeline's targets",
        service_role_name(plan),
        document,
    )
}
