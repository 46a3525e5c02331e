//! The policies that apply to a request, by layer.

use super::reason::Layer;
use crate::policy::document::Policy;

/// The policies that apply to a request.
///
/// Policies that do not exist are omitted: the organization's management account has no service
/// control policies, and a bucket may have no policy.
#[derive(Debug, Clone, Default)]
pub struct PolicySet<'p> {
    /// The principal's identity-based policies, including those of a user's groups.
    pub identity: Vec<&'p Policy>,
    /// The policy of the resource: a bucket, key, or role.
    pub resource: Option<&'p Policy>,
    /// Service control policies of the principal's account, by level, from the organization's root
    /// to the account. Without levels, none apply. A level without policies allows nothing.
    pub scps: Vec<Vec<&'p Policy>>,
    /// Resource control policies of the resource's account, in the same format. AWS attaches
    /// RCPFullAWSAccess to the root, every organizational unit, and every account, and it cannot be
    /// detached (AWS Organizations User Guide, *Resource control policies (RCPs)*). Every level
    /// therefore has it, listed or not.
    pub rcps: Vec<Vec<&'p Policy>>,
    /// The permissions boundary of the principal's role or user.
    pub boundary: Option<&'p Policy>,
    /// The session policy.
    pub session: Option<&'p Policy>,
}

/// A layer or level, and its policies.
type Asked<'s, T> = (Layer, Option<usize>, &'s [T]);

impl<'p> PolicySet<'p> {
    /// Returns the existing layers and levels in the order in which AWS evaluates them.
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
