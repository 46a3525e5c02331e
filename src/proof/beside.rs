//! What decides a call beside its policies: roles that cannot be there, resources of which the templates do
//! not say one thing, and who administers a key.

use super::world::World;
use crate::aws::arn;
use crate::policy::document::{Arn, Effect, PrincipalId};
use crate::policy::evaluation::ContextValue;
use crate::run::landscape::bucket_name;
use crate::run::{self, Call, Caller, Doubt, Rejection, Step};

/// The administration of a key by an administrator of its account instead of the root user.
pub(super) fn administrator(world: &World<'_>, call: &Call) -> Option<Call> {
    let account = (call.account.as_ref()).filter(|_| call.step == Step::Administer)?;
    let role = arn::role(&world.land.partition, account, "administrator");
    let caller = Caller::Administrator(role);
    let region = match call.context.get("aws:RequestedRegion") {
        Some(ContextValue::One(region)) => Some(region.as_str()),
        _ => None,
    };
    Some(Call {
        context: run::context(&world.land, &caller, region),
        caller,
        ..call.clone()
    })
}

/// Why the templates do not say one thing of the caller or of the resource.
pub(super) fn disputed(world: &World<'_>, call: &Call) -> Option<Doubt> {
    if world.disputed.is_empty() {
        return None;
    }
    let caller = match &call.caller {
        Caller::Role(arn) => Some(arn.as_str()),
        _ => None,
    };
    let bucket = bucket_name(&call.resource).map(|name| world.land.bucket_arn(name));
    let things = [caller, Some(call.resource.as_str()), bucket.as_deref()];
    let mut things = things.into_iter().flatten();
    things.find_map(|arn| world.disputed.get(arn).cloned())
}

/// Whether a key policy that does not let the account's root user change it lets somebody else of the
/// account do so: they may be the one who deploys.
pub(super) fn other_administrator(world: &World<'_>, call: &Call) -> Option<Doubt> {
    let (_, policy) = world.key(&call.resource)?;
    let held = &world.policies[policy];
    let mut statements = held.document.solid.statements.iter();
    let found = statements.find(|statement| {
        let names_other = statement.principal.as_ref().is_some_and(|element| {
            let entries = element.entries.iter();
            let mut accounts = entries.filter_map(|entry| match &entry.id {
                PrincipalId::Account(_) => None,
                _ => Arn::parse(&entry.text).map(|arn| arn.account),
            });
            !element.negated && accounts.any(|account| Some(account) == call.account.as_deref())
        });
        statement.effect == Effect::Allow
            && names_other
            && statement.actions.cover(&call.action.to_ascii_lowercase())
    })?;
    let reason = "who deploys the key: the root user of its account may not change its policy, and \
                  somebody else may";
    Some(held.doubt(found.span, reason))
}

/// Why a role cannot be there that calls or is called: a template makes one of its name in another
/// path.
pub(super) fn no_role(world: &World<'_>, call: &Call) -> Option<Rejection> {
    let caller = match &call.caller {
        Caller::Role(arn) => Some(arn.as_str()),
        _ => None,
    };
    let called = Some(call.resource.as_str()).filter(|_| call.action == "sts:AssumeRole");
    let mut named = [caller, called].into_iter().flatten();
    let (arn, other) = named.find_map(|arn| Some((arn, world.namesake(arn)?)))?;
    let because = format!(
        "there is no role `{arn}`: the role of this name is `{}`",
        other.arn
    );
    let fix = "name the role by its ARN, with its path";
    Some(Rejection::new(because, fix, call.place, None))
}
