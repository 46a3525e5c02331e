//! Attacks on one target: by others of its account, by the deploy role, and to become it.

use super::super::facts::{Deploy, Pipeline, Store};
use super::super::run::{account_of, artifact_key, encrypted_with, key_arn, via_s3};
use super::source_key::source_key;
use super::{Caller, Plots};

impl Plots<'_, '_> {
    pub(super) fn on_target(&mut self, pipeline: &Pipeline, deploy: &Deploy) {
        self.target = Some(deploy.target.clone());
        self.instance.clone_from(&deploy.instance);
        self.which.clear();
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
        self.in_namesakes_of_target(deploy, store, &object, &role);
        self.on_other_region(pipeline, store, &role);
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
        if !deploy.tagged_objects {
            self.plot(
                "deploy-role-tags-objects",
                what("changes the tags of deployed objects"),
                role,
                "s3:PutObjectTagging",
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
            let reader = source.role.as_ref().unwrap_or(&pipeline.service_role);
            if let Some(key) = source_key(self.world, pipeline, &source.bucket)
                && deploy.role != *reader
            {
                let region = &pipeline.region;
                let context = via_s3(self.world, self.context(role), region, &object);
                self.plot_in(
                    "deploy-role-decrypts-source",
                    what("decrypts the source"),
                    role,
                    "kms:Decrypt",
                    (&key, account_of(&key)),
                    context,
                );
                self.of_unknown_key(&key);
            }
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

    /// The store of another region is for the roles that deploy there.
    fn on_other_region(&mut self, pipeline: &Pipeline, own: &Store, role: &Caller) {
        let mut stores = pipeline.stores.iter();
        let Some(other) = stores.find(|store| store.region != own.region) else {
            return;
        };
        let dev = pipeline.account.as_str();
        let bucket = self.world.bucket_arn(&other.bucket);
        let object = format!("{bucket}/{}", artifact_key(&pipeline.name));
        self.plot(
            "deploy-role-reads-other-region",
            format!("the deploy role reads the artifacts in {}", other.region),
            role,
            "s3:GetObject",
            (&object, dev),
        );
        if let Some(key) = &other.key {
            let key = key_arn(self.world, key, dev, &other.region);
            let context = via_s3(self.world, self.context(role), &other.region, &object);
            self.plot_in(
                "deploy-role-decrypts-in-other-region",
                format!("the deploy role decrypts the artifacts in {}", other.region),
                role,
                "kms:Decrypt",
                (&key, dev),
                context,
            );
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
        let third = self.third_account();
        let name = deploy.role.rsplit('/').next().unwrap_or_default();
        let namesake = self.role(third, name);
        self.plot(
            "service-role-assumes-namesake",
            "the service role assumes a role of the deploy role's name in another account"
                .to_owned(),
            &service_role,
            "sts:AssumeRole",
            (&namesake, third),
        );
        if let Some(last) = self.found.last_mut() {
            last.call.resource_policy = Some(self.world.open_trust);
        }
    }
}
