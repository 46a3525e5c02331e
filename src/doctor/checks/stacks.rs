//! Stacks: whether they are deployed, and how that ended.

use super::super::finding::{PIPELINE_MISSING, STACK};
use super::super::live::Reading;
use super::Checks;
use crate::failure;
use crate::lint::Severity;

impl Checks<'_> {
    pub(super) fn stacks(&mut self) {
        for (number, place) in self.expected.places.iter().enumerate() {
            let resource = format!("stack {}", place.stack);
            match self.live.stacks.get(&number) {
                Some(Reading::Missing) if !self.has_anything(number) => {
                    self.absent.push(number);
                    let fix = self.deploy(&place.account);
                    self.add(
                        STACK,
                        Severity::Error,
                        &place.account,
                        resource,
                        format!("it is not deployed in account {}", place.account),
                    )
                    .fix(fix);
                }
                Some(Reading::Read(stack)) => self.ended(number, resource, stack),
                _ => {}
            }
        }
    }

    fn ended(&mut self, number: usize, resource: String, stack: &super::super::live::Stack) {
        let place = &self.expected.places[number];
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
            let severity = if nothing {
                Severity::Error
            } else {
                Severity::Warning
            };
            let fix = self.deploy(&place.account);
            let cause = self.add(
                STACK,
                severity,
                &place.account,
                resource,
                format!("its last deployment did not end well: {status}{reason}"),
            );
            if let Some(known) = failure::of_save(&stack.reason) {
                cause.advise(format!("{}: {}", known.cause, known.next));
            }
            cause.fix(fix);
        } else if status.ends_with("_IN_PROGRESS") {
            self.add(
                STACK,
                Severity::Warning,
                &place.account,
                resource,
                format!("CloudFormation is changing it: {status}"),
            )
            .advise("wait for its end, then look again");
        } else if stack
            .parameters
            .get("CreatePipeline")
            .is_some_and(|made| made == "false")
        {
            self.unfinished.push(number);
            let fix = self.deploy(&place.account);
            self.add(
                PIPELINE_MISSING,
                Severity::Error,
                &place.account,
                resource,
                "it stands without its pipeline: the last step of the deployment is not done",
            )
            .advise("deploy the targets that do not stand yet, then:")
            .fix(fix);
        }
    }

    /// Whether anything of a stack's own stands.
    fn has_anything(&self, number: usize) -> bool {
        let roles = self.expected.roles.iter();
        let roles = roles.filter(|role| role.stack == number && role.trust.is_some());
        let buckets = self.expected.buckets.iter();
        let buckets =
            buckets.filter(|bucket| bucket.stack == number && bucket.properties.is_some());
        let is_there = |missing: Option<bool>| missing == Some(false);
        let mut roles = roles.map(|role| self.live.roles.get(&role.arn).map(Reading::is_missing));
        let mut buckets =
            buckets.map(|bucket| self.live.buckets.get(&bucket.name).map(Reading::is_missing));
        roles.any(is_there) || buckets.any(is_there)
    }
}
