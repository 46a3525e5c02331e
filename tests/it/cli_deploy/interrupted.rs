//! Ctrl-C while a stack is followed.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{PATIENCE, Site};
use crate::emulator::Emulator;

#[test]
fn it_stops_following_says_what_goes_on_and_the_next_run_follows_on() {
    let site = Site::new();
    Emulator::shared().slow(&site.accounts.dev, Duration::from_millis(200));
    let run = site.project.spawn("deploy --profile dev --yes");
    let until = Instant::now() + PATIENCE;
    while site.proxy.done("DescribeStackEvents") == 0 {
        assert!(Instant::now() < until, "it follows nothing");
        thread::sleep(Duration::from_millis(10));
    }
    let signalled = Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(signalled.success());
    let output = run.wait_with_output().expect("its output");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(130), "{said}");
    for part in [
        "Interrupted. CloudFormation goes on with stack crossaccountdeploy-dev.",
        "Next: `s3ferry deploy --profile dev` follows it and goes on from there.",
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
