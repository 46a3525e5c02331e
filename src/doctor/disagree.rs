//! Deployed stacks that do not fit together: one was deployed from another configuration, or with
//! another value, than the other one expects.

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

/// Compares each stack with the dev stack. `intended` is the proof of the deployed templates: a call
/// that these deny fails whatever else is right.
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
    // The outputs of a transitional stack name only a part of what it grants. What its template denies
    // is a finding of its own.
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
                // Templates of one configuration fit together.
                if !(dev.reference.differs() || place.reference.differs()) {
                    return None;
                }
                cause.reasons.push(format!(
                    "its template and that of stack {} are of different configurations",
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

/// The calls that the deployed templates deny, by the target and the account of the role or the
/// resource.
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
    /// Whether its own parameters are out of date.
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

    /// Values that a stack took from the dev stack, which has others now.
    fn parameters(&mut self, dev: &Stack, stack: &Stack) {
        for (name, value) in &stack.parameters {
            if let Some(now) = dev.outputs.get(name).filter(|now| *now != value) {
                self.is_behind = true;
                self.reasons.push(format!(
                    "it was deployed with {name} {value}, and stack {} has {now}",
                    self.dev.stack
                ));
            }
        }
    }

    /// The role and the bucket of a target, which the dev stack's pipeline names.
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
        // A role that is not used is another one's only where every stack beside it was read.
        let mut beside = expected
            .places
            .iter()
            .filter(|one| one.account == place.account);
        let is_used = deploys.iter().any(|(used, ..)| used == role)
            || beside.any(|one| one.reference == Reference::Local);
        let dev = &self.dev.stack;
        for (used, region, bucket) in deploys {
            let is_here = Arn::parse(used).is_some_and(|arn| arn.account == place.account)
                && region == place.region;
            if is_here && !is_used && !others.iter().any(|other| *other == used) {
                self.reasons.push(format!(
                    "it has the role {role}, and stack {dev} names {used}"
                ));
                self.blocks.push(Block::Caller(used.to_owned()));
                self.blocks.push(Block::Resource(used.to_owned()));
            }
            let own = stack.outputs.get(OUTPUT_BUCKET);
            if let Some(own) =
                own.filter(|own| used == *role && region == place.region && **own != bucket)
            {
                self.reasons.push(format!(
                    "it has the bucket {own}, and stack {dev} names {bucket}"
                ));
                self.blocks.push(Block::Resource(bucket.to_owned()));
            }
        }
    }

    fn cause(self) -> Cause {
        let fixes = self.fixes();
        let message = self.reasons.join("; ");
        // The calls that fail by it make it an error.
        let mut cause = Cause::new(Rule::Disagree, self.place, message);
        cause.finding.fixes = fixes;
        cause.names.push(self.place.stack.clone());
        cause.blocks = self.blocks;
        cause
    }

    /// The stack that is behind is deployed.
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
                "see what differs from the configuration, then deploy it:".to_owned(),
            ));
            fixes.push(run("diff"));
        } else {
            fixes.push(Fix::Advice(
                "deploy it again with the values of the dev stack:".to_owned(),
            ));
        }
        fixes.push(run("deploy"));
        fixes
    }
}
