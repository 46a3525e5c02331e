//! Attacks by a bucket of the same name: the pipeline's own bucket was deleted, and another account
//! has created one of its name that allows everybody everything. The ARN of a bucket does not name
//! its account, so only a condition on `aws:ResourceAccount` tells the two apart (AWS
//! CodePipeline, *Amazon S3 source action reference*, *Amazon S3 deploy action reference*,
//! *Manage the CodePipeline service role*).

use super::{AttackSuite, Caller, Context, KnownStore, Name, in_procedure};
use crate::run::encrypted_with;
use crate::run::pipeline::Target;

impl AttackSuite<'_, '_> {
    /// The source is read from another account's bucket.
    pub(super) fn in_namesake_of_source(
        &mut self,
        (bucket, key): (&str, &str),
        service_role: &Caller,
    ) {
        let bucket = self.world.land.bucket_arn(bucket);
        let object = format!("{bucket}/{key}");
        let whose = "a bucket of the source bucket's name in another account";
        for (id, text, action, resource) in [
            (
                "service-role-reads-namesake-of-source",
                "reads the source from",
                "s3:GetObject",
                &object,
            ),
            (
                "service-role-looks-at-namesake-of-source",
                "reads the settings of",
                "s3:GetBucketVersioning",
                &bucket,
            ),
            (
                "service-role-lists-namesake-of-source",
                "lists",
                "s3:ListBucket",
                &bucket,
            ),
        ] {
            let what = format!("the service role {text} {whose}");
            let context = self.context(service_role);
            self.in_namesake(id, what, service_role, action, resource, context);
        }
    }

    /// Artifacts are stored in another account's bucket.
    pub(super) fn in_namesake_of_store(
        &mut self,
        store: KnownStore<'_>,
        object: &str,
        service_role: &Caller,
    ) {
        let bucket = self.world.land.bucket_arn(store.bucket);
        let whose = "a bucket of the artifact bucket's name in another account";
        let plain = self.context(service_role);
        let put = encrypted_with(plain.clone(), store.store);
        self.in_namesake(
            "service-role-stores-in-namesake-of-store",
            format!("the service role stores artifacts in {whose}"),
            service_role,
            "s3:PutObject",
            object,
            put,
        );
        self.in_namesake(
            "service-role-looks-at-namesake-of-store",
            format!("the service role reads the settings of {whose}"),
            service_role,
            "s3:GetBucketVersioning",
            &bucket,
            plain,
        );
    }

    /// Another account's files are deployed, or the files go to another account.
    pub(super) fn in_namesakes_of_target(
        &mut self,
        target: Target<'_>,
        store: KnownStore<'_>,
        artifact: &str,
        role: &Caller,
    ) {
        let artifacts = self.world.land.bucket_arn(store.bucket);
        let output = self.world.land.bucket_arn(target.bucket);
        let written = format!("{output}/{}", target.written_key());
        let tags = [(
            "deploy-role-tags-namesake-of-output",
            "tags objects in",
            "a bucket of the output bucket's name in another account",
            "s3:PutObjectTagging",
            written.as_str(),
        )];
        let store = "a bucket of the artifact bucket's name in another account";
        let theirs = "a bucket of the output bucket's name in another account";
        for (id, text, whose, action, resource) in [
            (
                "deploy-role-reads-namesake-of-store",
                "reads artifacts from",
                store,
                "s3:GetObject",
                artifact,
            ),
            (
                "deploy-role-lists-namesake-of-store",
                "lists",
                store,
                "s3:ListBucket",
                &artifacts,
            ),
            (
                "deploy-role-writes-namesake-of-output",
                "deploys into",
                theirs,
                "s3:PutObject",
                &written,
            ),
            (
                "deploy-role-lists-namesake-of-output",
                "lists",
                theirs,
                "s3:ListBucket",
                &output,
            ),
        ]
        .into_iter()
        .chain(tags.into_iter().filter(|_| target.deploy.tagged_objects))
        {
            let what = format!("the deploy role {text} {whose}");
            let context = self.context(role);
            self.in_namesake(in_procedure(id), what, role, action, resource, context);
        }
    }

    fn in_namesake(
        &mut self,
        name: impl Into<Name>,
        what: String,
        caller: &Caller,
        action: &str,
        resource: &str,
        context: Context,
    ) {
        let third = self.third;
        self.add_in(name, what, caller, action, (resource, third), context);
        if let Some(last) = self.found.last_mut() {
            last.call.resource_policy = Some(self.world.open_bucket);
        }
    }
}
