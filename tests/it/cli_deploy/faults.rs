//! Every call of a deploy fails once, in each way in which AWS and networks fail.

use std::thread;
use std::time::Duration;

use super::Site;
use crate::emulator::{Fault, Outcome};

const FAULTS: [(&str, Fault); 5] = [
    ("a throttle", Fault::Throttled),
    ("a 500", Fault::Failed),
    ("a dropped connection", Fault::Dropped),
    ("a lost answer", Fault::AnswerLost),
    ("a timeout", Fault::Late(Duration::from_millis(1500))),
];
const DEPLOY: &str = "--profile dev --yes --read-timeout 1s";

/// Returns the state of the accounts after an undisturbed deploy.
fn undisturbed(change: bool) -> String {
    let site = Site::new();
    site.deploy("--all --yes", 0);
    if change {
        reconfigure(&site);
        site.deploy("--all --yes", 0);
    }
    site.state().comparable(&site.accounts)
}

fn reconfigure(site: &Site) {
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    path: v2\n"));
}

/// Deploys while every call fails once. The run succeeds or ends with one clear error, and the next
/// run completes it.
fn disturbed(fault: (&str, Fault), change: bool, expected: &str) {
    let (name, fault) = fault;
    let mut site = Site::new();
    if change {
        site = site.deployed();
        reconfigure(&site);
    }
    site.proxy.each_call_once(fault);
    let run = site.project.run(&format!("deploy {DEPLOY}"));
    let failed = site
        .proxy
        .calls()
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Answered(_)))
        .count();
    assert!(failed >= 10, "{name}: only {failed} calls failed");
    if run.code != 0 {
        assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    }
    site.proxy.reset();
    let again = site.deploy("--all --yes", 0);
    assert_eq!(
        site.state().comparable(&site.accounts),
        expected,
        "{name}\n{}\n{}",
        run.stderr,
        again.stderr
    );
}

fn each_fault(change: bool) {
    let expected = undisturbed(change);
    thread::scope(|scope| {
        for fault in FAULTS {
            let expected = &expected;
            scope.spawn(move || disturbed(fault, change, expected));
        }
    });
}

#[test]
fn a_first_deploy_survives_the_failure_of_every_call() {
    each_fault(false);
}

#[test]
fn an_update_survives_the_failure_of_every_call() {
    each_fault(true);
}
