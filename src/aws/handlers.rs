//! The actions that CloudFormation needs to create, read, update, and delete the resources in the
//! generated templates. They come from the handler permissions in the public schemas of the
//! resource types. Follows the section `handlers` of *Resource type schema* in the AWS
//! documentation. Permissions for properties that no template uses, such as replication, websites,
//! and inline policies, are omitted.

/// Actions for `AWS::S3::Bucket`.
pub(crate) const BUCKET: [&str; 33] = [
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:GetAccelerateConfiguration",
    "s3:GetAnalyticsConfiguration",
    "s3:GetBucketAbac",
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLogging",
    "s3:GetBucketMetadataTableConfiguration",
    "s3:GetBucketNotification",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketWebsite",
    "s3:GetEncryptionConfiguration",
    "s3:GetIntelligentTieringConfiguration",
    "s3:GetInventoryConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetMetricsConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:ListTagsForResource",
    "s3:PutBucketLogging",
    "s3:PutBucketNotification",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:TagResource",
    "s3:UntagResource",
];

/// Additional action for an `AWS::S3::Bucket` with lifecycle rules. It is also the permission to remove
/// the rules. Follows *DeleteBucketLifecycle* in the AWS documentation.
pub(crate) const BUCKET_LIFECYCLE: [&str; 1] = ["s3:PutLifecycleConfiguration"];

/// Actions for `AWS::S3::BucketPolicy`.
pub(crate) const BUCKET_POLICY: [&str; 3] = [
    "s3:DeleteBucketPolicy",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
];

/// Actions for `AWS::KMS::Key`.
pub(crate) const KEY: [&str; 13] = [
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    // The rollback of a failed creation deletes the key.
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
];

/// Actions for `AWS::KMS::Alias`.
pub(crate) const ALIAS: [&str; 3] = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"];

/// Actions for `AWS::IAM::Role`, without [`CREATE_ROLE`].
pub(crate) const ROLE: [&str; 11] = [
    "iam:DeleteRole",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:ListRoleTags",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
];

/// The action that creates a role. This action is separate because its statement can have a
/// condition that requires a permissions boundary.
pub(crate) const CREATE_ROLE: &str = "iam:CreateRole";

/// The actions that attach managed policies to a role and detach them.
pub(crate) const ATTACHMENT: [&str; 2] = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"];

/// Actions for `AWS::IAM::ManagedPolicy`.
pub(crate) const MANAGED_POLICY: [&str; 8] = [
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:ListEntitiesForPolicy",
    "iam:ListPolicyVersions",
];

/// Actions for `AWS::Events::Rule`.
pub(crate) const RULE: [&str; 9] = [
    "events:DeleteRule",
    "events:DescribeRule",
    "events:ListTagsForResource",
    "events:ListTargetsByRule",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:TagResource",
    "events:UntagResource",
];

/// Actions for `AWS::CodeBuild::Project`.
pub(crate) const PROJECT: [&str; 4] = [
    "codebuild:BatchGetProjects",
    "codebuild:CreateProject",
    "codebuild:DeleteProject",
    "codebuild:UpdateProject",
];

/// Actions for `AWS::StepFunctions::StateMachine`.
pub(crate) const STATE_MACHINE: [&str; 7] = [
    "states:CreateStateMachine",
    "states:DeleteStateMachine",
    "states:DescribeStateMachine",
    "states:ListTagsForResource",
    "states:TagResource",
    "states:UntagResource",
    "states:UpdateStateMachine",
];

/// Actions for the connections of `AWS::CodePipeline::Pipeline`. The schema of the resource lists
/// only the action with the old service prefix. AWS managed policies grant both.
pub(crate) const CONNECTION: [&str; 2] = [
    "codeconnections:PassConnection",
    "codestar-connections:PassConnection",
];

/// Actions for `AWS::CodePipeline::Pipeline`.
pub(crate) const PIPELINE: [&str; 8] = [
    "codepipeline:CreatePipeline",
    "codepipeline:DeletePipeline",
    "codepipeline:GetPipeline",
    "codepipeline:GetPipelineState",
    "codepipeline:ListTagsForResource",
    "codepipeline:TagResource",
    "codepipeline:UntagResource",
    "codepipeline:UpdatePipeline",
];
