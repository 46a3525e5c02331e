//! Determines whether a statement's `Principal` or `NotPrincipal` covers the principal of a
//! request, and how directly it names the principal.

use super::request::{Principal, PrincipalKind};
use super::truth::Truth;
use crate::policy::document::{Arn, PrincipalElement, PrincipalEntry, PrincipalId};

/// How directly a statement names the principal. This determines which other policies limit the
/// grant. Follows *Policy evaluation logic*, section *Resource-based policies*, in the AWS
/// documentation.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
pub enum Grant {
    /// By its account: the account's own policies decide.
    Account,
    /// By its role: the role's permissions boundary and the session policy limit the grant.
    Role,
    /// By its own ARN (a session or user), its service name, or `*`: only explicit denials limit
    /// the grant.
    Direct,
}

/// Returns how directly an element names a principal, or `None` if it does not name it. An unknown
/// result counts as `unknown`.
///
/// `NotPrincipal` never exempts a principal with a permissions boundary: according to the AWS
/// documentation, *AWS JSON policy elements: NotPrincipal*, such a statement always denies it.
pub(super) fn grant(
    element: &PrincipalElement,
    principal: &Principal,
    has_boundary: Truth,
    unknown: bool,
) -> Option<Grant> {
    if element.negated {
        let hit = spares(&element.entries, principal).not().max(has_boundary);
        return hit.counts(unknown).then_some(Grant::Direct);
    }
    element
        .entries
        .iter()
        .filter_map(|entry| names(entry, principal))
        .filter(|(_, truth)| truth.counts(unknown))
        .map(|(grant, _)| grant)
        .max()
}

/// Returns how directly an entry names a principal, and whether this is certain.
fn names(entry: &PrincipalEntry, principal: &Principal) -> Option<(Grant, Truth)> {
    let is_it = entry.text == principal.id;
    let sure = |holds: bool, grant| holds.then_some((grant, Truth::Yes));
    match &entry.id {
        PrincipalId::Everyone => sure(true, Grant::Direct),
        PrincipalId::Account(account) => {
            let grant = match principal.kind {
                PrincipalKind::Root => Grant::Direct,
                _ => Grant::Account,
            };
            sure(principal.account.as_ref() == Some(account), grant)
        }
        PrincipalId::Session { .. } if principal.is_any_session => {
            let role_of = |text: &'_ str| text.rsplit_once('/').map(|(role, _)| role.to_owned());
            let is_of_role = role_of(&entry.text) == role_of(&principal.id);
            is_of_role.then_some((Grant::Direct, Truth::Unknown))
        }
        PrincipalId::User | PrincipalId::Session { .. } => sure(is_it, Grant::Direct),
        PrincipalId::Role { account, name } => {
            sure(is_role(&entry.text, account, name, principal), Grant::Role)
        }
        PrincipalId::Service => {
            let is_service = principal.kind == PrincipalKind::Service;
            sure(is_it && is_service, Grant::Direct)
        }
        PrincipalId::Federated => {
            let is_provider = principal.kind == PrincipalKind::Provider;
            sure(is_it && is_provider, Grant::Direct)
        }
        PrincipalId::CanonicalUser | PrincipalId::UniqueId => None,
    }
}

/// Returns whether a principal is the role or a session of it. If the request does not contain the
/// path of the role, the account and name are compared. Names are unique in an account, regardless
/// of paths.
fn is_role(arn: &str, account: &str, name: &str, principal: &Principal) -> bool {
    match (&principal.role_arn, &principal.kind) {
        (Some(role), _) => role == arn,
        (None, PrincipalKind::RoleSession { role }) => {
            let partition = |text| Arn::parse(text).map(|arn| arn.partition);
            principal.account.as_deref() == Some(account)
                && role == name
                && partition(arn) == partition(&principal.id)
        }
        _ => false,
    }
}

/// Returns whether a list in `NotPrincipal` exempts a principal.
///
/// Follows *AWS JSON policy elements: NotPrincipal* in the AWS documentation: AWS may check the
/// account first, then the role or user, then the session. The list must therefore contain the
/// account. If it also contains users or roles in the account, the principal must be one of them.
/// If it contains sessions of its role, the session must be one of them, and the role must be
/// listed too. If a principal is listed without its account or role, AWS documents that it might be
/// denied.
fn spares(entries: &[PrincipalEntry], principal: &Principal) -> Truth {
    let named = || {
        entries
            .iter()
            .filter_map(|entry| Some((entry, names(entry, principal)?)))
    };
    if named().any(|(entry, _)| entry.id == PrincipalId::Everyone) {
        return Truth::Yes;
    }
    let Some(account) = &principal.account else {
        return named().next().is_some().into();
    };
    let is_account = |entry: &PrincipalEntry| matches!(entry.id, PrincipalId::Account(_));
    let lists_account = named().any(|(entry, _)| is_account(entry));
    let lists_role = named().any(|(_, (grant, _))| grant == Grant::Role);
    let itself = Truth::any(named().filter_map(|(entry, (grant, truth))| {
        let is_one = matches!(entry.id, PrincipalId::User | PrincipalId::Session { .. });
        (grant == Grant::Direct && is_one).then_some(truth)
    }));
    let in_part = match lists_role || itself != Truth::No {
        true => Truth::Unknown,
        false => Truth::No,
    };
    if !lists_account {
        return in_part;
    }
    if principal.kind == PrincipalKind::Root {
        return Truth::Yes;
    }
    let of_account = |entry: &&PrincipalEntry| {
        !is_account(entry) && Arn::parse(&entry.text).is_some_and(|arn| arn.account == account)
    };
    if entries.iter().filter(of_account).count() == 0 {
        return Truth::Yes;
    }
    let PrincipalKind::RoleSession { role } = &principal.kind else {
        return itself.max(lists_role.into());
    };
    if !lists_role {
        return in_part;
    }
    let lists_sessions = entries.iter().filter(of_account).any(
        |entry| matches!(&entry.id, PrincipalId::Session { role: Some(name), .. } if name == role),
    );
    // A session is a separate principal, so naming only its role may not be enough to exempt it.
    let by_role = match (lists_sessions, principal.is_any_session) {
        (true, _) => Truth::No,
        (false, true) => Truth::Unknown,
        (false, false) => Truth::Yes,
    };
    itself.max(by_role)
}
