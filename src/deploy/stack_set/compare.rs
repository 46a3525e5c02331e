//! Compares the desired stack instances with the existing ones, and derives the operations that
//! deploy the differences. Performs no I/O.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::config::AccountFilter;

use super::model::{Existing, Health, Instance, Scope, Targets, Units};

/// The required changes to the instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub add: Vec<Instance>,
    /// Organizational units that the stack set was not deployed to before.
    pub add_units: Vec<String>,
    /// Instances whose stacks differ from the stack set.
    pub update: Vec<Existing>,
    /// Inoperable instances. They are deleted without their stacks and created again.
    pub recreate: Vec<Existing>,
    /// Instances that the last operation skipped because their accounts are suspended.
    pub suspended: Vec<Existing>,
    /// Instances that are no longer configured.
    pub remove: Vec<Existing>,
    /// Instances that automatic deployment or a whole organizational unit adds, but that the
    /// configuration does not name. They have no deploy action.
    pub unnamed: Vec<Existing>,
    /// Number of instances that are current.
    pub current: usize,
    pub regions: Vec<String>,
}

impl Comparison {
    pub(crate) fn is_empty(&self) -> bool {
        self.add.is_empty()
            && self.add_units.is_empty()
            && self.update.is_empty()
            && self.recreate.is_empty()
            && self.suspended.is_empty()
            && self.remove.is_empty()
    }
}

pub(crate) fn compare(wanted: &[Instance], existing: &[Existing], scope: &Scope) -> Comparison {
    let regions: BTreeSet<&str> = wanted.iter().map(|one| one.region.as_str()).collect();
    let mut found = Comparison {
        regions: regions.iter().map(|&region| region.to_owned()).collect(),
        ..Comparison::default()
    };
    let names: HashSet<&Instance> = wanted.iter().collect();
    let accounts: HashSet<&str> = wanted.iter().map(|one| one.account.as_str()).collect();
    let mut there: HashSet<&Instance> = HashSet::new();
    for one in existing {
        let named = names.contains(&one.instance);
        let stays = match scope {
            Scope::Accounts => named,
            Scope::Units(units) => {
                let region = regions.contains(one.instance.region.as_str());
                units.hold(one)
                    && (named || region && units.takes(&one.instance.account, &accounts))
            }
        };
        if !stays {
            found.remove.push(one.clone());
            continue;
        }
        there.insert(&one.instance);
        if !named {
            found.unnamed.push(one.clone());
        }
        match one.health {
            Health::Current => found.current += 1,
            Health::Outdated => found.update.push(one.clone()),
            Health::Inoperable => found.recreate.push(one.clone()),
            Health::Suspended => found.suspended.push(one.clone()),
        }
    }
    let missing = wanted.iter().filter(|one| !there.contains(one));
    // The configuration may contain duplicates.
    found.add = missing
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if let Scope::Units(units) = scope
        && units.filter != AccountFilter::Intersection
    {
        let new = units.units.iter().filter(|id| !units.known.contains(id));
        found.add_units = new.cloned().collect();
    }
    found
}

impl Units {
    /// Returns whether an instance was created for one of the configured organizational units.
    fn hold(&self, one: &Existing) -> bool {
        match &one.organizational_unit {
            Some(unit) => self.units.contains(unit),
            // AWS may temporarily omit the unit, so the instance is kept.
            None => true,
        }
    }

    /// Returns whether the instance of an account is kept if the configuration does not name it.
    fn takes(&self, account: &str, named: &HashSet<&str>) -> bool {
        match self.filter {
            AccountFilter::Intersection => self.auto && !named.contains(account),
            AccountFilter::Difference => !self.excluded.iter().any(|one| one == account),
            AccountFilter::None | AccountFilter::Union => true,
        }
    }
}

/// Returns the operations that create the instances, as few as possible. An operation creates an
/// instance for each of its accounts in each of its regions.
pub(crate) fn creations(found: &Comparison, scope: &Scope, order: &[String]) -> Vec<Targets> {
    let missing: Vec<&Instance> = (found.add.iter())
        .chain(found.recreate.iter().map(|one| &one.instance))
        .collect();
    let units = match scope {
        Scope::Accounts => return groups(missing, order, None),
        Scope::Units(units) => units,
    };
    let units_with_filter = (units.units.clone(), units.filter);
    if units.filter == AccountFilter::Intersection {
        return groups(missing, order, Some(units_with_filter));
    }
    // For whole organizational units, one operation creates the missing instances in all affected
    // regions.
    let missing: BTreeSet<&str> = missing.iter().map(|one| one.region.as_str()).collect();
    let regions: Vec<String> = (found.regions.iter())
        .filter(|region| !found.add_units.is_empty() || missing.contains(region.as_str()))
        .cloned()
        .collect();
    if regions.is_empty() {
        return Vec::new();
    }
    vec![Targets {
        units: Some(units_with_filter),
        accounts: units.excluded.clone(),
        regions: ordered(regions, order),
    }]
}

/// Returns the operations that update or delete existing instances.
pub(crate) fn operations(instances: &[Existing], scope: &Scope, order: &[String]) -> Vec<Targets> {
    let Scope::Units(all) = scope else {
        return groups(instances.iter().map(|one| &one.instance), order, None);
    };
    let mut by_unit: BTreeMap<Option<&String>, Vec<&Instance>> = BTreeMap::new();
    for one in instances {
        let unit = one.organizational_unit.as_ref();
        by_unit.entry(unit).or_default().push(&one.instance);
    }
    by_unit
        .into_iter()
        .flat_map(|(unit, instances)| {
            let units = unit.map_or_else(|| all.units.clone(), |unit| vec![unit.clone()]);
            groups(instances, order, Some((units, AccountFilter::Intersection)))
        })
        .collect()
}

/// Groups accounts that have the same list of regions.
fn groups<'i>(
    instances: impl IntoIterator<Item = &'i Instance>,
    order: &[String],
    units: Option<(Vec<String>, AccountFilter)>,
) -> Vec<Targets> {
    let mut by_account: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in instances {
        let regions = by_account.entry(&one.account).or_default();
        regions.insert(&one.region);
    }
    let mut by_regions: BTreeMap<BTreeSet<&str>, Vec<String>> = BTreeMap::new();
    for (account, regions) in by_account {
        let accounts = by_regions.entry(regions).or_default();
        accounts.push(account.to_owned());
    }
    by_regions
        .into_iter()
        .map(|(regions, accounts)| Targets {
            units: units.clone(),
            accounts,
            regions: ordered(regions.into_iter().map(str::to_owned).collect(), order),
        })
        .collect()
}

/// Sorts regions in the preferred order. Regions without a preference come last.
pub(crate) fn ordered(mut regions: Vec<String>, order: &[String]) -> Vec<String> {
    let place = |region: &String| order.iter().position(|one| one == region);
    regions.sort_by_key(|region| place(region).unwrap_or(usize::MAX));
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn existing(account: &str, region: &str, health: Health, unit: Option<&str>) -> Existing {
        Existing {
            instance: Instance::new(account, region),
            health,
            reason: String::new(),
            stack_id: None,
            organizational_unit: unit.map(str::to_owned),
        }
    }

    fn current(account: &str, region: &str) -> Existing {
        existing(account, region, Health::Current, None)
    }

    fn product(accounts: &[&str], regions: &[&str]) -> Vec<Instance> {
        let of = |account: &&str| {
            let account = (*account).to_owned();
            regions
                .iter()
                .map(move |region| Instance::new(&account, region))
                .collect::<Vec<_>>()
        };
        accounts.iter().flat_map(of).collect()
    }

    fn places(of: &[Existing]) -> Vec<(&str, &str)> {
        of.iter()
            .map(|one| (one.instance.account.as_str(), one.instance.region.as_str()))
            .collect()
    }

    fn accounts(accounts: &[&str], regions: &[&str]) -> Targets {
        let own = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
        Targets {
            units: None,
            accounts: own(accounts),
            regions: own(regions),
        }
    }

    fn units(filter: AccountFilter) -> Units {
        Units {
            units: vec!["ou-a".to_owned(), "ou-b".to_owned()],
            known: vec!["ou-a".to_owned(), "ou-b".to_owned()],
            filter,
            excluded: vec!["9".to_owned()],
            auto: false,
        }
    }

    #[test]
    fn a_whole_product_is_one_operation() {
        let wanted = product(&["1", "2", "3"], &["b", "a"]);
        let found = compare(&wanted, &[], &Scope::Accounts);
        assert_eq!(found.add.len(), 6);
        let order = ["b".to_owned(), "a".to_owned()];
        assert_eq!(
            creations(&found, &Scope::Accounts, &order),
            [accounts(&["1", "2", "3"], &["b", "a"])]
        );
    }

    #[test]
    fn accounts_with_other_regions_are_separate_operations() {
        let mut wanted = product(&["1", "2"], &["a", "b"]);
        wanted.extend(product(&["3", "4"], &["a"]));
        wanted.extend(product(&["5"], &["c"]));
        let found = compare(&wanted, &[], &Scope::Accounts);
        let mut operations = creations(&found, &Scope::Accounts, &[]);
        operations.sort_by_key(|one| format!("{one:?}"));
        assert_eq!(
            operations,
            [
                accounts(&["1", "2"], &["a", "b"]),
                accounts(&["3", "4"], &["a"]),
                accounts(&["5"], &["c"]),
            ]
        );
    }

    #[test]
    fn the_operations_hit_every_missing_instance_once_and_nothing_else() {
        // All subsets of three accounts in three regions.
        let all = product(&["1", "2", "3"], &["a", "b", "c"]);
        for bits in 0..1_usize << all.len() {
            let wanted: Vec<Instance> = (0..all.len())
                .filter(|at| bits >> at & 1 == 1)
                .map(|at| all[at].clone())
                .collect();
            let found = compare(&wanted, &[], &Scope::Accounts);
            let mut hit = Vec::new();
            for one in creations(&found, &Scope::Accounts, &[]) {
                assert_eq!(one.units, None);
                for account in &one.accounts {
                    hit.extend(
                        one.regions
                            .iter()
                            .map(|region| Instance::new(account, region)),
                    );
                }
            }
            hit.sort();
            assert_eq!(hit, wanted);
        }
    }

    #[test]
    fn an_account_added_and_one_removed() {
        let there: Vec<Existing> = product(&["1", "2", "3"], &["a", "b"])
            .iter()
            .map(|one| current(&one.account, &one.region))
            .collect();
        let wanted = product(&["1", "2", "4"], &["a", "b"]);
        let found = compare(&wanted, &there, &Scope::Accounts);
        assert_eq!(found.add, product(&["4"], &["a", "b"]));
        assert_eq!(places(&found.remove), [("3", "a"), ("3", "b")]);
        assert_eq!(found.current, 4);
        assert_eq!(
            operations(&found.remove, &Scope::Accounts, &[]),
            [accounts(&["3"], &["a", "b"])]
        );
        assert_eq!(compare(&wanted[..4], &there[..4], &Scope::Accounts).add, []);
    }

    #[test]
    fn outdated_ones_are_updated_and_inoperable_ones_created_again() {
        let there = [
            existing("1", "a", Health::Outdated, None),
            existing("2", "a", Health::Inoperable, None),
            current("3", "a"),
            existing("4", "a", Health::Inoperable, None),
        ];
        let wanted = product(&["1", "2", "3"], &["a"]);
        let found = compare(&wanted, &there, &Scope::Accounts);
        assert_eq!(places(&found.update), [("1", "a")]);
        assert_eq!(places(&found.recreate), [("2", "a")]);
        assert_eq!(places(&found.remove), [("4", "a")]);
        assert_eq!(
            creations(&found, &Scope::Accounts, &[]),
            [accounts(&["2"], &["a"])]
        );
        let nothing = compare(&wanted[2..], &there[2..3], &Scope::Accounts);
        assert!(nothing.is_empty());
        assert_eq!(nothing.current, 1);
    }

    #[test]
    fn suspended_accounts_are_neither_current_nor_updated() {
        let there = [
            existing("1", "a", Health::Suspended, None),
            current("2", "a"),
            existing("3", "a", Health::Suspended, None),
        ];
        let found = compare(&product(&["1", "2"], &["a"]), &there, &Scope::Accounts);
        assert_eq!(places(&found.suspended), [("1", "a")]);
        assert_eq!(places(&found.remove), [("3", "a")]);
        assert_eq!((found.current, found.update.len()), (1, 0));
        assert!(!found.is_empty());
    }

    #[test]
    fn an_intersection_deploys_to_the_configured_accounts_only() {
        let scope = Scope::Units(units(AccountFilter::Intersection));
        let there = [
            existing("1", "a", Health::Current, Some("ou-a")),
            existing("7", "a", Health::Current, Some("ou-b")),
        ];
        let found = compare(&product(&["1", "2"], &["a"]), &there, &scope);
        assert_eq!(found.add, product(&["2"], &["a"]));
        assert_eq!(places(&found.remove), [("7", "a")]);
        assert_eq!(
            operations(&found.remove, &scope, &[]),
            [Targets {
                units: Some((vec!["ou-b".to_owned()], AccountFilter::Intersection)),
                accounts: vec!["7".to_owned()],
                regions: vec!["a".to_owned()],
            }]
        );
    }

    #[test]
    fn instances_of_automatic_deployment_are_kept_and_reported() {
        let mut own = units(AccountFilter::Intersection);
        own.auto = true;
        let scope = Scope::Units(own);
        let there = [
            existing("1", "a", Health::Current, Some("ou-a")),
            existing("7", "a", Health::Current, Some("ou-b")),
            existing("1", "z", Health::Current, Some("ou-a")),
        ];
        let found = compare(&product(&["1"], &["a"]), &there, &scope);
        assert_eq!(places(&found.unnamed), [("7", "a")]);
        assert_eq!(places(&found.remove), [("1", "z")]);
    }

    #[test]
    fn whole_units_leave_out_the_excluded_accounts_and_lose_other_units() {
        let scope = Scope::Units(units(AccountFilter::Difference));
        let there = [
            existing("1", "a", Health::Current, Some("ou-a")),
            existing("7", "a", Health::Current, Some("ou-b")),
            existing("9", "a", Health::Current, Some("ou-b")),
            existing("8", "a", Health::Current, Some("ou-old")),
        ];
        let found = compare(&product(&["1", "2"], &["a", "b"]), &there, &scope);
        assert_eq!(places(&found.remove), [("9", "a"), ("8", "a")]);
        assert_eq!(places(&found.unnamed), [("7", "a")]);
        assert_eq!(
            creations(&found, &scope, &[]),
            [Targets {
                units: Some((
                    vec!["ou-a".to_owned(), "ou-b".to_owned()],
                    AccountFilter::Difference
                )),
                accounts: vec!["9".to_owned()],
                regions: vec!["a".to_owned(), "b".to_owned()],
            }]
        );
    }

    #[test]
    fn a_new_unit_is_deployed_to_although_no_named_account_is_missing() {
        let mut own = units(AccountFilter::None);
        own.known.truncate(1);
        let there = [existing("1", "a", Health::Current, Some("ou-a"))];
        let scope = Scope::Units(own);
        let found = compare(&product(&["1"], &["a"]), &there, &scope);
        assert_eq!(found.add_units, ["ou-b"]);
        assert!(!found.is_empty());
        let first = &creations(&found, &scope, &[])[0];
        assert!(first.units.is_some());
        assert_eq!(first.regions, ["a"]);
    }
}
