//! What the stack set of a target must satisfy (AWS CloudFormation, *CreateStackSet*,
//! *StackSetOperationPreferences*, *DeploymentTargets*).

use crate::aws::partition_of;
use std::collections::HashSet;

use super::names::{organizational_unit_problem, profile_problem, stack_set_problem};
use super::regions::unknown_region;
use super::{
    AccountFilter, CallAs, Complaint, ConcurrencyMode, Config, OperationPreferences,
    PermissionModel, StackSet, Target,
};
use crate::aws::names::{account_id_problem, role_problem};

/// Everything that is wrong with the stack set of the target at `index`.
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
                    "`{region}` is in another partition than the dev region `{}`",
                    config.dev.region
                ),
                "choose regions of one partition",
            );
        }
    }

    fn place(&mut self, config: &Config, set: &StackSet) {
        if let Some(name) = &set.name {
            self.check("name", stack_set_problem(name), "such as `site-prod`");
        }
        if let Some(region) = &set.region {
            self.region(config, "region", region);
        }
        if let Some(profile) = &set.profile {
            self.check(
                "profile",
                profile_problem(profile),
                "write the name of a profile, as `aws configure list-profiles` shows it",
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
                    "the administrator account {account} is not the dev account, and has no profile"
                ),
                "add `profile:` beside it: the named profile of the AWS configuration that manages \
                 the stack set",
            );
        }
    }

    fn self_managed(&mut self, set: &StackSet) {
        for (key, role) in [
            ("administration_role", &set.administration_role),
            ("execution_role", &set.execution_role),
        ] {
            if let Some(role) = role {
                self.check(key, role_problem(role), "the role's name, without a path");
            }
        }
        let given = [
            (
                "organizational_units",
                !set.organizational_units.is_empty(),
                "a self-managed stack set is deployed to accounts, not to organizational units",
            ),
            (
                "account_filter",
                set.account_filter.is_some(),
                "an account filter narrows organizational units down, which a self-managed stack \
                 set does not have",
            ),
            (
                "excluded_accounts",
                !set.excluded_accounts.is_empty(),
                "a self-managed stack set is deployed to the target's accounts only, so none need \
                 be left out",
            ),
            (
                "auto_deployment",
                set.auto_deployment.is_some(),
                "only a service-managed stack set deploys by itself",
            ),
            (
                "call_as",
                set.call_as != CallAs::ItSelf,
                "a delegated administrator is for service-managed stack sets",
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
                    "a service-managed stack set has the roles that AWS Organizations creates",
                    format!("remove `{key}`, or set `permission_model: self-managed`"),
                );
            }
        }
        if set.organizational_units.is_empty() {
            self.add(
                "organizational_units",
                "a service-managed stack set needs the organizational units of its accounts",
                "add `organizational_units:` with IDs such as `ou-ab12-11111111`, or the root's, \
                 such as `r-ab12`",
            );
        }
        let mut seen = HashSet::new();
        for (number, id) in set.organizational_units.iter().enumerate() {
            let key = format!("organizational_units.{number}");
            self.check(
                &key,
                organizational_unit_problem(id),
                "such as `ou-ab12-11111111`; `aws organizations list-organizational-units-for-parent` \
                 shows them",
            );
            if !seen.insert(id) {
                self.add(&key, format!("`{id}` is listed twice"), "remove one");
            }
        }
        self.filter(target, set);
    }

    fn filter(&mut self, target: &Target, set: &StackSet) {
        let filter = set.account_filter.unwrap_or_default();
        if filter == AccountFilter::Union {
            self.add(
                "account_filter",
                "StackSets does not create or delete stack instances by the union of accounts and \
                 organizational units",
                "write `intersection` (the target's accounts), `difference` (all but \
                 `excluded_accounts`) or `none` (all), and list all organizational units",
            );
        } else if filter == AccountFilter::Difference && set.excluded_accounts.is_empty() {
            self.add(
                "account_filter",
                "`difference` leaves accounts out, and none is listed",
                "add `excluded_accounts:`, or write `account_filter: none`",
            );
        } else if filter != AccountFilter::Difference && !set.excluded_accounts.is_empty() {
            self.add(
                "excluded_accounts",
                "accounts are left out with `account_filter: difference` only",
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
                    format!("account {id} is left out, and it is an account of the target too"),
                    "remove it here, or from the target",
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
                    format!("`{count}` and `{percentage}` are both given"),
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
                        "with `concurrency_mode: strict` StackSets deploys to at most {most} \
                         accounts at a time: one more than `failure_tolerance_count`"
                    ),
                    "set `concurrency_mode: soft`, or raise `failure_tolerance_count`",
                );
            }
        }
        let mut seen = HashSet::new();
        for (number, region) in preferences.region_order.iter().enumerate() {
            let key = at(&format!("region_order.{number}"));
            self.region(config, &key, region);
            if !seen.insert(region) {
                self.add(&key, format!("`{region}` is listed twice"), "remove one");
            }
        }
    }
}
