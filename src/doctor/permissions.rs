//! What whoever runs the doctor must be allowed to do.

/// The actions that reading the live state takes, in every account that is looked at. All of them
/// only read.
pub(crate) const PERMISSIONS: [&str; 29] = [
    "cloudformation:DescribeStackSet",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "codepipeline:GetPipeline",
    "codepipeline:GetPipelineState",
    "codepipeline:ListPipelineExecutions",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
    "s3:GetBucketNotification",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "sts:GetCallerIdentity",
];

/// The one action that writes, for `--repair-trust`: on the roles whose trust policy is dead.
pub(crate) const REPAIR_PERMISSION: &str = "iam:UpdateAssumeRolePolicy";
