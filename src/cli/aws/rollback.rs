//! `s3ferry rollback`: continues a failed rollback, cancels a stack update, or stops a stack set
//! operation.

use crate::deploy::rollback::{self, Ended, Remedy, Unreverted};
use crate::deploy::stack::{self, Deployed};
use crate::deploy::stack_set as set;
use crate::deploy::stack_set::operation::Ended as OperationEnded;
use crate::deploy::{Access, Condition, Observer as _, StackStep};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::options::{AwsOptions, ResultOption, StackOptions, YesOption, help, stacks};
use crate::cli::aws::place::StackPlace;
use crate::cli::aws::runtime::block_on;
use crate::cli::aws::stack_set::{self, show::number};
use crate::cli::json::Version;
use crate::cli::shell::with_profile;
use crate::cli::{Failure, Global, Outcome, output};

const EXAMPLES: &str = "\
Examples:
  s3ferry rollback --profile dev
  s3ferry rollback --profile dev --skip DeployKey   skip one resource
  s3ferry rollback --all --yes                      skip the confirmation prompts

The action depends on the state of each stack:
  UPDATE_ROLLBACK_FAILED       continue the rollback
  UPDATE_IN_PROGRESS           cancel the update and follow the rollback
  UPDATE_ROLLBACK_IN_PROGRESS  follow the rollback
  stack set operation running  stop the operation

CloudFormation does not change a skipped resource and marks it as rolled back.
Its actual state can then differ from the template: fix it before the next
deployment.

Exit codes: 0 rolled back, or nothing to roll back; 1 a rollback failed or was
not confirmed; 2 invalid usage; 3 AWS could not be reached or denied access.";

/// Options of `s3ferry rollback`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(stacks("Roll back", "Roll back the stacks of every profile")),
    mut_args(help("yes", "Skip the confirmation prompt")),
)]
pub(crate) struct RollbackOptions {
    #[command(flatten)]
    stacks: StackOptions,
    /// Skip the resource with this logical ID, which cannot be rolled back; can be repeated
    #[arg(long, value_name = "RESOURCE", help_heading = "Behavior")]
    skip: Vec<String>,
    #[command(flatten)]
    confirmation: YesOption,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// The output of `s3ferry rollback --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry rollback")]
pub(crate) struct Document {
    version: Version,
    /// One entry for each stack or stack set.
    stacks: Vec<Entry>,
}

/// A stack or stack set.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(flatten)]
    place: StackPlace,
    /// Whether the entry is a stack set.
    stack_set: bool,
    /// Stack status before the rollback; null if the stack does not exist.
    status: Option<String>,
    /// ID of the running operation of a stack set.
    operation: Option<String>,
    /// Resources that the previous rollback failed to roll back.
    not_rolled_back: Vec<Unreverted>,
    /// Logical IDs of the skipped resources.
    skipped: Vec<String>,
    /// Result.
    result: RollbackResult,
}

/// The result of a rollback.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum RollbackResult {
    /// There was nothing to roll back.
    Nothing,
    /// The user did not confirm the rollback.
    Declined,
    /// The stack was rolled back.
    RolledBack,
    /// The update succeeded before it could be canceled.
    Updated,
    /// The operation of a stack set was stopped.
    Stopped,
    /// The rollback failed.
    Failed,
}

/// A stack or a stack set that may need a rollback.
struct Candidate {
    step: StackStep,
    access: Access,
    state: State,
}

/// The state of a candidate.
enum State {
    /// The stack or stack set does not exist.
    Absent,
    /// A stack, its remedy, and the resources that could not be rolled back.
    Stack(Box<Deployed>, Remedy, Vec<Unreverted>),
    /// A stack set, and the ID and action of its running operation.
    StackSet(Option<(String, String)>),
}

/// Runs `s3ferry rollback`.
pub(crate) fn run(global: &Global, options: &RollbackOptions) -> Result<Outcome, Failure> {
    let skip: Vec<&str> = (options.skip.iter())
        .flat_map(|id| ["--skip", id.as_str()])
        .collect();
    let screen = options.stacks.screen(global, "rollback", &skip)?;
    let accounts = Accounts::open(&options.aws, &screen)?;
    block_on(&screen, roll_back(accounts, options))
}

async fn roll_back(
    mut accounts: Accounts<'_>,
    options: &RollbackOptions,
) -> Result<Outcome, Failure> {
    let screen = accounts.screen;
    let mut candidates = Vec::new();
    screen.begins("stack status");
    for step in accounts.select(options.stacks.profile())? {
        let looked = match accounts.access(&step).await {
            Ok(access) => look(&accounts, step.clone(), access).await,
            Err(failure) => Err(failure),
        };
        match looked {
            Ok(candidate) => candidates.push(candidate),
            // Continue with the other stacks.
            Err(failure) if options.stacks.all => screen.says(format!(
                "Cannot read stack {} in account {}, {}: {}.",
                step.stack,
                step.account,
                step.region,
                failure.message()
            )),
            Err(failure) => return Err(failure),
        }
    }
    screen.ended();
    check_skip(&candidates, &options.skip)?;
    let mut document = Document {
        version: Version,
        stacks: Vec::new(),
    };
    let mut is_declined = false;
    for candidate in &candidates {
        screen.says(candidate.shown(&options.skip));
        let Some(question) = candidate.question() else {
            let entry = candidate.entry(RollbackResult::Nothing, Vec::new());
            document.stacks.push(entry);
            continue;
        };
        if let Some(question) = question
            && !screen.confirm(options.confirmation.yes, &question).await?
        {
            screen.says("Nothing was changed.");
            let entry = candidate.entry(RollbackResult::Declined, Vec::new());
            document.stacks.push(entry);
            is_declined = true;
            continue;
        }
        let result = candidate.roll_back(&mut accounts, options).await;
        screen.ended();
        match result {
            Ok(entry) => document.stacks.push(entry),
            Err(failure) => {
                let entry = candidate.entry(RollbackResult::Failed, Vec::new());
                document.stacks.push(entry);
                options.result.print(&document)?;
                return Err(failure);
            }
        }
    }
    options.result.print(&document)?;
    Ok(Outcome::findings(is_declined))
}

/// Reads a stack or a stack set.
async fn look(
    accounts: &Accounts<'_>,
    step: StackStep,
    access: Access,
) -> Result<Candidate, Failure> {
    let state = if step.stack_set {
        let wanted = stack_set::wanted(&accounts.project, &step, &[])?;
        if set::set::describe(&access, &wanted.plan).await?.is_none() {
            State::Absent
        } else {
            State::StackSet(set::operation::in_progress(&access, &wanted.plan).await?)
        }
    } else {
        match stack::read(&access, &step.stack).await? {
            None => State::Absent,
            Some(stack) => {
                let remedy = Remedy::of(&stack.status);
                let failed = match remedy {
                    Remedy::Continue => rollback::unreverted(&access, &stack).await?,
                    _ => Vec::new(),
                };
                State::Stack(Box::new(stack), remedy, failed)
            }
        }
    };
    Ok(Candidate {
        step,
        access,
        state,
    })
}

/// Checks that every resource to skip failed to roll back. CloudFormation rejects other resources.
fn check_skip(candidates: &[Candidate], skip: &[String]) -> Result<(), Failure> {
    let failed: Vec<&str> = candidates
        .iter()
        .flat_map(Candidate::unreverted)
        .map(|one| one.logical_id.as_str())
        .collect();
    match skip.iter().find(|name| !failed.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            format!("cannot skip `{name}`: its rollback did not fail"),
            match failed.as_slice() {
                [] => "no rollback failed: remove the option".to_owned(),
                failed => format!("the rollback failed for: {}", failed.join(", ")),
            },
        )),
    }
}

impl Candidate {
    fn unreverted(&self) -> &[Unreverted] {
        match &self.state {
            State::Stack(_, _, failed) => failed,
            _ => &[],
        }
    }

    /// Returns the resources to skip that belong to this stack.
    fn skipped(&self, skip: &[String]) -> Vec<String> {
        let failed = self.unreverted();
        let is_here = |name: &&String| failed.iter().any(|one| one.logical_id == **name);
        skip.iter().filter(is_here).cloned().collect()
    }

    /// Describes the state and its remedy.
    fn shown(&self, skip: &[String]) -> String {
        let step = &self.step;
        let name = &step.stack;
        let command = |words: &str| with_profile(words, &step.profile);
        let place = format!("in account {}, {}", step.account, step.region);
        let (stack, remedy, failed) = match &self.state {
            State::Absent if step.stack_set => {
                return format!("Stack set {name} {place} does not exist.");
            }
            State::Absent => return format!("Stack {name} {place} does not exist."),
            State::StackSet(None) => {
                return format!("Stack set {name} {place}: no operation is running.");
            }
            State::StackSet(Some((id, action))) => {
                return format!(
                    "Stack set {name} {place}: operation {id} ({action}) is running. Stopping it \
                     does not change the remaining instances."
                );
            }
            State::Stack(stack, remedy, failed) => (stack, remedy, failed),
        };
        let mut text = format!("Stack {name} {place} is in {}", stack.status);
        match remedy {
            Remedy::Nothing => {
                let next = match stack.condition() {
                    Condition::CreationFailed => {
                        format!(": run `{}` to delete and recreate it", command("deploy"))
                    }
                    Condition::DeletionFailed => {
                        format!(": run `{}` to delete it", command("destroy"))
                    }
                    Condition::InProgress => format!(
                        ", which cannot be canceled: run `{}` to see the progress",
                        command("events")
                    ),
                    _ => ": there is nothing to roll back".to_owned(),
                };
                text.push_str(&format!("{next}."));
            }
            Remedy::Cancel => text.push_str(": the update can be canceled."),
            Remedy::Follow => text.push_str(": following the rollback."),
            Remedy::Continue => {
                text.push('.');
                if !failed.is_empty() {
                    let row = |one: &Unreverted| {
                        [&one.logical_id, &one.resource_type, &one.reason]
                            .map(String::clone)
                            .to_vec()
                    };
                    let rows: Vec<Vec<String>> = failed.iter().map(row).collect();
                    let header = ["not rolled back", "type", "reason"];
                    let notes = output::Stream::Notes;
                    let table = output::table_for(notes, &header, &rows, &[]);
                    text.push_str(&format!("\n{}", table.trim_end()));
                }
                let skipped = self.skipped(skip);
                if !skipped.is_empty() {
                    text.push_str(&format!(
                        "\nWarning: CloudFormation does not change {} and marks it as rolled \
                         back. The actual state can differ from the template: check it with \
                         `{}`, and fix it before the next deployment.",
                        skipped.join(", "),
                        command("status").words("--drift")
                    ));
                }
            }
        }
        text
    }

    /// Returns the confirmation question. The outer `None` means that there is nothing to do. The
    /// inner `None` means that no confirmation is needed.
    fn question(&self) -> Option<Option<String>> {
        let name = &self.step.stack;
        match &self.state {
            State::Absent | State::StackSet(None) => None,
            State::StackSet(Some((id, _))) => {
                Some(Some(format!("Stop operation {id} of stack set {name}?")))
            }
            State::Stack(_, remedy, _) => match remedy {
                Remedy::Nothing => None,
                Remedy::Follow => Some(None),
                Remedy::Continue => Some(Some(format!("Continue the rollback of stack {name}?"))),
                Remedy::Cancel => Some(Some(format!("Cancel the update of stack {name}?"))),
            },
        }
    }

    /// Performs the rollback and returns the result.
    async fn roll_back(
        &self,
        accounts: &mut Accounts<'_>,
        options: &RollbackOptions,
    ) -> Result<Entry, Failure> {
        let (step, access, screen) = (&self.step, &self.access, accounts.screen);
        let (token, wait) = (accounts.token(), options.aws.wait_timeout);
        let (stack, remedy) = match &self.state {
            State::Stack(stack, remedy, _) => (stack, remedy),
            State::StackSet(Some((id, _))) => {
                let wanted = stack_set::wanted(&accounts.project, step, &[])?;
                let operations = set::operation::Operations {
                    access,
                    plan: &wanted.plan,
                    wait,
                    observer: screen,
                };
                let ended = operations.stop(id).await?;
                screen.says(stopped(step, &ended));
                return Ok(self.entry(RollbackResult::Stopped, Vec::new()));
            }
            State::Absent | State::StackSet(None) => {
                return Ok(self.entry(RollbackResult::Nothing, Vec::new()));
            }
        };
        let skip = self.skipped(&options.skip);
        let ended = match remedy {
            Remedy::Continue => {
                rollback::resume(access, stack, &skip, &token, wait, screen).await?
            }
            Remedy::Cancel => rollback::cancel(access, stack, &token, wait, screen).await?,
            Remedy::Follow | Remedy::Nothing => {
                rollback::watch(access, stack, wait, screen).await?
            }
        };
        let name = &step.stack;
        let (said, result) = match ended {
            Ended::RolledBack => (
                format!(
                    "Stack {name} was rolled back. Next: run `{}` to see what a deployment would \
                     change.",
                    with_profile("diff", &step.profile)
                ),
                RollbackResult::RolledBack,
            ),
            Ended::Updated => (
                format!("The update of stack {name} succeeded before it could be canceled."),
                RollbackResult::Updated,
            ),
        };
        screen.says(said);
        Ok(self.entry(result, skip))
    }

    fn entry(&self, result: RollbackResult, skipped: Vec<String>) -> Entry {
        let (status, operation) = match &self.state {
            State::Stack(stack, ..) => (Some(stack.status.clone()), None),
            State::StackSet(Some((id, _))) => (None, Some(id.clone())),
            _ => (None, None),
        };
        Entry {
            place: (&self.step).into(),
            stack_set: self.step.stack_set,
            status,
            operation,
            not_rolled_back: self.unreverted().to_vec(),
            skipped,
            result,
        }
    }
}

/// Describes the result of a stopped operation, and the next step.
fn stopped(step: &StackStep, ended: &OperationEnded) -> String {
    let counts = &ended.counts;
    format!(
        "Operation {} of stack set {} is {}: {} of {} were completed. Next: run `{}` \
         to complete the others.",
        ended.id,
        step.stack,
        ended.status,
        output::thousands(counts.succeeded),
        number(counts.total()),
        with_profile("deploy", &step.profile)
    )
}
