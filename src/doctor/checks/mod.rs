//! The checks. Each one compares one kind of resource with the expected state, and records the
//! calls that a difference blocks.

mod buckets;
mod definition;
mod failures;
mod keys;
mod pipelines;
mod policies;
mod roles;
mod rules;
mod stacks;
mod thing;

use super::expected::{Expected, Reference};
use super::finding::{Finding, Fix, Repair, Rule};
use super::live::Live;
use crate::diagnostic::Severity;
use crate::run::Step;
use crate::shell::Command;
pub(super) use thing::Thing;

/// A finding with the data to recognize its consequences.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) finding: Finding,
    /// The calls that it can cause to fail.
    pub(super) blocks: Vec<Block>,
    /// The names in an AWS error message that point to this cause.
    pub(super) names: Vec<String>,
    /// The steps of an execution that fail because of this cause, regardless of the policies.
    pub(super) steps: Vec<Step>,
    /// For a failed execution: whether the failure is known not to be a denied call.
    pub(super) is_known: bool,
    pub(super) repair: Option<Repair>,
}

/// A set of calls that a cause blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// Every call that a role makes. The role is identified by its ARN.
    Caller(String),
    /// Every call on a resource: a role or key by its ARN, or a bucket and its objects by the
    /// bucket name.
    Resource(String),
    /// Every call that encrypts or decrypts with an unusable key, by its ARN.
    Use(String),
    /// Every denied call on a key, by its ARN.
    Denied(String),
    /// The denied calls to which the trust, key, or bucket policy of this resource contributes.
    ResourcePolicy(String),
    /// The attacks that the policy of this resource allows.
    Admits(String),
    /// The denied calls to which the policies of a role contribute.
    Identity(String),
    /// The denied calls to which the permissions boundary of a role contributes.
    Boundary(String),
    /// These denied calls: caller, action, and resource.
    Calls(Vec<(String, String, String)>),
}

/// Runs all checks. Returns the causes and the indexes of the stacks that are not deployed.
pub(super) fn causes(expected: &Expected, live: &Live) -> (Vec<Cause>, Vec<usize>) {
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
    (checks.causes, checks.absent)
}

struct Checks<'a> {
    expected: &'a Expected,
    live: &'a Live,
    causes: Vec<Cause>,
    /// Indexes of the stacks that are not deployed. Their resources are not reported separately.
    absent: Vec<usize>,
    /// Indexes of the stacks that exist without their pipeline.
    unfinished: Vec<usize>,
}

impl Checks<'_> {
    /// Adds an error for the caller to complete.
    fn error<'c>(
        &mut self,
        rule: Rule,
        of: impl Into<Thing<'c>>,
        message: impl Into<String>,
    ) -> &mut Cause {
        let cause = self.warn(rule, of, message);
        cause.finding.severity = Severity::Error;
        cause
    }

    /// Adds a warning for the caller to complete.
    fn warn<'c>(
        &mut self,
        rule: Rule,
        of: impl Into<Thing<'c>>,
        message: impl Into<String>,
    ) -> &mut Cause {
        let at = self.causes.len();
        self.causes.push(Cause::new(rule, of, message.into()));
        &mut self.causes[at]
    }

    /// Returns an AWS CLI command with the profile and the region of a resource.
    fn aws<'c>(&self, on: impl Into<Thing<'c>>, command: Command) -> Fix {
        let on = on.into();
        let profile = self.expected.profile(on.account);
        let command = command
            .maybe("--region", Some(on.region).filter(|text| !text.is_empty()))
            .maybe("--profile", Some(profile).filter(|text| !text.is_empty()));
        Fix::Command(command.to_string())
    }

    /// Returns the command that deploys the stacks in the account of a resource.
    fn deploy<'c>(&self, of: impl Into<Thing<'c>>) -> Fix {
        let profile = self.expected.profile(of.into().account);
        run(&["deploy", "--profile", profile])
    }

    /// Returns whether the deployed template of a stack is known to match the configuration.
    fn is_unchanged(&self, stack: usize) -> bool {
        let place = self.expected.places.get(stack);
        place.is_some_and(|place| place.reference == Reference::Same)
    }

    /// Returns whether a stack is known not to be deployed.
    fn is_absent(&self, stack: usize) -> bool {
        self.absent.contains(&stack)
    }
}

fn run(words: &[&str]) -> Fix {
    Fix::Run(words.iter().map(|word| (*word).to_owned()).collect())
}

impl Cause {
    /// Creates a warning without further details.
    pub(super) fn new<'c>(rule: Rule, of: impl Into<Thing<'c>>, message: String) -> Self {
        let of = of.into();
        Self {
            finding: Finding {
                message,
                ..Finding::new(rule, Severity::Warning, of.account, of.shown)
            },
            blocks: Vec::new(),
            names: Vec::new(),
            steps: Vec::new(),
            is_known: false,
            repair: None,
        }
    }

    fn fix(&mut self, fix: Fix) -> &mut Self {
        self.finding.fixes.push(fix);
        self
    }

    fn fixes(&mut self, fixes: impl IntoIterator<Item = Fix>) -> &mut Self {
        self.finding.fixes.extend(fixes);
        self
    }

    fn advise(&mut self, text: impl Into<String>) -> &mut Self {
        self.fix(Fix::Advice(text.into()))
    }

    fn blocking(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }

    fn failing(&mut self, steps: impl IntoIterator<Item = Step>) -> &mut Self {
        self.steps.extend(steps);
        self
    }

    fn named(&mut self, name: &str) -> &mut Self {
        self.names.push(name.to_owned());
        self
    }
}

/// Returns the name of a role, policy, or key from its ARN.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
