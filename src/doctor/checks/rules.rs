//! EventBridge rules: whether a change of the source starts the pipeline.

use serde_json::{Value as Json, json};

use super::super::expected::{input, list, text};
use super::super::finding::Rule;
use super::super::live::{self, Input, Reading, Target};
use super::{Checks, Command};
use crate::diagnostic::Severity;
use crate::proof::Resolved;

impl Checks<'_> {
    pub(super) fn rules(&mut self) {
        for rule in self.expected.rules() {
            match self.live.rules.get(rule.known_name()) {
                _ if self.is_absent(rule.stack) => {}
                Some(Reading::Missing) if self.has_pipeline(rule) => {
                    let advice = if self.is_unchanged(rule.stack) {
                        "the template has not changed, so CloudFormation does not create it again: \
                         create it by hand as the template says, or destroy the stack and deploy \
                         again"
                    } else {
                        "create it again as the deployed template says"
                    };
                    self.error(
                        Rule::ChangeEvents,
                        rule,
                        "there is no such rule, so a change of the source starts nothing",
                    )
                    .advise(advice);
                }
                Some(Reading::Read(found)) => self.rule(rule, found),
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

    fn rule(&mut self, rule: &Resolved, found: &live::Rule) {
        if !found.enabled {
            let command = Command::aws("events enable-rule").option("--name", rule.known_name());
            let fix = self.aws(rule, command);
            self.error(
                Rule::ChangeEvents,
                rule,
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
            let command = Command::aws("events put-rule")
                .option("--name", rule.known_name())
                .json("--event-pattern", expected);
            let fix = self.aws(rule, command);
            self.error(
                Rule::ChangeEvents,
                rule,
                "its event pattern is not the template's, so other events start the pipeline, \
                 or none",
            )
            .fix(fix);
        }
        let Reading::Read(targets) = &found.targets else {
            return;
        };
        for wanted in list(&rule.properties["Targets"]) {
            self.target(rule, wanted, targets);
        }
    }

    fn target(&mut self, rule: &Resolved, wanted: &Json, targets: &[Target]) {
        let Some(arn) = text(&wanted["Arn"]) else {
            return;
        };
        let role = text(&wanted["RoleArn"]);
        let input = input(wanted);
        let live = targets.iter().find(|target| target.arn == arn);
        let mut is_harmless = false;
        let message = match live {
            Some(live) if live.role != role => format!(
                "it starts {arn} as {}, and the template says {}",
                live.role.as_deref().unwrap_or("nobody"),
                role.as_deref().unwrap_or("nobody")
            ),
            Some(live) if !same_input(&live.input, &input) => {
                is_harmless = true;
                if live.input == Input::Event {
                    "it passes no source revision: an execution deploys the newest version of \
                     the source, not the one that was uploaded"
                        .to_owned()
                } else {
                    format!("what it passes to {arn} is not what the template says")
                }
            }
            Some(_) => return,
            None if targets.is_empty() => {
                format!("it has no target: it does not start {arn}")
            }
            None => format!(
                "its target is another one ({}): it does not start {arn}",
                targets
                    .iter()
                    .map(|target| target.arn.as_str())
                    .collect::<Vec<&str>>()
                    .join(", ")
            ),
        };
        let mut fixed = wanted.clone();
        if let Some(live) = live {
            // Another ID would be another target, which starts the pipeline a second time.
            fixed["Id"] = Json::from(live.id.as_str());
        }
        let command = Command::aws("events put-targets")
            .option("--rule", rule.known_name())
            .json("--targets", &json!([fixed]));
        let fix = self.aws(rule, command);
        let cause = self.error(Rule::ChangeEvents, rule, message).fix(fix);
        if is_harmless {
            cause.finding.severity = Severity::Warning;
        }
    }
}

/// Whether a target gets the same, whatever the names of the paths and the layout of the text are.
fn same_input(a: &Input, b: &Input) -> bool {
    a == b || matches!((meaning(a), meaning(b)), (Some(a), Some(b)) if a == b)
}

/// The text of a transformer as JSON, with the paths themselves in place of their names.
/// EventBridge puts quotes around a text that has none (Amazon EventBridge API reference,
/// *InputTransformer*).
fn meaning(input: &Input) -> Option<Json> {
    let Input::Transformed { paths, template } = input else {
        return None;
    };
    let mut text = template.clone();
    for (name, path) in paths {
        let placeholder = format!("<{name}>");
        text = text
            .replace(&format!("\"{placeholder}\""), &placeholder)
            .replace(&placeholder, &format!("\"<{path}>\""));
    }
    serde_json::from_str(&text).ok()
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
