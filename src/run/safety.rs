//! The calls of stage conditions and of approval actions.

use super::artifacts::named;
use super::landscape::{Value, account_of, region_of};
use super::pipeline::Pipeline;
use super::{Caller, Needed, On, Run, Scope, Step, context};

impl Run<'_> {
    /// Adds the calls of the rules in stage conditions.
    pub(super) fn conditions(&mut self, pipeline: &Pipeline, common: &Scope<'_>) {
        for check in &pipeline.checks {
            let role = check.role.as_ref().unwrap_or(&pipeline.service_role);
            let performer = Caller::of(role);
            let which = named(common.which, &named(&check.stage, &check.name));
            let scope = Scope {
                step: Step::Condition,
                which: &which,
                caller: &performer,
                place: check.place,
                ..*common
            };
            match &check.alarm {
                Some(alarm) => self.on_named(&scope, "cloudwatch:DescribeAlarms", alarm),
                None => {
                    let what = format!("a {} rule", check.provider);
                    let scope = Scope {
                        step: Step::Action,
                        which: "",
                        ..scope
                    };
                    self.not_modelled(&scope, &check.provider, &what);
                }
            }
        }
    }

    /// Adds the notification of an approval action.
    pub(super) fn notify(&mut self, topic: &Value, scope: &Scope<'_>) {
        self.on_named(scope, "sns:Publish", topic);
    }

    /// Adds a call on a regional resource that the pipeline names.
    fn on_named(&mut self, scope: &Scope<'_>, action: &str, arn: &Value) {
        let known = arn.as_deref().ok();
        let context = context(self.land, scope.caller, known.map(region_of));
        let on = On {
            arn: arn.clone(),
            account: known.map(|arn| account_of(arn).to_owned()),
        };
        self.add(scope, Needed, action, &on, context, None);
    }
}
