//! Signals while a command follows a stack, and before: Ctrl-C, `kill`, and a closed terminal.

use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{DEV_STACK, PATIENCE, Site};
use crate::emulator::Emulator;
use crate::support::ignores_hangups;

/// Returns the signals that end a command, each with its exit code.
fn signals() -> Vec<(&'static str, i32)> {
    let mut found = vec![("INT", 130), ("TERM", 143)];
    if !ignores_hangups() {
        found.push(("HUP", 129));
    }
    found
}

fn signal(name: &str, run: &Child) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &run.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success());
}

/// Waits until the command follows a stack.
fn wait_until_followed(site: &Site) {
    let until = Instant::now() + PATIENCE;
    while site.proxy.done("DescribeStackEvents") == 0 {
        assert!(
            Instant::now() < until,
            "the command does not follow a stack"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

fn ended(run: Child, code: i32) -> String {
    let Output { status, stderr, .. } = run.wait_with_output().expect("its output");
    let said = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(code), "{said}");
    said
}

#[test]
fn each_signal_stops_following_and_the_next_run_resumes() {
    for (name, code) in signals() {
        let site = Site::new();
        Emulator::shared().slow(&site.accounts.dev, Duration::from_millis(200));
        let run = site.project.spawn("deploy --profile dev --yes");
        wait_until_followed(&site);
        signal(name, &run);
        let said = ended(run, code);
        for part in [
            "Interrupted. The operation on stack crossaccountdeploy-dev continues in \
             CloudFormation.",
            "Next: run `s3ferry deploy --profile dev` to resume.",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
        Emulator::shared().slow(&site.accounts.dev, Duration::ZERO);
        let run = site.deploy("--profile dev --yes", 0);
        assert!(run.stderr.contains("No changes."), "{}", run.stderr);
        let state = site.state();
        assert_eq!(
            state.dev_stack()["operations"],
            json!(["CREATE_IN_PROGRESS"])
        );
        assert_eq!(state.dev_stack()["protected"], true);
    }
}

#[test]
fn each_signal_removes_an_unexecuted_change_set() {
    for (name, code) in signals() {
        for command in ["deploy --profile dev --yes", "diff --profile dev"] {
            let site = Site::new();
            // The change set was only requested.
            site.proxy.hold_at(Some("DescribeChangeSet"), 1, false);
            let run = site.project.spawn(command);
            assert!(site.proxy.wait_until_held(PATIENCE), "{command}");
            let status = site.status(&site.accounts.dev, DEV_STACK);
            assert_eq!(status.as_deref(), Some("REVIEW_IN_PROGRESS"));
            site.proxy.release();
            signal(name, &run);
            let said = ended(run, code);
            assert!(said.contains("Interrupted."), "{said}");
            assert!(said.contains("without executing it."), "{said}");
            assert_eq!(
                site.status(&site.accounts.dev, DEV_STACK),
                None,
                "{command}"
            );
        }
    }
}

/// With `nohup`, a command outlives its terminal.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_the_caller_ignores_stays_ignored() {
    let site = Site::new();
    Emulator::shared().slow(&site.accounts.dev, Duration::from_millis(100));
    let run = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" deploy --profile dev --yes"])
        .arg(env!("CARGO_BIN_EXE_s3ferry"))
        .current_dir(site.project.path(""))
        .env_clear()
        .envs(site.project.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    wait_until_followed(&site);
    signal("HUP", &run);
    let said = ended(run, 0);
    assert!(said.contains("was created."), "{said}");
    Emulator::shared().slow(&site.accounts.dev, Duration::ZERO);
}
