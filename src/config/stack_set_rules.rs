//! Validates the stack set of a target. Follows *CreateStackSet*, *StackSetOperationPreferences*,
//! and *DeploymentTargets* in the AWS documentation.

use crate::aws::partition_of;
use std::collections::HashSet;

use super::names::{organizational_unit_problem, profile_problem, stack_set_problem};
use super::regions::unknown_region;
use super::{
    AccountFilter, CallAs, Complaint, ConcurrencyMode, Config, OperationPreferences,
    PermissionModel, StackSet, Target,
};
use crate::aws::names::{account_id_problem, role_problem};

/// Returns all problems with the stack set of the target at `index`.
pub(super) fn complaints(config: &Config, index: usize, target: &Target) -> Vec<Complaint> {
    let Some(set) = &target.stack_set else {
        return Vec::new();
    };
    let mut found = Found {
        path: format!("targets.{index}.stack_set"),
        complaints: Vec::new(),
    };
    found.place(config, set);
    match set.permission_model {
        PermissionModel::SelfManaged => found.self_managed(set),
        PermissionModel::ServiceManaged => found.service_managed(target, set),
    }
    found.preferences(config, &set.operation_preferences);
    found.complaints
}

struct Found {
    path: String,
    complaints: Vec<Complaint>,
}

impl Found {
    fn add(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let path = format!("{}.{key}", self.path);
        self.complaints.push(Complaint::new(&path, message, help));
    }

    fn check(&mut self, key: &str, problem: Option<String>, help: &str) {
        if let Some(message) = problem {
            self.add(key, message, help);
        }
    }

    fn region(&mut self, config: &Config, key: &str, region: &str) {
        if let Some((message, help)) = unknown_region(region) {
            self.add(key, message, help);
        } else if partition_of(region) != partition_of(&config.dev.region) {
            self.add(
                key,
                format!(
                    "`{region}` and the dev region `{}` are in different partitions",
                    config.dev.region
                ),
                "choose regions in the same partition",
            );
        }
    }

    fn place(&mut self, config: &Config, set: &StackSet) {
        if let Some(name) = &set.name {
            let problem = stack_set_problem(name);
            self.check("name", problem, "use a name such as `site-prod`");
        }
        if let Some(region) = &set.region {
            self.region(config, "region", region);
        }
        if let Some(profile) = &set.profile {
            self.check(
                "profile",
                profile_problem(profile),
                "use a profile from `aws configure list-profiles`",
            );
        }
        let Some(account) = &set.account else {
            return;
        };
        self.check(
            "account",
            account_id_problem(account),
            "write the 12 digits of the account ID in quotes",
        );
        if *account != config.dev.account && set.profile.is_none() {
            self.add(
                "account",
                format!(
                    "the administrator account {account} is not the dev account and has no profile"
                ),
                "add `profile:` with the named profile that manages the stack set",
            );
        }
    }

    fn self_managed(&mut self, set: &StackSet) {
        for (key, role) in [
            ("administration_role", &set.administration_role),
            ("execution_role", &set.execution_role),
        ] {
            if let Some(role) = role {
                self.check(
                    key,
                    role_problem(role),
                    "write the role name without a path",
                );
            }
        }
        let given = [
            (
                "organizational_units",
                !set.organizational_units.is_empty(),
                "a self-managed stack set deploys to accounts, not to organizational units",
            ),
            (
                "account_filter",
                set.account_filter.is_some(),
                "a self-managed stack set has no organizational units, so it cannot have an \
                 account filter",
            ),
            (
                "excluded_accounts",
                !set.excluded_accounts.is_empty(),
                "a self-managed stack set deploys only to the target's accounts, so it cannot \
                 exclude accounts",
            ),
            (
                "auto_deployment",
                set.auto_deployment.is_some(),
                "only a service-managed stack set supports automatic deployment",
            ),
            (
                "call_as",
                set.call_as != CallAs::ItSelf,
                "only a service-managed stack set supports a delegated administrator",
            ),
        ];
        for (key, is_given, message) in given {
            if is_given {
                self.add(
                    key,
                    message,
                    format!("set `permission_model: service-managed`, or remove `{key}`"),
                );
            }
        }
    }

    fn service_managed(&mut self, target: &Target, set: &StackSet) {
        for (key, role) in [
            ("administration_role", &set.administration_role),
            ("execution_role", &set.execution_role),
        ] {
            if role.is_some() {
                self.add(
                    key,
                    "a service-managed stack set uses the roles that AWS Organizations creates",
                    format!("remove `{key}`, or set `permission_model: self-managed`"),
                );
            }
        }
        if set.organizational_units.is_empty() {
            self.add(
                "organizational_units",
                "a service-managed stack set requires the organizational units of its accounts",
                "add `organizational_units:` with IDs such as `ou-ab12-11111111`, or the root ID, \
                 such as `r-ab12`",
            );
        }
        let mut seen = HashSet::new();
        for (number, id) in set.organizational_units.iter().enumerate() {
            let key = format!("organizational_units.{number}");
            self.check(
                &key,
                organizational_unit_problem(id),
                "use an ID such as `ou-ab12-11111111` from `aws organizations \
                 list-organizational-units-for-parent`",
            );
            if !seen.insert(id) {
                self.add(&key, format!("duplicate ID `{id}`"), "remove one");
            }
        }
        self.filter(target, set);
    }

    fn filter(&mut self, target: &Target, set: &StackSet) {
        let filter = set.account_filter.unwrap_or_default();
        if filter == AccountFilter::Union {
            self.add(
                "account_filter",
                "StackSets does not create or delete stack instances for the union of accounts and \
                 organizational units",
                "use `intersection` (the target's accounts), `difference` (all except \
                 `excluded_accounts`), or `none` (all), and list all organizational units",
            );
        } else if filter == AccountFilter::Difference && set.excluded_accounts.is_empty() {
            self.add(
                "account_filter",
                "`difference` requires excluded accounts",
                "add `excluded_accounts:`, or set `account_filter: none`",
            );
        } else if filter != AccountFilter::Difference && !set.excluded_accounts.is_empty() {
            self.add(
                "excluded_accounts",
                "`excluded_accounts` requires `account_filter: difference`",
                "set `account_filter: difference`, or remove `excluded_accounts`",
            );
        }
        for (number, id) in set.excluded_accounts.iter().enumerate() {
            let key = format!("excluded_accounts.{number}");
            self.check(
                &key,
                account_id_problem(id),
                "write the 12 digits of the account ID in quotes",
            );
            let listed = target.listed.iter().map(|line| &line.account);
            let given = target
                .account
                .iter()
                .chain(target.accounts.iter().flatten());
            if given.chain(listed).any(|account| account == id) {
                self.add(
                    &key,
                    format!("account {id} is excluded, but it is also an account of the target"),
                    "remove it from this list or from the target",
                );
            }
        }
    }

    fn preferences(&mut self, config: &Config, preferences: &OperationPreferences) {
        let at = |key: &str| format!("operation_preferences.{key}");
        let pairs = [
            (
                "failure_tolerance_percentage",
                "failure_tolerance_count",
                preferences.failure_tolerance_percentage.is_some()
                    && preferences.failure_tolerance_count.is_some(),
            ),
            (
                "max_concurrent_percentage",
                "max_concurrent_count",
                preferences.max_concurrent_percentage.is_some()
                    && preferences.max_concurrent_count.is_some(),
            ),
        ];
        for (percentage, count, both) in pairs {
            if both {
                self.add(
                    &at(percentage),
                    format!("`{count}` and `{percentage}` cannot be used together"),
                    "keep one of them",
                );
            }
        }
        if let Some(count) = preferences.max_concurrent_count
            && preferences.failure_tolerance_percentage.is_none()
            && preferences.concurrency_mode == ConcurrencyMode::Strict
        {
            let most = preferences
                .failure_tolerance_count
                .unwrap_or(0)
                .saturating_add(1);
            if count > most {
                self.add(
                    &at("max_concurrent_count"),
                    format!(
                        "with `concurrency_mode: strict`, StackSets deploys to at most {most} \
                         accounts at a time: one more than `failure_tolerance_count`"
                    ),
                    "set `concurrency_mode: soft`, or increase `failure_tolerance_count`",
                );
            }
        }
        let mut seen = HashSet::new();
        for (number, region) in preferences.region_order.iter().enumerate() {
            let key = at(&format!("region_order.{number}"));
            self.region(config, &key, region);
            if !seen.insert(region) {
                self.add(&key, format!("duplicate region `{region}`"), "remove one");
            }
        }
    }
}
