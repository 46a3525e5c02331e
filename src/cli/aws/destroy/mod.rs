//! `s3ferry destroy`: deletes stacks after confirmation, and lists the retained resources.

mod delete;
mod options;
mod removed;
mod report;

use std::collections::BTreeSet;

use crate::deploy::StackStep;
use crate::deploy::deployment::DeploymentOptions;
use crate::stacks::Side;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::refuse;
use crate::cli::aws::removed as left;
use crate::cli::aws::runtime::block_on;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::seen::{Seen, look};
use crate::cli::{Failure, Global, Outcome, shell};
use delete::{Deletion, What, delete, delete_stack_set, find, find_stack_set};
pub(crate) use options::DestroyOptions;
use removed::removed_steps;
pub(crate) use report::Document;
use report::{DestroyResult, plan, report, say_gone};

/// Runs `s3ferry destroy`.
pub(crate) fn run(global: &Global, options: &DestroyOptions) -> Result<Outcome, Failure> {
    // The command that resumes an interrupted run must select the same stacks.
    let given = shell::given(&[
        (options.removed, "--removed"),
        (options.retain_stacks, "--retain-stacks"),
        (options.force, "--force"),
    ]);
    let screen = options.stacks.screen(global, "destroy", &given)?;
    let accounts = Accounts::open(&options.aws, &screen)?;
    block_on(&screen, destroy(accounts, options))
}

async fn destroy(mut accounts: Accounts<'_>, options: &DestroyOptions) -> Result<Outcome, Failure> {
    let screen = accounts.screen;
    accounts.find_earlier_name().await;
    let (steps, remain) = match options.removed {
        true => removed_steps(&mut accounts, options).await?,
        false => {
            let mut steps = accounts.select(options.stacks.profile())?;
            // Delete in reverse order of deployment.
            steps.reverse();
            (steps, false)
        }
    };
    if options.removed && steps.is_empty() {
        if !remain {
            screen.says("Nothing to delete: no stack was removed from the configuration.");
        }
        return Ok(Outcome::findings(remain));
    }
    check_names(&steps, &options.confirm)?;
    if options.retain_stacks {
        refuse::idle_retain_stacks(steps.iter())?;
    }
    let run = DeploymentOptions {
        role_arn: options.role.role_arn.clone(),
        ..accounts.run_options()
    };
    refuse_while_targets_stand(&mut accounts, options, &steps).await?;
    let mut document = Document::default();
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
                document.add(&step, DestroyResult::Absent, &[]);
            }
        }
    }
    if !deletions.is_empty() {
        screen.says(plan(&deletions).trim_end());
        if !is_confirmed(&deletions, options, screen).await? {
            screen.says("Nothing was deleted.");
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
                delete_stack_set(one, wanted, options.retain_stacks, &run, screen).await?;
                "Stack set"
            }
        };
        accounts.outputs.forget(&one.step);
        screen.says(format!(
            "{kind} {} in account {}, {}, was deleted.",
            one.step.stack, one.step.account, one.step.region
        ));
        document.add(&one.step, DestroyResult::Deleted, &one.retained);
    }
    report(&accounts, options, &deletions, &document)?;
    if !options.removed {
        left::say_recorded(&accounts);
    }
    Ok(Outcome::Done)
}

/// Checks that every name in `--confirm` belongs to a stack to delete.
fn check_names(steps: &[StackStep], confirmed: &[String]) -> Result<(), Failure> {
    let known: BTreeSet<&str> = steps.iter().map(|step| step.stack.as_str()).collect();
    match confirmed.iter().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            format!("--confirm specifies `{name}`, but no stack to delete has that name"),
            format!(
                "use the name of a stack to delete: {}",
                known.into_iter().collect::<Vec<_>>().join(", ")
            ),
        )),
    }
}

/// Refuses to delete the dev stack while a target is deployed. A target cannot work or be updated
/// without the dev stack.
async fn refuse_while_targets_stand(
    accounts: &mut Accounts<'_>,
    options: &DestroyOptions,
    deletions: &[StackStep],
) -> Result<(), Failure> {
    // A dev stack that is not in the configuration does not belong to the configured targets.
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
        if target.stack_set {
            // Check only whether the stack set exists, not whether it is complete.
            if let Ok(access) = accounts.access(&target).await
                && find_stack_set(accounts, &target, access).await?.is_none()
            {
                continue;
            }
            return Err(still_deployed(&target));
        }
        let exists = match look(accounts, &target).await {
            Seen::Read(None) => false,
            Seen::Read(Some(_)) => true,
            _ if accounts.outputs.of(&target).is_some() => true,
            Seen::Unreadable(failure) => {
                return Err(Failure::with_code(
                    format!(
                        "cannot determine whether stack `{}` of target `{}` exists: {}",
                        target.stack,
                        target.template.name,
                        failure.message()
                    ),
                    "fix the error, or use --force if the stack does not exist",
                    failure.exit_code(),
                ));
            }
            Seen::NoProfile => {
                accounts.screen.says(format!(
                    "Cannot determine whether stack {} of target {} exists: profile {} is not \
                     configured, and .s3ferry/outputs.json does not contain the stack.",
                    target.stack, target.template.name, target.profile
                ));
                false
            }
        };
        if exists {
            return Err(still_deployed(&target));
        }
    }
    Ok(())
}

fn still_deployed(target: &StackStep) -> Failure {
    let (name, stack, account) = (&target.template.name, &target.stack, &target.account);
    Failure::finding(
        format!(
            "target `{name}` is still deployed (stack `{stack}` in account {account}) and needs \
             the dev stack"
        ),
        format!(
            "delete it first (`{}`), or delete everything in order (`s3ferry destroy --all`); to \
             delete only dev, use --force",
            shell::with_profile("destroy", &target.profile)
        ),
    )
}

/// Asks for the name of every stack, once per name. Returns whether all names were confirmed.
async fn is_confirmed(
    deletions: &[Deletion],
    options: &DestroyOptions,
    screen: &Screen<'_>,
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
            "To delete the stack in {}, type its name ({name}): ",
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
