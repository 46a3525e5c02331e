//! `s3ferry destroy`: deletes stacks, never by accident, and says what stays.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use s3ferry::deploy::retained::{self, StackResource};
use s3ferry::deploy::run::{Deployment, Options as RunOptions};
use s3ferry::deploy::stack::{self, Deployed};
use s3ferry::deploy::{Access, Condition, Observer as _, StackStep};
use s3ferry::stacks::Side;
use serde_json::{Value, json};

use super::accounts::Accounts;
use super::aws::{AwsOptions, block_on};
use super::deploy::Format;
use super::deploy::handoff::{self, Seen};
use super::project::Project;
use super::screen::Screen;
use super::stack_sets::StackSet;
use super::{Failure, Global, Outcome, output};

const EXAMPLES: &str = "\
Examples:
  s3ferry destroy --profile prod        asks for the stack's name first
  s3ferry destroy --profile dev         refused while a target stands
  s3ferry destroy --all                 targets, then dev
  s3ferry destroy --profile prod --confirm crossaccountdeploy-prod   without a terminal

The key and the buckets stay, with all that is in them; how to remove them is printed.
A destroy that was stopped is run again: it goes on from there.";

/// Options of `destroy`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Named profile of the AWS configuration: deletes the stacks that the configuration gives it
    #[arg(long, value_name = "NAME", required_unless_present = "all")]
    profile: Option<String>,
    /// Delete every stack: the targets', then the dev account's
    #[arg(long, conflicts_with = "profile")]
    all: bool,
    /// Name of a stack to delete, instead of typing it; may be repeated
    #[arg(long, value_name = "STACK")]
    confirm: Vec<String>,
    /// Delete the dev account's stacks though a target stands, or cannot be seen from here
    #[arg(long)]
    force: bool,
    /// Keep the stacks of a stack set's instances, without a stack set
    #[arg(long)]
    retain_stacks: bool,
    /// Role that CloudFormation acts with, instead of the profile's own permissions
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Format of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    aws: AwsOptions,
}

/// A stack that is to be deleted.
struct Doomed {
    step: StackStep,
    access: Access,
    stack: Deployed,
    resources: usize,
    retained: Vec<StackResource>,
}

/// Deletes.
pub(crate) fn run(global: &Global, options: &Options) -> Result<Outcome, Failure> {
    let which = match &options.profile {
        Some(profile) => format!("--profile {profile}"),
        None => "--all".to_owned(),
    };
    let screen = Screen::new(global, format!("s3ferry destroy {which}"));
    let project = Project::load(global)?;
    let accounts = Accounts::new(global, &options.aws, project)?;
    block_on(&screen, destroy(accounts, options, &screen))
}

async fn destroy(
    mut accounts: Accounts<'_>,
    options: &Options,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    let mut steps = accounts.select(options.profile.as_deref())?;
    // What was deployed last is deleted first.
    steps.reverse();
    check_names(&steps, &options.confirm)?;
    let run = RunOptions {
        role_arn: options.role_arn.clone(),
        ..accounts.run_options()
    };
    refuse_while_targets_stand(&mut accounts, options, &steps).await?;
    let mut results = Vec::new();
    let (mut doomed, mut doomed_sets) = (Vec::new(), Vec::new());
    for step in steps {
        if step.stack_set {
            let retain = options.retain_stacks;
            let set = StackSet::open(&mut accounts, &step, &[], retain).await?;
            let standing = set.look().await?;
            if standing.exists() {
                doomed_sets.push((set, standing.existing()));
            } else {
                let said = format!("Stack set {} does not exist.", step.stack);
                output::note(accounts.global, &said);
                accounts.outputs.forget(&step)?;
                results.push(result(&step, "absent", &[]));
            }
            continue;
        }
        let access = accounts.access(&step).await?;
        match find(&step, access, &run, screen).await? {
            Some(found) => doomed.push(found),
            None => {
                say_gone(&accounts, &step);
                accounts.outputs.forget(&step)?;
                results.push(result(&step, "absent", &[]));
            }
        }
    }
    if !doomed.is_empty() || !doomed_sets.is_empty() {
        if !doomed_sets.is_empty() {
            let shown = plan_of_sets(&doomed_sets, options.retain_stacks);
            output::note(accounts.global, &shown);
        }
        if !doomed.is_empty() {
            output::note(accounts.global, plan(&doomed).trim_end());
        }
        let confirmed = are_sets_confirmed(&doomed_sets, options, screen).await?;
        if !confirmed || !is_confirmed(&doomed, options, screen).await? {
            output::note(accounts.global, "Nothing was deleted.");
            return Ok(Outcome::Findings);
        }
    }
    // Stack sets are targets, and targets go before dev.
    for (set, _) in &doomed_sets {
        set.destroy(screen).await?;
        accounts.outputs.forget(&set.step)?;
        screen.says(&format!("Stack set {} is deleted.", set.step.stack));
        results.push(result(&set.step, "deleted", &[]));
    }
    for one in &doomed {
        delete(one, &run, screen).await?;
        accounts.outputs.forget(&one.step)?;
        screen.says(&format!(
            "Stack {} in account {}, {} is deleted.",
            one.step.stack, one.step.account, one.step.region
        ));
        results.push(result(&one.step, "deleted", &one.retained));
    }
    report(&accounts, options, &doomed, &results)?;
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
    options: &Options,
    doomed: &[StackStep],
) -> Result<(), Failure> {
    if options.force || !doomed.iter().any(|step| step.side == Side::Dev) {
        return Ok(());
    }
    let others: Vec<StackStep> = accounts
        .steps
        .iter()
        .filter(|step| step.is_target() && !doomed.iter().any(|one| one.is(step)))
        .cloned()
        .collect();
    for target in others {
        let profile = &target.profile;
        let seen = if target.stack_set {
            handoff::look_at_stack_set(accounts, &target).await
        } else {
            let seen = handoff::look(accounts, &target).await;
            seen.map(|found| found.is_some())
        };
        let stands = match seen {
            Seen::Read(stands) => stands,
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
            return Err(Failure::with_code(
                format!(
                    "target `{}` still stands (stack `{}` in account {}), and it cannot work \
                     without the dev account's stack",
                    target.template.name, target.stack, target.account
                ),
                format!(
                    "delete it first: `s3ferry destroy --profile {profile}`, or everything in \
                     order: `s3ferry destroy --all`; --force deletes dev all the same"
                ),
                1,
            ));
        }
    }
    Ok(())
}

/// The stack with what would stay of it; `None` when there is none. An operation in progress, such
/// as a deletion that was begun earlier, is followed to its end first.
async fn find(
    step: &StackStep,
    access: Access,
    run: &RunOptions,
    screen: &Screen,
) -> Result<Option<Doomed>, Failure> {
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
    Ok(Some(Doomed {
        step: step.clone(),
        access,
        stack,
        resources: count,
        retained,
    }))
}

/// What would be deleted, and what would stay.
fn plan(doomed: &[Doomed]) -> String {
    let rows: Vec<Vec<String>> = doomed
        .iter()
        .map(|one| {
            vec![
                one.step.stack.clone(),
                one.step.account.clone(),
                one.step.region.clone(),
                one.stack.status.clone(),
                (one.resources - one.retained.len()).to_string(),
                one.retained.len().to_string(),
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
    let mut out = output::table(&header, &rows, &[4, 5]);
    let stay: Vec<Vec<String>> = doomed
        .iter()
        .flat_map(|one| {
            one.retained.iter().map(|resource| {
                vec![
                    resource.physical_id.clone(),
                    resource.resource_type.clone(),
                    one.step.account.clone(),
                ]
            })
        })
        .collect();
    if !stay.is_empty() {
        out.push('\n');
        out.push_str(&output::table(
            &["what stays", "type", "account"],
            &stay,
            &[],
        ));
    }
    out
}

/// What becomes of stack sets; nothing without any.
fn plan_of_sets(sets: &[(StackSet, usize)], retain: bool) -> String {
    let what = if retain {
        "their stacks stay, without a stack set"
    } else {
        "with their stacks; buckets stay, as the template retains them"
    };
    sets.iter()
        .map(|(set, instances)| {
            let (step, number) = (&set.step, output::thousands(*instances));
            format!(
                "To delete: stack set {} of account {}, {}, and its {number} instances, {what}.",
                step.stack, step.account, step.region
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether every stack set's name was given.
async fn are_sets_confirmed(
    sets: &[(StackSet, usize)],
    options: &Options,
    screen: &Screen,
) -> Result<bool, Failure> {
    for (set, _) in sets {
        let name = &set.step.stack;
        if options.confirm.contains(name) {
            continue;
        }
        let question = format!("Type the stack set's name, {name}, to delete it: ");
        let answer = screen.ask(&question, &format!("--confirm {name}")).await?;
        if answer != *name {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether every stack's name was given, once for all accounts that have a stack of that name.
async fn is_confirmed(
    doomed: &[Doomed],
    options: &Options,
    screen: &Screen,
) -> Result<bool, Failure> {
    let mut asked: Vec<&str> = Vec::new();
    for one in doomed {
        let name = one.step.stack.as_str();
        if asked.contains(&name) || options.confirm.iter().any(|given| given == name) {
            continue;
        }
        asked.push(name);
        let accounts: BTreeSet<&str> = (doomed.iter())
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

async fn delete(one: &Doomed, run: &RunOptions, screen: &Screen) -> Result<(), Failure> {
    let name = &one.step.stack;
    if one.stack.protected {
        stack::protect(&one.access, &one.stack.id, false).await?;
    }
    let deployment = Deployment {
        access: &one.access,
        step: &one.step,
        options: run,
        observer: screen,
    };
    screen.begins(&format!("deletion of stack {name}"));
    screen.executing(name);
    deployment.delete(&one.stack).await?;
    screen.ended();
    Ok(())
}

/// What an earlier run deleted, and what that left behind as far as the outputs file knows.
fn say_gone(accounts: &Accounts<'_>, step: &StackStep) {
    let mut said = format!(
        "Stack {} in account {}, {} does not exist.",
        step.stack, step.account, step.region
    );
    let known = &accounts.outputs.known;
    if let Some(outputs) = known.of(&step.account, &step.region, &step.stack) {
        let left: Vec<&str> = outputs
            .iter()
            .filter(|(name, _)| *name == "DeployKeyId" || name.ends_with("BucketName"))
            .map(|(_, value)| value.as_str())
            .collect();
        if !left.is_empty() {
            let _ = write!(
                said,
                " What it left may still be there: {}.",
                left.join(", ")
            );
        }
    }
    output::note(accounts.global, &said);
}

fn result(step: &StackStep, what: &str, retained: &[StackResource]) -> Value {
    let retained: Vec<Value> = retained
        .iter()
        .map(|one| {
            json!({
                "resource": one.logical_id,
                "physicalId": one.physical_id,
                "type": one.resource_type,
            })
        })
        .collect();
    json!({
        "stack": step.stack,
        "account": step.account,
        "region": step.region,
        "profile": step.profile,
        "result": what,
        "retained": retained,
    })
}

/// What stays, and how it is removed.
fn report(
    accounts: &Accounts<'_>,
    options: &Options,
    doomed: &[Doomed],
    results: &[Value],
) -> Result<(), Failure> {
    if options.format == Format::Json {
        let all = json!({ "version": 1, "stacks": results });
        return output::print(&format!("{all:#}\n"));
    }
    let plan = &accounts.project.plan.dev;
    let mut rows = Vec::new();
    for one in doomed {
        for resource in &one.retained {
            let (region, profile) = (&one.step.region, &one.step.profile);
            let days = plan.key_deletion_window_days;
            rows.push(vec![
                resource.physical_id.clone(),
                retained::removal(resource, region, profile, days).unwrap_or_default(),
            ]);
        }
    }
    let mut out = String::new();
    if !rows.is_empty() {
        out.push_str(&output::table(
            &["what stays", "how to remove it"],
            &rows,
            &[],
        ));
        let _ = write!(
            out,
            "\nA bucket must be empty first. All versions, a thousand at a time:\n  {}\n\
             What a key encrypted can never be read again once it is deleted.\n",
            retained::EMPTYING
        );
    }
    let dev = doomed.iter().find(|one| one.step.side == Side::Dev);
    if let Some(dev) = dev {
        if let Some(path) = &plan.existing_policy {
            let bucket = &plan.artifact_bucket.name;
            let _ = writeln!(
                out,
                "\nThe policy of bucket {bucket} still has the statements that were merged into \
                 it. To put the earlier one back:\n  aws s3api put-bucket-policy --bucket \
                 {bucket} --policy file://{path} --region {} --profile {}",
                dev.step.region, dev.step.profile
            );
        }
        if dev
            .retained
            .iter()
            .any(|one| one.resource_type == "AWS::KMS::Key")
        {
            out.push_str(
                "\nAnother deploy takes the buckets over again, but makes a new key: \
                 CloudFormation imports only what has a name. Artifacts that the old key \
                 encrypted stay readable in the dev account while that key exists.\n",
            );
        }
        if options.force {
            out.push_str(
                "\nIAM knows the service role by its unique ID in the targets' trust policies: \
                 after another deploy of dev, destroy and deploy the targets too.\n",
            );
        }
    }
    if !accounts.global.quiet && !out.is_empty() {
        output::print(out.trim_start_matches('\n'))?;
    }
    Ok(())
}
