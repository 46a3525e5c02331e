//! Stage safety in the pipelines: the approval, the conditions for entering a stage, the reaction
//! to a failure, and the permissions that they need.

use crate::config::{Alarm, DeploymentWindow, ExecutionMode, OnFailure};
use crate::plan::{Plan, STARTED_BY, STARTED_BY_PREVIOUS, SafetyPlan};
use crate::template::{Resource, Value, list, map};

use super::pipeline::action;
use super::policy::{Statement, document};
use super::roles::{managed_policy, service_role_name};
use super::values::one_or_list;

/// Name of the approval action.
const APPROVE: &str = "Approve";

/// Returns the execution mode of the pipelines, unless it is the default of CodePipeline.
pub(super) fn execution_mode(mode: ExecutionMode) -> Option<&'static str> {
    match mode {
        ExecutionMode::Superseded => None,
        ExecutionMode::Queued => Some("QUEUED"),
    }
}

/// Builds the approval action of a stage.
pub(super) fn approval(safety: &SafetyPlan) -> Value {
    let settings = &safety.approval;
    let configuration = (settings.notify.as_ref()).map(|topic| map([("NotificationArn", topic)]));
    action(APPROVE, "Approval", "Manual", 1)
        .with_some("Configuration", configuration)
        .with_some("TimeoutInMinutes", settings.timeout_minutes)
}

/// Builds the entry conditions of a deploy stage, if it has any.
///
/// A stage has at most one condition, which has at most five rules (*ConditionList* and
/// *RuleDeclarationList* in the API model of CodePipeline), so all rules are in one condition.
///
/// The window and the alarm of a target apply to every stage of the target. If its instances are
/// distributed over several stages, a stage can start hours after the first one. The window may
/// then be closed, or the earlier stages may have caused an alarm.
///
/// The condition fails the execution instead of skipping the stage, because CodePipeline continues
/// with the next stage after a skipped one, and because AWS does not support the rules for windows
/// and alarms with the result SKIP (*Stage conditions*).
pub(super) fn before_entry(safety: &SafetyPlan, checks_start: bool) -> Option<Value> {
    let rules = (checks_start.then(started_by_previous).into_iter())
        .chain(safety.window.as_ref().map(window))
        .chain(safety.alarm.as_ref().map(alarm));
    condition(rules.collect())
}

/// Builds the entry condition of a stage that does not belong to a target, or `None` if the stage
/// does not check what started an additional pipeline.
pub(super) fn start_check(checks_start: bool) -> Option<Value> {
    condition(checks_start.then(started_by_previous).into_iter().collect())
}

fn condition(rules: Vec<Value>) -> Option<Value> {
    if rules.is_empty() {
        return None;
    }
    let condition = map([("Result", "FAIL")]).with("Rules", list(rules));
    Some(map([("Conditions", list([condition]))]))
}

/// Builds the reaction to a failed stage. It applies to every stage of a target.
pub(super) fn on_failure(reaction: OnFailure) -> Option<Value> {
    match reaction {
        OnFailure::Stop => None,
        OnFailure::Retry => {
            let mode = map([("RetryMode", "FAILED_ACTIONS")]);
            Some(map([("Result", "RETRY")]).with("RetryConfiguration", mode))
        }
        OnFailure::Rollback => Some(map([("Result", "ROLLBACK")])),
    }
}

/// Builds a rule of a stage condition.
fn rule(name: &str, provider: &str, configuration: Value) -> Value {
    let kind = map([
        ("Category", "Rule"),
        ("Owner", "AWS"),
        ("Provider", provider),
        ("Version", "1"),
    ]);
    map([("Name", name)])
        .with("RuleTypeId", kind)
        .with("Configuration", configuration)
}

/// Builds the rule for the first deploy stage of an additional pipeline. CodePipeline starts a
/// pipeline when it is created, and this execution must not deploy. The rule does not call AWS.
/// Follows *How do stage conditions work?* and *VariableCheck* in the AWS documentation.
fn started_by_previous() -> Value {
    let configuration = map([
        ("Variable", format!("#{{variables.{STARTED_BY}}}")),
        ("Operator", "EQ".to_owned()),
        ("Value", STARTED_BY_PREVIOUS.to_owned()),
    ]);
    rule("StartedByPreviousPipeline", "VariableCheck", configuration)
}

/// Builds the rule for a deployment window. The rule does not call AWS. Follows *DeploymentWindow*
/// in the AWS documentation.
fn window(window: &DeploymentWindow) -> Value {
    let configuration = map([("Cron", &window.cron)]);
    let configuration = configuration.with_some("TimeZone", window.time_zone.as_ref());
    rule("WindowIsOpen", "DeploymentWindow", configuration)
}

/// Builds the rule for an alarm in the region of the pipeline. Follows *CloudWatchAlarm* in the AWS
/// documentation.
fn alarm(alarm: &Alarm) -> Value {
    let configuration = map([
        ("AlarmName", alarm.name.clone()),
        ("AlarmStates", "OK".to_owned()),
        ("WaitTime", alarm.wait_minutes.to_string()),
    ]);
    rule("AlarmIsOk", "CloudWatchAlarm", configuration)
}

/// Builds the policy for alarms and approval notifications. Follows *Grant Amazon SNS permissions
/// to a CodePipeline service role* and *Amazon CloudWatch permissions reference* in the AWS
/// documentation.
pub(super) fn policy(plan: &Plan) -> Option<Resource> {
    let (alarms, topics) = (plan.alarms(), plan.approval_topics());
    let mut statements = Vec::new();
    if !alarms.is_empty() {
        statements.push(
            Statement::allow(
                "ReadAlarms",
                "The stage conditions read the states of these alarms. With this resource, \
                 CloudWatch returns metric alarms, but no composite alarms.",
            )
            .actions(["cloudwatch:DescribeAlarms"])
            .on(one_or_list(alarms)),
        );
    }
    if !topics.is_empty() {
        statements.push(
            Statement::allow(
                "NotifyApprovers",
                "The approval actions notify these topics when they wait.",
            )
            .actions(["sns:Publish"])
            .on(one_or_list(topics)),
        );
    }
    if statements.is_empty() {
        return None;
    }
    Some(managed_policy(
        "SafetyPolicy",
        &plan.dev.safety_policy,
        "Stage safety: the service role reads the alarms of the stage conditions and notifies the \
         approvers.",
        "Reads alarms and notifies approvers",
        service_role_name(plan),
        document(&statements),
    ))
}
