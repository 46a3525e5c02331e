//! Deploys the stack set of a target: shows the changes, asks for confirmation, follows the
//! operations, and explains failed instances.

mod buckets;
mod explain;
mod inoperable;
mod reach;

use crate::deploy::stack_set::Wanted;
use crate::deploy::stack_set::deployment::{Deployment, Prepared, SetOptions};
use crate::deploy::{Observer as _, StackStep};
use crate::plan::StackSetPermissions;
use crate::stacks::{KEY_ID, Side};

use super::result::{Changes, Done, Instances, StepResult};
use super::session::Session;
use crate::cli::Failure;
use crate::cli::aws::place::heading;
use crate::cli::aws::removed::set as recorded;
use crate::cli::aws::stack_set::show::{self, SetChanges, named, number};
use crate::cli::aws::stack_set::{split_leaving, target, wanted};
use crate::cli::output::Stream;
use crate::cli::shell::with_profile;
use explain::{explain, failed};

/// Deploys the stack set of a target. Returns `false` if the user declines. With `keeps_instances`,
/// retains instances that are no longer in the configuration but that the deployed pipeline uses.
pub(super) async fn deploy(
    session: &mut Session<'_>,
    step: &StackStep,
    parameters: &[(String, String)],
    keeps_instances: bool,
) -> Result<bool, Failure> {
    let permit = session.permit(&step.stack, &step.template.text.yaml)?;
    let access = session.accounts.access(step).await?;
    let wanted = wanted(&session.accounts.project, step, parameters)?;
    session.screen.says(format!(
        "\n{}, for {}",
        heading(step),
        number(wanted.instances.len())
    ));
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
            screen.says(format!(
                "{} no longer in the configuration: kept until the pipeline is updated.",
                number(kept.len())
            ));
        }
    }
    say_notes(session, &wanted, &prepared);
    if prepared.is_up_to_date() {
        let current = prepared.comparison.current;
        screen.says(format!("No changes: {} current.", number(current)));
        let result = StepResult::new(step, Done::Unchanged);
        record_current(session, step, parameters, current, result)?;
        return Ok(true);
    }
    let shown = show::changes(Stream::Notes, &prepared);
    screen.says(shown.trim_end());
    buckets::check(session, step, &prepared).await?;
    if session.options.dry_run {
        session.result(StepResult {
            changes: Some(changes(&prepared)),
            ..StepResult::new(step, Done::Planned)
        });
        screen.says("Dry run: nothing was changed.");
        return Ok(true);
    }
    inoperable::check(session, step, &prepared).await?;
    retry_suspended(session, &mut prepared).await?;
    let Some(remove) = may_go_on(session, step, &prepared).await? else {
        screen.says("Nothing was changed.");
        return Ok(false);
    };
    let mut report = deployment.apply(&prepared, remove, permit).await?;
    screen.ended();
    if report.is_complete() {
        let (what, done) = match prepared.set {
            Some(_) => ("updated", Done::Updated),
            None => ("created", Done::Created),
        };
        screen.says(format!(
            "Stack set {} was {what}: {} current.",
            step.stack,
            number(report.current)
        ));
        let result = StepResult {
            changes: Some(changes(&prepared)),
            ..StepResult::new(step, done)
        };
        record_current(session, step, parameters, report.current, result)?;
        say_of_dev(session, &prepared);
        return Ok(true);
    }
    let hint = explain(session, step, &access, &wanted, &mut report).await;
    Err(failed(session, step, &report, &hint)?)
}

/// Prints notes that apply even if nothing changes.
fn say_notes(session: &Session<'_>, wanted: &Wanted, prepared: &Prepared) {
    if let StackSetPermissions::ServiceManaged(own) = &wanted.plan.permissions
        && own.auto_deployment.enabled
    {
        session.screen.says(
            "Automatic deployment is on: accounts that join the organizational units get a stack \
             automatically, but no deploy action until you add them to the configuration.",
        );
    }
    let unnamed = show::by_account(prepared.comparison.unnamed.iter().map(|one| &one.instance));
    if !unnamed.is_empty() {
        session.screen.says(format!(
            "These accounts have a stack but no deploy action, because they are not in the \
             configuration: {}.\nNext: add them to target `{}` and deploy dev.",
            named(unnamed.keys()),
            wanted.plan.name
        ));
    }
}

/// Asks for confirmation. Returns whether instances may be removed, or `None` if the user declines.
async fn may_go_on(
    session: &Session<'_>,
    step: &StackStep,
    prepared: &Prepared,
) -> Result<Option<bool>, Failure> {
    let comparison = &prepared.comparison;
    let leaving = comparison.remove.len();
    let mut remove = false;
    if leaving > 0 {
        let stacks = if session.options.retain_stacks {
            "retains their stacks"
        } else {
            "deletes their stacks, retains the buckets"
        };
        let question = format!(
            "Remove {} from stack set {} ({stacks})?",
            number(leaving),
            step.stack
        );
        remove = session.confirm(&question).await?;
    }
    let others = prepared.set.is_none()
        || !prepared.differences.is_empty()
        || !comparison.add.is_empty()
        || !comparison.add_units.is_empty()
        || !comparison.update.is_empty()
        || !comparison.recreate.is_empty();
    if !others {
        // Suspended accounts do not change, and are reported at the end.
        let is_only_report = leaving == 0;
        return Ok((remove || is_only_report).then_some(remove));
    }
    let question = format!("Make the other changes to stack set {}?", step.stack);
    let question = if leaving > 0 {
        question
    } else {
        question.replace("the other", "these")
    };
    let go_on = session.confirm(&question).await?;
    Ok(go_on.then_some(remove))
}

/// Asks whether to retry accounts that were suspended during the last operation. With `--yes`, does
/// not retry them, because every attempt would fail again.
async fn retry_suspended(session: &Session<'_>, prepared: &mut Prepared) -> Result<(), Failure> {
    let comparison = &mut prepared.comparison;
    if comparison.suspended.is_empty() || session.options.confirmation.yes {
        return Ok(());
    }
    let accounts = comparison.suspended.iter();
    let accounts = accounts.map(|one| one.instance.account.as_str());
    let question = format!(
        "The last operation skipped {} (suspended). Try again?",
        show::listed(&accounts.collect())
    );
    if session.confirm(&question).await? {
        comparison.update.append(&mut comparison.suspended);
    }
    Ok(())
}

/// Reports that added and removed accounts do not affect the pipeline until the dev stack is
/// deployed.
fn say_of_dev(session: &Session<'_>, prepared: &Prepared) {
    let comparison = &prepared.comparison;
    let dev = &session.accounts.project.plan.dev.profile;
    let is_alone = (session.options.stacks.profile()).is_some_and(|own| own != dev);
    let has_moved = !(comparison.add.is_empty() && comparison.remove.is_empty());
    if is_alone && prepared.set.is_some() && has_moved {
        session.screen.says(format!(
            "The deploy actions of the pipeline are not updated yet. To update them, run `{}`.",
            with_profile("deploy", dev)
        ));
    }
}

/// Records in the outputs file and the JSON output that every instance is current.
fn record_current(
    session: &mut Session<'_>,
    step: &StackStep,
    parameters: &[(String, String)],
    current: usize,
    result: StepResult,
) -> Result<(), Failure> {
    if !session.options.dry_run {
        let name = recorded::record(&target(&session.accounts.project, step)?.stack_set);
        let key = parameters.iter().find(|(name, _)| name == KEY_ID);
        let key = key.map(|(_, id)| id.clone());
        session.accounts.outputs.put_outputs(step, name, key);
    }
    session.result(StepResult {
        instances: Some(Instances {
            current,
            ..Instances::default()
        }),
        ..result
    });
    Ok(())
}

fn changes(prepared: &Prepared) -> Changes {
    Changes::StackSet(Box::new(SetChanges::new(prepared)))
}
