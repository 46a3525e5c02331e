//! Operations that cannot be followed continue in AWS, and the user is informed.

use std::time::Duration;

use super::{DEV_STACK, Site};
use crate::emulator::{Answer, Emulator, Failure, Fault};

const CONTINUES: &str = "note: the operation on stack crossaccountdeploy-dev continues in CloudFormation; \
     run `s3ferry deploy --profile dev` to resume";

fn refusal(code: &str) -> Fault {
    Fault::Answered(Answer::error(403, code, "said by AWS"))
}

/// Returns faults that make the events of a stack permanently unavailable.
fn without_events() -> [(&'static str, Fault); 5] {
    [
        ("denied", refusal("AccessDenied")),
        ("throttled", Fault::Throttled),
        ("failing", Fault::Failed),
        (
            "a proxy's page",
            Fault::Stranger(503, "text/html", "", "<html>busy</html>"),
        ),
        ("dropped", Fault::Dropped),
    ]
}

#[test]
fn a_stack_is_followed_by_its_status_when_its_events_cannot_be_read() {
    std::thread::scope(|scope| {
        for (name, fault) in without_events() {
            scope.spawn(move || {
                let site = Site::new();
                site.proxy.always("DescribeStackEvents", fault);
                let run = site.deploy("--profile dev --yes", 0);
                let said = &run.stderr;
                assert!(
                    said.contains("Stack crossaccountdeploy-dev was created."),
                    "{name}\n{said}"
                );
                assert!(!said.contains("continues in"), "{name}\n{said}");
                assert!(run.stdout.contains("DeployKeyId"), "{name}\n{}", run.stdout);
                assert_eq!(site.state().dev_stack()["protected"], true, "{name}");
                if name == "denied" {
                    let part = "Following its status instead.";
                    assert_eq!(said.matches(part).count(), 1, "{said}");
                }
            });
        }
    });
}

#[test]
fn an_update_and_a_deletion_are_also_followed_by_their_status() {
    let site = Site::new().deployed();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    path: v2\n"));
    Emulator::shared().slow(&site.accounts.dev, Duration::from_millis(100));
    site.proxy
        .always("DescribeStackEvents", refusal("AccessDenied"));
    let run = site.deploy("--profile dev --yes", 0);
    assert!(run.stderr.contains("was updated."), "{}", run.stderr);
    let status = site.status(&site.accounts.dev, DEV_STACK);
    assert_eq!(status.as_deref(), Some("UPDATE_COMPLETE"));
    Emulator::shared().slow(&site.accounts.dev, Duration::ZERO);
    let confirmed = format!("destroy --profile dev --force --confirm {DEV_STACK}");
    site.project.expect(&confirmed, 0);
    assert_eq!(site.status(&site.accounts.dev, DEV_STACK), None);
}

#[test]
fn a_failure_without_events_has_the_reason_of_the_stack() {
    let site = Site::new();
    let failure = Failure {
        resource_type: "AWS::KMS::Key",
        name: "DeployKey",
        operation: "create",
        reason: "a limit was exceeded",
        after: 0,
    };
    Emulator::shared().fail(&site.accounts.dev, &failure);
    site.proxy
        .always("DescribeStackEvents", refusal("AccessDenied"));
    let run = site.deploy("--profile dev --yes", 1);
    let said = &run.stderr;
    assert!(said.contains("ended in ROLLBACK_COMPLETE"), "{said}");
    assert!(!said.contains("continues in"), "{said}");
}

#[test]
fn the_operation_continues_regardless_of_the_error() {
    for (code, help) in [
        ("ExpiredToken", "log in again"),
        ("AccessDenied", "s3ferry deployer-policy"),
    ] {
        let site = Site::new();
        Emulator::shared().slow(&site.accounts.dev, Duration::from_millis(100));
        site.proxy.always("DescribeStackEvents", refusal(code));
        // The first call precedes the creation of the change set.
        for nth in 2..6 {
            site.proxy.nth("DescribeStacks", nth, refusal(code));
        }
        let run = site.deploy("--profile dev --yes", 3);
        for part in [code, help, CONTINUES] {
            assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
        }
        site.proxy.reset();
        Emulator::shared().slow(&site.accounts.dev, Duration::ZERO);
        let run = site.deploy("--profile dev --yes", 0);
        assert!(run.stderr.contains("No changes."), "{}", run.stderr);
        assert_eq!(site.state().dev_stack()["protected"], true);
    }
}

#[test]
fn the_error_after_a_timeout_shows_the_limit_as_it_was_specified() {
    let site = Site::new();
    Emulator::shared().slow(&site.accounts.dev, Duration::from_secs(2));
    let run = site.deploy("--profile dev --yes --wait-timeout 3s", 1);
    let over = "stack `crossaccountdeploy-dev` is not complete after 3s";
    for part in [over, "--wait-timeout", CONTINUES] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    Emulator::shared().slow(&site.accounts.dev, Duration::ZERO);
    site.deploy("--profile dev --yes", 0);
}

#[test]
fn a_stack_that_is_not_protected_yet_is_named_and_the_next_run_protects_it() {
    for (refused, lacks) in [
        (
            &["SetStackPolicy"][..],
            "was created but has no stack policy: ",
        ),
        (
            &["UpdateTerminationProtection"],
            "was created but has no termination protection: ",
        ),
        (
            &["SetStackPolicy", "UpdateTerminationProtection"],
            "was created but has neither a stack policy nor termination protection: ",
        ),
    ] {
        let site = Site::new();
        for action in refused {
            site.proxy.always(action, refusal("AccessDenied"));
        }
        let run = site.deploy("--profile dev --yes", 3);
        let stack = format!("stack `{DEV_STACK}` {lacks}");
        for part in [&*stack, "run the same command again to protect the stack"] {
            assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
        }
        // The other setting protects the stack.
        let protected = !refused.contains(&"UpdateTerminationProtection");
        assert_eq!(site.state().dev_stack()["protected"], protected);
        let run = site.deploy("--profile dev --yes", 3);
        let stack = format!("stack `{DEV_STACK}` exists but is not fully protected");
        assert!(run.stderr.contains(&stack), "{}", run.stderr);
        site.proxy.reset();
        site.deploy("--profile dev --yes", 0);
        assert_eq!(site.state().dev_stack()["protected"], true);
    }
}

#[test]
fn a_rejected_execution_leaves_neither_a_change_set_nor_an_empty_stack() {
    let site = Site::new();
    site.proxy
        .always("ExecuteChangeSet", refusal("AccessDenied"));
    let run = site.deploy("--profile dev --yes", 3);
    for part in ["ExecuteChangeSet failed", "without executing it"] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert!(!run.stderr.contains("continues in"), "{}", run.stderr);
    assert_eq!(site.status(&site.accounts.dev, DEV_STACK), None);

    let site = Site::new().deployed();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    path: v2\n"));
    site.proxy
        .always("ExecuteChangeSet", refusal("AccessDenied"));
    site.deploy("--profile dev --yes", 3);
    assert_eq!(change_sets(&site), 0);
    // A change set that cannot be deleted is named.
    site.proxy
        .always("DeleteChangeSet", refusal("AccessDenied"));
    let run = site.deploy("--profile dev --yes", 3);
    for part in [
        "Cannot delete the unexecuted change set",
        "DeleteChangeSet failed",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert_eq!(change_sets(&site), 1);
}

#[test]
fn an_unreadable_change_set_is_deleted() {
    let site = Site::new();
    site.proxy
        .always("DescribeChangeSet", refusal("AccessDenied"));
    site.deploy("--profile dev --yes", 3);
    assert_eq!(site.status(&site.accounts.dev, DEV_STACK), None);
}

/// Returns how many change sets of the dev stack can be executed.
fn change_sets(site: &Site) -> usize {
    let listed = Emulator::shared().aws(
        &site.accounts.dev,
        &format!("cloudformation list-change-sets --stack-name {DEV_STACK}"),
    );
    let all = listed["Summaries"].as_array().cloned().unwrap_or_default();
    let open = all
        .iter()
        .filter(|one| one["ExecutionStatus"] == "AVAILABLE");
    open.count()
}

#[test]
fn a_stale_description_after_the_end_is_read_again() {
    let site = Site::new();
    site.deploy("--profile dev --yes", 0);
    let last = site.proxy.done("DescribeStacks");
    let site = Site::new();
    let stale = |status: &str| {
        Fault::Answered(Answer::query(format!(
            "<Stacks><member><StackName>{DEV_STACK}</StackName><StackStatus>{status}</StackStatus>\
             <CreationTime>2026-01-01T00:00:00.000Z</CreationTime></member></Stacks>"
        )))
    };
    site.proxy
        .nth("DescribeStacks", last, stale("CREATE_IN_PROGRESS"));
    site.proxy
        .nth("DescribeStacks", last + 1, stale("REVIEW_IN_PROGRESS"));
    let run = site.deploy("--profile dev --yes", 0);
    assert!(
        run.stdout.contains("DeployKeyId"),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
    assert_eq!(site.proxy.done("DescribeStacks"), last);
    let outputs = site.project.read(".s3ferry/outputs.json");
    assert!(outputs.contains("DeployKeyId"), "{outputs}");
}

#[test]
fn a_closed_pipe_does_not_end_the_deployment() {
    let site = Site::new();
    Emulator::shared().slow(&site.accounts.dev, Duration::from_millis(50));
    let mut run = site.project.spawn("deploy --profile dev --yes");
    drop(run.stdout.take());
    drop(run.stderr.take());
    let status = run.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    let state = site.state();
    assert_eq!(state.dev_stack()["status"], "CREATE_COMPLETE");
    assert_eq!(state.dev_stack()["protected"], true);
    Emulator::shared().slow(&site.accounts.dev, Duration::ZERO);
}

#[test]
fn a_long_wait_prints_progress_without_a_terminal() {
    let site = Site::new();
    // The creation of the first resource takes longer than the time without output.
    Emulator::shared().slow(&site.accounts.dev, Duration::from_secs(27));
    let run = site.deploy("--profile dev --yes --wait-timeout 30s", 1);
    let waiting = "Still waiting for the stack crossaccountdeploy-dev (";
    assert!(run.stderr.contains(waiting), "{}", run.stderr);
    Emulator::shared().slow(&site.accounts.dev, Duration::ZERO);
}
