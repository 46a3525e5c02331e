//! Explains why an action failed. A known failure has a fixed explanation. A denied call is
//! explained by the policies in the checked templates.

use std::path::Path;

use crate::checked::TemplateFormat;
use crate::config::BUILD_STAGE;
use crate::deploy::execution::ActionRun;
use crate::failure::{self, Action, Kind, Meaning, Sign, names_action};
use crate::plan::{InstancePlan, NEXT_STAGE, Plan, START_NEXT, TargetPlan};
use crate::proof::{Decided, Remedy, Verdict};
use crate::run::Step;
use crate::shell::Command;

use super::document::Explanation;
use crate::cli::output::Text;
use crate::cli::project::Project;
use crate::cli::{Failure, proof};

/// An explanation.
pub(super) struct Why {
    /// The explanation as text.
    pub(super) text: Text,
    pub(super) explanation: Explanation,
    /// The next step.
    pub(super) next: String,
}

/// Explains a failed action. `restart` is the step that deploys the same version again. Returns
/// `None` if the failure is unknown and not a denied call.
pub(super) fn explain(
    project: &Project,
    action: &ActionRun,
    restart: &str,
) -> Result<Option<Why>, Failure> {
    let plan = &project.plan;
    let of_service = of_build(plan, action, restart);
    if let Some(why) = of_service.or_else(|| of_invalidation(plan, action, restart)) {
        return Ok(Some(why));
    }
    let untagged = target(plan, action).filter(|target| !target.tagged_objects);
    let meaning = match (sign(plan, action), untagged) {
        (Sign::TagsRefused, Some(target)) => Some(failure::object_tags(&target.name)),
        _ => failure::of_run(&action.code, &action.message, kind(plan, action)),
    };
    match meaning {
        Some(meaning) if !meaning.kind.is_access() => Ok(Some(known(plan, &meaning, restart))),
        meaning => refused(project, action, meaning.as_ref(), restart),
    }
}

/// Explains a failed build by its log. A build that could not start because of a policy has no log.
fn of_build(plan: &Plan, action: &ActionRun, restart: &str) -> Option<Why> {
    let build = plan.dev.build.as_ref()?;
    if !is_build(action) || matches!(sign(plan, action), Sign::Refused | Sign::TagsRefused) {
        return None;
    }
    let log = Command::aws("logs tail")
        .arg(build.log_group())
        .option("--since", "1h")
        .option("--region", &plan.dev.region)
        .option("--profile", &plan.dev.profile);
    Some(Why {
        text: Text::from("The build failed, so nothing was deployed.\n"),
        explanation: Explanation::new(None, false, &[]),
        next: format!("read the log of the build with `{log}`, and fix the source; then {restart}"),
    })
}

/// Explains a failed invalidation by the executions of its state machine. An execution that could
/// not start because of a policy does not exist.
fn of_invalidation(plan: &Plan, action: &ActionRun, restart: &str) -> Option<Why> {
    let (_, instance) = invalidated(plan, action)?;
    let invalidation = instance.invalidation.as_ref()?;
    if matches!(sign(plan, action), Sign::Refused | Sign::TagsRefused) {
        return None;
    }
    let machine = plan.machine_arn(&instance.account, &instance.region, &invalidation.machine);
    let executions = Command::aws("stepfunctions list-executions")
        .option("--state-machine-arn", &machine)
        .option("--status-filter", "FAILED")
        .option("--region", &instance.region)
        .option("--profile", &instance.profile);
    Some(Why {
        text: Text::from(
            "The invalidation failed. The files are deployed, but the cache can contain old files.\n",
        ),
        explanation: Explanation::new(None, false, &[]),
        next: format!("find the failed execution with `{executions}`; then {restart}"),
    })
}

fn is_build(action: &ActionRun) -> bool {
    (action.stage.as_str(), action.action.as_str()) == (BUILD_STAGE, BUILD_STAGE)
}

/// Returns the kind of an action, without reading its live configuration.
fn kind(plan: &Plan, action: &ActionRun) -> Action<'static> {
    if target(plan, action).is_some() {
        Action::Deploy(None)
    } else if reads_object(plan, action) {
        Action::Source
    } else {
        Action::Other
    }
}

/// Explains a failure that is not caused by a policy. The artifact and the templates have already
/// been checked.
fn known(plan: &Plan, meaning: &Meaning, restart: &str) -> Why {
    const DOCTOR: &str = "run `s3ferry doctor` to compare the live pipeline with the templates";
    let next = match meaning.kind {
        Kind::ArchiveMalformed => {
            "push the folder that contains the site instead of the zip file, so that s3ferry \
             creates the zip file"
                .to_owned()
        }
        Kind::RollbackOutdated => {
            format!("to deploy this content again, {restart}")
        }
        Kind::SourceMissing => "to upload the object, push again without --start".to_owned(),
        Kind::ObjectTags => format!("{}; then {restart}", meaning.next),
        _ => format!("{DOCTOR}; then {restart}"),
    };
    let mut text = Text::from(&sentence(meaning));
    if meaning.kind == Kind::SourceMissing {
        text.push_str(&format!("The source object is {}.\n", plan.dev.source));
    }
    Why {
        text,
        explanation: Explanation::new(Some(meaning), false, &[]),
        next,
    }
}

/// Formats the meaning of a failure as a sentence.
fn sentence(meaning: &Meaning) -> String {
    let text = format!("{}: {}.\n", meaning.meaning, meaning.cause);
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

/// Explains a denied call with the proof of the templates.
fn refused(
    project: &Project,
    action: &ActionRun,
    meaning: Option<&Meaning>,
    restart: &str,
) -> Result<Option<Why>, Failure> {
    if !matches!(
        sign(&project.plan, action),
        Sign::Refused | Sign::TagsRefused
    ) {
        return Ok(None);
    }
    let synthesis = project.synthesize(Path::new("stacks"), TemplateFormat::Yaml)?;
    let proof = synthesis.prove(&project.plan)?;
    let steps = steps(&project.plan, action);
    let mut calls: Vec<&(Decided, Vec<Remedy>)> = (proof.calls.iter())
        .filter(|(decided, _)| steps.apply(decided))
        .collect();
    let named: Vec<_> = (calls.iter().copied())
        .filter(|(decided, _)| names_action(&action.message, &decided.call.action))
        .collect();
    let mut exact = !named.is_empty();
    if exact {
        let by_key =
            (calls.iter().copied()).filter(|(decided, _)| decided.call.step == Step::OutputKey);
        let by_key: Vec<_> = by_key.collect();
        calls = named;
        // AWS also names s3.putObject if the policy of the output bucket's key denies the call.
        if meaning.is_some_and(|meaning| meaning.kind == Kind::PutDenied) && !by_key.is_empty() {
            calls.extend(by_key);
            exact = false;
        }
    }
    let Some((first, _)) = calls.first() else {
        return Ok(None);
    };
    let step = first.call.step;
    let only_step = calls.iter().all(|(decided, _)| decided.call.step == step);
    let denied: Vec<_> = calls
        .iter()
        .filter(|(decided, _)| decided.verdict == Verdict::Denied)
        .collect();
    let mut text = Text::from(&meaning.map(sentence).unwrap_or_default());
    text.push_str(&if exact {
        format!("The denied call belongs to step `{step}`. In the checked templates:\n")
    } else {
        "AWS does not report which call was denied. In the checked templates, the action makes \
         these calls:\n"
            .to_owned()
    });
    let decided: Vec<&Decided> = calls.iter().map(|(decided, _)| decided).collect();
    text.append(&proof::calls_table(&proof, &decided));
    for (decided, remedies) in &denied {
        text.append(&proof::explanation(&proof, decided, remedies));
    }
    let prove = if only_step {
        format!("`s3ferry prove --call {step}`")
    } else {
        "`s3ferry prove`".to_owned()
    };
    let next = if denied.is_empty() {
        text.push_str(
            "The templates allow the call. Either the deployed resources differ from the \
             templates, or another policy, such as a service control policy, denies the call.\n",
        );
        format!(
            "run `s3ferry doctor` to find the differences in the accounts, or {prove} to see each \
             policy layer"
        )
    } else {
        format!("fix the templates: run {prove} to see each policy layer")
    };
    Ok(Some(Why {
        text,
        explanation: Explanation::new(meaning, exact, &decided),
        next: format!("{next}; then {restart}"),
    }))
}

/// The steps of an execution that an action performs.
struct Steps {
    of_action: &'static [Step],
    target: Option<String>,
}

impl Steps {
    fn apply(&self, decided: &Decided) -> bool {
        let call = &decided.call;
        let target = match (&call.target, &self.target) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        target && self.of_action.contains(&call.step)
    }
}

fn steps(plan: &Plan, action: &ActionRun) -> Steps {
    if let Some((target, _)) = invalidated(plan, action) {
        return Steps {
            of_action: &[Step::Invalidate],
            target: Some(target.name.clone()),
        };
    }
    let target = target(plan, action);
    let of_action: &[Step] = if target.is_none() && is_source(action) {
        &[Step::Source, Step::SourceKey, Step::Store, Step::Encrypt]
    } else if action.stage == NEXT_STAGE && action.action == START_NEXT {
        &[Step::Invoke]
    } else if plan.dev.build.is_some() && is_build(action) {
        &[
            Step::Build,
            Step::Read,
            Step::Decrypt,
            Step::Store,
            Step::Encrypt,
        ]
    } else {
        &[
            Step::Notify,
            Step::Copy,
            Step::Assume,
            Step::Read,
            Step::Decrypt,
            Step::Deploy,
            Step::OutputKey,
        ]
    };
    Steps {
        of_action,
        target: target.map(|target| target.name.clone()),
    }
}

/// Returns the target that an action deploys to.
fn target<'p>(plan: &'p Plan, action: &ActionRun) -> Option<&'p TargetPlan> {
    let mut instances = plan.instances();
    let found = instances
        .find(|(_, instance)| instance.stage == action.stage && instance.action == action.action);
    found.map(|(target, _)| target)
}

/// Returns the target and the instance whose distribution an action invalidates.
fn invalidated<'p>(
    plan: &'p Plan,
    action: &ActionRun,
) -> Option<(&'p TargetPlan, &'p InstancePlan)> {
    let mut instances = plan.instances();
    instances.find(|(_, instance)| {
        instance.stage == action.stage && instance.invalidates_with(&action.action)
    })
}

fn is_source(action: &ActionRun) -> bool {
    action.stage.eq_ignore_ascii_case("source")
}

/// Returns whether the action reads the source object. The failures of other source actions are not
/// known.
fn reads_object(plan: &Plan, action: &ActionRun) -> bool {
    plan.dev.source.object().is_some() && is_source(action)
}

fn sign(plan: &Plan, action: &ActionRun) -> Sign {
    Sign::of(reads_object(plan, action), &action.code, &action.message)
}
