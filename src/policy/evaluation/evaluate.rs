//! Combines the results of all policy layers into a decision.

use super::layers::{Findings, Silent, gather};
use super::policies::PolicySet;
use super::principal::Grant;
use super::reason::{Decision, Layer};
use super::request::{PrincipalKind, Request, is_alias};
use super::truth::Knowledge;
use crate::policy::document::PolicyKind;

/// Evaluates a request with a complete context.
pub fn evaluate(request: &Request, policies: &PolicySet<'_>) -> Decision {
    evaluate_within(request, policies, Knowledge::COMPLETE)
}

/// Evaluates a partly known request at its bound: the least or the most that AWS can allow.
pub fn evaluate_within(
    request: &Request,
    policies: &PolicySet<'_>,
    knowledge: Knowledge<'_>,
) -> Decision {
    decide(request, &gather(request, policies, knowledge, &mut Silent)).0
}

/// The reason for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// Anyone may make the call, regardless of policies.
    NeedsNoPermission,
    /// A statement denies the request.
    Denied,
    /// A level of the service control policies does not allow the request.
    ScpLevel(usize),
    /// AWS does not allow root users to assume roles.
    RootAssumesNoRole,
    /// KMS does not support the operation on keys in other accounts.
    NotAcrossAccounts,
    /// An alias in another account does not identify a key.
    AliasAcrossAccounts,
    /// The resource's policy allows the request, which is sufficient.
    ResourceGrants,
    /// The identity's policies allow the request, which is sufficient.
    IdentityGrants,
    /// Both sides allow the request.
    BothGrant,
    /// A required layer does not allow the request.
    Lacking(Lacking),
}

/// The required layers that do not allow a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lacking {
    /// Whether either the identity's policies or the resource's policy would be sufficient.
    pub(super) either: bool,
    pub(super) identity: bool,
    pub(super) resource: bool,
    pub(super) boundary: bool,
    pub(super) session: bool,
}

impl Lacking {
    /// Returns the layers.
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

/// Derives the decision from the results of the layers.
pub(super) fn decide(request: &Request, found: &Findings) -> (Decision, Because) {
    use Decision::{Allowed, ExplicitlyDenied, ImplicitlyDenied};
    // GetCallerIdentity works even with an explicit deny (*AWS STS API Reference*).
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
    // A federated user has only the permissions of its session policy and the resource's policy.
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
    // Keys and roles: naming the account in the policy delegates to the account's own policies.
    if found.grant == Some(Grant::Account) && by_identity {
        return (Allowed, Because::BothGrant);
    }
    lacking(Lacking {
        // If the role itself has a grant, only the boundary and session policy can be missing.
        identity: missing.identity && found.grant == Some(Grant::Account),
        ..missing
    })
}

fn lacking(lacking: Lacking) -> (Decision, Because) {
    (Decision::ImplicitlyDenied, Because::Lacking(lacking))
}

/// Returns whether a KMS operation (in lowercase) works on a key in another account.
///
/// Follows *Allowing users in other accounts to use a KMS key* in the AWS documentation.
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
