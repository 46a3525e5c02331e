//! The roles of a self-managed stack set: the administration role in the administrator account, and
//! the execution role in every target account. Follows *Grant self-managed permissions* in the AWS
//! documentation. AWS's templates give the execution role administrator access. The templates in
//! this module give it only the permissions that the target's template requires.

mod execution;

use std::collections::BTreeSet;

use crate::aws::arn;
use crate::plan::{Plan, SelfManaged, StackSetPermissions, TargetPlan};
use crate::template::{Output, Resource, Template, Value, list, map};

use super::policy::{Statement, document};
use super::roles::managed_policy;
use super::{GENERATED, tags};
use execution::execution;

/// Pseudo parameter for the account that a template is deployed to.
const ACCOUNT: &str = "${AWS::AccountId}";
/// Number of accounts that a managed policy can name within its 6,144 characters.
const ACCOUNTS_PER_POLICY: usize = 60;
/// Regions of the `aws` partition that are enabled by default. According to the AWS documentation,
/// *Enable AWS Regions that are disabled by default*, each other region has a separate service
/// principal.
const ENABLED_BY_DEFAULT: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
];

/// The targets that share a pair of roles.
struct Group<'p> {
    account: &'p str,
    own: &'p SelfManaged,
    targets: Vec<&'p TargetPlan>,
}

/// Builds the templates of the roles, each with its file path without the extension. There are two
/// templates for each pair of roles.
pub(crate) fn stack_set_roles(plan: &Plan) -> Vec<(String, Template)> {
    let groups = groups(plan);
    let only = groups.len() == 1;
    groups
        .iter()
        .flat_map(|group| {
            let name = |what: &str| match group.targets.first() {
                Some(first) if !only => format!("stack-sets/{what}-{}", first.name),
                _ => format!("stack-sets/{what}"),
            };
            [
                (name("administration"), administration(plan, group)),
                (name("execution"), execution(plan, group)),
            ]
        })
        .collect()
}

fn groups(plan: &Plan) -> Vec<Group<'_>> {
    let mut found: Vec<Group<'_>> = Vec::new();
    for target in plan.targets.iter().filter(|target| target.by_stack_set) {
        let StackSetPermissions::SelfManaged(own) = &target.stack_set.permissions else {
            continue;
        };
        let account = target.stack_set.account.as_str();
        let same = found.iter_mut().find(|group| {
            group.account == account
                && group.own.administration_role == own.administration_role
                && group.own.execution_role == own.execution_role
        });
        match same {
            Some(group) => group.targets.push(target),
            None => found.push(Group {
                account,
                own,
                targets: vec![target],
            }),
        }
    }
    found
}

/// Returns the accounts and regions that a target is deployed to.
fn places(target: &TargetPlan) -> impl Iterator<Item = (&str, &str)> {
    let instances = target.instances.iter();
    instances.map(|one| (one.account.as_str(), one.region.as_str()))
}

/// Replaces `{account}` in a name with the account of the execution role, and `{region}` with the
/// region. Several regions become a wildcard, because IAM is global.
fn pattern(target: &TargetPlan, name: &str) -> String {
    let region = match target.instances.first() {
        Some(only) if !target.many_regions => only.region.as_str(),
        _ => "*",
    };
    name.replace("{account}", ACCOUNT)
        .replace("{region}", region)
}

/// Builds a sorted list without duplicates.
fn unique(of: impl IntoIterator<Item = String>) -> Value {
    let all: BTreeSet<String> = of.into_iter().collect();
    list(all.into_iter().map(Value::text))
}

fn warning(own: &SelfManaged) -> &'static str {
    if own.default_names {
        "\n\nThe role has the default name of StackSets. Other stack sets in the account might \
         also use this role, which would lack permissions for them. In this case, set different \
         names (`administration_role` and `execution_role`)."
    } else {
        ""
    }
}

fn administration(plan: &Plan, group: &Group<'_>) -> Template {
    let mut resources = vec![administration_role(plan, group)];
    resources.extend(administration_policies(plan, group));
    Template {
        header: format!(
            "{GENERATED}\n\nAdministrator account {}, any region. Deployed before the execution \
             role, whose trust policy names this role.{}",
            group.account,
            warning(group.own)
        ),
        description: format!(
            "Administration role of the stack sets of pipeline {}",
            plan.dev.pipeline
        ),
        parameters: Vec::new(),
        mappings: Vec::new(),
        conditions: Vec::new(),
        resources,
        outputs: vec![output("AdministrationRoleArn", "AdministrationRole")],
    }
}

fn administration_role(plan: &Plan, group: &Group<'_>) -> Resource {
    let partition = plan.partition.as_str();
    let account = group.account;
    let regions: BTreeSet<&str> = group
        .targets
        .iter()
        .flat_map(|target| places(target))
        .map(|(_, region)| region)
        .filter(|region| partition == "aws" && !ENABLED_BY_DEFAULT.contains(region))
        .collect();
    let mut services = vec!["cloudformation.amazonaws.com".to_owned()];
    services.extend(
        regions
            .iter()
            .map(|region| format!("cloudformation.{region}.amazonaws.com")),
    );
    let sets = group.targets.iter().map(|target| {
        let set = &target.stack_set;
        let resource = format_args!("stackset/{}:*", set.name);
        arn::regional(partition, "cloudformation", &set.region, account, resource)
    });
    let condition = map([(
        "StringEquals",
        map([("aws:SourceAccount", Value::from(account))]),
    )])
    .with("ArnLike", map([("aws:SourceArn", unique(sets))]));
    let trust = Statement::allow(
        "StackSetsAssumesTheRole",
        "The conditions limit the role to these stack sets, as AWS recommends.",
    );
    let trust = match services.as_slice() {
        [only] => trust.service(only),
        several => trust.services(several),
    };
    let trust = trust.actions(["sts:AssumeRole"]).when(condition);
    let boundary = (plan.dev.account == account)
        .then_some(plan.dev.permissions_boundary.as_ref())
        .flatten();
    let properties = map([("RoleName", group.own.administration_role.as_str())])
        .with("Description", "Assumes the execution roles of stack sets")
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some("PermissionsBoundary", boundary)
        .with_some("Tags", tags(plan));
    let comment = "The role that StackSets uses in this account. It can only assume the execution \
                   role in the target accounts.";
    Resource::new("AdministrationRole", "AWS::IAM::Role", comment, properties).suppress(
        "CFN_NO_EXPLICIT_RESOURCE_NAMES",
        "The stack sets and the execution roles refer to it by name.",
    )
}

fn administration_policies(plan: &Plan, group: &Group<'_>) -> Vec<Resource> {
    let partition = plan.partition.as_str();
    let role = &group.own.execution_role;
    let policy = |id: &str, name: &str, statement: Statement| {
        managed_policy(
            id,
            name,
            "StackSets assumes the execution role in each of these accounts.",
            "Assumes the execution roles of the stack sets' accounts",
            Value::reference("AdministrationRole"),
            document(&[statement]),
        )
    };
    let name = format!("{}-assume", group.own.administration_role);
    if let Some(organization) = &plan.organization {
        let statement = Statement::allow(
            "AssumeExecutionRoles",
            "The execution role in any account in the organization.",
        )
        .actions(["sts:AssumeRole"])
        .on(arn::role(partition, "*", role))
        .when(map([(
            "StringEquals",
            map([("aws:ResourceOrgID", organization.as_str())]),
        )]));
        return vec![
            policy("AssumeExecutionRolesPolicy", &name, statement).suppress(
                "IAM_ASSUME_ROLE_EXACT",
                "The role name is exact, and the condition requires an account in the \
                 organization.",
            ),
        ];
    }
    let accounts: BTreeSet<&str> = group
        .targets
        .iter()
        .flat_map(|target| places(target))
        .map(|(account, _)| account)
        .collect();
    let accounts: Vec<&str> = accounts.into_iter().collect();
    accounts
        .chunks(ACCOUNTS_PER_POLICY)
        .enumerate()
        .map(|(index, accounts)| {
            let statement = Statement::allow("AssumeExecutionRoles", "")
                .actions(["sts:AssumeRole"])
                .on(list(
                    accounts
                        .iter()
                        .map(|account| arn::role(partition, account, role)),
                ));
            if index == 0 {
                policy("AssumeExecutionRolesPolicy", &name, statement)
            } else {
                let number = index + 1;
                policy(
                    &format!("AssumeExecutionRolesPolicy{number}"),
                    &format!("{name}-{number}"),
                    statement,
                )
            }
        })
        .collect()
}

fn output(id: &str, role: &str) -> Output {
    Output {
        id: id.to_owned(),
        description: "ARN of the role".to_owned(),
        value: Value::attribute(role, "Arn"),
        condition: None,
    }
}
