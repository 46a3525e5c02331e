//! The policies that apply to a request, by layer.

use super::reason::Layer;
use crate::policy::document::Policy;

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
