//! The calls of actions and the roles that make them.

use super::artifacts::Reader;
use super::encryption::{self, UsedKey};
use super::landscape::{Encryption, Value};
use super::pipeline::{Action, Build, Deploy, Pipeline, Repository, Source, Work};
use super::{
    BUCKET_READS, Bucket, CONNECTION_USES, Caller, Doubt, On, Run, Scope, Step, Strength,
    TAG_READS, artifacts, artifacts::named, context,
};
use crate::aws::arn::{self, Arn};
use crate::policy::evaluation::{Context, ContextValue};

use Strength::{Documented, Needed};

/// The ID of a build, which is the name of its log stream. CodeBuild generates a new one for each
/// build.
const BUILD_ID: &str = "11111111-2222-3333-4444-555555555555";

/// An action and its index in the pipeline.
type Numbered<'a> = (usize, &'a Action);

impl Run<'_> {
    /// Adds the check that CodePipeline performs when a pipeline is created or updated: whether the
    /// service role can assume the role of every action.
    pub(super) fn role_checks(&mut self, pipeline: &Pipeline, service_role: &Caller) {
        let actions = pipeline.actions.iter();
        let of_actions =
            actions.filter_map(|action| Some((action.role.as_ref()?, Some(action), action.place)));
        let checks = pipeline.checks.iter();
        let of_checks = checks.filter_map(|check| Some((check.role.as_ref()?, None, check.place)));
        for (role, action, place) in of_actions.chain(of_checks) {
            let target = action.and_then(|action| action.work.target());
            let scope = Scope {
                step: Step::Check,
                target: target.map(|(target, _)| target),
                instance: target.and_then(|(_, instance)| instance),
                which: match action {
                    Some(action) if matches!(action.work, Work::Machine(_)) => &action.name,
                    _ => "",
                },
                caller: service_role,
                place,
            };
            self.assume(&scope, role);
        }
    }

    /// Adds the calls of the rules that start the pipeline.
    pub(super) fn start(&mut self, pipeline: &Pipeline, common: &Scope<'_>) {
        for rule in &pipeline.rules {
            let scope = Scope {
                step: Step::Start,
                place: rule.place,
                ..*common
            };
            let source = (&rule.arn, Some(&*pipeline.account));
            self.service_assumes(&scope, "events.amazonaws.com", source, &rule.role);
            let role = Caller::of(&rule.role);
            let scope = Scope {
                caller: &role,
                ..scope
            };
            self.starts(&scope, Ok(pipeline.arn.clone()), pipeline);
        }
    }

    fn starts(&mut self, scope: &Scope<'_>, arn: Value, pipeline: &Pipeline) {
        let on = On {
            arn,
            account: Some(pipeline.account.clone()),
        };
        let action = "codepipeline:StartPipelineExecution";
        let context = context(self.land, scope.caller, Some(&pipeline.region));
        self.add(scope, Needed, action, &on, context, None);
    }

    /// Adds the calls of a source action.
    pub(super) fn source(
        &mut self,
        pipeline: &Pipeline,
        (number, action): Numbered<'_>,
        common: &Scope<'_>,
    ) {
        if !action.work.is_source() {
            return;
        }
        let performer = Caller::of(action.performer(pipeline));
        let sources = pipeline.actions.iter().take(number);
        let is_first = !sources.clone().any(|action| action.work.is_source());
        let which = match is_first {
            true => common.which.to_owned(),
            false => named(common.which, &action.name),
        };
        let scope = Scope {
            step: Step::Source,
            caller: &performer,
            which: &which,
            place: action.place,
            ..*common
        };
        match &action.work {
            Work::Source(source) => self.read_source(pipeline, source, &scope),
            Work::Repository(source) => self.read_repository(pipeline, source, &scope),
            _ => {}
        }
    }

    /// Adds the calls on the connection. AWS documents both actions. For a connection with the old
    /// service prefix, the action with this prefix was the only documented one.
    fn read_repository(&mut self, pipeline: &Pipeline, source: &Repository, scope: &Scope<'_>) {
        let parsed = source.connection.as_deref().ok().and_then(Arn::parse);
        let is_old = parsed.is_some_and(|arn| arn.service == "codestar-connections");
        let on = On {
            arn: source.connection.clone(),
            account: parsed.map(|arn| arn.account.to_owned()),
        };
        let context = context(self.land, scope.caller, Some(&pipeline.region));
        for action in CONNECTION_USES {
            let strength = match is_old && action.starts_with("codeconnections:") {
                true => Documented,
                false => Needed,
            };
            self.add(scope, strength, action, &on, context.clone(), None);
        }
    }

    fn read_source(&mut self, pipeline: &Pipeline, source: &Source, scope: &Scope<'_>) {
        let bucket = &self.bucket(&source.bucket);
        self.on_bucket(scope, Needed, &BUCKET_READS[..1], bucket);
        self.on_bucket(scope, Documented, &BUCKET_READS[1..], bucket);
        // For a missing object, S3 returns 404 with this permission and 403 without it
        // (*HeadObject*).
        self.on_bucket(scope, Documented, &["s3:ListBucket"], bucket);
        let key = match &source.key {
            Ok(key) => key,
            Err(doubt) => return self.unknown_object(scope, doubt, bucket),
        };
        let on = (bucket, key.as_str());
        self.on_object(scope, Needed, &["s3:GetObject", "s3:GetObjectVersion"], on);
        let tags = artifacts::needed_with_tags(pipeline);
        self.on_object(scope, tags, &TAG_READS[..1], on);
        self.on_object(scope, Documented, &TAG_READS[1..], on);
        self.by_default(&scope.at(Step::SourceKey), &["kms:Decrypt"], on);
    }

    /// Adds the calls of an action: those on artifacts, and its own.
    pub(super) fn action(
        &mut self,
        pipeline: &Pipeline,
        (number, action): Numbered<'_>,
        common: &Scope<'_>,
    ) {
        let service_role = Caller::of(&pipeline.service_role);
        let performer = Caller::of(action.performer(pipeline));
        let deploy = action.work.deploy();
        let target = action.work.target();
        // A deploy action is identified by its target. Other actions are identified by their names.
        let which = match (deploy, target) {
            (Some(_), _) => String::new(),
            (None, Some(_)) => action.name.clone(),
            (None, None) => named(common.which, &action.name),
        };
        let scope = Scope {
            step: match &action.work {
                Work::Machine(_) => Step::Invalidate,
                _ => Step::Assume,
            },
            target: target.map(|(target, _)| target),
            instance: target.and_then(|(_, instance)| instance),
            which: &which,
            caller: &service_role,
            place: action.place,
        };
        if let Some(role) = &action.role {
            self.assume(&scope, role);
        }
        let scope = Scope {
            caller: &performer,
            ..scope
        };
        let artifact_user = Caller::of(action.artifact_role(pipeline));
        let reader = match action.work {
            Work::Build(_) => Reader::Build,
            _ => Reader::Action,
        };
        if let Work::Build(build) = &action.work {
            self.build(build, &scope.at(Step::Build), &pipeline.account);
        }
        for (at, artifact) in action.inputs.iter().enumerate() {
            let Some(store) = pipeline.store(&action.region) else {
                continue;
            };
            let which = match at {
                0 => which.clone(),
                _ => named(&which, artifact),
            };
            let scope = Scope {
                step: Step::Read,
                which: &which,
                caller: &artifact_user,
                ..scope
            };
            self.read(pipeline, store, artifact, &scope, (Step::Decrypt, reader));
            if deploy.is_some_and(|deploy| deploy.tagged_objects) {
                let bucket = &self.bucket_of(store);
                let object = super::key_of(&pipeline.name, artifact);
                self.on_object(&scope, Needed, &TAG_READS[..1], (bucket, &object));
                self.on_object(&scope, Documented, &TAG_READS[1..], (bucket, &object));
            }
        }
        match &action.work {
            Work::Source(_) | Work::Repository(_) | Work::Build(_) => {}
            Work::Approve(approve) => {
                if let Some(topic) = &approve.topic {
                    let which = named(common.which, &named(&approve.stage, &action.name));
                    let scope = Scope {
                        step: Step::Notify,
                        which: &which,
                        ..scope
                    };
                    self.notify(topic, &scope);
                }
            }
            Work::Deploy(deploy) => self.write(deploy, &scope.at(Step::Deploy)),
            Work::Machine(machine) => {
                self.machine(machine, &scope);
                self.serve(pipeline, machine, &scope);
            }
            Work::Invoke(invoke) => {
                let arn = invoke.name.clone().and_then(|name| {
                    let partition = &self.land.partition;
                    let (region, account) = (&action.region, &pipeline.account);
                    // If a role in another account starts a pipeline, AWS does not document which
                    // account the pipeline must be in.
                    match performer.account() {
                        Some(own) if own != account => {
                            let reason = format!("the account of the pipeline {name}");
                            Err(Box::new(Doubt::new(action.place, "", reason)))
                        }
                        _ => Ok(arn::pipeline(partition, region, account, name)),
                    }
                });
                let is_only = !pipeline
                    .actions
                    .iter()
                    .take(number)
                    .any(|action| matches!(action.work, Work::Invoke(_)));
                let scope = Scope {
                    step: Step::Invoke,
                    which: if is_only { common.which } else { &which },
                    ..scope
                };
                self.starts(&scope, arn, pipeline);
            }
            Work::Other { provider, what } => {
                self.not_modelled(&scope.at(Step::Action), provider, what);
            }
        }
    }

    /// Adds the calls that start a build, and the calls of the build itself, except those on
    /// artifacts. Follows *AWS CodeBuild build and test action reference* and *Allow CodeBuild to
    /// interact with other AWS services* in the AWS documentation.
    fn build(&mut self, build: &Build, scope: &Scope<'_>, owner: &str) {
        let parsed = build.project.as_deref().ok().and_then(Arn::parse);
        let account = parsed.map_or(owner, |arn| arn.account);
        let region = parsed.map(|arn| arn.region);
        let own = |arn: &Value| On {
            arn: arn.clone(),
            account: Some(account.to_owned()),
        };
        let starts = context(self.land, scope.caller, region);
        for action in ["codebuild:StartBuild", "codebuild:BatchGetBuilds"] {
            let on = own(&build.project);
            self.add(scope, Needed, action, &on, starts.clone(), None);
        }
        let by_service = Scope {
            place: build.place,
            ..*scope
        };
        let source = (&build.project, Some(account));
        self.service_assumes(&by_service, "codebuild.amazonaws.com", source, &build.role);
        let role = Caller::of(&build.role);
        let by_build = Scope {
            caller: &role,
            place: build.place,
            ..*scope
        };
        let calls = context(self.land, &role, region);
        if let Some(group) = &build.log_group {
            let stream = group
                .clone()
                .map(|group| format!("{group}:log-stream:{BUILD_ID}"));
            for (action, on) in [
                ("logs:CreateLogGroup", group),
                ("logs:CreateLogStream", &stream),
                ("logs:PutLogEvents", &stream),
            ] {
                self.add(&by_build, Needed, action, &own(on), calls.clone(), None);
            }
        }
        if let Some(what) = &build.unknown {
            self.not_modelled(&by_build, "CodeBuild", what);
        }
        for (number, secret) in build.secrets.iter().enumerate() {
            let which = match number {
                0 => by_build.which.to_owned(),
                _ => named(by_build.which, &(number + 1).to_string()),
            };
            let scope = Scope {
                which: &which,
                ..by_build
            };
            let action = "secretsmanager:GetSecretValue";
            self.add(&scope, Needed, action, &own(secret), calls.clone(), None);
        }
    }

    /// Adds an unproven call, named after the provider, for an action or rule that is not modeled.
    pub(super) fn not_modelled(&mut self, scope: &Scope<'_>, provider: &str, what: &str) {
        let reason = format!("the calls of {what}, which are not modeled");
        let doubt = Doubt::new(scope.place, "", reason);
        let mut id = format!("{}/{provider}", scope.step);
        if !scope.which.is_empty() {
            id = format!("{id}/{}", scope.which);
        }
        let resource = format!("? ({})", doubt.reason);
        let on = (resource, None, Some(doubt));
        self.call(id, scope, Needed, provider, on, Context::new(), None);
    }

    fn unknown_object(&mut self, scope: &Scope<'_>, doubt: &Doubt, bucket: &Bucket<'_>) {
        let on = On {
            arn: Err(Box::new(doubt.clone())),
            account: bucket.account.map(str::to_owned),
        };
        for action in ["s3:GetObject", "s3:GetObjectVersion"] {
            self.add(scope, Needed, action, &on, Context::new(), None);
        }
    }

    /// Adds the calls of an S3 deploy action on the output bucket.
    fn write(&mut self, deploy: &Deploy, scope: &Scope<'_>) {
        let bucket = &self.bucket(&deploy.bucket);
        self.on_bucket(scope, Documented, &BUCKET_READS, bucket);
        self.on_bucket(scope, Documented, &["s3:ListBucket"], bucket);
        let Some(written) = deploy.written_key() else {
            if let Some(Err(doubt)) = &deploy.object_key {
                self.unknown_object(scope, doubt, bucket);
            }
            return;
        };
        let on = (bucket, written.as_str());
        let object = (bucket, Some(written.as_str()));
        let mut put = context(self.land, scope.caller, bucket.region);
        if let Some(acl) = &deploy.canned_acl {
            put.set("s3:x-amz-acl", known(acl));
            self.on_s3(scope, Needed, &["s3:PutObjectAcl"], object, &put);
            self.on_s3(scope, Documented, &["s3:PutObjectVersionAcl"], object, &put);
        }
        if let Some(key) = &deploy.key {
            put = put.with("s3:x-amz-server-side-encryption", "aws:kms");
            put.set("s3:x-amz-server-side-encryption-aws-kms-key-id", known(key));
        }
        self.on_s3(scope, Needed, &["s3:PutObject"], object, &put);
        if deploy.tagged_objects {
            self.on_object(scope, Needed, &["s3:PutObjectTagging"], on);
            self.on_object(scope, Documented, &TAG_READS, on);
        }
        let scope = &scope.at(Step::OutputKey);
        let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
        if let Some(key) = self.output_key(scope, bucket, deploy) {
            self.in_bucket(scope, &actions, on, &key);
        }
    }

    /// Returns the KMS key that encrypts the deployed files, or `None` if it is not a KMS key.
    pub(super) fn output_key(
        &self,
        scope: &Scope<'_>,
        bucket: &Bucket<'_>,
        deploy: &Deploy,
    ) -> Option<UsedKey> {
        let Some(key) = &deploy.key else {
            return self.default_key(scope, bucket);
        };
        let (on, said) = (bucket.used_by(scope.caller), (scope.place, None));
        Some(encryption::named_key(self.land, key, on, said))
    }

    /// Adds the KMS calls that S3 makes for an object in a bucket, according to the bucket's
    /// default encryption.
    fn by_default(&mut self, scope: &Scope<'_>, actions: &[&str], on: (&Bucket<'_>, &str)) {
        if let Some(key) = self.default_key(scope, on.0) {
            self.in_bucket(scope, actions, on, &key);
        }
    }

    /// Returns the key of the bucket's default encryption, or `None` if it is not a KMS key.
    fn default_key(&self, scope: &Scope<'_>, bucket: &Bucket<'_>) -> Option<UsedKey> {
        let land = self.land;
        let untold = Encryption::Untold;
        let found = land.bucket_named(bucket.name);
        let default = found.map_or(&untold, |found| &found.encryption);
        Some(match default {
            Encryption::S3Managed => return None,
            Encryption::Kms(default) => {
                let said = match &default.said {
                    Some((place, resource)) => (*place, Some(resource.clone())),
                    None => (scope.place, None),
                };
                let used = bucket.used_by(scope.caller);
                encryption::default_key(land, default.key.as_deref(), used, said)
            }
            Encryption::Unresolved(doubt) => UsedKey::unresolved(doubt),
            Encryption::Untold => {
                let reason = match bucket.name {
                    Ok(name) => format!("the default encryption of {name}"),
                    Err(doubt) => format!("the default encryption of the bucket: {}", doubt.reason),
                };
                UsedKey::unresolved(&Doubt::new(scope.place, "", reason))
            }
        })
    }
}

/// Returns a context value that is present, and known if the value is.
pub(super) fn known(value: &Value) -> ContextValue {
    match value {
        Ok(text) => ContextValue::One(text.clone()),
        Err(_) => ContextValue::Present,
    }
}
