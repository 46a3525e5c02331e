//! Reads the rules in stage conditions.
//!
//! Follows *Rule structure reference*, *VariableCheck*, and *CloudWatchAlarm* in the AWS
//! documentation.

use super::Reader;
use crate::aws::arn;
use crate::diagnostic::Node;
use crate::run::landscape::{Value, account_of};
use crate::run::pipeline::{Check, Gate, Pipeline};
use crate::template::known_text;

impl Reader<'_, '_> {
    /// Records the rules in a stage's conditions (AWS CodePipeline, *Rule structure reference*).
    pub(super) fn conditions(&mut self, pipeline: &mut Pipeline, stage: &str, node: &Node) {
        for kind in ["BeforeEntry", "OnSuccess", "OnFailure"] {
            let what = &format!("the conditions of {kind}");
            for part in [node.get(kind), node.at([kind, "Conditions"])] {
                self.undecided(part, what);
            }
            let conditions = node.at([kind, "Conditions"]).and_then(Node::items);
            for condition in conditions.unwrap_or_default() {
                self.undecided(Some(condition), what);
                self.undecided(condition.get("Rules"), what);
                let fails = kind == "BeforeEntry"
                    && condition.get("Result").and_then(known_text) == Some("FAIL");
                let rules = condition.get("Rules").and_then(Node::items);
                for rule in rules.unwrap_or_default() {
                    let check = self.check(pipeline, stage, rule);
                    pipeline.checks.extend(check);
                    if fails {
                        pipeline.gates.extend(self.gate(stage, rule));
                    }
                }
            }
        }
    }

    /// Returns a rule that makes calls, or `None` for a rule of the two providers whose
    /// documentation lists no permissions.
    fn check(&mut self, pipeline: &Pipeline, stage: &str, rule: &Node) -> Option<Check> {
        let provider = rule.at(["RuleTypeId", "Provider"]).and_then(known_text);
        if matches!(provider, Some("VariableCheck" | "DeploymentWindow")) {
            return None;
        }
        let role = self.optional(rule.get("RoleArn"), "the rule's role", rule);
        let alarm = (provider == Some("CloudWatchAlarm"))
            .then(|| self.alarm(pipeline, role.as_ref(), rule));
        let name = rule.get("Name").and_then(known_text);
        Some(Check {
            stage: stage.to_owned(),
            name: name.unwrap_or("a rule").to_owned(),
            provider: provider.unwrap_or("?").to_owned(),
            alarm,
            role,
            place: self.place(rule),
        })
    }

    /// Returns the ARN of the alarm that a rule reads. AWS documents only alarms in the account of
    /// the pipeline.
    fn alarm(&mut self, pipeline: &Pipeline, role: Option<&Value>, rule: &Node) -> Value {
        let settings = rule.get("Configuration");
        self.undecided(settings, "the rule's configuration");
        let name = rule.at(["Configuration", "AlarmName"]);
        let name = self.setting(name, "the name of the alarm", rule)?;
        let region = match self.optional(rule.get("Region"), "the rule's region", rule) {
            Some(region) => region?,
            None => pipeline.region.clone(),
        };
        match role.unwrap_or(&pipeline.service_role) {
            Ok(role) if account_of(role) != pipeline.account => {
                Err(self.doubt(rule, &format!("the account of the alarm {name}")))
            }
            _ => {
                let partition = &self.world.land.partition;
                Ok(arn::alarm(partition, region, &pipeline.account, name))
            }
        }
    }

    /// Returns a rule that compares a pipeline variable with a value.
    fn gate(&self, stage: &str, rule: &Node) -> Option<Gate> {
        let setting = |name| rule.at(["Configuration", name]).and_then(known_text);
        if rule.at(["RuleTypeId", "Provider"]).and_then(known_text) != Some("VariableCheck")
            || setting("Operator") != Some("EQ")
        {
            return None;
        }
        let variable = setting("Variable")?.strip_prefix("#{variables.")?;
        Some(Gate {
            stage: stage.to_owned(),
            variable: variable.strip_suffix('}')?.to_owned(),
            value: setting("Value")?.to_owned(),
            resource: self.resource.id.to_owned(),
            place: self.place(rule),
        })
    }
}
