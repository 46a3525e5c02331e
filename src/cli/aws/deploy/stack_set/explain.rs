//! Explains why stack instances failed.

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

/// Maximum number of failed instances for which the stack events are read.
const EXPLAINED: usize = 20;

/// Searches the stacks of the failed instances for the root causes, in the accounts with a profile.
/// Returns a hint for the first failure.
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
                // Keep the reason from StackSets.
                Err(error) => {
                    problems.insert(format!(
                        "Cannot read the events of a failed stack: {error}."
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

/// Returns a hint about suspended accounts, or an empty string if no account is suspended.
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

/// Searches the stack of a failed instance for the root cause. Returns a hint.
async fn from_own_events(
    access: &Access,
    there: &Access,
    wanted: &Wanted,
    failed: &mut Failed,
) -> Result<Option<String>, DeployError> {
    reasons::find_stack(access, &wanted.plan, failed).await?;
    reasons::from_events(there, failed).await
}

/// Prints the failed instances as a table or JSON, and returns the error that ends the run.
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
        "stack set `{}`: {} of {} not current",
        step.stack,
        thousands(count),
        number(count + report.current)
    );
    if let Some((id, status)) = &report.stopped {
        message.push_str(&format!("; operation {id} ended in {status}"));
    }
    let help = if hint.is_empty() {
        format!(
            "run `s3ferry events --profile {}` to see the instances; fix the cause, then run the \
             same command again: it retries only the instances that are not current",
            step.profile
        )
    } else {
        format!("{hint}; then run the same command again")
    };
    Ok(Failure::finding(message, help))
}
