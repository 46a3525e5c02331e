//! The verdict on a call: what the known policies decide, and whether what is not known could
//! make it otherwise.

use super::call::{Call, Hindrance, Rejection};
use super::document::Document;
use super::world::{Doubt, Missing, Place, PolicyId, World};
use crate::authz::{self, Decision, Layer, PolicySet, Reason, Request, RequestProblem};
use crate::iam::{Effect, Policy, PolicyKind};

/// Whether a call is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Verdict {
    /// By all that is known, and nothing is missing.
    Allowed,
    /// Whatever the missing policies say.
    Denied,
    /// It depends on a policy that is not given, or on a Deny that cannot be resolved.
    Unproven,
}

impl Verdict {
    /// The graver of two.
    pub fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Denied, _) | (_, Self::Denied) => Self::Denied,
            (Self::Unproven, _) | (_, Self::Unproven) => Self::Unproven,
            (Self::Allowed, Self::Allowed) => Self::Allowed,
        }
    }
}

/// A statement that decides, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Decisive {
    /// Its side.
    pub layer: Layer,
    /// Where it stands.
    pub place: Place,
    /// The resource of the template that has it.
    pub resource: String,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Its `Effect`.
    pub effect: Effect,
    /// Whether the user's files hold it; otherwise the proof assumes it, as an attacker's own.
    pub given: bool,
    /// Its policy, and its number there.
    pub(super) statement: (PolicyId, usize),
}

/// A call with its verdict.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The call.
    pub call: Call,
    /// The verdict.
    pub verdict: Verdict,
    /// What the known policies decide, and why.
    pub reason: Reason,
    /// The statements that decide.
    pub decisive: Vec<Decisive>,
    /// The instances of its target that it stands for: those where all is alike.
    pub instances: usize,
    /// The policies that are not given.
    pub missing: Vec<Missing>,
    /// The statements that cannot be resolved and might be about it.
    pub doubts: Vec<Doubt>,
    /// The resource's policy, where there is one: its place, and the resource that has it.
    pub resource_policy: Option<(Place, String)>,
    pub(super) sets: Sets,
}

impl Decided {
    /// Why AWS rejects the call though no policy denies it.
    pub fn rejection(&self) -> Option<&Rejection> {
        let is_denied = self.reason.decision == Decision::ExplicitlyDenied;
        self.call.rejection().filter(|_| !is_denied)
    }
}

/// The policies that apply to a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Sets {
    pub(super) identity: Vec<PolicyId>,
    pub(super) resource: Option<PolicyId>,
    pub(super) boundary: Option<PolicyId>,
    missing_identity: Option<Missing>,
    missing_resource: Option<Missing>,
    missing_boundary: Option<Missing>,
}

impl Sets {
    fn missing(&self) -> Vec<Missing> {
        [
            &self.missing_identity,
            &self.missing_resource,
            &self.missing_boundary,
        ]
        .into_iter()
        .flatten()
        .cloned()
        .collect()
    }

    fn all(&self) -> impl Iterator<Item = PolicyId> {
        let resource = self.resource.iter().chain(&self.boundary);
        self.identity.iter().chain(resource).copied()
    }
}

/// What to take of policies that are not fully known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Known,
    /// With everything that unknown Allow statements might be.
    AtMost,
    /// With everything that unknown Deny statements might be.
    AtLeast,
}

/// Decides a call of a run.
pub(super) fn judge_call(world: &World<'_>, mut call: Call) -> Decided {
    let judge = match Judge::new(world, &mut call) {
        Ok(judge) => judge,
        Err(problem) => return no_request(call, &problem),
    };
    let mut reason = authz::explain(&judge.request, &judge.policies(Reading::Known, false));
    let mut verdict = match reason.decision {
        Decision::ExplicitlyDenied => Verdict::Denied,
        Decision::Allowed if judge.is_sure() => Verdict::Allowed,
        Decision::Allowed => Verdict::Unproven,
        // What cannot be resolved is never counted as allowing, what is not given might allow.
        Decision::ImplicitlyDenied if judge.allows(Reading::Known, true) => Verdict::Unproven,
        Decision::ImplicitlyDenied => Verdict::Denied,
    };
    let mut doubt = None;
    match &call.hindrance {
        Some(Hindrance::Rejected(rejection)) if reason.decision != Decision::ExplicitlyDenied => {
            verdict = Verdict::Denied;
            reason.decision = Decision::ImplicitlyDenied;
            reason.because.clone_from(&rejection.because);
            // No statement would help.
            reason.missing.clear();
        }
        Some(Hindrance::Doubtful(found)) => {
            doubt = Some(found.clone());
            if verdict == Verdict::Allowed {
                verdict = Verdict::Unproven;
            }
        }
        _ => {}
    }
    let mut decided = judge.decided(call, verdict, reason);
    decided.doubts.extend(doubt);
    decided
}

/// A call that makes no request, because of what a template says: nothing is proven of it.
fn no_request(call: Call, problem: &RequestProblem) -> Decided {
    Decided {
        call,
        verdict: Verdict::Unproven,
        reason: Reason {
            decision: Decision::ImplicitlyDenied,
            because: format!("AWS has no such request: {problem}"),
            missing: Vec::new(),
            layers: Vec::new(),
        },
        decisive: Vec::new(),
        instances: 1,
        missing: Vec::new(),
        doubts: Vec::new(),
        resource_policy: None,
        sets: Sets::default(),
    }
}

/// Decides the call of an attack; only what is not denied is explained.
///
/// The call's context is taken for the request; of a call that is denied it does not come back.
pub(super) fn judge_attack(world: &World<'_>, call: &mut Call) -> (Verdict, Option<Decided>) {
    let judge = match Judge::new(world, call) {
        Ok(judge) => judge,
        Err(problem) => {
            let decided = no_request(call.clone(), &problem);
            return (Verdict::Unproven, Some(decided));
        }
    };
    let verdict = match authz::evaluate(&judge.request, &judge.policies(Reading::Known, false)) {
        Decision::ExplicitlyDenied => Verdict::Denied,
        Decision::Allowed if judge.is_sure() => Verdict::Allowed,
        Decision::Allowed => Verdict::Unproven,
        Decision::ImplicitlyDenied if judge.allows(Reading::AtMost, true) => Verdict::Unproven,
        Decision::ImplicitlyDenied => Verdict::Denied,
    };
    if verdict == Verdict::Denied {
        return (verdict, None);
    }
    let reason = authz::explain(&judge.request, &judge.policies(Reading::Known, false));
    (verdict, Some(judge.decided(call.clone(), verdict, reason)))
}

struct Judge<'j, 'w> {
    world: &'j World<'w>,
    request: Request,
    sets: Sets,
}

impl<'j, 'w> Judge<'j, 'w> {
    fn new(world: &'j World<'w>, call: &mut Call) -> Result<Self, RequestProblem> {
        let request = Request::new(
            &call.caller.principal(&world.partition),
            &call.action,
            &call.resource,
            Some(&call.account),
            std::mem::take(&mut call.context),
        )?;
        let sets = sets(world, call, &request);
        Ok(Self {
            world,
            request,
            sets,
        })
    }

    fn document(&self, id: PolicyId) -> &'j Document {
        &self.world.policies[id].document
    }

    fn policies(&self, reading: Reading, grant_missing: bool) -> PolicySet<'j> {
        let policy = |id: PolicyId| -> &'j Policy {
            let document = self.document(id);
            match reading {
                Reading::Known => &document.solid,
                Reading::AtMost => document.at_most.as_ref().unwrap_or(&document.solid),
                Reading::AtLeast => document.at_least.as_ref().unwrap_or(&document.solid),
            }
        };
        let mut identity: Vec<&Policy> = self.sets.identity.iter().map(|id| policy(*id)).collect();
        let mut resource = self.sets.resource.map(policy);
        if grant_missing {
            if self.sets.missing_identity.is_some() {
                identity.push(policy(self.world.administrator));
            }
            if self.sets.missing_resource.is_some() {
                let open = match self.request.resource_policy_kind() {
                    PolicyKind::Trust => self.world.open_roles,
                    _ => self.world.open_resource,
                };
                resource = Some(policy(open));
            }
        }
        // The given control policies are those of the stacks' accounts. Nothing is known of other
        // accounts', so nothing there is assumed to deny.
        let levels = |levels: &[Vec<PolicyId>], account: Option<&str>| -> Vec<Vec<&'j Policy>> {
            if account.is_none_or(|account| !self.world.accounts.contains(account)) {
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
            scps: levels(&self.world.scps, self.request.principal().account()),
            rcps: levels(&self.world.rcps, Some(self.request.resource_account())),
            session: None,
        }
    }

    fn allows(&self, reading: Reading, grant_missing: bool) -> bool {
        let policies = self.policies(reading, grant_missing);
        authz::evaluate(&self.request, &policies) == Decision::Allowed
    }

    /// Whether nothing that is missing or unknown could deny.
    fn is_sure(&self) -> bool {
        self.sets.missing_identity.is_none()
            && self.sets.missing_resource.is_none()
            && self.sets.missing_boundary.is_none()
            && (self
                .sets
                .all()
                .all(|id| self.document(id).at_least.is_none())
                || self.allows(Reading::AtLeast, false))
    }

    fn decided(self, mut call: Call, verdict: Verdict, reason: Reason) -> Decided {
        let mut decisive = Vec::new();
        for layer in &reason.layers {
            for statement in &layer.statements {
                if statement.verdict == authz::Verdict::NearMiss {
                    continue;
                }
                let id = match layer.layer {
                    Layer::IdentityPolicies => self.sets.identity.get(statement.policy).copied(),
                    Layer::ResourcePolicy => self.sets.resource,
                    Layer::PermissionBoundary => self.sets.boundary,
                    Layer::Scps => level(&self.world.scps, layer.level, statement.policy),
                    Layer::Rcps => level(&self.world.rcps, layer.level, statement.policy),
                    Layer::SessionPolicy => None,
                };
                let Some(id) = id else { continue };
                let held = &self.world.policies[id];
                decisive.push(Decisive {
                    layer: layer.layer,
                    place: Place {
                        file: held.file,
                        span: statement.span.into(),
                    },
                    resource: held.resource.clone(),
                    sid: statement.sid.clone(),
                    effect: statement.effect,
                    given: held.given,
                    statement: (id, statement.statement),
                });
            }
        }
        let doubts = (self.sets.all()).flat_map(|id| self.world.policies[id].doubts());
        call.context = self.request.into_context();
        Decided {
            call,
            verdict,
            reason,
            decisive,
            instances: 1,
            missing: self.sets.missing(),
            doubts: doubts.collect(),
            resource_policy: self.sets.resource.and_then(|id| {
                let held = &self.world.policies[id];
                if !held.given {
                    return None;
                }
                let place = Place {
                    file: held.file,
                    span: held.span,
                };
                Some((place, held.resource.clone()))
            }),
            sets: self.sets,
        }
    }
}

fn level(levels: &[Vec<PolicyId>], level: Option<usize>, policy: usize) -> Option<PolicyId> {
    levels.get(level?)?.get(policy).copied()
}

fn sets(world: &World<'_>, call: &Call, request: &Request) -> Sets {
    use super::call::Caller;
    let mut sets = Sets::default();
    match &call.caller {
        Caller::Administrator(_) => sets.identity.push(world.administrator),
        Caller::Role(arn) => match world.role(arn) {
            Some(role) => {
                sets.identity.clone_from(&role.identity);
                sets.boundary = role.boundary;
                sets.missing_identity.clone_from(&role.missing_identity);
                sets.missing_boundary.clone_from(&role.missing_boundary);
            }
            None => {
                sets.missing_identity = Some(Missing {
                    what: format!("the policies of the role `{arn}`"),
                    option: format!("--identity {arn}=FILE"),
                });
            }
        },
        Caller::Root(_) | Caller::Service(_) => {}
    }
    if let Some(id) = call.resource_policy {
        sets.resource = Some(id);
        return sets;
    }
    if call.made_up {
        return sets;
    }
    let missing = |what: &str| {
        let name = super::world::bucket_name(&call.resource).unwrap_or(&call.resource);
        Some(Missing {
            what: format!("{what} `{name}`"),
            option: format!("--policy {name}=FILE"),
        })
    };
    match request.resource_policy_kind() {
        PolicyKind::Key => {
            let key = world.key(&call.resource);
            sets.resource = key.map(|(_, policy)| policy);
            let known = world.known_key(&call.resource);
            if sets.resource.is_none() {
                sets.missing_resource = missing("the policy of the key");
            } else if known.is_some_and(|key| !key.is_whole) {
                sets.missing_resource = missing("the other policies of the key");
            }
        }
        PolicyKind::Trust => {
            sets.resource = world.role(&call.resource).and_then(|role| role.trust);
            if sets.resource.is_none() {
                sets.missing_resource = missing("the trust policy of the role");
            }
        }
        _ if request.service() == "s3" => match world.bucket_of(&call.resource) {
            Some(bucket) if bucket.policy.is_some() || bucket.place.is_some() => {
                sets.resource = bucket.policy;
            }
            _ => sets.missing_resource = missing("the policy of the existing bucket"),
        },
        _ => {}
    }
    sets
}
