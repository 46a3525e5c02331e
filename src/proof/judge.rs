//! Determines the verdict of a call. Evaluates the known policies, and checks whether unknown
//! inputs could change the result.

use super::decided::{Decided, Decisive, Verdict};
use super::document::Document;
use super::keys::Keys;
use super::other_factors::{administrator, disputed, no_role, other_administrator};
use super::public_access;
use super::sides::{Sets, foreign, sets};
use super::world::World;
use crate::policy::document::{Policy, PolicyKind};
use crate::policy::evaluation::{
    self, Bound, Decision, Knowledge, Layer, LayerReport, Outcome, PolicySet, Reason, Request,
    RequestProblem, StatementReport,
};
use crate::run::landscape::PolicyId;
use crate::run::{Call, Caller, Doubt, Hindrance, Step, Strength};

/// The reason for an unproven call. The [`Doubt`]s give the details.
const DEPENDS: &str = "the result depends on an unknown value";

/// Determines the verdict of an execution's call.
pub(super) fn judge_call(world: &World<'_>, mut call: Call) -> Decided {
    call.hindrance = (call.hindrance.take()).or_else(|| public_access::hindrance(world, &call));
    let other = administrator(world, &call);
    let decided = judge_one(world, call);
    // Organizations often deny all actions to root users. An administrator of the account is
    // sufficient.
    match other.filter(|_| decided.verdict != Verdict::Allowed) {
        Some(other) => {
            let caller = decided.call.caller.clone();
            let mut other = judge_one(world, other);
            if other.verdict != Verdict::Allowed {
                return decided;
            }
            // Report the account's root user as the caller.
            other.call.caller = caller;
            other
        }
        None => decided,
    }
}

fn judge_one(world: &World<'_>, mut call: Call) -> Decided {
    if let Some(doubt) = undecidable(world, &call) {
        return undecided(call, DEPENDS.to_owned(), vec![doubt]);
    }
    if !matches!(call.hindrance, Some(Hindrance::Rejected(_)))
        && let Some(rejection) = no_role(world, &call)
    {
        call.hindrance = Some(Hindrance::Rejected(rejection));
    }
    let judge = match Judge::new(world, &mut call) {
        Ok(judge) => judge,
        Err(problem) => return no_request(call, &problem),
    };
    let mut verdict = match () {
        () if judge.is_surely_allowed() => Verdict::Allowed,
        () if judge.is_possible() => Verdict::Unproven,
        () => Verdict::Denied,
    };
    let mut explained = judge.reason(verdict);
    let reason = &mut explained.reason;
    let mut doubt = None;
    match &call.hindrance {
        Some(Hindrance::Rejected(rejection)) if reason.decision != Decision::ExplicitlyDenied => {
            verdict = Verdict::Denied;
            reason.decision = Decision::ImplicitlyDenied;
            reason.because.clone_from(&rejection.because);
            // No statement would allow the call.
            reason.missing.clear();
        }
        Some(Hindrance::Rejected(_)) => verdict = Verdict::Denied,
        Some(Hindrance::Doubtful(found)) => {
            doubt = Some(found.clone());
            if verdict == Verdict::Allowed {
                verdict = Verdict::Unproven;
            }
        }
        None => {}
    }
    if verdict != Verdict::Unproven
        && doubt.is_none()
        && let Some(dispute) = disputed(world, &call)
    {
        doubt = Some(dispute);
        verdict = Verdict::Unproven;
    }
    let is_lacking = reason.missing == [Layer::ResourcePolicy];
    if call.step == Step::Administer && verdict == Verdict::Denied && is_lacking {
        doubt = other_administrator(world, &call);
        if doubt.is_some() {
            verdict = Verdict::Unproven;
        }
    }
    if verdict == Verdict::Denied && call.strength == Strength::Documented {
        verdict = Verdict::NotGranted;
    }
    let mut decided = judge.decided(call, verdict, explained);
    decided.doubts.extend(doubt);
    decided
}

/// Returns why the verdict of a call cannot be determined.
fn undecidable(world: &World<'_>, call: &Call) -> Option<Doubt> {
    let unknown = call.unknown.as_ref();
    unknown.or(world.opaque.first()).cloned()
}

/// Returns an unproven result for a call whose template values do not form a valid request.
fn no_request(call: Call, problem: &RequestProblem) -> Decided {
    let because = format!("not a valid AWS request: {problem}");
    undecided(call, because, Vec::new())
}

fn undecided(call: Call, because: String, doubts: Vec<Doubt>) -> Decided {
    Decided {
        call,
        verdict: Verdict::Unproven,
        reason: Reason {
            decision: Decision::ImplicitlyDenied,
            because,
            missing: Vec::new(),
            silent_level: None,
            layers: Vec::new(),
        },
        decisive: Vec::new(),
        instances: 1,
        missing: Vec::new(),
        doubts,
        resource_policy: None,
        sets: Sets::default(),
    }
}

/// Determines the verdict of an attack's call. A denied attack has no explanation.
///
/// Moves the context of the call into the request. The context of a denied call is not restored.
pub(super) fn judge_attack(world: &World<'_>, call: &mut Call) -> (Verdict, Option<Decided>) {
    if let Some(doubt) = undecidable(world, call) {
        let decided = undecided(call.clone(), DEPENDS.to_owned(), vec![doubt]);
        return (Verdict::Unproven, Some(decided));
    }
    let judge = match Judge::new(world, call) {
        Ok(judge) => judge,
        Err(problem) => {
            let decided = no_request(call.clone(), &problem);
            return (Verdict::Unproven, Some(decided));
        }
    };
    if !judge.is_possible() {
        return (Verdict::Denied, None);
    }
    let verdict = match judge.is_surely_allowed() {
        true => Verdict::Allowed,
        false => Verdict::Unproven,
    };
    let explained = judge.reason(verdict);
    let decided = judge.decided(call.clone(), verdict, explained);
    (verdict, Some(decided))
}

/// The explanation of a verdict.
struct Explained {
    reason: Reason,
    /// For an unproven call, the reason at the upper bound.
    most: Option<Reason>,
}

/// Returns the same layer or level in another reason.
fn same_layer<'r>(reason: &'r Reason, layer: &LayerReport) -> Option<&'r LayerReport> {
    let mut layers = reason.layers.iter();
    layers.find(|other| (other.layer, other.level) == (layer.layer, layer.level))
}

struct Judge<'j, 'w> {
    world: &'j World<'w>,
    /// The request. If the owner of the resource is unknown, one request for each possibility.
    requests: Vec<Request>,
    caller: Caller,
    is_attack: bool,
    /// The control policies that are unknown, although those of other accounts were provided.
    foreign: Option<&'static str>,
    sets: Sets,
}

impl<'j, 'w> Judge<'j, 'w> {
    fn new(world: &'j World<'w>, call: &mut Call) -> Result<Self, RequestProblem> {
        let context = std::mem::take(&mut call.context);
        let request = Request::new(
            &call.caller.principal(&world.land.partition),
            &call.action,
            &call.resource,
            Some(call.owner()),
            context,
        )?
        .of_any_session();
        let sets = sets(world, call, &request);
        let is_attack = call.step == Step::Attack;
        let foreign = match (&call.caller, is_attack) {
            (Caller::Role(_), false) => foreign(world, call),
            _ => None,
        };
        let requests = match &call.account {
            Some(_) => vec![request],
            None => vec![
                request.clone().of_unknown_owner(false),
                request.of_unknown_owner(true),
            ],
        };
        Ok(Self {
            world,
            requests,
            caller: call.caller.clone(),
            is_attack,
            foreign,
            sets,
        })
    }

    /// Returns whether the call is allowed regardless of what is unknown.
    fn is_surely_allowed(&self) -> bool {
        self.sets.missing().is_empty()
            && self.foreign.is_none()
            && (self.requests.iter()).all(|request| self.allows(request, Bound::Least))
    }

    /// Returns whether the call is allowed if every unknown turns out in its favor.
    fn is_possible(&self) -> bool {
        let mut requests = self.requests.iter();
        requests.any(|request| self.allows(request, Bound::Most))
    }

    fn allows(&self, request: &Request, bound: Bound) -> bool {
        let keys = self.keys(request);
        let policies = self.policies(request, bound);
        evaluation::evaluate_within(request, &policies, self.knowledge(&keys, bound))
            == Decision::Allowed
    }

    /// Returns the explanation of a verdict. Allowed and unproven calls are explained at the lower
    /// bound, and denied calls at the upper bound.
    fn reason(&self, verdict: Verdict) -> Explained {
        let bound = match verdict {
            Verdict::Denied | Verdict::NotGranted => Bound::Most,
            Verdict::Allowed | Verdict::Unproven => Bound::Least,
        };
        let most = (verdict == Verdict::Unproven).then(|| self.explained(Bound::Most));
        let mut reason = self.explained(bound);
        for layer in &mut reason.layers {
            let other = most.as_ref().and_then(|most| same_layer(most, layer));
            if other.is_some_and(|other| other.outcome != layer.outcome) {
                layer.outcome = Outcome::Unknown;
            }
        }
        Explained { reason, most }
    }

    fn explained(&self, bound: Bound) -> Reason {
        let request = &self.requests[0];
        let keys = self.keys(request);
        let policies = self.policies(request, bound);
        let mut reason =
            evaluation::explain_within(request, &policies, self.knowledge(&keys, bound));
        // Identify a level by its file.
        if reason.missing == [Layer::Scps]
            && let Some(level) = reason.silent_level
            && let Some(id) = self::level(&self.world.scps, Some(level), 0)
        {
            let file = self.world.files[self.world.policies[id].place.file].name();
            reason.because = format!(
                "{file} (level {} of the service control policies) does not allow the call: every \
                 level needs an Allow statement, such as the one in AWS's FullAWSAccess",
                level + 1
            );
        }
        reason
    }

    fn keys<'k>(&'k self, request: &'k Request) -> Keys<'k>
    where
        'j: 'k,
        'w: 'k,
    {
        Keys {
            world: self.world,
            caller: &self.caller,
            action: request.action(),
            resource: request.resource(),
            context: request.context(),
            is_attack: self.is_attack,
        }
    }

    fn knowledge<'k>(&self, keys: &'k Keys<'k>, bound: Bound) -> Knowledge<'k> {
        Knowledge {
            unlisted: Some(keys),
            bound,
            may_have_boundary: self.sets.missing_boundary.is_some(),
        }
    }

    /// Returns the statements whose applicability depends on context keys without known values.
    fn open(&self) -> Vec<Doubt> {
        let request = &self.requests[0];
        let keys = self.keys(request);
        let bound = Bound::Least;
        let policies = self.policies(request, bound);
        let open = evaluation::open_statements(request, &policies, self.knowledge(&keys, bound));
        open.into_iter()
            .filter_map(|open| {
                let held =
                    &self.world.policies[self.policy(open.layer, open.level, open.policy)?];
                let reason = match open.keys.as_slice() {
                    [] => "which session makes the request".to_owned(),
                    [key] => format!("the value of `{key}` in the request"),
                    keys => format!("the values of `{}` in the request", keys.join("`, `")),
                };
                Some(Doubt {
                    effect: Some(open.effect),
                    ..held.doubt(open.span, reason)
                })
            })
            .collect()
    }

    /// Returns the policy at an index in a layer.
    fn policy(&self, layer: Layer, level: Option<usize>, number: usize) -> Option<PolicyId> {
        match layer {
            Layer::IdentityPolicies => self.sets.identity.get(number).copied(),
            Layer::ResourcePolicy => self.sets.resource,
            Layer::PermissionBoundary => self.sets.boundary,
            Layer::Scps => self::level(&self.world.scps, level, number),
            Layer::Rcps => self::level(&self.world.rcps, level, number),
            Layer::SessionPolicy => None,
        }
    }

    fn document(&self, id: PolicyId) -> &'j Document {
        &self.world.policies[id].document
    }

    /// Returns the policies. The bound determines how to treat policies that were not provided or
    /// cannot be resolved.
    fn policies(&self, request: &Request, bound: Bound) -> PolicySet<'j> {
        let policy = |id: PolicyId| -> &'j Policy {
            let document = self.document(id);
            let widened = match bound {
                Bound::Least => &document.at_least,
                Bound::Most => &document.at_most,
            };
            widened.as_ref().unwrap_or(&document.solid)
        };
        let mut identity: Vec<&Policy> = self.sets.identity.iter().map(|id| policy(*id)).collect();
        let mut resource = self.sets.resource.map(policy);
        if bound == Bound::Most {
            if self.sets.missing_identity.is_some() {
                identity.push(policy(self.world.administrator));
            }
            if self.sets.missing_resource.is_some() {
                let open = match request.resource_policy_kind() {
                    PolicyKind::Trust => self.world.open_roles,
                    _ => self.world.open_resource,
                };
                resource = Some(policy(open));
            }
        }
        // The provided control policies belong to the stacks' accounts.
        let levels = |levels: &[Vec<PolicyId>], account: Option<&str>| -> Vec<Vec<&'j Policy>> {
            if account.is_none_or(|account| !self.world.land.accounts.contains(account)) {
                return Vec::new();
            }
            let levels = levels.iter();
            levels
                .map(|level| level.iter().map(|id| policy(*id)).collect())
                .collect()
        };
        PolicySet {
            identity,
            resource,
            boundary: self.sets.boundary.map(policy),
            scps: levels(&self.world.scps, request.principal().account()),
            rcps: levels(&self.world.rcps, Some(request.resource_account())),
            session: None,
        }
    }

    /// Returns the unknown facts about the accounts on both sides.
    fn unknown_side(&self, call: &Call) -> Vec<Doubt> {
        let owner = call
            .account
            .is_none()
            .then_some("the owner of the resource");
        let reasons = [owner, self.foreign].into_iter().flatten();
        reasons
            .map(|reason| Doubt::new(call.place, "", reason))
            .collect()
    }

    fn decided(self, mut call: Call, verdict: Verdict, explained: Explained) -> Decided {
        let Explained { mut reason, most } = explained;
        if verdict == Verdict::Unproven {
            DEPENDS.clone_into(&mut reason.because);
            reason.missing.clear();
        }
        // A statement that is only in the lower bound may or may not apply.
        let is_open = |layer: &LayerReport, statement: &StatementReport| {
            let is_same = |other: &StatementReport| {
                (other.policy, other.span, other.verdict)
                    == (statement.policy, statement.span, statement.verdict)
            };
            most.as_ref().is_some_and(|most| {
                let other = same_layer(most, layer);
                !other.is_some_and(|other| other.statements.iter().any(is_same))
            })
        };
        let mut decisive = Vec::new();
        for layer in &reason.layers {
            for statement in &layer.statements {
                if statement.verdict == evaluation::Verdict::NearMiss {
                    continue;
                }
                let id = self.policy(layer.layer, layer.level, statement.policy);
                let Some(id) = id else { continue };
                let held = &self.world.policies[id];
                decisive.push(Decisive {
                    layer: layer.layer,
                    place: held.at(statement.span),
                    is_open: is_open(layer, statement),
                    resource: held.resource.clone(),
                    sid: statement.sid.clone(),
                    effect: statement.effect,
                    given: held.given,
                    statement: (id, statement.statement),
                });
            }
        }
        let mut doubts: Vec<Doubt> = Vec::new();
        if verdict == Verdict::Unproven {
            let policies = self.sets.all();
            doubts.extend(policies.flat_map(|id| self.world.policies[id].doubts()));
            doubts.extend(self.open());
            doubts.extend(self.unknown_side(&call));
        }
        let mut requests = self.requests;
        call.context = requests.swap_remove(0).into_context();
        Decided {
            call,
            verdict,
            reason,
            decisive,
            instances: 1,
            missing: self.sets.missing(),
            doubts,
            resource_policy: self.sets.resource.and_then(|id| {
                let held = &self.world.policies[id];
                held.given.then(|| (held.place, held.resource.clone()))
            }),
            sets: self.sets,
        }
    }
}

fn level(levels: &[Vec<PolicyId>], level: Option<usize>, policy: usize) -> Option<PolicyId> {
    levels.get(level?)?.get(policy).copied()
}
