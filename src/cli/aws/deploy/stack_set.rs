//! A target's stack set, as the user sees it: what would change, the questions, the way to its
//! end, and which instances failed and why.

mod explain;

use std::collections::BTreeSet;

use crate::deploy::stack_set::compare::compare;
use crate::deploy::stack_set::run::{Deployment, Prepared, SetOptions};
use crate::deploy::stack_set::{
    Described, Existing, Health, Instance, Wanted, instances as stored, set,
};
use crate::deploy::{Access, Observer as _, StackStep};
use crate::plan::{StackSetPermissions, TargetPlan};
use crate::stacks::{KEY_ID, Side};
use crate::transition::SetInstances;
use serde_json::{Value, json};

use super::one::Done;
use super::stack_set_buckets::{self};
use super::{Session, stack_set_inoperable as inoperable, stack_set_show as show};
use crate::cli::Failure;
use crate::cli::aws::removed::set as recorded;
use crate::cli::output::{self, Stream};
use crate::cli::project::Project;
use explain::{explain, failed};

/// How many accounts a sentence names.
const NAMED: usize = 20;
/// How many failed instances are explained from their own stacks' events.
const EXPLAINED: usize = 20;

/// Reads a stack set and its instances.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub(super) async fn look(
    project: &Project,
    access: &Access,
    step: &StackStep,
) -> Result<Option<(Described, SetInstances)>, Failure> {
    let wanted = wanted(project, step, &[])?;
    let Some(set) = set::describe(access, &wanted.plan).await? else {
        return Ok(None);
    };
    let existing = stored::list(access, &wanted.plan).await?;
    let comparison = compare(&wanted.instances, &existing, &wanted.scope(Some(&set)));
    let places = |of: &[Existing]| -> Vec<(String, String)> {
        let places = of.iter().map(|one| one.instance.clone());
        places.map(|place| (place.account, place.region)).collect()
    };
    let instances = SetInstances {
        existing: places(&existing),
        leaving: places(&split_leaving(comparison.remove, &wanted).1),
        are_current: comparison.update.is_empty() && comparison.recreate.is_empty(),
    };
    Ok(Some((set, instances)))
}

/// Of instances to remove, those that need not wait for the switch, and the others: the pipeline cannot
/// deploy to a suspended account, and what is only created for another organizational unit is wanted.
fn split_leaving(instances: Vec<Existing>, wanted: &Wanted) -> (Vec<Existing>, Vec<Existing>) {
    (instances.into_iter()).partition(|one| {
        one.health == Health::Suspended || wanted.instances.contains(&one.instance)
    })
}

/// Deploys the stack set of a target. With `keeps_instances`, those that the configuration no longer
/// has stay: the deployed pipeline uses them.
///
/// # Errors
/// An instance failed or is missing, AWS refuses, or there is nobody to ask.
pub(super) async fn deploy(
    session: &mut Session<'_>,
    step: &StackStep,
    parameters: &[(String, String)],
    keeps_instances: bool,
) -> Result<Done, Failure> {
    let permit = session.permit(step)?;
    let access = session.accounts.access(step).await?;
    let wanted = wanted(&session.accounts.project, step, parameters)?;
    output::note(
        session.global,
        &format!(
            "\n{}: stack set {} of account {}, {}, for {}",
            step.template.name,
            step.stack,
            step.account,
            step.region,
            show::number(wanted.instances.len())
        ),
    );
    let options = SetOptions {
        wait: session.run.wait,
        template_bucket: session.run.template_bucket.clone(),
        retain_stacks: session.options.retain_stacks,
        token: match step.side {
            Side::Target(index) => format!("{}-{index}", session.run.token),
            _ => session.run.token.clone(),
        },
    };
    let screen = session.screen;
    let deployment = Deployment::new(&access, &wanted, &options, screen);
    screen.begins(&format!("stack set {}", step.stack));
    let mut prepared = deployment.prepare().await?;
    screen.ended();
    if keeps_instances {
        let leaving = std::mem::take(&mut prepared.comparison.remove);
        let (gone, kept) = split_leaving(leaving, &wanted);
        prepared.comparison.remove = gone;
        if !kept.is_empty() {
            let kept = show::number(kept.len());
            let text = format!(
                "{kept} that the configuration no longer has: kept until the pipeline no longer deploys there."
            );
            output::note(session.global, &text);
        }
    }
    say_beside(session, &wanted, &prepared);
    if prepared.is_up_to_date() {
        output::note(
            session.global,
            &format!(
                "No changes: {} current.",
                show::number(prepared.comparison.current)
            ),
        );
        stands(
            session,
            step,
            "unchanged",
            parameters,
            &prepared,
            prepared.comparison.current,
        )?;
        return Ok(Done::Yes);
    }
    let shown = show::changes(Stream::Notes, &prepared);
    output::note(session.global, shown.trim_end());
    stack_set_buckets::check(session, step, &prepared).await?;
    if session.options.dry_run {
        session.result(
            step,
            "planned",
            json!({ "changes": show::changes_json(&prepared) }),
        );
        output::note(session.global, "Dry run: nothing was changed.");
        return Ok(Done::Yes);
    }
    inoperable::check(session, step, &prepared).await?;
    retry_suspended(session, &mut prepared).await?;
    let Some(remove) = may_go_on(session, step, &prepared).await? else {
        output::note(session.global, "Nothing was changed.");
        return Ok(Done::Declined);
    };
    let mut report = deployment.apply(&prepared, remove, permit).await?;
    screen.ended();
    if report.is_complete() {
        let what = if prepared.set.is_some() {
            "updated"
        } else {
            "created"
        };
        output::note(
            session.global,
            &format!(
                "Stack set {} is {what}: {} current.",
                step.stack,
                show::number(report.current)
            ),
        );
        stands(session, step, what, parameters, &prepared, report.current)?;
        say_of_dev(session, &prepared);
        return Ok(Done::Yes);
    }
    let hint = explain(session, step, &access, &wanted, &mut report).await;
    Err(failed(session, step, &report, &hint)?)
}

/// Whether the stack set of a target has every instance, and all are current.
///
/// # Errors
/// AWS cannot be reached, or refuses.
pub(super) async fn all_stand(
    project: &Project,
    access: &Access,
    step: &StackStep,
) -> Result<bool, Failure> {
    let wanted = wanted(project, step, &[])?;
    Ok(crate::deploy::stack_set::run::stands(access, &wanted).await?)
}

/// What the configuration wants of a stack set.
///
/// # Errors
/// It is no target's.
pub(crate) fn wanted(
    project: &Project,
    step: &StackStep,
    parameters: &[(String, String)],
) -> Result<Wanted, Failure> {
    let target = target(project, step)?;
    let template: Value = serde_json::from_str(&step.template.text.json).unwrap_or_default();
    Ok(Wanted {
        plan: target.stack_set.clone(),
        instances: instances(target),
        text: step.template.text.clone(),
        description: template["Description"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        parameters: parameters.to_vec(),
        tags: project.plan.tags.clone(),
    })
}

pub(super) fn target<'p>(
    project: &'p Project,
    step: &StackStep,
) -> Result<&'p TargetPlan, Failure> {
    let found = match step.side {
        Side::Target(index) => project.plan.targets.get(index),
        _ => None,
    };
    found.ok_or_else(|| Failure::new(format!("`{}` is no target", step.template.name), ""))
}

/// Where a target is deployed to.
fn instances(target: &TargetPlan) -> Vec<Instance> {
    (target.instances.iter())
        .map(|one| Instance::new(&one.account, &one.region))
        .collect()
}

/// What the user should know whether or not something changes.
fn say_beside(session: &Session<'_>, wanted: &Wanted, prepared: &Prepared) {
    if let StackSetPermissions::ServiceManaged(own) = &wanted.plan.permissions
        && own.auto_deployment.enabled
    {
        output::note(
            session.global,
            "Automatic deployment is on: an account that joins the organizational units gets a \
             stack by itself, and has no deploy action until the configuration names it.",
        );
    }
    let unnamed = show::by_account(prepared.comparison.unnamed.iter().map(|one| &one.instance));
    if !unnamed.is_empty() {
        let names: Vec<&str> = unnamed.keys().take(NAMED).copied().collect();
        let more = unnamed.len() - names.len();
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        output::note(
            session.global,
            &format!(
                "These accounts have a stack and no deploy action, since the configuration does \
                 not name them: {}{more}.\nNext: add them to target `{}`, and deploy dev.",
                names.join(", "),
                wanted.plan.name
            ),
        );
    }
}

/// Asks. Nothing: the user says no. Otherwise whether instances may be removed.
async fn may_go_on(
    session: &Session<'_>,
    step: &StackStep,
    prepared: &Prepared,
) -> Result<Option<bool>, Failure> {
    let comparison = &prepared.comparison;
    let yes = session.options.yes;
    let leaving = comparison.remove.len();
    let mut remove = false;
    if leaving > 0 {
        let stacks = if session.options.retain_stacks {
            "their stacks stay, without a stack set"
        } else {
            "with their stacks; buckets stay, as the template retains them"
        };
        let question = format!(
            "Remove {} of stack set {} ({stacks})?",
            show::number(leaving),
            step.stack
        );
        remove = yes || session.screen.confirm(&question).await?;
    }
    let others = prepared.set.is_none()
        || !prepared.differences.is_empty()
        || !comparison.add.is_empty()
        || !comparison.add_units.is_empty()
        || !comparison.update.is_empty()
        || !comparison.recreate.is_empty();
    if !others {
        // Suspended accounts change nothing, and are reported at the end.
        let is_only_report = leaving == 0;
        return Ok((remove || is_only_report).then_some(remove));
    }
    let question = format!("Make the other changes to stack set {}?", step.stack);
    let question = if leaving > 0 {
        question
    } else {
        question.replace("the other", "these")
    };
    let go_on = yes || session.screen.confirm(&question).await?;
    Ok(go_on.then_some(remove))
}

/// Asks whether accounts that were suspended during the last operation are tried again. Without
/// anybody to ask they are not, since every attempt ends in the same way.
async fn retry_suspended(session: &Session<'_>, prepared: &mut Prepared) -> Result<(), Failure> {
    let comparison = &mut prepared.comparison;
    if comparison.suspended.is_empty() || session.options.yes {
        return Ok(());
    }
    let accounts = comparison.suspended.iter();
    let accounts = accounts.map(|one| one.instance.account.as_str());
    let question = format!(
        "The last operation skipped {}, because of a suspension. Try again?",
        listed(&accounts.collect())
    );
    if session.screen.confirm(&question).await? {
        comparison.update.append(&mut comparison.suspended);
    }
    Ok(())
}

/// Accounts, as a list in a sentence.
fn listed(accounts: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = accounts.iter().take(NAMED).copied().collect();
    let plural = if accounts.len() == 1 { "" } else { "s" };
    match accounts.len() - names.len() {
        0 => format!("account{plural} {}", names.join(", ")),
        more => format!("account{plural} {} and {more} more", names.join(", ")),
    }
}

/// Accounts that came or went are nothing to the pipeline before dev is deployed.
fn say_of_dev(session: &Session<'_>, prepared: &Prepared) {
    let comparison = &prepared.comparison;
    let dev = &session.accounts.project.plan.dev.profile;
    let alone = session
        .options
        .profile
        .as_ref()
        .is_some_and(|own| own != dev);
    if alone
        && prepared.set.is_some()
        && !(comparison.add.is_empty() && comparison.remove.is_empty())
    {
        output::note(
            session.global,
            &format!(
                "The pipeline's deploy actions are still the old ones: `s3ferry deploy --profile \
                 {}` brings them up to date.",
                crate::shell::word(dev)
            ),
        );
    }
}

/// Every instance stands: keep it for the dev stack, and for machines.
fn stands(
    session: &mut Session<'_>,
    step: &StackStep,
    what: &str,
    parameters: &[(String, String)],
    prepared: &Prepared,
    current: usize,
) -> Result<(), Failure> {
    if !session.options.dry_run {
        let name = recorded::record(&target(&session.accounts.project, step)?.stack_set);
        let mut parameters = parameters.iter();
        let key = parameters.find(|(name, _)| name == KEY_ID);
        let key = key.map(|(_, id)| id.clone());
        session.accounts.outputs.put_outputs(step, name, key);
    }
    let mut more = json!({ "instances": { "current": current } });
    if what != "unchanged" {
        more["changes"] = show::changes_json(prepared);
    }
    session.result(step, what, more);
    Ok(())
}
