//! Collects the buckets: their owners, encryption, and public access settings.
//!
//! Follows *AWS::S3::Bucket*, *Setting default server-side encryption behavior for Amazon S3
//! buckets*, and *Blocking public access to your Amazon S3 storage* in the AWS documentation.

use super::super::input::Inputs;
use super::super::world::TemplateResource;
use super::Collector;
use crate::diagnostic::Node;
use crate::policy::document::PolicyKind;
use crate::run::landscape::{DefaultKey, Encryption};
use crate::template::{known_text, unknown_in};

impl<'a> Collector<'a> {
    /// Records the buckets in the configuration. Templates override these settings.
    pub(super) fn claims(&mut self, inputs: &Inputs) {
        for claim in &inputs.buckets {
            let bucket = self.bucket_named(&claim.name);
            bucket.account = Some(claim.account.clone());
            bucket.region = Some(claim.region.clone());
            if claim.is_existing {
                bucket.encryption = Encryption::S3Managed;
            }
        }
    }

    pub(super) fn bucket(&mut self, found: &TemplateResource<'a>, uncertain: Option<&str>) {
        let resolver = self.resolver(found);
        let Some(name) = resolver.attribute(found.id, "") else {
            let reason = "the bucket's name is unknown, so nothing is proven about the bucket";
            return self.doubt_on(found, found.node, reason.to_owned());
        };
        let here = resolver.deployment();
        let encryption = resolver.property(found.node, "BucketEncryption");
        let encryption = encryption.as_ref();
        let rule = encryption.and_then(|node| node.at(["ServerSideEncryptionConfiguration", "0"]));
        let bucket_key = match (encryption, rule) {
            (Some(_), Some(rule)) => has_bucket_key(rule),
            (Some(_), None) => None,
            (None, _) => Some(false),
        };
        let encryption = match encryption {
            Some(node) => self.encryption(found, node),
            None => Encryption::S3Managed,
        };
        if let Encryption::Unresolved(doubt) = &encryption {
            self.doubt(doubt.clone());
        }
        let log_bucket = self.log_bucket(found);
        let block = resolver.property(found.node, "PublicAccessBlockConfiguration");
        let restricts_public = restricts_public(block);
        // Returns whether a setting has a value. `absent` is the result for a bucket without the
        // setting.
        let is = |property, path: &[&str], value: &str, absent: bool| {
            let Some(setting) = resolver.property(found.node, property) else {
                return Some(absent);
            };
            let text = setting.at(path.iter().copied()).and_then(known_text)?;
            Some(text == value)
        };
        let is_versioned = is("VersioningConfiguration", &["Status"], "Enabled", false);
        // The default for a new bucket (*Controlling ownership of objects*).
        let ownership = ["Rules", "0", "ObjectOwnership"];
        let is_owner_enforced = is("OwnershipControls", &ownership, "BucketOwnerEnforced", true);
        let before = self.world.land.buckets.get(&name);
        let is_second = before.is_some_and(|bucket| bucket.is_made);
        let dispute =
            uncertain.or(is_second.then_some("another resource also creates this bucket"));
        if let Some(reason) = dispute {
            self.dispute(found, &name, reason);
        }
        let place = self.place(found, found.node);
        let bucket = self.world.land.buckets.entry(name).or_default();
        bucket.account = Some(here.account.to_owned());
        bucket.region = Some(here.region.to_owned());
        bucket.bucket_key = bucket_key;
        bucket.encryption = encryption;
        bucket.restricts_public = restricts_public;
        bucket.is_versioned = is_versioned;
        bucket.is_owner_enforced = is_owner_enforced;
        bucket.log_bucket = log_bucket;
        bucket.is_made = true;
        bucket.target = here.target.map(str::to_owned);
        bucket.instance.clone_from(&here.instance);
        bucket.place = Some(place);
    }

    /// Records that the templates define a bucket ambiguously.
    fn dispute(&mut self, found: &TemplateResource<'a>, bucket: &str, reason: &str) {
        let doubt = self.doubt_of(found, found.node, reason.to_owned());
        let arn = self.world.land.bucket_arn(bucket);
        self.world.disputed.insert(arn, doubt);
    }

    /// Returns the bucket that receives the access logs, and the prefix of their keys.
    fn log_bucket(&mut self, found: &TemplateResource<'a>) -> Option<(String, String)> {
        let resolver = self.resolver(found);
        let logging = resolver.property(found.node, "LoggingConfiguration")?;
        if let Some(part) = unknown_in(&logging).filter(|_| logging.tag.is_some()) {
            let why = part.as_str().unwrap_or_default();
            self.doubt_on(
                found,
                part,
                format!("whether server access logging is enabled: {why}"),
            );
            return None;
        }
        let prefix = logging.get("LogFilePrefix");
        let bucket = logging.get("DestinationBucketName");
        for node in [bucket, prefix].into_iter().flatten() {
            if let Some(part) = unknown_in(node) {
                let why = part.as_str().unwrap_or_default();
                let reason = format!("where S3 delivers the access logs: {why}");
                self.doubt_on(found, part, reason);
                return None;
            }
        }
        let prefix = prefix.and_then(known_text).unwrap_or_default();
        // Without a destination, the bucket logs to itself.
        let bucket = match bucket {
            Some(bucket) => known_text(bucket)?.to_owned(),
            None => resolver.attribute(found.id, "")?,
        };
        Some((bucket, prefix.to_owned()))
    }

    /// Returns the default encryption of a bucket.
    fn encryption(&self, found: &TemplateResource<'a>, encryption: &Node) -> Encryption {
        let rule = encryption.at(["ServerSideEncryptionConfiguration", "0"]);
        let default = rule.and_then(|rule| rule.get("ServerSideEncryptionByDefault"));
        let setting = |name: &str| default.and_then(|default| default.get(name));
        let algorithm = setting("SSEAlgorithm").and_then(known_text);
        let key = setting("KMSMasterKeyID");
        let unknown = match algorithm {
            Some(algorithm) if !algorithm.starts_with("aws:kms") => None,
            Some(_) => key.and_then(unknown_in),
            None => unknown_in(default.unwrap_or(encryption)),
        };
        if let Some(part) = unknown {
            let why = part.as_str().unwrap_or_default();
            let reason = format!("the bucket's default encryption: {why}");
            return Encryption::Unresolved(self.doubt_of(found, part, reason));
        }
        if !algorithm.is_some_and(|algorithm| algorithm.starts_with("aws:kms")) {
            return Encryption::S3Managed;
        }
        let place = self.place(found, default.unwrap_or(encryption));
        Encryption::Kms(DefaultKey {
            key: key.and_then(known_text).map(str::to_owned),
            said: Some((place, found.id.to_owned())),
        })
    }

    pub(super) fn bucket_policy(&mut self, found: &TemplateResource<'a>, uncertain: Option<&str>) {
        let resolver = self.resolver(found);
        let document = resolver.property(found.node, "PolicyDocument");
        let Some(id) = self.hold(found, document, PolicyKind::Resource, uncertain) else {
            return;
        };
        let Some(name) = resolver.text_property(found.node, "Bucket") else {
            let reason = "the bucket that has this policy is unknown";
            return self.doubt_on(found, found.node, reason.to_owned());
        };
        let here = resolver.deployment();
        let before = self.world.land.buckets.get(&name);
        if before.is_some_and(|bucket| bucket.policy.is_some()) {
            self.dispute(found, &name, "another resource also sets the bucket policy");
        }
        let reason = "the bucket policy is not in the bucket's account";
        let doubt = self.doubt_of(found, found.node, reason.to_owned());
        self.put_by
            .push((name.clone(), here.account.to_owned(), doubt));
        let bucket = self.world.land.buckets.entry(name).or_default();
        bucket.policy = Some(id);
        // Only the owner's account can set a bucket policy.
        if bucket.account.is_none() {
            bucket.account = Some(here.account.to_owned());
            bucket.region = Some(here.region.to_owned());
        }
    }
}

/// Returns whether a default encryption rule enables an S3 Bucket Key, which dual-layer encryption
/// does not support (Amazon S3, *Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys*). Returns
/// `None` if the value cannot be resolved.
fn has_bucket_key(rule: &Node) -> Option<bool> {
    let algorithm = rule.at(["ServerSideEncryptionByDefault", "SSEAlgorithm"]);
    if algorithm.and_then(known_text) == Some("aws:kms:dsse") {
        return Some(false);
    }
    match rule.get("BucketKeyEnabled") {
        None => Some(false),
        Some(enabled) => known_text(enabled).map(|text| text.eq_ignore_ascii_case("true")),
    }
}

/// Returns whether a bucket has `RestrictPublicBuckets`. All four settings are enabled for a new
/// bucket unless its template specifies at least one of them. In that case, omitted settings are
/// disabled.
fn restricts_public(block: Option<Node>) -> Option<bool> {
    let Some(block) = block else {
        return Some(true);
    };
    if block.tag.is_some() {
        return None;
    }
    match block.get("RestrictPublicBuckets") {
        None => Some(false),
        Some(setting) => known_text(setting).map(|text| text.eq_ignore_ascii_case("true")),
    }
}
