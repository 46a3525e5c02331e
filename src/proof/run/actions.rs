//! The calls of the actions themselves, with the roles that perform them.

use super::super::call::{Call, Caller, Strength};
use super::super::encryption::{self, Use};
use super::super::facts::{Action, Deploy, Pipeline, Source, Value, Work, caller};
use super::super::world::{Doubt, Encryption, Place};
use super::{BUCKET_READS, Bucket, Run, Step, TAG_READS, artifacts, context};
use crate::policy::evaluation::{Context, ContextValue};

use Strength::{Documented, Needed};

/// An action with its number in the pipeline.
type Numbered<'a> = (usize, &'a Action);

impl Run<'_, '_> {
    /// CodePipeline checks, when a pipeline is created or updated, that the service role can
    /// assume the role of every action.
    pub(super) fn role_checks(&mut self, pipeline: &Pipeline, service_role: &Caller) {
        let actions = pipeline.actions.iter();
        let of_actions =
            actions.filter_map(|action| Some((action.role.as_ref()?, Some(action), action.place)));
        let checks = pipeline.checks.iter();
        let of_checks = checks.filter_map(|check| Some((check.role.as_ref()?, None, check.place)));
        for (role, action, place) in of_actions.chain(of_checks) {
            let deploy = action.and_then(|action| match &action.work {
                Work::Deploy(deploy) => Some(deploy),
                _ => None,
            });
            let step = Step {
                name: "check",
                target: deploy.map(|deploy| deploy.target.as_str()),
                instance: deploy.and_then(|deploy| deploy.instance.as_ref()),
                which: "",
                caller: service_role,
                place,
            };
            self.assume(&step, role);
        }
        for check in &pipeline.checks {
            let performer = check
                .role
                .as_ref()
                .map_or_else(|| service_role.clone(), caller);
            let step = Step {
                name: "action",
                target: None,
                instance: None,
                which: "",
                caller: &performer,
                place: check.place,
            };
            let what = format!("a rule by {}", check.provider);
            self.not_modelled(&step, &check.provider, &what);
        }
    }

    /// The rule that starts the pipeline.
    pub(super) fn start(&mut self, pipeline: &Pipeline, common: &Step<'_>) {
        for rule in &pipeline.rules {
            let events = Caller::Service("events.amazonaws.com".to_owned());
            let step = Step {
                name: "start",
                caller: &events,
                place: rule.place,
                ..*common
            };
            let mut assume =
                context(self.world, &events, None).with("aws:SourceAccount", &pipeline.account);
            let source = match &rule.arn {
                Ok(arn) => ContextValue::One(arn.clone()),
                Err(_) => ContextValue::Present,
            };
            assume.set("aws:SourceArn", source);
            self.assume_with(&step, &rule.role, assume);
            let role = caller(&rule.role);
            let step = Step {
                caller: &role,
                ..step
            };
            self.starts(&step, Ok(pipeline.arn.clone()), pipeline);
        }
    }

    fn starts(&mut self, step: &Step<'_>, arn: Value, pipeline: &Pipeline) {
        let on = super::On {
            arn,
            account: Some(pipeline.account.clone()),
        };
        let action = "codepipeline:StartPipelineExecution";
        let context = context(self.world, step.caller, Some(&pipeline.region));
        self.add(step, Needed, action, &on, context, None);
    }

    /// The calls of a source action.
    pub(super) fn source(
        &mut self,
        pipeline: &Pipeline,
        (number, action): Numbered<'_>,
        common: &Step<'_>,
    ) {
        let Work::Source(source) = &action.work else {
            return;
        };
        let performer = caller(action.performer(pipeline));
        let sources = pipeline.actions.iter().take(number);
        let is_first = !sources
            .clone()
            .any(|action| matches!(action.work, Work::Source(_)));
        let which = match (is_first, common.which) {
            (true, which) => which.to_owned(),
            (false, "") => action.name.clone(),
            (false, which) => format!("{which}/{}", action.name),
        };
        let step = Step {
            name: "source",
            caller: &performer,
            which: &which,
            place: action.place,
            ..*common
        };
        self.read_source(pipeline, source, &step);
    }

    fn read_source(&mut self, pipeline: &Pipeline, source: &Source, step: &Step<'_>) {
        let bucket = &self.bucket(&source.bucket);
        self.on_bucket(step, Needed, &BUCKET_READS[..1], bucket);
        self.on_bucket(step, Documented, &BUCKET_READS[1..], bucket);
        // S3 checks it for a missing object (*HeadObject*): 403 without it, 404 with it.
        self.on_bucket(step, Documented, &["s3:ListBucket"], bucket);
        let key = match &source.key {
            Ok(key) => key,
            Err(doubt) => return self.unknown_object(step, doubt, bucket),
        };
        let on = (bucket, key.as_str());
        self.on_object(step, Needed, &["s3:GetObject", "s3:GetObjectVersion"], on);
        let tags = artifacts::needed_with_tags(pipeline);
        self.on_object(step, tags, &TAG_READS[..1], on);
        self.on_object(step, Documented, &TAG_READS[1..], on);
        let step = Step {
            name: "source-key",
            ..*step
        };
        self.by_default(&step, &["kms:Decrypt"], on);
    }

    /// What an action does with artifacts, and by itself.
    pub(super) fn action(
        &mut self,
        pipeline: &Pipeline,
        (number, action): Numbered<'_>,
        common: &Step<'_>,
    ) {
        let service_role = caller(&pipeline.service_role);
        let performer = caller(action.performer(pipeline));
        let deploy = match &action.work {
            Work::Deploy(deploy) => Some(deploy),
            _ => None,
        };
        // A deployment is told by its target, everything else by its name.
        let which = match (deploy, common.which) {
            (Some(_), _) => String::new(),
            (None, "") => action.name.clone(),
            (None, which) => format!("{which}/{}", action.name),
        };
        let step = Step {
            name: "assume",
            target: deploy.map(|deploy| deploy.target.as_str()),
            instance: deploy.and_then(|deploy| deploy.instance.as_ref()),
            which: &which,
            caller: &service_role,
            place: action.place,
        };
        if let Some(role) = &action.role {
            self.assume(&step, role);
        }
        let step = Step {
            caller: &performer,
            ..step
        };
        for (at, artifact) in action.inputs.iter().enumerate() {
            let Some(store) = pipeline.store(&action.region) else {
                continue;
            };
            let which = match (at, which.as_str()) {
                (0, which) => which.to_owned(),
                (_, "") => artifact.clone(),
                (_, which) => format!("{which}/{artifact}"),
            };
            let step = Step {
                name: "read",
                which: &which,
                ..step
            };
            self.read(pipeline, store, artifact, &step, "decrypt", false);
            if deploy.is_some_and(|deploy| deploy.tagged_objects) {
                let bucket = &self.bucket_of(store);
                let object = super::key_of(&pipeline.name, artifact);
                self.on_object(&step, Needed, &TAG_READS[..1], (bucket, &object));
                self.on_object(&step, Documented, &TAG_READS[1..], (bucket, &object));
            }
        }
        match &action.work {
            Work::Approve | Work::Source(_) => {}
            Work::Deploy(deploy) => self.write(
                deploy,
                &Step {
                    name: "deploy",
                    ..step
                },
            ),
            Work::Invoke(invoke) => {
                let arn = invoke.name.clone().and_then(|name| {
                    let partition = &self.world.partition;
                    let (region, account) = (&action.region, &pipeline.account);
                    // Whose pipeline the role of another account means, is not documented.
                    match performer.account() {
                        Some(own) if own != account => Err(Box::new(Doubt {
                            place: action.place,
                            resource: String::new(),
                            reason: format!("in which account the pipeline {name} is"),
                            effect: None,
                        })),
                        _ => Ok(format!(
                            "arn:{partition}:codepipeline:{region}:{account}:{name}"
                        )),
                    }
                });
                let is_only = !pipeline
                    .actions
                    .iter()
                    .take(number)
                    .any(|action| matches!(action.work, Work::Invoke(_)));
                let step = Step {
                    name: "invoke",
                    which: if is_only { common.which } else { &which },
                    ..step
                };
                self.starts(&step, arn, pipeline);
            }
            Work::Other(what) => {
                let provider = what.rsplit(" by ").next().unwrap_or(what);
                let step = Step {
                    name: "action",
                    ..step
                };
                self.not_modelled(&step, provider, what);
            }
        }
    }

    /// What an action does that is not modelled: unproven, by its name.
    fn not_modelled(&mut self, step: &Step<'_>, provider: &str, what: &str) {
        let doubt = Doubt {
            place: step.place,
            resource: String::new(),
            reason: format!("what {what} calls by itself or with roles of its own"),
            effect: None,
        };
        let which = match step.which {
            "" => String::new(),
            which => format!("/{which}"),
        };
        (self.give)(Call {
            id: format!("{}/{provider}{which}", step.name),
            target: step.target.map(str::to_owned),
            instance: step.instance.cloned(),
            step: step.name,
            caller: step.caller.clone(),
            action: provider.to_owned(),
            strength: Needed,
            resource: format!("? ({})", doubt.reason),
            account: None,
            context: Context::new(),
            place: step.place,
            resource_policy: None,
            made_up: false,
            hindrance: None,
            unknown: Some(doubt),
        });
    }

    fn unknown_object(&mut self, step: &Step<'_>, doubt: &Doubt, bucket: &Bucket<'_>) {
        let on = super::On {
            arn: Err(Box::new(doubt.clone())),
            account: bucket.account.map(str::to_owned),
        };
        for action in ["s3:GetObject", "s3:GetObjectVersion"] {
            self.add(step, Needed, action, &on, Context::new(), None);
        }
    }

    /// An S3 deploy action writes.
    fn write(&mut self, deploy: &Deploy, step: &Step<'_>) {
        let bucket = &self.bucket(&deploy.bucket);
        self.on_bucket(step, Documented, &BUCKET_READS, bucket);
        self.on_bucket(step, Documented, &["s3:ListBucket"], bucket);
        let Some(written) = deploy.written_key() else {
            if let Some(Err(doubt)) = &deploy.object_key {
                self.unknown_object(step, doubt, bucket);
            }
            return;
        };
        let on = (bucket, written.as_str());
        let mut put = context(self.world, step.caller, bucket.region);
        if let Some(acl) = &deploy.canned_acl {
            put.set("s3:x-amz-acl", known(acl));
            let strengths = [
                (Needed, "s3:PutObjectAcl"),
                (Documented, "s3:PutObjectVersionAcl"),
            ];
            for (strength, action) in strengths {
                self.on_object_with(step, strength, &[action], on, &put);
            }
        }
        if let Some(key) = &deploy.key {
            put = put.with("s3:x-amz-server-side-encryption", "aws:kms");
            put.set("s3:x-amz-server-side-encryption-aws-kms-key-id", known(key));
        }
        self.on_object_with(step, Needed, &["s3:PutObject"], on, &put);
        if deploy.tagged_objects {
            self.on_object(step, Needed, &["s3:PutObjectTagging"], on);
            self.on_object(step, Documented, &TAG_READS, on);
        }
        let step = &Step {
            name: "output-key",
            ..*step
        };
        let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
        match &deploy.key {
            None => self.by_default(step, &actions, on),
            Some(key) => {
                let used = Use {
                    owner: bucket.account,
                    region: bucket.region,
                    user: step.caller.account(),
                };
                let said = (step.place, None);
                let key = encryption::named_key(self.world, key, used, said);
                self.in_bucket(step, &actions, on, &key);
            }
        }
    }

    /// What S3 asks of KMS for an object of a bucket that encrypts by default.
    fn by_default(&mut self, step: &Step<'_>, actions: &[&str], on: (&Bucket<'_>, &str)) {
        let (bucket, _) = on;
        let world = self.world;
        let name = bucket.name.as_deref().ok();
        let untold = Encryption::Untold;
        let found = name.and_then(|name| world.buckets.get(name));
        let default = found.map_or(&untold, |found| &found.encryption);
        let doubt = |place: Place, reason: String| {
            Box::new(Doubt {
                place,
                resource: String::new(),
                reason,
                effect: None,
            })
        };
        let key = match default {
            Encryption::S3Managed => return,
            Encryption::Kms(default) => {
                let used = Use {
                    owner: bucket.account,
                    region: bucket.region,
                    user: step.caller.account(),
                };
                let said = match &default.said {
                    Some((place, resource)) => (*place, Some(resource.clone())),
                    None => (step.place, None),
                };
                encryption::default_key(world, default.key.as_deref(), used, said)
            }
            Encryption::Unresolved(doubt) => encryption::UsedKey::unresolved(doubt),
            Encryption::Untold => {
                let reason = match bucket.name {
                    Ok(name) => format!("how {name} encrypts by default"),
                    Err(doubt) => format!("how the bucket encrypts by default: {}", doubt.reason),
                };
                encryption::UsedKey::unresolved(&doubt(step.place, reason))
            }
        };
        self.in_bucket(step, actions, on, &key);
    }
}

fn known(value: &Value) -> ContextValue {
    match value {
        Ok(text) => ContextValue::One(text.clone()),
        Err(_) => ContextValue::Present,
    }
}
