//! Attacks on one target: by others of its account, by the deploy role, and to become it.

use super::source_key::source_key;
use super::{AttackSuite, Caller, KnownStore, Name, in_procedure, known};
use crate::run::landscape::account_of;
use crate::run::pipeline::{Pipeline, Target};
use crate::run::{ARTIFACT, artifact_key, encrypted_with, key_arn, via_s3};

impl AttackSuite<'_, '_> {
    pub(super) fn on_target(&mut self, pipeline: &Pipeline, target: Target<'_>) {
        self.target = Some(target.deploy.target.clone());
        self.instance.clone_from(&target.deploy.instance);
        self.which.clear();
        self.place = target.place;
        target.region.clone_into(&mut self.region);
        let Some(store) = pipeline.store(target.region).and_then(known) else {
            return;
        };
        let dev = pipeline.account.as_str();
        let owner = &self.owner(store.bucket);
        let theirs = account_of(target.role).to_owned();
        let bucket = self.world.land.bucket_arn(store.bucket);
        let object = format!("{bucket}/{}", artifact_key(pipeline));
        let key = (store.key).map(|key| key_arn(&self.world.land, key, dev, store.region));
        if theirs != dev {
            let other = Caller::Administrator(self.role(&theirs, "other-role"));
            self.on_artifacts(
                |what| in_procedure(format!("other-target-role-{what}")),
                &format!("another role of {theirs}"),
                &other,
                (store, &bucket, &object, owner),
                key.as_deref(),
            );
            let root = Caller::Root(theirs.clone());
            self.on_artifacts(
                |what| in_procedure(format!("target-root-{what}")),
                &format!("the root user of {theirs}"),
                &root,
                (store, &bucket, &object, owner),
                key.as_deref(),
            );
        }
        let name = target.role.rsplit('/').next().unwrap_or_default();
        let third = self.third;
        let namesake = Caller::Administrator(self.role(third, name));
        self.on_artifacts(
            |what| format!("namesake-{what}").into(),
            "a role of the deploy role's name in another account",
            &namesake,
            (store, &bucket, &object, owner),
            key.as_deref(),
        );
        self.on_deploy_role(pipeline, target, &theirs, third);
        let role = Caller::Role(target.role.to_owned());
        self.by_deploy_role(pipeline, target, &role);
        self.on_dev(pipeline, store, &role, key.as_deref());
        self.in_namesakes_of_target(target, store, &object, &role);
        self.on_other_region(pipeline, store, &role);
        self.by_service_role(pipeline, target, &theirs);
    }

    /// Reading, listing, writing and decrypting artifacts by somebody else.
    fn on_artifacts(
        &mut self,
        name: impl Fn(&str) -> Name,
        who: &str,
        caller: &Caller,
        (store, bucket, object, account): (KnownStore<'_>, &str, &str, &str),
        key: Option<&str>,
    ) {
        let what = format!("{who} reads artifacts");
        self.add(
            name("reads-artifacts"),
            what,
            caller,
            "s3:GetObject",
            (object, account),
        );
        let what = format!("{who} lists the artifacts");
        self.add(
            name("lists-artifacts"),
            what,
            caller,
            "s3:ListBucket",
            (bucket, account),
        );
        let what = format!("{who} writes artifacts");
        let put = encrypted_with(self.context(caller), store.store);
        self.add_in(
            name("writes-artifacts"),
            what,
            caller,
            "s3:PutObject",
            (object, account),
            put,
        );
        if let Some(key) = key {
            let what = format!("{who} decrypts artifacts");
            let context = via_s3(&self.world.land, self.context(caller), store.region, object);
            self.add_in(
                name("decrypts"),
                what,
                caller,
                "kms:Decrypt",
                (key, account_of(key)),
                context,
            );
        }
    }

    /// Becoming the deploy role.
    fn on_deploy_role(
        &mut self,
        pipeline: &Pipeline,
        target: Target<'_>,
        theirs: &str,
        third: &str,
    ) {
        let dev = pipeline.account.as_str();
        let on = (target.role, theirs);
        let service_role = pipeline.known_role().unwrap_or_default();
        let service_name = service_role.split_once(":role/");
        let service_name = service_name.map_or("service-role/unknown", |(_, name)| name);
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
            self.add(
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
            self.add(
                id,
                what,
                &Caller::Service(service.to_owned()),
                "sts:AssumeRole",
                on,
            );
        }
    }

    /// What the deploy role must not do in its own account.
    fn by_deploy_role(&mut self, pipeline: &Pipeline, target: Target<'_>, role: &Caller) {
        let deploy = target.deploy;
        let theirs = &self.owner(target.bucket);
        let output = self.world.land.bucket_arn(target.bucket);
        let written = format!("{output}/{}", target.written_key());
        let what = |text: &str| format!("the deploy role {text}");
        let elsewhere = self
            .world
            .land
            .bucket_arn(&format!("{}-elsewhere", target.bucket));
        self.add(
            "deploy-role-writes-elsewhere",
            what("writes into another bucket"),
            role,
            "s3:PutObject",
            (&format!("{elsewhere}/index.html"), account_of(target.role)),
        );
        self.of_nothing();
        if matches!(&deploy.object_key, Some(Ok(key)) if !key.is_empty()) {
            let outside = format!("{output}/outside-of-the-path");
            self.add(
                in_procedure("deploy-role-writes-outside-path"),
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
            self.add(id, what(text), role, action, (resource, theirs));
        }
        if deploy.canned_acl.is_none() {
            self.add(
                in_procedure("deploy-role-changes-object-acl"),
                what("changes the ACL of deployed objects"),
                role,
                "s3:PutObjectAcl",
                (&written, theirs),
            );
        }
        if !deploy.tagged_objects {
            self.add(
                in_procedure("deploy-role-tags-objects"),
                what("changes the tags of deployed objects"),
                role,
                "s3:PutObjectTagging",
                (&written, theirs),
            );
        }
        for (reader, bucket, key) in pipeline.sources() {
            let owner = &self.owner(bucket);
            let object = format!("{}/{key}", self.world.land.bucket_arn(bucket));
            self.add(
                "deploy-role-reads-source",
                what("reads the source"),
                role,
                "s3:GetObject",
                (&object, owner),
            );
            if let Some(key) = source_key(self.world, pipeline, bucket)
                && target.role != reader
            {
                let region = &pipeline.region;
                let context = via_s3(&self.world.land, self.context(role), region, &object);
                self.add_in(
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
    fn on_dev(
        &mut self,
        pipeline: &Pipeline,
        store: KnownStore<'_>,
        role: &Caller,
        key: Option<&str>,
    ) {
        let dev = &self.owner(store.bucket);
        let bucket = self.world.land.bucket_arn(store.bucket);
        let object = format!("{bucket}/{}", artifact_key(pipeline));
        let what = |text: &str| format!("the deploy role {text}");
        let put = encrypted_with(self.context(role), store.store);
        self.add_in(
            "deploy-role-writes-artifacts",
            what("writes artifacts"),
            role,
            "s3:PutObject",
            (&object, dev),
            put,
        );
        self.add(
            "deploy-role-deletes-artifacts",
            what("deletes artifacts"),
            role,
            "s3:DeleteObject",
            (&object, dev),
        );
        self.add(
            "deploy-role-changes-artifact-policy",
            what("changes the artifact bucket's policy"),
            role,
            "s3:PutBucketPolicy",
            (&bucket, dev),
        );
        let others = format!("{bucket}/another-pipeline/{ARTIFACT}");
        self.add(
            in_procedure("deploy-role-reads-other-artifacts"),
            what("reads another pipeline's artifacts"),
            role,
            "s3:GetObject",
            (&others, dev),
        );
        let insecure = self.context(role).with("aws:SecureTransport", "false");
        self.add_in(
            "deploy-role-reads-without-tls",
            what("reads artifacts without TLS"),
            role,
            "s3:GetObject",
            (&object, dev),
            insecure,
        );
        let Some(key) = key else { return };
        let attacks: [(Name, _, _); 5] = [
            (
                "deploy-role-schedules-key-deletion".into(),
                "schedules the key's deletion",
                "kms:ScheduleKeyDeletion",
            ),
            (
                "deploy-role-changes-key-policy".into(),
                "changes the key's policy",
                "kms:PutKeyPolicy",
            ),
            (
                in_procedure("deploy-role-encrypts"),
                "encrypts with the dev account's key",
                "kms:Encrypt",
            ),
            (
                in_procedure("deploy-role-generates-data-keys"),
                "makes data keys of the dev account's key",
                "kms:GenerateDataKey",
            ),
            (
                "deploy-role-creates-grants".into(),
                "creates grants of the key",
                "kms:CreateGrant",
            ),
        ];
        for (name, text, action) in attacks {
            let on = (key, account_of(key));
            self.add(name, what(text), role, action, on);
        }
    }

    /// The store of another region is for the roles that deploy there.
    fn on_other_region(&mut self, pipeline: &Pipeline, own: KnownStore<'_>, role: &Caller) {
        let mut stores = pipeline.stores.iter().filter_map(known);
        let Some(other) = stores.find(|store| store.region != own.region) else {
            return;
        };
        let dev = pipeline.account.as_str();
        let owner = &self.owner(other.bucket);
        let bucket = self.world.land.bucket_arn(other.bucket);
        let object = format!("{bucket}/{}", artifact_key(pipeline));
        self.add(
            "deploy-role-reads-other-region",
            format!("the deploy role reads the artifacts in {}", other.region),
            role,
            "s3:GetObject",
            (&object, owner),
        );
        if let Some(key) = other.key {
            let key = key_arn(&self.world.land, key, dev, other.region);
            let context = via_s3(&self.world.land, self.context(role), other.region, &object);
            self.add_in(
                "deploy-role-decrypts-in-other-region",
                format!("the deploy role decrypts the artifacts in {}", other.region),
                role,
                "kms:Decrypt",
                (&key, account_of(&key)),
                context,
            );
        }
    }

    fn by_service_role(&mut self, pipeline: &Pipeline, target: Target<'_>, theirs: &str) {
        let Some(service_role) = pipeline.known_role() else {
            return;
        };
        let is_other = target.role != service_role;
        let service_role = Caller::Role(service_role.to_owned());
        let owner = &self.owner(target.bucket);
        let bucket = self.world.land.bucket_arn(target.bucket);
        let written = format!("{bucket}/{}", target.written_key());
        if is_other {
            let what = "the service role writes into the output bucket by itself".to_owned();
            self.add(
                "service-role-writes-output",
                what,
                &service_role,
                "s3:PutObject",
                (&written, owner),
            );
        }
        let open = self.role(theirs, "trusts-the-whole-dev-account");
        let what = "the service role assumes another role that trusts its whole account".to_owned();
        self.add(
            "service-role-assumes-another-role",
            what,
            &service_role,
            "sts:AssumeRole",
            (&open, theirs),
        );
        if let Some(last) = self.found.last_mut() {
            last.call.resource_policy = Some(self.world.open_trust);
        }
        let third = self.third;
        let name = target.role.rsplit('/').next().unwrap_or_default();
        let namesake = self.role(third, name);
        self.add(
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
