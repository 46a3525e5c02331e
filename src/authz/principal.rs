//! Whether a statement's `Principal` or `NotPrincipal` is about the principal of a request, and
//! how directly it names it.

use super::request::{Principal, PrincipalKind};
use crate::iam::{Arn, PrincipalElement, PrincipalEntry, PrincipalId};

/// How directly a statement names the principal: what else may limit what it grants.
///
/// Follows the AWS document *Policy evaluation logic*, section *Resource-based policies*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Grant {
    /// By its account: left to the account's own policies.
    Account,
    /// By its role: limited by the role's permissions boundary and the session's policy.
    Role,
    /// Itself, a session or a user, or everyone: limited by nothing but explicit denials.
    Direct,
}

/// How an element names a principal; `None` where it does not.
///
/// With `has_boundary`, no `NotPrincipal` spares the principal: the document *AWS JSON policy
/// elements: NotPrincipal* says that it hits everyone with a permissions boundary.
pub(super) fn grant(
    element: &PrincipalElement,
    principal: &Principal,
    has_boundary: bool,
) -> Option<Grant> {
    if element.negated {
        let spared = !has_boundary && spares(&element.entries, principal);
        return (!spared).then_some(Grant::Direct);
    }
    element
        .entries
        .iter()
        .filter_map(|entry| names(entry, principal))
        .max()
}

fn names(entry: &PrincipalEntry, principal: &Principal) -> Option<Grant> {
    let is_it = entry.text == principal.id;
    match &entry.id {
        PrincipalId::Everyone => Some(Grant::Direct),
        PrincipalId::Account(account) => {
            let grant = match principal.kind {
                PrincipalKind::Root => Grant::Direct,
                _ => Grant::Account,
            };
            (principal.account.as_ref() == Some(account)).then_some(grant)
        }
        PrincipalId::User | PrincipalId::Session { .. } => is_it.then_some(Grant::Direct),
        PrincipalId::Role { account, name } => {
            is_role(&entry.text, account, name, principal).then_some(Grant::Role)
        }
        PrincipalId::Service => {
            (is_it && principal.kind == PrincipalKind::Service).then_some(Grant::Direct)
        }
        PrincipalId::Federated => {
            (is_it && principal.kind == PrincipalKind::Provider).then_some(Grant::Direct)
        }
        PrincipalId::CanonicalUser | PrincipalId::UniqueId => None,
    }
}

/// Whether a principal is the role or a session of it. Where the request does not say the role's
/// path, account and name tell, since a name is unique in its account whatever its path.
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

/// Whether a list in `NotPrincipal` spares a principal.
///
/// Follows the AWS document *AWS JSON policy elements: NotPrincipal*: AWS may check the account
/// first, then the role or user, then the session, so the account must be listed. If users or
/// roles of the account are listed as well, the principal must be one of them; if sessions of
/// its role are listed, it must be one of those, beside the role.
fn spares(entries: &[PrincipalEntry], principal: &Principal) -> bool {
    let named = || {
        entries
            .iter()
            .filter_map(|entry| Some((entry, names(entry, principal)?)))
    };
    if named().any(|(entry, _)| entry.id == PrincipalId::Everyone) {
        return true;
    }
    let Some(account) = &principal.account else {
        return named().next().is_some();
    };
    let lists_account = |entry: &PrincipalEntry| matches!(entry.id, PrincipalId::Account(_));
    if !named().any(|(entry, _)| lists_account(entry)) {
        return false;
    }
    if principal.kind == PrincipalKind::Root {
        return true;
    }
    let of_account = |entry: &&PrincipalEntry| {
        !lists_account(entry) && Arn::parse(&entry.text).is_some_and(|arn| arn.account == account)
    };
    if entries.iter().filter(of_account).count() == 0 {
        return true;
    }
    let lists_role = named().any(|(_, grant)| grant == Grant::Role);
    let lists_itself = named().any(|(entry, grant)| {
        grant == Grant::Direct
            && matches!(entry.id, PrincipalId::User | PrincipalId::Session { .. })
    });
    let PrincipalKind::RoleSession { role } = &principal.kind else {
        return lists_role || lists_itself;
    };
    let lists_sessions = entries.iter().filter(of_account).any(
        |entry| matches!(&entry.id, PrincipalId::Session { role: Some(name), .. } if name == role),
    );
    lists_role && (lists_itself || !lists_sessions)
}
