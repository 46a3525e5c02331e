//! Reads stacks and the templates that they were deployed from.

use std::collections::BTreeMap;

use super::{AT_ONCE, Access, Accesses};
use crate::deploy::stack_set::set;
use crate::deploy::together::finished;
use crate::deploy::{Condition, DeployError, stack};
use crate::doctor::live::{Reading, Refusal, Stack};
use crate::plan::StackSetPlan;

#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub account: String,
    pub region: String,
    pub stack: String,
    /// Stack set to read instead of a stack. The account and region are then those of the stack
    /// set's administrator.
    pub stack_set: Option<StackSetPlan>,
}

/// A stack and the text of its template.
pub(crate) type Read = (Reading<Stack>, Reading<String>);

/// Reads stacks and returns the results in the same order. A result is `None` if the account is not
/// accessible or the read aborts.
pub(crate) async fn stacks(wanted: &[Wanted], accesses: &Accesses) -> Vec<Option<Read>> {
    let reads = wanted.iter().enumerate().filter_map(|(number, one)| {
        let access = accesses.get(&one.account)?.in_region(&one.region);
        let one = one.clone();
        Some(async move {
            let read = match &one.stack_set {
                Some(plan) => read_set(&access, plan).await,
                None => read_stack(&access, &one.stack).await,
            };
            (number, read)
        })
    });
    let (found, _) = finished(AT_ONCE, reads).await;
    let mut found: BTreeMap<usize, Read> = found.into_values().collect();
    let numbers = 0..wanted.len();
    numbers.map(|number| found.remove(&number)).collect()
}

async fn read_stack(access: &Access, name: &str) -> Read {
    let found = match stack::read(access, name).await {
        Ok(Some(found)) => found,
        Ok(None) => return (Reading::Missing, Reading::Missing),
        Err(error) => {
            return (
                refused("cloudformation:DescribeStacks", &error),
                Reading::Missing,
            );
        }
    };
    let template = match found.condition() {
        // The stack has only a change set and no template yet.
        Condition::Reviewing => Reading::Missing,
        _ => match stack::template(access, &found.id).await {
            Ok(text) => Reading::Read(text),
            Err(error) => refused("cloudformation:GetTemplate", &error),
        },
    };
    let stack = Stack {
        name: found.name,
        status: found.status,
        reason: found.reason,
        parameters: found.parameters,
        outputs: found.outputs,
    };
    (Reading::Read(stack), template)
}

/// Reads a stack set. Its instances use its template and parameters. `s3ferry status` reports the
/// state of each instance.
async fn read_set(access: &Access, plan: &StackSetPlan) -> Read {
    match set::describe(access, plan).await {
        Ok(Some(found)) => (
            Reading::Read(Stack {
                name: plan.name.clone(),
                parameters: found.parameters,
                ..Stack::default()
            }),
            Reading::Read(found.template),
        ),
        Ok(None) => (Reading::Missing, Reading::Missing),
        Err(error) => (
            refused("cloudformation:DescribeStackSet", &error),
            Reading::Missing,
        ),
    }
}

fn refused<T>(action: &str, error: &DeployError) -> Reading<T> {
    Reading::Refused(Refusal {
        action: action.to_owned(),
        reason: error.message.clone(),
    })
}
