//! All states of a stack.

use std::time::Duration;

use serde_json::json;

use super::{DEV_STACK, REGION, Site};
use crate::emulator::{Answer, Emulator, Failure, Script};

/// Calls CloudFormation directly on the dev stack.
fn call(site: &Site, action: &str, fields: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("Action", action),
        ("Version", "2010-05-15"),
        ("StackName", DEV_STACK),
    ];
    all.extend(fields);
    Emulator::shared().query(&site.accounts.dev, "cloudformation", &all)
}

/// Waits until the dev stack is in a state.
pub(super) fn wait_for(site: &Site, status: &str) {
    let until = std::time::Instant::now() + super::PATIENCE;
    while site.status(&site.accounts.dev, DEV_STACK).as_deref() != Some(status) {
        assert!(std::time::Instant::now() < until, "no {status}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(super) fn failure(
    operation: &'static str,
    resource_type: &'static str,
    name: &'static str,
) -> Failure<'static> {
    Failure {
        resource_type,
        name,
        operation,
        reason: "because the test says so",
        after: 0,
    }
}

#[test]
fn a_stack_in_review_is_created() {
    let site = Site::new();
    let template = site.project.read("stacks/dev.yaml");
    call(
        &site,
        "CreateChangeSet",
        &[
            ("ChangeSetName", "left-by-somebody"),
            ("ChangeSetType", "CREATE"),
            ("TemplateBody", &template),
            ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
        ],
    );
    wait_for(&site, "REVIEW_IN_PROGRESS");
    site.deploy("--profile dev --yes", 0);
    let state = site.state();
    assert_eq!(state.dev_stack()["status"], "CREATE_COMPLETE");
    assert_eq!(state.dev_stack()["protected"], true);
    assert_ne!(state.dev_stack()["policy"], json!(null));
}

#[test]
fn a_stack_whose_rollback_failed_is_deleted_and_recreated() {
    let site = Site::new();
    let emulator = Emulator::shared();
    let dev = &site.accounts.dev;
    emulator.fail(
        dev,
        &failure("create", "AWS::IAM::ManagedPolicy", "SourcePolicy"),
    );
    emulator.fail(dev, &failure("delete", "AWS::IAM::Role", ""));
    site.deploy("--profile dev --yes", 1);
    let status = site.status(dev, DEV_STACK);
    assert_eq!(status.as_deref(), Some("ROLLBACK_FAILED"));
    // The emulator does not retry a failed deletion.
    let role = "AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy";
    emulator.aws(dev, &format!("iam delete-role --role-name {role}"));
    let run = site.deploy("--profile dev --yes", 0);
    assert!(
        run.stderr.contains("is in ROLLBACK_FAILED"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("SourcePolicy (AWS::IAM::ManagedPolicy) failed"),
        "{}",
        run.stderr
    );
    assert_eq!(
        site.state().dev_stack()["operations"],
        json!(["CREATE_IN_PROGRESS"])
    );
}

#[test]
fn a_running_operation_is_followed_first() {
    let site = Site::new();
    let dev = &site.accounts.dev;
    Emulator::shared().slow(dev, Duration::from_millis(150));
    site.proxy.hold_at(Some("ExecuteChangeSet"), 1, true);
    site.kill_when_held("--profile dev --yes");
    wait_for(&site, "CREATE_IN_PROGRESS");
    site.proxy.reset();
    let run = site.deploy("--profile dev --yes", 0);
    let follows = "is in CREATE_IN_PROGRESS. Waiting for the operation to end.";
    assert_eq!(run.stderr.matches(follows).count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("No changes."), "{}", run.stderr);
    let state = site.state();
    assert_eq!(
        state.dev_stack()["operations"],
        json!(["CREATE_IN_PROGRESS"])
    );
    // The killed run ended before these steps.
    assert_eq!(state.dev_stack()["protected"], true);
    assert_ne!(state.dev_stack()["policy"], json!(null));
}

#[test]
fn a_running_rollback_is_followed_to_its_end_and_explained() {
    let site = Site::new();
    let dev = &site.accounts.dev;
    Emulator::shared().slow(dev, Duration::from_millis(100));
    Emulator::shared().fail(
        dev,
        &failure("create", "AWS::IAM::ManagedPolicy", "SourcePolicy"),
    );
    site.proxy.hold_at(Some("ExecuteChangeSet"), 1, true);
    site.kill_when_held("--profile dev --yes");
    site.proxy.reset();
    let run = site.deploy("--profile dev --yes", 0);
    assert!(
        run.stderr.contains("Waiting for the operation to end"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("is in ROLLBACK_COMPLETE"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("because the test says so"),
        "{}",
        run.stderr
    );
    assert_eq!(site.state().dev_stack()["status"], "CREATE_COMPLETE");
}

#[test]
fn the_error_for_a_failed_update_rollback_names_the_next_step() {
    let site = Site::new().deployed();
    let emulator = Emulator::shared();
    let dev = &site.accounts.dev;
    site.reconfigure(
        "  source:\n",
        "  key:\n    deletion_window_days: 20\n  source:\n    object_key: other.zip\n",
    );
    // The key changes, and cannot be reverted when the policy fails.
    emulator.fail(
        dev,
        &failure("update", "AWS::IAM::ManagedPolicy", "-source"),
    );
    emulator.fail(
        dev,
        &Failure {
            after: 1,
            ..failure("update", "AWS::KMS::Key", "")
        },
    );
    let run = site.deploy("--profile dev --yes", 1);
    assert!(
        run.stderr.contains("ended in UPDATE_ROLLBACK_FAILED"),
        "{}",
        run.stderr
    );
    let before = site.state();
    let run = site.deploy("--profile dev --yes", 1);
    for part in [
        "stack `crossaccountdeploy-dev` is in UPDATE_ROLLBACK_FAILED",
        "because the test says so",
        "run `s3ferry rollback --profile dev` to continue the rollback, and deploy again",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert_eq!(site.state(), before);
    assert!(!run.stderr.contains("aws "), "{}", run.stderr);
    let status = site.project.expect("status", 1);
    let next = "run `s3ferry rollback --profile dev` to continue the rollback of stack \
                crossaccountdeploy-dev";
    assert!(status.stdout.contains(next), "{}", status.stdout);
    // The commands in the message work.
    site.project.expect("rollback --profile dev --yes", 0);
    site.deploy("--profile dev --yes", 0);
    assert_eq!(site.state().dev_stack()["status"], "UPDATE_COMPLETE");
}

#[test]
fn the_error_for_a_failed_deletion_names_the_next_step() {
    let site = Site::new();
    let dev = &site.accounts.dev;
    site.deploy("--profile dev --yes", 0);
    call(
        &site,
        "UpdateTerminationProtection",
        &[("EnableTerminationProtection", "false")],
    );
    Emulator::shared().fail(dev, &failure("delete", "AWS::IAM::Role", ""));
    call(&site, "DeleteStack", &[]);
    wait_for(&site, "DELETE_FAILED");
    let run = site.deploy("--profile dev --yes", 1);
    for part in [
        "stack `crossaccountdeploy-dev` is in DELETE_FAILED",
        "because the test says so",
        "s3ferry destroy --profile dev",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert_eq!(site.proxy.done("DeleteStack"), 0);
}

#[test]
fn retained_resources_are_imported_and_shown() {
    let site = Site::new();
    let dev = &site.accounts.dev;
    site.deploy("--profile dev --yes", 0);
    let buckets = site.state().dev["buckets"].clone();
    call(
        &site,
        "UpdateTerminationProtection",
        &[("EnableTerminationProtection", "false")],
    );
    call(&site, "DeleteStack", &[]);
    let until = std::time::Instant::now() + super::PATIENCE;
    while site.status(dev, DEV_STACK).is_some() && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let run = site.deploy("--profile dev --yes", 0);
    for bucket in ["SourceBucket ", "ArtifactBucket ", "LogBucket "] {
        assert!(
            run.stderr.contains(&format!("import  {bucket}")),
            "{}",
            run.stderr
        );
    }
    let state = site.state();
    assert_eq!(state.dev_stack()["status"], "CREATE_COMPLETE");
    let names = |buckets: &serde_json::Value| {
        let buckets = buckets.as_object().expect("buckets");
        buckets.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&state.dev["buckets"]), names(&buckets));
    assert_eq!(state.dev[REGION]["pipelines"], json!({}));
}

/// Returns a stack as CloudFormation describes it.
fn described(site: &Site, status: &str) -> Answer {
    Answer::query(format!(
        "<Stacks><member><StackName>{DEV_STACK}</StackName><StackId>{}</StackId>\
         <StackStatus>{status}</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
         </member></Stacks>",
        stack_id(site)
    ))
}

fn stack_id(site: &Site) -> String {
    format!(
        "arn:aws:cloudformation:{REGION}:{}:stack/{DEV_STACK}/1",
        site.accounts.dev
    )
}

/// Returns events of the stack itself, with the latest first, like CloudFormation.
fn events(site: &Site, statuses: &[&str]) -> Answer {
    let id = stack_id(site);
    let members: String = statuses
        .iter()
        .enumerate()
        .map(|(number, status)| {
            format!(
                "<member><EventId>{}-{status}</EventId><StackName>{DEV_STACK}</StackName>\
                 <StackId>{id}</StackId><LogicalResourceId>{DEV_STACK}</LogicalResourceId>\
                 <PhysicalResourceId>{id}</PhysicalResourceId>\
                 <ResourceType>AWS::CloudFormation::Stack</ResourceType>\
                 <ResourceStatus>{status}</ResourceStatus>\
                 <Timestamp>2026-01-01T00:00:00Z</Timestamp></member>",
                statuses.len() - number
            )
        })
        .collect();
    Answer::query(format!("<StackEvents>{members}</StackEvents>"))
}

/// Another user continues a failed rollback at the same time. The deploy waits for the rollback to
/// end, and ignores the earlier failure in the same events.
#[test]
fn a_rollback_that_another_user_continues_is_followed_to_its_end() {
    let site = Site::new();
    let failed = [
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
    ];
    let continued = [&["UPDATE_ROLLBACK_IN_PROGRESS"][..], &failed].concat();
    let ended = [&["UPDATE_ROLLBACK_COMPLETE"][..], &continued].concat();
    let identity = format!(
        "<Account>{0}</Account><Arn>arn:aws:iam::{0}:user/me</Arn><UserId>me</UserId>",
        site.accounts.dev
    );
    let no_changes = "<Status>FAILED</Status><StatusReason>No updates are to be performed.\
                      </StatusReason>";
    let script = Script::start([
        ("GetCallerIdentity", vec![Answer::query(identity)]),
        (
            "DescribeStacks",
            vec![
                described(&site, "UPDATE_ROLLBACK_IN_PROGRESS"),
                described(&site, "UPDATE_ROLLBACK_COMPLETE"),
            ],
        ),
        (
            "DescribeStackEvents",
            vec![
                events(&site, &continued),
                events(&site, &continued),
                events(&site, &ended),
            ],
        ),
        ("GetTemplate", vec![Answer::query("")]),
        ("ValidateTemplate", vec![Answer::query("")]),
        ("GetStackPolicy", vec![Answer::query("")]),
        ("SetStackPolicy", vec![Answer::query("")]),
        ("UpdateTerminationProtection", vec![Answer::query("")]),
        (
            "CreateChangeSet",
            vec![Answer::query("<Id>c</Id><StackId>s</StackId>")],
        ),
        ("DescribeChangeSet", vec![Answer::query(no_changes)]),
        ("DeleteChangeSet", vec![Answer::query("")]),
    ]);
    let endpoint = script.endpoint();
    let run = site.deploy(&format!("--profile dev --yes --endpoint-url {endpoint}"), 0);
    assert_eq!(
        run.stderr
            .matches("Waiting for the operation to end")
            .count(),
        1,
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("No changes."), "{}", run.stderr);
    let asked = script.actions();
    let count = |action: &str| asked.iter().filter(|found| *found == action).count();
    assert_eq!(count("DescribeStackEvents"), 3, "{asked:?}");
    assert_eq!(script.unscripted(), [""; 0]);
}
