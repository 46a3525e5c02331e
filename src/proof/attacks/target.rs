//! Attacks on one target: by other principals in its account, by the deploy role, and by principals
//! that try to assume the deploy role.

use super::source_key::source_key;
use super::{AttackSuite, Attacker, Caller, KnownStore, On, attacker, known, service};
use crate::run::landscape::account_of;
use crate::run::pipeline::{Pipeline, Target};
use crate::run::{ARTIFACT, artifact_key, key_arn};

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
        let theirs = account_of(target.role);
        let object = &self.artifact(pipeline, store);
        let key = (store.key).map(|key| key_arn(&self.world.land, key, dev, store.region));
        let key = key.as_deref();
        if theirs != dev {
            for by in [
                attacker(
                    self.administrator(theirs, "other-role"),
                    "other-target-role",
                    format!("another role in {theirs}"),
                ),
                attacker(
                    Caller::Root(theirs.to_owned()),
                    "target-root",
                    format!("the root user of {theirs}"),
                ),
            ] {
                let first = self.found.len();
                self.on_artifacts(&by, store, object, key);
                for attack in &mut self.found[first..] {
                    attack.in_procedure();
                }
            }
        }
        let name = target.role.rsplit('/').next().unwrap_or_default();
        let namesake = attacker(
            self.administrator(self.third, name),
            "namesake",
            "a role with the deploy role's name in another account",
        );
        self.on_artifacts(&namesake, store, object, key);
        let what = ("assumes-deploy-role", "the deploy role");
        self.on_trusting_role(pipeline, (target.role, theirs), what);
        let role = Caller::Role(target.role.to_owned());
        let role = &attacker(role, "deploy-role", "the deploy role");
        self.by_deploy_role(pipeline, target, role);
        self.on_dev(store, object, role, key);
        self.in_namesakes_of_target(target, store, object, role);
        self.on_other_region(pipeline, store, role);
        self.by_service_role(pipeline, target, theirs);
        self.by_builds_on_target(pipeline, target);
    }

    /// Returns the ARN of an artifact in a store.
    pub(super) fn artifact(&self, pipeline: &Pipeline, store: KnownStore<'_>) -> String {
        let bucket = self.world.land.bucket_arn(store.bucket);
        format!("{bucket}/{}", artifact_key(pipeline))
    }

    /// Adds attacks by another principal that reads, lists, writes, and decrypts artifacts.
    fn on_artifacts(
        &mut self,
        by: &Attacker,
        store: KnownStore<'_>,
        object: &str,
        key: Option<&str>,
    ) {
        let land = &self.world.land;
        let owner = &*self.owner(store.bucket);
        let bucket = &*land.bucket_arn(store.bucket);
        let (bucket, artifact) = ((bucket, owner), (object, owner));
        attacks! { self, by;
            "reads-artifacts", "reads artifacts", "s3:GetObject", artifact;
            "lists-artifacts", "lists the artifacts", "s3:ListBucket", bucket;
            "writes-artifacts", "writes artifacts", "s3:PutObject", artifact; encrypted_with(store);
        }
        if let Some(key) = key {
            let key = (key, account_of(key));
            attacks! { self, by;
                "decrypts", "decrypts artifacts", "kms:Decrypt", key;
                    via_s3(land, store.region, object);
            }
        }
    }

    /// Adds attempts to assume a role that trusts only the service role, such as the deploy role.
    /// `what` contains the name of the attack and the subject of its description.
    pub(super) fn on_trusting_role(
        &mut self,
        pipeline: &Pipeline,
        role: On<'_>,
        (name, what): (&str, &str),
    ) {
        let dev = pipeline.account.as_str();
        let service_role = pipeline.known_role().unwrap_or_default();
        let service_role = service_role.split_once(":role/");
        let service_role = service_role.map_or("service-role/unknown", |(_, name)| name);
        for by in [
            attacker(
                self.administrator(dev, "other-role"),
                "other-dev-role",
                "another role in the dev account",
            ),
            attacker(
                self.administrator(dev, &format!("{service_role}-other")),
                "other-pipeline",
                "another pipeline's service role",
            ),
            attacker(
                self.administrator(self.third, service_role),
                "namesake",
                "a role with the service role's name in another account",
            ),
            service("codepipeline"),
            service("lambda"),
        ] {
            let what = match by.caller {
                Caller::Service(_) => format!("assumes {what} directly"),
                _ => format!("assumes {what}"),
            };
            self.add(&by, name, &what, "sts:AssumeRole", role);
        }
    }

    /// Adds the calls that the deploy role must not make in its own account.
    fn by_deploy_role(&mut self, pipeline: &Pipeline, target: Target<'_>, by: &Attacker) {
        let land = &self.world.land;
        let deploy = target.deploy;
        let owner = &*self.owner(target.bucket);
        let arn = land.bucket_arn(target.bucket);
        let written = format!("{arn}/{}", target.written_key());
        let (bucket, object) = ((&*arn, owner), (&*written, owner));
        let elsewhere = land.bucket_arn(&format!("{}-elsewhere", target.bucket));
        let elsewhere = format!("{elsewhere}/index.html");
        let elsewhere = (&*elsewhere, account_of(target.role));
        attacks! { self, by;
            "writes-elsewhere", "writes to another bucket", "s3:PutObject", elsewhere; made_up();
        }
        if matches!(&deploy.object_key, Some(Ok(key)) if !key.is_empty()) {
            let outside = format!("{arn}/outside-of-the-path");
            let outside = (&*outside, owner);
            attacks! { self, by;
                "writes-outside-path", "writes outside its path", "s3:PutObject", outside;
                    in_procedure();
            }
        }
        attacks! { self, by;
            "deletes-objects", "deletes deployed objects", "s3:DeleteObject", object;
            "reads-output", "reads deployed objects", "s3:GetObject", object;
            "deletes-bucket", "deletes the output bucket", "s3:DeleteBucket", bucket;
            "changes-output-policy", "changes the output bucket's policy", "s3:PutBucketPolicy",
                bucket;
        }
        if deploy.canned_acl.is_none() {
            attacks! { self, by;
                "changes-object-acl", "changes the ACL of deployed objects", "s3:PutObjectAcl", object;
                    in_procedure();
            }
        }
        if !deploy.tagged_objects {
            attacks! { self, by;
                "tags-objects", "changes the tags of deployed objects", "s3:PutObjectTagging", object;
                    in_procedure();
            }
        }
        for connection in pipeline.connections().flatten() {
            let on = (connection.as_str(), account_of(connection));
            attacks! { self, by;
                "uses-connection", "reads the repository through the connection",
                    "codeconnections:UseConnection", on;
            }
        }
        for (reader, bucket, key) in pipeline.sources() {
            let owner = self.owner(bucket);
            let object = format!("{}/{key}", land.bucket_arn(bucket));
            let source = (&*object, &*owner);
            attacks! { self, by;
                "reads-source", "reads the source", "s3:GetObject", source;
            }
            if let Some(key) = source_key(self.world, pipeline, bucket)
                && target.role != reader
            {
                let (name, what) = ("decrypts-source", "decrypts the source");
                self.with_key(by, name, what, "kms:Decrypt", &key).via_s3(
                    land,
                    &pipeline.region,
                    &object,
                );
            }
        }
    }

    /// Adds the calls that the deploy role must not make in the dev account.
    fn on_dev(&mut self, store: KnownStore<'_>, artifact: &str, by: &Attacker, key: Option<&str>) {
        let dev = &*self.owner(store.bucket);
        let arn = self.world.land.bucket_arn(store.bucket);
        let others = format!("{arn}/another-pipeline/{ARTIFACT}");
        let (bucket, object, others) = ((&*arn, dev), (artifact, dev), (&*others, dev));
        attacks! { self, by;
            "writes-artifacts", "writes artifacts", "s3:PutObject", object; encrypted_with(store);
            "deletes-artifacts", "deletes artifacts", "s3:DeleteObject", object;
            "changes-artifact-policy", "changes the artifact bucket's policy", "s3:PutBucketPolicy",
                bucket;
            "reads-other-artifacts", "reads another pipeline's artifacts", "s3:GetObject", others;
                in_procedure();
            "reads-without-tls", "reads artifacts without TLS", "s3:GetObject", object; without_tls();
        }
        let Some(key) = key else { return };
        let key = (key, account_of(key));
        attacks! { self, by;
            "schedules-key-deletion", "schedules the key's deletion", "kms:ScheduleKeyDeletion",
                key;
            "changes-key-policy", "changes the key's policy", "kms:PutKeyPolicy", key;
            "encrypts", "encrypts with the dev account's key", "kms:Encrypt", key; in_procedure();
            "generates-data-keys", "generates data keys with the dev account's key",
                "kms:GenerateDataKey", key; in_procedure();
            "creates-grants", "creates grants for the key", "kms:CreateGrant", key;
        }
    }

    /// Adds attacks on the store in another region, which only the roles that deploy there may use.
    fn on_other_region(&mut self, pipeline: &Pipeline, own: KnownStore<'_>, by: &Attacker) {
        let mut stores = pipeline.stores.iter().filter_map(known);
        let Some(other) = stores.find(|store| store.region != own.region) else {
            return;
        };
        let land = &self.world.land;
        let owner = &self.owner(other.bucket);
        let object = &self.artifact(pipeline, other);
        let what = |text: &str| format!("{text} the artifacts in {}", other.region);
        let on = (&**object, &**owner);
        self.add(by, "reads-other-region", &what("reads"), "s3:GetObject", on);
        if let Some(key) = other.key {
            let key = key_arn(land, key, &pipeline.account, other.region);
            let (name, on) = ("decrypts-in-other-region", (&*key, account_of(&key)));
            self.add(by, name, &what("decrypts"), "kms:Decrypt", on)
                .via_s3(land, other.region, object);
        }
    }

    fn by_service_role(&mut self, pipeline: &Pipeline, target: Target<'_>, theirs: &str) {
        let Some(role) = pipeline.known_role() else {
            return;
        };
        let by = Caller::Role(role.to_owned());
        let by = &attacker(by, "service-role", "the service role");
        let owner = &*self.owner(target.bucket);
        let bucket = self.world.land.bucket_arn(target.bucket);
        let written = format!("{bucket}/{}", target.written_key());
        let written = (&*written, owner);
        if target.role != role {
            attacks! { self, by;
                "writes-output", "writes to the output bucket directly", "s3:PutObject", written;
            }
        }
        let third = self.third;
        let name = target.role.rsplit('/').next().unwrap_or_default();
        let another = self.role(theirs, "trusts-the-whole-dev-account");
        let namesake = self.role(third, name);
        let (another, namesake) = ((&*another, theirs), (&*namesake, third));
        let open = self.world.open_trust;
        attacks! { self, by;
            "assumes-another-role", "assumes another role that trusts the entire dev account",
                "sts:AssumeRole", another; under(open);
            "assumes-namesake", "assumes a role with the deploy role's name in another account",
                "sts:AssumeRole", namesake; under(open);
        }
    }
}
