//! The calls that store and read artifacts, with their roles and keys.
//!
//! An action's role stores the action's output and reads its input. An action without a role uses
//! the pipeline's service role (AWS CodePipeline API Reference, *ActionDeclaration*). A build uses
//! the role of its project (AWS CodeBuild, *Allow CodeBuild to interact with other AWS services*).

use super::encryption::{self, UsedKey};
use super::pipeline::{Action, Pipeline, Store};
use super::{
    BUCKET_READS, Bucket, Caller, Run, Scope, Step, Strength, TAG_READS, context, encrypted_with,
    key_of,
};
use crate::policy::evaluation::ContextValue;

use Strength::{Documented, Needed};

/// What reads an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// An action, with its role.
    Action,
    /// A build, with the role of its project.
    Build,
    /// CodePipeline, which copies the artifact to the store in another region.
    Copy,
}

impl Run<'_> {
    /// Adds the calls that store the artifacts of the selected actions. The role of the producing
    /// action stores each artifact once. CodePipeline copies it to the store in every other region
    /// where an action reads it.
    pub(super) fn stores(
        &mut self,
        pipeline: &Pipeline,
        common: &Scope<'_>,
        selected: impl Fn(&Action) -> bool,
    ) {
        let mut is_first = true;
        for action in &pipeline.actions {
            for artifact in &action.outputs {
                let which = match is_first {
                    true => common.which.to_owned(),
                    false => named(common.which, artifact),
                };
                is_first = false;
                if !selected(action) {
                    continue;
                }
                let scope = Scope {
                    which: &which,
                    ..*common
                };
                self.output(pipeline, action, artifact, &scope);
            }
        }
        let mut copied: Vec<(&str, &str)> = Vec::new();
        for action in &pipeline.actions {
            let to = action.region.as_str();
            for artifact in &action.inputs {
                let mut makers = pipeline.actions.iter();
                let maker = makers.find(|maker| maker.outputs.contains(artifact));
                let from = maker.map_or(&pipeline.region, |maker| &maker.region);
                let copy = (to, artifact.as_str());
                if from == to || copied.contains(&copy) {
                    continue;
                }
                let same_region = copied.iter().any(|(region, _)| *region == to);
                copied.push(copy);
                // An artifact that no action outputs is copied like that of a source action.
                let is_selected = match maker {
                    Some(maker) => selected(maker),
                    None => pipeline.actions.first().is_some_and(&selected),
                };
                if !is_selected {
                    continue;
                }
                let which = named(to, common.which);
                let which = match same_region {
                    false => which,
                    true => named(&which, artifact),
                };
                let scope = Scope {
                    which: &which,
                    ..*common
                };
                self.copy(pipeline, (from, to), artifact, &scope);
            }
        }
    }

    fn output(&mut self, pipeline: &Pipeline, action: &Action, artifact: &str, common: &Scope<'_>) {
        let Some(store) = pipeline.store(&action.region) else {
            return;
        };
        let role = action.artifact_role(pipeline);
        let user = Caller::of(role);
        let scope = Scope {
            step: Step::Store,
            caller: &user,
            place: store.place,
            ..*common
        };
        let is_service_role = role == &pipeline.service_role;
        self.store(pipeline, store, artifact, &scope, is_service_role);
    }

    /// Adds the calls that copy an artifact to the store in another region. AWS does not document
    /// the caller. The service role has access to the stores (*Manage the CodePipeline service
    /// role*).
    fn copy(
        &mut self,
        pipeline: &Pipeline,
        (from, to): (&str, &str),
        artifact: &str,
        common: &Scope<'_>,
    ) {
        let stores = (pipeline.store(from), pipeline.store(to));
        let (Some(main), Some(store)) = stores else {
            return;
        };
        let service_role = Caller::of(&pipeline.service_role);
        let scope = Scope {
            step: Step::Copy,
            caller: &service_role,
            place: main.place,
            ..*common
        };
        if store.region != main.region {
            let which = named("main", scope.which);
            let from = Scope {
                which: &which,
                ..scope
            };
            self.read(pipeline, main, artifact, &from, (Step::Copy, Reader::Copy));
        }
        let scope = Scope {
            place: store.place,
            ..scope
        };
        self.store(pipeline, store, artifact, &scope, true);
    }

    /// Adds the calls that store an artifact: those on the object, those on its key, and the
    /// remaining calls that AWS lists for the service role.
    fn store(
        &mut self,
        pipeline: &Pipeline,
        store: &Store,
        artifact: &str,
        scope: &Scope<'_>,
        is_service_role: bool,
    ) {
        let land = self.land;
        let store = &pipeline.store_of(store, artifact);
        let object = key_of(&pipeline.name, artifact);
        let bucket = &self.bucket_of(store);
        let key = self.store_key(pipeline, store, bucket, scope.caller);
        let on = (bucket, object.as_str());
        if is_service_role {
            self.on_bucket(scope, Documented, &BUCKET_READS, bucket);
        }
        let mut put = encrypted_with(context(land, scope.caller, bucket.region), store);
        // AWS does not document the ACL that CodePipeline sets on artifacts.
        put.set("s3:x-amz-acl", ContextValue::Unknown);
        let uploaded = (bucket, Some(object.as_str()));
        self.on_s3(scope, Needed, &["s3:PutObject"], uploaded, &put);
        // A role in another account grants the bucket owner access to the objects that it stores.
        let is_foreign = match (bucket.account, scope.caller.account()) {
            (Some(owner), Some(user)) => owner != user,
            _ => false,
        };
        if is_foreign || is_service_role {
            let strength = if is_foreign { Needed } else { Documented };
            self.on_object(scope, strength, &["s3:PutObjectAcl"], on);
        }
        if is_service_role {
            let reads = ["s3:GetObject", "s3:GetObjectVersion"];
            self.on_object(scope, Documented, &reads, on);
            // For source objects with tags.
            let strength = needed_with_tags(pipeline);
            self.on_object(scope, strength, &["s3:PutObjectTagging"], on);
            self.on_object(scope, Documented, &TAG_READS, on);
        }
        let scope = match scope.step {
            Step::Store => scope.at(Step::Encrypt),
            _ => *scope,
        };
        // A multipart upload decrypts its own parts.
        let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
        self.in_bucket(&scope, &actions, on, &key);
        self.describe(&scope, store, bucket, &key);
    }

    /// Adds the calls that read an artifact. CodePipeline provides a bucket and a key to the
    /// action, but no version.
    pub(super) fn read(
        &mut self,
        pipeline: &Pipeline,
        store: &Store,
        artifact: &str,
        scope: &Scope<'_>,
        (decrypt, reader): (Step, Reader),
    ) {
        let store = &pipeline.store_of(store, artifact);
        let object = key_of(&pipeline.name, artifact);
        let bucket = &self.bucket_of(store);
        let key = self.store_key(pipeline, store, bucket, scope.caller);
        let on = (bucket, object.as_str());
        self.on_object(scope, Needed, &["s3:GetObject"], on);
        self.on_object(scope, Documented, &["s3:GetObjectVersion"], on);
        match reader {
            Reader::Action => self.on_bucket(scope, Documented, &["s3:ListBucket"], bucket),
            // The permissions that AWS lists for the service role of a project.
            Reader::Build => {
                let reads = ["s3:GetBucketAcl", "s3:GetBucketLocation"];
                self.on_bucket(scope, Documented, &reads, bucket);
            }
            Reader::Copy => {}
        }
        let scope = scope.at(decrypt);
        self.in_bucket(&scope, &["kms:Decrypt"], on, &key);
        if reader != Reader::Copy {
            self.describe(&scope, store, bucket, &key);
        }
    }

    fn describe(&mut self, scope: &Scope<'_>, store: &Store, bucket: &Bucket<'_>, key: &UsedKey) {
        // The AWS permission lists include `kms:DescribeKey` for customer managed keys.
        if store.key.is_some() {
            let context = context(self.land, scope.caller, bucket.region);
            self.on_key(scope, Documented, "kms:DescribeKey", key, None, context);
        }
    }

    /// Returns the key of an artifact store for a caller.
    fn store_key(
        &self,
        pipeline: &Pipeline,
        store: &Store,
        bucket: &Bucket<'_>,
        user: &Caller,
    ) -> UsedKey {
        let (on, said) = (bucket.used_by(user), (store.place, None));
        encryption::store_key(self.land, store.key.as_ref(), &pipeline.account, on, said)
    }
}

/// Returns the strength of calls on object tags. They are needed if the configuration states that
/// the source object has tags.
pub(super) fn needed_with_tags(pipeline: &Pipeline) -> Strength {
    let mut deployments = (pipeline.actions.iter()).filter_map(|action| action.work.deploy());
    let is_tagged = deployments.any(|deploy| deploy.tagged_objects);
    if is_tagged { Needed } else { Documented }
}

/// Joins two parts of a name. Either may be empty.
pub(crate) fn named(first: &str, second: &str) -> String {
    match (first, second) {
        ("", second) => second.to_owned(),
        (first, "") => first.to_owned(),
        (first, second) => format!("{first}/{second}"),
    }
}
