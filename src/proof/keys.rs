//! The context keys that the context of a call does not list. Each key has a known value, is absent
//! from the request, or is unknown.
//!
//! A statement that depends on an unknown key may or may not apply, so the call is unproven. The
//! facts about each key follow its section in the AWS documentation: *AWS global condition context
//! keys* (`aws:`), *Amazon S3 policy keys* and *Actions, resources, and condition keys for Amazon
//! S3* (`s3:`), *AWS KMS condition keys* (`kms:`), and *IAM and AWS STS condition context keys*
//! (`sts:`). Comments name any other source.

use std::borrow::Cow;

use super::world::World;
use crate::policy::evaluation::{Context, ContextValue, UnlistedKeys};
use crate::run::Caller;
use crate::run::landscape::{Key, MANAGED_KEY, Tags, is_managed_key};

/// The unlisted context keys of one call.
pub(super) struct Keys<'k> {
    pub(super) world: &'k World<'k>,
    pub(super) caller: &'k Caller,
    pub(super) action: &'k str,
    pub(super) resource: &'k str,
    /// The keys that the request lists.
    pub(super) context: &'k Context,
    /// Whether the call is an attack. For an attack, keys that the attacker controls are unknown.
    pub(super) is_attack: bool,
}

/// The new and the old service prefix of AWS CodeConnections. AWS does not document which of them
/// the keys of a request have.
const CONNECTIONS: [&str; 2] = ["codeconnections", "codestar-connections"];

/// The value of a key, or `None` if AWS does not send the key.
type Known = Option<ContextValue>;

const ABSENT: Known = None;
const PRESENT: Known = Some(ContextValue::Present);
const UNKNOWN: Known = Some(ContextValue::Unknown);

fn one(text: impl Into<String>) -> Known {
    Some(ContextValue::One(text.into()))
}

/// Returns the value if a condition holds.
fn only(holds: bool, value: Known) -> Known {
    value.filter(|_| holds)
}

impl UnlistedKeys for Keys<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, ContextValue>> {
        self.find(key).map(Cow::Owned)
    }
}

impl Keys<'_> {
    fn find(&self, key: &str) -> Known {
        let (prefix, _) = key.split_once(':').unwrap_or(("", key));
        let service = self.action.split(':').next().unwrap_or_default();
        match prefix {
            "aws" => match self.caller {
                Caller::Service(_) => self.of_service(key),
                _ => self.of_role(key),
            },
            // Service-specific keys are sent with requests to the service. They are also sent with
            // credentials that the service issues to EC2 instances and federated users. An attacker
            // may have such credentials.
            _ if CONNECTIONS.contains(&prefix) && CONNECTIONS.contains(&service) => UNKNOWN,
            _ if prefix != service && self.is_attack => UNKNOWN,
            _ if prefix != service => ABSENT,
            "s3" => self.of_s3(key),
            "kms" => self.of_kms(key),
            "sts" => of_sts(key),
            _ => UNKNOWN,
        }
    }

    /// Returns whether S3 makes the call on behalf of the caller.
    fn is_via_s3(&self) -> bool {
        self.context.get("kms:viaservice").is_some()
    }

    /// Returns the value of a global key for a role session or root user.
    fn of_role(&self, key: &str) -> Known {
        let is_root = matches!(self.caller, Caller::Root(_));
        match key {
            // S3 calls KMS with the caller's credentials. CodePipeline uses a service role and
            // makes calls as that role.
            "aws:viaawsservice" => one(if self.is_via_s3() { "true" } else { "false" }),
            "aws:calledvia" | "aws:calledviafirst" | "aws:calledvialast" => {
                only(self.is_via_s3(), UNKNOWN)
            }
            // Always present. AWS generates the ID of a role.
            "aws:userid" => PRESENT,
            // Always present with temporary credentials. A root user may have long-term
            // credentials.
            "aws:tokenissuetime" | "aws:multifactorauthpresent" if is_root => UNKNOWN,
            "aws:tokenissuetime" | "aws:multifactorauthpresent" => PRESENT,
            // Keys of other callers: IAM users, browsers, federated users, AWS services, and EC2
            // instances.
            "aws:username"
            | "aws:referer"
            | "aws:federatedprovider"
            | "aws:sourcearn"
            | "aws:sourceaccount"
            | "aws:sourceorgid"
            | "aws:sourceorgpaths"
            | "aws:principalservicename"
            | "aws:principalservicenameslist"
            | "aws:ec2instancesourcevpc"
            | "aws:ec2instancesourceprivateipv4"
            | "aws:assumedroot" => ABSENT,
            "aws:principalorgid" => self.organization_of_caller(),
            _ => match key.strip_prefix("aws:principaltag/") {
                Some(_) if is_root => ABSENT,
                Some(tag) => self.tag(self.role_tags(), tag),
                None => self.common(key),
            },
        }
    }

    /// Returns the organization of the caller's account. If the organization is known, the call's
    /// context lists it.
    fn organization_of_caller(&self) -> Known {
        // Assume that the attacker is in no organization. Another organization gives no advantage.
        match self.is_attack && self.world.land.organization.is_some() {
            true => ABSENT,
            false => UNKNOWN,
        }
    }

    /// Returns the value of a global key for an AWS service that makes its own calls.
    fn of_service(&self, key: &str) -> Known {
        match key {
            "aws:principalarn"
            | "aws:principalaccount"
            | "aws:principalorgid"
            | "aws:principalorgpaths"
            | "aws:username"
            | "aws:referer"
            | "aws:federatedprovider"
            | "aws:calledvia"
            | "aws:calledviafirst"
            | "aws:calledvialast" => ABSENT,
            "aws:principalservicenameslist" => PRESENT,
            _ if key.starts_with("aws:principaltag/") => ABSENT,
            _ => self.common(key),
        }
    }

    /// Returns the value of a global key that does not depend on the type of caller.
    fn common(&self, key: &str) -> Known {
        match key {
            "aws:currenttime" | "aws:epochtime" | "aws:useragent" | "aws:requestedregion" => {
                PRESENT
            }
            // The resource belongs to an account in no organization, such as the attacker's.
            "aws:resourceorgid" if self.is_attack && self.world.land.organization.is_some() => {
                ABSENT
            }
            // No call on a bucket or key passes tags. AWS does not document whether CodePipeline
            // tags its sessions.
            "aws:tagkeys" => self.request_tag(),
            _ if key.starts_with("aws:requesttag/") => self.request_tag(),
            _ => match key.strip_prefix("aws:resourcetag/") {
                // An AWS managed key cannot be tagged.
                Some(_) if self.is_managed() => ABSENT,
                Some(tag) => self.tag(self.resource_tags(), tag),
                None => UNKNOWN,
            },
        }
    }

    fn request_tag(&self) -> Known {
        only(self.action.starts_with("sts:"), UNKNOWN)
    }

    /// Returns a tag of a resource that a template declares. CloudFormation also applies stack
    /// tags, which templates do not specify (*AWS CloudFormation Resource tags*).
    fn tag(&self, tags: Option<&Tags>, wanted: &str) -> Known {
        let mut tags = tags.into_iter().flatten();
        let found = tags.find(|(key, _)| key.to_lowercase() == wanted);
        found.map_or(UNKNOWN, |(_, value)| one(value.clone()))
    }

    /// Returns the tags of the calling role. No other tags of CodePipeline's sessions are
    /// documented.
    fn role_tags(&self) -> Option<&Tags> {
        match self.caller {
            Caller::Role(arn) => self.world.role(arn)?.tags.as_ref(),
            _ => None,
        }
    }

    /// Returns the tags of the role or key that the call acts on. A bucket's tags are sent with
    /// requests only if attribute-based access control (ABAC) is enabled for the bucket, which
    /// templates do not specify.
    fn resource_tags(&self) -> Option<&Tags> {
        match self.resource.split(':').nth(2) {
            Some("iam") => self.world.role(self.resource)?.tags.as_ref(),
            Some("kms") => self.key()?.tags.as_ref(),
            _ => None,
        }
    }

    fn is_managed(&self) -> bool {
        is_managed_key(self.resource)
    }

    fn key(&self) -> Option<&Key> {
        self.world.land.known_key(self.resource)
    }

    /// Returns the value of an `s3:` key, based on the actions for which AWS lists the key.
    fn of_s3(&self, key: &str) -> Known {
        let action = self.action;
        let puts = action == "s3:PutObject";
        match key {
            // Identical to aws:ResourceAccount.
            "s3:resourceaccount" => match self.context.get("aws:resourceaccount") {
                Some(account) => Some(account.clone()),
                None => PRESENT,
            },
            "s3:tlsversion" | "s3:authtype" | "s3:signatureversion" => PRESENT,
            // Applies to presigned URLs (*Amazon S3 Signature Version 4 authentication specific
            // policy keys*).
            "s3:signatureage" => UNKNOWN,
            // The context lists the headers of an upload if they are known.
            "s3:x-amz-server-side-encryption"
            | "s3:x-amz-server-side-encryption-aws-kms-key-id" => ABSENT,
            // The headers that a service sends with its own uploads are not documented.
            "s3:x-amz-acl" => {
                let by_service = puts && matches!(self.caller, Caller::Service(_));
                let of_acl = matches!(action, "s3:PutObjectAcl" | "s3:PutObjectVersionAcl");
                only(by_service || of_acl, UNKNOWN)
            }
            "s3:versionid" => {
                let of_version = matches!(
                    action,
                    "s3:GetObjectVersion"
                        | "s3:GetObjectVersionTagging"
                        | "s3:PutObjectVersionAcl"
                        | "s3:DeleteObjectVersion"
                );
                only(of_version, PRESENT)
            }
            "s3:prefix" | "s3:delimiter" | "s3:max-keys" => {
                only(action == "s3:ListBucket", UNKNOWN)
            }
            // The pipeline uses buckets, not access points.
            "s3:dataaccesspointarn"
            | "s3:dataaccesspointaccount"
            | "s3:accesspointnetworkorigin" => ABSENT,
            "s3:locationconstraint" => ABSENT,
            "s3:requestobjecttagkeys" => only(puts || action == "s3:PutObjectTagging", UNKNOWN),
            _ if key.starts_with("s3:requestobjecttag/") => {
                only(puts || action == "s3:PutObjectTagging", UNKNOWN)
            }
            _ if key.starts_with("s3:existingobjecttag/") => {
                let reads = matches!(
                    action,
                    "s3:GetObject"
                        | "s3:GetObjectVersion"
                        | "s3:GetObjectTagging"
                        | "s3:GetObjectVersionTagging"
                        | "s3:PutObjectAcl"
                        | "s3:PutObjectVersionAcl"
                        | "s3:PutObjectTagging"
                );
                only(reads, UNKNOWN)
            }
            _ => UNKNOWN,
        }
    }

    /// Returns the value of a `kms:` key.
    fn of_kms(&self, key: &str) -> Known {
        let encrypts = matches!(
            self.action,
            "kms:Decrypt" | "kms:Encrypt" | "kms:GenerateDataKey"
        );
        match key {
            "kms:calleraccount" => PRESENT,
            // If S3 makes the call, the context lists this key. The service through which
            // CodePipeline describes a key is not documented.
            "kms:viaservice" => only(self.action == "kms:DescribeKey", UNKNOWN),
            "kms:encryptioncontextkeys" => match (encrypts, self.is_via_s3()) {
                (false, _) => ABSENT,
                // Contains at least `aws:s3:arn`. An upload may add other keys. AWS does not
                // document whether CodePipeline adds any.
                (true, true) => PRESENT,
                (true, false) => UNKNOWN,
            },
            "kms:encryptionalgorithm" => only(encrypts, one("SYMMETRIC_DEFAULT")),
            "kms:resourcealiases" => match self.key() {
                Some(_) if self.world.has_unknown_aliases => UNKNOWN,
                Some(key) if key.is_made => {
                    let aliases = self.world.land.aliases_of(key);
                    (!aliases.is_empty()).then_some(ContextValue::Many(aliases))
                }
                _ if self.is_managed() => Some(ContextValue::Many(vec![MANAGED_KEY.to_owned()])),
                _ => UNKNOWN,
            },
            // The context lists it if the request identifies the key by an alias.
            "kms:requestalias" => ABSENT,
            "kms:keyspec" => self.property(|key| &key.kind.spec),
            "kms:keyusage" => self.property(|key| &key.kind.usage),
            "kms:keyorigin" => self.property(|key| &key.kind.origin),
            "kms:multiregion" => self.property(|key| &key.kind.multi_region),
            _ if key.starts_with("kms:encryptioncontext:") => only(encrypts, UNKNOWN),
            // Only an AWS service that acts on behalf of a caller sets this key to `true`.
            "kms:grantisforawsresource" => only(self.action == "kms:CreateGrant", one("false")),
            // Keys of CreateGrant and other operations.
            _ if ["grant", "retiring", "wrapping", "datakeypair"]
                .iter()
                .any(|kind| key["kms:".len()..].starts_with(kind)) =>
            {
                only(self.action == "kms:CreateGrant", UNKNOWN)
            }
            "kms:bypasspolicylockoutsafetycheck" => {
                only(self.action == "kms:PutKeyPolicy", UNKNOWN)
            }
            _ => UNKNOWN,
        }
    }

    fn property(&self, of: impl Fn(&Key) -> &Option<String>) -> Known {
        let value = self.key().and_then(|key| of(key).clone());
        value.map_or(PRESENT, one)
    }
}

/// Returns the value of an `sts:` key.
fn of_sts(key: &str) -> Known {
    match key {
        // A pipeline action cannot specify an external ID.
        "sts:externalid" => ABSENT,
        "sts:rolesessionname" => PRESENT,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_sts_are_known_by_name() {
        assert_eq!(of_sts("sts:externalid"), ABSENT);
        assert_eq!(of_sts("sts:rolesessionname"), PRESENT);
        assert_eq!(of_sts("sts:sourceidentity"), UNKNOWN);
    }
}
