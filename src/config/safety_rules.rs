//! Validates the settings of stage safety.
//!
//! Follows *Stage conditions*, *DeploymentWindow*, *CloudWatchAlarm*, *Add a manual approval action
//! to a stage*, and *Configuring stage rollback* in the AWS documentation.

use super::cron::{cron_problem, time_zone_problem};
use super::validate::{Found, place_problem};
use super::{Alarm, ApprovalSettings, Config, DeploymentWindow, Target};
use crate::aws::arn;
use crate::aws::arn_kind::ArnKind;
use crate::aws::names::characters;
use crate::aws::partition_of;
use crate::aws::quotas::ALARM_NAME;

impl Found {
    /// Checks the stage safety of the pipelines and of all targets.
    pub(super) fn safety(&mut self, config: &Config) {
        for (index, target) in config.targets.iter().enumerate() {
            if let Some(settings) = target.approval.settings() {
                self.approval(config, &format!("targets.{index}.approval"), settings);
            }
            if let Some(window) = &target.deployment_window {
                self.window(&format!("targets.{index}.deployment_window"), window);
            }
            if let Some(alarm) = &target.alarm {
                self.alarm(&format!("targets.{index}.alarm.name"), alarm);
            }
        }
        if !config.dev.pipeline.create {
            self.safety_of_existing_pipeline(config);
        }
    }

    /// Rejects the settings that would have to change the stages of an existing pipeline. `adopt`
    /// changes only its roles and artifact stores.
    fn safety_of_existing_pipeline(&mut self, config: &Config) {
        let mut reject = |path: &str, what: &str, keeps: &str, help: &str| {
            self.add(
                path,
                format!(
                    "{what} requires `create: true` under `dev.pipeline`: the existing pipeline \
                     keeps its {keeps}"
                ),
                help,
            );
        };
        if config.dev.pipeline.execution_mode.is_some() {
            reject(
                "dev.pipeline.execution_mode",
                "`execution_mode`",
                "execution mode",
                "remove `execution_mode`, and set the mode in the pipeline",
            );
        }
        for (index, target) in config.targets.iter().enumerate() {
            let Target {
                deployment_window,
                alarm,
                on_failure,
                approval,
                ..
            } = target;
            for (key, is_set) in [
                ("deployment_window", deployment_window.is_some()),
                ("alarm", alarm.is_some()),
                ("on_failure", on_failure.is_some()),
            ] {
                if is_set {
                    let help = format!("remove `{key}`, and configure the stage in the pipeline");
                    let path = format!("targets.{index}.{key}");
                    reject(&path, &format!("`{key}`"), "stages", &help);
                }
            }
            if approval.settings().is_some() {
                reject(
                    &format!("targets.{index}.approval"),
                    "`approval` with settings",
                    "approval actions",
                    "write `approval: true`, and configure the approval in the pipeline",
                );
            }
        }
    }

    fn approval(&mut self, config: &Config, path: &str, settings: &ApprovalSettings) {
        if *settings == ApprovalSettings::default() {
            self.add(
                path,
                "`approval` has no settings",
                "add `notify` or `timeout_minutes`, or write `approval: true`",
            );
        }
        let Some(topic) = &settings.notify else {
            return;
        };
        let dev = &config.dev;
        let partition = partition_of(&dev.region).as_str();
        let place = (partition, &*dev.region, &*dev.account);
        let form = arn::regional(partition, "sns", &dev.region, &dev.account, "NAME");
        self.name(
            &format!("{path}.notify"),
            place_problem(topic, ArnKind::Topic, "topic", "pipeline", place),
            &format!("use `{form}` with the name of a topic from `aws sns list-topics`"),
        );
    }

    fn window(&mut self, path: &str, window: &DeploymentWindow) {
        self.name(
            &format!("{path}.cron"),
            cron_problem(&window.cron),
            "use a form such as `* * 9-16 ? * MON-FRI *`: seconds, minutes, hours, day of month, \
             month, day of week, and optionally the year",
        );
        self.name(
            &format!("{path}.time_zone"),
            window.time_zone.as_deref().and_then(time_zone_problem),
            "use a form such as `Europe/Berlin`, `UTC`, or `UTC+05:30`",
        );
    }

    fn alarm(&mut self, path: &str, alarm: &Alarm) {
        self.name(
            path,
            alarm_problem(&alarm.name),
            "use a name from `aws cloudwatch describe-alarms --alarm-types MetricAlarm`",
        );
    }
}

/// Checks that a policy and a rule can name an alarm exactly. Follows *PutMetricAlarm* and *Policy
/// elements: Variables and tags* in the AWS documentation. Control characters are already rejected
/// in all values of the configuration.
fn alarm_problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    let fault = if length == 0 || length > ALARM_NAME.length() {
        format!(
            "it has {}, but CloudWatch allows 1 to {}",
            characters(length),
            ALARM_NAME.value
        )
    } else if name.starts_with("arn:") {
        "it is an ARN".to_owned()
    } else if name.contains(['*', '?']) || name.contains("${") {
        "`*`, `?`, and `${` would be wildcards or variables in the policy".to_owned()
    } else if let Some(part) = ["{{resolve:", "#{"]
        .into_iter()
        .find(|part| name.contains(part))
    {
        format!("it contains `{part}`, which is not text in a template")
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid alarm name: {fault}"))
}
