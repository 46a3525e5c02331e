//! Explains why instances failed.

use std::collections::{BTreeSet, HashMap};

use crate::deploy::stack_set::deployment::Report;
use crate::deploy::stack_set::{Failed, Wanted, reasons};
use crate::deploy::{Access, DeployError, StackStep};

use super::reach::reach_all;
use crate::cli::Failure;
use crate::cli::aws::deploy::result::{Done, StepResult};
use crate::cli::aws::deploy::session::Session;
use crate::cli::aws::stack_set::show::{failures, listed, number};
use crate::cli::output::{self, Stream, thousands};

/// How many failed instances are explained from their own stacks' events.
const EXPLAINED: usize = 20;

/// Looks for the first causes in the failed instances' own stacks, where a profile reaches them,
/// and gives what to do about the first of them.
pub(super) async fn explain(
    session: &Session<'_>,
    step: &StackStep,
    access: &Access,
    wanted: &Wanted,
    report: &mut Report,
) -> String {
    let mut accounts = HashMap::from([(step.account.to_string(), access.clone())]);
    let mut problems = BTreeSet::new();
    if report
        .failed
        .iter()
        .any(|one| one.instance.account != step.account)
    {
        match reach_all(session).await {
            Ok(found) => {
                for (account, access) in found.accounts {
                    accounts.entry(account).or_insert(access);
                }
                problems.extend(found.problems);
            }
            Err(error) => {
                problems.insert(format!("{error}."));
            }
        }
    }
    let mut hint = suspended_hint(report);
    for one in report.failed.iter_mut().take(EXPLAINED) {
        let mut own = None;
        if let Some(account) = accounts.get(one.instance.account.as_str()) {
            let there = account.in_region(&one.instance.region);
            match from_own_events(access, &there, wanted, one).await {
                Ok(found) => own = found,
                // StackSets' own reason remains.
                Err(error) => {
                    problems.insert(format!(
                        "The events of a failed stack cannot be read: {error}."
                    ));
                }
            }
        }
        if hint.is_empty() {
            hint = own.unwrap_or_else(|| reasons::hint(&one.reason));
        }
    }
    for problem in problems {
        session.screen.says(problem);
    }
    hint
}

/// What to do about suspended accounts; empty when there are none.
pub(super) fn suspended_hint(report: &Report) -> String {
    let all = report.behind.iter().filter(|one| one.status == "SUSPENDED");
    let accounts: BTreeSet<&str> = all.map(|one| one.instance.account.as_str()).collect();
    let (verb, them) = match accounts.len() {
        0 => return String::new(),
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    format!(
        "{} {verb} suspended: remove {them} from the configuration",
        listed(&accounts)
    )
}

/// Looks for the first cause in a failed instance's own stack; gives what to do about it.
async fn from_own_events(
    access: &Access,
    there: &Access,
    wanted: &Wanted,
    failed: &mut Failed,
) -> Result<Option<String>, DeployError> {
    reasons::find_stack(access, &wanted.plan, failed).await?;
    reasons::from_events(there, failed).await
}

/// The table of what failed, the result for machines, and the error that ends the run.
pub(super) fn failed(
    session: &mut Session<'_>,
    step: &StackStep,
    report: &Report,
    hint: &str,
) -> Result<Failure, Failure> {
    if session.options.result.is_text() {
        output::print(&failures(Stream::Results, report))?;
    }
    session.result(StepResult {
        instances: Some(report.into()),
        ..StepResult::new(step, Done::Failed)
    });
    session.print_results()?;
    let count = report.failed.len() + report.behind.len();
    let mut message = format!(
        "stack set `{}`: {} of {} not as wanted",
        step.stack,
        thousands(count),
        number(count + report.current)
    );
    if let Some((id, status)) = &report.stopped {
        message.push_str(&format!("; operation {id} ended in {status}"));
    }
    let help = if hint.is_empty() {
        format!(
            "`s3ferry events --profile {}` shows the instances; fix the cause, then run the same \
             command again: it tries only the instances that are not current",
            step.profile
        )
    } else {
        format!("{hint}; then run the same command again")
    };
    Ok(Failure::finding(message, help))
}
