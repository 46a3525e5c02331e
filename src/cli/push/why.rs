//! Why an action failed: the source object is missing, or a call was refused. Then it says which
//! call of the run that is, and the policies that decide it in the checked templates.

use std::path::Path;

use s3ferry::deploy::execution::ActionRun;
use s3ferry::failure::{FailureKind, names_action};
use s3ferry::plan::{Plan, TargetPlan};
use s3ferry::proof::{Decided, Remedy, Verdict};
use serde_json::{Value, json};

use crate::cli::project::{Project, TemplateFormat};
use crate::cli::{Failure, proof_reports, prove};

/// An explanation.
pub(super) struct Why {
    /// For people.
    pub(super) text: String,
    /// For machines.
    pub(super) json: Value,
    /// What to do, the next push included.
    pub(super) next: String,
}

/// Explains a failed action; nothing where AWS's message is all that is known.
///
/// # Errors
/// The templates cannot be made.
pub(super) fn explain(project: &Project, action: &ActionRun) -> Result<Option<Why>, Failure> {
    let plan = &project.plan;
    let target = target(plan, action);
    let is_source = target.is_none() && action.stage.eq_ignore_ascii_case("source");
    match FailureKind::of(is_source, &action.code, &action.message) {
        FailureKind::Other => return Ok(None),
        FailureKind::MissingSource => return Ok(Some(missing_source(plan))),
        FailureKind::TagsRefused => {
            if let Some(target) = target.filter(|target| !target.tagged_objects) {
                return Ok(Some(tags_refused(target)));
            }
        }
        FailureKind::Refused => {}
    }
    let generated = project.generate(Path::new("stacks"), TemplateFormat::Yaml)?;
    let proof = prove::of_generated(&project.plan, &generated)?;
    let steps = steps(target, is_source);
    let mut calls: Vec<&(Decided, Vec<Remedy>)> = (proof.calls.iter())
        .filter(|(decided, _)| steps.apply(decided))
        .collect();
    let named: Vec<_> = (calls.iter().copied())
        .filter(|(decided, _)| names_action(&action.message, &decided.call.action))
        .collect();
    let exact = !named.is_empty();
    if exact {
        calls = named;
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
    let mut text = if exact {
        format!("The refused call is of step `{step}` of the run. In the checked templates:\n")
    } else {
        "AWS does not say which call was refused. The action makes these; in the checked \
         templates:\n"
            .to_owned()
    };
    let decided: Vec<&Decided> = calls.iter().map(|(decided, _)| decided).collect();
    text.push_str(&proof_reports::calls_table(&proof, &decided));
    for (decided, remedies) in &denied {
        text.push_str(&proof_reports::explanation(&proof, decided, remedies));
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
    let calls: Vec<Value> = decided
        .iter()
        .map(|decided| {
            json!({
                "step": decided.call.step,
                "caller": decided.call.caller.shown(),
                "action": decided.call.action,
                "resource": decided.call.resource,
                "verdict": decided.verdict,
            })
        })
        .collect();
    Ok(Some(Why {
        text,
        json: json!({ "cause": "refused", "exact": exact, "calls": calls }),
        next: format!("{next}; then the same push with --start"),
    }))
}

/// The steps of the run that an action makes.
struct Steps {
    names: &'static [&'static str],
    target: Option<String>,
}

impl Steps {
    fn apply(&self, decided: &Decided) -> bool {
        let call = &decided.call;
        let target = match (&call.target, &self.target) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        target && self.names.contains(&call.step)
    }
}

fn steps(target: Option<&TargetPlan>, is_source: bool) -> Steps {
    let names: &[&str] = if is_source {
        &["source", "source-key", "store", "encrypt"]
    } else {
        &["copy", "assume", "read", "decrypt", "deploy", "output-key"]
    };
    Steps {
        names,
        target: target.map(|target| target.name.clone()),
    }
}

/// The target that an action deploys.
fn target<'p>(plan: &'p Plan, action: &ActionRun) -> Option<&'p TargetPlan> {
    let mut instances = plan.instances();
    let found = instances
        .find(|(_, instance)| instance.stage == action.stage && instance.action == action.action);
    found.map(|(target, _)| target)
}

/// The source object does not exist.
fn missing_source(plan: &Plan) -> Why {
    let dev = &plan.dev;
    Why {
        text: format!(
            "The source object s3://{}/{} does not exist. No permission is missing: the service \
             role may list the bucket, and so S3 answers 404 instead of 403.\n",
            dev.source_bucket.name, dev.source_object_key
        ),
        json: json!({ "cause": "missing-source", "exact": true, "calls": [] }),
        next: "push again without --start, which uploads the object".to_owned(),
    }
}

/// The source object has tags, and the templates do not let the deploy role copy them.
fn tags_refused(target: &TargetPlan) -> Why {
    let name = &target.name;
    Why {
        text: format!(
            "The source object has tags, and the deploy role of target `{name}` may not copy them \
             to the deployed objects.\n"
        ),
        json: json!({ "cause": "object-tags", "exact": true, "calls": [] }),
        next: format!(
            "set `tagged_objects: true` in target `{name}`, then `s3ferry deploy --all`; then the \
             same push with --start"
        ),
    }
}
