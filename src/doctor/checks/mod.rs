//! The checks: each compares a kind of thing with what is expected of it, and says what it blocks.

mod buckets;
mod failures;
mod keys;
mod pipelines;
mod policies;
mod roles;
mod rules;
mod stacks;

use serde_json::Value as Json;

use super::diagnose::Repair;
use super::expected::Expected;
use super::finding::{Finding, Fix};
use super::live::Live;
use crate::escape;
use crate::lint::Severity;
use crate::shell::{Command, word};

/// A finding, and how to recognize what follows from it.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) finding: Finding,
    /// The calls that it can be the reason for.
    pub(super) blocks: Vec<Block>,
    /// Names that AWS's message has when this is the reason for it.
    pub(super) names: Vec<String>,
    /// Steps of a run that fail by it, whatever the policies say.
    pub(super) steps: Vec<&'static str>,
    /// Of a failed execution: the failure is known, and a denied call is not the reason.
    pub(super) is_known: bool,
    pub(super) repair: Option<Repair>,
}

/// A kind of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// Every call of a role, by its ARN: it is not there.
    Caller(String),
    /// Every call on a thing: a role or key by its ARN, a bucket by its ARN with its objects.
    Resource(String),
    /// Every call that encrypts or decrypts with a key, by its ARN: the key is not to be used.
    Use(String),
    /// Every denied call on a thing: a key by its ARN.
    Denied(String),
    /// The denied calls that this thing's own policy is one reason for: trust, key, bucket policy.
    ResourcePolicy(String),
    /// The attacks that this thing's own policy lets through.
    Admits(String),
    /// The denied calls that a role's own policies are one reason for.
    Identity(String),
    /// The denied calls that a role's boundary is one reason for.
    Boundary(String),
}

/// Compares everything.
pub(super) fn causes(expected: &Expected, live: &Live) -> Vec<Cause> {
    let mut checks = Checks {
        expected,
        live,
        causes: Vec::new(),
        absent: Vec::new(),
        unfinished: Vec::new(),
    };
    checks.stacks();
    checks.roles();
    checks.keys();
    checks.buckets();
    checks.pipelines();
    checks.rules();
    checks.causes
}

struct Checks<'a> {
    expected: &'a Expected,
    live: &'a Live,
    causes: Vec<Cause>,
    /// Numbers of the stacks that were never deployed: nothing of them is reported by itself.
    absent: Vec<usize>,
    /// Numbers of the stacks that stand without their pipeline.
    unfinished: Vec<usize>,
}

impl Checks<'_> {
    /// Adds a cause, which the caller completes.
    fn add(
        &mut self,
        rule: &'static str,
        severity: Severity,
        account: &str,
        resource: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Cause {
        let at = self.causes.len();
        self.causes.push(Cause {
            finding: Finding {
                rule,
                severity,
                account: account.to_owned(),
                resource: resource.into(),
                message: message.into(),
                fixes: Vec::new(),
                consequences: Vec::new(),
            },
            blocks: Vec::new(),
            names: Vec::new(),
            steps: Vec::new(),
            is_known: false,
            repair: None,
        });
        &mut self.causes[at]
    }

    /// An AWS CLI command in an account. Values in `command` are words of a shell already.
    fn aws(&self, account: &str, region: &str, command: &str) -> Fix {
        let given = |value: &'_ str| (!value.is_empty()).then(|| value.to_owned());
        let command = Command::aws(command)
            .maybe("--region", given(region))
            .maybe("--profile", given(self.expected.profile(account)));
        Fix::Command(command.to_string())
    }

    /// The command that deploys what an account lacks.
    fn deploy(&self, account: &str) -> Fix {
        let profile = self.expected.profile(account);
        Fix::Command(
            Command::s3ferry("deploy")
                .option("--profile", profile)
                .to_string(),
        )
    }
}

impl Cause {
    fn fix(&mut self, fix: Fix) -> &mut Self {
        self.finding.fixes.push(fix);
        self
    }

    fn advise(&mut self, text: impl Into<String>) -> &mut Self {
        self.fix(Fix::Advice(text.into()))
    }

    fn blocking(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }

    fn named(&mut self, name: &str) -> &mut Self {
        self.names.push(name.to_owned());
        self
    }
}

/// The name of a role, policy or key in its ARN.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// JSON on one line, as one word of a shell.
fn quoted(document: &Json) -> String {
    word(&escape::json(&document.to_string()))
}
