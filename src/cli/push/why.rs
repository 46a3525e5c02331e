//! Why an action was refused: which call of the run it is, and the policies that decide it in the
//! checked templates.

use std::path::Path;

use s3ferry::deploy::execution::ActionRun;
use s3ferry::plan::Plan;
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
    /// What to do.
    pub(super) next: String,
}

/// Words by which AWS's services say that a call was refused.
const REFUSALS: [&str; 7] = [
    "access denied",
    "accessdenied",
    "not authorized",
    "sufficient permission",
    "insufficient permission",
    "permissionerror",
    "forbidden",
];

/// Explains a failed action; nothing where it was not refused.
///
/// # Errors
/// The templates cannot be made.
pub(super) fn explain(project: &Project, action: &ActionRun) -> Result<Option<Why>, Failure> {
    let said = format!("{} {}", action.code, action.message).to_lowercase();
    if !REFUSALS.iter().any(|refusal| said.contains(refusal)) {
        return Ok(None);
    }
    let generated = project.generate(Path::new("stacks"), TemplateFormat::Yaml)?;
    let proof = prove::of_generated(&project.plan, &generated)?;
    let steps = steps(&project.plan, action);
    let mut calls: Vec<&(Decided, Vec<Remedy>)> = (proof.calls.iter())
        .filter(|(decided, _)| steps.apply(decided))
        .collect();
    let named: Vec<_> = (calls.iter().copied())
        .filter(|(decided, _)| names(&said, &decided.call.action))
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
        json: json!({ "exact": exact, "calls": calls }),
        next,
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

fn steps(plan: &Plan, action: &ActionRun) -> Steps {
    let found = plan
        .instances()
        .find(|(_, instance)| instance.stage == action.stage && instance.action == action.action);
    let target = found.map(|(target, _)| target);
    let names: &[&str] = if target.is_none() && action.stage.eq_ignore_ascii_case("source") {
        &["source", "store", "encrypt"]
    } else {
        &["copy", "assume", "read", "decrypt", "deploy", "output-key"]
    };
    Steps {
        names,
        target: target.map(|target| target.name.clone()),
    }
}

/// Whether a message names an action: as `s3:PutObject`, or as `s3.putObject`.
fn names(said: &str, action: &str) -> bool {
    let action = action.to_lowercase();
    let found = |text: &str| {
        said.match_indices(text).any(|(at, _)| {
            // `s3:GetObject` is not `s3:GetObjectVersion`.
            let after = said[at + text.len()..].chars().next();
            !after.is_some_and(char::is_alphanumeric)
        })
    };
    found(&action) || found(&action.replace(':', "."))
        // CodePipeline says so about `sts:AssumeRole`, without the service.
        || action == "sts:assumerole" && found("assumerole")
}
