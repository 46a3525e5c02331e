//! The IAM actions that `s3ferry doctor` requires (*Service Authorization Reference*). All of them
//! are read-only.

use crate::aws::arn;
use crate::doctor::PERMISSIONS;
use crate::plan::Plan;
use crate::stacks::Side;

use super::super::StackStep;
use super::Statement;
use super::names::{self, Place};

/// Actions that do not support resource-level permissions.
const OF_NOTHING: [&str; 1] = ["kms:ListAliases"];

/// Actions on stack sets.
const OF_STACK_SETS: [&str; 1] = ["cloudformation:DescribeStackSet"];

/// Actions on managed policies, including unexpected policies of a role.
const OF_POLICIES: [&str; 2] = ["iam:GetPolicy", "iam:GetPolicyVersion"];

pub(super) fn statements(plan: &Plan, stacks: &[&StackStep]) -> Vec<Statement> {
    let partition = plan.partition.as_str();
    let (mut of_stacks, mut of_stack_sets) = (Vec::new(), Vec::new());
    let (mut buckets, mut roles) = (Vec::new(), Vec::new());
    let (mut policies, mut keys, mut pipelines, mut rules) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for step in stacks {
        let template = names::template(step);
        let place = Place::new(partition, step, &template);
        if step.stack_set {
            let set = format!("stackset/{}:*", step.stack);
            of_stack_sets.push(place.regional("cloudformation", &set));
        } else {
            let stack = format!("stack/{}/*", step.stack);
            of_stacks.push(place.regional("cloudformation", &stack));
        }
        buckets.extend(place.all("AWS::S3::Bucket", "Arn"));
        roles.extend(place.all("AWS::IAM::Role", "Arn"));
        for owner in [step.account.as_str(), "aws"] {
            policies.push(arn::iam(partition, owner, "policy/*"));
        }
        // AWS assigns key IDs, and output buckets may use other keys.
        keys.push(place.regional("kms", "key/*"));
        let names = place.all("AWS::CodePipeline::Pipeline", "");
        pipelines.extend(names.map(|name| place.regional("codepipeline", &name)));
        rules.extend(place.all("AWS::Events::Rule", "Arn"));
        match step.side {
            Side::Dev => {
                let source = plan.dev.source.object().map(|source| &source.bucket);
                let existing = source.into_iter().chain([&plan.dev.artifact_bucket]);
                buckets.extend(existing.map(|bucket| plan.bucket_arn(&bucket.name)));
                roles.push(plan.dev.service_role.arn.clone());
                let build = plan.dev.build.iter();
                roles.extend(build.map(|build| build.role.arn.clone()));
            }
            Side::Target(number) => {
                let here = plan.targets[number].instances.iter().filter(|instance| {
                    instance.account == step.account && instance.region == step.region
                });
                buckets.extend(here.map(|instance| plan.bucket_arn(&instance.bucket.name)));
            }
            Side::Region(_) | Side::Pipeline(_) => {}
        }
    }
    let of = |service: &'static str| {
        PERMISSIONS.into_iter().filter(move |action| {
            action.starts_with(service)
                && !OF_NOTHING.contains(action)
                && !OF_POLICIES.contains(action)
                && !OF_STACK_SETS.contains(action)
        })
    };
    let mut found = vec![
        Statement::new("ReadStacks", of("cloudformation:"), &of_stacks),
        Statement::new("ReadStackSets", OF_STACK_SETS, &of_stack_sets),
        Statement::new("ReadBuckets", of("s3:"), &buckets),
        Statement::new("ReadRoles", of("iam:"), &roles),
        Statement::new("ReadPolicies", OF_POLICIES, &policies),
        Statement::new("ReadKeys", of("kms:"), &keys),
        Statement::new("ReadAliases", OF_NOTHING, &["*".to_owned()]),
        Statement::new("ReadPipelines", of("codepipeline:"), &pipelines),
        Statement::new("ReadRules", of("events:"), &rules),
    ];
    found.retain(|statement| !statement.resources.is_empty());
    found
}
