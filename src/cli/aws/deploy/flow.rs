//! The order of a deployment: dev without its pipeline, the targets, dev with it; once the
//! pipeline stands, the targets first.

use crate::aws::names::is_key_id;
use crate::deploy::stack::{Deployed, condition};
use crate::deploy::{Condition, StackStep};
use crate::stacks::{PIPELINE_NAME, Side};
use crate::transition::sequence::Sequence;

use super::Session;
use super::handoff::{self, KEY_ID, Standing};
use super::one::{Done, deploy};
use super::survey::survey;
use super::{refuse, stack_set, transition, transition_show};
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::removed;
use crate::cli::aws::runtime::of_profile;
use crate::cli::{Failure, Outcome, output};

pub(crate) use crate::stacks::CREATE_PIPELINE;

/// Deploys what the user named.
///
/// # Errors
/// Anything that stops it; what was done until then stands, and a second run goes on.
pub(super) async fn run(session: &mut Session<'_>) -> Result<Outcome, Failure> {
    let all = session.accounts.steps.clone();
    let selected: Vec<&StackStep> = match &session.options.profile {
        Some(profile) => of_profile(&all, profile)?,
        None => all.iter().collect(),
    };
    check_parameters(&session.options.parameters, &selected, &all)?;
    if session.options.retain_stacks {
        refuse::idle_retain_stacks(selected.iter().copied())?;
    }
    let has_dev = selected.iter().any(|step| step.side == Side::Dev);
    if session.options.create_pipeline && !has_dev {
        return Err(Failure::new(
            "--create-pipeline is about the dev stack, and this profile does not deploy it",
            format!(
                "leave the option out, or give --profile {}",
                crate::shell::word(&session.accounts.project.plan.dev.profile)
            ),
        ));
    }
    let mut survey = survey(session, &selected).await?;
    if has_dev && survey.dev().is_none() && session.accounts.find_earlier_name().await {
        return Box::pin(run(session)).await;
    }
    if has_dev && !session.accounts.project.plan.dev.create_pipeline {
        let dev = session.accounts.steps[0].clone();
        check_adoption(session, &dev, made_pipeline(survey.dev()))?;
    }
    if let Some(sequence) = transition::plan(session, &mut survey).await? {
        return change(session, &sequence).await;
    }
    let all = session.accounts.steps.clone();
    let selected: Vec<&StackStep> = (all.iter())
        .filter(|step| selected.iter().any(|found| found.is(step)))
        .collect();
    let is_selected = |step: &&StackStep| selected.iter().any(|found| found.is(step));
    let targets = all.iter().filter(|step| step.is_target());
    let others: Vec<&StackStep> = targets.filter(|step| !is_selected(step)).collect();
    let Some(dev) = selected.iter().find(|step| step.side == Side::Dev) else {
        if !deploy_all(session, &selected).await? {
            return Ok(Outcome::Findings);
        }
        say_what_is_left(session);
        let next = next_after_targets(session, &others).await;
        return session.finish(next.as_deref());
    };
    let (further, before): (Vec<&StackStep>, Vec<&StackStep>) = selected
        .iter()
        .filter(|step| step.side != Side::Dev)
        .partition(|step| matches!(step.side, Side::Pipeline(_)));
    let has_pipeline = made_pipeline(survey.dev());
    let adopts = !session.accounts.project.plan.dev.create_pipeline;
    let told = has_pipeline || session.options.create_pipeline;
    let missing = if told {
        None
    } else {
        first_missing(&mut session.accounts, &others).await
    };
    let no_targets_here = !before.iter().any(|step| step.is_target());
    let others_stand = missing.is_none();
    let with_pipeline = told
        || !adopts
            && no_targets_here
            && others_stand
            && all.iter().all(|step| !matches!(step.side, Side::Region(_)));
    if !with_pipeline && !deploy_dev(session, dev, false).await? {
        return Ok(Outcome::Findings);
    }
    if session.options.dry_run && !with_pipeline {
        return session.finish(Some(
            "the same without --dry-run: what follows needs what the dev stack gives out",
        ));
    }
    if !deploy_all(session, &before).await? {
        return Ok(Outcome::Findings);
    }
    if let Some(missing) = missing {
        let next = next_target(session, missing);
        return session.finish(Some(&next));
    }
    if adopts {
        let next = adoption(&session.accounts.project.plan.dev.pipeline, dev);
        return session.finish(Some(&next));
    }
    // A later pipeline stands before the one that starts it.
    if !deploy_all(session, &further).await? || !deploy_dev(session, dev, true).await? {
        return Ok(Outcome::Findings);
    }
    say_what_is_left(session);
    let next = push(dev);
    session.finish(Some(&next))
}

/// Changes a live pipeline, step by step.
async fn change(session: &mut Session<'_>, sequence: &Sequence) -> Result<Outcome, Failure> {
    session.targets_stand = !sequence.dev_waits;
    transition::look_ahead(session, sequence).await?;
    if !transition::run(session, sequence).await? {
        return Ok(Outcome::Findings);
    }
    say_what_is_left(session);
    let steps = session.accounts.steps.clone();
    let next = match session.options.dry_run {
        true => transition_show::next_of_dry_run(&steps, sequence),
        false => {
            let known = &session.accounts.outputs.known;
            let dev = &steps[0];
            let outputs = known.of(&dev.account, &dev.region, &dev.stack);
            let recorded = outputs.and_then(|outputs| outputs.get(KEY_ID));
            let adds_key = sequence.moves.iter().any(|one| one.adds_key);
            let key = sequence.key.as_ref().filter(|_| !adds_key).or(recorded);
            let has_other_key = |step: &StackStep| {
                let recorded = known.key_of(&step.account, &step.region, &step.stack);
                recorded.is_some() && recorded != key.map(String::as_str)
            };
            transition_show::next(&steps, sequence, key.map(String::as_str), has_other_key)
        }
    };
    session.finish(Some(&next))
}

/// Refuses parameters that no selected template has, one that is given twice, and the way back
/// from `true` to `false`.
///
/// # Errors
/// There is such a parameter.
pub(crate) fn check_parameters(
    given: &[(String, String)],
    selected: &[&StackStep],
    all: &[StackStep],
) -> Result<(), Failure> {
    for (number, (name, _)) in given.iter().enumerate() {
        if name == CREATE_PIPELINE {
            return Err(Failure::new(
                format!("{CREATE_PIPELINE} is decided by what is deployed already"),
                "to make the pipeline though the targets cannot be seen, give --create-pipeline",
            ));
        }
        if given[..number].iter().any(|(other, _)| other == name) {
            return Err(Failure::new(
                format!("--parameter gives `{name}` twice"),
                "give it once",
            ));
        }
        let has = |step: &StackStep| step.template.parameters.contains(name);
        if !all.iter().any(has) {
            return Err(Failure::new(
                format!("no template has a parameter `{name}`"),
                format!("the targets' templates have {KEY_ID}"),
            ));
        }
        if !selected.iter().any(|step| has(step)) {
            return Err(Failure::new(
                format!("no stack of this profile has a parameter `{name}`"),
                "leave the option out",
            ));
        }
    }
    match given.iter().find(|(name, _)| name == KEY_ID) {
        Some((_, value)) if !is_key_id(value) => Err(Failure::new(
            format!("`{value}` is not a key ID"),
            format!("give the output {KEY_ID} of the dev stack, not an ARN or an alias"),
        )),
        _ => Ok(()),
    }
}

/// Refuses what would delete or make a pipeline that the configuration says exists on its own.
fn check_adoption(
    session: &Session<'_>,
    dev: &StackStep,
    has_pipeline: bool,
) -> Result<(), Failure> {
    if has_pipeline {
        return Err(Failure::new(
            format!(
                "stack `{}` has the pipeline, and the configuration says `create: false` for it",
                dev.stack
            ),
            "without it in the stack CloudFormation would delete it: remove `create: false` from \
             `dev.pipeline`",
        ));
    }
    if session.options.create_pipeline {
        return Err(Failure::new(
            "--create-pipeline makes a pipeline, and the configuration says that it exists",
            format!(
                "leave the option out; {}",
                adoption(&session.accounts.project.plan.dev.pipeline, dev)
            ),
        ));
    }
    Ok(())
}

fn adoption(pipeline: &str, dev: &StackStep) -> String {
    format!(
        "`s3ferry adopt --name {pipeline} --profile {}` shows what changes in the pipeline, and \
         with --write changes it",
        crate::shell::word(&dev.profile)
    )
}

/// Whether the dev stack was deployed with its pipeline.
pub(crate) fn made_pipeline(dev: Option<&Deployed>) -> bool {
    let made = dev.and_then(|stack| stack.parameters.get(CREATE_PIPELINE));
    condition(dev) == Condition::Ready && made.is_some_and(|made| made == "true")
}

/// Deploys dev's stack; `false`: the user said no.
async fn deploy_dev(
    session: &mut Session<'_>,
    dev: &StackStep,
    pipeline: bool,
) -> Result<bool, Failure> {
    let parameters = [(CREATE_PIPELINE.to_owned(), pipeline.to_string())];
    session.accounts.key_id = None;
    Ok(deploy(session, dev, &parameters).await? != Done::Declined)
}

/// Deploys stacks that take the key's ID; `false`: the user said no.
async fn deploy_all(session: &mut Session<'_>, steps: &[&StackStep]) -> Result<bool, Failure> {
    for step in steps {
        let key = handoff::key_id(&mut session.accounts, &session.options.parameters).await?;
        let parameters = [(KEY_ID.to_owned(), key)];
        let done = if step.stack_set {
            stack_set::deploy(session, step, &parameters, false).await?
        } else {
            deploy(session, step, &parameters).await?
        };
        if done == Done::Declined {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Stacks that the configuration no longer names.
fn say_what_is_left(session: &Session<'_>) {
    for left in removed::recorded(&session.accounts) {
        output::note(session.global, &format!("{}.", left.sentence()));
    }
}

/// The first target that does not stand, or of which nothing is known.
pub(crate) async fn first_missing<'t>(
    accounts: &mut Accounts<'_>,
    targets: &[&'t StackStep],
) -> Option<&'t StackStep> {
    for target in targets {
        if handoff::standing(accounts, target).await != Standing::Yes {
            return Some(target);
        }
    }
    None
}

fn next_target(session: &Session<'_>, target: &StackStep) -> String {
    let dev = &session.accounts.steps[0];
    let plan = &session.accounts.project.plan.dev;
    let known = &session.accounts.outputs.known;
    let outputs = known.of(&dev.account, &dev.region, &dev.stack);
    let then = if plan.create_pipeline {
        let what = match outputs.is_some_and(|outputs| outputs.contains_key(PIPELINE_NAME)) {
            true => "brings the pipeline up to date",
            false => "makes the pipeline",
        };
        format!(
            "`s3ferry deploy --profile {}` again, which {what}",
            crate::shell::word(&dev.profile)
        )
    } else {
        adoption(&plan.pipeline, dev)
    };
    format!(
        "`s3ferry deploy --profile {}` (target {}), then {then}",
        crate::shell::word(&target.profile),
        target.template.name
    )
}

async fn next_after_targets(session: &mut Session<'_>, others: &[&StackStep]) -> Option<String> {
    if let Some(missing) = first_missing(&mut session.accounts, others).await {
        return Some(next_target(session, missing));
    }
    let dev = session.accounts.steps[0].clone();
    let known = session
        .accounts
        .outputs
        .known
        .of(&dev.account, &dev.region, &dev.stack);
    let plan = &session.accounts.project.plan.dev;
    if known.is_some_and(|outputs| outputs.contains_key(PIPELINE_NAME)) {
        let is_current = session.accounts.is_recorded_for_this_template(&dev);
        return (!is_current && plan.create_pipeline).then(|| {
            format!(
                "`s3ferry deploy --profile {}` brings the pipeline up to date",
                crate::shell::word(&dev.profile)
            )
        });
    }
    if !plan.create_pipeline {
        return Some(adoption(&plan.pipeline, &dev));
    }
    Some(format!(
        "`s3ferry deploy --profile {}` makes the pipeline",
        crate::shell::word(&dev.profile)
    ))
}

pub(super) fn push(dev: &StackStep) -> String {
    format!(
        "`s3ferry push SITE --profile {profile}` uploads a folder or zip file and follows the \
         pipeline to its end; `s3ferry sample` writes one to try it with",
        profile = crate::shell::word(&dev.profile)
    )
}
