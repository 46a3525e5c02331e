//! EventBridge rules: whether a change of the source starts the pipeline.

use serde_json::Value as Json;

use super::super::expected::{list, text};
use super::super::finding::CHANGE_EVENTS;
use super::super::live::{Reading, Rule};
use super::{Checks, quoted};
use crate::lint::Severity;
use crate::proof::Resolved;

impl Checks<'_> {
    pub(super) fn rules(&mut self) {
        for rule in self.expected.rules() {
            let name = rule.name.clone().unwrap_or_default();
            match self.live.rules.get(&name) {
                Some(Reading::Missing) if self.has_pipeline(rule) => {
                    self.add(
                        CHANGE_EVENTS,
                        Severity::Error,
                        &rule.account,
                        format!("rule {name}"),
                        "there is no such rule, so a change of the source starts nothing",
                    )
                    .advise(
                        "CloudFormation takes it for made: make it by hand as the template says, \
                         or destroy the stack and deploy again",
                    );
                }
                Some(Reading::Read(found)) => self.rule(rule, &name, found),
                _ => {}
            }
        }
    }

    /// Without a pipeline there is no rule, and that is said of the pipeline.
    fn has_pipeline(&self, rule: &Resolved) -> bool {
        let targets = list(&rule.properties["Targets"]);
        let pipelines = self.expected.pipelines();
        let mut names = pipelines
            .filter(|pipeline| pipeline.account == rule.account)
            .filter_map(|pipeline| pipeline.name.as_deref())
            .filter(|name| {
                targets.iter().any(|target| {
                    target["Arn"]
                        .as_str()
                        .is_some_and(|arn| arn.ends_with(name))
                })
            });
        names.any(|name| {
            self.live
                .pipelines
                .get(name)
                .is_some_and(|found| found.read().is_some())
        })
    }

    fn rule(&mut self, rule: &Resolved, name: &str, found: &Rule) {
        let resource = format!("rule {name}");
        if !found.enabled {
            let fix = self.aws(
                &rule.account,
                &rule.region,
                &format!("events enable-rule --name {name}"),
            );
            self.add(
                CHANGE_EVENTS,
                Severity::Error,
                &rule.account,
                &resource,
                "it is disabled, so a change of the source starts nothing",
            )
            .fix(fix);
        }
        let expected = &rule.properties["EventPattern"];
        if expected.is_object()
            && found
                .pattern
                .as_ref()
                .is_some_and(|live| !same_pattern(expected, live))
        {
            let fix = self.aws(
                &rule.account,
                &rule.region,
                &format!(
                    "events put-rule --name {name} --event-pattern {}",
                    quoted(expected)
                ),
            );
            self.add(
                CHANGE_EVENTS,
                Severity::Error,
                &rule.account,
                &resource,
                "its event pattern is not the template's, so other events start the pipeline, \
                 or none",
            )
            .fix(fix);
        }
        let Reading::Read(targets) = &found.targets else {
            return;
        };
        for wanted in list(&rule.properties["Targets"]) {
            let Some(arn) = text(&wanted["Arn"]) else {
                continue;
            };
            let role = text(&wanted["RoleArn"]);
            let message = match targets.iter().find(|(target, _)| *target == arn) {
                Some((_, live)) if *live == role => continue,
                Some((_, live)) => format!(
                    "it starts {arn} as {}, and the template says {}",
                    live.as_deref().unwrap_or("nobody"),
                    role.as_deref().unwrap_or("nobody")
                ),
                None if targets.is_empty() => {
                    format!("it has no target: it does not start {arn}")
                }
                None => format!(
                    "its target is another one ({}): it does not start {arn}",
                    targets
                        .iter()
                        .map(|(target, _)| target.as_str())
                        .collect::<Vec<&str>>()
                        .join(", ")
                ),
            };
            let role = role.map(|role| format!(",RoleArn={role}"));
            let command = format!(
                "events put-targets --rule {name} --targets Id={},Arn={arn}{}",
                wanted["Id"].as_str().unwrap_or("pipeline"),
                role.unwrap_or_default()
            );
            let fix = self.aws(&rule.account, &rule.region, &command);
            self.add(
                CHANGE_EVENTS,
                Severity::Error,
                &rule.account,
                &resource,
                message,
            )
            .fix(fix);
        }
    }
}

/// Whether two patterns mean the same: the order of values makes no difference.
fn same_pattern(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().all(|a| b.iter().any(|b| same_pattern(a, b)))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same_pattern(a, b)))
        }
        _ => a == b,
    }
}
