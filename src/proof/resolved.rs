//! The templates' resources as they exist after deployment, for comparison with other sources.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::input::{InputError, Inputs};
use super::resolve::{read_all, resolvers};
use crate::diagnostic::Node;
use crate::template::type_of;

/// A resolved template resource.
///
/// An unknown value is `{"Fn::s3ferry:unknown": "the reason"}`. AWS assigns the ID of a key, so its
/// [`name`](Self::name) is a placeholder.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Index of its stack among all instances of [`Inputs::stacks`], in order.
    pub stack: usize,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// Logical ID.
    pub id: String,
    /// Type, such as `AWS::S3::Bucket`.
    pub kind: String,
    /// The value of `Ref`, which is the name for most types.
    pub name: Option<String>,
    /// ARN, if the template determines it.
    pub arn: Option<String>,
    /// Properties.
    pub properties: Json,
}

impl Resolved {
    /// Returns the name, or an empty string if the template does not determine it.
    pub(crate) fn known_name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// Returns the known outputs of each stack, in the order of [`Resolved::stack`].
///
/// # Errors
/// Returns an error if a template cannot be read.
pub fn outputs(inputs: &Inputs) -> Result<Vec<HashMap<String, String>>, Vec<InputError>> {
    let nodes = read_all(inputs)?;
    let resolvers = resolvers(inputs, &nodes);
    Ok(resolvers.iter().map(|one| one.outputs()).collect())
}

/// Resolves every resource that exists.
///
/// # Errors
/// Returns an error if a template cannot be read.
pub fn resolved(inputs: &Inputs) -> Result<Vec<Resolved>, Vec<InputError>> {
    let nodes = read_all(inputs)?;
    let mut found = Vec::new();
    for (stack, resolver) in resolvers(inputs, &nodes).iter().enumerate() {
        let here = resolver.deployment();
        for entry in resolver.resources() {
            if resolver.is_there(&entry.value) == Some(false) {
                continue;
            }
            let kind = type_of(&entry.value).unwrap_or_default();
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
                name: resolver.attribute(&entry.key, ""),
                arn: resolver.attribute(&entry.key, arn),
                id: entry.key.clone(),
                kind: kind.to_owned(),
                properties: Json::Object(properties),
            });
        }
    }
    Ok(found)
}
