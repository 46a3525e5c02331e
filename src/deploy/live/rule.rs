//! Reading an EventBridge rule of the default bus.

use aws_sdk_eventbridge::types::RuleState;

use super::{Access, reading};
use crate::doctor::live::{Reading, Rule};

const MISSING: [&str; 1] = ["ResourceNotFoundException"];

/// Reads a rule and its targets.
pub(super) async fn read(access: &Access, name: &str) -> Reading<Rule> {
    let events = access.eventbridge();
    let (rule, targets) = tokio::join!(
        events.describe_rule().name(name).send(),
        events.list_targets_by_rule().rule(name).send(),
    );
    let targets = reading(access, "events:ListTargetsByRule", &MISSING, targets).map(|answer| {
        let targets = answer.targets.unwrap_or_default().into_iter();
        targets
            .map(|target| (target.arn, target.role_arn))
            .collect()
    });
    reading(access, "events:DescribeRule", &MISSING, rule).map(|answer| Rule {
        arn: answer.arn.unwrap_or_default(),
        enabled: answer
            .state
            .is_none_or(|state| state != RuleState::Disabled),
        pattern: answer
            .event_pattern
            .and_then(|text| serde_json::from_str(&text).ok()),
        targets,
    })
}
