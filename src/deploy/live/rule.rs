//! Reads an EventBridge rule on the default event bus.

use aws_sdk_eventbridge::types::{RuleState, Target as LiveTarget};

use super::{Access, reading};
use crate::doctor::live::{Input, Reading, Rule, Target};

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
        targets.map(target).collect()
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

fn target(found: LiveTarget) -> Target {
    let other = found.input.or(found.input_path);
    let input = match (found.input_transformer, other) {
        (Some(transformer), _) => Input::Transformed {
            paths: transformer
                .input_paths_map
                .unwrap_or_default()
                .into_iter()
                .collect(),
            template: transformer.input_template,
        },
        (None, Some(other)) => Input::Other(other),
        (None, None) => Input::Event,
    };
    Target {
        id: found.id,
        arn: found.arn,
        role: found.role_arn,
        input,
    }
}
