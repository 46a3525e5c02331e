//! The values of `Ref` and `GetAtt` for a resource. Names that AWS assigns are made up.
//!
//! Follows *AWS resource and property types reference*, section *Return values* of each type, in
//! the AWS documentation.

use std::cell::Cell;

use super::{Resolver, Text, functions::type_of};
use crate::aws::arn;
use crate::diagnostic::Node;

/// The default path of a role or policy.
const ROOT_PATH: &str = "/";

impl Resolver<'_> {
    /// Returns an attribute of a resource. The empty attribute is the value of `Ref`. With a
    /// marker, the text can contain unknown parts.
    pub(crate) fn attribute(&self, id: &str, name: &str) -> Option<String> {
        Some(self.return_value(id, self.resource(id)?, name)?.text)
    }

    pub(super) fn return_value(&self, id: &str, resource: &Node, name: &str) -> Option<Text> {
        let here = &self.deployment;
        let is_known = Cell::new(true);
        let part = |found: Option<Text>, what: &str| {
            let found = found.or_else(|| {
                Some(Text {
                    text: self.marker?.text(what),
                    is_known: false,
                })
            })?;
            is_known.set(is_known.get() && found.is_known);
            Some(found.text)
        };
        let given = |text: Option<&str>, what: &str| part(text.map(Text::known), what);
        let has = |name: &str| resource.at(["Properties", name]).is_some();
        let property = |name: &str| {
            let value = self.property(resource, name);
            part(
                value.and_then(|value| self.text(&value)),
                &format!("{id}.{name}"),
            )
        };
        let called = |name: &str| match has(name) {
            true => property(name),
            false => part(self.made_up_name(id), id),
        };
        let path = || match has("Path") {
            true => property("Path"),
            false => Some(ROOT_PATH.to_owned()),
        };
        let key_id = || part(self.key_id(id, resource), &format!("{id}.KeyId"));
        let global = |service: &str, rest: String| {
            let (partition, account) = (
                given(here.partition, "AWS::Partition")?,
                given(here.account, "AWS::AccountId")?,
            );
            Some(arn::regional(partition, service, "", account, rest))
        };
        let regional = |service: &str, rest: String| {
            let (partition, account) = (
                given(here.partition, "AWS::Partition")?,
                given(here.account, "AWS::AccountId")?,
            );
            let region = given(here.region, "AWS::Region")?;
            Some(arn::regional(partition, service, region, account, rest))
        };
        // The letter case of a marker is kept.
        let bucket_name = || {
            let name = called("BucketName")?;
            Some(match is_known.get() {
                true => name.to_lowercase(),
                false => name,
            })
        };
        let text = match (type_of(resource)?, name) {
            ("AWS::KMS::Key", "" | "KeyId") => key_id(),
            ("AWS::KMS::Key", "Arn") => regional("kms", format!("key/{}", key_id()?)),
            ("AWS::KMS::ReplicaKey", "" | "KeyId" | "Arn") => {
                let primary = property("PrimaryKeyArn")?;
                let key = primary.rsplit('/').next()?.to_owned();
                match name {
                    "Arn" => regional("kms", format!("key/{key}")),
                    _ => Some(key),
                }
            }
            ("AWS::KMS::Alias", "") => property("AliasName"),
            ("AWS::S3::Bucket", "") => bucket_name(),
            ("AWS::S3::Bucket", "Arn") => {
                let name = bucket_name()?;
                Some(arn::bucket(given(here.partition, "AWS::Partition")?, name))
            }
            ("AWS::IAM::Role", "") => called("RoleName"),
            ("AWS::IAM::Role", "Arn") => {
                let (name, path) = (called("RoleName")?, path()?);
                global("iam", format!("role{path}{name}"))
            }
            ("AWS::IAM::ManagedPolicy", "" | "PolicyArn") => {
                let (name, path) = (called("ManagedPolicyName")?, path()?);
                global("iam", format!("policy{path}{name}"))
            }
            (
                "AWS::CodePipeline::Pipeline" | "AWS::Events::Rule" | "AWS::CodeBuild::Project",
                "",
            ) => called("Name"),
            ("AWS::CodeBuild::Project", "Arn") => {
                regional("codebuild", format!("project/{}", called("Name")?))
            }
            ("AWS::StepFunctions::StateMachine", "Name") => called("StateMachineName"),
            ("AWS::StepFunctions::StateMachine", "" | "Arn") => {
                let name = called("StateMachineName")?;
                regional("states", format!("stateMachine:{name}"))
            }
            ("AWS::Events::Rule", "Arn") => {
                let name = called("Name")?;
                let bus = match has("EventBusName") {
                    true => property("EventBusName")?,
                    false => "default".to_owned(),
                };
                // The event bus may be specified by its ARN.
                let path = match bus.rsplit('/').next().unwrap_or_default() {
                    "default" => name,
                    bus => format!("{bus}/{name}"),
                };
                regional("events", format!("rule/{path}"))
            }
            _ => None,
        }?;
        Some(Text {
            text,
            is_known: is_known.get(),
        })
    }

    /// Returns a name in the format that CloudFormation generates for a resource without one.
    fn made_up_name(&self, id: &str) -> Option<Text> {
        let stack = self.deployment.stack?;
        Some(Text::known(format!("{stack}-{id}-0123456789AB")))
    }

    /// Returns the known ID of a key, or else a made-up ID that is unique to the key and the
    /// template.
    fn key_id(&self, id: &str, resource: &Node) -> Option<Text> {
        let mut known = self.deployment.key_ids.iter();
        if let Some((_, real)) = known.find(|(logical, _)| logical == id) {
            return Some(Text::known(real));
        }
        self.deployment.stack?;
        let mut keys = self.of_type("AWS::KMS::Key");
        let key = keys.position(|entry| entry.key == id).unwrap_or_default();
        let number = self.deployment.number;
        let multi_region = self.text_property(resource, "MultiRegion");
        Some(Text::known(match multi_region.as_deref() {
            Some("true") => format!("mrk-{number:04x}{key:04x}4000800000000000{:08x}", 0x5f3e),
            _ => format!("{number:04x}{key:04x}-0000-4000-8000-000000005f3e"),
        }))
    }
}
