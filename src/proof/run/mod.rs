//! The calls of a pipeline run, in its order, with the context that AWS sets.
//!
//! Follows the AWS documents *Amazon S3 source action reference*, *Amazon S3 deploy action reference*,
//! *Manage the CodePipeline service role*, *ActionDeclaration*, *Using server-side encryption with AWS
//! KMS keys*, *Add a cross-Region action*, *Enabling Amazon S3 server access logging* and *Default key
//! policy*. AWS publishes lists of permissions, not traces of calls: [`Strength`] says of each entry
//! whether runs are known to succeed without it.
//!
//! Here are the order of a run and what its calls have in common; the calls on artifacts are
//! [`artifacts`]', those of the actions [`actions`]', and those that belong to no pipeline [`others`]'.

mod actions;
mod artifacts;
mod others;

use std::sync::Arc;

use super::call::{Call, Caller, Hindrance, Strength};
use super::encryption::{self, UsedKey};
use super::facts::{Pipeline, Store, Value, caller};
use super::input::Instance;
use super::public_access;
use super::world::{Place, World, account_of, bucket_name};
use crate::config::partition_of;
use crate::policy::evaluation::{Context, ContextValue};

use Strength::Needed;

const BUCKET_READS: [&str; 3] = [
    "s3:GetBucketVersioning",
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
];

const TAG_READS: [&str; 2] = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"];

/// What the keys of artifacts end with in the proof; CodePipeline makes it up for each.
const ARTIFACT_ID: &str = "aB3dE5f";

/// The end of the keys of the artifact that a generated pipeline's source action stores.
pub const ARTIFACT: &str = "SourceArti/aB3dE5f";

/// The key of an artifact. CodePipeline cuts the pipeline's name to twenty characters there, and the
/// artifact's to ten.
fn key_of(pipeline: &str, artifact: &str) -> String {
    let folder: String = pipeline.chars().take(20).collect();
    let name: String = artifact.chars().take(10).collect();
    format!("{folder}/{name}/{ARTIFACT_ID}")
}

/// The resource of a statement that allows a call on an object: all that the object stands for. The
/// names of artifacts and of deployed files are samples.
pub(super) fn objects_like(resource: &str) -> String {
    let is_sample = |name: &&str| [ARTIFACT_ID, SAMPLE_FILE].contains(name);
    match resource.rsplit_once('/') {
        Some((folder, name)) if resource.contains(":s3:::") && is_sample(&name) => {
            // Every artifact of the pipeline, not those of one name.
            let folder = match name == ARTIFACT_ID {
                true => folder
                    .rsplit_once('/')
                    .map_or(folder, |(pipeline, _)| pipeline),
                false => folder,
            };
            format!("{folder}/*")
        }
        _ => resource.to_owned(),
    }
}

/// The name of a file that stands for all that a deploy action writes.
pub(super) const SAMPLE_FILE: &str = "index.html";

/// The key of the first artifact of a pipeline.
pub(super) fn artifact_key(pipeline: &Pipeline) -> String {
    let outputs = pipeline.actions.iter().flat_map(|action| &action.outputs);
    let inputs = pipeline.actions.iter().flat_map(|action| &action.inputs);
    let first = outputs.chain(inputs).next();
    key_of(&pipeline.name, first.map_or("SourceArtifact", |name| name))
}

/// Gives the calls of a run, one after the other.
pub(super) fn calls(world: &World<'_>, pipelines: &[Pipeline], each: &mut dyn FnMut(Call)) {
    let mut run = Run {
        world,
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
    /// What tells it from the same step elsewhere: a region, an action, or a further pipeline.
    which: &'s str,
    caller: &'s Caller,
    place: Place,
}

/// What a call works on.
struct On {
    /// ARN, or why it cannot be known.
    arn: Value,
    /// Account of its owner; `None`: not known.
    account: Option<String>,
}

/// A bucket of a run.
#[derive(Clone, Copy)]
struct Bucket<'b> {
    name: &'b Value,
    account: Option<&'b str>,
    /// `None`: not known.
    region: Option<&'b str>,
}

/// The context of every request of a caller. The request itself adds `aws:ResourceAccount`, the
/// account that owns the call's resource.
pub(super) fn context(world: &World<'_>, caller: &Caller, region: Option<&str>) -> Context {
    let mut context = Context::new().with("aws:SecureTransport", "true");
    if let Some(region) = region {
        context = context.with("aws:RequestedRegion", region);
    }
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
    let bucket = bucket_name(object).unwrap_or_default();
    let found = world.buckets.get(bucket);
    let is_bucket_key = found.is_some_and(|bucket| bucket.bucket_key == Some(true));
    let encrypted = if is_bucket_key {
        world.bucket_arn(bucket)
    } else {
        object.to_owned()
    };
    via_s3_for(context, Some(store_region), Some(encrypted))
}

/// The same for a region and with an encryption context that may not be known.
fn via_s3_for(mut context: Context, region: Option<&str>, encrypted: Option<String>) -> Context {
    let service = region.map(|region| format!("s3.{region}.{}", partition_of(region).dns_suffix()));
    let service = service.map_or(ContextValue::Present, ContextValue::One);
    context.set("kms:ViaService", service);
    let encrypted = encrypted.map_or(ContextValue::Present, ContextValue::One);
    context.set("kms:EncryptionContext:aws:s3:arn", encrypted);
    context
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

/// What an upload to a store says about its encryption: the key as the pipeline names it. How
/// CodePipeline names a key that the pipeline gives by an alias or an ID, or not at all, is not
/// documented.
pub(super) fn encrypted_with(context: Context, store: &Store) -> Context {
    const KEY_ID: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
    let mut context = context.with("s3:x-amz-server-side-encryption", "aws:kms");
    let value = match &store.key {
        Some(Ok(key)) if key.starts_with("arn:") && key.contains(":key/") => {
            ContextValue::One(key.clone())
        }
        Some(_) => ContextValue::Present,
        None => ContextValue::Unknown,
    };
    context.set(KEY_ID, value);
    context
}

impl<'r> Run<'r, '_> {
    fn pipeline(&mut self, pipeline: &Pipeline) {
        let service_role = caller(&pipeline.service_role);
        let common = Step {
            name: "check",
            target: None,
            instance: None,
            which: self.which(pipeline),
            caller: &service_role,
            place: pipeline.place,
        };
        let service = Caller::Service("codepipeline.amazonaws.com".to_owned());
        let step = Step {
            caller: &service,
            ..common
        };
        self.assume(&step, &pipeline.service_role);
        self.role_checks(pipeline, &service_role);
        self.start(pipeline, &common);
        for (number, action) in pipeline.actions.iter().enumerate() {
            self.source(pipeline, (number, action), &common);
        }
        self.stores(pipeline, &common);
        for (number, action) in pipeline.actions.iter().enumerate() {
            self.action(pipeline, (number, action), &common);
        }
    }

    /// What tells a further pipeline's calls apart: the first pipeline's keep their short names.
    fn which<'p>(&self, pipeline: &'p Pipeline) -> &'p str {
        match self.first == pipeline.name {
            true => "",
            false => &pipeline.name,
        }
    }

    /// A bucket by its name.
    fn bucket<'b>(&self, name: &'b Value) -> Bucket<'b>
    where
        'r: 'b,
    {
        let found = name.as_deref().ok();
        let found = found.and_then(|name| self.world.buckets.get(name));
        Bucket {
            name,
            account: found.and_then(|bucket| bucket.account.as_deref()),
            region: found.and_then(|bucket| bucket.region.as_deref()),
        }
    }

    /// The bucket of a store. It is in the region of the store (AWS CodePipeline, *Add a cross-Region
    /// action*).
    fn bucket_of<'b>(&self, store: &'b Store) -> Bucket<'b>
    where
        'r: 'b,
    {
        let bucket = self.bucket(&store.bucket);
        Bucket {
            region: bucket.region.or(Some(&store.region)),
            ..bucket
        }
    }

    fn bucket_on(&self, bucket: &Bucket<'_>, key: Option<&str>) -> On {
        let arn = bucket.name.clone().map(|name| {
            let arn = self.world.bucket_arn(&name);
            match key {
                Some(key) => format!("{arn}/{key}"),
                None => arn,
            }
        });
        On {
            arn,
            account: bucket.account.map(str::to_owned),
        }
    }

    /// Calls of S3 on a bucket.
    fn on_bucket(
        &mut self,
        step: &Step<'_>,
        strength: Strength,
        actions: &[&str],
        bucket: &Bucket<'_>,
    ) {
        let on = self.bucket_on(bucket, None);
        let context = context(self.world, step.caller, bucket.region);
        for action in actions {
            self.s3(step, strength, action, &on, context.clone());
        }
    }

    /// Calls of S3 on an object; a key that is not known leaves the object unknown.
    fn on_object(
        &mut self,
        step: &Step<'_>,
        strength: Strength,
        actions: &[&str],
        (bucket, key): (&Bucket<'_>, &str),
    ) {
        let context = context(self.world, step.caller, bucket.region);
        self.on_object_with(step, strength, actions, (bucket, key), &context);
    }

    fn on_object_with(
        &mut self,
        step: &Step<'_>,
        strength: Strength,
        actions: &[&str],
        (bucket, key): (&Bucket<'_>, &str),
        context: &Context,
    ) {
        let on = self.bucket_on(bucket, Some(key));
        for action in actions {
            self.s3(step, strength, action, &on, context.clone());
        }
    }

    fn s3(&mut self, step: &Step<'_>, strength: Strength, action: &str, on: &On, context: Context) {
        let bucket = on.arn.as_deref().ok().and_then(bucket_name);
        let hindrance = bucket
            .zip(step.caller.account())
            .and_then(|(bucket, user)| public_access::hindrance(self.world, bucket, user));
        self.add(step, strength, action, on, context, hindrance);
    }

    /// What S3 asks of KMS for an object of a bucket: once for each encryption context that is
    /// possible.
    ///
    /// With an S3 Bucket Key, the encryption context is the bucket's ARN, otherwise the object's
    /// (Amazon S3, *Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys*). Where it is not known
    /// which, both must be allowed.
    fn in_bucket(
        &mut self,
        step: &Step<'_>,
        actions: &[&str],
        (bucket, object): (&Bucket<'_>, &str),
        key: &UsedKey,
    ) {
        let found = bucket.name.as_deref().ok();
        let found = found.and_then(|name| self.world.buckets.get(name));
        let bucket_key = found.and_then(|bucket| bucket.bucket_key);
        let plain = context(self.world, step.caller, bucket.region);
        let contexts = match bucket.name {
            Ok(name) => {
                let bucket = self.world.bucket_arn(name);
                let object = format!("{bucket}/{object}");
                vec![(false, Some(object)), (true, Some(bucket))]
            }
            Err(_) => vec![(false, None)],
        };
        for (is_bucket_key, encrypted) in contexts {
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
            let via = via_s3_for(plain.clone(), bucket.region, encrypted);
            for action in actions {
                self.on_key(&step, Needed, action, key, Some(bucket), via.clone());
            }
        }
    }

    /// A call of KMS on a key that S3 uses for a bucket, or that the caller names.
    fn on_key(
        &mut self,
        step: &Step<'_>,
        strength: Strength,
        action: &str,
        key: &UsedKey,
        bucket: Option<&Bucket<'_>>,
        mut context: Context,
    ) {
        let hindrance = match (&key.rejection, &key.arn) {
            (Some(rejection), _) => Some(Hindrance::Rejected(rejection.clone())),
            (None, Ok(arn)) => {
                let region = bucket.map(|bucket| bucket.region);
                encryption::hindrance(self.world, action, arn, region, step.place)
            }
            (None, Err(_)) => None,
        };
        if key.is_by_alias {
            context.set("kms:RequestAlias", ContextValue::Unknown);
        }
        let on = On {
            arn: key.arn.clone(),
            account: key
                .arn
                .as_deref()
                .ok()
                .map(|arn| account_of(arn).to_owned()),
        };
        self.add(step, strength, action, &on, context, hindrance);
    }

    /// A role is assumed. Which of its endpoints STS is asked at is not documented.
    fn assume(&mut self, step: &Step<'_>, role: &Value) {
        let context = context(self.world, step.caller, None);
        self.assume_with(step, role, context);
    }

    fn assume_with(&mut self, step: &Step<'_>, role: &Value, context: Context) {
        let on = On {
            arn: role.clone(),
            account: role.as_deref().ok().map(|arn| account_of(arn).to_owned()),
        };
        self.add(step, Needed, "sts:AssumeRole", &on, context, None);
    }

    fn add(
        &mut self,
        step: &Step<'_>,
        strength: Strength,
        action: &str,
        on: &On,
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
        let context = match (&self.world.organization, &on.account) {
            (Some(organization), Some(account)) if self.world.accounts.contains(account) => {
                context.with("aws:ResourceOrgID", organization)
            }
            _ => context,
        };
        let (resource, unknown) = match &on.arn {
            Ok(arn) => (arn.clone(), None),
            Err(doubt) => (format!("? ({})", doubt.reason), Some((**doubt).clone())),
        };
        let nobody = match step.caller {
            Caller::Unknown(_, doubt) => Some((**doubt).clone()),
            _ => None,
        };
        (self.give)(Call {
            id,
            instance: step.instance.cloned(),
            target: step.target.map(str::to_owned),
            step: step.name,
            caller: step.caller.clone(),
            action: action.to_owned(),
            strength,
            resource,
            account: on.account.clone(),
            context,
            place: step.place,
            resource_policy: None,
            made_up: false,
            hindrance,
            unknown: nobody.or(unknown),
        });
    }
}
