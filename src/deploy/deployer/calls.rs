//! The calls that the commands make themselves, as IAM authorizes them (*Service Authorization
//! Reference*). `sts:GetCallerIdentity` needs no permission.

use crate::plan::Plan;
use crate::stacks::Side;

use super::super::StackStep;
use super::Statement;

/// Calls on a stack.
const OF_STACKS: [&str; 16] = [
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeEvents",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudformation:DescribeStacks",
    "cloudformation:DetectStackDrift",
    // The drift of a stack is the drift of its resources.
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetStackPolicy",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
    "cloudformation:SetStackPolicy",
    "cloudformation:UpdateTerminationProtection",
];

/// Calls that IAM knows no resource for.
const OF_NO_STACK: [&str; 2] = [
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudformation:ValidateTemplate",
];

pub(super) fn statements(
    plan: &Plan,
    stacks: &[&StackStep],
    template_bucket: Option<&str>,
) -> Vec<Statement> {
    let partition = plan.partition.as_str();
    let arns: Vec<String> = stacks
        .iter()
        .map(|step| {
            format!(
                "arn:{partition}:cloudformation:{}:{}:stack/{}/*",
                step.region, step.account, step.stack
            )
        })
        .collect();
    let mut actions = OF_STACKS.to_vec();
    if !plan.tags.is_empty() {
        actions.extend(["cloudformation:TagResource", "cloudformation:UntagResource"]);
    }
    let mut found = vec![
        Statement::new("Stacks", actions, &arns),
        Statement::new("Templates", OF_NO_STACK, &["*".to_owned()]),
    ];
    if stacks.iter().any(|step| step.side == Side::Dev) {
        found.push(Statement::new(
            "PipelineExecutions",
            ["codepipeline:ListPipelineExecutions"],
            &[plan.pipeline_arn(&plan.dev.pipeline)],
        ));
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
        // CloudFormation reads the template as whoever names it.
        let actions = ["s3:GetObject", "s3:PutObject"];
        found.push(Statement::new("LongTemplates", actions, &objects));
    }
    found
}
