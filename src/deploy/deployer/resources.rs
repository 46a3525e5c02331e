//! What CloudFormation's resource types need for the resources of our templates, by the handlers'
//! permissions in the types' public schemas (AWS CloudFormation CLI, *Resource type schema*,
//! `handlers`). Left out is what only properties need that no template of ours has, such as
//! replication, websites and inline policies.

use serde_json::json;

use super::super::StackStep;
use super::names::{self, Place};
use super::{Statement, pass_role};
use crate::diagnostic::Node;
use crate::plan::Plan;
use crate::template::function;

const BUCKET: [&str; 33] = [
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

const BUCKET_POLICY: [&str; 3] = [
    "s3:DeleteBucketPolicy",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
];

const KEY: [&str; 13] = [
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    // A first creation that is rolled back takes its key along.
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
];

const ALIAS: [&str; 3] = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"];

const ROLE: [&str; 12] = [
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
    "iam:CreateRole",
];

const MANAGED_POLICY: [&str; 8] = [
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:ListEntitiesForPolicy",
    "iam:ListPolicyVersions",
];

const RULE: [&str; 9] = [
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

const PIPELINE: [&str; 8] = [
    "codepipeline:CreatePipeline",
    "codepipeline:DeletePipeline",
    "codepipeline:GetPipeline",
    "codepipeline:GetPipelineState",
    "codepipeline:ListTagsForResource",
    "codepipeline:TagResource",
    "codepipeline:UntagResource",
    "codepipeline:UpdatePipeline",
];

/// ARNs of everything that the templates hold.
#[derive(Default)]
struct Arns {
    buckets: Vec<String>,
    bucket_policies: Vec<String>,
    /// All keys of the account and region: a key's ID is AWS's to choose.
    keys: Vec<String>,
    primary_keys: Vec<String>,
    multi_region: bool,
    aliases: Vec<String>,
    roles: Vec<String>,
    boundaries: Vec<String>,
    policies: Vec<String>,
    /// Roles that the policies are attached to.
    attached: Vec<String>,
    rules: Vec<String>,
    pipelines: Vec<String>,
    passed_to_pipelines: Vec<String>,
    passed_to_events: Vec<String>,
}

pub(super) fn statements(plan: &Plan, stacks: &[&StackStep]) -> Vec<Statement> {
    let mut arns = Arns::default();
    // The instances of a stack set are made by its execution role, in their own accounts.
    for step in stacks.iter().filter(|step| !step.stack_set) {
        let template = names::template(step);
        arns.add(plan, &Place::new(plan.partition.as_str(), step, &template));
    }
    let mut found = Vec::new();
    let mut add = |statement: Statement| {
        if !statement.resources.is_empty() {
            found.push(statement);
        }
    };
    add(Statement::new("Buckets", BUCKET, &arns.buckets));
    add(Statement::new(
        "BucketPolicies",
        BUCKET_POLICY,
        &arns.bucket_policies,
    ));
    if !arns.keys.is_empty() {
        let anything = ["*".to_owned()];
        add(Statement::new("NewKeys", ["kms:CreateKey"], &anything));
        if !arns.aliases.is_empty() {
            add(Statement::new(
                "FindAliases",
                ["kms:ListAliases"],
                &anything,
            ));
        }
    }
    add(Statement::new("Keys", KEY, &arns.keys));
    add(Statement::new(
        "ReplicaKeys",
        ["kms:ReplicateKey"],
        &arns.primary_keys,
    ));
    // An alias and its key must both be allowed.
    let aliased: Vec<String> = arns.aliases.iter().chain(&arns.keys).cloned().collect();
    if !arns.aliases.is_empty() {
        add(Statement::new("Aliases", ALIAS, &aliased));
    }
    if arns.multi_region {
        let account = stacks.first().map(|step| step.account.as_str());
        let role = format!(
            "arn:{}:iam::{}:role/aws-service-role/mrk.kms.amazonaws.com/\
             AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
            plan.partition.as_str(),
            account.unwrap_or_default()
        );
        add(
            Statement::new("MultiRegionKeys", ["iam:CreateServiceLinkedRole"], &[role])
                .when(json!({ "StringEquals": { "iam:AWSServiceName": "mrk.kms.amazonaws.com" } })),
        );
    }
    for statement in arns.role_statements() {
        add(statement);
    }
    add(Statement::new("Policies", MANAGED_POLICY, &arns.policies));
    let attach = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"];
    add(Statement::new("AttachPolicies", attach, &arns.attached)
        .when(json!({ "ArnEquals": { "iam:PolicyARN": sorted(&arns.policies) } })));
    add(Statement::new("Rules", RULE, &arns.rules));
    add(Statement::new("Pipelines", PIPELINE, &arns.pipelines));
    let outside: Vec<String> = (arns.passed_to_pipelines.iter())
        .filter(|role| !arns.roles.contains(role))
        .cloned()
        .collect();
    add(Statement::new("ReadServiceRole", ["iam:GetRole"], &outside));
    add(pass_role(
        "PassServiceRoleOfPipelines",
        &arns.passed_to_pipelines,
        "codepipeline.amazonaws.com",
    ));
    add(pass_role(
        "PassRoleOfRules",
        &arns.passed_to_events,
        "events.amazonaws.com",
    ));
    found
}

fn sorted(all: &[String]) -> Vec<String> {
    let mut all = all.to_vec();
    all.sort();
    all.dedup();
    all
}

impl Arns {
    fn add(&mut self, plan: &Plan, place: &Place<'_>) {
        self.buckets.extend(place.all("AWS::S3::Bucket", "Arn"));
        for policy in place.of_type("AWS::S3::BucketPolicy") {
            let bucket = place.property(policy, "Bucket");
            self.bucket_policies.push(place.bucket(&bucket));
        }
        self.add_keys(place);
        self.roles.extend(place.all("AWS::IAM::Role", "Arn"));
        for role in place.of_type("AWS::IAM::Role") {
            if role
                .value
                .at(["Properties", "PermissionsBoundary"])
                .is_some()
            {
                let boundary = place.property(role, "PermissionsBoundary");
                self.boundaries.push(boundary);
            }
        }
        let policies = "AWS::IAM::ManagedPolicy";
        self.policies.extend(place.all(policies, "PolicyArn"));
        for policy in place.of_type(policies) {
            let roles = policy.value.at(["Properties", "Roles"]);
            let roles = roles.and_then(Node::items).unwrap_or_default().iter();
            self.attached
                .extend(roles.map(|role| attached(plan, place, role)));
        }
        self.rules.extend(place.all("AWS::Events::Rule", "Arn"));
        for rule in place.of_type("AWS::Events::Rule") {
            let targets = rule.value.at(["Properties", "Targets"]);
            let targets = targets.and_then(Node::items).unwrap_or_default().iter();
            let roles = targets.filter_map(|target| target.get("RoleArn"));
            self.passed_to_events
                .extend(roles.map(|role| place.text(role)));
        }
        for pipeline in place.of_type("AWS::CodePipeline::Pipeline") {
            let name = place.attribute(&pipeline.key, "");
            self.pipelines.push(place.regional("codepipeline", &name));
            let role = place.property(pipeline, "RoleArn");
            self.passed_to_pipelines.push(role);
        }
    }

    fn add_keys(&mut self, place: &Place<'_>) {
        let mut replicas = place.of_type("AWS::KMS::ReplicaKey").peekable();
        let mut keys = place.of_type("AWS::KMS::Key").peekable();
        if keys.peek().is_some() || replicas.peek().is_some() {
            self.keys.push(place.regional("kms", "key/*"));
        }
        self.multi_region |= keys.any(|key| place.property(key, "MultiRegion") == "true");
        let primary_keys = replicas.map(|replica| place.property(replica, "PrimaryKeyArn"));
        self.primary_keys.extend(primary_keys);
        let aliases = place.all("AWS::KMS::Alias", "");
        self.aliases
            .extend(aliases.map(|name| place.regional("kms", &name)));
    }

    /// A role may be created only with the boundary that the configuration names, and loses it
    /// never.
    fn role_statements(&self) -> Vec<Statement> {
        if self.boundaries.is_empty() {
            return vec![Statement::new("Roles", ROLE, &self.roles)];
        }
        let but_creation = ROLE.iter().filter(|name| **name != "iam:CreateRole");
        let bounded = ["iam:CreateRole", "iam:PutRolePermissionsBoundary"];
        vec![
            Statement::new("Roles", but_creation.copied(), &self.roles),
            Statement::new("RolesWithBoundary", bounded, &self.roles).when(
                json!({ "StringEquals": { "iam:PermissionsBoundary": sorted(&self.boundaries) } }),
            ),
        ]
    }
}

/// The ARN of a role that a policy is attached to: the template's own, or one that exists.
fn attached(plan: &Plan, place: &Place<'_>, role: &Node) -> String {
    if let Some(("Ref", id)) = function(role) {
        return place.attribute(id.as_str().unwrap_or_default(), "Arn");
    }
    let name = place.text(role);
    let existing = &plan.dev.service_role;
    if existing.name == name {
        return existing.arn.clone();
    }
    place.role(&name)
}
