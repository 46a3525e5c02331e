//! `s3ferry destroy`: deletes stacks, never by accident, and says what stays.

mod delete;

use std::collections::BTreeSet;

use crate::deploy::retained::{self, StackResource};
use crate::deploy::run::{Deployment, RunOptions};
use crate::deploy::stack::{self, Deployed};
use crate::deploy::stack_set::{self as set, Wanted};
use crate::deploy::{Access, Condition, Observer as _, StackStep};
use crate::stacks::Side;

mod removed;
mod report;

use removed::removed_steps;
use report::report;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::deploy::handoff::{self, Seen};
use crate::cli::aws::deploy::{refuse, stack_set};
use crate::cli::aws::removed as left;
use crate::cli::aws::runtime::{AwsOptions, ResultOption, block_on, require_stacks};
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, output, shell};
use delete::{delete, delete_stack_set, result, say_gone};

const EXAMPLES: &str = "\
Examples:
  s3ferry destroy --profile prod        asks for the stack's name first
  s3ferry destroy --profile dev         refused while a target stands
  s3ferry destroy --all                 targets, then dev
  s3ferry destroy --all --removed       only stacks that the configuration no longer names
  s3ferry destroy --profile prod --confirm crossaccountdeploy-prod   without a terminal

The key and the buckets stay, with all that is in them; how to remove them is printed.
Safe to interrupt: run it again and it resumes.";

/// DestroyOptions of `destroy`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DestroyOptions {
    /// Named profile of the AWS configuration: deletes the stacks that the configuration gives it
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Delete every stack: the targets', then the dev account's
    #[arg(long, conflicts_with = "profile")]
    all: bool,
    /// Delete the stacks that the configuration no longer names, and no others
    #[arg(long)]
    removed: bool,
    /// Name of a stack to delete, instead of typing it; may be repeated
    #[arg(long, value_name = "STACK")]
    confirm: Vec<String>,
    /// Delete the dev account's stacks though a target stands, or cannot be seen from here
    #[arg(long)]
    force: bool,
    /// Keep the stacks of a stack set's instances, as stacks without a stack set
    #[arg(long)]
    retain_stacks: bool,
    /// Role that CloudFormation acts with, instead of the profile's own permissions
    #[arg(long, value_name = "ARN", value_parser = crate::cli::aws::runtime::role_arn)]
    role_arn: Option<String>,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// A stack that is to be deleted.
struct Deletion {
    step: StackStep,
    access: Access,
    what: What,
    /// Resources of a stack, or instances of a stack set.
    parts: usize,
    retained: Vec<StackResource>,
}

/// A stack, or a stack set.
enum What {
    Stack(Deployed),
    Set(Box<Wanted>),
}

/// Deletes.
pub(crate) fn run(global: &Global, options: &DestroyOptions) -> Result<Outcome, Failure> {
    require_stacks("destroy", options.profile.as_deref(), Some(options.all))?;
    // Without them, it would delete something else.
    let given = shell::given(&[
        (options.removed, "--removed"),
        (options.retain_stacks, "--retain-stacks"),
        (options.force, "--force"),
    ]);
    let resume = shell::resume(global, "destroy", options.profile.as_deref(), &given);
    let screen = Screen::new(global, resume);
    let project = Project::load(global)?;
    let accounts = Accounts::new(global, &options.aws, project);
    block_on(&screen, destroy(accounts, options, &screen))
}

async fn destroy(
    mut accounts: Accounts<'_>,
    options: &DestroyOptions,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    accounts.find_earlier_name().await;
    let (steps, remain) = match options.removed {
        true => removed_steps(&mut accounts, options).await?,
        false => {
            let mut steps = accounts.select(options.profile.as_deref())?;
            // What was deployed last is deleted first.
            steps.reverse();
            (steps, false)
        }
    };
    if options.removed && steps.is_empty() {
        if remain {
            return Ok(Outcome::Findings);
        }
        output::note(
            accounts.global,
            "There is no stack here that the configuration no longer names.",
        );
        return Ok(Outcome::Done);
    }
    check_names(&steps, &options.confirm)?;
    if options.retain_stacks {
        refuse::idle_retain_stacks(steps.iter())?;
    }
    let run = RunOptions {
        role_arn: options.role_arn.clone(),
        ..accounts.run_options()
    };
    refuse_while_targets_stand(&mut accounts, options, &steps).await?;
    let mut results = Vec::new();
    let mut deletions = Vec::new();
    for step in steps {
        let access = accounts.access(&step).await?;
        let found = if step.stack_set {
            find_stack_set(&accounts, &step, access).await?
        } else {
            find(&step, access, &run, screen).await?
        };
        match found {
            Some(found) => deletions.push(found),
            None => {
                say_gone(&accounts, &step);
                accounts.outputs.forget(&step);
                results.push(result(&step, "absent", &[]));
            }
        }
    }
    if !deletions.is_empty() {
        output::note(accounts.global, plan(&deletions).trim_end());
        if !is_confirmed(&deletions, options, screen).await? {
            output::note(accounts.global, "Nothing was deleted.");
            return Ok(Outcome::Findings);
        }
    }
    for one in &deletions {
        let kind = match &one.what {
            What::Stack(stack) => {
                delete(one, stack, &run, screen).await?;
                "Stack"
            }
            What::Set(wanted) => {
                let retain = options.retain_stacks;
                delete_stack_set(&accounts, one, wanted, retain, &run, screen).await?;
                "Stack set"
            }
        };
        accounts.outputs.forget(&one.step);
        output::note(
            accounts.global,
            &format!(
                "{kind} {} in account {}, {} is deleted.",
                one.step.stack, one.step.account, one.step.region
            ),
        );
        results.push(result(&one.step, "deleted", &one.retained));
    }
    report(&accounts, options, &deletions, &results)?;
    if !options.removed {
        for one in left::recorded(&accounts) {
            output::note(accounts.global, &format!("{}.", one.sentence()));
        }
    }
    Ok(Outcome::Done)
}

/// A name that is confirmed and belongs to no stack is a mistake to say before anything is done.
fn check_names(steps: &[StackStep], confirmed: &[String]) -> Result<(), Failure> {
    let known: BTreeSet<&str> = steps.iter().map(|step| step.stack.as_str()).collect();
    match confirmed.iter().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            format!("--confirm names `{name}`, and no stack to delete has that name"),
            format!(
                "they are: {}",
                known.into_iter().collect::<Vec<_>>().join(", ")
            ),
        )),
    }
}

/// A target without dev is of no use, and cannot be updated: dev goes last.
async fn refuse_while_targets_stand(
    accounts: &mut Accounts<'_>,
    options: &DestroyOptions,
    deletions: &[StackStep],
) -> Result<(), Failure> {
    // A dev stack that the configuration does not have is not that of its targets.
    let keeps_dev = options.removed || !deletions.iter().any(|step| step.side == Side::Dev);
    if options.force || keeps_dev {
        return Ok(());
    }
    let others: Vec<StackStep> = accounts
        .steps
        .iter()
        .filter(|step| step.is_target() && !deletions.iter().any(|one| one.is(step)))
        .cloned()
        .collect();
    for target in others {
        let profile = &target.profile;
        if target.stack_set {
            // Whether it is there, not whether it is complete.
            if let Ok(access) = accounts.access(&target).await
                && find_stack_set(accounts, &target, access).await?.is_none()
            {
                continue;
            }
            return Err(still_stands(&target));
        }
        let stands = match handoff::look(accounts, &target).await {
            Seen::Read(None) => false,
            Seen::Read(Some(_)) => true,
            _ if accounts.recorded(&target) => true,
            Seen::Unreadable(failure) => {
                return Err(Failure::with_code(
                    format!(
                        "whether stack `{}` of target `{}` stands cannot be seen: {}",
                        target.stack,
                        target.template.name,
                        failure.message()
                    ),
                    "mend that, or give --force if you know that it is gone",
                    failure.exit_code(),
                ));
            }
            Seen::NoProfile => {
                output::note(
                    accounts.global,
                    &format!(
                        "Whether stack {} of target {} stands cannot be seen: there is no \
                         profile {profile} here, and .s3ferry/outputs.json does not have it.",
                        target.stack, target.template.name
                    ),
                );
                false
            }
        };
        if stands {
            return Err(still_stands(&target));
        }
    }
    Ok(())
}

fn still_stands(target: &StackStep) -> Failure {
    let (name, stack, account) = (&target.template.name, &target.stack, &target.account);
    let profile = &target.profile;
    Failure::with_code(
        format!(
            "target `{name}` still stands (stack `{stack}` in account {account}), and it cannot \
             work without the dev account's stack"
        ),
        format!(
            "delete it first: `s3ferry destroy --profile {}`, or everything in order: `s3ferry \
             destroy --all`; --force deletes dev all the same",
            shell::word(profile)
        ),
        1,
    )
}

/// The stack with what would stay of it; `None` when there is none. An operation in progress, such
/// as a deletion that was begun earlier, is followed to its end first.
async fn find(
    step: &StackStep,
    access: Access,
    run: &RunOptions,
    screen: &Screen,
) -> Result<Option<Deletion>, Failure> {
    let deployment = Deployment {
        access: &access,
        step,
        options: run,
        observer: screen,
    };
    let found = deployment.settled().await?;
    screen.ended();
    let Some(stack) = found else {
        return Ok(None);
    };
    let (mut count, mut retained) = (0, Vec::new());
    if stack.condition() != Condition::Reviewing {
        let resources = retained::resources(&access, &stack.id).await?;
        let template = stack::template(&access, &stack.id).await?;
        retained = retained::retained(&template, &resources);
        count = resources.len();
    }
    Ok(Some(Deletion {
        step: step.clone(),
        access,
        what: What::Stack(stack),
        parts: count,
        retained,
    }))
}

async fn find_stack_set(
    accounts: &Accounts<'_>,
    step: &StackStep,
    access: Access,
) -> Result<Option<Deletion>, Failure> {
    let wanted = if left::is_removed(step) {
        let known = &accounts.outputs.known;
        left::set::find(known, &access, step)
            .await?
            .map(|(wanted, _)| wanted)
    } else {
        let wanted = stack_set::wanted(&accounts.project, step, &[])?;
        let found = set::set::describe(&access, &wanted.plan).await?;
        found.map(|_| wanted)
    };
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let parts = set::instances::list(&access, &wanted.plan).await?.len();
    Ok(Some(Deletion {
        step: step.clone(),
        access,
        what: What::Set(Box::new(wanted)),
        parts,
        retained: Vec::new(),
    }))
}

/// What would be deleted, and what would stay.
fn plan(deletions: &[Deletion]) -> String {
    let rows: Vec<Vec<String>> = deletions
        .iter()
        .map(|one| {
            vec![
                one.step.stack.clone(),
                one.step.account.to_string(),
                one.step.region.to_string(),
                match &one.what {
                    What::Stack(stack) => stack.status.clone(),
                    What::Set(_) => "stack set".to_owned(),
                },
                match &one.what {
                    What::Stack(_) => (one.parts - one.retained.len()).to_string(),
                    What::Set(_) => format!("{} instances", one.parts),
                },
                match &one.what {
                    What::Stack(_) => one.retained.len().to_string(),
                    What::Set(_) => "buckets".to_owned(),
                },
            ]
        })
        .collect();
    let header = [
        "to delete",
        "account",
        "region",
        "state",
        "resources",
        "stay",
    ];
    let notes = output::Stream::Notes;
    let mut out = output::table_for(notes, &header, &rows, &[4, 5]);
    let stay: Vec<Vec<String>> = deletions
        .iter()
        .flat_map(|one| {
            one.retained.iter().map(|resource| {
                vec![
                    resource.physical_id.clone(),
                    resource.resource_type.clone(),
                    one.step.account.to_string(),
                ]
            })
        })
        .collect();
    if !stay.is_empty() {
        out.push('\n');
        out.push_str(&output::table_for(
            notes,
            &["what stays", "type", "account"],
            &stay,
            &[],
        ));
    }
    out
}

/// Whether every stack's name was given, once for all accounts that have a stack of that name.
async fn is_confirmed(
    deletions: &[Deletion],
    options: &DestroyOptions,
    screen: &Screen,
) -> Result<bool, Failure> {
    let mut asked: Vec<&str> = Vec::new();
    for one in deletions {
        let name = one.step.stack.as_str();
        if asked.contains(&name) || options.confirm.iter().any(|given| given == name) {
            continue;
        }
        asked.push(name);
        let accounts: BTreeSet<&str> = (deletions.iter())
            .filter(|other| other.step.stack == name)
            .map(|other| other.step.account.as_str())
            .collect();
        let accounts: Vec<&str> = accounts.into_iter().collect();
        let question = format!(
            "Type the stack's name, {name}, to delete it in {}: ",
            match accounts.as_slice() {
                [only] => format!("account {only}"),
                several => format!("{} accounts", several.len()),
            }
        );
        if screen.ask(&question, &format!("--confirm {name}")).await? != name {
            return Ok(false);
        }
    }
    Ok(true)
}
