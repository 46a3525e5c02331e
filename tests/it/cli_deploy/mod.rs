//! `s3ferry deploy` over the real binary: two accounts by profiles, the emulator behind a proxy
//! that records every call. What stands afterwards is read with another SDK.

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
/// How long something may take that a test waits for; only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A project whose two accounts lie behind a proxy.
struct Site {
    accounts: Accounts,
    project: Project,
    proxy: FaultProxy,
}

impl Site {
    /// Fresh accounts, and nothing deployed.
    fn new() -> Self {
        Self::with(|config| config)
    }

    /// The same with another configuration, made from the usual one.
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

    /// Runs `s3ferry deploy` and insists on its exit code.
    fn deploy(&self, arguments: &str, code: i32) -> Run {
        self.project.expect(&format!("deploy {arguments}"), code)
    }

    /// Deploys everything, and forgets the calls.
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

    /// What stands in both accounts.
    fn state(&self) -> State {
        let Accounts { dev, prod } = &self.accounts;
        let mut found = states(&[dev, prod]);
        State {
            prod: found.remove(1),
            dev: found.remove(0),
        }
    }

    /// The status of a stack; `None`: there is none.
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

    /// Starts `s3ferry deploy`, and kills it (no signal that it could catch) once the call has
    /// come that the proxy holds.
    fn kill_when_held(&self, arguments: &str) {
        let mut run = self.project.spawn(&format!("deploy {arguments}"));
        let held = self.proxy.wait_until_held(PATIENCE);
        run.kill().expect("killed");
        let output = run.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(held, "deploy {arguments}: the call did not come:\n{said}");
    }

    /// Starts `s3ferry deploy`, asks it to end (SIGTERM) once the call has come that the proxy
    /// holds, lets all other calls pass, and waits for its end.
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
        assert!(held, "deploy {arguments}: the call did not come:\n{said}");
        assert_eq!(output.status.code(), Some(143), "{said}");
        assert!(said.contains("Interrupted."), "{said}");
        // A stack is either executed or not there.
        for (account, stack) in [
            (&self.accounts.dev, DEV_STACK),
            (&self.accounts.prod, PROD_STACK),
        ] {
            let status = self.status(account, stack);
            assert_ne!(status.as_deref(), Some("REVIEW_IN_PROGRESS"), "{said}");
        }
    }

    /// Calls that change something, and that the emulator saw.
    fn writes(&self) -> Vec<String> {
        let calls = self.proxy.calls().into_iter();
        calls
            .filter(|(call, outcome)| is_write(call) && *outcome != Outcome::Refused)
            .map(|(call, _)| call.action)
            .collect()
    }
}

/// What stands in the accounts of a site, as `tests/python/state.py` gives it.
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

    /// The same of any other accounts, to compare: without account IDs and generated ones.
    fn comparable(&self, accounts: &Accounts) -> String {
        let text = format!("{:#}\n{:#}", self.dev, self.prod);
        let text = text
            .replace(&accounts.dev, "DEV")
            .replace(&accounts.prod, "PROD");
        without_uuids(&text)
    }
}

/// What stands in accounts, in their order.
fn states(accounts: &[&str]) -> Vec<Value> {
    states_in(REGION, accounts)
}

/// The same in several regions, separated by commas.
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

/// The text between two marks; empty when they are not there.
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
