//! The stacks that might be deployed: the stacks in the configuration, and other stacks in the
//! outputs file.

use std::collections::HashMap;

use crate::deploy::live::{self as edge, Wanted};
use crate::deploy::{Observer as _, Outputs, StackOutputs, StackStep};
use crate::diagnostic::Source;
use crate::doctor::{Candidate, Place, ReadStack, Reference};
use crate::plan::{Plan, StackSetPlan};
use crate::proof::Inputs;
use crate::stacks::{DEPLOY_ROLE_ARN, Side};

use super::scope::{Scope, Views};

/// A stack in the configuration. Each instance of a stack set is a separate stack.
struct Configured<'p> {
    step: &'p StackStep,
    place: Place,
}

/// Reads the stacks and their templates.
pub(super) async fn read(scope: &Scope<'_>, views: &Views) -> Vec<Candidate> {
    let screen = scope.accounts.screen;
    let configured = configured(scope);
    let recorded = recorded(&configured, &scope.accounts.outputs.known);
    // Read each stack set once for all its instances.
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut asked: HashMap<(String, String, String), usize> = HashMap::new();
    let mut ask = |account: &str, region: &str, stack: &str, set| {
        let key = (account.to_owned(), region.to_owned(), stack.to_owned());
        *asked.entry(key).or_insert_with(|| {
            wanted.push(Wanted {
                account: account.to_owned(),
                region: region.to_owned(),
                stack: stack.to_owned(),
                stack_set: set,
            });
            wanted.len() - 1
        })
    };
    let plan = scope.plan();
    let numbers: Vec<usize> = configured
        .iter()
        .map(|one| {
            let step = one.step;
            ask(
                &step.account,
                &step.region,
                &step.stack,
                stack_set(plan, step),
            )
        })
        .collect();
    let recorded: Vec<(Candidate, usize)> = recorded
        .into_iter()
        .map(|one| {
            let place = &one.place;
            let number = ask(&place.account, &place.region, &place.stack, None);
            (one, number)
        })
        .collect();
    screen.begins("stacks and their templates");
    let read = edge::stacks(&wanted, &views.accesses).await;
    screen.ended();
    let found = |number: usize, step: Option<&StackStep>| {
        let (stack, template) = read.get(number)?.clone()?;
        let is_same = match (step, template.read()) {
            (Some(step), Some(text)) => step.comparison(text).is_same(),
            _ => false,
        };
        Some(ReadStack {
            stack,
            template,
            is_same,
        })
    };
    let local = local(&scope.inputs);
    let configured = configured.iter().zip(numbers).zip(local);
    let configured = configured.map(|((one, number), (is_generic, source))| Candidate {
        place: one.place.clone(),
        is_target: one.step.is_target(),
        is_generic,
        local: Some(source),
        found: found(number, Some(one.step)),
    });
    let recorded = recorded.into_iter().map(|(mut one, number)| {
        one.found = found(number, None);
        one
    });
    configured.chain(recorded).collect()
}

fn stack_set(plan: &Plan, step: &StackStep) -> Option<StackSetPlan> {
    match step.side {
        Side::Target(number) if step.stack_set => Some(plan.targets[number].stack_set.clone()),
        _ => None,
    }
}

/// Returns the stacks in the configuration, in the order of the instances in the proof.
fn configured<'p>(scope: &'p Scope<'_>) -> Vec<Configured<'p>> {
    let plan = scope.plan();
    let mut found = Vec::new();
    for step in &scope.accounts.steps {
        let place = |account: &str, region: &str, profile: &str| Place {
            template: step.template.name.clone(),
            stack: step.stack.clone(),
            account: account.to_owned(),
            region: region.to_owned(),
            profile: profile.to_owned(),
            tagged_objects: matches!(
                step.side,
                Side::Target(number) if plan.targets[number].tagged_objects
            ),
            reference: Reference::default(),
        };
        match step.side {
            Side::Target(number) if step.stack_set => {
                let instances = plan.targets[number].instances.iter();
                found.extend(instances.map(|one| Configured {
                    step,
                    place: place(&one.account, &one.region, &one.profile),
                }));
            }
            _ => found.push(Configured {
                step,
                place: place(&step.account, &step.region, &step.profile),
            }),
        }
    }
    found
}

/// Returns the local template of every instance, and whether several instances share it.
fn local(inputs: &Inputs) -> Vec<(bool, Source)> {
    let stacks = inputs.stacks.iter();
    stacks
        .flat_map(|stack| {
            let one = (stack.is_generic, stack.template.source().clone());
            std::iter::repeat_n(one, stack.instances.len())
        })
        .collect()
}

/// Returns the stacks that are in the outputs file but not in the configuration.
fn recorded(configured: &[Configured<'_>], outputs: &Outputs) -> Vec<Candidate> {
    let is_configured = |entry: &StackOutputs| {
        configured.iter().any(|one| {
            let step = one.step;
            (step.account.as_str(), step.region.as_str(), &step.stack)
                == (&entry.account, &entry.region, &entry.stack)
        })
    };
    let mut prefixes: Vec<&str> = (outputs.prefixes())
        .chain(
            configured
                .first()
                .and_then(|one| one.place.stack.strip_suffix("dev")),
        )
        .collect();
    prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    let entries = outputs.stacks().iter();
    entries
        .filter(|entry| !is_configured(entry))
        .map(|entry| {
            let mut suffixes = prefixes
                .iter()
                .filter_map(|all| entry.stack.strip_prefix(all));
            let same_account = configured
                .iter()
                .find(|one| one.place.account == entry.account);
            Candidate {
                place: Place {
                    template: suffixes.next().unwrap_or(&entry.stack).to_owned(),
                    stack: entry.stack.clone(),
                    account: entry.account.clone(),
                    region: entry.region.clone(),
                    profile: same_account.map_or(String::new(), |one| one.place.profile.clone()),
                    tagged_objects: false,
                    reference: Reference::default(),
                },
                is_target: entry.outputs.contains_key(DEPLOY_ROLE_ARN),
                is_generic: false,
                local: None,
                found: None,
            }
        })
        .collect()
}
