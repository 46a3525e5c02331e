//! Why an action failed: a known failure by its meaning; a refused one by the call of the run that
//! it is, and the policies that decide it in the checked templates.

use std::path::Path;

use crate::checked::TemplateFormat;
use crate::deploy::execution::ActionRun;
use crate::failure::{self, Action, Kind, Meaning, Sign, names_action};
use crate::plan::{NEXT_STAGE, Plan, START_NEXT, TargetPlan};
use crate::proof::{Decided, Remedy, Verdict};
use crate::run::Step;

use super::document::Explanation;
use crate::cli::output::Text;
use crate::cli::project::Project;
use crate::cli::{Failure, proof};

/// An explanation.
pub(super) struct Why {
    /// For people.
    pub(super) text: Text,
    pub(super) explanation: Explanation,
    /// What to do.
    pub(super) next: String,
}

/// The end of what to do: the same content is deployed again.
const AGAIN: &str = "; then the same push with --start";

/// Explains a failed action; nothing where the failure is unknown and not a refusal.
pub(super) fn explain(project: &Project, action: &ActionRun) -> Result<Option<Why>, Failure> {
    let plan = &project.plan;
    let untagged = target(plan, action).filter(|target| !target.tagged_objects);
    let meaning = match (sign(action), untagged) {
        (Sign::TagsRefused, Some(target)) => Some(failure::object_tags(&target.name)),
        _ => failure::of_run(&action.code, &action.message, kind(plan, action)),
    };
    match meaning {
        Some(meaning) if !meaning.kind.is_access() => Ok(Some(known(plan, &meaning))),
        meaning => refused(project, action, meaning.as_ref()),
    }
}

/// What the action is. Its live configuration is not read.
fn kind(plan: &Plan, action: &ActionRun) -> Action<'static> {
    if target(plan, action).is_some() {
        Action::Deploy(None)
    } else if is_source(action) {
        Action::Source
    } else {
        Action::Other
    }
}

/// A failure that no policy explains. What was pushed is checked, and so are the templates.
fn known(plan: &Plan, meaning: &Meaning) -> Why {
    const DOCTOR: &str = "`s3ferry doctor` compares the live pipeline with the templates";
    let next = match meaning.kind {
        Kind::ArchiveMalformed => {
            "push the folder of the site instead of the zip file: s3ferry then makes the zip file"
                .to_owned()
        }
        Kind::RollbackOutdated => "the same push with --start runs this content again".to_owned(),
        Kind::SourceMissing => "push again without --start, which uploads the object".to_owned(),
        Kind::ObjectTags => format!("{}{AGAIN}", meaning.next),
        _ => format!("{DOCTOR}{AGAIN}"),
    };
    let mut text = Text::from(&sentence(meaning));
    if meaning.kind == Kind::SourceMissing {
        let dev = &plan.dev;
        text.push_str(&format!(
            "The source object is s3://{}/{}.\n",
            dev.source_bucket.name, dev.source_object_key
        ));
    }
    Why {
        text,
        explanation: Explanation::new(Some(meaning), false, &[]),
        next,
    }
}

/// Returns what a failure means, as a separate sentence.
fn sentence(meaning: &Meaning) -> String {
    let text = format!("{}: {}.\n", meaning.meaning, meaning.cause);
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

/// Explains a refused action by the proof of the templates.
fn refused(
    project: &Project,
    action: &ActionRun,
    meaning: Option<&Meaning>,
) -> Result<Option<Why>, Failure> {
    if !matches!(sign(action), Sign::Refused | Sign::TagsRefused) {
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
        // AWS names s3.putObject, too, when the key of the output bucket refuses.
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
        format!("The refused call is of step `{step}` of the run. In the checked templates:\n")
    } else {
        "AWS does not say which call was refused. The action makes these; in the checked \
         templates:\n"
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
            "The templates allow it. So what is deployed is not what they say, or a policy \
             outside of them denies it, such as a service control policy.\n",
        );
        format!("`s3ferry doctor` finds what differs in the accounts; {prove} explains each layer")
    } else {
        format!("mend the templates: {prove} explains each layer")
    };
    Ok(Some(Why {
        text,
        explanation: Explanation::new(meaning, exact, &decided),
        next: format!("{next}{AGAIN}"),
    }))
}

/// The steps of the run that an action makes.
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
    let target = target(plan, action);
    let of_action: &[Step] = if target.is_none() && is_source(action) {
        &[Step::Source, Step::SourceKey, Step::Store, Step::Encrypt]
    } else if action.stage == NEXT_STAGE && action.action == START_NEXT {
        &[Step::Invoke]
    } else {
        &[
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

/// The target that an action deploys to.
fn target<'p>(plan: &'p Plan, action: &ActionRun) -> Option<&'p TargetPlan> {
    let mut instances = plan.instances();
    let found = instances
        .find(|(_, instance)| instance.stage == action.stage && instance.action == action.action);
    found.map(|(target, _)| target)
}

fn is_source(action: &ActionRun) -> bool {
    action.stage.eq_ignore_ascii_case("source")
}

fn sign(action: &ActionRun) -> Sign {
    Sign::of(is_source(action), &action.code, &action.message)
}
