//! What `Ref` and `GetAtt` give for the resources that a pipeline has: names and ARNs that
//! follow from the template, and symbols for what AWS makes up.
//!
//! Follows the AWS document *AWS resource and property types reference*, section *Return values*
//! of each type.

use super::resolve::Resolver;
use crate::diagnostic::Node;

/// The path of a role or policy that has none.
const ROOT_PATH: &str = "/";

/// An attribute of a resource; the empty one is what `Ref` gives. `None`: nobody knows it.
pub(super) fn attribute(
    resolver: &Resolver<'_>,
    id: &str,
    resource: &Node,
    name: &str,
) -> Option<String> {
    let here = resolver.deployment();
    let (account, region, partition) = (here.account, here.region, here.partition);
    let kind = resource.get("Type").and_then(Node::as_str)?;
    let called = |property: &str| match resource.get("Properties").and_then(|all| all.get(property))
    {
        Some(_) => resolver.text_property(resource, property),
        None => Some(made_up(here.stack, id)),
    };
    match (kind, name) {
        ("AWS::KMS::Key", "" | "KeyId") => Some(key_id(resolver, id, resource)),
        ("AWS::KMS::Key", "Arn") => {
            let key = key_id(resolver, id, resource);
            Some(format!("arn:{partition}:kms:{region}:{account}:key/{key}"))
        }
        ("AWS::KMS::ReplicaKey", "" | "KeyId" | "Arn") => {
            let primary = resolver.text_property(resource, "PrimaryKeyArn")?;
            let key = primary.rsplit('/').next()?.to_owned();
            Some(match name {
                "Arn" => format!("arn:{partition}:kms:{region}:{account}:key/{key}"),
                _ => key,
            })
        }
        ("AWS::KMS::Alias", "") => resolver.text_property(resource, "AliasName"),
        ("AWS::S3::Bucket", "") => Some(called("BucketName")?.to_lowercase()),
        ("AWS::S3::Bucket", "Arn") => {
            let name = called("BucketName")?.to_lowercase();
            Some(format!("arn:{partition}:s3:::{name}"))
        }
        ("AWS::IAM::Role", "") => called("RoleName"),
        ("AWS::IAM::Role", "Arn") => {
            let (name, path) = (called("RoleName")?, path(resolver, resource)?);
            Some(format!("arn:{partition}:iam::{account}:role{path}{name}"))
        }
        ("AWS::IAM::ManagedPolicy", "" | "PolicyArn") => {
            let (name, path) = (called("ManagedPolicyName")?, path(resolver, resource)?);
            Some(format!("arn:{partition}:iam::{account}:policy{path}{name}"))
        }
        ("AWS::CodePipeline::Pipeline", "") => called("Name"),
        ("AWS::Events::Rule", "") => called("Name"),
        ("AWS::Events::Rule", "Arn") => {
            let name = called("Name")?;
            let bus = match resource
                .get("Properties")
                .and_then(|all| all.get("EventBusName"))
            {
                Some(_) => resolver.text_property(resource, "EventBusName")?,
                None => "default".to_owned(),
            };
            // It may be given by its ARN.
            let bus = bus.rsplit('/').next().unwrap_or_default();
            let path = match bus {
                "default" => name,
                bus => format!("{bus}/{name}"),
            };
            Some(format!(
                "arn:{partition}:events:{region}:{account}:rule/{path}"
            ))
        }
        _ => None,
    }
}

fn path(resolver: &Resolver<'_>, resource: &Node) -> Option<String> {
    match resource.get("Properties").and_then(|all| all.get("Path")) {
        None => Some(ROOT_PATH.to_owned()),
        Some(_) => resolver.text_property(resource, "Path"),
    }
}

/// A name such as CloudFormation makes for a resource without one.
fn made_up(stack: &str, id: &str) -> String {
    format!("{stack}-{id}-0123456789AB")
}

/// The ID of a key: the real one where it is known, otherwise a plausible one, which differs for
/// every key of every template.
fn key_id(resolver: &Resolver<'_>, id: &str, resource: &Node) -> String {
    let mut known = resolver.deployment().key_ids.iter();
    if let Some((_, real)) = known.find(|(logical, _)| logical == id) {
        return real.clone();
    }
    let number = resolver
        .resources()
        .iter()
        .filter(|entry| entry.value.get("Type").and_then(Node::as_str) == Some("AWS::KMS::Key"))
        .position(|entry| entry.key == id)
        .unwrap_or_default();
    let file = resolver.deployment().file;
    let multi_region = resolver.text_property(resource, "MultiRegion");
    if multi_region.as_deref() == Some("true") {
        format!("mrk-{file:04x}{number:04x}4000800000000000{:08x}", 0x5f3e)
    } else {
        format!("{file:04x}{number:04x}-0000-4000-8000-000000005f3e")
    }
}
