//! The resources of templates as they stand once deployed, for whoever compares them with
//! something else.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::input::{InputError, Inputs};
use super::prove::{read_all, resolvers};
use super::resolve::Resolver;
use super::symbols::attribute;
use crate::diagnostic::Node;

/// A resource of a template, resolved.
///
/// A value that cannot be known is `{"Fn::s3ferry:unknown": "the reason"}`; the ID of a key is
/// made up, since AWS decides it: it is the [`name`](Self::name) of the key.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Number of its stack: the instances of [`Inputs::stacks`] in order.
    pub stack: usize,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// Logical ID.
    pub id: String,
    /// Type, such as `AWS::S3::Bucket`.
    pub kind: String,
    /// What `Ref` gives: the name of most types.
    pub name: Option<String>,
    /// ARN, where it follows from the template.
    pub arn: Option<String>,
    /// Properties.
    pub properties: Json,
}

/// The outputs of each stack, in the order of [`Resolved::stack`], as far as they are known.
///
/// # Errors
/// A template cannot be read.
pub fn outputs(inputs: &Inputs) -> Result<Vec<HashMap<String, String>>, Vec<InputError>> {
    let nodes = read_all(inputs)?;
    let resolvers = resolvers(inputs, &nodes);
    Ok(resolvers.iter().map(Resolver::outputs).collect())
}

/// Resolves every resource that is there.
///
/// # Errors
/// A template cannot be read.
pub fn resolved(inputs: &Inputs) -> Result<Vec<Resolved>, Vec<InputError>> {
    let nodes = read_all(inputs)?;
    let mut found = Vec::new();
    for (stack, resolver) in resolvers(inputs, &nodes).iter().enumerate() {
        let here = resolver.deployment();
        for entry in resolver.resources() {
            if resolver.is_there(&entry.value) == Some(false) {
                continue;
            }
            let kind = entry.value.get("Type").and_then(Node::as_str);
            let kind = kind.unwrap_or_default();
            let properties = entry.value.get("Properties").and_then(Node::entries);
            let properties = properties.unwrap_or_default().iter();
            let properties: Map<String, Json> = properties
                .filter_map(|property| {
                    let value = resolver.resolve(&property.value)?;
                    Some((property.key.clone(), value.to_json()))
                })
                .collect();
            let arn = if kind == "AWS::IAM::ManagedPolicy" {
                "PolicyArn"
            } else {
                "Arn"
            };
            found.push(Resolved {
                stack,
                account: here.account.to_owned(),
                region: here.region.to_owned(),
                name: attribute(resolver, &entry.key, &entry.value, ""),
                arn: attribute(resolver, &entry.key, &entry.value, arn),
                id: entry.key.clone(),
                kind: kind.to_owned(),
                properties: Json::Object(properties),
            });
        }
    }
    Ok(found)
}
