//! A user's environment: profiles and keys, endpoints, certificates, configuration files, and the
//! outputs file. Where the AWS CLI has the same setting, the tests compare it with the program.

mod credentials;
mod endpoints;
mod files;
mod outputs;
mod reads;
mod tls;

use std::process::Command;

use crate::emulator::profiles::SECRET;
use crate::emulator::{Accounts, Emulator, FaultProxy};
use crate::support::{self, Project, Run, python};

/// Access keys that belong to no account in the configuration.
const OTHER: &str = "888888888888";

/// A project in front of a proxy that records the callers.
struct Desk {
    accounts: Accounts,
    project: Project,
    proxy: FaultProxy,
}

impl Desk {
    fn new() -> Self {
        let accounts = Accounts::fresh();
        let proxy = FaultProxy::before(Emulator::shared().address());
        let project = accounts.project(&proxy.endpoint());
        Self {
            accounts,
            project,
            proxy,
        }
    }

    /// Creates such a project with all stacks deployed.
    fn deployed() -> Self {
        let desk = Self::new();
        desk.project.expect("deploy --all --yes", 0);
        desk.proxy.reset();
        desk
    }

    /// Exports access keys.
    fn export_keys(&mut self, access_key_id: &str) {
        self.project.set("AWS_ACCESS_KEY_ID", access_key_id);
        self.project.set("AWS_SECRET_ACCESS_KEY", SECRET);
    }

    /// Runs the program with these arguments.
    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.project.command();
        command.args(arguments);
        support::finish(command)
    }

    /// Returns the access key that signed the first call of the program, or `None` without a call.
    fn caller(&self, arguments: &[&str]) -> Option<String> {
        self.proxy.reset();
        self.run(arguments);
        self.first_caller()
    }

    /// Returns the access key that signed the first call of the AWS CLI, in the same environment.
    fn caller_of_aws_cli(&self, arguments: &[&str]) -> Option<String> {
        self.proxy.reset();
        let _ = self.aws_cli(arguments);
        self.first_caller()
    }

    fn first_caller(&self) -> Option<String> {
        let calls = self.proxy.calls();
        calls.first().map(|(call, _)| call.access_key_id.clone())
    }

    /// Gets the caller identity with the AWS CLI, in the same environment. If it fails, returns its
    /// errors.
    fn aws_cli(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(python("aws"))
            .args(["sts", "get-caller-identity", "--query", "Account"])
            .args(["--output", "text", "--region", "us-east-1"])
            .args(arguments)
            .env_clear()
            .env("LANG", "C.UTF-8")
            // The AWS CLI caches assumed roles there.
            .env("HOME", self.project.path(""))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.project.environment())
            .output()
            .expect("the AWS CLI runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8").trim().to_owned();
        match output.status.success() {
            true => Ok(text(output.stdout)),
            false => Err(text(output.stderr)),
        }
    }
}

/// Asserts that there is one error with these parts, and the exit code.
fn refused(run: &Run, code: i32, parts: &[&str]) {
    assert_eq!(run.code, code, "{}\n{}", run.stdout, run.stderr);
    let errors = run.stderr.lines().filter(|line| line.starts_with("error"));
    assert_eq!(errors.count(), 1, "one error:\n{}", run.stderr);
    for part in parts {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
}
