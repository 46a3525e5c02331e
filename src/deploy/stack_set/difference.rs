//! Compares a stack set with its desired state. An update starts an operation on all instances, so
//! a stack set is updated only if something differs. Performs no I/O.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::deploy::Comparison;
use crate::plan::StackSetPermissions;

use super::model::{Described, Wanted};

/// A difference between a stack set and the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// Setting that differs, such as `template` or `parameter DeployKeyId`.
    pub what: String,
    /// Value before the change. Empty for a template, which is too long to show.
    pub before: String,
    /// Value after the change.
    pub after: String,
}

/// Returns all differences between a stack set and its desired state.
pub(crate) fn differences(wanted: &Wanted, set: &Described) -> Vec<Difference> {
    let mut found = Differences(Vec::new());
    if !Comparison::of(&set.template, &wanted.text).is_same() {
        found.add("template", "", "");
    }
    let parameters: BTreeMap<String, String> = wanted.parameters.iter().cloned().collect();
    // Pseudo parameters cannot be set.
    let known = set.parameters.iter();
    let known = known.filter(|(name, _)| !name.starts_with("AWS::"));
    let known: BTreeMap<String, String> = known
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    found.maps("parameter", &known, &parameters);
    let tags: BTreeMap<String, String> = wanted.tags.iter().cloned().collect();
    found.maps("tag", &set.tags, &tags);
    found.text("description", &set.description, &wanted.description);
    if let StackSetPermissions::SelfManaged(own) = &wanted.plan.permissions {
        found.text(
            "administration role",
            &set.administration_role_arn,
            &own.administration_role_arn,
        );
        found.text("execution role", &set.execution_role, &own.execution_role);
    }
    if let Some(own) = wanted.auto_deployment() {
        let (enabled, retain) = set.auto_deployment.unwrap_or_default();
        found.flag("automatic deployment", enabled, own.enabled);
        if own.enabled {
            found.flag(
                "stack retention on account removal",
                retain,
                own.retain_stacks_on_account_removal,
            );
        }
    }
    found.flag(
        "managed execution",
        set.managed_execution,
        wanted.plan.managed_execution,
    );
    found.0
}

/// Returns whether a stack set has the configured permission model. The model cannot be changed
/// while instances exist.
pub(crate) fn same_permission_model(wanted: &Wanted, set: &Described) -> bool {
    let service_managed = matches!(
        wanted.plan.permissions,
        StackSetPermissions::ServiceManaged(_)
    );
    service_managed == set.service_managed
}

struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, what: &str, before: &str, after: &str) {
        self.0.push(Difference {
            what: what.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        });
    }

    fn text(&mut self, what: &str, before: &str, after: &str) {
        if before != after {
            self.add(what, before, after);
        }
    }

    fn flag(&mut self, what: &str, before: bool, after: bool) {
        let name = |on: bool| if on { "on" } else { "off" };
        self.text(what, name(before), name(after));
    }

    fn maps(
        &mut self,
        what: &str,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let value = |map: &BTreeMap<String, String>| map.get(name).cloned();
            if value(before) != value(after) {
                self.text(
                    &format!("{what} {name}"),
                    &value(before).unwrap_or_default(),
                    &value(after).unwrap_or_default(),
                );
            }
        }
    }
}
