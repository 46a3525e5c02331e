//! Attacks through a bucket with the name of a pipeline's bucket. The pipeline's bucket was
//! deleted, and another account created a bucket with the same name, which allows everyone to do
//! everything. The ARN of a bucket does not contain its account, so only a condition on
//! `aws:ResourceAccount` distinguishes the two (AWS CodePipeline, *Amazon S3 source action
//! reference*, *Amazon S3 deploy action reference*, *Manage the CodePipeline service role*).

use super::{AttackCall, AttackSuite, Attacker, KnownStore};
use crate::run::pipeline::Target;

const SOURCE: &str = "a bucket with the source bucket's name in another account";
const STORE: &str = "a bucket with the artifact bucket's name in another account";
const OUTPUT: &str = "a bucket with the output bucket's name in another account";

impl AttackSuite<'_, '_> {
    /// Reads the source from another account's bucket.
    pub(super) fn in_namesake_of_source(&mut self, bucket: &str, key: &str, by: &Attacker) {
        let bucket = &self.world.land.bucket_arn(bucket);
        let object = &format!("{bucket}/{key}");
        for (name, text, action, resource) in [
            ("reads", "reads the source from", "s3:GetObject", object),
            (
                "looks-at",
                "reads the settings of",
                "s3:GetBucketVersioning",
                bucket,
            ),
            ("lists", "lists", "s3:ListBucket", bucket),
        ] {
            let name = format!("{name}-namesake-of-source");
            self.in_namesake(by, &name, (text, SOURCE), action, resource);
        }
    }

    /// Stores artifacts in another account's bucket.
    pub(super) fn in_namesake_of_store(
        &mut self,
        store: KnownStore<'_>,
        object: &str,
        by: &Attacker,
    ) {
        let bucket = self.world.land.bucket_arn(store.bucket);
        let (name, text) = ("stores-in-namesake-of-store", "stores artifacts in");
        self.in_namesake(by, name, (text, STORE), "s3:PutObject", object)
            .encrypted_with(store);
        let (name, text) = ("looks-at-namesake-of-store", "reads the settings of");
        let action = "s3:GetBucketVersioning";
        self.in_namesake(by, name, (text, STORE), action, &bucket);
    }

    /// Builds another account's artifact, or stores the output of a build in another account.
    pub(super) fn in_namesake_of_build_store(
        &mut self,
        store: KnownStore<'_>,
        (input, output): (Option<&str>, Option<&str>),
        by: &Attacker,
    ) {
        let bucket = self.world.land.bucket_arn(store.bucket);
        if let Some(input) = input {
            let (name, text) = ("reads-namesake-of-store", "reads artifacts from");
            self.in_namesake(by, name, (text, STORE), "s3:GetObject", input);
        }
        if let Some(output) = output {
            let (name, text) = ("stores-in-namesake-of-store", "stores artifacts in");
            self.in_namesake(by, name, (text, STORE), "s3:PutObject", output)
                .encrypted_with(store);
        }
        let (name, text) = ("looks-at-namesake-of-store", "reads the settings of");
        let action = "s3:GetBucketLocation";
        self.in_namesake(by, name, (text, STORE), action, &bucket);
    }

    /// Deploys another account's files, or deploys files to another account.
    pub(super) fn in_namesakes_of_target(
        &mut self,
        target: Target<'_>,
        store: KnownStore<'_>,
        artifact: &str,
        by: &Attacker,
    ) {
        let artifacts = self.world.land.bucket_arn(store.bucket);
        let output = self.world.land.bucket_arn(target.bucket);
        let written = format!("{output}/{}", target.written_key());
        let (read, list, put) = ("s3:GetObject", "s3:ListBucket", "s3:PutObject");
        let attacks = [
            ("reads", "reads artifacts from", "store", read, artifact),
            ("lists", "lists", "store", list, &artifacts),
            ("writes", "deploys to", "output", put, &written),
            ("lists", "lists", "output", list, &output),
            (
                "tags",
                "tags objects in",
                "output",
                "s3:PutObjectTagging",
                &written,
            ),
        ];
        let count = attacks.len() - usize::from(!target.deploy.tagged_objects);
        for (name, text, of, action, resource) in attacks.into_iter().take(count) {
            let whose = if of == "store" { STORE } else { OUTPUT };
            let name = format!("{name}-namesake-of-{of}");
            self.in_namesake(by, &name, (text, whose), action, resource)
                .in_procedure();
        }
    }

    fn in_namesake(
        &mut self,
        by: &Attacker,
        name: &str,
        (text, whose): (&str, &str),
        action: &str,
        resource: &str,
    ) -> &mut AttackCall {
        let open = self.world.open_bucket;
        let what = format!("{text} {whose}");
        self.add(by, name, &what, action, (resource, self.third))
            .under(open)
    }
}
