//! The diagnosis. It combines the causes from the comparison with their consequences from the proof
//! of the live state, and adds the failures without a known cause.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::{Block, causes};
use super::disagree::disagreements;
use super::expected::Expected;
use super::explain::{Explained, by_step, executions, is_on};
use super::finding::{Finding, Fix, Repair, Rule, Unread, shown};
use super::live::{Live, Reading};
use super::templates::{self, Definitions};
use super::unread::unread;
use crate::diagnostic::Severity;
use crate::policy::document::Effect;
use crate::policy::evaluation::Decision;
use crate::proof::{AttackResult, Decided, InputError, Inputs, Proof, Remedy, Verdict, prove};
use crate::run::{Call, Caller};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Everything was read, every call of an execution was decided, and there are no findings.
    Healthy,
    /// There are findings.
    Findings,
    /// There are no findings, but not everything was read or decided.
    Incomplete,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Diagnosis {
    /// The findings, causes first.
    pub findings: Vec<Finding>,
    pub unread: Vec<Unread>,
    /// The number of undecided calls, by the unknown input that they depend on.
    pub undecided: BTreeMap<String, usize>,
    /// The number of decided calls.
    pub calls: usize,
    /// Trust policies that can be repaired.
    pub repairs: Vec<Repair>,
}

impl Diagnosis {
    pub(crate) fn health(&self) -> Health {
        let is_whole = self.unread.is_empty() && self.undecided.is_empty() && self.calls > 0;
        match self.findings.is_empty() {
            false => Health::Findings,
            true if is_whole => Health::Healthy,
            true => Health::Incomplete,
        }
    }

    /// Returns the number of calls of an execution.
    pub(crate) fn all_calls(&self) -> usize {
        self.calls + self.undecided.values().sum::<usize>()
    }

    /// Returns the findings that stop the pipeline or allow unintended access.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.severity == Severity::Error)
    }
}

/// Diagnoses the live state. `base` contains the templates as inputs of the proof. `target` limits
/// the findings to one target and the dev account.
///
/// # Errors
///
/// Returns an error for each invalid input if the templates cannot be proven.
pub(crate) fn diagnose(
    expected: &Expected,
    live: &Live,
    base: &Inputs,
    target: Option<&str>,
) -> Result<Diagnosis, Vec<InputError>> {
    let (causes, absent) = causes(expected, live);
    let mut explained: Vec<Explained> = causes.into_iter().map(Explained::new).collect();
    let intended = prove(base)?;
    let disagreements = disagreements(expected, live, &intended);
    // If the stacks disagree about a name, a missing resource with this name was not necessarily
    // deleted.
    explained.retain(|one| {
        let all = disagreements.iter().flat_map(|cause| &cause.blocks);
        let mut all = all.filter_map(|block| match block {
            Block::Resource(thing) => Some(shown(thing)),
            _ => None,
        });
        let is_missing = [Rule::RoleMissing, Rule::BucketMissing].contains(&one.cause.finding.rule);
        !(is_missing && all.any(|thing| thing == one.cause.finding.resource))
    });
    explained.extend(disagreements.into_iter().map(Explained::new));
    // If several causes can explain a failure, the first one is reported.
    explained.sort_by_key(|one| one.cause.finding.rule);
    let mut diagnosis = Diagnosis {
        unread: unread(expected, live),
        ..Diagnosis::default()
    };
    let proof = |definitions| {
        prove(&templates::inputs(
            expected,
            live,
            base,
            &absent,
            definitions,
        ))
    };
    let proofs =
        proof(Definitions::Live).and_then(|calls| Ok((calls, proof(Definitions::Intended)?)));
    match proofs {
        // Without its dev stack, a deployment has no pipeline execution to prove.
        _ if absent.contains(&0) => {}
        Ok((calls, attacks)) => {
            let wanted =
                |of: &Option<String>| target.is_none() || of.is_none() || of.as_deref() == target;
            diagnosis.calls(live, &calls, &mut explained, wanted);
            diagnosis.attacks(&intended, &attacks, &mut explained, wanted);
        }
        Err(errors) => diagnosis.unread.extend(errors.into_iter().map(|error| {
            let problem = error.problems().first();
            let problem = problem.map_or("", |problem| &problem.message);
            let what = "the proof of the live state".to_owned();
            Unread::because("", what, format!("{error}: {problem}"))
        })),
    }
    executions(&mut explained);
    for one in explained {
        diagnosis.repairs.extend(one.cause.repair.clone());
        diagnosis.findings.push(one.finding());
    }
    diagnosis
        .findings
        .sort_by_key(|finding| (finding.severity, finding.rule));
    for finding in &mut diagnosis.findings {
        safe(expected, finding);
    }
    Ok(diagnosis)
}

/// If the deployed stack differs from the configuration, replaces the commands that change
/// resources. A deployment would overwrite the changes of such a command, or the changes could
/// block the deployment.
fn safe(expected: &Expected, finding: &mut Finding) {
    let mut places = expected.places.iter();
    let place = places.find(|place| place.account == finding.account && place.reference.differs());
    let Some(place) = place.filter(|_| finding.rule != Rule::Disagree) else {
        return;
    };
    if !finding.fixes.iter().any(Fix::writes) {
        return;
    }
    finding.fixes = vec![
        Fix::Advice(format!(
            "stack {} differs from the configuration: check what a deployment would change before \
             you make manual changes",
            place.stack
        )),
        Fix::Run(vec![
            "diff".to_owned(),
            "--profile".to_owned(),
            place.profile.clone(),
        ]),
    ];
}

impl Diagnosis {
    /// Assigns every failing call to the causes that explain it.
    fn calls(
        &mut self,
        live: &Live,
        proof: &Proof,
        explained: &mut [Explained],
        wanted: impl Fn(&Option<String>) -> bool,
    ) {
        let mut alone: BTreeMap<String, Finding> = BTreeMap::new();
        for (decided, remedies) in &proof.calls {
            if !wanted(&decided.call.target) {
                continue;
            }
            // Executions can succeed without an optional permission. A missing optional permission
            // may explain a failure, but is not a finding by itself.
            let is_denied = matches!(decided.verdict, Verdict::Denied | Verdict::NotGranted)
                && (decided.rejection().is_some() || !is_granted(live, decided));
            let mut found = false;
            for one in explained.iter_mut() {
                if one.cause.blocks(decided, is_denied) {
                    found = true;
                    one.take(decided);
                }
            }
            if is_denied && !found {
                found = by_step(explained, decided);
            }
            match decided.verdict {
                _ if found => self.calls += 1,
                Verdict::Unproven => self.undecided(decided),
                Verdict::Denied if is_denied => {
                    self.calls += 1;
                    unexplained(proof, decided, remedies, &mut alone);
                }
                _ => self.calls += 1,
            }
        }
        self.findings.extend(alone.into_values());
    }

    fn undecided(&mut self, decided: &Decided) {
        let missing = decided.missing.iter().map(|missing| missing.what.clone());
        let mut what = missing.collect::<Vec<String>>().join(" and ");
        if what.is_empty() {
            what = format!("an unknown value: {}", decided.reason.because);
        }
        *self.undecided.entry(what).or_default() += 1;
    }

    /// Reports the access that the live policies allow and the templates deny.
    fn attacks(
        &mut self,
        intended: &Proof,
        proof: &Proof,
        explained: &mut [Explained],
        wanted: impl Fn(&Option<String>) -> bool,
    ) {
        let denied: BTreeSet<&str> = intended
            .attacks_that(AttackResult::Denied)
            .map(|attack| attack.call.id.as_str())
            .collect();
        for attack in proof.attacks_that(AttackResult::Allowed) {
            let Some(decided) = attack.decided.as_ref() else {
                continue;
            };
            if !denied.contains(attack.call.id.as_str()) || !wanted(&attack.call.target) {
                continue;
            }
            let text = format!("an attack is allowed: {}", attack.what);
            let about = |one: &&mut Explained| {
                one.cause.blocks.iter().any(|block| match block {
                    Block::ResourcePolicy(thing) | Block::Admits(thing) => {
                        is_on(&attack.call.resource, thing)
                    }
                    Block::Identity(arn) => attack.call.caller == Caller::Role(arn.clone()),
                    _ => false,
                })
            };
            match explained.iter_mut().find(about) {
                Some(one) => {
                    one.attacks.insert(text);
                }
                None => self.findings.push(Finding {
                    message: text,
                    fixes: decided
                        .decisive
                        .iter()
                        .filter(|decisive| decisive.given)
                        .map(|decisive| {
                            Fix::Advice(format!(
                                "narrow the statement {} in the policy of {}",
                                decisive.sid.as_deref().unwrap_or("without a Sid"),
                                decisive.resource
                            ))
                        })
                        .collect(),
                    ..error_of(Rule::Exposed, &attack.call, &attack.call.resource)
                }),
            }
        }
    }
}

/// Returns whether a grant of the key allows a call that the key policy does not allow.
fn is_granted(live: &Live, decided: &Decided) -> bool {
    let call = &decided.call;
    let Some(operation) = call.action.strip_prefix("kms:") else {
        return false;
    };
    let Caller::Role(caller) = &call.caller else {
        return false;
    };
    decided.reason.decision == Decision::ImplicitlyDenied
        && live
            .keys
            .get(&call.resource)
            .and_then(Reading::read)
            .and_then(|key| key.grants.read())
            .is_some_and(|grants| {
                grants.iter().any(|grant| {
                    grant.grantee == *caller
                        && !grant.is_constrained
                        && grant.operations.iter().any(|known| known == operation)
                })
            })
}

/// Creates an error about a call.
fn error_of(rule: Rule, call: &Call, holder: &str) -> Finding {
    Finding::new(rule, Severity::Error, call.owner(), shown(holder))
}

/// Reports a denied call that no cause explains, with the statement that would allow it.
fn unexplained(
    proof: &Proof,
    decided: &Decided,
    remedies: &[Remedy],
    alone: &mut BTreeMap<String, Finding>,
) {
    let call = &decided.call;
    let denying = decided
        .decisive
        .iter()
        .find(|decisive| decisive.effect == Effect::Deny);
    let holder = match denying {
        Some(decisive) => decisive.resource.clone(),
        None => remedies
            .iter()
            .find_map(|remedy| remedy.resource.clone())
            .unwrap_or_else(|| call.resource.clone()),
    };
    let mut fixes = Vec::new();
    if let Some(decisive) = denying {
        let text = proof.files[decisive.place.file].text();
        let statement = text
            .get(decisive.place.span.start..decisive.place.span.end)
            .unwrap_or_default();
        fixes.push(Fix::Advice(format!(
            "exclude the call from the Deny statement in {}: {}",
            shown(&holder),
            statement
                .split_whitespace()
                .collect::<Vec<&str>>()
                .join(" ")
        )));
    }
    for remedy in remedies {
        if let Ok(statement) = serde_json::from_str(&remedy.statement) {
            let to = remedy.resource.as_deref().unwrap_or(&call.resource);
            fixes.push(Fix::Add {
                to: shown(to),
                statement,
            });
        } else {
            fixes.push(Fix::Advice(format!(
                "allow it with: {}",
                remedy.statement.trim_end()
            )));
        }
    }
    let text = format!(
        "step {}: {} cannot call {} on {}",
        call.step,
        call.caller_shown(),
        call.action,
        shown(&call.resource)
    );
    let finding = alone.entry(holder.clone()).or_insert_with(|| Finding {
        message: format!("required calls are denied: {}", decided.reason.because),
        ..error_of(Rule::Denied, call, &holder)
    });
    for fix in fixes {
        if !finding.fixes.contains(&fix) {
            finding.fixes.push(fix);
        }
    }
    if !finding.consequences.contains(&text) {
        finding.consequences.push(text);
    }
}
