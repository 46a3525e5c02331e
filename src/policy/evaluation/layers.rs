//! Determines which policy layers apply to a request and which of their statements match it. The
//! module `evaluate` combines the results.

use super::condition;
use super::matching;
use super::policies::PolicySet;
use super::principal::{self, Grant};
use super::reason::Layer;
use super::request::{ContextValue, PrincipalKind, Request, is_alias};
use super::truth::{Bound, Knowledge, Truth, View};
use crate::policy::document::{Condition, Effect, Policy, PolicyKind, Resources, Statement};

/// The results of the layers.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Whether a statement in any layer denies the request.
    pub(super) denied: bool,
    /// Whether an identity-based policy allows the request.
    pub(super) identity: bool,
    /// How directly the resource's policy names the principal, if it allows the request.
    pub(super) grant: Option<Grant>,
    /// The first level of service control policies that does not allow the request.
    pub(super) silent_scp: Option<usize>,
    /// Whether the permissions boundary allows the request, if there is one.
    pub(super) boundary: Option<bool>,
    /// Whether the session policy allows the request, if there is one.
    pub(super) session: Option<bool>,
}

/// The position of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) layer: Layer,
    pub(super) level: Option<usize>,
    pub(super) policy: usize,
    pub(super) statement: usize,
}

/// An observer of every statement.
pub(super) trait Observer {
    /// Whether the observer needs the statements after the first denial.
    const WANTS_ALL: bool;

    /// Called for each evaluated statement. The last argument is how directly the statement names
    /// the principal, or `None` if the statement does not apply.
    fn statement(&mut self, _place: Place, _scope: &Scope<'_>, _is: &Statement, _: Option<Grant>) {}

    /// Called for a layer or level that does not apply to the request.
    fn exempt(&mut self, _layer: Layer, _level: Option<usize>, _why: &'static str) {}
}

/// An observer that ignores all calls, for a plain decision.
pub(super) struct Silent;

impl Observer for Silent {
    const WANTS_ALL: bool = false;
}

/// The request that statements are evaluated against.
#[derive(Clone, Copy)]
pub(super) struct Scope<'r> {
    pub(super) request: &'r Request,
    pub(super) view: View<'r>,
    bound: Bound,
    has_boundary: Truth,
    kind: PolicyKind,
    /// Whether the resource is an alias that represents its key.
    is_alias_of_key: bool,
}

/// Evaluates every layer that applies.
pub(super) fn gather<O: Observer>(
    request: &Request,
    policies: &PolicySet<'_>,
    knowledge: Knowledge<'_>,
    observer: &mut O,
) -> Findings {
    let kind = request.resource_policy_kind();
    let scope = Scope {
        request,
        view: View {
            context: request.context(),
            unlisted: knowledge.unlisted,
        },
        bound: knowledge.bound,
        has_boundary: match (policies.boundary, knowledge.may_have_boundary) {
            (Some(_), _) => Truth::Yes,
            (None, true) => Truth::Unknown,
            (None, false) => Truth::No,
        },
        kind,
        is_alias_of_key: kind == PolicyKind::Key && is_alias(request.resource()),
    };
    let mut found = Findings::default();
    for (layer, level, policies) in policies.layers() {
        let exempt = match layer {
            Layer::Scps => no_scps(request),
            Layer::Rcps => no_rcps(request),
            Layer::ResourcePolicy => None,
            _ => (request.principal().account().is_none())
                .then_some("a principal without an account has no such policies"),
        };
        if let Some(why) = exempt {
            observer.exempt(layer, level, why);
            continue;
        }
        let said = scope.ask(layer, level, policies, observer);
        if said.denied {
            found.denied = true;
            if !O::WANTS_ALL {
                return found;
            }
        }
        let allows = said.allowed.is_some();
        match layer {
            Layer::Scps if allows => {}
            Layer::Scps => found.silent_scp = found.silent_scp.or(level),
            // Every level has RCPFullAWSAccess, so a level can only deny.
            Layer::Rcps => {}
            Layer::ResourcePolicy => found.grant = said.allowed,
            Layer::IdentityPolicies => found.identity = allows,
            Layer::PermissionBoundary => found.boundary = Some(allows),
            Layer::SessionPolicy => found.session = Some(allows),
        }
    }
    found
}

/// Returns why service control policies do not apply, or `None` if they apply.
///
/// Follows *Service control policies (SCPs)*, section *Tasks and entities not restricted by SCPs*,
/// in the AWS documentation.
fn no_scps(request: &Request) -> Option<&'static str> {
    if request.principal().account().is_none() {
        Some("service control policies do not apply to service principals")
    } else if request.principal().is_service_linked() {
        Some("service control policies do not apply to service-linked roles")
    } else {
        None
    }
}

/// The services that support resource control policies, one per line.
const RCP_SERVICES: &str = include_str!("../../../data/rcp-services.txt");

/// Returns why resource control policies do not apply, or `None` if they apply.
///
/// Follows *Resource control policies (RCPs)*, sections *List of AWS services that support RCPs*
/// and *Resources and entities not restricted by RCPs*, and *Resource control policies in AWS KMS*,
/// in the AWS documentation.
fn no_rcps(request: &Request) -> Option<&'static str> {
    if request.principal().is_service_linked() {
        return Some("resource control policies do not apply to service-linked roles");
    }
    if !RCP_SERVICES
        .lines()
        .any(|service| service == request.service())
    {
        return Some("resource control policies do not apply to this service");
    }
    if request.action_lower() == "kms:retiregrant" {
        return Some("resource control policies do not apply to kms:RetireGrant");
    }
    let is_aws_alias = |text: &str| text.contains("alias/aws/");
    let aliases = ["kms:resourcealiases", "kms:requestalias"];
    let is_managed = is_aws_alias(request.resource())
        || aliases.iter().any(|key| match request.context().get(key) {
            Some(ContextValue::One(alias)) => is_aws_alias(alias),
            Some(ContextValue::Many(aliases)) => aliases.iter().any(|alias| is_aws_alias(alias)),
            Some(ContextValue::Present | ContextValue::Unknown) | None => false,
        });
    (request.service() == "kms" && is_managed)
        .then_some("resource control policies do not apply to AWS managed keys")
}

/// The combined result of the statements in several policies.
struct Said {
    denied: bool,
    allowed: Option<Grant>,
}

impl Scope<'_> {
    fn ask<O: Observer>(
        &self,
        layer: Layer,
        level: Option<usize>,
        policies: &[&Policy],
        observer: &mut O,
    ) -> Said {
        let mut said = Said {
            denied: false,
            allowed: None,
        };
        let spares_root = layer == Layer::ResourcePolicy && self.is_root_at_its_bucket_policy();
        for (at, policy) in policies.iter().enumerate() {
            for (index, statement) in policy.statements.iter().enumerate() {
                // Check the action first, because most statements are for other actions.
                let grant = if self.action(statement) {
                    self.applies(statement)
                } else {
                    None
                };
                let place = Place {
                    layer,
                    level,
                    policy: at,
                    statement: index,
                };
                if statement.effect == Effect::Deny && spares_root {
                    continue;
                }
                observer.statement(place, self, statement, grant);
                match statement.effect {
                    Effect::Allow => said.allowed = said.allowed.max(grant),
                    Effect::Deny if grant.is_some() => {
                        said.denied = true;
                        if !O::WANTS_ALL {
                            return said;
                        }
                    }
                    Effect::Deny => {}
                }
            }
        }
        said
    }

    /// Returns the same scope with a different bound.
    pub(super) fn within(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }

    /// Returns how directly a statement names the principal, or `None` if the statement does not
    /// apply. The caller checks the action.
    pub(super) fn applies(&self, statement: &Statement) -> Option<Grant> {
        let grant = self.principal(statement)?;
        (self.resource(statement)
            && statement
                .conditions
                .iter()
                .all(|condition| self.condition(condition, statement.effect)))
        .then_some(grant)
    }

    /// Returns whether an unknown counts as applying in a statement with this effect.
    fn unknown_counts(&self, effect: Effect) -> bool {
        match self.bound {
            Bound::Least => effect == Effect::Deny,
            Bound::Most => effect == Effect::Allow,
        }
    }

    /// Returns whether a statement's `Action` or `NotAction` covers the action of the request.
    pub(super) fn action(&self, statement: &Statement) -> bool {
        statement.actions.cover(self.request.action_lower())
    }

    /// Returns how directly a statement names the principal of the request. An identity-based
    /// policy applies only to its identity.
    pub(super) fn principal(&self, statement: &Statement) -> Option<Grant> {
        match &statement.principal {
            None => Some(Grant::Direct),
            Some(element) => {
                let unknown = self.unknown_counts(statement.effect);
                let principal = self.request.principal();
                principal::grant(element, principal, self.has_boundary, unknown)
            }
        }
    }

    /// Returns whether a statement's `Resource` or `NotResource` covers the resource of the
    /// request.
    pub(super) fn resource(&self, statement: &Statement) -> bool {
        match &statement.resources {
            Some(resources) => {
                let unknown = self.unknown_counts(statement.effect);
                self.listed(resources, statement.effect).counts(unknown)
            }
            // A trust policy applies to its role. In a key policy, a statement without `Resource`
            // has no effect (*Key policies in AWS KMS*).
            None => self.kind == PolicyKind::Trust,
        }
    }

    fn listed(&self, resources: &Resources, effect: Effect) -> Truth {
        let found = resources.patterns.iter().map(|pattern| {
            // An alias in `Resource` does not identify its key (*Using IAM policies with AWS KMS*).
            if self.is_alias_of_key && effect == Effect::Allow && pattern.text.contains(":alias/") {
                return matching::Match::No;
            }
            matching::wild(&pattern.pattern, self.request.resource(), self.view)
        });
        matching::one_of(found, resources.negated)
    }

    /// Returns whether a condition of a statement holds.
    pub(super) fn condition(&self, condition: &Condition, effect: Effect) -> bool {
        let unknown = self.unknown_counts(effect);
        condition::holds(condition, self.view).counts(unknown)
    }

    /// Returns whether the root user of the bucket owner makes a call that a bucket policy cannot
    /// deny (*Bucket policies for Amazon S3*).
    fn is_root_at_its_bucket_policy(&self) -> bool {
        self.request.principal().kind == PrincipalKind::Root
            && !self.request.is_cross_account()
            && matches!(
                self.request.action_lower(),
                "s3:getbucketpolicy" | "s3:putbucketpolicy" | "s3:deletebucketpolicy"
            )
    }
}
