//! A stack set against what it is wanted to be. An update starts an operation over all of its
//! instances, so there is one only when something differs. Pure.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::deploy::Comparison;
use crate::plan::StackSetPermissions;

use super::model::{Described, Wanted};

/// One thing in which a stack set differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// What differs, such as `template` or `parameter DeployKeyId`.
    pub what: String,
    /// Value before; empty for a template, which is too long to show.
    pub before: String,
    /// Value after.
    pub after: String,
}

/// Everything in which a stack set differs from what is wanted.
pub(crate) fn differences(wanted: &Wanted, set: &Described) -> Vec<Difference> {
    let mut found = Differences(Vec::new());
    if !Comparison::of(&set.template, &wanted.text).is_same() {
        found.add("template", "", "");
    }
    let parameters: BTreeMap<String, String> = wanted.parameters.iter().cloned().collect();
    // Pseudo parameters are nobody's to set.
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
                "retention of the stacks of accounts that leave",
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

/// Whether the permission model is the wanted one. It cannot be changed while there are
/// instances.
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
