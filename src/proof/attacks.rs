//! The calls that must not be allowed, made from the same templates as the run.
//!
//! An attacker from elsewhere is a role that its own account allows everything, so that the
//! resource's side has to stop it. An administrator of an account is no attacker on that
//! account's own resources, except without TLS, which nobody may do without.

use super::call::{Call, Caller};
use super::facts::{Deploy, Pipeline, Rule, Store};
use super::run::{account_of, artifact_key, context, encrypted_with, key_arn, via_s3};
use super::world::{Place, World};
use crate::authz::Context;

/// An attack.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    pub(super) call: Call,
    pub(super) what: String,
}

/// The attacks that AWS's published procedure allows by itself.
pub(super) const PROCEDURE_ALLOWS: [&str; 14] = [
    "other-target-role-reads-artifacts",
    "other-target-role-lists-artifacts",
    "other-target-role-decrypts",
    "other-target-role-writes-artifacts",
    "target-root-reads-artifacts",
    "target-root-lists-artifacts",
    "target-root-decrypts",
    "target-root-writes-artifacts",
    "deploy-role-encrypts",
    "deploy-role-generates-data-keys",
    "deploy-role-reads-other-artifacts",
    "deploy-role-writes-outside-path",
    "deploy-role-changes-object-acl",
    "upload-with-another-key",
];

/// All attacks on the pipelines and what belongs to them.
pub(super) fn attacks(world: &World<'_>, pipelines: &[Pipeline]) -> Vec<Plot> {
    let mut plots = Plots {
        world,
        found: Vec::new(),
        target: None,
        place: Place {
            file: 0,
            span: crate::syntax::Span::default(),
        },
        region: String::new(),
    };
    for pipeline in pipelines {
        plots.on_pipeline(pipeline);
        for deploy in &pipeline.deploys {
            plots.on_target(pipeline, deploy);
        }
    }
    plots.on_buckets();
    plots.found
}

struct Plots<'r, 'w> {
    world: &'r World<'w>,
    found: Vec<Plot>,
    target: Option<String>,
    place: Place,
    region: String,
}

impl Plots<'_, '_> {
    fn role(&self, account: &str, path_and_name: &str) -> String {
        format!(
            "arn:{}:iam::{account}:role/{path_and_name}",
            self.world.partition
        )
    }

    /// An account that has nothing to do with the pipeline.
    fn third_account(&self) -> &'static str {
        let accounts = [
            "999999999999",
            "888888888888",
            "777777777777",
            "666666666666",
        ];
        let free = accounts
            .into_iter()
            .find(|account| self.world.accounts.iter().all(|known| known != account));
        free.unwrap_or("999999999999")
    }

    fn context(&self, caller: &Caller) -> Context {
        context(self.world, caller, &self.region)
    }

    fn plot(&mut self, id: &str, what: String, caller: &Caller, action: &str, on: (&str, &str)) {
        let context = self.context(caller);
        self.plot_in(id, what, caller, action, on, context);
    }

    /// An attack; `on` is the resource and its account.
    fn plot_in(
        &mut self,
        id: &str,
        what: String,
        caller: &Caller,
        action: &str,
        on: (&str, &str),
        context: Context,
    ) {
        self.found.push(Plot {
            what,
            call: Call {
                id: id.to_owned(),
                target: self.target.clone(),
                step: "attack",
                caller: caller.clone(),
                action: action.to_owned(),
                resource: on.0.to_owned(),
                account: on.1.to_owned(),
                context,
                place: self.place,
                resource_policy: None,
                made_up: false,
            },
        });
    }

    /// The resource of the last attack is nobody's, and has no policy.
    fn of_nothing(&mut self) {
        if let Some(last) = self.found.last_mut() {
            last.call.made_up = true;
        }
    }

    fn on_pipeline(&mut self, pipeline: &Pipeline) {
        self.target = None;
        self.place = pipeline.place;
        self.region.clone_from(&pipeline.region);
        let service_role = Caller::Role(pipeline.service_role.clone());
        let dev = pipeline.account.as_str();
        for service in ["lambda.amazonaws.com", "events.amazonaws.com"] {
            self.plot(
                &format!(
                    "{}-assumes-service-role",
                    service.split('.').next().unwrap_or_default()
                ),
                format!("{service} assumes the service role"),
                &Caller::Service(service.to_owned()),
                "sts:AssumeRole",
                (&pipeline.service_role, dev),
            );
        }
        let same_name = self.role(self.third_account(), "other");
        self.plot(
            "third-account-assumes-service-role",
            "a role of another account assumes the service role".to_owned(),
            &Caller::Administrator(same_name),
            "sts:AssumeRole",
            (&pipeline.service_role, dev),
        );
        for source in &pipeline.sources {
            let bucket = self.world.bucket_arn(&source.bucket);
            let other = format!("{bucket}/other-{}", source.key.replace('/', "-"));
            let what = "the service role reads another object of the source bucket".to_owned();
            self.plot(
                "service-role-reads-other-source",
                what,
                &service_role,
                "s3:GetObject",
                (&other, dev),
            );
            let what = "the service role overwrites the source".to_owned();
            let object = format!("{bucket}/{}", source.key);
            self.plot(
                "service-role-overwrites-source",
                what,
                &service_role,
                "s3:PutObject",
                (&object, dev),
            );
        }
        for store in &pipeline.stores {
            self.on_store(pipeline, store, &service_role);
        }
        let other = format!("{}-other", pipeline.arn);
        for rule in &pipeline.rules {
            self.on_rule(pipeline, rule, &other);
        }
    }

    fn on_rule(&mut self, pipeline: &Pipeline, rule: &Rule, other: &str) {
        let dev = pipeline.account.as_str();
        let role = Caller::Role(rule.role.clone());
        let action = "codepipeline:StartPipelineExecution";
        let what = "the rule's role starts another pipeline".to_owned();
        self.plot(
            "events-role-starts-another-pipeline",
            what,
            &role,
            action,
            (other, dev),
        );
        let events = Caller::Service("events.amazonaws.com".to_owned());
        let third = self.third_account();
        let (region, partition) = (&pipeline.region, &self.world.partition);
        let other_rule = format!("arn:{partition}:events:{region}:{dev}:rule/another");
        let its_rule = format!("arn:{partition}:events:{region}:{third}:rule/another");
        for (id, what, rule_arn, account) in [
            (
                "another-rule-assumes-events-role",
                "another rule of the account assumes the rule's role",
                &other_rule,
                dev,
            ),
            (
                "another-account-assumes-events-role",
                "another account's rule assumes the rule's role",
                &its_rule,
                third,
            ),
            (
                "confused-deputy-assumes-events-role",
                "another account assumes the rule's role in the rule's name",
                &rule.arn,
                third,
            ),
        ] {
            let context = self
                .context(&events)
                .with("aws:SourceArn", rule_arn)
                .with("aws:SourceAccount", account);
            self.plot_in(
                id,
                what.to_owned(),
                &events,
                "sts:AssumeRole",
                (&rule.role, dev),
                context,
            );
        }
        let lambda = Caller::Service("lambda.amazonaws.com".to_owned());
        let context = self
            .context(&lambda)
            .with("aws:SourceArn", &rule.arn)
            .with("aws:SourceAccount", dev);
        let what = "lambda.amazonaws.com assumes the rule's role".to_owned();
        self.plot_in(
            "lambda-assumes-events-role",
            what,
            &lambda,
            "sts:AssumeRole",
            (&rule.role, dev),
            context,
        );
    }

    fn on_store(&mut self, pipeline: &Pipeline, store: &Store, service_role: &Caller) {
        let dev = pipeline.account.as_str();
        let bucket = self.world.bucket_arn(&store.bucket);
        let object = format!("{bucket}/{}", artifact_key(&pipeline.name));
        let what = |text: &str| format!("the service role {text}");
        self.plot(
            "service-role-deletes-artifacts",
            what("deletes artifacts"),
            service_role,
            "s3:DeleteObject",
            (&object, dev),
        );
        self.plot(
            "service-role-changes-bucket-policy",
            what("changes the artifact bucket's policy"),
            service_role,
            "s3:PutBucketPolicy",
            (&bucket, dev),
        );
        let others = format!("{bucket}/another-pipeline/SourceArti/aB3dE5f");
        self.plot(
            "service-role-reads-other-artifacts",
            what("reads another pipeline's artifacts"),
            service_role,
            "s3:GetObject",
            (&others, dev),
        );
        let plain = self.context(service_role);
        let encrypted = encrypted_with(plain.clone(), store);
        self.plot_in(
            "service-role-writes-other-artifacts",
            what("writes another pipeline's artifacts"),
            service_role,
            "s3:PutObject",
            (&others, dev),
            encrypted.clone(),
        );
        let what = |text: &str| format!("the service role uploads an artifact {text}");
        self.plot_in(
            "upload-unencrypted",
            what("without naming an encryption"),
            service_role,
            "s3:PutObject",
            (&object, dev),
            plain.clone(),
        );
        let aes = plain
            .clone()
            .with("s3:x-amz-server-side-encryption", "AES256");
        self.plot_in(
            "upload-with-s3-key",
            what("encrypted with the key of S3"),
            service_role,
            "s3:PutObject",
            (&object, dev),
            aes,
        );
        let other_key = key_arn(
            self.world,
            "99999999-9999-4999-8999-999999999999",
            dev,
            &store.region,
        );
        let other = encrypted
            .clone()
            .with("s3:x-amz-server-side-encryption-aws-kms-key-id", other_key);
        self.plot_in(
            "upload-with-another-key",
            what("encrypted with another key"),
            service_role,
            "s3:PutObject",
            (&object, dev),
            other,
        );
        let insecure = encrypted.with("aws:SecureTransport", "false");
        self.plot_in(
            "upload-without-tls",
            what("without TLS"),
            service_role,
            "s3:PutObject",
            (&object, dev),
            insecure,
        );
        let Some(key) = &store.key else { return };
        let key = key_arn(self.world, key, dev, &store.region);
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
            self.plot(id, what, service_role, action, (&key, dev));
        }
    }

    fn on_target(&mut self, pipeline: &Pipeline, deploy: &Deploy) {
        self.target = Some(deploy.target.clone());
        self.place = deploy.place;
        self.region.clone_from(&deploy.region);
        let Some(store) = pipeline.store(&deploy.region) else {
            return;
        };
        let dev = pipeline.account.as_str();
        let theirs = account_of(&deploy.role).to_owned();
        let bucket = self.world.bucket_arn(&store.bucket);
        let object = format!("{bucket}/{}", artifact_key(&pipeline.name));
        let key = (store.key.as_ref()).map(|key| key_arn(self.world, key, dev, &store.region));
        if theirs != dev {
            let other = Caller::Administrator(self.role(&theirs, "other-role"));
            self.on_artifacts(
                "other-target-role",
                &format!("another role of {theirs}"),
                &other,
                (store, &bucket, &object, dev),
                key.as_deref(),
            );
            let root = Caller::Root(theirs.clone());
            self.on_artifacts(
                "target-root",
                &format!("the root user of {theirs}"),
                &root,
                (store, &bucket, &object, dev),
                key.as_deref(),
            );
        }
        let name = deploy.role.rsplit('/').next().unwrap_or_default();
        let third = self.third_account();
        let namesake = Caller::Administrator(self.role(third, name));
        self.on_artifacts(
            "namesake",
            "a role of the deploy role's name in another account",
            &namesake,
            (store, &bucket, &object, dev),
            key.as_deref(),
        );
        self.on_deploy_role(pipeline, deploy, &theirs, third);
        let role = Caller::Role(deploy.role.clone());
        self.by_deploy_role(pipeline, deploy, &role, &theirs);
        self.on_dev(pipeline, store, &role, key.as_deref());
        self.by_service_role(pipeline, deploy, &theirs);
    }

    /// Reading, listing, writing and decrypting artifacts by somebody else.
    fn on_artifacts(
        &mut self,
        id: &str,
        who: &str,
        caller: &Caller,
        (store, bucket, object, account): (&Store, &str, &str, &str),
        key: Option<&str>,
    ) {
        let what = format!("{who} reads artifacts");
        self.plot(
            &format!("{id}-reads-artifacts"),
            what,
            caller,
            "s3:GetObject",
            (object, account),
        );
        let what = format!("{who} lists the artifacts");
        self.plot(
            &format!("{id}-lists-artifacts"),
            what,
            caller,
            "s3:ListBucket",
            (bucket, account),
        );
        let what = format!("{who} writes artifacts");
        let put = encrypted_with(self.context(caller), store);
        self.plot_in(
            &format!("{id}-writes-artifacts"),
            what,
            caller,
            "s3:PutObject",
            (object, account),
            put,
        );
        if let Some(key) = key {
            let what = format!("{who} decrypts artifacts");
            let context = via_s3(self.world, self.context(caller), &store.region, object);
            self.plot_in(
                &format!("{id}-decrypts"),
                what,
                caller,
                "kms:Decrypt",
                (key, account),
                context,
            );
        }
    }

    /// Becoming the deploy role.
    fn on_deploy_role(&mut self, pipeline: &Pipeline, deploy: &Deploy, theirs: &str, third: &str) {
        let dev = pipeline.account.as_str();
        let on = (deploy.role.as_str(), theirs);
        let service_name = pipeline
            .service_role
            .split_once(":role/")
            .map_or("", |(_, name)| name);
        let others = [
            (
                "other-dev-role-assumes-deploy-role",
                "another role of the dev account assumes the deploy role",
                self.role(dev, "other-role"),
            ),
            (
                "other-pipeline-assumes-deploy-role",
                "another pipeline's service role assumes the deploy role",
                self.role(dev, &format!("{service_name}-other")),
            ),
            (
                "namesake-assumes-deploy-role",
                "a role of the service role's name in another account assumes the deploy role",
                self.role(third, service_name),
            ),
        ];
        for (id, what, role) in others {
            self.plot(
                id,
                what.to_owned(),
                &Caller::Administrator(role),
                "sts:AssumeRole",
                on,
            );
        }
        for service in ["codepipeline.amazonaws.com", "lambda.amazonaws.com"] {
            let id = format!(
                "{}-assumes-deploy-role",
                service.split('.').next().unwrap_or_default()
            );
            let what = format!("{service} assumes the deploy role by itself");
            self.plot(
                &id,
                what,
                &Caller::Service(service.to_owned()),
                "sts:AssumeRole",
                on,
            );
        }
    }

    /// What the deploy role must not do in its own account.
    fn by_deploy_role(
        &mut self,
        pipeline: &Pipeline,
        deploy: &Deploy,
        role: &Caller,
        theirs: &str,
    ) {
        let dev = pipeline.account.as_str();
        let output = self.world.bucket_arn(&deploy.bucket);
        let written = format!("{output}/{}", deploy.written_key());
        let what = |text: &str| format!("the deploy role {text}");
        let elsewhere = self
            .world
            .bucket_arn(&format!("{}-elsewhere", deploy.bucket));
        self.plot(
            "deploy-role-writes-elsewhere",
            what("writes into another bucket"),
            role,
            "s3:PutObject",
            (&format!("{elsewhere}/index.html"), theirs),
        );
        self.of_nothing();
        if !deploy.object_key.is_empty() {
            let outside = format!("{output}/outside-of-the-path");
            self.plot(
                "deploy-role-writes-outside-path",
                what("writes outside of its path"),
                role,
                "s3:PutObject",
                (&outside, theirs),
            );
        }
        for (id, text, action, resource) in [
            (
                "deploy-role-deletes-objects",
                "deletes deployed objects",
                "s3:DeleteObject",
                &written,
            ),
            (
                "deploy-role-reads-output",
                "reads deployed objects",
                "s3:GetObject",
                &written,
            ),
            (
                "deploy-role-deletes-bucket",
                "deletes the output bucket",
                "s3:DeleteBucket",
                &output,
            ),
            (
                "deploy-role-changes-output-policy",
                "changes the output bucket's policy",
                "s3:PutBucketPolicy",
                &output,
            ),
        ] {
            self.plot(id, what(text), role, action, (resource, theirs));
        }
        if deploy.canned_acl.is_none() {
            self.plot(
                "deploy-role-changes-object-acl",
                what("changes the ACL of deployed objects"),
                role,
                "s3:PutObjectAcl",
                (&written, theirs),
            );
        }
        for source in &pipeline.sources {
            let object = format!("{}/{}", self.world.bucket_arn(&source.bucket), source.key);
            self.plot(
                "deploy-role-reads-source",
                what("reads the source"),
                role,
                "s3:GetObject",
                (&object, dev),
            );
        }
    }

    /// What the deploy role must not do in the dev account.
    fn on_dev(&mut self, pipeline: &Pipeline, store: &Store, role: &Caller, key: Option<&str>) {
        let dev = pipeline.account.as_str();
        let bucket = self.world.bucket_arn(&store.bucket);
        let object = format!("{bucket}/{}", artifact_key(&pipeline.name));
        let what = |text: &str| format!("the deploy role {text}");
        let put = encrypted_with(self.context(role), store);
        self.plot_in(
            "deploy-role-writes-artifacts",
            what("writes artifacts"),
            role,
            "s3:PutObject",
            (&object, dev),
            put,
        );
        self.plot(
            "deploy-role-deletes-artifacts",
            what("deletes artifacts"),
            role,
            "s3:DeleteObject",
            (&object, dev),
        );
        self.plot(
            "deploy-role-changes-artifact-policy",
            what("changes the artifact bucket's policy"),
            role,
            "s3:PutBucketPolicy",
            (&bucket, dev),
        );
        let others = format!("{bucket}/another-pipeline/SourceArti/aB3dE5f");
        self.plot(
            "deploy-role-reads-other-artifacts",
            what("reads another pipeline's artifacts"),
            role,
            "s3:GetObject",
            (&others, dev),
        );
        let insecure = self.context(role).with("aws:SecureTransport", "false");
        self.plot_in(
            "deploy-role-reads-without-tls",
            what("reads artifacts without TLS"),
            role,
            "s3:GetObject",
            (&object, dev),
            insecure,
        );
        let Some(key) = key else { return };
        for (id, text, action) in [
            (
                "deploy-role-schedules-key-deletion",
                "schedules the key's deletion",
                "kms:ScheduleKeyDeletion",
            ),
            (
                "deploy-role-changes-key-policy",
                "changes the key's policy",
                "kms:PutKeyPolicy",
            ),
            (
                "deploy-role-encrypts",
                "encrypts with the dev account's key",
                "kms:Encrypt",
            ),
            (
                "deploy-role-generates-data-keys",
                "makes data keys of the dev account's key",
                "kms:GenerateDataKey",
            ),
            (
                "deploy-role-creates-grants",
                "creates grants of the key",
                "kms:CreateGrant",
            ),
        ] {
            self.plot(id, what(text), role, action, (key, dev));
        }
    }

    fn by_service_role(&mut self, pipeline: &Pipeline, deploy: &Deploy, theirs: &str) {
        let service_role = Caller::Role(pipeline.service_role.clone());
        let written = format!(
            "{}/{}",
            self.world.bucket_arn(&deploy.bucket),
            deploy.written_key()
        );
        if deploy.role != pipeline.service_role {
            let what = "the service role writes into the output bucket by itself".to_owned();
            self.plot(
                "service-role-writes-output",
                what,
                &service_role,
                "s3:PutObject",
                (&written, theirs),
            );
        }
        let open = self.role(theirs, "trusts-the-whole-dev-account");
        let what = "the service role assumes another role that trusts its whole account".to_owned();
        self.plot(
            "service-role-assumes-another-role",
            what,
            &service_role,
            "sts:AssumeRole",
            (&open, theirs),
        );
        if let Some(last) = self.found.last_mut() {
            last.call.resource_policy = Some(self.world.open_trust);
        }
    }

    /// Nobody goes without TLS, and nobody else's logs come in.
    fn on_buckets(&mut self) {
        let world = self.world;
        for (name, bucket) in &world.buckets {
            let Some(place) = bucket
                .place
                .filter(|place| place.file < world.resolvers.len())
            else {
                continue;
            };
            let stack = world.resolvers[place.file].deployment().stack;
            self.target = (place.file > 0).then(|| stack.to_owned());
            self.place = place;
            self.region.clone_from(&bucket.region);
            let account = bucket.account.as_str();
            let arn = world.bucket_arn(name);
            let administrator = Caller::Administrator(self.role(account, "administrator"));
            let insecure = self
                .context(&administrator)
                .with("aws:SecureTransport", "false");
            for (id, action, resource) in [
                (
                    "object-without-tls",
                    "s3:GetObject",
                    format!("{arn}/some/object"),
                ),
                ("bucket-without-tls", "s3:ListBucket", arn.clone()),
            ] {
                let what =
                    format!("an administrator of {account} calls {action} on {name} without TLS");
                let id = format!("{name}-{id}");
                self.plot_in(
                    &id,
                    what,
                    &administrator,
                    action,
                    (&resource, account),
                    insecure.clone(),
                );
            }
            let third = self.third_account();
            let stranger = Caller::Administrator(self.role(third, "other-role"));
            let what = format!("a role of another account reads {name}");
            let object = format!("{arn}/some/object");
            self.plot(
                &format!("{name}-third-account-reads"),
                what,
                &stranger,
                "s3:GetObject",
                (&object, account),
            );
            if let Some((log_bucket, prefix)) = &bucket.log_bucket {
                self.on_logs(name, log_bucket, prefix, account, third);
            }
        }
    }

    fn on_logs(&mut self, name: &str, log_bucket: &str, prefix: &str, account: &str, third: &str) {
        let world = self.world;
        let logging = Caller::Service("logging.s3.amazonaws.com".to_owned());
        let object = format!("{}/{prefix}log", world.bucket_arn(log_bucket));
        for (id, what, source, owner) in [
            (
                "confused-deputy",
                "another account's bucket of the same name",
                name.to_owned(),
                third,
            ),
            (
                "another-bucket",
                "another bucket of the account",
                format!("{name}-another"),
                account,
            ),
        ] {
            let context = self
                .context(&logging)
                .with("aws:SourceArn", world.bucket_arn(&source))
                .with("aws:SourceAccount", owner);
            let what = format!("S3 delivers logs of {what} to {log_bucket}");
            self.plot_in(
                &format!("{name}-logs-of-{id}"),
                what,
                &logging,
                "s3:PutObject",
                (&object, account),
                context,
            );
        }
        let lambda = Caller::Service("lambda.amazonaws.com".to_owned());
        let context = self
            .context(&lambda)
            .with("aws:SourceArn", world.bucket_arn(name))
            .with("aws:SourceAccount", account);
        let what = format!("lambda.amazonaws.com writes to {log_bucket}");
        self.plot_in(
            &format!("{name}-logs-by-lambda"),
            what,
            &lambda,
            "s3:PutObject",
            (&object, account),
            context,
        );
    }
}
