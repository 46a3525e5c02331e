//! A pipeline execution: its steps and calls, in order, with the context that AWS sets.
//!
//! Follows *Amazon S3 source action reference*, *CodeStarSourceConnection for Bitbucket Cloud,
//! GitHub, GitHub Enterprise Server, GitLab.com, and GitLab self-managed actions*, *Amazon S3
//! deploy action reference*, *Manage the CodePipeline service role*, *ActionDeclaration*, *Using
//! server-side encryption with AWS KMS keys*, *Add a cross-Region action*, *Enabling Amazon S3
//! server access logging*, and *Default key policy* in the AWS documentation. AWS publishes lists
//! of permissions, not traces of calls. For each permission in these lists, [`Strength`] records
//! whether executions are known to succeed without it.
//!
//! This file contains the order of the calls and the parts that all calls share. Other files
//! contain the calls on artifacts ([`artifacts`]), the calls of actions ([`actions`]), the calls for
//! invalidations ([`invalidation`]) and for stage safety ([`safety`]), and the calls outside
//! pipelines ([`others`]). An execution is derived from the pipelines ([`pipeline`]) and from the
//! existing buckets and keys ([`landscape`]). [`crate::proof`] reads templates and
//! policies; this module does not.

mod actions;
mod artifacts;
mod call;
mod chain;
mod context;
pub(crate) mod encryption;
mod invalidation;
mod key_state;
pub(crate) mod landscape;
mod others;
pub(crate) mod pipeline;
mod safety;
mod step;

use std::sync::Arc;

pub use call::{Call, Caller, Hindrance, Rejection, Strength};
pub(crate) use chain::{Obstacle, obstacles};
use context::via_s3_for;
pub(crate) use context::{context, encrypted_with, via_s3};
pub(crate) use encryption::key_arn;
pub(crate) use key_state::{KeyState, is_cryptographic};
pub use landscape::{Doubt, Instance, Place};
pub use step::Step;

use crate::plan::{artifact_folder, artifact_name};
use crate::policy::evaluation::{Context, ContextValue};
pub(crate) use artifacts::named;
use encryption::{Use, UsedKey};
use landscape::{Landscape, Value, account_of};
use pipeline::{Pipeline, Store};

use Strength::Needed;

const BUCKET_READS: [&str; 3] = [
    "s3:GetBucketVersioning",
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
];

const TAG_READS: [&str; 2] = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"];

/// The actions that use a connection to a repository, with the new and the old service prefix.
pub(crate) const CONNECTION_USES: [&str; 2] = [
    "codeconnections:UseConnection",
    "codestar-connections:UseConnection",
];

/// The last part of artifact keys in the proof. CodePipeline generates a new one for each artifact.
pub(crate) const ARTIFACT_ID: &str = "aB3dE5f";

/// The end of a secret's ID in the proof. Secrets Manager generates it.
pub(crate) const SECRET_SUFFIX: &str = "-aB3dE5";

/// The last two parts of the artifact key that the source action of a generated pipeline uses.
pub(crate) const ARTIFACT: &str = "SourceArti/aB3dE5f";

/// Returns the key of an artifact. CodePipeline truncates the pipeline name to 20 characters and
/// the artifact name to 10.
pub(crate) fn key_of(pipeline: &str, artifact: &str) -> String {
    let (folder, name) = (artifact_folder(pipeline), artifact_name(artifact));
    format!("{folder}/{name}/{ARTIFACT_ID}")
}

/// Returns the resource of a statement that allows a call on an object. The names of artifacts and
/// deployed files are samples, so the resource covers every object that the sample represents.
pub(crate) fn objects_like(resource: &str) -> String {
    let is_sample = |name: &&str| [ARTIFACT_ID, SAMPLE_FILE].contains(name);
    match resource.rsplit_once('/') {
        Some((folder, name)) if resource.contains(":s3:::") && is_sample(&name) => {
            // Cover all artifacts of the pipeline, not only those with one name.
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

/// The name of a file that represents all files that a deploy action writes.
pub(crate) const SAMPLE_FILE: &str = "index.html";

/// Returns the key of the first artifact of a pipeline.
pub(crate) fn artifact_key(pipeline: &Pipeline) -> String {
    let outputs = pipeline.actions.iter().flat_map(|action| &action.outputs);
    let inputs = pipeline.actions.iter().flat_map(|action| &action.inputs);
    let first = outputs.chain(inputs).next();
    key_of(&pipeline.name, first.map_or("SourceArtifact", |name| name))
}

/// Passes the calls of an execution to `each`, one at a time.
pub(crate) fn calls(land: &Landscape, pipelines: &[Pipeline], each: &mut dyn FnMut(Call)) {
    let mut run = Run {
        land,
        first: pipelines.first().map_or("", |first| &first.name),
        give: each,
    };
    run.administration();
    for pipeline in pipelines {
        run.pipeline(pipeline);
    }
    run.log_delivery();
}

struct Run<'r> {
    land: &'r Landscape,
    /// Name of the first pipeline.
    first: &'r str,
    give: &'r mut dyn FnMut(Call),
}

/// The properties that the calls of one step share.
#[derive(Clone, Copy)]
struct Scope<'s> {
    step: Step,
    target: Option<&'s str>,
    instance: Option<&'s Arc<Instance>>,
    /// The part that distinguishes the step from the same step elsewhere: a region, an action, or
    /// an additional pipeline.
    which: &'s str,
    caller: &'s Caller,
    place: Place,
}

impl Scope<'_> {
    /// Returns the same scope in another step.
    fn at(&self, step: Step) -> Self {
        Self { step, ..*self }
    }
}

/// The resource of a call.
struct On {
    /// ARN, or why it is unknown.
    arn: Value,
    /// Account of its owner; `None` if unknown.
    account: Option<String>,
}

/// A bucket that an execution uses.
#[derive(Clone, Copy)]
struct Bucket<'b> {
    name: &'b Value,
    account: Option<&'b str>,
    /// `None` if unknown.
    region: Option<&'b str>,
}

impl<'b> Bucket<'b> {
    /// Returns where S3 looks for a key on behalf of a caller.
    fn used_by(&self, caller: &'b Caller) -> Use<'b> {
        Use {
            owner: self.account,
            region: self.region,
            user: caller.account(),
        }
    }
}

impl<'r> Run<'r> {
    fn pipeline(&mut self, pipeline: &Pipeline) {
        let service_role = Caller::of(&pipeline.service_role);
        let common = Scope {
            step: Step::Check,
            target: None,
            instance: None,
            which: self.which(pipeline),
            caller: &service_role,
            place: pipeline.place,
        };
        let service = Caller::Service("codepipeline.amazonaws.com".to_owned());
        let scope = Scope {
            caller: &service,
            ..common
        };
        self.assume(&scope, &pipeline.service_role);
        self.role_checks(pipeline, &service_role);
        self.start(pipeline, &common);
        for (number, action) in pipeline.actions.iter().enumerate() {
            self.source(pipeline, (number, action), &common);
        }
        self.stores(pipeline, &common, |action| action.work.is_source());
        self.conditions(pipeline, &common);
        for (number, action) in pipeline.actions.iter().enumerate() {
            self.action(pipeline, (number, action), &common);
            if !action.work.is_source() && !action.outputs.is_empty() {
                self.stores(pipeline, &common, |other| std::ptr::eq(other, action));
            }
        }
    }

    /// Returns the suffix that distinguishes the calls of an additional pipeline. The IDs of the
    /// first pipeline's calls have no suffix.
    fn which<'p>(&self, pipeline: &'p Pipeline) -> &'p str {
        match self.first == pipeline.name {
            true => "",
            false => &pipeline.name,
        }
    }

    /// Returns the bucket with the given name.
    fn bucket<'b>(&self, name: &'b Value) -> Bucket<'b>
    where
        'r: 'b,
    {
        let found = self.land.bucket_named(name);
        Bucket {
            name,
            account: found.and_then(|bucket| bucket.account.as_deref()),
            region: found.and_then(|bucket| bucket.region.as_deref()),
        }
    }

    /// Returns the bucket of a store. The bucket is in the store's region (AWS CodePipeline, *Add a
    /// cross-Region action*).
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

    /// Adds S3 calls on a bucket.
    fn on_bucket(
        &mut self,
        scope: &Scope<'_>,
        strength: Strength,
        actions: &[&str],
        bucket: &Bucket<'_>,
    ) {
        let context = context(self.land, scope.caller, bucket.region);
        self.on_s3(scope, strength, actions, (bucket, None), &context);
    }

    /// Adds S3 calls on an object.
    fn on_object(
        &mut self,
        scope: &Scope<'_>,
        strength: Strength,
        actions: &[&str],
        (bucket, key): (&Bucket<'_>, &str),
    ) {
        let context = context(self.land, scope.caller, bucket.region);
        self.on_s3(scope, strength, actions, (bucket, Some(key)), &context);
    }

    /// Adds S3 calls on a bucket, or on the object with the given key.
    fn on_s3(
        &mut self,
        scope: &Scope<'_>,
        strength: Strength,
        actions: &[&str],
        (bucket, key): (&Bucket<'_>, Option<&str>),
        context: &Context,
    ) {
        let on = On {
            arn: bucket.name.clone().map(|name| match key {
                Some(key) => self.land.bucket_arn(&format!("{name}/{key}")),
                None => self.land.bucket_arn(&name),
            }),
            account: bucket.account.map(str::to_owned),
        };
        for action in actions {
            self.add(scope, strength, action, &on, context.clone(), None);
        }
    }

    /// Adds the KMS calls that S3 makes for an object in a bucket, once for each possible
    /// encryption context.
    ///
    /// With an S3 Bucket Key, the encryption context is the ARN of the bucket. Otherwise, it is the
    /// ARN of the object (Amazon S3, *Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys*). If
    /// it is unknown which applies, both must be allowed.
    fn in_bucket(
        &mut self,
        scope: &Scope<'_>,
        actions: &[&str],
        (bucket, object): (&Bucket<'_>, &str),
        key: &UsedKey,
    ) {
        let found = self.land.bucket_named(bucket.name);
        let bucket_key = found.and_then(|bucket| bucket.bucket_key);
        let plain = context(self.land, scope.caller, bucket.region);
        let contexts = match bucket.name {
            Ok(name) => {
                let bucket = self.land.bucket_arn(name);
                let object = format!("{bucket}/{object}");
                vec![(false, Some(object)), (true, Some(bucket))]
            }
            Err(_) => vec![(false, None)],
        };
        for (is_bucket_key, encrypted) in contexts {
            if bucket_key.is_some_and(|known| known != is_bucket_key) {
                continue;
            }
            // If both are possible, the calls need different IDs.
            let which = match bucket_key {
                None if is_bucket_key => named(scope.which, "bucket-key"),
                _ => scope.which.to_owned(),
            };
            let scope = Scope {
                which: &which,
                ..*scope
            };
            let via = via_s3_for(plain.clone(), bucket.region, encrypted);
            for action in actions {
                self.on_key(&scope, Needed, action, key, Some(bucket), via.clone());
            }
        }
    }

    /// Adds a KMS call on a key that S3 uses for a bucket, or that the caller names.
    fn on_key(
        &mut self,
        scope: &Scope<'_>,
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
                encryption::hindrance(self.land, action, arn, region, scope.place)
            }
            (None, Err(_)) => None,
        };
        if key.is_by_alias {
            context.set("kms:RequestAlias", ContextValue::Unknown);
        }
        let on = On {
            arn: key.arn.clone(),
            account: (key.arn.as_deref().ok()).map(|arn| account_of(arn).to_owned()),
        };
        self.add(scope, strength, action, &on, context, hindrance);
    }

    /// Adds the call that assumes a role. The STS endpoint that receives it is not documented.
    fn assume(&mut self, scope: &Scope<'_>, role: &Value) {
        let context = context(self.land, scope.caller, None);
        self.assume_with(scope, role, context);
    }

    fn assume_with(&mut self, scope: &Scope<'_>, role: &Value, context: Context) {
        let on = On {
            arn: role.clone(),
            account: role.as_deref().ok().map(|arn| account_of(arn).to_owned()),
        };
        self.add(scope, Needed, "sts:AssumeRole", &on, context, None);
    }

    /// Adds the call with which a service assumes a role on behalf of a resource. `source` is the ARN
    /// of the resource and its account, which is unknown only if the ARN is.
    fn service_assumes(
        &mut self,
        scope: &Scope<'_>,
        service: &str,
        (source, account): (&Value, Option<&str>),
        role: &Value,
    ) {
        let caller = Caller::Service(service.to_owned());
        let mut context = context(self.land, &caller, None);
        context.set("aws:SourceArn", actions::known(source));
        let account = account.map(|account| ContextValue::One(account.to_owned()));
        context.set(
            "aws:SourceAccount",
            account.unwrap_or(ContextValue::Present),
        );
        let scope = Scope {
            caller: &caller,
            ..*scope
        };
        self.assume_with(&scope, role, context);
    }

    fn add(
        &mut self,
        scope: &Scope<'_>,
        strength: Strength,
        action: &str,
        on: &On,
        context: Context,
        hindrance: Option<Hindrance>,
    ) {
        let mut id = String::new();
        if let Some(target) = scope.target {
            id.push_str(target);
            id.push('/');
        }
        if let Some(instance) = scope.instance {
            let Instance { account, region } = &**instance;
            id.push_str(&format!("{account}/{region}/"));
        }
        id.push_str(&format!("{}/{action}", scope.step));
        if !scope.which.is_empty() {
            id.push_str(&format!("/{}", scope.which));
        }
        let context = match (&self.land.organization, &on.account) {
            (Some(organization), Some(account)) if self.land.accounts.contains(account) => {
                context.with("aws:ResourceOrgID", organization)
            }
            _ => context,
        };
        let nobody = match scope.caller {
            Caller::Unknown(_, doubt) => Some((**doubt).clone()),
            _ => None,
        };
        let (resource, unknown) = match &on.arn {
            Ok(arn) => (arn.clone(), None),
            Err(doubt) => (format!("? ({})", doubt.reason), Some((**doubt).clone())),
        };
        let on = (resource, on.account.clone(), nobody.or(unknown));
        self.call(id, scope, strength, action, on, context, hindrance);
    }

    /// Adds a call on a resource in an account. If the resource is unknown, the call is unproven.
    #[expect(clippy::too_many_arguments, reason = "the parts of a call")]
    fn call(
        &mut self,
        id: String,
        scope: &Scope<'_>,
        strength: Strength,
        action: &str,
        (resource, account, unknown): (String, Option<String>, Option<Doubt>),
        context: Context,
        hindrance: Option<Hindrance>,
    ) {
        (self.give)(Call {
            id,
            instance: scope.instance.cloned(),
            target: scope.target.map(str::to_owned),
            step: scope.step,
            caller: scope.caller.clone(),
            action: action.to_owned(),
            strength,
            resource,
            account,
            context,
            place: scope.place,
            resource_policy: None,
            made_up: false,
            hindrance,
            unknown,
        });
    }
}
