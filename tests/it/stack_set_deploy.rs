//! `s3ferry deploy` of stack sets, against scripted responses in the documented format of AWS, for
//! states that emulators do not reach.

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::emulator::answer::escaped;
use crate::emulator::call::Call;
use crate::emulator::profiles::{log_in, record_dev};
use crate::emulator::server::{Reply, Server};
use crate::emulator::{Answer, Script};
use crate::support::Project;

pub(super) const ADMIN: &str = "111111111111";
pub(super) const ONE: &str = "222222222222";
pub(super) const TWO: &str = "333333333333";
pub(super) const KEY: &str = "mrk-00000000000000000000000000000000";
pub(super) const DEPLOY: &str = "deploy --profile admin --yes \
                      --parameter DeployKeyId=mrk-00000000000000000000000000000000";

/// Returns a configuration with a stack set in these accounts.
fn config(accounts: &[&str], settings: &str) -> String {
    let accounts: Vec<String> = accounts.iter().map(|one| format!("\"{one}\"")).collect();
    format!(
        "dev:\n  account: \"{ADMIN}\"\n  source: {{bucket: in-x}}\n  artifacts: {{bucket: \
         art-x}}\ntargets:\n  - name: prod\n    accounts: [{}]\n    profile: prod\n    bucket: \
         \"out-x-{{account}}\"\n    stack_set:\n      profile: admin\n{settings}",
        accounts.join(", ")
    )
}

/// Returns a project with the profiles `admin` and `prod`, and with its templates written.
pub(super) fn project(accounts: &[&str], settings: &str) -> Project {
    let project = Project::with(&config(accounts, settings));
    project.expect("synth --no-lint --no-prove", 0);
    project
}

pub(super) fn logged_in(project: &mut Project, endpoint: &str) {
    log_in(project, endpoint, &[("admin", ADMIN), ("prod", ONE)]);
}

pub(super) fn identity(account: &str) -> Answer {
    Answer::identity(account)
}

/// Describes the existing stack set, with this template.
pub(super) fn stack_set(template: &str, key: &str, more: &str) -> Answer {
    let description = "Target prod of pipeline crossaccountdeploy: output bucket and deploy role";
    Answer::query(format!(
        "<StackSet><StackSetName>crossaccountdeploy-prod</StackSetName>\
         <StackSetId>crossaccountdeploy-prod:1</StackSetId><Status>ACTIVE</Status>\
         <Description>{description}</Description><TemplateBody>{}</TemplateBody>\
         <Parameters><member><ParameterKey>DeployKeyId</ParameterKey><ParameterValue>{key}\
         </ParameterValue></member></Parameters>{more}</StackSet>",
        escaped(template)
    ))
}

pub(super) const SELF_MANAGED: &str = "<PermissionModel>SELF_MANAGED</PermissionModel><AdministrationRoleARN>\
    arn:aws:iam::111111111111:role/AWSCloudFormationStackSetAdministrationRole\
    </AdministrationRoleARN><ExecutionRoleName>AWSCloudFormationStackSetExecutionRole\
    </ExecutionRoleName>";

pub(super) fn no_stack_set() -> Answer {
    Answer::error(
        404,
        "StackSetNotFoundException",
        "StackSet crossaccountdeploy-prod not found",
    )
}

/// Lists stack instances: account and status.
fn instances(of: &[(&str, &str)]) -> Answer {
    let members: String = of
        .iter()
        .map(|(account, status)| {
            format!(
                "<member><Account>{account}</Account><Region>us-east-1</Region>\
                 <Status>{status}</Status><StackId>arn:aws:cloudformation:us-east-1:{account}:\
                 stack/StackSet-crossaccountdeploy-prod-1/2</StackId></member>"
            )
        })
        .collect();
    Answer::query(format!("<Summaries>{members}</Summaries>"))
}

pub(super) fn operations(of: &[(&str, &str)]) -> Answer {
    let members: String = of
        .iter()
        .map(|(id, status)| {
            format!(
                "<member><OperationId>{id}</OperationId><Action>UPDATE</Action>\
                 <Status>{status}</Status></member>"
            )
        })
        .collect();
    Answer::query(format!("<Summaries>{members}</Summaries>"))
}

pub(super) fn operation(status: &str) -> Answer {
    Answer::query(format!(
        "<StackSetOperation><OperationId>x</OperationId><Status>{status}</Status>\
         </StackSetOperation>"
    ))
}

/// Lists the results of an operation: account, status, and reason.
pub(super) fn results(of: &[(&str, &str, &str)]) -> Answer {
    let members: String = of
        .iter()
        .map(|(account, status, reason)| {
            format!(
                "<member><Account>{account}</Account><Region>us-east-1</Region>\
                 <Status>{status}</Status><StatusReason>{}</StatusReason></member>",
                escaped(reason)
            )
        })
        .collect();
    Answer::query(format!("<Summaries>{members}</Summaries>"))
}

pub(super) fn begun() -> Answer {
    Answer::query("<OperationId>x</OperationId>")
}

pub(super) fn done() -> Answer {
    Answer::query("")
}

pub(super) fn no_bucket() -> Answer {
    Answer::error(404, "NoSuchBucket", "The specified bucket does not exist")
}

fn denied(action: &str) -> Answer {
    Answer::error(
        403,
        "AccessDenied",
        format!("not authorized to perform: {action}"),
    )
}

pub(super) fn call(script: &Script, action: &str) -> Call {
    let calls = script.calls();
    let mut found = calls.into_iter().filter(|call| call.action == action);
    let call = found.next().unwrap_or_else(|| panic!("no {action}"));
    assert!(found.next().is_none(), "{action} twice");
    call
}

/// Returns the values of a list parameter.
pub(super) fn members(call: &Call, name: &str) -> Vec<String> {
    (1..)
        .map_while(|number| call.parameter(&format!("{name}.member.{number}")))
        .map(str::to_owned)
        .collect()
}

pub(super) fn nothing_unscripted(script: &Script) {
    assert_eq!(script.unscripted(), [] as [String; 0]);
}

#[test]
fn a_first_deployment_creates_the_set_and_all_instances_in_one_operation() {
    let mut project = project(
        &[ONE, TWO],
        "      operation_preferences: {failure_tolerance_count: 1, max_concurrent_count: 2, \
         region_order: [us-east-1]}\ntags: {team: web}\n",
    );
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        ("DescribeStackSet", vec![no_stack_set()]),
        ("ValidateTemplate", vec![done()]),
        (
            "CreateStackSet",
            vec![Answer::query("<StackSetId>s:1</StackSetId>")],
        ),
        ("CreateStackInstances", vec![begun()]),
        (
            "DescribeStackSetOperation",
            vec![operation("RUNNING"), operation("SUCCEEDED")],
        ),
        (
            "ListStackSetOperationResults",
            vec![
                results(&[(ONE, "SUCCEEDED", ""), (TWO, "RUNNING", "")]),
                results(&[(ONE, "SUCCEEDED", ""), (TWO, "SUCCEEDED", "")]),
            ],
        ),
        (
            "ListStackInstances",
            vec![instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 0);
    nothing_unscripted(&script);
    assert!(
        run.stderr.contains("1 of 2 instances done, 1 in progress"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("2 instances current"), "{}", run.stderr);
    let created = call(&script, "CreateStackSet");
    let is = |name: &str, value: &str| assert_eq!(created.parameter(name), Some(value), "{name}");
    is("StackSetName", "crossaccountdeploy-prod");
    is("PermissionModel", "SELF_MANAGED");
    is("Capabilities.member.1", "CAPABILITY_NAMED_IAM");
    is("Parameters.member.1.ParameterKey", "DeployKeyId");
    is("Parameters.member.1.ParameterValue", KEY);
    is("Tags.member.1.Key", "team");
    is(
        "AdministrationRoleARN",
        "arn:aws:iam::111111111111:role/AWSCloudFormationStackSetAdministrationRole",
    );
    is(
        "ExecutionRoleName",
        "AWSCloudFormationStackSetExecutionRole",
    );
    is("TemplateBody", &project.read("stacks/prod.yaml"));
    let created = call(&script, "CreateStackInstances");
    assert_eq!(members(&created, "Accounts"), [ONE, TWO]);
    assert_eq!(members(&created, "Regions"), ["us-east-1"]);
    let preference = |name: &str| created.parameter(&format!("OperationPreferences.{name}"));
    assert_eq!(preference("FailureToleranceCount"), Some("1"));
    assert_eq!(preference("MaxConcurrentCount"), Some("2"));
    assert_eq!(preference("RegionOrder.member.1"), Some("us-east-1"));
    let id = created.parameter("OperationId").expect("an operation ID");
    let asked = script.calls();
    let asked = asked
        .iter()
        .find(|call| call.action == "DescribeStackSetOperation");
    assert_eq!(asked.expect("asked").parameter("OperationId"), Some(id));
}

#[test]
fn without_a_difference_only_reads_are_called() {
    let mut project = project(&[ONE, TWO], "");
    // The deployed template is in another format.
    project.expect("synth --no-lint --no-prove --format json --out other", 0);
    let template = project.read("other/prod.json");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        (
            "ListStackSetOperations",
            vec![operations(&[("old", "SUCCEEDED")])],
        ),
        (
            "ListStackInstances",
            vec![instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 0);
    assert!(
        run.stderr.contains("No changes: 2 instances"),
        "{}",
        run.stderr
    );
    assert_eq!(
        script.actions(),
        [
            "GetCallerIdentity",
            // The preparation makes these two calls.
            "DescribeStackSet",
            "ListStackInstances",
            "DescribeStackSet",
            "ListStackSetOperations",
            "ListStackInstances"
        ]
    );
}

#[test]
fn another_key_updates_the_set_and_a_dry_run_only_reports_it() {
    let mut project = project(&[ONE], "");
    let template = project.read("stacks/prod.yaml");
    let old = "mrk-11111111111111111111111111111111";
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, old, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        ("ListStackInstances", vec![instances(&[(ONE, "CURRENT")])]),
        ("ValidateTemplate", vec![done()]),
        ("UpdateStackSet", vec![begun()]),
        ("DescribeStackSetOperation", vec![operation("SUCCEEDED")]),
        (
            "ListStackSetOperationResults",
            vec![results(&[(ONE, "SUCCEEDED", "")])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(&format!("{DEPLOY} --dry-run"), 0);
    let said = format!("parameter DeployKeyId: {old} -> {KEY}");
    assert!(run.stderr.contains(&said), "{}", run.stderr);
    assert!(!script.actions().contains(&"UpdateStackSet".to_owned()));
    project.expect(DEPLOY, 0);
    nothing_unscripted(&script);
    let updated = call(&script, "UpdateStackSet");
    assert_eq!(
        updated.parameter("Parameters.member.1.ParameterValue"),
        Some(KEY)
    );
    assert!(updated.parameter("AdministrationRoleARN").is_some());
}

#[test]
fn a_deployment_waits_for_an_operation_in_progress() {
    let mut project = project(&[ONE, TWO], "");
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        (
            "ListStackSetOperations",
            vec![
                operations(&[("theirs", "RUNNING"), ("old", "FAILED")]),
                operations(&[]),
                operations(&[("next", "QUEUED")]),
                operations(&[]),
            ],
        ),
        (
            "ListStackInstances",
            vec![
                // The preparation reads the first list.
                instances(&[(ONE, "CURRENT")]),
                instances(&[(ONE, "CURRENT")]),
                instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")]),
            ],
        ),
        (
            "CreateStackInstances",
            vec![
                Answer::error(
                    409,
                    "OperationInProgressException",
                    "Another Operation on StackSet is in progress",
                ),
                begun(),
            ],
        ),
        (
            "DescribeStackSetOperation",
            vec![operation("RUNNING"), operation("SUCCEEDED")],
        ),
        (
            "ListStackSetOperationResults",
            vec![results(&[(TWO, "SUCCEEDED", "")])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 0);
    nothing_unscripted(&script);
    for id in ["theirs", "next"] {
        let said = format!("Operation {id} (UPDATE) of stack set crossaccountdeploy-prod is in");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
    }
    let created: Vec<Call> = script
        .calls()
        .into_iter()
        .filter(|call| call.action == "CreateStackInstances")
        .collect();
    assert_eq!(created.len(), 2);
    // The retry has the same operation ID.
    assert_eq!(
        created[0].parameter("OperationId"),
        created[1].parameter("OperationId")
    );
}

#[test]
fn a_retry_after_a_lost_answer_accepts_the_existing_operation() {
    let mut project = project(&[ONE], "");
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        (
            "ListStackInstances",
            vec![instances(&[]), instances(&[(ONE, "CURRENT")])],
        ),
        (
            "CreateStackInstances",
            vec![
                Answer::error(500, "InternalFailure", "the answer was lost"),
                Answer::error(409, "OperationIdAlreadyExistsException", "it exists"),
            ],
        ),
        ("DescribeStackSetOperation", vec![operation("SUCCEEDED")]),
        (
            "ListStackSetOperationResults",
            vec![results(&[(ONE, "SUCCEEDED", "")])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    project.expect(DEPLOY, 0);
    nothing_unscripted(&script);
}

fn events() -> Answer {
    let stack = format!(
        "arn:aws:cloudformation:us-east-1:{ONE}:stack/StackSet-crossaccountdeploy-prod-1/2"
    );
    let event = |id: &str, resource: &str, kind: &str, status: &str, reason: &str| {
        format!(
            "<member><StackId>{stack}</StackId><EventId>{id}</EventId>\
             <StackName>StackSet-crossaccountdeploy-prod-1</StackName>\
             <LogicalResourceId>{resource}</LogicalResourceId><PhysicalResourceId>{}\
             </PhysicalResourceId><ResourceType>{kind}</ResourceType>\
             <Timestamp>2026-11-24T04:00:00Z</Timestamp><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason></member>",
            if kind == "AWS::CloudFormation::Stack" {
                stack.as_str()
            } else {
                ""
            }
        )
    };
    let whole = "AWS::CloudFormation::Stack";
    let name = "StackSet-crossaccountdeploy-prod-1";
    Answer::query(format!(
        "<StackEvents>{}{}{}{}</StackEvents>",
        event("4", name, whole, "ROLLBACK_COMPLETE", ""),
        event(
            "3",
            "OutputBucket",
            "AWS::S3::Bucket",
            "CREATE_FAILED",
            "Resource creation cancelled"
        ),
        event(
            "2",
            "DeployRole",
            "AWS::IAM::Role",
            "CREATE_FAILED",
            "Invalid principal in policy"
        ),
        event("1", name, whole, "CREATE_IN_PROGRESS", "User Initiated"),
    ))
}

#[test]
fn failures_are_a_table_with_the_root_cause_of_each_readable_stack() {
    let mut project = project(&[ONE, TWO, "444444444444", "555555555555"], "");
    let template = project.read("stacks/prod.yaml");
    let missing = "Account 333333333333 should have 'AWSCloudFormationStackSetExecutionRole' \
                   role with trust relationship to Role \
                   'AWSCloudFormationStackSetAdministrationRole'.";
    let reason = "Cancelled since failure tolerance has exceeded";
    let found = [
        (ONE, "FAILED", "ResourceLogicalId:OutputBucket"),
        (TWO, "FAILED", missing),
        ("444444444444", "CANCELLED", reason),
        ("555555555555", "SUCCEEDED", ""),
    ];
    let outdated = [
        (ONE, "OUTDATED"),
        (TWO, "OUTDATED"),
        ("555555555555", "CURRENT"),
    ];
    let script = Script::start([
        ("HeadBucket", vec![no_bucket()]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        (
            "ListStackInstances",
            vec![instances(&[]), instances(&[]), instances(&outdated)],
        ),
        ("CreateStackInstances", vec![begun()]),
        ("DescribeStackSetOperation", vec![operation("FAILED")]),
        ("ListStackSetOperationResults", vec![results(&found)]),
        (
            // The stack in dev, which is not deployed.
            "DescribeStacks",
            vec![Answer::error(
                400,
                "ValidationError",
                "Stack with id crossaccountdeploy-dev does not exist",
            )],
        ),
        ("DescribeStackEvents", vec![events()]),
    ]);
    log_in(
        &mut project,
        &script.endpoint(),
        &[("admin", ADMIN), ("dev", ADMIN), ("prod", ONE)],
    );
    let run = project.expect(DEPLOY, 1);
    nothing_unscripted(&script);
    let line = |account: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(account));
        line.unwrap_or_else(|| panic!("{account}: {}", run.stdout))
            .to_owned()
    };
    assert!(
        line(ONE).contains("DeployRole (AWS::IAM::Role): Invalid principal"),
        "{}",
        run.stdout
    );
    assert!(line(TWO).contains("should have"), "{}", run.stdout);
    assert!(
        line("444444444444").contains("no instance exists yet"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("555555555555"), "{}", run.stdout);
    assert!(
        run.stderr.contains("3 of 4 instances not current"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("ended in FAILED"), "{}", run.stderr);
    let events = call(&script, "DescribeStackEvents");
    assert_eq!(events.access_key_id, ONE);
}

#[test]
fn unreadable_events_of_a_failed_instance_are_reported_next_to_the_reason_of_stacksets() {
    let mut project = project(&[ONE, TWO], "");
    let template = project.read("stacks/prod.yaml");
    let failed = [
        (ONE, "FAILED", "ResourceLogicalId:OutputBucket"),
        (TWO, "FAILED", "ResourceLogicalId:DeployRole"),
    ];
    let script = Script::start([
        ("HeadBucket", vec![no_bucket()]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        (
            "ListStackInstances",
            vec![
                // The preparation reads the first list.
                instances(&[]),
                instances(&[]),
                instances(&[(ONE, "OUTDATED"), (TWO, "OUTDATED")]),
            ],
        ),
        ("CreateStackInstances", vec![begun()]),
        ("DescribeStackSetOperation", vec![operation("FAILED")]),
        ("ListStackSetOperationResults", vec![results(&failed)]),
        (
            "DescribeStackEvents",
            vec![denied("cloudformation:DescribeStackEvents")],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 1);
    nothing_unscripted(&script);
    let said = "Cannot read the events of a failed stack: cloudformation:DescribeStackEvents \
                failed for profile `prod` (AccessDenied)";
    assert_eq!(run.stderr.matches(said).count(), 1, "{}", run.stderr);
    assert!(
        run.stdout.contains("ResourceLogicalId:OutputBucket"),
        "{}",
        run.stdout
    );
}

/// Scripts the calls of a first deployment of a stack set, with these responses about its buckets.
fn first_deployment(buckets: Vec<Answer>) -> Script {
    Script::start([
        ("HeadBucket", buckets),
        ("DescribeStackSet", vec![no_stack_set()]),
        ("ValidateTemplate", vec![done()]),
        (
            "CreateStackSet",
            vec![Answer::query("<StackSetId>s:1</StackSetId>")],
        ),
        ("CreateStackInstances", vec![begun()]),
        ("DescribeStackSetOperation", vec![operation("SUCCEEDED")]),
        (
            "ListStackSetOperationResults",
            vec![results(&[(ONE, "SUCCEEDED", ""), (TWO, "SUCCEEDED", "")])],
        ),
        (
            "ListStackInstances",
            vec![instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")])],
        ),
    ])
}

/// Returns the buckets that were looked up, each with the access key of the caller.
fn looked_for(script: &Script) -> Vec<(String, String)> {
    let calls = script.calls().into_iter();
    let mut found: Vec<(String, String)> = calls
        .filter(|call| call.action == "HeadBucket")
        .map(|call| {
            let path = call.parameter("path").unwrap_or_default();
            (
                call.access_key_id.clone(),
                path.trim_matches('/').to_owned(),
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_bucket_retained_by_an_earlier_instance_is_rejected_before_anything_changes() {
    let mut project = project(&[ONE, TWO], "");
    let script = first_deployment(vec![done()]);
    logged_in(&mut project, &script.endpoint());
    let dry = project.expect(&format!("{DEPLOY} --dry-run"), 0);
    let run = project.expect(&format!("{DEPLOY} --format json"), 1);
    let bucket = format!("out-x-{ONE}");
    let remove =
        format!("aws s3api delete-bucket --bucket {bucket} --region us-east-1 --profile prod");
    for run in [&dry, &run] {
        assert!(run.stderr.contains(&remove), "{}", run.stderr);
        assert!(
            run.stderr.contains("list-object-versions"),
            "{}",
            run.stderr
        );
    }
    for said in [
        "cannot create 2 buckets that already exist; nothing was changed",
        "StackSets cannot import buckets",
    ] {
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
    }
    let result = crate::schemas::conforms("deploy", &run.stdout);
    let stack_set = &result["stacks"][0];
    assert_eq!(stack_set["result"], "refused");
    let named: Vec<&str> = (stack_set["buckets"].as_array().expect("buckets").iter())
        .filter_map(|one| one["bucket"].as_str())
        .collect();
    assert!(named.contains(&bucket.as_str()), "{named:?}");
    assert!(
        !script
            .actions()
            .iter()
            .any(|action| action.starts_with("Create"))
    );
    nothing_unscripted(&script);
    // Only the account that a profile reaches is checked, with that profile.
    let looked = looked_for(&script);
    assert!(looked.contains(&(ONE.to_owned(), bucket)), "{looked:?}");
    assert!(looked.iter().all(|(key, _)| key == ONE), "{looked:?}");
}

#[test]
fn missing_and_inaccessible_buckets_do_not_prevent_a_deployment() {
    let mut project = project(&[ONE, TWO], "");
    for (answer, said) in [
        (no_bucket(), ""),
        (
            denied("s3:ListBucket"),
            "or the profile lacks s3:ListBucket on it",
        ),
    ] {
        let script = first_deployment(vec![answer]);
        logged_in(&mut project, &script.endpoint());
        let run = project.expect(DEPLOY, 0);
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert_eq!(looked_for(&script).len(), 2);
        nothing_unscripted(&script);
    }
    // Without a profile, no bucket is checked, and no message mentions the profile.
    let script = first_deployment(vec![done()]);
    log_in(&mut project, &script.endpoint(), &[("admin", ADMIN)]);
    let run = project.expect(DEPLOY, 0);
    assert!(!run.stderr.contains("rofile prod"), "{}", run.stderr);
    assert!(looked_for(&script).is_empty());
}

#[test]
fn a_removal_requires_confirmation_and_can_retain_the_stacks() {
    let mut project = project(&[ONE], "");
    let template = project.read("stacks/prod.yaml");
    for (arguments, retained) in [("", "false"), (" --retain-stacks", "true")] {
        let script = Script::start([
            ("GetCallerIdentity", vec![identity(ADMIN)]),
            (
                "DescribeStackSet",
                vec![stack_set(&template, KEY, SELF_MANAGED)],
            ),
            ("ListStackSetOperations", vec![operations(&[])]),
            (
                "ListStackInstances",
                vec![
                    // Two runs, each with its preparation, and the end of the second run.
                    instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")]),
                    instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")]),
                    instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")]),
                    instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")]),
                    instances(&[(ONE, "CURRENT")]),
                ],
            ),
            ("DeleteStackInstances", vec![begun()]),
            ("DescribeStackSetOperation", vec![operation("SUCCEEDED")]),
            (
                "ListStackSetOperationResults",
                vec![results(&[(TWO, "SUCCEEDED", "")])],
            ),
        ]);
        logged_in(&mut project, &script.endpoint());
        record_dev(&project);
        let run = project.expect(&format!("{}{arguments}", DEPLOY.replace("--yes", "")), 2);
        assert!(
            run.stderr.contains(&format!("remove  {TWO}")),
            "{}",
            run.stderr
        );
        assert!(
            !script
                .actions()
                .contains(&"DeleteStackInstances".to_owned())
        );
        project.expect(&format!("{DEPLOY}{arguments}"), 0);
        nothing_unscripted(&script);
        let deleted = call(&script, "DeleteStackInstances");
        assert_eq!(members(&deleted, "Accounts"), [TWO]);
        assert_eq!(deleted.parameter("RetainStacks"), Some(retained));
    }
}

#[test]
fn a_removed_account_stays_until_the_pipeline_no_longer_deploys_to_it() {
    let mut project = project(&[ONE], "");
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        (
            "ListStackInstances",
            vec![instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    // No response shows that dev is deployed without the account.
    let run = project.expect(DEPLOY, 0);
    nothing_unscripted(&script);
    assert!(
        run.stderr
            .contains("1 instance no longer in the configuration: kept")
            && run.stderr.contains("No changes: 1 instance current."),
        "{}",
        run.stderr
    );
    let next = "Next: run `s3ferry deploy --profile dev` to switch the pipeline, then `s3ferry \
                deploy --profile admin` again";
    assert!(run.stderr.contains(next), "{}", run.stderr);
}

const SERVICE: &str = "      permission_model: service-managed\n      call_as: delegated-admin\n      \
                       organizational_units: [ou-ab12-11111111]\n";

#[test]
fn service_managed_requires_trusted_access_and_targets_organizational_units() {
    let access = |status: &str| Answer::query(format!("<Status>{status}</Status>"));
    let mut project = project(&[ONE, TWO], SERVICE);
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeOrganizationsAccess",
            vec![access("DISABLED"), access("ENABLED")],
        ),
        ("DescribeStackSet", vec![no_stack_set()]),
        ("ValidateTemplate", vec![done()]),
        (
            "CreateStackSet",
            vec![Answer::query("<StackSetId>s:1</StackSetId>")],
        ),
        ("CreateStackInstances", vec![begun()]),
        ("DescribeStackSetOperation", vec![operation("SUCCEEDED")]),
        (
            "ListStackSetOperationResults",
            vec![results(&[(ONE, "SUCCEEDED", "")])],
        ),
        ("ListStackInstances", vec![instances(&[(ONE, "CURRENT")])]),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 1);
    assert!(
        run.stderr
            .contains("trusted access for StackSets is not enabled"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("activate-organizations-access"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("register-delegated-administrator"),
        "{}",
        run.stderr
    );
    // One of the accounts is not in the organizational unit.
    let run = project.expect(DEPLOY, 1);
    nothing_unscripted(&script);
    assert!(
        run.stdout
            .contains("check the account's organizational unit"),
        "{}",
        run.stdout
    );
    let created = call(&script, "CreateStackSet");
    assert_eq!(
        created.parameter("PermissionModel"),
        Some("SERVICE_MANAGED")
    );
    assert_eq!(created.parameter("CallAs"), Some("DELEGATED_ADMIN"));
    assert_eq!(created.parameter("AutoDeployment.Enabled"), Some("false"));
    assert_eq!(created.parameter("AdministrationRoleARN"), None);
    let created = call(&script, "CreateStackInstances");
    assert_eq!(members(&created, "Accounts"), [] as [String; 0]);
    let target = |name: &str| created.parameter(&format!("DeploymentTargets.{name}"));
    assert_eq!(target("AccountFilterType"), Some("INTERSECTION"));
    assert_eq!(
        target("OrganizationalUnitIds.member.1"),
        Some("ou-ab12-11111111")
    );
    assert_eq!(members(&created, "DeploymentTargets.Accounts"), [ONE, TWO]);
}

#[test]
fn another_permission_model_is_rejected() {
    let mut project = project(&[ONE], "");
    let model = "<PermissionModel>SERVICE_MANAGED</PermissionModel>";
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        ("DescribeStackSet", vec![stack_set(&template, KEY, model)]),
        ("ListStackInstances", vec![instances(&[])]),
        ("ListStackSetOperations", vec![operations(&[])]),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 2);
    nothing_unscripted(&script);
    assert!(run.stderr.contains("is service-managed"), "{}", run.stderr);
}

#[test]
fn status_diff_and_events_report_the_state_and_change_nothing() {
    let mut project = project(&[ONE, TWO], "");
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStacks", vec![Answer::query("")]),
        ("ListStackSetOperations", vec![operations(&[])]),
        (
            "ListStackSetOperationResults",
            vec![results(&[(TWO, "FAILED", "no such role")])],
        ),
        (
            "ListStackInstances",
            vec![instances(&[
                (ONE, "CURRENT"),
                (TWO, "OUTDATED"),
                ("444444444444", "CURRENT"),
            ])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect("status --profile admin --format json", 1);
    crate::schemas::conforms("status", &run.stdout);
    let status: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let set = &status["stacks"][0];
    assert_eq!(set["stack"], "crossaccountdeploy-prod");
    assert_eq!(set["stackSet"], true);
    assert_eq!(set["complete"], false);
    assert_eq!(set["templateComparison"], "same");
    let diff = format!("diff --profile admin --parameter DeployKeyId={KEY}");
    let run = project.expect(&diff, 1);
    assert!(
        run.stdout.contains(&format!("update  {TWO}")),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("remove  444444444444"),
        "{}",
        run.stdout
    );
    let run = project.expect("events --profile admin", 1);
    assert!(
        run.stdout.contains("2 of 3 instances are current"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("outdated"), "{}", run.stdout);
    nothing_unscripted(&script);
}

#[test]
fn destroy_asks_for_the_name_and_deletes_the_instances_before_the_set() {
    let mut project = project(&[ONE, TWO], "");
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        (
            "ListStackInstances",
            vec![instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")])],
        ),
        ("DeleteStackInstances", vec![begun()]),
        (
            "DescribeStackSetOperation",
            vec![operation("FAILED"), operation("SUCCEEDED")],
        ),
        (
            "ListStackSetOperationResults",
            vec![
                results(&[(ONE, "FAILED", "the role is gone")]),
                results(&[(ONE, "SUCCEEDED", "")]),
            ],
        ),
        ("DeleteStackSet", vec![done()]),
    ]);
    logged_in(&mut project, &script.endpoint());
    let confirmed = "destroy --profile admin --confirm crossaccountdeploy-prod";
    let run = project.expect("destroy --profile admin", 2);
    assert!(
        run.stderr.contains("stack set  2 instances"),
        "{}",
        run.stderr
    );
    assert!(
        !script
            .actions()
            .contains(&"DeleteStackInstances".to_owned())
    );
    // An instance that cannot be deleted keeps its stack set.
    let run = project.expect(confirmed, 1);
    assert!(run.stderr.contains("the role is gone"), "{}", run.stderr);
    assert!(run.stderr.contains("--retain-stacks"), "{}", run.stderr);
    assert!(!script.actions().contains(&"DeleteStackSet".to_owned()));
    let run = project.expect(&format!("{confirmed} --retain-stacks"), 0);
    assert!(!run.stdout.contains("cannot import"), "{}", run.stdout);
    nothing_unscripted(&script);
    let calls = script.calls();
    let mut deletions = calls
        .iter()
        .filter(|call| call.action == "DeleteStackInstances");
    let retained = |call: Option<&Call>| {
        call.and_then(|call| call.parameter("RetainStacks"))
            .map(str::to_owned)
    };
    assert_eq!(retained(deletions.next()).as_deref(), Some("false"));
    assert_eq!(retained(deletions.next()).as_deref(), Some("true"));
    assert_eq!(
        script.actions().last().map(String::as_str),
        Some("DeleteStackSet")
    );
}

/// The policy of `deployer-policy` allows every call on stack sets.
#[test]
fn the_deployer_policy_allows_all_calls() {
    let mut project = project(&[ONE, TWO], "");
    let policy = project.expect("deployer-policy --profile admin", 0).stdout;
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![no_stack_set(), stack_set(&template, "mrk-1", SELF_MANAGED)],
        ),
        ("ValidateTemplate", vec![done()]),
        (
            "CreateStackSet",
            vec![Answer::query("<StackSetId>s:1</StackSetId>")],
        ),
        ("UpdateStackSet", vec![begun()]),
        ("CreateStackInstances", vec![begun()]),
        ("UpdateStackInstances", vec![begun()]),
        ("DeleteStackInstances", vec![begun()]),
        ("DeleteStackSet", vec![done()]),
        ("StopStackSetOperation", vec![done()]),
        (
            "ListStackSetOperations",
            vec![operations(&[("theirs", "RUNNING")]), operations(&[])],
        ),
        ("DescribeStackSetOperation", vec![operation("SUCCEEDED")]),
        (
            "ListStackSetOperationResults",
            vec![results(&[(ONE, "SUCCEEDED", "")])],
        ),
        (
            "ListStackInstances",
            vec![instances(&[
                (ONE, "CURRENT"),
                (TWO, "CURRENT"),
                ("444444444444", "CURRENT"),
            ])],
        ),
    ]);
    logged_in(&mut project, &script.endpoint());
    project.run(DEPLOY);
    project.expect("rollback --profile admin --yes", 0);
    project.run(DEPLOY);
    let run = project.expect(
        "destroy --profile admin --confirm crossaccountdeploy-prod",
        0,
    );
    let stay = "These buckets of stack set crossaccountdeploy-prod are retained: \
                out-x-{account}-logs, out-x-{account}. StackSets cannot import them";
    assert!(run.stdout.contains(stay), "{}", run.stdout);
    nothing_unscripted(&script);
    for action in script.actions() {
        // This call needs no permission.
        if action != "GetCallerIdentity" {
            let named = format!("\"cloudformation:{action}\"");
            assert!(policy.contains(&named), "{named}");
        }
    }
}

/// A stack set service with many instances. Each description of the operation completes a tenth of
/// them.
#[derive(Default)]
struct Many {
    created: bool,
    asked: usize,
    calls: Vec<String>,
}

const MANY: usize = 1000;

impl Many {
    fn answer(&mut self, call: &Call) -> Answer {
        self.calls.push(call.action.clone());
        let account = |number: usize| format!("{:012}", 200_000_000_000 + number);
        let page = call.parameter("NextToken").map_or(0, |page| {
            page.parse::<usize>()
                .expect("a page that the service returned")
        });
        let paged = |member: &dyn Fn(usize) -> String| {
            let members: String = (page..MANY.min(page + 100)).map(member).collect();
            let next = page + 100;
            let token = if next < MANY {
                format!("<NextToken>{next}</NextToken>")
            } else {
                String::new()
            };
            Answer::query(format!("<Summaries>{members}</Summaries>{token}"))
        };
        match call.action.as_str() {
            "GetCallerIdentity" => identity(ADMIN),
            "DescribeStackSet" => no_stack_set(),
            "ValidateTemplate" => done(),
            "CreateStackSet" => Answer::query("<StackSetId>s:1</StackSetId>"),
            "CreateStackInstances" => {
                assert_eq!(members(call, "Accounts").len(), MANY);
                self.created = true;
                begun()
            }
            "DescribeStackSetOperation" => {
                self.asked += 1;
                operation(if self.asked > 12 {
                    "SUCCEEDED"
                } else {
                    "RUNNING"
                })
            }
            "ListStackSetOperationResults" => {
                let ended = MANY * (self.asked - 1) / 12;
                paged(&|number| {
                    let status = match number {
                        _ if number < ended => "SUCCEEDED",
                        _ if number < ended + 10 => "RUNNING",
                        _ => "PENDING",
                    };
                    format!(
                        "<member><Account>{}</Account><Region>us-east-1</Region>\
                         <Status>{status}</Status></member>",
                        account(number)
                    )
                })
            }
            "ListStackInstances" => paged(&|number| {
                format!(
                    "<member><Account>{}</Account><Region>us-east-1</Region>\
                     <Status>CURRENT</Status></member>",
                    account(number)
                )
            }),
            other => Answer::error(400, "UnscriptedCall", other),
        }
    }
}

#[test]
fn a_thousand_instances_need_short_output_and_few_calls() {
    let accounts: Vec<String> = (0..MANY)
        .map(|number| format!("{:012}", 200_000_000_000 + number))
        .collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let mut project = project(&accounts, "organization: o-exampleorg1\n");
    let state = Arc::new(Mutex::new(Many::default()));
    let of_server = Arc::clone(&state);
    let server = Server::start(move |request| {
        let (call, protocol) = Call::of(request);
        let answer = of_server.lock().expect("no panic").answer(&call);
        Reply::Message(answer.response(&call.action, protocol))
    });
    logged_in(&mut project, &server.endpoint());
    let mut child = project.spawn(DEPLOY);
    let mut memory = 0;
    let ended = loop {
        if let Some(kilobytes) = peak_memory(child.id()) {
            memory = memory.max(kilobytes);
        }
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(ended.code(), Some(0));
    let mut said = String::new();
    let mut out = child.stderr.take().expect("piped");
    out.read_to_string(&mut said).expect("UTF-8");
    let lines = said
        .lines()
        .filter(|line| line.contains("of 1,000 instances done"));
    assert!((3..=13).contains(&lines.count()), "{said}");
    assert!(said.lines().count() < 60, "{said}");
    let state = state.lock().expect("no panic");
    let count = |action: &str| state.calls.iter().filter(|call| *call == action).count();
    assert_eq!(count("CreateStackInstances"), 1);
    assert_eq!(count("DescribeStackSetOperation"), 13);
    // The results have ten pages. They are read after the first description, after the eleventh,
    // and at the end.
    let read = count("ListStackSetOperationResults");
    assert!((20..=40).contains(&read), "{read}");
    assert_eq!(count("ListStackInstances"), 10);
    // The limit was measured on Linux. Most of the memory holds the program with its rules and
    // templates.
    assert!(memory < 200 * 1024, "{memory} KiB");
}

/// Returns the peak memory of a process in KiB, if /proc reports it.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn an_operation_is_followed_by_its_status_when_its_results_cannot_be_read() {
    let mut project = project(&[ONE, TWO], "");
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        // The list also contains the status.
        (
            "ListStackSetOperations",
            vec![
                operations(&[("theirs", "RUNNING")]),
                operations(&[("theirs", "SUCCEEDED")]),
                operations(&[]),
            ],
        ),
        (
            "DescribeStackSetOperation",
            vec![
                denied("cloudformation:DescribeStackSetOperation"),
                operation("SUCCEEDED"),
            ],
        ),
        (
            "ListStackSetOperationResults",
            vec![denied("cloudformation:ListStackSetOperationResults")],
        ),
        (
            "ListStackInstances",
            vec![
                instances(&[(ONE, "CURRENT")]),
                instances(&[(ONE, "CURRENT"), (TWO, "CURRENT")]),
            ],
        ),
        ("CreateStackInstances", vec![begun()]),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 0);
    nothing_unscripted(&script);
    for part in [
        "Cannot read the results of operation theirs: ",
        "Following its status instead.",
        "2 instances current",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
}

#[test]
fn an_operation_that_cannot_be_followed_continues() {
    let mut project = project(&[ONE, TWO], "");
    let template = project.read("stacks/prod.yaml");
    let script = Script::start([
        ("GetCallerIdentity", vec![identity(ADMIN)]),
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        (
            "DescribeStackSetOperation",
            vec![denied("cloudformation:DescribeStackSetOperation")],
        ),
        ("ListStackInstances", vec![instances(&[(ONE, "CURRENT")])]),
        ("CreateStackInstances", vec![begun()]),
    ]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 3);
    for part in [
        "cloudformation:DescribeStackSetOperation failed",
        "of stack set crossaccountdeploy-prod continues in CloudFormation; run `s3ferry deploy",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
}
