//! Checks of buckets: their policies, and the settings that a pipeline execution depends on.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::expected::{ExpectedBucket, Purpose, account_of, encryption, is_true, text};
use super::super::finding::Rule;
use super::super::live::{Bucket, Reading};
use super::super::templates::customer_key;
use super::policies::Subject;
use super::{Block, Checks, Command};
use crate::definition::model::{ActionPart, actions};
use crate::run::Step;
use crate::template::UNKNOWN;

const EVERYBODY: [&str; 2] = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
];

impl Checks<'_> {
    pub(super) fn buckets(&mut self) {
        for bucket in &self.expected.buckets {
            match self.live.buckets.get(&bucket.name) {
                _ if self.is_absent(bucket.stack) => {}
                Some(Reading::Missing) => self.missing_bucket(bucket),
                Some(Reading::Read(found)) => {
                    self.bucket_policy(bucket, found);
                    self.versioning(bucket, found);
                    self.notifications(bucket, found);
                    self.ownership(bucket, found);
                    self.public_access(bucket, found);
                    self.encryption(bucket, found);
                    self.default_key(bucket, found);
                }
                _ => {}
            }
        }
    }

    fn missing_bucket(&mut self, bucket: &ExpectedBucket) {
        let advice = if bucket.properties.is_some() {
            "CloudFormation does not recreate a bucket that was deleted manually: create it with \
             the settings in the template, or destroy the stack and deploy again"
        } else {
            "the configuration declares it as an existing bucket: create it, or specify another \
             bucket"
        };
        self.error(Rule::BucketMissing, bucket, "the bucket does not exist")
            .blocking(Block::Resource(bucket.name.clone()))
            .named(&bucket.name)
            .advise(advice);
    }

    fn bucket_policy(&mut self, bucket: &ExpectedBucket, found: &Bucket) {
        let none = json!({ "Statement": [] });
        let live = match &found.policy {
            Reading::Read(policy) => policy,
            Reading::Missing => &none,
            Reading::Refused(_) => return,
        };
        let put = bucket.policy.as_ref().map(|policy| {
            self.aws(
                bucket,
                of_bucket("s3api put-bucket-policy", bucket).json("--policy", policy),
            )
        });
        let subject = Subject {
            rule: Rule::BucketPolicy,
            of: bucket.into(),
            what: "bucket policy".to_owned(),
            stack: bucket.stack,
            block: Block::ResourcePolicy(bucket.name.clone()),
            name: &bucket.name,
            put: put.into_iter().collect(),
        };
        self.policy(&subject, bucket.policy.as_ref(), live);
    }

    fn versioning(&mut self, bucket: &ExpectedBucket, found: &Bucket) {
        let Reading::Read(state) = &found.versioning else {
            return;
        };
        let expected = bucket.properties.as_ref();
        let expected =
            expected.is_some_and(|all| all["VersioningConfiguration"]["Status"] == "Enabled");
        let is_source = bucket.purpose == Purpose::Source;
        if state == "Enabled" || !(is_source || expected) {
            return;
        }
        let fix = self.aws(
            bucket,
            of_bucket("s3api put-bucket-versioning", bucket)
                .option("--versioning-configuration", "Status=Enabled"),
        );
        let is = if state.is_empty() { "off" } else { "suspended" };
        let cause = if is_source {
            let message =
                format!("its versioning is {is}, but a source action requires versioning");
            let cause = self.error(Rule::Versioning, bucket, message);
            cause.failing([Step::Source])
        } else {
            let message = format!("its versioning is {is}, but the template enables it");
            self.warn(Rule::Drift, bucket, message)
        };
        cause.named(&bucket.name).fix(fix);
    }

    fn notifications(&mut self, bucket: &ExpectedBucket, found: &Bucket) {
        // Only a rule that matches the bucket's events needs notifications.
        let watched = self.expected.rules().any(|rule| {
            rule.properties["EventPattern"]["source"]
                .to_string()
                .contains("aws.s3")
                && rule.properties["EventPattern"]
                    .to_string()
                    .contains(&format!("\"{}\"", bucket.name))
        });
        let off = matches!(found.event_bridge, Reading::Read(false) | Reading::Missing);
        if !watched || !off {
            return;
        }
        let operation = "s3api put-bucket-notification-configuration";
        let events = json!({ "EventBridgeConfiguration": {} });
        let fix = self.aws(
            bucket,
            of_bucket(operation, bucket).json("--notification-configuration", &events),
        );
        self.error(
            Rule::ChangeEvents,
            bucket,
            "it does not send events to EventBridge, so a new version does not start the pipeline",
        )
        .advise(
            "the command replaces the bucket's notification configuration: if the bucket has \
             other notifications, include them",
        )
        .fix(fix);
    }

    fn ownership(&mut self, bucket: &ExpectedBucket, found: &Bucket) {
        let live = match &found.ownership {
            Reading::Read(live) => live.as_str(),
            // The default for buckets that are older than the setting.
            Reading::Missing => "ObjectWriter",
            Reading::Refused(_) => return,
        };
        let enforced = live == "BucketOwnerEnforced";
        let properties = bucket.properties.as_ref();
        let expected = properties
            .and_then(|all| text(&all["OwnershipControls"]["Rules"].get(0)?["ObjectOwnership"]));
        let wanted = expected.as_deref().unwrap_or("BucketOwnerEnforced");
        let rules = format!("Rules=[{{ObjectOwnership={wanted}}}]");
        let command = of_bucket("s3api put-bucket-ownership-controls", bucket);
        let fix = self.aws(bucket, command.option("--ownership-controls", rules));
        if bucket.purpose == Purpose::Output {
            let writers = self.output_writers(&bucket.name);
            for (role_account, acl) in writers {
                let foreign = role_account != bucket.account;
                let given = acl.as_deref() == Some("bucket-owner-full-control");
                let kept = live == "ObjectWriter" || (live == "BucketOwnerPreferred" && !given);
                if foreign && kept {
                    let message = format!(
                        "its object ownership is {live}, so account {role_account} owns the \
                         objects that it writes"
                    );
                    self.error(Rule::Ownership, bucket, message)
                        .advise(
                            "set the target's deploy role (`RoleArn`) in the deploy action, or \
                             run:",
                        )
                        .fix(fix.clone());
                    return;
                }
                if enforced && acl.as_ref().is_some_and(|_| !given) {
                    self.error(
                        Rule::Ownership,
                        bucket,
                        format!(
                            "its object ownership is {live}, which rejects the deploy action's \
                             ACL `{}`",
                            acl.unwrap_or_default()
                        ),
                    )
                    .named("AccessControlListNotSupported")
                    .advise("remove `CannedACL` from the deploy action: it is not needed")
                    .failing([Step::Deploy]);
                    return;
                }
            }
        }
        if expected.as_deref().is_some_and(|expected| expected != live) {
            self.warn(
                Rule::Drift,
                bucket,
                format!(
                    "its object ownership is {live}, but the template specifies {}",
                    expected.unwrap_or_default()
                ),
            )
            .fix(fix);
        }
        let open: Vec<&String> = (found.grantees.read().into_iter().flatten())
            .filter(|grantee| EVERYBODY.contains(&grantee.as_str()))
            .collect();
        if !enforced && !open.is_empty() {
            let fix = self.aws(
                bucket,
                of_bucket("s3api put-bucket-acl", bucket).option("--acl", "private"),
            );
            self.warn(Rule::Drift, bucket, "its ACL grants public access")
                .fix(fix);
        }
    }

    fn public_access(&mut self, bucket: &ExpectedBucket, found: &Bucket) {
        let expected = bucket
            .properties
            .as_ref()
            .and_then(|all| all["PublicAccessBlockConfiguration"].as_object());
        let none = BTreeMap::new();
        let live = match &found.public_access_block {
            Reading::Read(live) => live,
            Reading::Missing => &none,
            Reading::Refused(_) => return,
        };
        let off: Vec<&str> = expected
            .into_iter()
            .flatten()
            .filter(|(name, value)| is_true(value) && live.get(*name) != Some(&true))
            .map(|(name, _)| name.as_str())
            .collect();
        if off.is_empty() {
            return;
        }
        let fix = self.aws(
            bucket,
            of_bucket("s3api put-public-access-block", bucket).option(
                "--public-access-block-configuration",
                "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,\
             RestrictPublicBuckets=true",
            ),
        );
        self.warn(
            Rule::Drift,
            bucket,
            format!("its public access block does not enable {}", off.join(", ")),
        )
        .fix(fix);
    }

    fn encryption(&mut self, bucket: &ExpectedBucket, found: &Bucket) {
        let expected = bucket.properties.as_ref().and_then(encryption);
        let (Some(expected), Reading::Read(live)) = (expected, &found.encryption) else {
            return;
        };
        let last = |key: &Option<String>| key.as_deref().map(|key| super::last(key).to_owned());
        let other_key = last(&expected.key) != last(&live.key)
            && !expected
                .key
                .as_deref()
                .is_some_and(|key| key.contains(UNKNOWN));
        if expected.algorithm == live.algorithm && !other_key {
            return;
        }
        let mut default = json!({ "SSEAlgorithm": expected.algorithm });
        if let Some(key) = &expected.key {
            default["KMSMasterKeyID"] = json!(key);
        }
        let rules = json!({ "Rules": [{
            "ApplyServerSideEncryptionByDefault": default,
            "BucketKeyEnabled": expected.bucket_key,
        }] });
        let fix = self.aws(
            bucket,
            of_bucket("s3api put-bucket-encryption", bucket)
                .json("--server-side-encryption-configuration", &rules),
        );
        let shown = |algorithm: &str, key: &Option<String>| match last(key) {
            Some(key) => format!("{algorithm} with key {key}"),
            None => algorithm.to_owned(),
        };
        self.warn(
            Rule::Drift,
            bucket,
            format!(
                "its default encryption is {}, but the template specifies {}",
                shown(&live.algorithm, &live.key),
                shown(&expected.algorithm, &expected.key)
            ),
        )
        .fix(fix);
    }

    /// Checks the default encryption of an existing bucket that a pipeline execution reads or
    /// writes. The roles may use only a key that the configuration names.
    fn default_key(&mut self, bucket: &ExpectedBucket, found: &Bucket) {
        let is_used = matches!(bucket.purpose, Purpose::Source | Purpose::Output);
        let Reading::Read(live) = &found.encryption else {
            return;
        };
        if bucket.properties.is_some() || !is_used {
            return;
        }
        let places = &self.expected.places;
        let target = places.get(bucket.stack).map_or("", |place| &place.template);
        let instances = places.iter().filter(|place| place.template == target);
        let (configured, advice) = match bucket.purpose {
            Purpose::Source => ("`encryption_key` under `dev.source`".to_owned(), None),
            _ => (
                format!("`encryption_key` of target `{target}`"),
                // A key belongs to one account and region.
                (instances.count() > 1).then_some(
                    "define a separate target with this key for this account and region",
                ),
            ),
        };
        match (customer_key(live, self.live), &bucket.key) {
            (Some(key), Some(named)) if key == *named => {}
            (Some(key), named) => {
                let says = match named {
                    Some(named) => format!("the deployed templates specify key {named}"),
                    None => "the deployed templates do not specify a key".to_owned(),
                };
                let deploy = self.deploy(bucket);
                self.warn(
                    Rule::BucketKey,
                    bucket,
                    format!("its default encryption uses key {key}, but {says}"),
                )
                .blocking(Block::Denied(key.clone()))
                .named(super::last(&key))
                .advise(match advice {
                    Some(advice) => advice.to_owned(),
                    None => format!("set {configured} to `{key}` and deploy:"),
                })
                .fix(deploy)
                .advise("`s3ferry synth` prints the statement that the key policy needs");
            }
            (None, Some(named)) => {
                self.warn(
                    Rule::BucketKey,
                    bucket,
                    format!(
                        "its default encryption is {}, but the deployed templates specify key \
                         {named}",
                        live.algorithm
                    ),
                )
                .advise(format!(
                    "remove {configured}, or set the default encryption of the bucket to this key"
                ));
            }
            (None, None) => {}
        }
    }

    /// Returns the accounts and the ACLs of the deploy actions that write to a bucket.
    fn output_writers(&self, bucket: &str) -> Vec<(String, Option<String>)> {
        let mut found = Vec::new();
        for pipeline in self.expected.pipelines() {
            let live = self.live.pipelines.get(pipeline.known_name());
            let live = live.and_then(Reading::read);
            let definition = live.map_or(&pipeline.properties, |live| &live.definition);
            let deploys = actions(definition).filter(ActionPart::is_s3_deploy);
            for action in deploys.filter(|action| action.setting_text("BucketName") == Some(bucket))
            {
                let account = account_of(action.text("RoleArn"), pipeline);
                found.push((account, action.setting("CannedACL").and_then(text)));
            }
        }
        found
    }
}

fn of_bucket(operation: &str, bucket: &ExpectedBucket) -> Command {
    Command::aws(operation).option("--bucket", &bucket.name)
}
