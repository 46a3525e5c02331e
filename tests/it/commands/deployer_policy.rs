use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use s3ferry::diagnostic::{Source, read};
use s3ferry::policy::document::{Policy, PolicyKind};
use s3ferry::policy::evaluation::{Context, Decision, PolicySet, Request, evaluate};
use serde_json::Value;

use super::{configure, json};
use crate::emulator::{Accounts, Answer, Call, Emulator, Fault, FaultProxy};
use crate::support::{Project, SMALL, python};

/// Returns the documents that the command prints: one document, or several by name.
fn documents(project: &Project, arguments: &str) -> Vec<Value> {
    let found = json(&project.expect(&format!("deployer-policy {arguments}"), 0));
    match found.get("Statement") {
        Some(_) => vec![found],
        None => found
            .as_object()
            .expect("documents")
            .values()
            .cloned()
            .collect(),
    }
}

fn policies(documents: &[Value]) -> Vec<Policy> {
    documents
        .iter()
        .map(|document| {
            let node = read(&Source::new("policy", document.to_string())).expect("JSON");
            Policy::parse(&node, PolicyKind::Identity).expect("a policy that IAM accepts")
        })
        .collect()
}

fn decide(policies: &[Policy], account: &str, action: &str, resource: &str) -> Decision {
    let principal = format!("arn:aws:iam::{account}:user/deployer");
    let context = Context::new();
    let request = Request::new(&principal, action, resource, Some(account), context);
    let set = PolicySet {
        identity: policies.iter().collect(),
        ..PolicySet::default()
    };
    evaluate(&request.expect("a request"), &set)
}

/// Returns all actions in the documents.
fn actions(documents: &[Value]) -> BTreeSet<String> {
    let statements = documents.iter().flat_map(|one| one["Statement"].as_array());
    statements
        .flatten()
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        })
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect()
}

/// Returns the resource on which AWS authorizes a recorded call.
fn resource(call: &Call, account: &str) -> String {
    if let Some(stack) = call.parameter("StackName") {
        if stack.starts_with("arn:") {
            return stack.to_owned();
        }
        let region = &call.region;
        return format!("arn:aws:cloudformation:{region}:{account}:stack/{stack}/0a1b");
    }
    match call.service.as_str() {
        "codepipeline" => {
            let body: Value =
                serde_json::from_str(call.parameter("body").expect("a body")).expect("JSON");
            let name = body["pipelineName"].as_str().expect("a name");
            format!("arn:aws:codepipeline:{}:{account}:{name}", call.region)
        }
        "s3" => {
            let path = call.parameter("path").expect("a path");
            format!("arn:aws:s3:::{}", path.trim_start_matches('/'))
        }
        _ => "*".to_owned(),
    }
}

#[test]
fn all_calls_of_the_commands_are_allowed_and_no_other_calls_to_cloudformation() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes", 0);
    configure(
        &project,
        "    bucket: output-",
        "    path: v2\n    bucket: output-",
    );
    project.expect("diff --all", 1);
    project.expect("deploy --all --yes --allow-replacement", 0);
    project.expect("status --drift", 0);
    project.expect("events --profile dev", 0);
    roll_back(&project, &proxy, &accounts);
    project.expect(
        "destroy --all --confirm crossaccountdeploy-dev --confirm crossaccountdeploy-prod",
        0,
    );
    let mut called: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (profile, account) in [("dev", &accounts.dev), ("prod", &accounts.prod)] {
        let whole = policies(&documents(&project, &format!("--profile {profile}")));
        let role = format!("arn:aws:iam::{account}:role/cfn");
        let with_role = documents(&project, &format!("--profile {profile} --role-arn {role}"));
        let with_role = policies(&with_role);
        let mut calls = 0;
        for (call, _) in proxy.calls() {
            if call.access_key_id != **account {
                continue;
            }
            calls += 1;
            let (action, resource) = (call.iam_name(), resource(&call, account));
            for policies in [&whole, &with_role] {
                let decision = decide(policies, account, &action, &resource);
                assert_eq!(decision, Decision::Allowed, "{action} on {resource}");
            }
            called.entry(profile).or_default().insert(action);
        }
        assert!(calls > 20, "{calls}");
    }
    for profile in ["dev", "prod"] {
        let granted = actions(&documents(&project, &format!("--profile {profile}")));
        let idle: Vec<&String> = granted
            .iter()
            .filter(|action| action.starts_with("cloudformation:"))
            .filter(|action| !called[profile].contains(*action))
            .collect();
        // IAM requires this permission for drift detection.
        assert_eq!(
            idle,
            ["cloudformation:DetectStackResourceDrift"],
            "{profile}"
        );
    }
}

/// Requests the rollback of both stacks. CloudFormation rejects the requests, because no operation
/// failed.
fn roll_back(project: &Project, proxy: &FaultProxy, accounts: &Accounts) {
    for (profile, account) in [("dev", &accounts.dev), ("prod", &accounts.prod)] {
        for status in ["UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS"] {
            let stack = format!("crossaccountdeploy-{profile}");
            let described = emulator_answer(account, &stack, status);
            let before = proxy.done("DescribeStacks");
            proxy.always("DescribeStacks", Fault::Answered(described));
            project.expect(&format!("rollback --profile {profile} --yes"), 3);
            assert_eq!(proxy.done("DescribeStacks"), before);
            proxy.clear_faults();
        }
    }
}

/// Returns the description of a stack with this status.
fn emulator_answer(account: &str, stack: &str, status: &str) -> Answer {
    let stacks = Emulator::shared().aws(
        account,
        &format!("cloudformation describe-stacks --stack-name {stack}"),
    );
    let id = stacks["Stacks"][0]["StackId"].as_str().expect("an ID");
    Answer::query(format!(
        "<Stacks><member><StackId>{id}</StackId><StackName>{stack}</StackName>\
         <StackStatus>{status}</StackStatus><CreationTime>2026-11-24T04:00:00Z</CreationTime>\
         </member></Stacks>"
    ))
}

#[test]
fn other_stacks_and_other_names_are_out_of_reach() {
    let project = Project::with(SMALL);
    let policies = policies(&documents(&project, "--profile prod"));
    let account = "222222222222";
    for (action, resource) in [
        (
            "cloudformation:DeleteStack",
            "arn:aws:cloudformation:us-east-1:222222222222:stack/crossaccountdeploy-production/x",
        ),
        ("s3:DeleteBucket", "arn:aws:s3:::another-bucket"),
        (
            "s3:GetObject",
            "arn:aws:s3:::codepipeline-output-bucket/index.html",
        ),
        ("iam:CreateRole", "arn:aws:iam::222222222222:role/admin"),
        (
            "iam:PutRolePolicy",
            "arn:aws:iam::222222222222:role/prods3role",
        ),
        ("iam:PassRole", "arn:aws:iam::222222222222:role/prods3role"),
        (
            "iam:AttachRolePolicy",
            "arn:aws:iam::222222222222:role/prods3role",
        ),
    ] {
        let decision = decide(&policies, account, action, resource);
        assert_eq!(
            decision,
            Decision::ImplicitlyDenied,
            "{action} on {resource}"
        );
    }
}

/// Permissions of resource handlers for properties that no generated template uses.
const FOR_OTHER_PROPERTIES: &[(&str, &str)] = &[
    (
        "codepipeline:DisableStageTransition",
        "DisableInboundStageTransitions",
    ),
    (
        "codepipeline:EnableStageTransition",
        "DisableInboundStageTransitions",
    ),
    (
        "codepipeline:StartPipelineExecution",
        "RestartExecutionOnUpdate",
    ),
    ("codestar-connections:PassConnection", "ConnectionArn"),
    ("iam:AttachGroupPolicy", "Groups"),
    ("iam:AttachUserPolicy", "Users"),
    ("iam:DeleteRolePermissionsBoundary", "PermissionsBoundary"),
    ("iam:DeleteRolePolicy", "Policies"),
    ("iam:DetachGroupPolicy", "Groups"),
    ("iam:DetachUserPolicy", "Users"),
    ("iam:PutRolePermissionsBoundary", "PermissionsBoundary"),
    ("iam:PutRolePolicy", "Policies"),
    (
        "s3:CreateBucketMetadataTableConfiguration",
        "MetadataTableConfiguration",
    ),
    (
        "s3:DeleteBucketAnalyticsConfiguration",
        "AnalyticsConfigurations",
    ),
    ("s3:DeleteBucketCors", "CorsConfiguration"),
    (
        "s3:DeleteBucketEncryption",
        "the name of an API that has no action",
    ),
    ("s3:DeleteBucketLifecycle", "LifecycleConfiguration"),
    (
        "s3:DeleteBucketMetadataTableConfiguration",
        "MetadataTableConfiguration",
    ),
    (
        "s3:DeleteBucketMetricsConfiguration",
        "MetricsConfigurations",
    ),
    ("s3:DeleteBucketReplication", "ReplicationConfiguration"),
    ("s3:DeleteBucketWebsite", "WebsiteConfiguration"),
    ("s3:DeleteObject", "WebsiteConfiguration"),
    ("s3:PutAccelerateConfiguration", "AccelerateConfiguration"),
    ("s3:PutAnalyticsConfiguration", "AnalyticsConfigurations"),
    ("s3:PutBucketAbac", "AbacStatus"),
    ("s3:PutBucketAcl", "AccessControl"),
    ("s3:PutBucketCORS", "CorsConfiguration"),
    (
        "s3:PutBucketObjectLockConfiguration",
        "ObjectLockConfiguration",
    ),
    ("s3:PutBucketReplication", "ReplicationConfiguration"),
    ("s3:PutBucketWebsite", "WebsiteConfiguration"),
    (
        "s3:PutIntelligentTieringConfiguration",
        "IntelligentTieringConfigurations",
    ),
    ("s3:PutInventoryConfiguration", "InventoryConfigurations"),
    ("s3:PutLifecycleConfiguration", "LifecycleConfiguration"),
    ("s3:PutMetricsConfiguration", "MetricsConfigurations"),
    ("s3:PutObjectAcl", "WebsiteConfiguration"),
    ("s3:PutObjectLockConfiguration", "ObjectLockConfiguration"),
    ("s3:PutReplicationConfiguration", "ReplicationConfiguration"),
    (
        "s3:UpdateBucketMetadataAnnotationTableConfiguration",
        "MetadataConfiguration",
    ),
    (
        "s3:UpdateBucketMetadataInventoryTableConfiguration",
        "MetadataConfiguration",
    ),
    (
        "s3:UpdateBucketMetadataJournalTableConfiguration",
        "MetadataConfiguration",
    ),
];

/// A program that prints the permissions that the handlers of resource types need, according to the
/// schemas that cfn-lint contains.
const SCHEMAS: &str = "
import json, pathlib, sys, cfnlint
schemas = pathlib.Path(cfnlint.__file__).parent / 'data/schemas'
files = json.load(open(schemas / 'providers/us-east-1.json'))
found = {}
for kind in sys.argv[1:]:
    schema = json.load(open(schemas / 'resources' / (files[kind] + '.json')))
    handlers = {n: h['permissions'] for n, h in schema['handlers'].items() if n != 'list'}
    found[kind] = sorted(set(sum(handlers.values(), [])))
print(json.dumps(found))
";

#[test]
fn the_permissions_of_the_resource_handlers_are_granted() {
    let project = Project::with(SMALL);
    project.expect("synth --no-lint", 0);
    let templates = project.read("stacks/dev.yaml") + &project.read("stacks/prod.yaml");
    let kinds: BTreeSet<&str> = templates
        .lines()
        .filter_map(|line| line.strip_prefix("    Type: "))
        .filter(|kind| kind.starts_with("AWS::"))
        .collect();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    let output = Command::new(python("python"))
        .args(["-c", SCHEMAS])
        .args(&kinds)
        .output()
        .expect("Python runs");
    let needed: BTreeMap<String, Vec<String>> =
        serde_json::from_slice(&output.stdout).expect("JSON");
    let mut granted = actions(&documents(&project, "--profile dev"));
    granted.extend(actions(&documents(&project, "--profile prod")));
    let mut unused: BTreeSet<&str> = FOR_OTHER_PROPERTIES.iter().map(|one| one.0).collect();
    for (kind, permissions) in &needed {
        for permission in permissions {
            if granted.contains(permission) || permission.starts_with("s3tables:") {
                continue;
            }
            let excused = FOR_OTHER_PROPERTIES
                .iter()
                .find(|(action, _)| action == permission);
            let Some((action, property)) = excused else {
                panic!("{kind} needs {permission}");
            };
            assert!(
                !templates.contains(&format!(" {property}:")),
                "the templates have {property}, which needs {action}"
            );
            unused.remove(action);
        }
    }
    assert!(unused.is_empty(), "{unused:?} are granted or not needed");
}

#[test]
fn every_action_exists_in_aws() {
    let reference: Value =
        serde_json::from_str(include_str!("../../../data/service-reference.json")).expect("JSON");
    let project = Project::with(SMALL);
    let mut granted = actions(&documents(&project, "--profile dev"));
    granted.extend(actions(&documents(&project, "--profile prod")));
    for action in granted {
        let (service, name) = action.split_once(':').expect("service:Name");
        if !["cloudformation", "cloudwatch", "servicequotas"].contains(&service) {
            let known = &reference[service]["actions"];
            assert!(known.get(name).is_some(), "{action}");
        }
    }
}

#[test]
fn a_permissions_boundary_is_the_condition_of_every_new_role() {
    let boundary = "arn:aws:iam::222222222222:policy/boundary";
    let config = format!("{SMALL}    permissions_boundary: {boundary}\n");
    let project = Project::with(&config);
    let policies = policies(&documents(&project, "--profile prod"));
    let create = |context: Context| {
        let request = Request::new(
            "arn:aws:iam::222222222222:user/deployer",
            "iam:CreateRole",
            "arn:aws:iam::222222222222:role/prods3role",
            None,
            context,
        );
        let set = PolicySet {
            identity: policies.iter().collect(),
            ..PolicySet::default()
        };
        evaluate(&request.expect("a request"), &set)
    };
    let with = Context::new().with("iam:PermissionsBoundary", boundary);
    assert_eq!(create(with), Decision::Allowed);
    assert_eq!(create(Context::new()), Decision::ImplicitlyDenied);
}

#[test]
fn documents_are_short_enough_and_each_can_be_printed() {
    let mut config = SMALL.replace("account: \"222222222222\"", "accounts: [ACCOUNTS]");
    let accounts: Vec<String> = (0..3).map(|one| format!("\"22222222222{one}\"")).collect();
    config = config.replace("ACCOUNTS", &accounts.join(", "));
    config.push_str("    regions: [us-east-1, us-east-2, us-west-1, us-west-2, eu-west-1]\n");
    config.push_str("    profile: everywhere\n    bucket: output-{account}-{region}\n");
    config = config.replace("  account: \"111111111111\"\n", "  account: \"111111111111\"\n  key:\n    multi_region: true\n  artifacts:\n    bucket: artifacts-{region}\n");
    let project = Project::with(&config);
    let all = documents(&project, "--profile everywhere");
    assert!(all.len() > 1, "{}", all.len());
    for (index, document) in all.iter().enumerate() {
        let compact: String = document.to_string().split_whitespace().collect();
        assert!(compact.len() <= 6_144, "{}", compact.len());
        let own = format!(
            "deployer-policy --profile everywhere --document {}",
            index + 1
        );
        assert_eq!(json(&project.expect(&own, 0)), *document);
    }
    project.expect(
        &format!(
            "deployer-policy --profile everywhere --document {}",
            all.len() + 1
        ),
        2,
    );
    project.expect("deployer-policy --profile nobody", 2);
    project.expect(
        "deployer-policy --profile everywhere --role-arn prods3role",
        2,
    );
}

#[test]
fn options_for_another_account_are_rejected() {
    let project = Project::with(SMALL);
    let run = project.expect("deployer-policy --profile dev --push --doctor", 2);
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
    let run = project.expect("deployer-policy --profile prod --push", 2);
    for part in [
        "`push` requires access to the dev account",
        "use --profile dev",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(run.stdout, "");
    project.expect("deployer-policy --profile dev --push", 0);
}

/// A program that prints whether operations exist in the AWS API, according to the service models
/// of the AWS CLI.
const OPERATIONS: &str = "
import sys, botocore.session
session = botocore.session.get_session()
for asked in sys.argv[1:]:
    service, name = asked.split(':')
    print(asked, name in session.get_service_model(service).operation_names)
";

#[test]
fn the_checks_of_a_change_set_validation_have_a_separate_statement() {
    let operations = [
        ("cloudwatch:GetMetricData", "cloudwatch:GetMetricData"),
        ("iam:GetAccountSummary", "iam:GetAccountSummary"),
        (
            "servicequotas:GetServiceQuota",
            "service-quotas:GetServiceQuota",
        ),
    ];
    let output = Command::new(python("python"))
        .args(["-c", OPERATIONS])
        .args(operations.map(|(_, operation)| operation))
        .output()
        .expect("Python runs");
    let known = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(known.matches(" True").count(), 3, "{known}");
    let project = Project::with(SMALL);
    for (profile, account) in [("dev", "111111111111"), ("prod", "222222222222")] {
        for role in [
            String::new(),
            format!(" --role-arn arn:aws:iam::{account}:role/cfn"),
        ] {
            let found = documents(&project, &format!("--profile {profile}{role}"));
            let statements = found.iter().flat_map(|one| one["Statement"].as_array());
            let checks = statements
                .flatten()
                .find(|one| one["Sid"] == "ValidationChecks")
                .expect("the statement");
            assert_eq!(
                checks["Action"],
                serde_json::json!(operations.map(|(action, _)| action))
            );
        }
    }
    // CloudFormation makes these calls as the caller, so a service role does not need them.
    let role = documents(&project, "--profile dev --service-role");
    assert!(!actions(&role).contains("cloudwatch:GetMetricData"));
}

#[test]
fn the_lookup_of_retained_buckets_is_allowed_only_on_these_buckets() {
    let config = SMALL.replace("account: \"222222222222\"", "accounts: [\"222222222222\"]")
        + "    profile: fleet\n    bucket: site-{account}\n";
    let project = Project::with(&config);
    let role = "arn:aws:iam::222222222222:role/cfn";
    for arguments in [
        "--profile fleet".to_owned(),
        format!("--profile fleet --role-arn {role}"),
    ] {
        let policies = policies(&documents(&project, &arguments));
        for (bucket, decision) in [
            ("site-222222222222", Decision::Allowed),
            ("site-333333333333", Decision::ImplicitlyDenied),
        ] {
            let arn = format!("arn:aws:s3:::{bucket}");
            let decided = decide(&policies, "222222222222", "s3:ListBucket", &arn);
            assert_eq!(decided, decision, "{arguments}: {bucket}");
        }
    }
    // A template with static names requires no lookup.
    let with_role = documents(
        &Project::with(SMALL),
        &format!("--profile prod --role-arn {role}"),
    );
    assert!(!actions(&with_role).contains("s3:ListBucket"));
}
