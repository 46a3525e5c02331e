//! The build: the CodeBuild project with its role, and the build stage of a pipeline.
//!
//! The build runs in a CodeBuild project instead of a Commands action. AWS documents that a
//! Commands action uses the service role of the pipeline, so its commands could assume every deploy
//! role. The role of the project can only read the source artifact, store the output, write logs,
//! and read the configured secrets.
//!
//! Follows *AWS CodeBuild build and test action reference*, *Allow CodeBuild to interact with other
//! AWS services*, *Cross-service confused deputy prevention*, and *Build specification reference
//! for CodeBuild* in the AWS documentation.

use crate::aws::arn;
use crate::config::{BUILD_STAGE, Compute, Environment};
use crate::plan::{BUILD_ARTIFACT, BuildPlan, BuildSettings, Plan, SOURCE_ARTIFACT};
use crate::template::{Resource, Value, list, map};

use super::pipeline::action;
use super::policy::{Statement, document};
use super::roles::managed_policy;
use super::tags;
use super::values::{self, one_or_list};

/// Logical ID of the project.
pub(super) const PROJECT: &str = "BuildProject";
const ROLE: &str = "BuildRole";
/// Logical ID of the policy of the build role.
pub(super) const POLICY: &str = "BuildPolicy";

/// Builds the project and its role, unless they already exist, and the policy of the role.
pub(super) fn build(plan: &Plan) -> Vec<Resource> {
    let Some(build) = &plan.dev.build else {
        return Vec::new();
    };
    let mut resources = Vec::new();
    if build.role.create {
        resources.push(role(plan, build));
    }
    resources.push(policy(plan, build));
    if let Some(settings) = &build.settings {
        resources.push(project(plan, build, settings));
    }
    resources
}

fn role(plan: &Plan, build: &BuildPlan) -> Resource {
    let trust = Statement::allow(
        "CodeBuildAssumesTheRole",
        "Only CodeBuild, for this project in this account.",
    )
    .service("codebuild.amazonaws.com")
    .actions(["sts:AssumeRole"])
    .for_source(plan.project_arn(build), plan.dev.account.as_str());
    let properties = map([("RoleName", build.role.name.as_str())])
        .with(
            "Description",
            format!("Builds the source of pipeline {}", plan.dev.pipeline),
        )
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some(
            "PermissionsBoundary",
            plan.dev.permissions_boundary.as_ref(),
        )
        .with_some("Tags", tags(plan));
    Resource::new(
        ROLE,
        "AWS::IAM::Role",
        "The role of the build. The commands and everything that they run have its permissions, so \
         it cannot assume other roles, start pipelines, or access the targets.",
        properties,
    )
    .suppress(
        "CFN_NO_EXPLICIT_RESOURCE_NAMES",
        "A fixed name makes the role easy to find in a review.",
    )
}

fn policy(plan: &Plan, build: &BuildPlan) -> Resource {
    let role = match build.role.create {
        true => Value::reference(ROLE),
        false => Value::from(build.role.name.as_str()),
    };
    let mut statements = artifact_statements(plan).to_vec();
    if let Some(settings) = &build.settings {
        statements.push(logs(plan, build));
        statements.extend(secrets(plan, settings));
    }
    managed_policy(
        POLICY,
        &build.policy,
        "Build stage: the build reads the source artifact and stores its output.",
        "Builds the pipeline's source",
        role,
        document(&statements),
    )
}

fn artifact_statements(plan: &Plan) -> [Statement; 4] {
    let dev = &plan.dev;
    let (bucket, account) = (&dev.artifact_bucket.name, dev.account.as_str());
    [
        Statement::allow(
            "ReadArtifactBucket",
            "CodeBuild reads the bucket's settings, as AWS documents for its service role.",
        )
        .actions(["s3:GetBucketAcl", "s3:GetBucketLocation"])
        .on(plan.bucket_arn(bucket))
        .owned_by(account),
        Statement::allow(
            "ReadSourceArtifact",
            "The build reads only the source artifact. CodePipeline truncates the names of the \
             pipeline and the artifact.",
        )
        .actions(["s3:GetObject", "s3:GetObjectVersion"])
        .on(one_or_list(plan.artifact_arns(bucket, SOURCE_ARTIFACT)))
        .owned_by(account),
        Statement::allow(
            "StoreBuildArtifact",
            "The build stores only its own output, and cannot replace the source artifact.",
        )
        .actions(["s3:PutObject"])
        .on(one_or_list(plan.artifact_arns(bucket, BUILD_ARTIFACT)))
        .owned_by(account),
        Statement::allow(
            "EncryptArtifacts",
            "The artifacts are encrypted with this key. A multipart upload requires Decrypt.",
        )
        .actions(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])
        .on(Value::attribute(values::key_logical_id(plan), "Arn")),
    ]
}

fn logs(plan: &Plan, build: &BuildPlan) -> Statement {
    let dev = &plan.dev;
    let group = build.log_group();
    let group = arn::log_group(plan.partition, &dev.region, &dev.account, group);
    Statement::allow(
        "WriteLogs",
        "The build writes to its own log group, which CodeBuild creates if it does not exist.",
    )
    .actions([
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ])
    .on(list([group.clone(), format!("{group}:*")]))
}

fn secrets(plan: &Plan, settings: &BuildSettings) -> Option<Statement> {
    let dev = &plan.dev;
    let names = settings.secret_names().into_iter();
    let secrets: Vec<String> = names
        .map(|name| {
            let id = format_args!("{name}-??????");
            arn::secret(plan.partition, &dev.region, &dev.account, id)
        })
        .collect();
    (!secrets.is_empty()).then(|| {
        Statement::allow(
            "ReadSecrets",
            "The build reads only these secrets. Secrets Manager adds six random characters to the \
             name of a secret.",
        )
        .actions(["secretsmanager:GetSecretValue"])
        .on(one_or_list(secrets))
    })
}

fn project(plan: &Plan, build: &BuildPlan, settings: &BuildSettings) -> Resource {
    let (kind, image) = match settings.environment {
        Environment::Linux => (
            "LINUX_CONTAINER",
            "aws/codebuild/amazonlinux-x86_64-standard:5.0",
        ),
        Environment::Arm => (
            "ARM_CONTAINER",
            "aws/codebuild/amazonlinux-aarch64-standard:3.0",
        ),
    };
    let compute = match settings.compute {
        Compute::Small => "BUILD_GENERAL1_SMALL",
        Compute::Medium => "BUILD_GENERAL1_MEDIUM",
        Compute::Large => "BUILD_GENERAL1_LARGE",
    };
    let variable = |name: &String, kind: &str, value: &String| {
        map([
            ("Name", name.as_str()),
            ("Type", kind),
            ("Value", value.as_str()),
        ])
    };
    let plain = settings.variables.iter();
    let plain = plain.map(|(name, value)| variable(name, "PLAINTEXT", value));
    let secret = settings.secrets.iter();
    let secret = secret.map(|(name, value)| variable(name, "SECRETS_MANAGER", value));
    let variables: Vec<Value> = plain.chain(secret).collect();
    let environment = map([("Type", kind), ("Image", image), ("ComputeType", compute)]).with_some(
        "EnvironmentVariables",
        (!variables.is_empty()).then(|| list(variables)),
    );
    let source = map([("Type", "CODEPIPELINE")]).with("BuildSpec", build_spec(settings));
    let log_group = map([
        ("Status", "ENABLED".to_owned()),
        ("GroupName", build.log_group()),
    ]);
    let properties = map([("Name", build.project.as_str())])
        .with(
            "Description",
            format!("Builds the source of pipeline {}", plan.dev.pipeline),
        )
        .with("ServiceRole", Value::attribute(ROLE, "Arn"))
        .with("Source", source)
        .with("Artifacts", map([("Type", "CODEPIPELINE")]))
        .with("Environment", environment)
        .with(
            "EncryptionKey",
            Value::attribute(values::key_logical_id(plan), "Arn"),
        )
        .with_some("TimeoutInMinutes", settings.timeout_minutes)
        .with("LogsConfig", map([("CloudWatchLogs", log_group)]))
        .with_some("Tags", tags(plan));
    let mut project = Resource::new(
        PROJECT,
        "AWS::CodeBuild::Project",
        "The build. Only the pipeline provides its source. Anyone who can change the source can \
         run code with the permissions of its role.",
        properties,
    )
    .suppress(
        "CFN_NO_EXPLICIT_RESOURCE_NAMES",
        "The role's trust policy and the log group contain the name.",
    );
    project.depends_on = vec![POLICY.to_owned()];
    project
}

/// Returns the build specification as YAML. All texts are quoted, so that every parser reads them
/// alike.
fn build_spec(settings: &BuildSettings) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (folder, files) = settings.folder_and_files();
    // In CodeBuild, `**` alone does not match files in subfolders, but `**/*` does.
    let files = match files.ends_with("**") {
        true => format!("{files}/*"),
        false => files.to_owned(),
    };
    let mut text = String::from("version: 0.2\nphases:\n  build:\n    commands:\n");
    for command in &settings.commands {
        text.push_str(&format!("      - {}\n", quoted(command)));
    }
    text.push_str("artifacts:\n");
    if let Some(folder) = folder {
        text.push_str(&format!("  base-directory: {}\n", quoted(folder)));
    }
    text.push_str(&format!("  files:\n    - {}\n", quoted(&files)));
    text
}

/// Builds the build stage. An additional pipeline has a condition for entering the stage.
pub(super) fn build_stage(plan: &Plan, project: Value, entry: Option<Value>) -> Value {
    let artifact = |name: &str| list([map([("Name", name)])]);
    let build = action(BUILD_STAGE, "Build", "CodeBuild", 1)
        .with("Region", plan.dev.region.as_str())
        .with("Configuration", map([("ProjectName", project)]))
        .with("InputArtifacts", artifact(SOURCE_ARTIFACT))
        .with("OutputArtifacts", artifact(BUILD_ARTIFACT));
    map([("Name", Value::from(BUILD_STAGE))])
        .with_some("BeforeEntry", entry)
        .with("Actions", list([build]))
}

/// Builds the policy that allows the service role of the pipeline to start builds.
pub(super) fn start_policy(plan: &Plan, role: Value) -> Option<Resource> {
    let build = plan.dev.build.as_ref()?;
    let statement = Statement::allow(
        "StartBuilds",
        "CodePipeline starts builds of this project and waits for them. It runs them with the role \
         of the project.",
    )
    .actions(["codebuild:BatchGetBuilds", "codebuild:StartBuild"])
    .on(plan.project_arn(build));
    Some(managed_policy(
        "StartBuildPolicy",
        &build.start_policy,
        "Build stage: the service role starts the build.",
        "Builds the pipeline's source",
        role,
        document(&[statement]),
    ))
}
