//! The order of a deployment: dev without its pipeline, the targets, dev with it; once the
//! pipeline stands, the targets first.

use s3ferry::deploy::stack::condition;
use s3ferry::deploy::{Condition, Side, StackStep};

use super::Session;
use super::handoff::{self, KEY_ID, Standing};
use super::one::{Done, deploy};
use crate::cli::aws::of_profile;
use crate::cli::{Failure, Outcome};

/// The parameter of dev's template that makes the pipeline.
pub(super) const CREATE_PIPELINE: &str = "CreatePipeline";

/// Deploys what the user named.
///
/// # Errors
/// Anything that stops it; what was done until then stands, and a second run goes on.
pub(super) async fn run(session: &mut Session<'_>) -> Result<Outcome, Failure> {
    check_parameters(session)?;
    let all = session.steps.clone();
    let selected: Vec<&StackStep> = match &session.options.profile {
        Some(profile) => of_profile(&all, profile)?,
        None => all.iter().collect(),
    };
    let is_selected = |step: &&StackStep| selected.iter().any(|found| found.stack == step.stack);
    let targets = || all.iter().filter(|step| step.side != Side::Dev);
    let mine: Vec<&StackStep> = targets().filter(is_selected).collect();
    let others: Vec<&StackStep> = targets().filter(|step| !is_selected(step)).collect();
    let dev = &all[0];
    if !is_selected(&dev) {
        for target in mine {
            if deploy_target(session, target).await?.is_none() {
                return Ok(Outcome::Findings);
            }
        }
        let next = next_after_targets(session, &others).await;
        return session.finish(next.as_deref());
    }
    let has_pipeline = has_pipeline(session, dev).await?;
    let adopts = !session.project.plan.dev.create_pipeline;
    if adopts {
        check_adoption(session, dev, has_pipeline)?;
    }
    let with_pipeline = !adopts
        && (has_pipeline
            || session.options.create_pipeline
            || mine.is_empty() && all_stand(session, &others).await);
    if !with_pipeline && deploy_dev(session, dev, false).await?.is_none() {
        return Ok(Outcome::Findings);
    }
    for target in &mine {
        if deploy_target(session, target).await?.is_none() {
            return Ok(Outcome::Findings);
        }
    }
    if session.options.dry_run && !with_pipeline {
        return session.finish(Some("the same without --dry-run"));
    }
    if adopts {
        let next = match next_target(session, &others).await {
            Some(next) => next,
            None => adoption(&session.project.plan.dev.pipeline, dev),
        };
        return session.finish(Some(&next));
    }
    if !with_pipeline && !(all_stand(session, &others).await && !mine.is_empty()) {
        let next = next_target(session, &others).await;
        return session.finish(next.as_deref());
    }
    if deploy_dev(session, dev, true).await?.is_none() {
        return Ok(Outcome::Findings);
    }
    let next = upload(session, dev);
    session.finish(Some(&next))
}

/// Refuses parameters that no selected template has, and the way back from `true` to `false`.
fn check_parameters(session: &Session<'_>) -> Result<(), Failure> {
    for (name, _) in &session.options.parameters {
        if name == CREATE_PIPELINE {
            return Err(Failure::new(
                format!("{CREATE_PIPELINE} is decided by what is deployed already"),
                "to make the pipeline though the targets cannot be seen, give --create-pipeline",
            ));
        }
        if !session
            .steps
            .iter()
            .any(|step| step.parameters.contains(name))
        {
            return Err(Failure::new(
                format!("no template has a parameter `{name}`"),
                format!("the targets' templates have {KEY_ID}"),
            ));
        }
    }
    Ok(())
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
                adoption(&session.project.plan.dev.pipeline, dev)
            ),
        ));
    }
    Ok(())
}

fn adoption(pipeline: &str, dev: &StackStep) -> String {
    format!(
        "`s3ferry adopt --name {pipeline} --profile {}` shows what changes in the pipeline, and \
         with --write changes it",
        dev.profile
    )
}

async fn has_pipeline(session: &mut Session<'_>, dev: &StackStep) -> Result<bool, Failure> {
    let access = session.access(dev).await?;
    let found = session.deployment(&access, dev).settled().await?;
    let ready = condition(found.as_ref()) == Condition::Ready;
    let made = found
        .as_ref()
        .and_then(|stack| stack.parameters.get(CREATE_PIPELINE));
    let has = ready && made.is_some_and(|made| made == "true");
    session.keep(dev, found);
    Ok(has)
}

async fn deploy_dev(
    session: &mut Session<'_>,
    dev: &StackStep,
    pipeline: bool,
) -> Result<Option<()>, Failure> {
    let parameters = [(CREATE_PIPELINE.to_owned(), pipeline.to_string())];
    let done = deploy(session, dev, &parameters).await?;
    Ok((done != Done::Declined).then_some(()))
}

async fn deploy_target(
    session: &mut Session<'_>,
    target: &StackStep,
) -> Result<Option<()>, Failure> {
    let key = handoff::key_id(session).await?;
    let done = deploy(session, target, &[(KEY_ID.to_owned(), key)]).await?;
    Ok((done != Done::Declined).then_some(()))
}

async fn all_stand(session: &mut Session<'_>, targets: &[&StackStep]) -> bool {
    for target in targets {
        if handoff::standing(session, target).await != Standing::Yes {
            return false;
        }
    }
    true
}

async fn next_target(session: &mut Session<'_>, targets: &[&StackStep]) -> Option<String> {
    for target in targets {
        if handoff::standing(session, target).await != Standing::Yes {
            let dev = &session.steps[0];
            let plan = &session.project.plan.dev;
            let then = if plan.create_pipeline {
                format!(
                    "`s3ferry deploy --profile {}` again, which makes the pipeline",
                    dev.profile
                )
            } else {
                adoption(&plan.pipeline, dev)
            };
            return Some(format!(
                "`s3ferry deploy --profile {}` (target {}), then {then}",
                target.profile, target.template
            ));
        }
    }
    None
}

async fn next_after_targets(session: &mut Session<'_>, others: &[&StackStep]) -> Option<String> {
    if let Some(next) = next_target(session, others).await {
        return Some(next);
    }
    let dev = session.steps[0].clone();
    let known = session
        .outputs
        .known
        .of(&dev.account, &dev.region, &dev.stack);
    if known.is_some_and(|outputs| outputs.contains_key("PipelineName")) {
        return None;
    }
    let plan = &session.project.plan.dev;
    if !plan.create_pipeline {
        return Some(adoption(&plan.pipeline, &dev));
    }
    Some(format!(
        "`s3ferry deploy --profile {}` makes the pipeline",
        dev.profile
    ))
}

fn upload(session: &Session<'_>, dev: &StackStep) -> String {
    let plan = &session.project.plan.dev;
    format!(
        "`s3ferry push SITE --profile {profile}` uploads a folder or zip file and follows the \
         pipeline to its end; `s3ferry sample` writes one to try it with",
        profile = dev.profile
    )
}
