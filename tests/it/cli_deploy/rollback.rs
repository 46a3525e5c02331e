//! `s3ferry rollback` continues a failed rollback, or cancels a running update.

use std::thread;
use std::time::{Duration, Instant};

use super::states::{failure, wait_for};
use super::{DEV_STACK, PATIENCE, Site};
use crate::emulator::{Emulator, Failure};
use crate::schemas::conforms;

/// Returns a site whose dev stack is in UPDATE_ROLLBACK_FAILED, because the change of the key could
/// not be reverted. The next `further` attempts also fail.
fn failed_rollback(further: usize) -> Site {
    let site = Site::new().deployed();
    let dev = &site.accounts.dev;
    site.reconfigure(
        "  source:\n",
        "  key:\n    deletion_window_days: 20\n  source:\n    object_key: other.zip\n",
    );
    let emulator = Emulator::shared();
    emulator.fail(
        dev,
        &failure("update", "AWS::IAM::ManagedPolicy", "-source"),
    );
    for _ in 0..=further {
        emulator.fail(
            dev,
            &Failure {
                after: 1,
                ..failure("update", "AWS::KMS::Key", "")
            },
        );
    }
    site.deploy("--profile dev --yes", 1);
    assert_eq!(
        site.status(dev, DEV_STACK).as_deref(),
        Some("UPDATE_ROLLBACK_FAILED")
    );
    site.proxy.reset();
    site
}

#[test]
fn a_failed_rollback_is_continued_after_a_confirmation() {
    let site = failed_rollback(0);
    let run = site.project.expect("rollback --profile dev", 2);
    for part in [
        "Stack crossaccountdeploy-dev in account",
        "is in UPDATE_ROLLBACK_FAILED.",
        "DeployKey        AWS::KMS::Key  because the test says so",
        "then use --yes",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert!(site.writes().is_empty(), "{:?}", site.writes());
    let run = site.project.expect("rollback --all --yes --format json", 0);
    let result = conforms("rollback", &run.stdout);
    assert_eq!(result["stacks"][0]["result"], "rolledBack");
    assert_eq!(
        result["stacks"][0]["notRolledBack"][0]["resource"],
        "DeployKey"
    );
    assert_eq!(result["stacks"][1]["result"], "nothing");
    assert_eq!(site.writes(), ["ContinueUpdateRollback"]);
    // Only the events of this attempt are shown.
    assert!(!run.stderr.contains("UPDATE_FAILED"), "{}", run.stderr);
    assert_eq!(
        site.status(&site.accounts.dev, DEV_STACK).as_deref(),
        Some("UPDATE_ROLLBACK_COMPLETE")
    );
    site.deploy("--profile dev --yes", 0);
}

#[test]
fn a_repeated_failure_is_reported_and_the_resource_can_be_skipped() {
    let site = failed_rollback(1);
    let run = site.project.expect("rollback --profile dev --yes", 1);
    for part in [
        "ended in UPDATE_ROLLBACK_FAILED: DeployKey (AWS::KMS::Key) failed: because the test says so",
        "add `--skip DeployKey`",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    let run = site
        .project
        .expect("rollback --profile dev --yes --skip SourceBucket", 2);
    for part in [
        "cannot skip `SourceBucket`: its rollback did not fail",
        "the rollback failed for: DeployKey",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    let run = site.project.expect(
        "rollback --profile dev --yes --skip DeployKey --format json",
        0,
    );
    let warning = "Warning: CloudFormation does not change DeployKey and marks it as rolled back.";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    let result = conforms("rollback", &run.stdout);
    assert_eq!(result["stacks"][0]["skipped"][0], "DeployKey");
    assert_eq!(
        site.status(&site.accounts.dev, DEV_STACK).as_deref(),
        Some("UPDATE_ROLLBACK_COMPLETE")
    );
}

#[test]
fn a_running_update_is_canceled_and_followed_to_the_end_of_its_rollback() {
    let site = Site::new().deployed();
    let dev = &site.accounts.dev;
    // A tag changes every resource, so the update does not end before it is canceled.
    site.reconfigure("targets:\n", "tags:\n  team: web\ntargets:\n");
    Emulator::shared().slow(dev, Duration::from_secs(3));
    site.proxy.hold_at(Some("ExecuteChangeSet"), 1, true);
    site.kill_when_held("--profile dev --yes");
    wait_for(&site, "UPDATE_IN_PROGRESS");
    site.proxy.reset();
    let status = site.project.expect("status", 0);
    let next = "`s3ferry rollback --profile dev` cancels the update";
    assert!(status.stdout.contains(next), "{}", status.stdout);
    let run = site.project.spawn("rollback --profile dev --yes");
    let until = Instant::now() + PATIENCE;
    while site.proxy.done("CancelUpdateStack") == 0 {
        assert!(Instant::now() < until, "no update was canceled");
        thread::sleep(Duration::from_millis(20));
    }
    Emulator::shared().slow(dev, Duration::ZERO);
    let output = run.wait_with_output().expect("its output");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "is in UPDATE_IN_PROGRESS: the update can be canceled.",
        "Stack crossaccountdeploy-dev was rolled back.",
        "`s3ferry diff --profile dev`",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(site.writes(), ["CancelUpdateStack"]);
    assert_eq!(
        site.status(dev, DEV_STACK).as_deref(),
        Some("UPDATE_ROLLBACK_COMPLETE")
    );
    site.deploy("--profile dev --yes", 0);
}

#[test]
fn without_a_rollback_nothing_is_done_and_the_next_step_is_named() {
    let site = Site::new();
    let run = site.project.expect("rollback --profile dev", 0);
    assert!(run.stderr.contains("does not exist"), "{}", run.stderr);
    site.deploy("--profile dev --yes", 0);
    site.proxy.reset();
    let run = site.project.expect("rollback --profile dev", 0);
    assert!(
        run.stderr
            .contains("is in CREATE_COMPLETE: there is nothing to roll back."),
        "{}",
        run.stderr
    );
    let run = site
        .project
        .expect("rollback --profile dev --skip DeployKey", 2);
    assert!(
        run.stderr.contains("no rollback failed: remove the option"),
        "{}",
        run.stderr
    );
    assert!(site.writes().is_empty(), "{:?}", site.writes());
    let run = site.project.expect("rollback", 2);
    assert!(run.stderr.contains("--profile"), "{}", run.stderr);
}
