//! The decision: what AWS makes of what every layer of policies says.

use super::layers::{Findings, Silent, gather};
use super::principal::Grant;
use super::reason::Layer;
use super::request::{PrincipalKind, Request};
use super::truth::Knowledge;
use crate::policy::document::{Arn, Policy, PolicyKind};

/// The policies that apply to a request.
///
/// Whatever does not exist is left out: the organization's management account has no service
/// control policies, a bucket without a policy has none.
#[derive(Debug, Clone, Default)]
pub struct PolicySet<'p> {
    /// The principal's identity-based policies, those of a user's groups among them.
    pub identity: Vec<&'p Policy>,
    /// The resource's policy: of a bucket, a key, a role.
    pub resource: Option<&'p Policy>,
    /// Service control policies of the principal's account, by level, from the organization's
    /// root to the account. No levels: none apply. A level without policies allows nothing.
    pub scps: Vec<Vec<&'p Policy>>,
    /// Resource control policies of the resource's account, by level, likewise. AWS attaches
    /// RCPFullAWSAccess to the root, every organizational unit and every account, and nobody can
    /// detach it (AWS Organizations User Guide, *Resource control policies (RCPs)*). So every level
    /// has it, listed or not.
    pub rcps: Vec<Vec<&'p Policy>>,
    /// The permissions boundary of the principal's role or user.
    pub boundary: Option<&'p Policy>,
    /// The session's policy.
    pub session: Option<&'p Policy>,
}

/// A layer, or a level of it, with its policies.
type Asked<'s, T> = (Layer, Option<usize>, &'s [T]);

impl<'p> PolicySet<'p> {
    /// The layers, and levels of them, that there are, in the order in which AWS asks them.
    pub(super) fn layers(&self) -> impl Iterator<Item = Asked<'_, &'p Policy>> {
        fn levels<T>(layer: Layer, levels: &[Vec<T>]) -> impl Iterator<Item = Asked<'_, T>> {
            let levels = levels.iter().enumerate();
            levels.map(move |(level, policies)| (layer, Some(level), policies.as_slice()))
        }
        let single = [
            (Layer::ResourcePolicy, self.resource.as_slice()),
            (Layer::IdentityPolicies, self.identity.as_slice()),
            (Layer::PermissionBoundary, self.boundary.as_slice()),
            (Layer::SessionPolicy, self.session.as_slice()),
        ];
        let single = single
            .into_iter()
            .filter(|(_, policies)| !policies.is_empty());
        levels(Layer::Scps, &self.scps)
            .chain(levels(Layer::Rcps, &self.rcps))
            .chain(single.map(|(layer, policies)| (layer, None, policies)))
    }
}

/// What AWS decides.
///
/// Follows the AWS document *Policy evaluation logic*, section *The difference between explicit
/// and implicit denies*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Decision {
    /// The request is allowed.
    Allowed,
    /// No statement denies it, but what is needed does not allow it.
    ImplicitlyDenied,
    /// A statement denies it.
    ExplicitlyDenied,
}

/// Decides a request whose context is complete.
pub fn evaluate(request: &Request, policies: &PolicySet<'_>) -> Decision {
    evaluate_within(request, policies, Knowledge::COMPLETE)
}

/// Decides a request that is not fully known: the least or the most that AWS can allow.
pub fn evaluate_within(
    request: &Request,
    policies: &PolicySet<'_>,
    knowledge: Knowledge<'_>,
) -> Decision {
    decide(request, &gather(request, policies, knowledge, &mut Silent)).0
}

/// Why a decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// Anyone may call it, whatever policies say.
    NeedsNoPermission,
    /// A statement denies it.
    Denied,
    /// A level of the service control policies does not allow it.
    ScpLevel(usize),
    /// AWS does not let the root user assume roles.
    RootAssumesNoRole,
    /// KMS does not do this for other accounts.
    NotAcrossAccounts,
    /// An alias of another account's key names no key.
    AliasAcrossAccounts,
    /// The resource's policy allows it, and nothing else is needed.
    ResourceGrants,
    /// The identity's policies allow it, and nothing else is needed.
    IdentityGrants,
    /// Both sides allow it.
    BothGrant,
    /// What is needed does not allow it.
    Lacking(Lacking),
}

/// What is needed and does not allow a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lacking {
    /// Of the identity's and the resource's policy, either would do.
    pub(super) either: bool,
    pub(super) identity: bool,
    pub(super) resource: bool,
    pub(super) boundary: bool,
    pub(super) session: bool,
}

impl Lacking {
    /// The layers that lack it.
    pub(super) fn layers(self) -> impl Iterator<Item = Layer> {
        let all = [
            (self.identity, Layer::IdentityPolicies),
            (self.resource, Layer::ResourcePolicy),
            (self.boundary, Layer::PermissionBoundary),
            (self.session, Layer::SessionPolicy),
        ];
        all.into_iter()
            .filter_map(|(lacks, layer)| lacks.then_some(layer))
    }
}

/// Decides from what the layers say.
pub(super) fn decide(request: &Request, found: &Findings) -> (Decision, Because) {
    use Decision::{Allowed, ExplicitlyDenied, ImplicitlyDenied};
    // *AWS STS API reference*, GetCallerIdentity: works even under an explicit deny.
    if request.action_lower() == "sts:getcalleridentity" {
        return (Allowed, Because::NeedsNoPermission);
    }
    if found.denied {
        return (ExplicitlyDenied, Because::Denied);
    }
    if let Some(level) = found.silent_scp {
        return (ImplicitlyDenied, Because::ScpLevel(level));
    }
    let principal = request.principal();
    let kind = request.resource_policy_kind();
    if matches!(
        principal.kind,
        PrincipalKind::Service | PrincipalKind::Provider
    ) {
        return match found.grant {
            Some(_) => (Allowed, Because::ResourceGrants),
            None => lacking(Lacking {
                resource: true,
                ..Lacking::default()
            }),
        };
    }
    let is_root = principal.kind == PrincipalKind::Root;
    if is_root && kind == PolicyKind::Trust {
        return (ImplicitlyDenied, Because::RootAssumesNoRole);
    }
    let identity = is_root || found.identity;
    let boundary = found.boundary != Some(false);
    // A federated user has no more than its session policy and the resource's policy give.
    let session = found
        .session
        .unwrap_or(principal.kind != PrincipalKind::FederatedUser);
    let by_identity = identity && boundary && session;
    let missing = Lacking {
        either: false,
        identity: !identity,
        resource: found.grant.is_none(),
        boundary: !boundary,
        session: !session,
    };
    if request.is_cross_account() {
        if kind == PolicyKind::Key {
            if !is_cross_account_operation(request.action_lower()) {
                return (ImplicitlyDenied, Because::NotAcrossAccounts);
            }
            if is_alias(request.resource()) {
                return (ImplicitlyDenied, Because::AliasAcrossAccounts);
            }
        }
        return if by_identity && found.grant.is_some() {
            (Allowed, Because::BothGrant)
        } else {
            lacking(missing)
        };
    }
    let by_resource = match found.grant {
        Some(Grant::Direct) => true,
        Some(Grant::Role) => boundary && session,
        Some(Grant::Account) | None => false,
    };
    if by_resource {
        return (Allowed, Because::ResourceGrants);
    }
    if kind == PolicyKind::Resource {
        return if by_identity {
            (Allowed, Because::IdentityGrants)
        } else {
            lacking(Lacking {
                either: missing.identity,
                identity: missing.identity,
                resource: missing.identity,
                ..missing
            })
        };
    }
    // Keys and roles: the account in the policy opens it to the account's own policies.
    if found.grant == Some(Grant::Account) && by_identity {
        return (Allowed, Because::BothGrant);
    }
    lacking(Lacking {
        // With a grant to the role itself, only boundary and session policy are in the way.
        identity: missing.identity && found.grant == Some(Grant::Account),
        ..missing
    })
}

fn lacking(lacking: Lacking) -> (Decision, Because) {
    (Decision::ImplicitlyDenied, Because::Lacking(lacking))
}

/// Whether a KMS operation (in lower case) works on a key of another account.
///
/// Follows the AWS document *Allowing users in other accounts to use a KMS key*.
fn is_cross_account_operation(action: &str) -> bool {
    matches!(
        action.strip_prefix("kms:").unwrap_or_default(),
        "decrypt"
            | "derivesharedsecret"
            | "encrypt"
            | "generatedatakey"
            | "generatedatakeypair"
            | "generatedatakeypairwithoutplaintext"
            | "generatedatakeywithoutplaintext"
            | "generatemac"
            | "reencryptfrom"
            | "reencryptto"
            | "sign"
            | "verify"
            | "verifymac"
            | "creategrant"
            | "describekey"
            | "getkeyrotationstatus"
            | "getpublickey"
            | "listgrants"
            | "retiregrant"
            | "revokegrant"
    )
}

/// Whether a resource is a KMS alias.
pub(super) fn is_alias(resource: &str) -> bool {
    Arn::parse(resource).is_some_and(|arn| arn.resource.starts_with("alias/"))
}
