//! Checks of EventBridge rules: whether a change to the source starts the pipeline.

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
                        "the template is unchanged, so CloudFormation does not recreate the rule: \
                         create it manually from the template, or destroy the stack and deploy \
                         again"
                    } else {
                        "recreate it from the deployed template"
                    };
                    self.error(
                        Rule::ChangeEvents,
                        rule,
                        "the rule does not exist, so a change to the source does not start the \
                         pipeline",
                    )
                    .advise(advice);
                }
                Some(Reading::Read(found)) => self.rule(rule, found),
                _ => {}
            }
        }
    }

    /// Returns whether a pipeline that the rule starts exists. If the pipeline is missing, only the
    /// pipeline is reported.
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
                "it is disabled, so a change to the source does not start the pipeline",
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
                "its event pattern differs from the template, so the wrong events start the \
                 pipeline",
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
                "it starts {arn} with {}, but the template specifies {}",
                live.role.as_deref().unwrap_or("no role"),
                role.as_deref().unwrap_or("no role")
            ),
            Some(live) if !same_input(&live.input, &input) => {
                is_harmless = true;
                if live.input == Input::Event {
                    "it passes no source revision, so an execution deploys the newest version of \
                     the source instead of the uploaded version"
                        .to_owned()
                } else {
                    format!("the input that it passes to {arn} differs from the template")
                }
            }
            Some(_) => return,
            None if targets.is_empty() => {
                format!("it has no target, so it does not start {arn}")
            }
            None => format!(
                "its targets ({}) do not include {arn}",
                targets
                    .iter()
                    .map(|target| target.arn.as_str())
                    .collect::<Vec<&str>>()
                    .join(", ")
            ),
        };
        let mut fixed = wanted.clone();
        if let Some(live) = live {
            // A different ID would add a second target, which also starts the pipeline.
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

/// Returns whether two inputs pass the same data, regardless of path names and whitespace.
fn same_input(a: &Input, b: &Input) -> bool {
    a == b || matches!((meaning(a), meaning(b)), (Some(a), Some(b)) if a == b)
}

/// Returns the template of an input transformer as JSON, with the paths in place of their names.
/// According to the AWS documentation, *InputTransformer*, EventBridge adds quotation marks around
/// a string without them.
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

/// Returns whether two event patterns are equivalent. The order of values does not matter.
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
