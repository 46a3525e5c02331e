//! The JSON and SARIF output of a proof.

use crate::lint::Report;
use crate::policy::document::Effect;
use crate::policy::evaluation::Layer;
use crate::proof::{
    self, AttackResult, Decided, Missing, Outcome, Proof, RULES, Remedy, Verdict, findings,
};
use crate::run::{self, Instance, Step, Strength};
use schemars::JsonSchema;
use serde::Serialize;
use serde_sarif::sarif::Sarif;

use super::explain::wanted;
use crate::cli::json::Version;
use crate::cli::reports::{self, SarifRule};

/// The output of `s3ferry prove --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry prove")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document<'p> {
    version: Version,
    /// Names of the proven pipelines.
    pipelines: &'p [String],
    /// Whether the proof is not empty, every call is allowed, every attack is denied, and every
    /// value is resolved.
    proven: bool,
    /// The calls of an execution.
    calls: Vec<Call<'p>>,
    /// Calls that must be denied.
    attacks: Vec<Attack<'p>>,
    /// Every statement and the calls that need it.
    statements: Vec<StatementUse<'p>>,
    /// Actions that do not exist in AWS.
    unknown_actions: Vec<UnknownAction<'p>>,
    /// Values that cannot be resolved from the templates.
    unresolved: Vec<Problem<'p>>,
    /// Causes that end an execution before its last action.
    obstacles: Vec<Problem<'p>>,
}

/// A location in a template or policy file.
#[derive(Serialize, JsonSchema)]
struct Place<'p> {
    /// Path of the file.
    file: &'p str,
    /// Line, from 1.
    #[schemars(range(min = 1))]
    line: usize,
    /// Column in characters, from 1.
    #[schemars(range(min = 1))]
    column: usize,
}

/// A call.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Call<'p> {
    /// Stable name of the call.
    id: &'p str,
    /// Target that the call serves; null if it serves all targets.
    target: Option<&'p str>,
    /// Account and region of a target.
    instance: Option<&'p Instance>,
    /// Number of accounts and regions that the call represents.
    instances: usize,
    /// Step of the execution.
    #[schemars(with = "String")]
    step: Step,
    /// Caller.
    caller: String,
    /// Action.
    action: &'p str,
    /// ARN of the resource.
    resource: &'p str,
    /// Whether an execution needs the call.
    strength: Strength,
    /// Account that owns the resource; null if unknown.
    resource_account: Option<&'p str>,
    /// Decision.
    decision: Verdict,
    /// Reason for the decision, in one sentence.
    because: &'p str,
    /// Location of the element that requires the call, such as a pipeline action.
    place: Place<'p>,
    /// The statements that decide the call.
    statements: Vec<Statement<'p>>,
    /// Missing policies that the decision depends on.
    missing: &'p [Missing],
    /// Other unknown inputs that the decision depends on.
    unknown: Vec<Unknown<'p>>,
    /// Statements that would allow a denied call.
    add: Vec<Addition<'p>>,
}

/// A statement that decides a call.
#[derive(Serialize, JsonSchema)]
struct Statement<'p> {
    /// Kind of policy.
    layer: Layer,
    /// `Effect` of the statement.
    effect: Effect,
    /// `Sid` of the statement.
    sid: Option<&'p str>,
    /// Logical ID of the resource that contains the statement, or name of the file.
    resource: &'p str,
    /// Location of the statement.
    place: Place<'p>,
}

/// An unknown input.
#[derive(Serialize, JsonSchema)]
struct Unknown<'p> {
    /// Description.
    what: &'p str,
    /// Location in the template or file.
    place: Place<'p>,
}

/// A statement that would allow a denied call.
#[derive(Serialize, JsonSchema)]
struct Addition<'p> {
    /// Kind of policy.
    layer: Layer,
    /// Logical ID of the policy; null if there is no policy yet.
    resource: Option<&'p str>,
    /// Location of the policy.
    place: Option<Place<'p>>,
    /// The statement to add, in the format of the file.
    statement: &'p str,
}

/// A call that must be denied.
#[derive(Serialize, JsonSchema)]
struct Attack<'p> {
    /// Name of the attack.
    id: &'p str,
    /// Target.
    target: Option<&'p str>,
    /// Account and region of a target.
    instance: Option<&'p Instance>,
    /// Number of accounts and regions that the attack represents.
    instances: usize,
    /// Description.
    what: &'p str,
    /// Caller.
    caller: String,
    /// Action.
    action: &'p str,
    /// ARN of the resource.
    resource: &'p str,
    /// Result.
    result: AttackResult,
    /// Missing policies that the decision depends on.
    missing: &'p [Missing],
    /// Other unknown inputs that the decision depends on.
    unknown: Vec<Unknown<'p>>,
}

/// A statement and the calls that need it.
#[derive(Serialize, JsonSchema)]
struct StatementUse<'p> {
    /// Location of the statement.
    place: Place<'p>,
    /// Logical ID.
    resource: &'p str,
    /// `Sid` of the statement.
    sid: Option<&'p str>,
    /// Names of the calls that need the statement.
    serves: &'p [String],
    /// Granted actions that no call needs.
    excess: &'p [String],
    /// Why AWS's documentation requires the excess.
    documented: Option<&'p str>,
}

/// An action that does not exist in AWS.
#[derive(Serialize, JsonSchema)]
struct UnknownAction<'p> {
    /// Location of the statement.
    place: Place<'p>,
    /// Logical ID.
    resource: &'p str,
    /// Action, as written.
    action: &'p str,
    /// The closest action that exists.
    near: Option<&'p str>,
}

/// A problem and its location.
#[derive(Serialize, JsonSchema)]
struct Problem<'p> {
    /// Location in the template.
    place: Place<'p>,
    /// Logical ID.
    resource: &'p str,
    /// Reason.
    reason: &'p str,
}

impl<'p> Document<'p> {
    /// Returns the document of a proof. `outcome` covers the whole proof, but `proof` can contain
    /// only a part of it.
    pub(crate) fn new(proof: &'p Proof, outcome: &Outcome, call: Option<Step>) -> Self {
        let place = |place| Place::new(proof, place);
        let calls = proof.calls.iter();
        let calls = calls.filter(|(decided, _)| wanted(decided, call));
        let statements = proof.excess.statements.iter().map(|found| StatementUse {
            place: place(found.place),
            resource: &found.resource,
            sid: found.sid.as_deref(),
            serves: &found.serves,
            excess: &found.excess,
            documented: found.documented,
        });
        let unknown_actions = proof.excess.unknown.iter().map(|unknown| UnknownAction {
            place: place(unknown.place),
            resource: &unknown.resource,
            action: &unknown.action,
            near: unknown.near,
        });
        let unresolved = proof.doubts.iter().map(|doubt| Problem {
            place: place(doubt.place),
            resource: &doubt.resource,
            reason: &doubt.reason,
        });
        let obstacles = proof.obstacles.iter().map(|obstacle| Problem {
            place: place(obstacle.place),
            resource: &obstacle.resource,
            reason: &obstacle.reason,
        });
        Self {
            version: Version,
            pipelines: &proof.pipelines,
            proven: outcome.is_proven(),
            calls: calls
                .map(|(decided, remedies)| Call::new(proof, decided, remedies))
                .collect(),
            attacks: (proof.attacks.iter())
                .map(|attack| Attack::new(proof, attack))
                .collect(),
            statements: statements.collect(),
            unknown_actions: unknown_actions.collect(),
            unresolved: unresolved.collect(),
            obstacles: obstacles.collect(),
        }
    }
}

impl<'p> Place<'p> {
    fn new(proof: &'p Proof, place: run::Place) -> Self {
        let source = &proof.files[place.file];
        let start = source.position(place.span.start);
        Self {
            file: source.name(),
            line: start.line,
            column: start.column,
        }
    }
}

impl<'p> Call<'p> {
    fn new(proof: &'p Proof, decided: &'p Decided, remedies: &'p [Remedy]) -> Self {
        let call = &decided.call;
        let statements = decided.decisive.iter().map(|decisive| Statement {
            layer: decisive.layer,
            effect: decisive.effect,
            sid: decisive.sid.as_deref(),
            resource: &decisive.resource,
            place: Place::new(proof, decisive.place),
        });
        let add = remedies.iter().map(|remedy| Addition {
            layer: remedy.layer,
            resource: remedy.resource.as_deref(),
            place: remedy.place.map(|place| Place::new(proof, place)),
            statement: &remedy.statement,
        });
        Self {
            id: &call.id,
            target: call.target.as_deref(),
            instance: call.instance.as_deref(),
            instances: decided.instances,
            step: call.step,
            caller: call.caller_shown(),
            action: &call.action,
            resource: &call.resource,
            strength: call.strength,
            resource_account: call.account.as_deref(),
            decision: decided.verdict,
            because: &decided.reason.because,
            place: Place::new(proof, call.place),
            statements: statements.collect(),
            missing: &decided.missing,
            unknown: unknown(proof, decided),
            add: add.collect(),
        }
    }
}

impl<'p> Attack<'p> {
    fn new(proof: &'p Proof, attack: &'p proof::Attack) -> Self {
        let (call, decided) = (&attack.call, attack.decided.as_ref());
        Self {
            id: &call.id,
            target: call.target.as_deref(),
            instance: call.instance.as_deref(),
            instances: attack.instances,
            what: &attack.what,
            caller: call.caller.shown(),
            action: &call.action,
            resource: &call.resource,
            result: attack.result,
            missing: decided.map_or(&[], |decided| &decided.missing),
            unknown: decided.map_or_else(Vec::new, |decided| unknown(proof, decided)),
        }
    }
}

/// Returns the unknown inputs of an unproven call, except for missing policies.
fn unknown<'p>(proof: &'p Proof, decided: &'p Decided) -> Vec<Unknown<'p>> {
    let doubts = decided.doubts.iter();
    let unknown = doubts.map(|doubt| Unknown {
        what: &doubt.reason,
        place: Place::new(proof, doubt.place),
    });
    unknown.collect()
}

/// Returns SARIF 2.1.0 in the same form as `lint`.
pub(crate) fn sarif(proof: &Proof) -> Sarif {
    let found = findings(proof);
    let reports = proof.files.iter().enumerate().map(|(number, source)| {
        let of_file = found.iter().filter(|(file, _)| *file == number);
        let report = Report {
            findings: of_file.map(|(_, finding)| finding.clone()).collect(),
            ..Report::default()
        };
        (source.clone(), report)
    });
    let rules = RULES.iter().map(|(name, what)| SarifRule {
        name,
        severity: None,
        what,
        why: "",
        fix: "",
    });
    let reports: Vec<_> = reports.collect();
    reports::sarif(&reports, rules)
}
