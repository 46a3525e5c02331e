//! The execution role of a target account and its policies.

use std::collections::BTreeMap;

use super::super::lifecycle::{self, Contents};
use super::super::policy::{Statement, document};
use super::super::roles::managed_policy;
use super::super::{GENERATED, tags};
use super::{ACCOUNT, Group, output, pattern, unique, warning};
use crate::aws::{arn, handlers};
use crate::plan::{Plan, TargetPlan};
use crate::template::{Resource, Template, Value, list, map};

pub(super) fn execution(plan: &Plan, group: &Group<'_>) -> Template {
    Template {
        header: format!(
            "{GENERATED}\n\nEvery target account, in one region: IAM is global. Deployed after the \
             administration role in account {}.{}",
            group.account,
            warning(group.own)
        ),
        description: format!(
            "Execution role of the stack sets of pipeline {}",
            plan.dev.pipeline
        ),
        parameters: Vec::new(),
        mappings: Vec::new(),
        conditions: Vec::new(),
        resources: vec![
            execution_role(plan, group),
            stack_policy(plan, group),
            bucket_policy(plan, group),
            role_policy(plan, group),
        ]
        .into_iter()
        .flatten()
        .collect(),
        outputs: vec![output("ExecutionRoleArn", "ExecutionRole")],
    }
}

fn execution_role(plan: &Plan, group: &Group<'_>) -> Option<Resource> {
    let trust = Statement::allow(
        "AdministrationRoleAssumesTheRole",
        "Only the administration role.",
    )
    .aws(list([&group.own.administration_role_arn]))
    .actions(["sts:AssumeRole"]);
    let properties = map([("RoleName", group.own.execution_role.as_str())])
        .with(
            "Description",
            format!("Deploys the stack sets of pipeline {}", plan.dev.pipeline),
        )
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some("Tags", tags(plan));
    let comment = "The role that StackSets uses to deploy in this account. It trusts only the \
                   administration role. If that role is deleted and recreated, this trust stops \
                   working, because IAM stores the unique ID of the role instead of its name.";
    Some(
        Resource::new("ExecutionRole", "AWS::IAM::Role", comment, properties).suppress(
            "CFN_NO_EXPLICIT_RESOURCE_NAMES",
            "The stack sets and the administration role refer to it by name.",
        ),
    )
}

/// Builds a managed policy of the execution role.
fn execution_policy(
    group: &Group<'_>,
    id: &str,
    suffix: &str,
    comment: &str,
    statements: &[Statement],
) -> Resource {
    managed_policy(
        id,
        format!("{}-{suffix}", group.own.execution_role),
        comment,
        comment.trim_end_matches('.'),
        Value::reference("ExecutionRole"),
        document(statements),
    )
}

fn stack_policy(plan: &Plan, group: &Group<'_>) -> Option<Resource> {
    let partition = plan.partition.as_str();
    let stacks = group.targets.iter().map(|target| {
        let resource = format_args!("stack/StackSet-{}-*", target.stack_set.name);
        arn::regional(partition, "cloudformation", "*", ACCOUNT, resource)
    });
    let statements = [
        Statement::allow(
            "ManageStacks",
            "Manages the stacks of these stack sets. The actions are read actions and the actions \
             in a similar AWS managed policy (AWSQuickSetupDeploymentRolePolicy).",
        )
        .actions([
            "cloudformation:CancelUpdateStack",
            "cloudformation:ContinueUpdateRollback",
            "cloudformation:CreateChangeSet",
            "cloudformation:CreateStack",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStackResource",
            "cloudformation:DescribeStackResourceDrifts",
            "cloudformation:DescribeStackResources",
            "cloudformation:DetectStackDrift",
            "cloudformation:DetectStackResourceDrift",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetStackPolicy",
            "cloudformation:GetTemplate",
            "cloudformation:GetTemplateSummary",
            "cloudformation:ListStackResources",
            "cloudformation:SetStackPolicy",
            "cloudformation:TagResource",
            "cloudformation:UntagResource",
            "cloudformation:UpdateStack",
            "cloudformation:UpdateTerminationProtection",
        ])
        .on(unique(stacks)),
        Statement::allow(
            "FindStacks",
            "Read actions only. They do not require a stack name.",
        )
        .actions([
            "cloudformation:DescribeStackDriftDetectionStatus",
            "cloudformation:DescribeStacks",
            "cloudformation:ListStacks",
        ])
        .on("*"),
    ];
    Some(
        execution_policy(
            group,
            "StackPolicy",
            "stacks",
            "StackSets manages the stacks of these stack sets.",
            &statements,
        )
        .suppress(
            "IAM_NO_STAR_RESOURCES",
            "The three actions only read stacks and do not require a stack name.",
        ),
    )
}

fn bucket_policy(plan: &Plan, group: &Group<'_>) -> Option<Resource> {
    let (mut buckets, mut expiring) = (Vec::new(), Vec::new());
    for target in group.targets.iter().filter(|target| target.create_bucket) {
        let output = std::iter::once((&target.names.bucket, Contents::Files));
        let logs = target.names.log_bucket.iter();
        for (bucket, contents) in output.chain(logs.map(|bucket| (bucket, Contents::Logs))) {
            let arn = pattern(target, &plan.bucket_arn(bucket));
            if lifecycle::configuration(&plan.lifecycle, contents).is_some() {
                expiring.push(arn.clone());
            }
            buckets.push(arn);
        }
    }
    if buckets.is_empty() {
        return None;
    }
    // The delete permission is for the rollback of a failed creation. An existing bucket is
    // retained, and a bucket with objects cannot be deleted.
    let mut statements = vec![
        Statement::allow(
            "ManageBuckets",
            "Manages the buckets in the template and their settings, but not their objects.",
        )
        .actions(all([
            &handlers::BUCKET,
            &handlers::BUCKET_POLICY,
            &["s3:GetBucketLocation"],
        ]))
        .on(unique(buckets)),
    ];
    if !expiring.is_empty() {
        statements.push(
            Statement::allow(
                "ManageLifecycleRules",
                "Sets and removes the lifecycle rules of the buckets in the template.",
            )
            .actions(handlers::BUCKET_LIFECYCLE)
            .on(unique(expiring)),
        );
    }
    Some(execution_policy(
        group,
        "BucketPolicy",
        "buckets",
        "CloudFormation creates the buckets in the template.",
        &statements,
    ))
}

fn role_policy(plan: &Plan, group: &Group<'_>) -> Option<Resource> {
    let partition = plan.partition.as_str();
    let of = |target: &&TargetPlan| {
        let role = &target.names.role;
        pattern(target, &arn::role(partition, ACCOUNT, role))
    };
    let policies = || {
        unique(group.targets.iter().flat_map(|target| {
            [&target.names.output_policy, &target.names.artifact_policy].map(|name| {
                pattern(
                    target,
                    &arn::iam(partition, ACCOUNT, format_args!("policy/{name}")),
                )
            })
        }))
    };
    let mut statements = vec![
        Statement::allow("ManageDeployRole", "Manages the deploy role.")
            .actions(handlers::ROLE)
            .on(unique(group.targets.iter().map(of))),
        Statement::allow(
            "AttachPolicies",
            "Attaches only these policies to the deploy role, and no AWS managed policies.",
        )
        .actions(handlers::ATTACHMENT)
        .on(unique(group.targets.iter().map(of)))
        .when(map([("ArnLike", map([("iam:PolicyARN", policies())]))])),
        Statement::allow("ManagePolicies", "Manages the policies.")
            .actions(all([
                &handlers::MANAGED_POLICY,
                &["iam:ListPolicyTags", "iam:TagPolicy", "iam:UntagPolicy"],
            ]))
            .on(policies()),
    ];
    statements.extend(role_creation(group, of));
    Some(execution_policy(
        group,
        "RolePolicy",
        "roles",
        "CloudFormation creates the deploy role and its policies.",
        &statements,
    ))
}

/// Builds the statements for the creation of roles. If a role has a permissions boundary, the
/// statements allow creating it only with that boundary, and do not allow removing the boundary.
fn role_creation(group: &Group<'_>, arn: impl Fn(&&TargetPlan) -> String) -> Vec<Statement> {
    let mut by_boundary: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for target in &group.targets {
        let boundary = target.names.permissions_boundary.as_deref();
        let boundary = boundary.map(|boundary| pattern(target, boundary));
        by_boundary.entry(boundary).or_default().push(arn(target));
    }
    by_boundary
        .into_iter()
        .enumerate()
        .map(|(index, (boundary, roles))| {
            let number = if index == 0 {
                String::new()
            } else {
                (index + 1).to_string()
            };
            let sid = format!("CreateDeployRole{number}");
            match boundary {
                None => Statement::allow(&sid, "").actions([handlers::CREATE_ROLE]),
                Some(boundary) => Statement::allow(&sid, "Requires the permissions boundary.")
                    .actions([handlers::CREATE_ROLE, "iam:PutRolePermissionsBoundary"])
                    .when(map([(
                        "StringEquals",
                        map([("iam:PermissionsBoundary", Value::text(boundary))]),
                    )])),
            }
            .on(unique(roles))
        })
        .collect()
}

/// Returns the sorted actions of several lists.
fn all<const N: usize>(lists: [&[&'static str]; N]) -> Vec<&'static str> {
    let mut all = lists.concat();
    all.sort_unstable();
    all
}
