//! The calls of a pipeline run, in its order, with the context that AWS sets.
//!
//! Follows the AWS documents *S3 source action reference*, *S3 deploy action reference*, *Manage
//! the CodePipeline service role*, *Protecting data using server-side encryption with AWS KMS*,
//! *Add a cross-Region action*, *Enabling Amazon S3 server access logging* and *Default key
//! policy*. AWS publishes lists of permissions, not traces of calls: these are the lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::call::{Call, Caller, Hindrance, Rejection};
use super::encryption::{self, UsedKey};
use super::facts::{Deploy, Pipeline, Store};
use super::input::Instance;
use super::resolve::Resolver;
use super::world::{Place, World};
use crate::authz::Context;
use crate::config::{Permissions, partition_of};
use crate::iam::Arn;

const BUCKET_READS: [&str; 3] = [
    "s3:GetBucketVersioning",
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
];

const OBJECT_READS: [&str; 2] = ["s3:GetObject", "s3:GetObjectVersion"];

const TAG_READS: [&str; 2] = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"];

/// What the keys of artifacts end with in the proof; CodePipeline makes it up for each.
pub const ARTIFACT: &str = "SourceArti/aB3dE5f";

/// The key of an object in an artifact bucket. CodePipeline cuts the pipeline's name to twenty
/// characters there.
pub(super) fn artifact_key(pipeline: &str) -> String {
    let folder: String = pipeline.chars().take(20).collect();
    format!("{folder}/{ARTIFACT}")
}

/// Gives the calls of a run, one after the other.
///
/// The published procedure grants nothing for the output bucket's settings, and its runs succeed,
/// so with its permissions the deploy action is not held to the list that documents them.
pub(super) fn calls(
    world: &World<'_>,
    pipelines: &[Pipeline],
    permissions: Permissions,
    each: &mut dyn FnMut(Call),
) {
    let mut run = Run {
        world,
        permissions,
        first: pipelines.first().map_or("", |first| &first.name),
        give: each,
    };
    run.administration();
    for pipeline in pipelines {
        run.pipeline(pipeline);
    }
    run.log_delivery();
}

struct Run<'r, 'w> {
    world: &'r World<'w>,
    permissions: Permissions,
    /// Name of the first pipeline.
    first: &'r str,
    give: &'r mut dyn FnMut(Call),
}

/// What the calls of one step have in common.
#[derive(Clone, Copy)]
struct Step<'s> {
    name: &'static str,
    target: Option<&'s str>,
    instance: Option<&'s Arc<Instance>>,
    /// What tells it from the same step elsewhere: a region, or a further pipeline.
    which: &'s str,
    caller: &'s Caller,
    /// The account of the resources, but of buckets whose own account the templates say.
    account: &'s str,
    region: &'s str,
    place: Place,
}

/// The context of every request of a caller. The request itself adds `aws:ResourceAccount`, the
/// account that owns the call's resource.
pub(super) fn context(world: &World<'_>, caller: &Caller, region: &str) -> Context {
    let mut context = Context::new()
        .with("aws:SecureTransport", "true")
        .with("aws:RequestedRegion", region);
    if let Some(arn) = caller.principal_arn(&world.partition) {
        context = context.with("aws:PrincipalArn", arn);
    }
    if let Some(account) = caller.account() {
        context = context.with("aws:PrincipalAccount", account);
        if let Some(organization) = &world.organization
            && world.accounts.contains(account)
        {
            context = context.with("aws:PrincipalOrgID", organization);
        }
    }
    context
}

/// What KMS knows when S3 asks it for an object's key.
pub(super) fn via_s3(
    world: &World<'_>,
    context: Context,
    store_region: &str,
    object: &str,
) -> Context {
    let bucket = super::world::bucket_name(object).unwrap_or_default();
    let is_bucket_key = world
        .buckets
        .get(bucket)
        .is_some_and(|bucket| bucket.bucket_key);
    let encrypted = if is_bucket_key {
        world.bucket_arn(bucket)
    } else {
        object.to_owned()
    };
    via_s3_for(context, store_region, encrypted)
}

/// The same with an encryption context that is known.
fn via_s3_for(context: Context, region: &str, encrypted: String) -> Context {
    let suffix = partition_of(region).dns_suffix();
    context
        .with("kms:ViaService", format!("s3.{region}.{suffix}"))
        .with("kms:EncryptionContext:aws:s3:arn", encrypted)
}

/// The key's ARN as KMS finds it for a caller of `account`: a bare ID or an alias is one of the
/// caller's own account.
pub(super) fn key_arn(world: &World<'_>, key: &str, account: &str, region: &str) -> String {
    if key.starts_with("arn:") {
        return key.to_owned();
    }
    let kind = if key.starts_with("alias/") {
        ""
    } else {
        "key/"
    };
    format!("arn:{}:kms:{region}:{account}:{kind}{key}", world.partition)
}

pub(super) fn account_of(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.account)
}

/// What an upload to a store says about its encryption.
pub(super) fn encrypted_with(context: Context, store: &Store) -> Context {
    let context = context.with("s3:x-amz-server-side-encryption", "aws:kms");
    match &store.key {
        Some(key) => context.with("s3:x-amz-server-side-encryption-aws-kms-key-id", key),
        None => context,
    }
}

impl Run<'_, '_> {
    fn add(&mut self, step: &Step<'_>, action: &str, resource: &str, context: Context) {
        let hindrance = encryption::hindrance(self.world, action, resource, step.place);
        self.add_hindered(step, action, resource, context, hindrance);
    }

    /// A call of KMS on a key that S3 chose.
    fn add_on_key(&mut self, step: &Step<'_>, action: &str, key: &UsedKey, context: Context) {
        let hindrance = match &key.rejection {
            Some(rejection) => Some(Hindrance::Rejected(rejection.clone())),
            None => encryption::hindrance(self.world, action, &key.arn, step.place),
        };
        self.add_hindered(step, action, &key.arn, context, hindrance);
    }

    fn add_hindered(
        &mut self,
        step: &Step<'_>,
        action: &str,
        resource: &str,
        context: Context,
        hindrance: Option<Hindrance>,
    ) {
        let mut id = String::new();
        if let Some(target) = step.target {
            id.push_str(target);
            id.push('/');
        }
        if let Some(instance) = step.instance {
            let Instance { account, region } = &**instance;
            id.push_str(&format!("{account}/{region}/"));
        }
        id.push_str(&format!("{}/{action}", step.name));
        if !step.which.is_empty() {
            id.push_str(&format!("/{}", step.which));
        }
        let account = self.world.owner(resource).unwrap_or(step.account);
        let context = match &self.world.organization {
            Some(organization) if self.world.accounts.contains(account) => {
                context.with("aws:ResourceOrgID", organization)
            }
            _ => context,
        };
        (self.give)(Call {
            id,
            instance: step.instance.cloned(),
            target: step.target.map(str::to_owned),
            step: step.name,
            caller: step.caller.clone(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            account: account.to_owned(),
            context,
            place: step.place,
            resource_policy: None,
            made_up: false,
            hindrance,
        });
    }

    /// What S3 asks of KMS for an object of a bucket that encrypts by default: once for each
    /// encryption context that is possible.
    fn by_default(&mut self, step: &Step<'_>, bucket: &str, object: &str, actions: &[&str]) {
        let world = self.world;
        let Some(found) = world.buckets.get(bucket) else {
            return;
        };
        let Some(default) = &found.default_key else {
            return;
        };
        let known = |known: &'_ str, other: &'_ str| match known {
            "" => other.to_owned(),
            known => known.to_owned(),
        };
        let owner = known(&found.account, step.account);
        let region = known(&found.region, step.region);
        let user = step.caller.account().unwrap_or_default();
        let said = match &default.said {
            Some((place, resource)) => (*place, Some(resource.clone())),
            None => (step.place, None),
        };
        let key = default.key.as_deref();
        let key = encryption::default_key(world, key, (&owner, &region), user, said);
        let step = Step {
            account: key.account(),
            ..*step
        };
        let keyed = (bucket, default.bucket_key);
        self.in_bucket(&step, keyed, (&region, object), &key, actions);
    }

    /// Whether S3 uses a Bucket Key in a bucket, where that is known: the templates that make the
    /// bucket say so, or a file does.
    fn uses_bucket_key(&self, bucket: &str) -> Option<bool> {
        let found = self.world.buckets.get(bucket)?;
        match (found.resolver, &found.default_key) {
            (Some(_), _) => Some(found.bucket_key),
            (None, Some(default)) => default.bucket_key,
            (None, None) => None,
        }
    }

    /// Calls of KMS for an object of a bucket, in a region. With a Bucket Key, the encryption
    /// context is the bucket's ARN, otherwise the object's (Amazon S3, *Reducing the cost of SSE-KMS
    /// with Amazon S3 Bucket Keys*). Where it is not known which, both must be allowed.
    fn in_bucket(
        &mut self,
        step: &Step<'_>,
        (bucket, bucket_key): (&str, Option<bool>),
        (region, object): (&str, &str),
        key: &UsedKey,
        actions: &[&str],
    ) {
        let plain = context(self.world, step.caller, step.region);
        for (is_bucket_key, encrypted) in [
            (false, object.to_owned()),
            (true, self.world.bucket_arn(bucket)),
        ] {
            if bucket_key.is_some_and(|known| known != is_bucket_key) {
                continue;
            }
            // Where both are possible they need names of their own.
            let which = match (bucket_key, step.which) {
                (None, "") if is_bucket_key => "bucket-key".to_owned(),
                (None, which) if is_bucket_key => format!("{which}/bucket-key"),
                (_, which) => which.to_owned(),
            };
            let step = Step {
                which: &which,
                ..*step
            };
            let via = via_s3_for(plain.clone(), region, encrypted);
            for action in actions {
                self.add_on_key(&step, action, key, via.clone());
            }
        }
    }

    fn each(&mut self, step: &Step<'_>, actions: &[&str], resource: &str) {
        let context = context(self.world, step.caller, step.region);
        for action in actions {
            self.add(step, action, resource, context.clone());
        }
    }

    /// KMS refuses a key policy that locks everybody out.
    fn administration(&mut self) {
        let dev = self.world.resolvers.first();
        let world_region = dev.map_or("", |dev| dev.deployment().region);
        for key in self.world.keys.iter().filter(|key| key.is_made) {
            let held = &self.world.policies[key.policy];
            let region = Arn::parse(&key.arn).map_or("", |arn| arn.region);
            let step = Step {
                name: "administer",
                target: key.target.as_deref(),
                instance: key.instance.as_ref(),
                which: if world_region == region { "" } else { region },
                caller: &Caller::Root(key.account.clone()),
                account: &key.account,
                region,
                place: Place {
                    file: held.file,
                    span: held.span,
                },
            };
            self.each(&step, &["kms:PutKeyPolicy"], &key.arn);
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        let service_role = Caller::Role(pipeline.service_role.clone());
        // The first pipeline's calls keep their short names.
        let which = match self.is_first(pipeline) {
            true => "",
            false => &pipeline.name,
        };
        let common = |name, place| Step {
            name,
            target: None,
            instance: None,
            which,
            caller: &service_role,
            account: &pipeline.account,
            region: &pipeline.region,
            place,
        };
        let service = Caller::Service("codepipeline.amazonaws.com".to_owned());
        let step = Step {
            caller: &service,
            ..common("check", pipeline.place)
        };
        self.each(&step, &["sts:AssumeRole"], &pipeline.service_role);
        self.role_checks(pipeline, &service_role);
        for rule in &pipeline.rules {
            let events = Caller::Service("events.amazonaws.com".to_owned());
            let step = Step {
                caller: &events,
                ..common("start", rule.place)
            };
            let context = context(self.world, &events, &pipeline.region)
                .with("aws:SourceArn", &rule.arn)
                .with("aws:SourceAccount", &pipeline.account);
            self.add(&step, "sts:AssumeRole", &rule.role, context);
            let role = Caller::Role(rule.role.clone());
            let step = Step {
                caller: &role,
                ..common("start", rule.place)
            };
            self.each(
                &step,
                &["codepipeline:StartPipelineExecution"],
                &pipeline.arn,
            );
        }
        for source in &pipeline.sources {
            let caller = Caller::Role(source.role.clone().unwrap_or(pipeline.service_role.clone()));
            let step = Step {
                caller: &caller,
                ..common("source", source.place)
            };
            let bucket = self.world.bucket_arn(&source.bucket);
            self.each(&step, &BUCKET_READS, &bucket);
            // S3 checks it for a missing object (*HeadObject*): 403 without it, 404 with it.
            self.each(&step, &["s3:ListBucket"], &bucket);
            let object = format!("{bucket}/{}", source.key);
            self.each(&step, &OBJECT_READS, &object);
            self.each(&step, &TAG_READS, &object);
            let step = Step {
                name: "source-key",
                ..step
            };
            self.by_default(&step, &source.bucket, &object, &["kms:Decrypt"]);
        }
        if let Some(store) = pipeline.store(&pipeline.region) {
            self.store(pipeline, store, common("store", store.place));
        }
        self.copies(pipeline, common("copy", pipeline.place));
        for deploy in &pipeline.deploys {
            self.deploy(pipeline, deploy);
        }
        for invoke in &pipeline.invokes {
            let arn = pipeline.arn.strip_suffix(pipeline.name.as_str());
            let arn = format!("{}{}", arn.unwrap_or_default(), invoke.name);
            let step = common("invoke", invoke.place);
            self.each(&step, &["codepipeline:StartPipelineExecution"], &arn);
        }
    }

    fn is_first(&self, pipeline: &Pipeline) -> bool {
        self.first == pipeline.name
    }

    /// CodePipeline copies the artifacts to the store of every other region that has an action.
    fn copies(&mut self, pipeline: &Pipeline, step: Step<'_>) {
        let used: BTreeSet<&str> = pipeline
            .deploys
            .iter()
            .map(|deploy| deploy.region.as_str())
            .collect();
        let stores = pipeline.stores.iter();
        for store in stores.filter(|store| store.region != pipeline.region) {
            if used.contains(store.region.as_str()) {
                let which = match step.which {
                    "" => store.region.clone(),
                    name => format!("{}/{name}", store.region),
                };
                let step = Step {
                    which: &which,
                    region: &store.region,
                    place: store.place,
                    ..step
                };
                self.store(pipeline, store, step);
            }
        }
    }

    /// CodePipeline checks, when a pipeline is created or updated, that the service role can
    /// assume the role of every action.
    fn role_checks(&mut self, pipeline: &Pipeline, service_role: &Caller) {
        let sources = pipeline.sources.iter();
        let roles = sources
            .filter_map(|source| Some((source.role.as_ref()?, None, None, source.place)))
            .chain(
                pipeline
                    .other_roles
                    .iter()
                    .map(|(role, place)| (role, None, None, *place)),
            )
            .chain(pipeline.deploys.iter().map(|deploy| {
                let target = Some(deploy.target.as_str());
                (&deploy.role, target, deploy.instance.as_ref(), deploy.place)
            }));
        for (role, target, instance, place) in
            roles.filter(|(role, ..)| **role != pipeline.service_role)
        {
            let step = Step {
                name: "check",
                target,
                instance,
                which: "",
                caller: service_role,
                account: account_of(role),
                region: &pipeline.region,
                place,
            };
            self.each(&step, &["sts:AssumeRole"], role);
        }
    }

    /// Storing an artifact: the bucket's settings, the object, its encryption.
    fn store(&mut self, pipeline: &Pipeline, store: &Store, step: Step<'_>) {
        let bucket = self.world.bucket_arn(&store.bucket);
        let object = format!("{bucket}/{}", artifact_key(&pipeline.name));
        self.each(&step, &BUCKET_READS, &bucket);
        let plain = context(self.world, step.caller, &store.region);
        let put = encrypted_with(plain.clone(), store);
        self.add(&step, "s3:PutObject", &object, put);
        self.each(&step, &["s3:PutObjectAcl"], &object);
        self.each(&step, &OBJECT_READS, &object);
        // Of source objects with tags; the service role always has them.
        self.each(&step, &["s3:PutObjectTagging"], &object);
        self.each(&step, &TAG_READS, &object);
        let key = self.store_key(pipeline, store, step.account);
        let step = Step {
            name: if step.name == "store" {
                "encrypt"
            } else {
                step.name
            },
            account: key.account(),
            ..step
        };
        let keyed = (store.bucket.as_str(), self.uses_bucket_key(&store.bucket));
        let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
        self.in_bucket(&step, keyed, (&store.region, &object), &key, &actions);
        if store.key.is_some() {
            self.add_on_key(&step, "kms:DescribeKey", &key, plain);
        }
    }

    /// The key of an artifact store, as it is for a caller of an account. Without an `EncryptionKey`
    /// CodePipeline uses the AWS managed key of S3 (AWS CodePipeline, *Create a pipeline in
    /// CodePipeline that uses resources from another AWS account*).
    fn store_key(&self, pipeline: &Pipeline, store: &Store, user: &str) -> UsedKey {
        match &store.key {
            Some(key) => UsedKey::named(key_arn(self.world, key, user, &store.region)),
            None => {
                let said = (store.place, None);
                let owner = &pipeline.account;
                encryption::managed(self.world, owner, &store.region, user, said)
            }
        }
    }

    fn deploy(&mut self, pipeline: &Pipeline, deploy: &Deploy) {
        let service_role = Caller::Role(pipeline.service_role.clone());
        let role = Caller::Role(deploy.role.clone());
        let role_account = account_of(&deploy.role);
        let common = |name, account| Step {
            name,
            target: Some(&deploy.target),
            instance: deploy.instance.as_ref(),
            which: "",
            caller: &role,
            account,
            region: &deploy.region,
            place: deploy.place,
        };
        let Some(store) = pipeline.store(&deploy.region) else {
            return;
        };
        if deploy.role != pipeline.service_role {
            let assume = Step {
                caller: &service_role,
                ..common("assume", account_of(&deploy.role))
            };
            self.each(&assume, &["sts:AssumeRole"], &deploy.role);
        }
        let bucket = self.world.bucket_arn(&store.bucket);
        let object = format!("{bucket}/{}", artifact_key(&pipeline.name));
        let read = common("read", &pipeline.account);
        self.each(&read, &OBJECT_READS, &object);
        if deploy.tagged_objects {
            self.each(&read, &TAG_READS, &object);
        }
        self.each(&read, &["s3:ListBucket"], &bucket);
        let key = self.store_key(pipeline, store, role_account);
        let decrypt = common("decrypt", key.account());
        let plain = context(self.world, &role, &deploy.region);
        let keyed = (store.bucket.as_str(), self.uses_bucket_key(&store.bucket));
        let place = (store.region.as_str(), object.as_str());
        self.in_bucket(&decrypt, keyed, place, &key, &["kms:Decrypt"]);
        if store.key.is_some() {
            self.add_on_key(&decrypt, "kms:DescribeKey", &key, plain);
        }
        self.write(deploy, &role, common("deploy", role_account));
    }

    fn write(&mut self, deploy: &Deploy, role: &Caller, step: Step<'_>) {
        let output = self.world.bucket_arn(&deploy.bucket);
        let written = format!("{output}/{}", deploy.written_key());
        let plain = context(self.world, role, &deploy.region);
        if self.permissions == Permissions::Least {
            self.each(&step, &BUCKET_READS, &output);
        }
        self.each(&step, &["s3:ListBucket"], &output);
        let mut put = plain.clone();
        if let Some(acl) = &deploy.canned_acl {
            put = put.with("s3:x-amz-acl", acl);
        }
        let acl = put.clone();
        if let Some(key) = &deploy.key {
            put = put
                .with("s3:x-amz-server-side-encryption", "aws:kms")
                .with("s3:x-amz-server-side-encryption-aws-kms-key-id", key);
        }
        self.add(&step, "s3:PutObject", &written, put);
        if deploy.canned_acl.is_some() {
            self.add(&step, "s3:PutObjectAcl", &written, acl.clone());
            self.add(&step, "s3:PutObjectVersionAcl", &written, acl);
        }
        if deploy.tagged_objects {
            self.each(&step, &["s3:PutObjectTagging"], &written);
            self.each(&step, &TAG_READS, &written);
        }
        let step = Step {
            name: "output-key",
            ..step
        };
        let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
        let Some(key) = &deploy.key else {
            return self.by_default(&step, &deploy.bucket, &written, &actions);
        };
        let key = UsedKey::named(key_arn(self.world, key, step.account, &deploy.region));
        let step = Step {
            account: key.account(),
            ..step
        };
        let keyed = (deploy.bucket.as_str(), self.uses_bucket_key(&deploy.bucket));
        self.in_bucket(&step, keyed, (&deploy.region, &written), &key, &actions);
    }

    /// S3 delivers access logs as a service.
    fn log_delivery(&mut self) {
        let caller = Caller::Service("logging.s3.amazonaws.com".to_owned());
        let dev = self.world.resolvers.first();
        let dev_region = dev.map_or("", |dev| dev.deployment().region);
        for (name, bucket) in &self.world.buckets {
            let (Some((log_bucket, prefix)), Some(place)) = (&bucket.log_bucket, bucket.place)
            else {
                continue;
            };
            let resolver = bucket.resolver.map(|number| &self.world.resolvers[number]);
            let deployment = resolver.map(Resolver::deployment);
            let which = match deployment {
                Some(here) if here.target.is_none() && here.region != dev_region => here.region,
                _ => "",
            };
            let step = Step {
                name: "logs",
                target: deployment.and_then(|deployment| deployment.target),
                instance: deployment.and_then(|deployment| deployment.instance.as_ref()),
                which,
                caller: &caller,
                account: &bucket.account,
                region: &bucket.region,
                place,
            };
            let context = context(self.world, &caller, &bucket.region)
                .with("aws:SourceArn", self.world.bucket_arn(name))
                .with("aws:SourceAccount", &bucket.account);
            let object = format!(
                "{}/{prefix}2026-01-31-12-00-00-AB",
                self.world.bucket_arn(log_bucket)
            );
            let hindrance = self.undeliverable(log_bucket).map(Hindrance::Rejected);
            self.add_hindered(&step, "s3:PutObject", &object, context, hindrance);
        }
    }

    /// Why S3 cannot deliver access logs to a bucket: its default encryption uses a KMS key.
    fn undeliverable(&self, log_bucket: &str) -> Option<Rejection> {
        let default = self.world.buckets.get(log_bucket)?.default_key.as_ref()?;
        let (place, resource) = default.said.clone()?;
        Some(Rejection {
            because: format!(
                "S3 cannot deliver access logs to {log_bucket}, whose default encryption uses a KMS \
                 key"
            ),
            state: None,
            fix: "write `SSEAlgorithm: AES256`".to_owned(),
            place,
            resource: Some(resource),
        })
    }
}
