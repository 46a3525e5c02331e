//! What is known of the context keys of a call that its context does not list: their value, that AWS
//! does not send them, or that nobody can tell.
//!
//! A statement that depends on a key of the last kind may or may not apply, and then nothing is proven
//! of the call. What each key is, follows the section of its name in the AWS documents *AWS global
//! condition context keys* (`aws:`), *Amazon S3 policy keys* and *Actions, resources, and condition
//! keys for Amazon S3* (`s3:`), *AWS KMS condition keys* (`kms:`) and *IAM and AWS STS condition
//! context keys* (`sts:`); where another document says more, it is named at the key.

use std::borrow::Cow;

use super::world::World;
use crate::policy::evaluation::{Context, ContextValue, UnlistedKeys};
use crate::run::Caller;
use crate::run::landscape::{Key, MANAGED_KEY, Tags, is_managed_key};

/// What is known of the keys of one call.
pub(super) struct Keys<'k> {
    pub(super) world: &'k World<'k>,
    pub(super) caller: &'k Caller,
    pub(super) action: &'k str,
    pub(super) resource: &'k str,
    /// The keys that the request lists.
    pub(super) context: &'k Context,
    /// Whether it is an attack: then an unknown of the attacker's own is what suits them.
    pub(super) is_attack: bool,
}

/// A value, or why there is none.
type Known = Option<ContextValue>;

const ABSENT: Known = None;
const PRESENT: Known = Some(ContextValue::Present);
const UNKNOWN: Known = Some(ContextValue::Unknown);

fn one(text: impl Into<String>) -> Known {
    Some(ContextValue::One(text.into()))
}

/// A value that a key has only under a condition.
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
            // A service's own keys come with its own requests, or with credentials that it gives: those
            // of EC2 instances and of federated users, which an attacker may have.
            _ if prefix != service && self.is_attack => UNKNOWN,
            _ if prefix != service => ABSENT,
            "s3" => self.of_s3(key),
            "kms" => self.of_kms(key),
            "sts" => of_sts(key),
            _ => UNKNOWN,
        }
    }

    /// Whether S3 makes the call for the caller.
    fn is_via_s3(&self) -> bool {
        self.context.get("kms:viaservice").is_some()
    }

    /// Global keys of a role's session, or of a root user.
    fn of_role(&self, key: &str) -> Known {
        let is_root = matches!(self.caller, Caller::Root(_));
        match key {
            // S3 calls KMS with the caller's credentials; CodePipeline uses a service role, whose
            // calls are its own.
            "aws:viaawsservice" => one(if self.is_via_s3() { "true" } else { "false" }),
            "aws:calledvia" | "aws:calledviafirst" | "aws:calledvialast" => {
                only(self.is_via_s3(), UNKNOWN)
            }
            // Always there; the ID of a role is made up by AWS.
            "aws:userid" => PRESENT,
            // Always there with temporary credentials. A root user may have others.
            "aws:tokenissuetime" | "aws:multifactorauthpresent" if is_root => UNKNOWN,
            "aws:tokenissuetime" | "aws:multifactorauthpresent" => PRESENT,
            // Of other callers: IAM users, browsers, federated users, AWS services, EC2 instances.
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

    /// The organization of the caller's account. The call's own context has it where it is known.
    fn organization_of_caller(&self) -> Known {
        // Somebody of no organization: an attacker of another one does no better.
        match self.is_attack && self.world.land.organization.is_some() {
            true => ABSENT,
            false => UNKNOWN,
        }
    }

    /// Global keys of an AWS service that calls by itself.
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

    /// Global keys that do not depend on who calls.
    fn common(&self, key: &str) -> Known {
        match key {
            "aws:currenttime" | "aws:epochtime" | "aws:useragent" | "aws:requestedregion" => {
                PRESENT
            }
            // Somebody's of no organization, as of the attacker's own account.
            "aws:resourceorgid" if self.is_attack && self.world.land.organization.is_some() => {
                ABSENT
            }
            // None of the calls on buckets and keys passes tags; whether CodePipeline tags its
            // sessions is not documented.
            "aws:tagkeys" => self.request_tag(),
            _ if key.starts_with("aws:requesttag/") => self.request_tag(),
            _ => match key.strip_prefix("aws:resourcetag/") {
                // Nobody can tag a key that AWS manages.
                Some(_) if self.is_managed() => ABSENT,
                Some(tag) => self.tag(self.resource_tags(), tag),
                None => UNKNOWN,
            },
        }
    }

    fn request_tag(&self) -> Known {
        only(self.action.starts_with("sts:"), UNKNOWN)
    }

    /// A tag of a resource that a template makes. CloudFormation gives it the stack's tags, too, which
    /// no template says (*AWS CloudFormation Resource tags*).
    fn tag(&self, tags: Option<&Tags>, wanted: &str) -> Known {
        let mut tags = tags.into_iter().flatten();
        let found = tags.find(|(key, _)| key.to_lowercase() == wanted);
        found.map_or(UNKNOWN, |(_, value)| one(value.clone()))
    }

    /// The tags of the role that calls; CodePipeline's sessions have no others that are documented.
    fn role_tags(&self) -> Option<&Tags> {
        match self.caller {
            Caller::Role(arn) => self.world.role(arn)?.tags.as_ref(),
            _ => None,
        }
    }

    /// The tags of a role or key that is called. Those of a bucket come with requests only where it is
    /// enabled for them, which no template says.
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

    /// Keys of Amazon S3, by the actions that they are listed for.
    fn of_s3(&self, key: &str) -> Known {
        let action = self.action;
        let puts = action == "s3:PutObject";
        match key {
            // The same as aws:ResourceAccount.
            "s3:resourceaccount" => match self.context.get("aws:resourceaccount") {
                Some(account) => Some(account.clone()),
                None => PRESENT,
            },
            "s3:tlsversion" | "s3:authtype" | "s3:signatureversion" => PRESENT,
            // Of presigned URLs, says *Amazon S3 Signature Version 4 authentication specific policy
            // keys*.
            "s3:signatureage" => UNKNOWN,
            // What an upload says in its headers is listed where it is known.
            "s3:x-amz-server-side-encryption"
            | "s3:x-amz-server-side-encryption-aws-kms-key-id" => ABSENT,
            // What a service says in its own uploads is not documented.
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
            // The pipeline names buckets, not access points.
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

    /// Keys of AWS KMS.
    fn of_kms(&self, key: &str) -> Known {
        let encrypts = matches!(
            self.action,
            "kms:Decrypt" | "kms:Encrypt" | "kms:GenerateDataKey"
        );
        match key {
            "kms:calleraccount" => PRESENT,
            // S3 names itself where it calls, which the context then lists. Through which service
            // CodePipeline describes a key is not documented.
            "kms:viaservice" => only(self.action == "kms:DescribeKey", UNKNOWN),
            "kms:encryptioncontextkeys" => match (encrypts, self.is_via_s3()) {
                (false, _) => ABSENT,
                // At least `aws:s3:arn`. An upload may add others, and whether CodePipeline does is not
                // documented.
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
            // Listed where the key is named by an alias.
            "kms:requestalias" => ABSENT,
            "kms:keyspec" => self.property(|key| &key.kind.spec),
            "kms:keyusage" => self.property(|key| &key.kind.usage),
            "kms:keyorigin" => self.property(|key| &key.kind.origin),
            "kms:multiregion" => self.property(|key| &key.kind.multi_region),
            _ if key.starts_with("kms:encryptioncontext:") => only(encrypts, UNKNOWN),
            // Only an AWS service that calls for somebody makes it true.
            "kms:grantisforawsresource" => only(self.action == "kms:CreateGrant", one("false")),
            // Of CreateGrant, PutKeyPolicy and others.
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

/// Keys of AWS STS.
fn of_sts(key: &str) -> Known {
    match key {
        // An action has no external ID to give.
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
