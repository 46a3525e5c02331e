//! Checks of stacks: whether they are deployed, and how the last operation ended.

use super::super::expected::Place;
use super::super::finding::Rule;
use super::super::live::{Reading, Stack};
use super::{Checks, run};
use crate::failure;

impl Checks<'_> {
    pub(super) fn stacks(&mut self) {
        let elsewhere = self.is_deployed_elsewhere();
        for (number, place) in self.expected.places.iter().enumerate() {
            match self.live.stacks.get(&number) {
                Some(Reading::Missing) if !(elsewhere && self.has_anything(number)) => {
                    self.missing_stack(number, place);
                }
                Some(Reading::Read(stack)) => self.ended(number, place, stack),
                _ => {}
            }
        }
    }

    fn missing_stack(&mut self, number: usize, place: &Place) {
        self.absent.push(number);
        let fix = self.deploy(place);
        // Existing resources with the names from this stack's template belong to another stack, or
        // an earlier stack left them behind.
        let is_taken = self.has_anything(number);
        let cause = self.error(
            Rule::Stack,
            place,
            format!(
                "the stack does not exist in account {}, {}",
                place.account, place.region
            ),
        );
        if is_taken {
            cause
                .advise(
                    "roles or buckets of this stack already exist, so another stack may own them: \
                     if you renamed the pipeline, restore `dev.pipeline.name` or the \
                     .s3ferry/outputs.json from the last deployment",
                )
                .advise("otherwise, check what a deployment would change:")
                .fix(run(&["diff", "--profile", &place.profile]));
        } else {
            cause.fix(fix);
        }
    }

    fn ended(&mut self, number: usize, place: &Place, stack: &Stack) {
        let status = stack.status.as_str();
        let reason = if stack.reason.is_empty() {
            String::new()
        } else {
            format!(" ({})", stack.reason)
        };
        let failed = status.ends_with("_FAILED")
            || matches!(status, "ROLLBACK_COMPLETE" | "REVIEW_IN_PROGRESS");
        if failed {
            let nothing = !self.has_anything(number);
            if nothing {
                self.absent.push(number);
            }
            let fix = self.deploy(place);
            let message = format!("its last deployment failed: {status}{reason}");
            let cause = match nothing {
                true => self.error(Rule::Stack, place, message),
                false => self.warn(Rule::Stack, place, message),
            };
            if let Some(known) = failure::of_save(&stack.reason) {
                cause.advise(format!("{}: {}", known.cause, known.next));
            }
            cause.fix(fix);
        } else if status.ends_with("_IN_PROGRESS") {
            self.warn(
                Rule::Stack,
                place,
                format!("an operation is in progress: {status}"),
            )
            .advise("wait until the operation ends, then run `s3ferry doctor` again");
        } else if stack
            .parameters
            .get(crate::stacks::CREATE_PIPELINE)
            .is_some_and(|made| made == "false")
        {
            self.unfinished.push(number);
            let fix = self.deploy(place);
            self.error(
                Rule::PipelineMissing,
                place,
                "it has no pipeline yet: the last step of the deployment has not run",
            )
            .advise("deploy the remaining targets, then run:")
            .fix(fix);
        }
    }

    /// Returns whether the templates were deployed under other stack names: none of the expected
    /// stacks exists, but a pipeline does.
    fn is_deployed_elsewhere(&self) -> bool {
        let mut stacks = self.live.stacks.values();
        let mut pipelines = self.live.pipelines.values();
        stacks.all(Reading::is_missing) && pipelines.any(|one| one.read().is_some())
    }

    /// Returns whether any role or bucket that the stack creates may exist.
    fn has_anything(&self, number: usize) -> bool {
        let roles = self.expected.roles.iter();
        let roles = roles.filter(|role| role.stack == number && role.trust.is_some());
        let buckets = self.expected.buckets.iter();
        let buckets =
            buckets.filter(|bucket| bucket.stack == number && bucket.properties.is_some());
        let mut roles = roles.filter_map(|role| self.live.roles.get(&role.arn));
        let mut buckets = buckets.filter_map(|bucket| self.live.buckets.get(&bucket.name));
        roles.any(|role| !role.is_missing()) || buckets.any(|bucket| !bucket.is_missing())
    }
}
