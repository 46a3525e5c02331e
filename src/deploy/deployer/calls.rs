//! The IAM actions for the calls that the commands make directly (*Service Authorization
//! Reference*). `sts:GetCallerIdentity` requires no permission.

use std::fmt::Display;

use serde_json::json;

use crate::aws::arn;
use crate::plan::{Plan, StackSetPermissions};
use crate::stacks::Side;

use super::super::StackStep;
use super::Statement;

/// Actions on a stack.
const OF_STACKS: [&str; 18] = [
    "cloudformation:CancelUpdateStack",
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeEvents",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudformation:DescribeStacks",
    "cloudformation:DetectStackDrift",
    // Drift detection on a stack also detects the drift of each resource.
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetStackPolicy",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
    "cloudformation:SetStackPolicy",
    "cloudformation:UpdateTerminationProtection",
];

/// Actions that do not support resource-level permissions.
const OF_NO_STACK: [&str; 3] = [
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudformation:ListStacks",
    "cloudformation:ValidateTemplate",
];

/// Actions that CloudFormation performs with the caller's permissions for the warning checks of
/// change set validation (AWS CloudFormation, *Validate stack deployments*). They do not support
/// resource-level permissions. Without them, CloudFormation skips the checks.
const OF_VALIDATION: [&str; 3] = [
    "cloudwatch:GetMetricData",
    "iam:GetAccountSummary",
    "servicequotas:GetServiceQuota",
];

/// Actions on a stack set. Actions on stack instances also apply to the instances' accounts and
/// resource types.
const OF_STACK_SETS: [&str; 12] = [
    "cloudformation:CreateStackInstances",
    "cloudformation:DeleteStackInstances",
    "cloudformation:DeleteStackSet",
    "cloudformation:DescribeStackSet",
    "cloudformation:DescribeStackSetOperation",
    "cloudformation:ListStackInstances",
    "cloudformation:ListStackSetOperationResults",
    "cloudformation:ListStackSetOperations",
    "cloudformation:StopStackSetOperation",
    "cloudformation:TagResource",
    "cloudformation:UpdateStackInstances",
    "cloudformation:UpdateStackSet",
];

/// Actions for following an execution.
const OF_AN_EXECUTION: [&str; 4] = [
    "codepipeline:GetPipelineExecution",
    "codepipeline:GetPipelineState",
    "codepipeline:ListActionExecutions",
    "codepipeline:ListPipelineExecutions",
];

/// Returns the minimum permissions for a push.
pub(super) fn of_a_push(plan: &Plan) -> Vec<Statement> {
    let mut of_a_pipeline = OF_AN_EXECUTION.to_vec();
    of_a_pipeline.push("codepipeline:StartPipelineExecution");
    if !plan.dev.create_pipeline {
        // The source action of an existing pipeline may have any name.
        of_a_pipeline.push("codepipeline:GetPipeline");
    }
    let mut found = Vec::new();
    if let Some(source) = plan.dev.source.object() {
        found.extend([
            // Without `s3:ListBucket`, S3 denies access instead of reporting a missing object.
            Statement::new(
                "SourceBucket",
                [
                    "s3:GetBucketVersioning",
                    "s3:ListBucket",
                    "s3:ListBucketMultipartUploads",
                ],
                &[plan.bucket_arn(&source.bucket.name)],
            ),
            Statement::new(
                "SourceObject",
                [
                    "s3:AbortMultipartUpload",
                    "s3:GetObject",
                    "s3:GetObjectVersion",
                    "s3:PutObject",
                ],
                &[plan.source_object_arn(source)],
            ),
        ]);
    }
    found.push(Statement::new(
        "Pipeline",
        of_a_pipeline,
        &[plan.pipeline_arn(&plan.dev.pipeline)],
    ));
    if let Some(source) = plan.dev.source.object()
        && let Some(key) = &source.encryption_key
    {
        // S3 encrypts with the uploader's permissions. A multipart upload also needs kms:Decrypt.
        let actions = ["kms:Decrypt", "kms:GenerateDataKey"];
        let contexts = plan.source_encryption_contexts(source);
        let condition = json!({ "StringLike": { "kms:EncryptionContext:aws:s3:arn": contexts } });
        let statement = Statement::new("SourceKey", actions, std::slice::from_ref(key));
        found.push(statement.when(condition));
    }
    if let Some(build) = &plan.dev.build {
        // `push` names the command that shows the log of a failed build.
        let dev = &plan.dev;
        let name = build.log_group();
        let group = arn::log_group(plan.partition, &dev.region, &dev.account, name);
        let group = [group.clone(), format!("{group}:*")];
        found.push(Statement::new("BuildLog", ["logs:FilterLogEvents"], &group));
    }
    let further: Vec<String> = (plan.pipelines.iter().skip(1))
        .map(|pipeline| plan.pipeline_arn(&pipeline.name))
        .collect();
    if !further.is_empty() {
        found.push(Statement::new(
            "AdditionalPipelines",
            OF_AN_EXECUTION,
            &further,
        ));
    }
    found
}

pub(super) fn statements(
    plan: &Plan,
    stacks: &[&StackStep],
    template_bucket: Option<&str>,
) -> Vec<Statement> {
    let arns: Vec<String> = (stacks.iter().filter(|step| !step.stack_set))
        .map(|step| of_step(plan, step, format_args!("stack/{}/*", step.stack)))
        .collect();
    let mut actions = OF_STACKS.to_vec();
    if !plan.tags.is_empty() {
        actions.extend(["cloudformation:TagResource", "cloudformation:UntagResource"]);
    }
    let anything = ["*".to_owned()];
    let mut found = Vec::new();
    if !arns.is_empty() {
        found.push(Statement::new("Stacks", actions, &arns));
        found.push(Statement::new("ValidationChecks", OF_VALIDATION, &anything));
    }
    found.push(Statement::new("Templates", OF_NO_STACK, &anything));
    found.extend(of_stack_sets(plan, stacks));
    if stacks.iter().any(|step| step.side == Side::Dev) {
        found.extend(of_executions(plan));
        if plan.dev.existing_policy.is_some() {
            let bucket = plan.bucket_arn(&plan.dev.artifact_bucket.name);
            found.push(Statement::new(
                "ExistingBucketPolicy",
                ["s3:GetBucketPolicy", "s3:PutBucketPolicy"],
                &[bucket],
            ));
        }
    }
    if let Some(bucket) = template_bucket {
        let bucket = plan.bucket_arn(bucket);
        let objects: Vec<String> = stacks
            .iter()
            .map(|step| format!("{bucket}/s3ferry/{}.template", step.stack))
            .collect();
        // CloudFormation reads the template with the caller's permissions.
        let actions = ["s3:GetObject", "s3:PutObject"];
        found.push(Statement::new("LongTemplates", actions, &objects));
    }
    found
}

/// Returns the permission to check whether buckets with dynamic names already exist, because an
/// earlier stack created them. The permissions for bucket resources already include it.
pub(super) fn of_existing_buckets(plan: &Plan, stacks: &[&StackStep]) -> Option<Statement> {
    let buckets: Vec<String> = (stacks.iter())
        .filter(|step| !step.stack_set)
        .flat_map(|step| {
            let buckets = step.template.buckets.iter();
            let dynamic = buckets.filter(|bucket| bucket.has_dynamic_name());
            dynamic.map(|bucket| plan.bucket_arn(&bucket.name_in(&step.account, &step.region)))
        })
        .collect();
    let list = || Statement::new("ExistingBuckets", ["s3:ListBucket"], &buckets);
    (!buckets.is_empty()).then(list)
}

/// Returns the permissions to determine the source version that each pipeline has deployed, and the
/// result of the first execution.
fn of_executions(plan: &Plan) -> Vec<Statement> {
    let pipelines = plan.pipelines.iter();
    let pipelines: Vec<String> = pipelines
        .map(|pipeline| plan.pipeline_arn(&pipeline.name))
        .collect();
    let mut found = vec![Statement::new(
        "PipelineExecutions",
        OF_AN_EXECUTION,
        &pipelines,
    )];
    if let Some(source) = plan.dev.source.object() {
        found.extend([
            Statement::new(
                "SourceBucket",
                // Without this action, S3 returns the same error for missing and forbidden objects.
                ["s3:ListBucket"],
                &[plan.bucket_arn(&source.bucket.name)],
            ),
            Statement::new(
                "SourceObject",
                ["s3:GetObject"],
                &[plan.source_object_arn(source)],
            ),
        ]);
    }
    found
}

fn of_stack_sets(plan: &Plan, stacks: &[&StackStep]) -> Vec<Statement> {
    let sets = stacks.iter().filter(|step| step.stack_set);
    let (mut arns, mut roles, mut organization) = (Vec::new(), Vec::new(), false);
    for step in sets {
        let (region, name) = (&step.region, &step.stack);
        arns.push(of_step(plan, step, format_args!("stackset/{name}:*")));
        // An operation targets stacks in any account and resources of any type.
        arns.push(of_step(
            plan,
            step,
            format_args!("stackset-target/{name}:*"),
        ));
        let types = "type/resource/*";
        arns.push(arn::regional(
            plan.partition,
            "cloudformation",
            region,
            "",
            types,
        ));
        let Side::Target(number) = step.side else {
            continue;
        };
        match plan
            .targets
            .get(number)
            .map(|target| &target.stack_set.permissions)
        {
            Some(StackSetPermissions::SelfManaged(own)) => {
                roles.push(own.administration_role_arn.clone());
            }
            Some(StackSetPermissions::ServiceManaged(_)) => organization = true,
            None => {}
        }
    }
    let mut found = Vec::new();
    if !arns.is_empty() {
        found.push(Statement::new("StackSets", OF_STACK_SETS, &arns));
        // A stack set has no ARN before it is created.
        let create = ["cloudformation:CreateStackSet"];
        found.push(Statement::new("NewStackSets", create, &["*".to_owned()]));
    }
    if !roles.is_empty() {
        // AWS documents this permission for StackSets without a condition on the service.
        let pass = ["iam:GetRole", "iam:PassRole"];
        found.push(Statement::new("PassAdministrationRole", pass, &roles));
    }
    if organization {
        let actions = [
            "cloudformation:DescribeOrganizationsAccess",
            // StackSets performs this action for a delegated administrator.
            "organizations:ListDelegatedAdministrators",
        ];
        found.push(Statement::new("Organization", actions, &["*".to_owned()]));
    }
    found
}

/// Returns the ARN of a CloudFormation resource in the account and region of a stack.
fn of_step(plan: &Plan, step: &StackStep, resource: impl Display) -> String {
    let (region, account) = (&step.region, &step.account);
    arn::regional(plan.partition, "cloudformation", region, account, resource)
}
