//! What there is to deploy: each stack with its account, its profile and its template, from the
//! plan. Pure.

use crate::plan::Plan;
use crate::stacks::{Stack, stacks};

use super::body::Text;

/// Types that a stack policy protects from replacement and deletion.
const PROTECTED_TYPES: [&str; 4] = [
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::S3::Bucket",
    "AWS::IAM::Role",
];

/// Whose side a stack is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The dev account's stack: key, buckets, service role, pipeline.
    Dev,
    /// A target's stack, by its place in the plan.
    Target(usize),
}

/// A stack to deploy.
#[derive(Debug, Clone)]
pub struct StackStep {
    /// Whose it is.
    pub side: Side,
    /// Name of the template, and of its file without ending.
    pub template: String,
    /// Stack name.
    pub stack: String,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// Profile that deploys it.
    pub profile: String,
    /// The template's text.
    pub text: Text,
    /// Names of the template's parameters.
    pub parameters: Vec<String>,
    /// Logical IDs that the stack policy protects.
    pub protected: Vec<String>,
    /// Whether it is a stack set: then account, region and profile are the administrator's, and
    /// the name is the stack set's.
    pub stack_set: bool,
}

impl StackStep {
    /// Makes a target's stack a stack set; any other stays as it is.
    pub fn become_stack_set(&mut self, plan: &Plan) {
        let Side::Target(index) = self.side else {
            return;
        };
        let Some(target) = plan.targets.get(index) else {
            return;
        };
        let set = &target.stack_set;
        self.stack.clone_from(&set.name);
        self.account.clone_from(&set.account);
        self.region.clone_from(&set.region);
        self.profile.clone_from(&set.profile);
        self.stack_set = true;
    }
}

/// All stacks of a plan, dev's first.
pub fn stack_steps(plan: &Plan) -> Vec<StackStep> {
    let dev = &plan.dev;
    let sides = std::iter::once((Side::Dev, &dev.account, &dev.region, &dev.profile)).chain(
        plan.targets.iter().enumerate().map(|(index, target)| {
            (
                Side::Target(index),
                &target.account,
                &target.region,
                &target.profile,
            )
        }),
    );
    stacks(plan)
        .into_iter()
        .zip(sides)
        .map(|(stack, (side, account, region, profile))| StackStep {
            side,
            stack: plan.stack_name(&stack.name),
            account: account.clone(),
            region: region.clone(),
            profile: profile.clone(),
            text: text(&stack),
            parameters: (stack.template.parameters.iter())
                .map(|parameter| parameter.id.clone())
                .collect(),
            protected: (stack.template.resources.iter())
                .filter(|resource| PROTECTED_TYPES.contains(&resource.kind.as_str()))
                .map(|resource| resource.id.clone())
                .collect(),
            template: stack.name,
            stack_set: false,
        })
        .map(|mut step| {
            if matches!(step.side, Side::Target(index) if plan.targets[index].by_stack_set) {
                step.become_stack_set(plan);
            }
            step
        })
        .collect()
}

fn text(stack: &Stack) -> Text {
    Text {
        yaml: stack.template.to_yaml(),
        json: stack.template.to_json().to_string(),
    }
}
