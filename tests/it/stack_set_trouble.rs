//! Suspended accounts, inoperable instances, missing roles, and other deployments of a stack set:
//! the messages name the next step, and no operation starts that cannot succeed.

use crate::emulator::profiles::log_in;
use crate::emulator::{Answer, Script};
use crate::schemas::conforms;
use crate::stack_set_deploy::{
    ADMIN, DEPLOY, KEY, ONE, SELF_MANAGED, TWO, begun, call, done, identity, logged_in, members,
    no_bucket, no_stack_set, nothing_unscripted, operation, operations, project, results,
    stack_set,
};
use crate::support::Project;

/// Lists stack instances: account, status, and detailed status.
fn instances(of: &[(&str, &str, &str)]) -> Answer {
    let members: String = of
        .iter()
        .map(|(account, status, detailed)| {
            format!(
                "<member><Account>{account}</Account><Region>us-east-1</Region>\
                 <Status>{status}</Status><StackInstanceStatus><DetailedStatus>{detailed}\
                 </DetailedStatus></StackInstanceStatus><StackId>{}</StackId></member>",
                stack_id(account)
            )
        })
        .collect();
    Answer::query(format!("<Summaries>{members}</Summaries>"))
}

fn stack_id(account: &str) -> String {
    format!("arn:aws:cloudformation:us-east-1:{account}:stack/StackSet-crossaccountdeploy-prod-1/2")
}

/// Scripts an existing stack set with these responses about its instances, in order.
fn script(project: &Project, listed: Vec<Answer>, described: Vec<Answer>) -> Script {
    let template = project.read("stacks/prod.yaml");
    // The preparation reads the same lists as the deployment.
    let listed = listed.iter().take(1).chain(&listed).cloned().collect();
    Script::start([
        (
            "DescribeStackSet",
            vec![stack_set(&template, KEY, SELF_MANAGED)],
        ),
        ("ListStackSetOperations", vec![operations(&[])]),
        ("ListStackInstances", listed),
        ("DescribeStacks", described),
        ("HeadBucket", vec![no_bucket()]),
        ("DeleteStackInstances", vec![begun()]),
        ("UpdateStackInstances", vec![begun()]),
        ("CreateStackInstances", vec![begun()]),
        ("DescribeStackSetOperation", vec![operation("SUCCEEDED")]),
        (
            "ListStackSetOperationResults",
            vec![results(&[(ONE, "SUCCEEDED", "")])],
        ),
    ])
}

fn no_stack() -> Answer {
    Answer::error(400, "ValidationError", "Stack with id x does not exist")
}

fn stack(status: &str) -> Answer {
    Answer::query(format!(
        "<Stacks><member><StackId>{}</StackId><StackName>x</StackName><StackStatus>{status}\
         </StackStatus><CreationTime>2026-11-24T04:00:00Z</CreationTime></member></Stacks>",
        stack_id(TWO)
    ))
}

#[test]
fn a_suspended_account_is_named_and_no_operation_starts_for_it() {
    let mut project = project(&[ONE, TWO], "");
    let suspended = instances(&[
        (ONE, "CURRENT", "SUCCEEDED"),
        (TWO, "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"),
    ]);
    let script = script(&project, vec![suspended], vec![no_stack()]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(&format!("{DEPLOY} --format json"), 1);
    let said = format!("account {TWO} is suspended: remove it from the configuration");
    assert!(run.stderr.contains(&said), "{}", run.stderr);
    let result = conforms("deploy", &run.stdout);
    let behind = &result["stacks"][0]["instances"]["behind"][0];
    assert_eq!(behind["status"], "SUSPENDED");
    assert_eq!(behind["reason"], "the account is suspended");
    for action in ["UpdateStackInstances", "CreateStackInstances"] {
        assert!(!script.actions().iter().any(|called| called == action));
    }
    let diff = project.expect(
        &format!("diff --profile admin --parameter DeployKeyId={KEY}"),
        1,
    );
    assert!(
        diff.stdout.contains(&format!("skip    {TWO}")),
        "{}",
        diff.stdout
    );
    let events = project.expect("events --profile admin", 1);
    assert!(events.stdout.contains("suspended"), "{}", events.stdout);
    project.expect("status --profile admin", 1);
}

#[test]
fn an_account_that_is_suspended_during_the_operation_is_named_too() {
    let mut project = project(&[ONE, TWO], "");
    let listed = vec![
        instances(&[
            (ONE, "OUTDATED", "SUCCEEDED"),
            (TWO, "OUTDATED", "SUCCEEDED"),
        ]),
        instances(&[
            (ONE, "CURRENT", "SUCCEEDED"),
            (TWO, "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"),
        ]),
    ];
    let script = script(&project, listed, vec![no_stack()]);
    logged_in(&mut project, &script.endpoint());
    let run = project.expect(DEPLOY, 1);
    let said = format!("account {TWO} is suspended: remove it from the configuration");
    assert!(run.stderr.contains(&said), "{}", run.stderr);
}

#[test]
fn a_suspended_account_can_be_removed_from_the_configuration() {
    let mut project = project(&[ONE], "");
    let listed = vec![
        instances(&[
            (ONE, "CURRENT", "SUCCEEDED"),
            (TWO, "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"),
        ]),
        instances(&[(ONE, "CURRENT", "SUCCEEDED")]),
    ];
    let script = script(&project, listed, vec![no_stack()]);
    logged_in(&mut project, &script.endpoint());
    project.expect(DEPLOY, 0);
    let deleted = call(&script, "DeleteStackInstances");
    assert_eq!(members(&deleted, "Accounts"), [TWO]);
    assert_eq!(deleted.parameter("RetainStacks"), Some("true"));
}

fn inoperable() -> Answer {
    instances(&[
        (ONE, "OUTDATED", "FAILED"),
        (TWO, "INOPERABLE", "INOPERABLE"),
    ])
}

#[test]
fn an_inoperable_instance_stops_the_deployment_with_instructions() {
    // Without a profile for the account, and with one that finds the stack.
    for described in [no_stack(), stack("DELETE_FAILED")] {
        let reaches = matches!(described, Answer::Query(_));
        let mut project = project(&[ONE, TWO], "");
        let script = script(&project, vec![inoperable()], vec![described]);
        if reaches {
            log_in(
                &mut project,
                &script.endpoint(),
                &[("admin", ADMIN), ("prod", TWO)],
            );
        } else {
            log_in(&mut project, &script.endpoint(), &[("admin", ADMIN)]);
        }
        let run = project.expect(&format!("{DEPLOY} --format json"), 1);
        let profile = if reaches { "prod" } else { "PROFILE" };
        for part in [
            format!(
                "aws cloudformation delete-stack --stack-name {}",
                stack_id(TWO)
            ),
            format!("--region us-east-1 --profile {profile}"),
            "1 instance inoperable; nothing was changed".to_owned(),
            "delete the stacks listed above".to_owned(),
        ] {
            assert!(run.stderr.contains(&part), "{part}\n{}", run.stderr);
        }
        let result = conforms("deploy", &run.stdout);
        assert_eq!(result["stacks"][0]["inoperable"][0]["account"], TWO);
        let writes = [
            "DeleteStackInstances",
            "UpdateStackInstances",
            "CreateStackInstances",
        ];
        let actions = script.actions();
        assert!(
            !actions.iter().any(|one| writes.contains(&one.as_str())),
            "{actions:?}"
        );
    }
}

#[test]
fn an_inoperable_instance_without_a_stack_is_recreated() {
    let mut project = project(&[ONE, TWO], "");
    let current = instances(&[(ONE, "CURRENT", "SUCCEEDED"), (TWO, "CURRENT", "SUCCEEDED")]);
    for described in [no_stack(), stack("DELETE_COMPLETE")] {
        let script = script(
            &project,
            vec![inoperable(), current.clone()],
            vec![described],
        );
        log_in(
            &mut project,
            &script.endpoint(),
            &[("admin", ADMIN), ("prod", TWO)],
        );
        project.expect(DEPLOY, 0);
        let deleted = call(&script, "DeleteStackInstances");
        assert_eq!(members(&deleted, "Accounts"), [TWO]);
        assert_eq!(deleted.parameter("RetainStacks"), Some("true"));
        let updated = call(&script, "UpdateStackInstances");
        assert_eq!(members(&updated, "Accounts"), [ONE]);
        let created = call(&script, "CreateStackInstances");
        assert_eq!(members(&created, "Accounts"), [TWO]);
    }
}

#[test]
fn a_missing_role_and_another_deployment_are_explained() {
    let refusals = [
        (
            "ValidationError",
            "Account 111111111111 should have AWSCloudFormationStackSetAdministrationRole role \
             with trust relationship to CloudFormation service.",
            "run `s3ferry synth --stack-set-roles` to generate the two roles",
        ),
        (
            "ValidationError",
            "Account 222222222222 should have 'fleet' role with trust relationship to Role 'admin'.",
            "the execution role is missing from that account",
        ),
        (
            "StaleRequestException",
            "Another operation has been performed on this stack set since the specified operation \
             was performed.",
            "another deployment of stack set `crossaccountdeploy-prod` is running",
        ),
    ];
    for (code, message, said) in refusals {
        let mut project = project(&[ONE, TWO], "");
        let script = Script::start([
            ("GetCallerIdentity", vec![identity(ADMIN)]),
            ("DescribeStackSet", vec![no_stack_set()]),
            ("ValidateTemplate", vec![done()]),
            (
                "CreateStackSet",
                vec![Answer::query("<StackSetId>s:1</StackSetId>")],
            ),
            (
                "CreateStackInstances",
                vec![Answer::error(400, code, message)],
            ),
        ]);
        logged_in(&mut project, &script.endpoint());
        let run = project.expect(DEPLOY, 3);
        assert!(run.stderr.contains(said), "{said}\n{}", run.stderr);
        assert!(run.stderr.contains(message), "{message}\n{}", run.stderr);
        nothing_unscripted(&script);
    }
}
