//! The checks: each compares a kind of thing with what is expected of it, and says what it blocks.

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

/// A finding, and how to recognize what follows from it.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) finding: Finding,
    /// The calls that it can be the reason for.
    pub(super) blocks: Vec<Block>,
    /// Names that AWS's message has when this is the reason for it.
    pub(super) names: Vec<String>,
    /// Steps of a run that fail by it, whatever the policies say.
    pub(super) steps: Vec<Step>,
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
    /// These denied calls: caller, action and resource.
    Calls(Vec<(String, String, String)>),
}

/// Compares everything: the causes, and the numbers of the stacks that are not deployed.
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
    /// Numbers of the stacks that are not deployed: nothing of them is reported by itself.
    absent: Vec<usize>,
    /// Numbers of the stacks that exist without their pipeline.
    unfinished: Vec<usize>,
}

impl Checks<'_> {
    /// Adds an error, which the caller completes.
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

    /// Adds a warning, which the caller completes.
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

    /// An AWS CLI command on a thing, in its account and region.
    fn aws<'c>(&self, on: impl Into<Thing<'c>>, command: Command) -> Fix {
        let on = on.into();
        let profile = self.expected.profile(on.account);
        let command = command
            .maybe("--region", Some(on.region).filter(|text| !text.is_empty()))
            .maybe("--profile", Some(profile).filter(|text| !text.is_empty()));
        Fix::Command(command.to_string())
    }

    /// The command that deploys what the account of a thing lacks.
    fn deploy<'c>(&self, of: impl Into<Thing<'c>>) -> Fix {
        let profile = self.expected.profile(of.into().account);
        run(&["deploy", "--profile", profile])
    }

    /// Whether a deployment without changes of the configuration was checked to leave a stack as it is.
    fn is_unchanged(&self, stack: usize) -> bool {
        let place = self.expected.places.get(stack);
        place.is_some_and(|place| place.reference == Reference::Same)
    }

    /// Whether a stack is deployed, as far as anybody can see.
    fn is_absent(&self, stack: usize) -> bool {
        self.absent.contains(&stack)
    }
}

fn run(words: &[&str]) -> Fix {
    Fix::Run(words.iter().map(|word| (*word).to_owned()).collect())
}

impl Cause {
    /// A warning of which nothing more is known.
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

/// The name of a role, policy or key in its ARN.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
