//! The calls of the commands on stack sets, as IAM authorizes them (*Service Authorization
//! Reference*), for the administrator account.

use crate::plan::{Plan, StackSetPermissions};
use crate::stacks::Side;

use super::super::StackStep;
use super::Statement;

/// Calls on a stack set.
const OF_STACK_SETS: [&str; 11] = [
    "cloudformation:CreateStackInstances",
    "cloudformation:DeleteStackInstances",
    "cloudformation:DeleteStackSet",
    "cloudformation:DescribeStackSet",
    "cloudformation:DescribeStackSetOperation",
    "cloudformation:ListStackInstances",
    "cloudformation:ListStackSetOperationResults",
    "cloudformation:ListStackSetOperations",
    "cloudformation:TagResource",
    "cloudformation:UpdateStackInstances",
    "cloudformation:UpdateStackSet",
];

pub(super) fn statements(
    plan: &Plan,
    sets: &[&StackStep],
    template_bucket: Option<&str>,
) -> Vec<Statement> {
    let partition = plan.partition.as_str();
    // An operation is on the stack set, on what it is aimed at, and on the types of its template.
    let arns: Vec<String> = sets
        .iter()
        .flat_map(|step| {
            let place = format!(
                "arn:{partition}:cloudformation:{}:{}",
                step.region, step.account
            );
            [
                format!("{place}:stackset/{}:*", step.stack),
                format!("{place}:stackset-target/{}:*", step.stack),
                format!(
                    "arn:{partition}:cloudformation:{}::type/resource/*",
                    step.region
                ),
            ]
        })
        .collect();
    let any = ["*".to_owned()];
    let mut found = vec![
        Statement::new("StackSets", OF_STACK_SETS, &arns),
        // What has no ARN before it is there.
        Statement::new(
            "NewStackSets",
            [
                "cloudformation:CreateStackSet",
                "cloudformation:ValidateTemplate",
            ],
            &any,
        ),
    ];
    let (mut roles, mut service_managed) = (Vec::new(), false);
    for step in sets {
        let Side::Target(number) = step.side else {
            continue;
        };
        match plan
            .targets
            .get(number)
            .map(|one| &one.stack_set.permissions)
        {
            Some(StackSetPermissions::SelfManaged(own)) => {
                roles.push(own.administration_role_arn.clone());
            }
            Some(StackSetPermissions::ServiceManaged(_)) => service_managed = true,
            None => {}
        }
    }
    if !roles.is_empty() {
        // As AWS documents it, without a condition on the service.
        found.push(Statement::new(
            "PassAdministrationRoles",
            ["iam:GetRole", "iam:PassRole"],
            &roles,
        ));
    }
    if service_managed {
        found.push(Statement::new(
            "TrustedAccess",
            [
                "cloudformation:DescribeOrganizationsAccess",
                "organizations:ListDelegatedAdministrators",
            ],
            &any,
        ));
    }
    if let Some(bucket) = template_bucket {
        let bucket = plan.bucket_arn(bucket);
        let objects: Vec<String> = sets
            .iter()
            .map(|step| format!("{bucket}/s3ferry/{}.template", step.stack))
            .collect();
        found.push(Statement::new(
            "LongStackSetTemplates",
            ["s3:GetObject", "s3:PutObject"],
            &objects,
        ));
    }
    found
}
