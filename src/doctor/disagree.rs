//! Finds deployed stacks that do not match: they were deployed from different configurations, or
//! one of them has an outdated value.

use std::collections::BTreeMap;

use super::checks::{Block, Cause};
use super::expected::{Expected, Place, Reference};
use super::explain::caller_of;
use super::finding::{Fix, Rule};
use super::live::{Live, Reading, Stack};
use crate::definition::model::{ActionPart, actions};
use crate::policy::document::Arn;
use crate::proof::Proof;
use crate::stacks::DEPLOY_ROLE_ARN;

const OUTPUT_BUCKET: &str = "OutputBucketName";

/// Compares each stack with the dev stack. `intended` is the proof of the deployed templates. A
/// call that this proof denies fails regardless of the live policies.
pub(super) fn disagreements(expected: &Expected, live: &Live, intended: &Proof) -> Vec<Cause> {
    let read = |number: usize| {
        let place = expected.places.get(number)?;
        let is_read = !matches!(place.reference, Reference::Local | Reference::Absent);
        let stack = live.stacks.get(&number).and_then(Reading::read)?;
        is_read.then_some((place, stack))
    };
    let Some((dev, dev_stack)) = read(0) else {
        return Vec::new();
    };
    // The outputs of a transitional stack cover only some of its permissions. Calls that its
    // template denies are separate findings.
    let is_complete = |place: &Place| place.reference != Reference::Transitional;
    if !is_complete(dev) {
        return Vec::new();
    }
    let denied = denied(expected, intended);
    (1..expected.places.len())
        .filter_map(|number| {
            let (place, stack) = read(number).filter(|(place, _)| is_complete(place))?;
            let mut cause = Disagreement::new(dev, place);
            cause.parameters(dev_stack, stack);
            cause.names(expected, live, stack);
            let calls = denied.get(&(place.template.clone(), place.account.clone()));
            if cause.reasons.is_empty() {
                calls?;
                // Templates of the same configuration match.
                if !(dev.reference.differs() || place.reference.differs()) {
                    return None;
                }
                cause.reasons.push(format!(
                    "its template and the template of stack {} come from different configurations",
                    dev.stack
                ));
            }
            if let Some(calls) = calls {
                cause.blocks.push(Block::Calls(calls.clone()));
            }
            Some(cause.cause())
        })
        .collect()
}

type Calls = Vec<(String, String, String)>;

/// Returns the calls that the deployed templates deny, by the target and by the account of the role
/// or resource.
fn denied(expected: &Expected, intended: &Proof) -> BTreeMap<(String, String), Calls> {
    let mut found: BTreeMap<(String, String), Calls> = BTreeMap::new();
    for (decided, _) in intended.denied() {
        let call = &decided.call;
        let Some(target) = &call.target else { continue };
        let places = expected.places.iter();
        for place in places.filter(|place| place.template == *target) {
            let caller = expected.with_ids(&caller_of(&call.caller));
            let is_here = [&*caller, &*call.resource, call.owner()]
                .iter()
                .any(|text| {
                    *text == place.account
                        || Arn::parse(text).is_some_and(|arn| arn.account == place.account)
                });
            if is_here {
                let key = (target.clone(), place.account.clone());
                let resource = expected.with_ids(&call.resource);
                let call = (caller.clone(), call.action.clone(), resource);
                found.entry(key).or_default().push(call);
            }
        }
    }
    found
}

struct Disagreement<'p> {
    dev: &'p Place,
    place: &'p Place,
    /// Whether the parameters of `place` are outdated.
    is_behind: bool,
    reasons: Vec<String>,
    blocks: Vec<Block>,
}

impl<'p> Disagreement<'p> {
    fn new(dev: &'p Place, place: &'p Place) -> Self {
        Self {
            dev,
            place,
            is_behind: false,
            reasons: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// Compares the parameters of a stack with the outputs of the dev stack.
    fn parameters(&mut self, dev: &Stack, stack: &Stack) {
        for (name, value) in &stack.parameters {
            if let Some(now) = dev.outputs.get(name).filter(|now| *now != value) {
                self.is_behind = true;
                self.reasons.push(format!(
                    "it was deployed with {name} {value}, but stack {} now has {now}",
                    self.dev.stack
                ));
            }
        }
    }

    /// Compares the role and the bucket of a target with those that the dev stack's pipeline names.
    fn names(&mut self, expected: &Expected, live: &Live, stack: &Stack) {
        let Some(role) = stack.outputs.get(DEPLOY_ROLE_ARN) else {
            return;
        };
        let others: Vec<&String> = (live.stacks.values())
            .filter_map(Reading::read)
            .filter_map(|stack| stack.outputs.get(DEPLOY_ROLE_ARN))
            .collect();
        let mut deploys = Vec::new();
        for pipeline in expected.pipelines() {
            let found = actions(&pipeline.properties).filter(ActionPart::is_s3_deploy);
            deploys.extend(found.filter_map(|action| {
                let region = action.text("Region").unwrap_or(&pipeline.region);
                let bucket = action.setting_text("BucketName").unwrap_or_default();
                Some((action.text("RoleArn")?, region, bucket))
            }));
        }
        let place = self.place;
        // An unused role is a disagreement only if every stack in the account was read.
        let mut siblings = expected
            .places
            .iter()
            .filter(|one| one.account == place.account);
        let is_used = deploys.iter().any(|(used, ..)| used == role)
            || siblings.any(|one| one.reference == Reference::Local);
        let dev = &self.dev.stack;
        for (used, region, bucket) in deploys {
            let is_here = Arn::parse(used).is_some_and(|arn| arn.account == place.account)
                && region == place.region;
            if is_here && !is_used && !others.iter().any(|other| *other == used) {
                self.reasons.push(format!(
                    "it has the role {role}, but stack {dev} uses {used}"
                ));
                self.blocks.push(Block::Caller(used.to_owned()));
                self.blocks.push(Block::Resource(used.to_owned()));
            }
            let own = stack.outputs.get(OUTPUT_BUCKET);
            if let Some(own) =
                own.filter(|own| used == *role && region == place.region && **own != bucket)
            {
                self.reasons.push(format!(
                    "it has the bucket {own}, but stack {dev} uses {bucket}"
                ));
                self.blocks.push(Block::Resource(bucket.to_owned()));
            }
        }
    }

    fn cause(self) -> Cause {
        let fixes = self.fixes();
        let message = self.reasons.join("; ");
        // If calls fail because of this cause, the warning becomes an error.
        let mut cause = Cause::new(Rule::Disagree, self.place, message);
        cause.finding.fixes = fixes;
        cause.names.push(self.place.stack.clone());
        cause.blocks = self.blocks;
        cause
    }

    /// Returns the commands that deploy the outdated stack.
    fn fixes(&self) -> Vec<Fix> {
        let (dev, place) = (self.dev.reference.differs(), self.place.reference.differs());
        let selected = match (dev, place) {
            _ if self.is_behind && !dev => vec!["--profile", self.place.profile.as_str()],
            (true, true) => vec!["--all"],
            (true, false) => vec!["--profile", self.dev.profile.as_str()],
            (false, _) => vec!["--profile", self.place.profile.as_str()],
        };
        let run = |command: &str| {
            let words = std::iter::once(command).chain(selected.iter().copied());
            Fix::Run(words.map(str::to_owned).collect())
        };
        let mut fixes = Vec::new();
        if dev || place {
            fixes.push(Fix::Advice(
                "review the differences from the configuration, then deploy:".to_owned(),
            ));
            fixes.push(run("diff"));
        } else {
            fixes.push(Fix::Advice(
                "deploy it again with the current values of the dev stack:".to_owned(),
            ));
        }
        fixes.push(run("deploy"));
        fixes
    }
}
