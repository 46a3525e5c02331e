//! The factors other than policies that affect the verdict of a call: roles that cannot exist,
//! resources that the templates define ambiguously, and the principal that administers a key.

use super::world::World;
use crate::aws::arn;
use crate::policy::document::{Arn, Effect, PrincipalId};
use crate::policy::evaluation::ContextValue;
use crate::run::landscape::bucket_name;
use crate::run::{self, Call, Caller, Doubt, Rejection, Step};

/// Returns the same administration call, made by an administrator of the account instead of the
/// root user.
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

/// Returns why the templates define the caller or the resource ambiguously.
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

/// Returns a [`Doubt`] if another principal in the account can change the key policy but the root
/// user cannot. That principal may be the one that deploys the key.
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
    let reason = "which principal deploys the key: another principal in the account might be \
                  allowed to change the key policy, but the root user is not";
    Some(held.doubt(found.span, reason))
}

/// Returns why the calling or assumed role cannot exist: a template creates a role with the same
/// name and a different path.
pub(super) fn no_role(world: &World<'_>, call: &Call) -> Option<Rejection> {
    let caller = match &call.caller {
        Caller::Role(arn) => Some(arn.as_str()),
        _ => None,
    };
    let called = Some(call.resource.as_str()).filter(|_| call.action == "sts:AssumeRole");
    let mut named = [caller, called].into_iter().flatten();
    let (arn, other) = named.find_map(|arn| Some((arn, world.namesake(arn)?)))?;
    let because = format!(
        "role `{arn}` does not exist: the role with this name is `{}`",
        other.arn
    );
    let fix = "use the ARN of the role, including its path";
    Some(Rejection::new(because, fix, call.place, None))
}
