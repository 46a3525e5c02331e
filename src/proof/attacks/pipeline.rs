//! Attacks on a pipeline: its roles, its rules, and its artifact stores.

use std::collections::BTreeSet;

use super::{AttackSuite, Attacker, Caller, KnownStore, attacker, known, service};
use crate::aws::arn;
use crate::run::landscape::{Value, account_of};
use crate::run::pipeline::Pipeline;
use crate::run::{ARTIFACT, artifact_key, key_arn, named};

/// Returns the values, each once.
fn once<'v>(values: impl Iterator<Item = &'v Value>) -> impl Iterator<Item = &'v Value> {
    let mut seen = BTreeSet::new();
    values.filter(move |value| match value {
        Ok(known) => seen.insert(known.as_str()),
        // Each unknown value can be a different one.
        Err(_) => true,
    })
}

impl AttackSuite<'_, '_> {
    /// Returns a role in an account that is unrelated to the pipeline.
    pub(super) fn stranger(&self, role: &str) -> Attacker {
        let caller = self.administrator(self.third, role);
        attacker(caller, "third-account", "a role in another account")
    }

    pub(super) fn on_pipeline(&mut self, pipeline: &Pipeline, is_first: bool) {
        self.target = None;
        self.instance = None;
        let which = if is_first { "" } else { &pipeline.name };
        which.clone_into(&mut self.which);
        self.place = pipeline.place;
        self.region.clone_from(&pipeline.region);
        // Attacks by or on an unknown role are unproven.
        let role = pipeline.known_role().unwrap_or_default();
        let dev = match role {
            "" => pipeline.account.as_str(),
            role => account_of(role),
        };
        for by in [service("lambda"), service("events"), self.stranger("other")] {
            let (name, what) = ("assumes-service-role", "assumes the service role");
            self.add(&by, name, what, "sts:AssumeRole", (role, dev));
        }
        let by = Caller::of(&pipeline.service_role);
        let by = &attacker(by, "service-role", "the service role");
        for (_, bucket, key) in pipeline.sources() {
            let owner = &self.owner(bucket);
            let arn = self.world.land.bucket_arn(bucket);
            let other = format!("{arn}/other-{}", key.replace('/', "-"));
            let object = format!("{arn}/{key}");
            let (other, source) = ((&*other, &**owner), (&*object, &**owner));
            attacks! { self, by;
                "reads-other-source", "reads another object in the source bucket", "s3:GetObject",
                    other;
                "overwrites-source", "overwrites the source", "s3:PutObject", source;
            }
            self.in_namesake_of_source(bucket, key, by);
            self.on_source_key(pipeline, bucket, &object, by);
        }
        for connection in pipeline.connections() {
            match connection {
                Ok(connection) => self.on_connection(connection, by),
                Err(_) => self.on_unknown("connection", "a connection", connection),
            }
        }
        for (number, alarm) in once(pipeline.alarms()).enumerate() {
            self.number(which, number);
            match alarm {
                Ok(alarm) => self.on_alarm(alarm, by),
                Err(_) => self.on_unknown("alarm", "an alarm", alarm),
            }
        }
        for (number, topic) in once(pipeline.topics()).enumerate() {
            self.number(which, number);
            match topic {
                Ok(topic) => self.on_topic(topic, by),
                Err(_) => self.on_unknown("topic", "a topic", topic),
            }
        }
        for store in &pipeline.stores {
            let Some(store) = known(store) else {
                self.on_unknown("artifact-store", "an artifact store", &store.bucket);
                continue;
            };
            let region = match store.region == pipeline.region {
                true => "",
                false => store.region,
            };
            self.which = named(region, which);
            store.region.clone_into(&mut self.region);
            self.on_store(pipeline, store, by);
        }
        which.clone_into(&mut self.which);
        self.region.clone_from(&pipeline.region);
        self.on_builds(pipeline);
        for (number, project) in
            once(pipeline.builds().map(|(_, build)| &build.project)).enumerate()
        {
            let Ok(project) = project else { continue };
            self.number(which, number);
            let other = format!("{project}-other");
            let (name, what) = ("starts-another-build", "starts a build of another project");
            let on = (&*other, account_of(project));
            self.add(by, name, what, "codebuild:StartBuild", on);
        }
        which.clone_into(&mut self.which);
        let other = &format!("{}-other", pipeline.arn);
        self.starts(by, (other, dev));
        for rule in &pipeline.rules {
            match (&rule.arn, &rule.role) {
                (Ok(arn), Ok(role)) => self.on_rule(pipeline, (arn, role), other),
                (_, role) => self.on_unknown("rule", "the role of a rule", role),
            }
        }
    }

    /// Adds the attacks of the service role on a connection, and on the other connections in its
    /// account.
    fn on_connection(&mut self, connection: &str, by: &Attacker) {
        let owner = account_of(connection);
        // The ID differs only in its last digit, so that a wildcard for a part of the ID is found.
        let (start, last) = connection.split_at(connection.len().saturating_sub(1));
        let other = format!("{start}{}", if last == "0" { "1" } else { "0" });
        let (other, connection) = ((&*other, owner), (connection, owner));
        attacks! { self, by;
            "uses-another-connection", "reads repositories through another connection",
                "codeconnections:UseConnection", other;
            "uses-another-connection-by-old-name",
                "reads repositories through another connection (old service prefix)",
                "codestar-connections:UseConnection", other;
            "deletes-connection", "deletes the connection", "codeconnections:DeleteConnection",
                connection;
        }
    }

    /// Distinguishes the attacks on the second alarm or topic of a pipeline, and on later ones, from
    /// those on the first.
    fn number(&mut self, which: &str, number: usize) {
        self.which = match number {
            0 => which.to_owned(),
            _ => named(which, &(number + 1).to_string()),
        };
    }

    /// Adds the attacks of the service role on an alarm, and on the other alarms in its account.
    fn on_alarm(&mut self, alarm: &str, by: &Attacker) {
        let owner = account_of(alarm);
        let other = format!("{alarm}-other");
        let (other, alarm) = ((&*other, owner), (alarm, owner));
        attacks! { self, by;
            "reads-another-alarm", "reads the state of another alarm", "cloudwatch:DescribeAlarms",
                other;
            "sets-alarm-state", "sets the state of the alarm", "cloudwatch:SetAlarmState", alarm;
        }
    }

    /// Adds the attack of the service role on the other topics in the account of a topic. The other
    /// topic is made up, so only the role's own policies can allow it.
    fn on_topic(&mut self, topic: &str, by: &Attacker) {
        let owner = account_of(topic);
        let other = format!("{topic}-other");
        let other = (&*other, owner);
        attacks! { self, by;
            "notifies-another-topic", "publishes to another topic", "sns:Publish", other; made_up();
        }
    }

    fn starts(&mut self, by: &Attacker, on: (&str, &str)) {
        let action = "codepipeline:StartPipelineExecution";
        let (name, what) = ("starts-another-pipeline", "starts another pipeline");
        self.add(by, name, what, action, on);
    }

    /// Adds the attacks on a rule, which is identified by its ARN, and on its role.
    fn on_rule(&mut self, pipeline: &Pipeline, (rule, its_role): (&str, &str), other: &str) {
        let dev = account_of(its_role);
        let third = self.third;
        let role = Caller::Role(its_role.to_owned());
        let role = attacker(role, "events-role", "the rule's role");
        self.starts(&role, (other, dev));
        let events = |name: &str, who: &str| attacker(service("events").caller, name, who);
        let (region, partition) = (&pipeline.region, &self.world.land.partition);
        let another = |account: &str| arn::rule(partition, region, account, "another");
        let (assumes, rule) = ("assumes the rule's role", rule.to_owned());
        for (by, what, rule, account) in [
            (
                events("another-rule", "another rule in the account"),
                assumes,
                another(dev),
                dev,
            ),
            (
                events("another-account", "another account's rule"),
                assumes,
                another(third),
                third,
            ),
            (
                events("confused-deputy", "another account"),
                "assumes the rule's role on behalf of the rule",
                rule.clone(),
                third,
            ),
            (service("lambda"), assumes, rule, dev),
        ] {
            let on = (its_role, dev);
            self.add(&by, "assumes-events-role", what, "sts:AssumeRole", on)
                .with("aws:SourceArn", rule)
                .with("aws:SourceAccount", account);
        }
    }

    fn on_store(&mut self, pipeline: &Pipeline, store: KnownStore<'_>, by: &Attacker) {
        let world = self.world;
        let owner = &*self.owner(store.bucket);
        let own = by.caller.account().unwrap_or(&pipeline.account);
        let arn = world.land.bucket_arn(store.bucket);
        let artifact = format!("{arn}/{}", artifact_key(pipeline));
        let foreign = format!("{arn}/another-pipeline/{ARTIFACT}");
        let (bucket, object, others) = ((&*arn, owner), (&*artifact, owner), (&*foreign, owner));
        let id = "99999999-9999-4999-8999-999999999999";
        let other_key = &*key_arn(&world.land, id, own, store.region);
        let another = (other_key, own);
        attacks! { self, by;
            "deletes-artifacts", "deletes artifacts", "s3:DeleteObject", object;
            "changes-bucket-policy", "changes the artifact bucket's policy", "s3:PutBucketPolicy",
                bucket;
            "reads-other-artifacts", "reads another pipeline's artifacts", "s3:GetObject", others;
            "writes-other-artifacts", "writes another pipeline's artifacts", "s3:PutObject", others;
                encrypted_with(store);
        }
        let who = "the service role uploads an artifact";
        let upload = &attacker(by.caller.clone(), "upload", who);
        attacks! { self, upload;
            "unencrypted", "without specifying encryption", "s3:PutObject", object;
            "with-s3-key", "encrypted with an S3 managed key", "s3:PutObject", object;
                with("s3:x-amz-server-side-encryption", "AES256");
        }
        attacks! { self, by;
            "uses-another-key", "generates data keys with another key", "kms:GenerateDataKey",
                another; under(world.open_key);
        }
        // A bucket policy outside the templates cannot name the key, which is created later. In
        // that case, the attack fails because the role has no permission for any other key.
        let found = world.land.buckets.get(store.bucket);
        let policy = found.and_then(|bucket| bucket.policy);
        if policy.is_none_or(|id| world.policies[id].place.file < world.templates) {
            attacks! { self, upload;
                "with-another-key", "encrypted with another key", "s3:PutObject", object;
                    encrypted_with(store);
                    with("s3:x-amz-server-side-encryption-aws-kms-key-id", other_key);
                    in_procedure();
            }
        }
        attacks! { self, upload;
            "without-tls", "without TLS", "s3:PutObject", object; encrypted_with(store); without_tls();
        }
        self.in_namesake_of_store(store, &artifact, by);
        let Some(key) = store.key else { return };
        let key = key_arn(&world.land, key, own, store.region);
        let key = (&*key, account_of(&key));
        attacks! { self, by;
            "changes-key-policy", "changes the key's policy", "kms:PutKeyPolicy", key;
            "schedules-key-deletion", "schedules the key's deletion", "kms:ScheduleKeyDeletion",
                key;
            "disables-key", "disables the key", "kms:DisableKey", key;
            "creates-grants", "creates grants for the key", "kms:CreateGrant", key;
        }
    }
}
