//! Attacks on the pipeline itself: its roles, its rule, its artifact stores.

use super::{AttackSuite, Caller, KnownStore, in_procedure, known};
use crate::run::landscape::account_of;
use crate::run::pipeline::Pipeline;
use crate::run::{ARTIFACT, artifact_key, encrypted_with, key_arn};

impl AttackSuite<'_, '_> {
    pub(super) fn on_pipeline(&mut self, pipeline: &Pipeline, is_first: bool) {
        self.target = None;
        self.instance = None;
        let which = if is_first { "" } else { &pipeline.name };
        which.clone_into(&mut self.which);
        self.place = pipeline.place;
        self.region.clone_from(&pipeline.region);
        // Attacks by a role that cannot be known, and on it, are unproven.
        let service_role = Caller::of(&pipeline.service_role);
        let role = pipeline.known_role().unwrap_or_default();
        let dev = match role {
            "" => pipeline.account.as_str(),
            role => account_of(role),
        };
        for service in ["lambda.amazonaws.com", "events.amazonaws.com"] {
            self.add(
                format!(
                    "{}-assumes-service-role",
                    service.split('.').next().unwrap_or_default()
                ),
                format!("{service} assumes the service role"),
                &Caller::Service(service.to_owned()),
                "sts:AssumeRole",
                (role, dev),
            );
        }
        let same_name = self.role(self.third, "other");
        self.add(
            "third-account-assumes-service-role",
            "a role of another account assumes the service role".to_owned(),
            &Caller::Administrator(same_name),
            "sts:AssumeRole",
            (role, dev),
        );
        for (_, name, key) in pipeline.sources() {
            let owner = &self.owner(name);
            let bucket = self.world.land.bucket_arn(name);
            let other = format!("{bucket}/other-{}", key.replace('/', "-"));
            let what = "the service role reads another object of the source bucket".to_owned();
            self.add(
                "service-role-reads-other-source",
                what,
                &service_role,
                "s3:GetObject",
                (&other, owner),
            );
            let what = "the service role overwrites the source".to_owned();
            let object = format!("{bucket}/{key}");
            self.add(
                "service-role-overwrites-source",
                what,
                &service_role,
                "s3:PutObject",
                (&object, owner),
            );
            self.in_namesake_of_source((name, key), &service_role);
            self.on_source_key(pipeline, name, &object, &service_role);
        }
        for store in &pipeline.stores {
            let Some(store) = known(store) else {
                self.on_unknown("artifact-store", "an artifact store", &store.bucket);
                continue;
            };
            let parts = [
                (store.region != pipeline.region).then_some(store.region),
                (!is_first).then_some(pipeline.name.as_str()),
            ];
            self.which = Vec::from_iter(parts.into_iter().flatten()).join("/");
            store.region.clone_into(&mut self.region);
            self.on_store(pipeline, store, &service_role);
        }
        which.clone_into(&mut self.which);
        self.region.clone_from(&pipeline.region);
        let what = "the service role starts another pipeline".to_owned();
        self.add(
            "service-role-starts-another-pipeline",
            what,
            &service_role,
            "codepipeline:StartPipelineExecution",
            (&format!("{}-other", pipeline.arn), dev),
        );
        let other = format!("{}-other", pipeline.arn);
        for rule in &pipeline.rules {
            match (&rule.arn, &rule.role) {
                (Ok(arn), Ok(role)) => self.on_rule(pipeline, (arn, role), &other),
                (_, role) => self.on_unknown("rule", "the role of a rule", role),
            }
        }
    }

    /// A rule, by its ARN, with its role.
    fn on_rule(&mut self, pipeline: &Pipeline, (rule, its_role): (&str, &str), other: &str) {
        let dev = account_of(its_role);
        let role = Caller::Role(its_role.to_owned());
        let action = "codepipeline:StartPipelineExecution";
        let what = "the rule's role starts another pipeline".to_owned();
        self.add(
            "events-role-starts-another-pipeline",
            what,
            &role,
            action,
            (other, dev),
        );
        let events = Caller::Service("events.amazonaws.com".to_owned());
        let third = self.third;
        let (region, partition) = (&pipeline.region, &self.world.land.partition);
        let other_rule = format!("arn:{partition}:events:{region}:{dev}:rule/another");
        let its_rule = format!("arn:{partition}:events:{region}:{third}:rule/another");
        for (id, what, rule_arn, account) in [
            (
                "another-rule-assumes-events-role",
                "another rule of the account assumes the rule's role",
                other_rule.as_str(),
                dev,
            ),
            (
                "another-account-assumes-events-role",
                "another account's rule assumes the rule's role",
                its_rule.as_str(),
                third,
            ),
            (
                "confused-deputy-assumes-events-role",
                "another account assumes the rule's role in the rule's name",
                rule,
                third,
            ),
        ] {
            let context = self
                .context(&events)
                .with("aws:SourceArn", rule_arn)
                .with("aws:SourceAccount", account);
            self.add_in(
                id,
                what.to_owned(),
                &events,
                "sts:AssumeRole",
                (its_role, dev),
                context,
            );
        }
        let lambda = Caller::Service("lambda.amazonaws.com".to_owned());
        let context = self
            .context(&lambda)
            .with("aws:SourceArn", rule)
            .with("aws:SourceAccount", dev);
        let what = "lambda.amazonaws.com assumes the rule's role".to_owned();
        self.add_in(
            "lambda-assumes-events-role",
            what,
            &lambda,
            "sts:AssumeRole",
            (its_role, dev),
            context,
        );
    }

    fn on_store(&mut self, pipeline: &Pipeline, store: KnownStore<'_>, service_role: &Caller) {
        let owner = self.owner(store.bucket);
        let own = service_role.account().unwrap_or(&pipeline.account);
        let bucket = self.world.land.bucket_arn(store.bucket);
        let object = format!("{bucket}/{}", artifact_key(pipeline));
        let what = |text: &str| format!("the service role {text}");
        self.add(
            "service-role-deletes-artifacts",
            what("deletes artifacts"),
            service_role,
            "s3:DeleteObject",
            (&object, &owner),
        );
        self.add(
            "service-role-changes-bucket-policy",
            what("changes the artifact bucket's policy"),
            service_role,
            "s3:PutBucketPolicy",
            (&bucket, &owner),
        );
        let others = format!("{bucket}/another-pipeline/{ARTIFACT}");
        self.add(
            "service-role-reads-other-artifacts",
            what("reads another pipeline's artifacts"),
            service_role,
            "s3:GetObject",
            (&others, &owner),
        );
        let plain = self.context(service_role);
        let encrypted = encrypted_with(plain.clone(), store.store);
        self.add_in(
            "service-role-writes-other-artifacts",
            what("writes another pipeline's artifacts"),
            service_role,
            "s3:PutObject",
            (&others, &owner),
            encrypted.clone(),
        );
        let what = |text: &str| format!("the service role uploads an artifact {text}");
        self.add_in(
            "upload-unencrypted",
            what("without naming an encryption"),
            service_role,
            "s3:PutObject",
            (&object, &owner),
            plain.clone(),
        );
        let aes = plain
            .clone()
            .with("s3:x-amz-server-side-encryption", "AES256");
        self.add_in(
            "upload-with-s3-key",
            what("encrypted with the key of S3"),
            service_role,
            "s3:PutObject",
            (&object, &owner),
            aes,
        );
        let other_key = key_arn(
            &self.world.land,
            "99999999-9999-4999-8999-999999999999",
            own,
            store.region,
        );
        let what_else = "the service role makes data keys of another key".to_owned();
        self.add(
            "service-role-uses-another-key",
            what_else,
            service_role,
            "kms:GenerateDataKey",
            (&other_key, own),
        );
        if let Some(last) = self.found.last_mut() {
            last.call.resource_policy = Some(self.world.open_key);
        }
        // A bucket whose policy no template holds cannot name the key, which is made later; there
        // the role's own lack of any other key is what stops it.
        let by_template = self
            .world
            .land
            .buckets
            .get(store.bucket)
            .and_then(|bucket| bucket.policy)
            .is_none_or(|id| self.world.policies[id].file < self.world.templates);
        if by_template {
            let other = encrypted
                .clone()
                .with("s3:x-amz-server-side-encryption-aws-kms-key-id", other_key);
            self.add_in(
                in_procedure("upload-with-another-key"),
                what("encrypted with another key"),
                service_role,
                "s3:PutObject",
                (&object, &owner),
                other,
            );
        }
        let insecure = encrypted.with("aws:SecureTransport", "false");
        self.add_in(
            "upload-without-tls",
            what("without TLS"),
            service_role,
            "s3:PutObject",
            (&object, &owner),
            insecure,
        );
        self.in_namesake_of_store(store, &object, service_role);
        let Some(key) = store.key else { return };
        let key = key_arn(&self.world.land, key, own, store.region);
        for (id, text, action) in [
            (
                "service-role-changes-key-policy",
                "changes the key's policy",
                "kms:PutKeyPolicy",
            ),
            (
                "service-role-schedules-key-deletion",
                "schedules the key's deletion",
                "kms:ScheduleKeyDeletion",
            ),
            (
                "service-role-disables-key",
                "disables the key",
                "kms:DisableKey",
            ),
            (
                "service-role-creates-grants",
                "creates grants of the key",
                "kms:CreateGrant",
            ),
        ] {
            let what = format!("the service role {text}");
            self.add(id, what, service_role, action, (&key, account_of(&key)));
        }
    }
}
