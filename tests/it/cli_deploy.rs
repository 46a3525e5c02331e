//! `s3ferry deploy` against the emulator: the real binary, two accounts by profiles.

use std::time::Duration;

use crate::emulator::{Accounts, Emulator, FaultProxy, Outcome};

const ALL: &str = "deploy --all --yes";

#[test]
fn everything_is_deployed_in_order_and_a_second_run_changes_nothing() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect(ALL, 0);
    let executed: Vec<String> = proxy
        .calls()
        .into_iter()
        .filter(|(call, _)| call.action == "ExecuteChangeSet")
        .map(|(call, _)| call.access_key_id)
        .collect();
    assert_eq!(executed, [&*accounts.dev, &*accounts.prod, &*accounts.dev]);
    let get = "codepipeline get-pipeline --name crossaccountdeploy";
    let pipeline = emulator.aws(&accounts.dev, get);
    assert_eq!(
        pipeline["pipeline"]["stages"][1]["actions"][0]["configuration"]["BucketName"],
        format!("output-{}", accounts.prod)
    );
    proxy.reset();
    project.expect(ALL, 0);
    assert_eq!(proxy.done("ExecuteChangeSet"), 0);
}

#[test]
fn a_run_that_is_killed_is_completed_by_the_next() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    // At the call that executes dev's change set, which AWS does all the same.
    let place = {
        project.expect(&format!("{ALL} --dry-run"), 0);
        let actions = proxy.actions();
        let created = actions
            .iter()
            .position(|action| action == "CreateChangeSet");
        created.expect("a change set") + 3
    };
    proxy.reset();
    proxy.hold(place, true);
    let mut killed = project.spawn(ALL);
    assert!(proxy.wait_until_held(Duration::from_secs(60)));
    killed.kill().expect("killed");
    killed.wait().expect("ended");
    let lost = proxy
        .calls()
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Lost)
        .count();
    assert_eq!(lost, 1);
    proxy.reset();
    project.expect(ALL, 0);
    let get = "codepipeline get-pipeline --name crossaccountdeploy";
    let pipeline = emulator.aws(&accounts.dev, get);
    assert_eq!(pipeline["pipeline"]["version"], 1);
}
