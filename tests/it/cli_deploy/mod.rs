//! `s3ferry deploy` with the real binary: profiles for two accounts, and an emulator behind a proxy
//! that records every call. Another SDK reads the resulting state.

mod access;
mod calls;
mod execution;
mod existing_policy;
mod failures;
mod faults;
mod fleet;
mod following;
mod handoff;
mod imports;
mod interrupted;
mod killed;
mod outcomes;
mod propagation;
mod races;
mod refusals;
mod replacement;
mod rollback;
mod secrets;
mod states;
mod steps;
mod transition;
mod validation;
mod versions;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::emulator::{Accounts, Call, Emulator, FaultProxy, Outcome};
use crate::support::{Project, Run, python};

const DEV_STACK: &str = "crossaccountdeploy-dev";
const PROD_STACK: &str = "crossaccountdeploy-prod";
const REGION: &str = "us-east-1";
/// The longest time that a test waits. Only a failure takes that long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A project with two accounts behind a proxy.
struct Site {
    accounts: Accounts,
    project: Project,
    proxy: FaultProxy,
}

impl Site {
    /// Creates a site with new accounts and nothing deployed.
    fn new() -> Self {
        Self::with(|config| config)
    }

    /// Creates a site like [`Site::new`], but with a changed configuration.
    fn with(change: impl Fn(String) -> String) -> Self {
        let accounts = Accounts::fresh();
        let proxy = FaultProxy::before(Emulator::shared().address());
        let mut project = Project::with(&change(accounts.config()));
        accounts.log_in(&mut project, &proxy.endpoint());
        project.expect("synth --no-lint --no-prove", 0);
        Self {
            accounts,
            project,
            proxy,
        }
    }

    /// Runs `s3ferry deploy`, and asserts its exit code.
    fn deploy(&self, arguments: &str, code: i32) -> Run {
        self.project.expect(&format!("deploy {arguments}"), code)
    }

    /// Deploys everything, and clears the recorded calls.
    fn deployed(self) -> Self {
        self.deploy("--all --yes", 0);
        self.proxy.reset();
        self
    }

    /// Changes the configuration and its templates.
    fn reconfigure(&self, old: &str, new: &str) {
        let before = self.project.read("s3ferry.yaml");
        assert!(before.contains(old), "{before}");
        self.project.write("s3ferry.yaml", before.replace(old, new));
        self.project.expect("synth --no-lint --no-prove", 0);
    }

    /// Returns the state of both accounts.
    fn state(&self) -> State {
        let Accounts { dev, prod } = &self.accounts;
        let mut found = states(&[dev, prod]);
        State {
            prod: found.remove(1),
            dev: found.remove(0),
        }
    }

    /// Returns the status of a stack, or `None` if it does not exist.
    fn status(&self, account: &str, stack: &str) -> Option<String> {
        let described = Emulator::shared().try_query(
            account,
            "cloudformation",
            &[
                ("Action", "DescribeStacks"),
                ("Version", "2010-05-15"),
                ("StackName", stack),
            ],
        );
        let described = described.ok()?;
        let status = between(&described, "<StackStatus>", "</StackStatus>");
        Some(status.to_owned())
    }

    /// Starts `s3ferry deploy`. When the proxy holds its call, kills it with a signal that it
    /// cannot catch.
    fn kill_when_held(&self, arguments: &str) {
        let mut run = self.project.spawn(&format!("deploy {arguments}"));
        let held = self.proxy.wait_until_held(PATIENCE);
        run.kill().expect("killed");
        let output = run.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(held, "deploy {arguments}: the call was not made:\n{said}");
    }

    /// Starts `s3ferry deploy`, and sends SIGTERM when the proxy holds its call. Lets all other
    /// calls pass, and waits for the end.
    #[cfg(unix)]
    fn terminate_when_held(&self, arguments: &str) {
        let run = self.project.spawn(&format!("deploy {arguments}"));
        let held = self.proxy.wait_until_held(PATIENCE);
        let signalled = Command::new("kill")
            .args(["-TERM", &run.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(signalled.success());
        self.proxy.release();
        let output = run.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(held, "deploy {arguments}: the call was not made:\n{said}");
        assert_eq!(output.status.code(), Some(143), "{said}");
        assert!(said.contains("Interrupted."), "{said}");
        // A stack was either created by an execution or does not exist.
        for (account, stack) in [
            (&self.accounts.dev, DEV_STACK),
            (&self.accounts.prod, PROD_STACK),
        ] {
            let status = self.status(account, stack);
            assert_ne!(status.as_deref(), Some("REVIEW_IN_PROGRESS"), "{said}");
        }
    }

    /// Returns the write calls that the emulator received.
    fn writes(&self) -> Vec<String> {
        let calls = self.proxy.calls().into_iter();
        calls
            .filter(|(call, outcome)| is_write(call) && *outcome != Outcome::Refused)
            .map(|(call, _)| call.action)
            .collect()
    }
}

/// The state of a site's accounts, as `tests/python/state.py` reports it.
#[derive(Debug, PartialEq)]
struct State {
    dev: Value,
    prod: Value,
}

impl State {
    fn dev_stack(&self) -> &Value {
        &self.dev[REGION]["stacks"][DEV_STACK]
    }

    fn prod_stack(&self) -> &Value {
        &self.prod[REGION]["stacks"][PROD_STACK]
    }

    fn key_id(&self) -> &str {
        let id = &self.dev_stack()["outputs"]["DeployKeyId"];
        id.as_str().expect("the key's ID")
    }

    /// Returns the state as text without account IDs and generated IDs, for comparison with other
    /// accounts.
    fn comparable(&self, accounts: &Accounts) -> String {
        let text = format!("{:#}\n{:#}", self.dev, self.prod);
        let text = text
            .replace(&accounts.dev, "DEV")
            .replace(&accounts.prod, "PROD");
        without_uuids(&text)
    }
}

/// Returns the state of accounts, in order.
fn states(accounts: &[&str]) -> Vec<Value> {
    states_in(REGION, accounts)
}

/// Returns the state of accounts in several regions, separated by commas.
fn states_in(regions: &str, accounts: &[&str]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/state.py");
    let output = Command::new(python("python"))
        .args([script, &Emulator::shared().endpoint(), regions])
        .args(accounts)
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    accounts
        .iter()
        .map(|account| found[*account].take())
        .collect()
}

fn is_write(call: &Call) -> bool {
    let reads = ["Get", "List", "Describe", "Validate", "Head"];
    !reads.iter().any(|read| call.action.starts_with(read))
}

/// Returns the text between two marks, or an empty text without them.
fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start)
        .and_then(|(_, rest)| rest.split_once(end))
        .map_or("", |(found, _)| found)
}

/// Replaces every UUID: 8-4-4-4-12 hexadecimal digits.
fn without_uuids(text: &str) -> String {
    const LENGTH: usize = 36;
    let is_uuid = |bytes: &[u8]| {
        bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let mut result = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if rest.as_bytes().get(..LENGTH).is_some_and(is_uuid) {
            result += "UUID";
            rest = &rest[LENGTH..];
        } else {
            result.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    result
}
