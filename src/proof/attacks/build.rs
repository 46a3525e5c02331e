//! Attacks on the role of a build, and attacks by the build. The commands of a build run code from
//! the source and from its dependencies, so the build itself is an attacker.

use super::{AttackSuite, Attacker, Caller, attacker, known, service};
use crate::aws::arn::{self, Arn};
use crate::run::landscape::account_of;
use crate::run::pipeline::{Action, Build, Pipeline, Target, Work};
use crate::run::{ARTIFACT_ID, SECRET_SUFFIX, key_arn, key_of, named};

/// Returns the build as an attacker, if its role is known.
pub(super) fn build_attacker(build: &Build) -> Option<Attacker> {
    let role = build.role.as_deref().ok()?;
    let caller = Caller::Role(role.to_owned());
    Some(attacker(caller, "build", "the build"))
}

impl AttackSuite<'_, '_> {
    /// Adds the attacks on the builds of a pipeline, and the attacks by the builds on everything
    /// except the targets.
    pub(super) fn on_builds(&mut self, pipeline: &Pipeline) {
        let which = std::mem::take(&mut self.which);
        for (number, (action, build)) in pipeline.builds().enumerate() {
            self.which = match number {
                0 => which.clone(),
                _ => named(&action.name, &which),
            };
            let (Some(by), Ok(role), Ok(project)) =
                (build_attacker(build), &build.role, &build.project)
            else {
                self.on_unknown("build-role", "the role of a build", &build.role);
                continue;
            };
            self.on_build_role((role, account_of(role)), project);
            self.by_build(pipeline, &by, build, project);
            self.by_build_on_artifacts(pipeline, action, &by);
        }
        self.which = which;
    }

    /// Adds attempts to assume the role of a build.
    fn on_build_role(&mut self, role: (&str, &str), project: &str) {
        let (_, dev) = role;
        let third = self.third;
        let Some(Arn {
            partition, region, ..
        }) = Arn::parse(project)
        else {
            return;
        };
        let codebuild = |name: &str, who: &str| attacker(service("codebuild").caller, name, who);
        let another = |account: &str| arn::project(partition, region, account, "another");
        let what = "assumes the role of the build";
        for (by, project, account) in [
            (
                codebuild(
                    "another-project",
                    "another CodeBuild project in the account",
                ),
                another(dev),
                dev,
            ),
            (
                codebuild("another-account", "another account's CodeBuild project"),
                another(third),
                third,
            ),
            (service("lambda"), project.to_owned(), dev),
            (service("codepipeline"), project.to_owned(), dev),
            (self.stranger("other"), project.to_owned(), third),
        ] {
            self.add(&by, "assumes-build-role", what, "sts:AssumeRole", role)
                .with("aws:SourceArn", project)
                .with("aws:SourceAccount", account);
        }
    }

    /// Adds the calls that a build must not make in the dev account.
    fn by_build(&mut self, pipeline: &Pipeline, by: &Attacker, build: &Build, project: &str) {
        let land = &self.world.land;
        let dev = account_of(project);
        let own = (project, dev);
        let role = pipeline.known_role().unwrap_or_default();
        let service_role = (role, account_of(role));
        let started = (&*pipeline.arn, &*pipeline.account);
        attacks! { self, by;
            "assumes-service-role", "assumes the service role", "sts:AssumeRole", service_role;
            "starts-pipeline", "starts the pipeline", "codepipeline:StartPipelineExecution", started;
            "changes-pipeline", "changes the pipeline", "codepipeline:UpdatePipeline", started;
            "starts-build", "starts a build with other commands", "codebuild:StartBuild", own;
            "changes-project", "changes its project", "codebuild:UpdateProject", own;
        }
        let approvals: Vec<String> = (pipeline.actions.iter())
            .filter_map(|action| match &action.work {
                Work::Approve(approve) => Some(format!("{}/{}", approve.stage, action.name)),
                _ => None,
            })
            .collect();
        for (number, approval) in approvals.iter().enumerate() {
            let arn = format!("{}/{approval}", pipeline.arn);
            let on = (&*arn, &*pipeline.account);
            let name = match number {
                0 => "approves".to_owned(),
                _ => format!("approves-{}", number + 1),
            };
            let action = "codepipeline:PutApprovalResult";
            self.add(by, &name, "approves a deployment", action, on);
        }
        if let Some(Arn {
            partition, region, ..
        }) = Arn::parse(project)
        {
            // The names begin like those that the build may use, so that a wildcard is found.
            let secret = build
                .secrets
                .first()
                .and_then(|secret| secret.as_deref().ok());
            let secret = secret.and_then(|secret| secret.strip_suffix(SECRET_SUFFIX));
            let secret = match secret {
                Some(secret) => format!("{secret}-other{SECRET_SUFFIX}"),
                None => arn::secret(partition, region, dev, format_args!("other{SECRET_SUFFIX}")),
            };
            let group = match &build.log_group {
                Some(Ok(group)) => format!("{group}-other:log-stream:other"),
                _ => arn::log_group(partition, region, dev, "/other:log-stream:other"),
            };
            let (secret, group) = ((&*secret, dev), (&*group, dev));
            attacks! { self, by;
                "reads-another-secret", "reads another secret", "secretsmanager:GetSecretValue",
                    secret;
                "writes-other-logs", "writes to another log group", "logs:PutLogEvents", group;
            }
        }
        if let Some(Ok(group)) = &build.log_group {
            let on = (group.as_str(), dev);
            let (name, what) = ("deletes-logs", "deletes its logs");
            self.add(by, name, what, "logs:DeleteLogGroup", on);
        }
        for (_, bucket, key) in pipeline.sources() {
            let owner = &*self.owner(bucket);
            let object = format!("{}/{key}", land.bucket_arn(bucket));
            let on = (&*object, owner);
            self.add(
                by,
                "overwrites-source",
                "overwrites the source",
                "s3:PutObject",
                on,
            );
        }
        for connection in pipeline.connections().flatten() {
            let on = (connection.as_str(), account_of(connection));
            let (name, what) = (
                "uses-connection",
                "accesses the repository through the connection",
            );
            self.add(by, name, what, "codeconnections:UseConnection", on);
        }
    }

    /// Adds the calls that a build must not make on the artifact store.
    fn by_build_on_artifacts(&mut self, pipeline: &Pipeline, action: &Action, by: &Attacker) {
        let Some(store) = pipeline.store(&action.region).and_then(known) else {
            return;
        };
        let land = &self.world.land;
        let owner = &*self.owner(store.bucket);
        let arn = land.bucket_arn(store.bucket);
        let others = format!("{arn}/another-pipeline/BuildArtif/{ARTIFACT_ID}");
        let (bucket, others) = ((&*arn, owner), (&*others, owner));
        attacks! { self, by;
            "writes-other-artifacts", "writes another pipeline's artifacts", "s3:PutObject", others;
                encrypted_with(store);
            "reads-other-artifacts", "reads another pipeline's artifacts", "s3:GetObject", others;
            "changes-bucket-policy", "changes the artifact bucket's policy", "s3:PutBucketPolicy",
                bucket;
        }
        let object = |name: &String| format!("{arn}/{}", key_of(&pipeline.name, name));
        let (input, output) = (
            action.inputs.first().map(object),
            action.outputs.first().map(object),
        );
        self.in_namesake_of_build_store(store, (input.as_deref(), output.as_deref()), by);
        if let Some(input) = &input {
            let input = (&**input, owner);
            attacks! { self, by;
                "replaces-source-artifact", "replaces the artifact that it reads", "s3:PutObject",
                    input; encrypted_with(store);
                "deletes-source-artifact", "deletes the artifact that it reads", "s3:DeleteObject",
                    input;
            }
        }
        if let Some(key) = store.key {
            let key = key_arn(land, key, owner, store.region);
            let key = (&*key, account_of(&key));
            attacks! { self, by;
                "changes-key-policy", "changes the key's policy", "kms:PutKeyPolicy", key;
                "schedules-key-deletion", "schedules the key's deletion", "kms:ScheduleKeyDeletion",
                    key;
                "creates-grants", "creates grants for the key", "kms:CreateGrant", key;
            }
        }
    }

    /// Adds the calls that the builds of a pipeline must not make on a target.
    pub(super) fn by_builds_on_target(&mut self, pipeline: &Pipeline, target: Target<'_>) {
        let land = &self.world.land;
        let owner = &*self.owner(target.bucket);
        let bucket = land.bucket_arn(target.bucket);
        let written = format!("{bucket}/{}", target.written_key());
        let written = (&*written, owner);
        let role = (target.role, account_of(target.role));
        let builds = pipeline.builds().map(|(_, build)| build_attacker(build));
        for (number, by) in builds.enumerate() {
            let Some(by) = &by else { continue };
            let first = self.found.len();
            attacks! { self, by;
                "assumes-deploy-role", "assumes the deploy role", "sts:AssumeRole", role;
                "reads-output", "reads deployed objects", "s3:GetObject", written;
                "writes-output", "writes to the output bucket directly", "s3:PutObject", written;
                "deletes-output", "deletes deployed objects", "s3:DeleteObject", written;
            }
            if number > 0 {
                for attack in &mut self.found[first..] {
                    attack.call.id.push_str(&format!("-{}", number + 1));
                }
            }
        }
    }
}
