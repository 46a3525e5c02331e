//! Suggests statements for denied calls, ready to paste, and the policy that each belongs to.

use super::decided::{Decided, Verdict};
use super::world::World;
use crate::aws::arn;
use crate::policy::document::{Arn, PolicyKind};
use crate::policy::evaluation::Layer;
use crate::run::landscape::PolicyId;
use crate::run::{Caller, Place, objects_like};
use crate::template::type_of;

/// A statement to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The layer that lacks it.
    pub layer: Layer,
    /// The resource whose policy it belongs to; `None` if there is no such policy.
    pub resource: Option<String>,
    /// The location of that policy.
    pub place: Option<Place>,
    /// The statement, in the format of the file.
    pub statement: String,
}

/// Returns the statements that would allow a denied call. The list is empty if a Deny statement
/// denies the call.
pub(super) fn remedies(world: &World<'_>, decided: &Decided) -> Vec<Remedy> {
    if !matches!(decided.verdict, Verdict::Denied | Verdict::NotGranted) {
        return Vec::new();
    }
    let missing = &decided.reason.missing;
    // Within an account, either side can allow an S3 call. Prefer the caller's policies.
    let either = decided.call.caller.account() == decided.call.account.as_deref()
        && decided.call.action.starts_with("s3:")
        && missing.contains(&Layer::IdentityPolicies);
    let mut found = Vec::new();
    for layer in missing {
        // A control policy applies to many principals, so a statement for one call does not belong
        // there.
        let is_control = matches!(layer, Layer::Scps | Layer::Rcps);
        if is_control || (either && *layer == Layer::ResourcePolicy) {
            continue;
        }
        let policy = match layer {
            Layer::IdentityPolicies => nearest(world, &decided.sets.identity, decided),
            Layer::ResourcePolicy => decided.sets.resource,
            Layer::PermissionBoundary => decided.sets.boundary,
            Layer::Scps | Layer::Rcps | Layer::SessionPolicy => None,
        };
        let held = policy.map(|id| &world.policies[id]);
        let place = held.map(|held| held.place);
        let file = place.unwrap_or_default().file;
        let json = held.is_some() && world.files[file].text().trim_start().starts_with('{');
        found.push(Remedy {
            layer: *layer,
            resource: held.map(|held| held.resource.clone()),
            place,
            statement: statement(world, decided, *layer, file, json),
        });
    }
    found
}

/// Returns the policy with the most similar resources: in the same account, and with the longest
/// common ARN prefix.
fn nearest(world: &World<'_>, policies: &[PolicyId], decided: &Decided) -> Option<PolicyId> {
    let wanted = &decided.call.resource;
    let owner = |arn: &str| match world.land.bucket_of(arn) {
        Some(bucket) => bucket.account.clone(),
        None => Arn::parse(arn).map(|arn| arn.account.to_owned()),
    };
    let similarity = |id: &PolicyId| {
        let statements = world.policies[*id].document.solid.statements.iter();
        statements
            .flat_map(|statement| statement.resources.iter())
            .flat_map(|resources| &resources.patterns)
            .map(|pattern| {
                let pairs = pattern.text.bytes().zip(wanted.bytes());
                let same = pairs.take_while(|(a, b)| a == b).count();
                (owner(&pattern.text) == decided.call.account, same)
            })
            .max()
            .unwrap_or_default()
    };
    // `max_by_key` returns the last of equal elements. Reverse the list to get the first.
    policies.iter().copied().rev().max_by_key(similarity)
}

/// Returns the expression for a key whose ID only AWS knows: a reference to its resource or
/// parameter.
fn expression(world: &World<'_>, file: usize, arn: &str, json: bool) -> Option<String> {
    let mut resolvers = world.resolvers.iter().enumerate();
    let (number, resolver) = resolvers.find(|(_, resolver)| resolver.deployment().file == file)?;
    let here = world
        .resources
        .iter()
        .filter(|found| found.resolver == number);
    for found in here {
        let kind = type_of(found.node);
        let is_key = matches!(kind, Some("AWS::KMS::Key" | "AWS::KMS::ReplicaKey"));
        let known = || resolver.attribute(found.id, "Arn");
        if is_key && known().as_deref() == Some(arn) {
            return Some(if json {
                format!("{{\"Fn::GetAtt\": [\"{}\", \"Arn\"]}}", found.id)
            } else {
                format!("!GetAtt {}.Arn", found.id)
            });
        }
    }
    let (before, id) = arn.rsplit_once('/')?;
    let parameters = &resolver.deployment().parameters;
    let (name, _) = parameters
        .iter()
        .find(|(name, value)| *value == id && resolver.has_parameter(name))?;
    Some(if json {
        format!("{{\"Fn::Sub\": \"{before}/${{{name}}}\"}}")
    } else {
        format!("!Sub \"{before}/${{{name}}}\"")
    })
}

fn statement(
    world: &World<'_>,
    decided: &Decided,
    layer: Layer,
    file: usize,
    json: bool,
) -> String {
    let call = &decided.call;
    let kind = decided
        .sets
        .resource
        .map(|id| world.policies[id].document.solid.kind);
    let has_principal = layer == Layer::ResourcePolicy;
    let is_trust = call.action.starts_with("sts:") && has_principal;
    let objects = objects_like(&call.resource);
    let resource = match kind {
        Some(PolicyKind::Key) if has_principal => "*",
        _ => &objects,
    };
    let mut condition = None;
    let principal = has_principal.then(|| match &call.caller {
        Caller::Service(service) | Caller::Unknown(service, _) => ("Service", service.clone()),
        Caller::Role(arn) | Caller::Administrator(arn) => {
            let same_account = call.caller.account() == call.account.as_deref();
            if same_account || is_trust {
                ("AWS", arn.clone())
            } else {
                condition = Some(("ArnEquals", "aws:PrincipalArn", arn.clone()));
                let account = call.caller.account().unwrap_or_default();
                ("AWS", arn::root(&world.land.partition, account))
            }
        }
        Caller::Root(account) => ("AWS", arn::root(&world.land.partition, account)),
    });
    // The ARN of a bucket does not contain its account.
    if layer == Layer::IdentityPolicies && call.action.starts_with("s3:") {
        let account = call.account.clone();
        condition = account.map(|account| ("StringEquals", "aws:ResourceAccount", account));
    }
    if json {
        let mut whole = serde_json::json!({ "Effect": "Allow" });
        if let Some((name, who)) = &principal {
            whole["Principal"] = serde_json::json!({ *name: who });
        }
        whole["Action"] = call.action.as_str().into();
        if !is_trust {
            let named = expression(world, file, resource, true);
            let named = named.and_then(|text| serde_json::from_str(&text).ok());
            whole["Resource"] = named.unwrap_or_else(|| resource.into());
        }
        if let Some((operator, key, value)) = condition {
            whole["Condition"] = serde_json::json!({ operator: { key: value } });
        }
        return format!("{whole:#}");
    }
    let mut out = "- Effect: Allow\n".to_owned();
    if let Some((name, who)) = &principal {
        out.push_str(&format!("  Principal:\n    {name}: {who}\n"));
    }
    out.push_str(&format!("  Action: {}\n", call.action));
    if !is_trust {
        let named = expression(world, file, resource, false);
        let quoted = if resource == "*" { "\"*\"" } else { resource };
        let shown = named.as_deref().unwrap_or(quoted);
        out.push_str(&format!("  Resource: {shown}\n"));
    }
    if let Some((operator, key, value)) = condition {
        // YAML reads an unquoted account ID as a number.
        let value = match value.starts_with("arn:") {
            true => value,
            false => format!("\"{value}\""),
        };
        out.push_str(&format!(
            "  Condition:\n    {operator}:\n      {key}: {value}\n"
        ));
    }
    out
}
