//! `s3ferry synth --stack-set-roles`: the permissions of the roles. cfn-lint and the embedded rules
//! must accept the templates.

use std::process::Command;

use s3ferry::diagnostic::{self, Source};
use serde_json::{Value as Json, json};

use crate::support::{Project, SMALL, python};

const ADMINISTRATION: &str = "stacks/stack-sets/administration.yaml";
const EXECUTION: &str = "stacks/stack-sets/execution.yaml";

/// Returns the small configuration with a stack set that has its own roles.
fn own_roles() -> String {
    format!(
        "{SMALL}    stack_set:\n      administration_role: site-administration\n      \
         execution_role: site-execution\n"
    )
}

/// Returns a configuration with many accounts in two regions, one of which is an opt-in region.
fn fleet(accounts: usize, top: &str) -> String {
    let accounts: Vec<String> = (0..accounts)
        .map(|number| format!("\"{:012}\"", 200_000_000_000_usize + number))
        .collect();
    format!(
        "dev:\n  account: \"111111111111\"\n  key: {{multi_region: true}}\ntargets:\n  - name: \
         prod\n    accounts: [{}]\n    regions: [us-east-1, af-south-1]\n    bucket: \
         \"out-{{account}}-{{region}}\"\n    permissions_boundary: \
         arn:aws:iam::{{account}}:policy/boundary\n    stack_set: {{}}\n{top}",
        accounts.join(", ")
    )
}

/// Synthesizes and lints the templates of the roles. cfn-lint must find nothing in them.
fn synthesized(config: &str) -> Project {
    let project = Project::with(config);
    project.expect("synth --stack-set-roles --no-prove", 0);
    let output = Command::new(python("cfn-lint"))
        .args([ADMINISTRATION, EXECUTION].map(|file| project.path(file)))
        .output()
        .expect("cfn-lint runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    project
}

fn template(project: &Project, file: &str) -> Json {
    let source = Source::new(file, project.read(file));
    diagnostic::read(&source).expect("YAML").to_json()
}

/// Returns all statements of the managed policies.
fn statements(template: &Json) -> Vec<Json> {
    let resources = template["Resources"].as_object().expect("resources");
    resources
        .values()
        .filter(|one| one["Type"] == "AWS::IAM::ManagedPolicy")
        .flat_map(|one| {
            let document = &one["Properties"]["PolicyDocument"];
            document["Statement"].as_array().expect("a list").clone()
        })
        .collect()
}

fn actions(statement: &Json) -> Vec<&str> {
    match &statement["Action"] {
        Json::String(one) => vec![one],
        Json::Array(many) => many.iter().filter_map(Json::as_str).collect(),
        other => panic!("{other}"),
    }
}

fn statement<'s>(statements: &'s [Json], action: &str) -> &'s Json {
    let mut found = statements
        .iter()
        .filter(|statement| actions(statement).contains(&action));
    let one = found.next().unwrap_or_else(|| panic!("no {action}"));
    assert!(found.next().is_none(), "{action} twice");
    one
}

#[test]
fn the_administration_role_can_only_assume_the_execution_role() {
    let project = synthesized(&own_roles());
    let template = template(&project, ADMINISTRATION);
    let role = &template["Resources"]["AdministrationRole"]["Properties"];
    assert_eq!(role["RoleName"], "site-administration");
    assert_eq!(
        role["AssumeRolePolicyDocument"]["Statement"],
        json!([{
            "Sid": "StackSetsAssumesTheRole",
            "Effect": "Allow",
            "Principal": {"Service": "cloudformation.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "111111111111"},
                "ArnLike": {"aws:SourceArn": [
                    "arn:aws:cloudformation:us-east-1:111111111111:stackset/crossaccountdeploy-prod:*"
                ]},
            },
        }])
    );
    assert_eq!(
        statements(&template),
        [json!({
            "Sid": "AssumeExecutionRoles",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": ["arn:aws:iam::222222222222:role/site-execution"],
        })]
    );
}

#[test]
fn the_execution_role_allows_what_the_template_needs() {
    let project = synthesized(&own_roles());
    let template = template(&project, EXECUTION);
    let role = &template["Resources"]["ExecutionRole"]["Properties"];
    assert_eq!(role["ManagedPolicyArns"], Json::Null);
    let trust = &role["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(
        trust["Principal"],
        json!({"AWS": ["arn:aws:iam::111111111111:role/site-administration"]})
    );
    let statements = statements(&template);
    for one in &statements {
        for action in actions(one) {
            assert!(!action.contains('*'), "{action}");
            let reads = ["Describe", "List", "Get"];
            let verb = action.split(':').nth(1).expect("an action");
            if one["Resource"] == "*" {
                assert!(reads.iter().any(|read| verb.starts_with(read)), "{action}");
            }
        }
    }
    let stacks = statement(&statements, "cloudformation:CreateStack");
    assert_eq!(
        stacks["Resource"],
        json!([{"Fn::Sub": "arn:aws:cloudformation:*:${AWS::AccountId}:stack/\
                            StackSet-crossaccountdeploy-prod-*"}])
    );
    let buckets = statement(&statements, "s3:CreateBucket");
    assert_eq!(
        buckets["Resource"],
        json!([
            "arn:aws:s3:::codepipeline-output-bucket",
            "arn:aws:s3:::codepipeline-output-bucket-logs"
        ])
    );
    // Objects can be neither read nor written.
    for action in [
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "iam:PassRole",
    ] {
        assert!(
            statements.iter().all(|one| !actions(one).contains(&action)),
            "{action}"
        );
    }
    // Only the planned policies can be attached to the role, so nobody can become an administrator.
    let attach = statement(&statements, "iam:AttachRolePolicy");
    assert_eq!(
        attach["Condition"],
        json!({"ArnLike": {"iam:PolicyARN": [
            {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/devkmss3access"},
            {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/outputbucketdeployaccess"},
        ]}})
    );
    assert_eq!(
        statement(&statements, "iam:CreateRole")["Resource"],
        json!([{"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/prods3role"}])
    );
}

/// Two commands print the permissions that CloudFormation needs in a target account. The results
/// must agree.
#[test]
fn the_execution_role_has_what_a_service_role_of_cloudformation_needs() {
    let project = synthesized(&own_roles());
    let allowed = statements(&template(&project, EXECUTION));
    let allowed: Vec<&str> = allowed.iter().flat_map(actions).collect();
    let plain = Project::with(SMALL);
    let run = plain.expect("deployer-policy --profile prod --service-role", 0);
    let policy: Json = serde_json::from_str(&run.stdout).expect("JSON");
    for statement in policy["Statement"].as_array().expect("a list") {
        for action in actions(statement) {
            assert!(allowed.contains(&action), "{action}");
        }
    }
}

#[test]
fn the_execution_role_can_create_every_resource_of_the_target() {
    // The actions are those that the handlers of the resource types call.
    let creates = [
        ("AWS::S3::Bucket", "s3:CreateBucket"),
        ("AWS::S3::BucketPolicy", "s3:PutBucketPolicy"),
        ("AWS::IAM::Role", "iam:CreateRole"),
        ("AWS::IAM::ManagedPolicy", "iam:CreatePolicy"),
    ];
    let project = synthesized(&own_roles());
    let allowed = statements(&template(&project, EXECUTION));
    let target = template(&project, "stacks/prod.yaml");
    let resources = target["Resources"].as_object().expect("resources");
    for one in resources.values() {
        let kind = one["Type"].as_str().expect("a type");
        let (_, action) = creates
            .iter()
            .find(|(known, _)| *known == kind)
            .unwrap_or_else(|| panic!("no known action creates {kind}"));
        statement(&allowed, action);
    }
}

#[test]
fn a_fleet_has_boundaries_opt_in_regions_and_policies_within_their_quota() {
    let project = synthesized(&fleet(150, ""));
    let administration = template(&project, ADMINISTRATION);
    let services = &administration["Resources"]["AdministrationRole"]["Properties"]["AssumeRolePolicyDocument"]
        ["Statement"][0]["Principal"]["Service"];
    assert_eq!(
        *services,
        json!([
            "cloudformation.amazonaws.com",
            "cloudformation.af-south-1.amazonaws.com"
        ])
    );
    let named: usize = statements(&administration)
        .iter()
        .map(|one| one["Resource"].as_array().expect("a list").len())
        .sum();
    assert_eq!(named, 150);
    assert!(
        project
            .read(ADMINISTRATION)
            .contains("Other stack sets in the account")
    );
    let execution = statements(&template(&project, EXECUTION));
    let create = statement(&execution, "iam:CreateRole");
    assert_eq!(
        create["Condition"],
        json!({"StringEquals": {"iam:PermissionsBoundary":
            {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/boundary"}}})
    );
    assert_eq!(
        statement(&execution, "s3:CreateBucket")["Resource"][0],
        json!({"Fn::Sub": "arn:aws:s3:::out-${AWS::AccountId}-*"})
    );
}

#[test]
fn an_organization_replaces_its_accounts() {
    let project = synthesized(&fleet(3, "organization: o-exampleorg1\n"));
    let statements = statements(&template(&project, ADMINISTRATION));
    assert_eq!(statements.len(), 1);
    assert_eq!(
        statements[0]["Resource"],
        "arn:aws:iam::*:role/AWSCloudFormationStackSetExecutionRole"
    );
    assert_eq!(
        statements[0]["Condition"],
        json!({"StringEquals": {"aws:ResourceOrgID": "o-exampleorg1"}})
    );
}

#[test]
fn check_covers_the_roles_and_synth_keeps_them_without_the_option() {
    let project = synthesized(&own_roles());
    project.expect("synth --no-lint --no-prove", 0);
    assert!(project.exists(EXECUTION));
    project.expect("synth --check --stack-set-roles --no-lint --no-prove", 0);
    project.write(EXECUTION, "# Generated by s3ferry\nstale");
    let run = project.expect("synth --check --stack-set-roles --no-lint --no-prove", 1);
    assert!(run.stdout.contains("execution.yaml"), "{}", run.stdout);
}

#[test]
fn without_a_self_managed_stack_set_there_are_no_roles() {
    let run = Project::with(SMALL).expect("synth --stack-set-roles", 2);
    assert!(run.stderr.contains("no roles are needed"), "{}", run.stderr);
    let service = format!(
        "{SMALL}    stack_set: {{permission_model: service-managed, organizational_units: \
         [r-ab12]}}\n"
    );
    Project::with(&service).expect("synth --stack-set-roles", 2);
}
