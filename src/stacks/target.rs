//! A target's stack: output bucket, deploy role and its policies.

use crate::cfn::{Output, Parameter, Resource, Template, Value, list, map};
use crate::config::Permissions;
use crate::plan::{Plan, TargetPlan};

use super::bucket::{BucketOptions, bucket, bucket_policy, log_bucket};
use super::policy::{Statement, document, tls_only};
use super::roles::managed_policy;
use super::{GENERATED, tags};

/// The template of a target.
pub(super) fn template(plan: &Plan, target: &TargetPlan) -> Template {
    let mut resources = Vec::new();
    if target.bucket.create {
        if let Some(name) = &target.log_bucket {
            resources.extend(log_bucket(
                plan,
                &target.account,
                name,
                &[&target.bucket.name],
            ));
        }
        let options = BucketOptions {
            id: "OutputBucket",
            name: &target.bucket.name,
            comment: "Output bucket: the pipeline deploys into it. Objects belong to this account, \
                      whoever writes them.",
            key: target.encryption_key.as_ref().map(Value::from),
            events: false,
            log_bucket: target.log_bucket.as_deref(),
        };
        resources.push(bucket(plan, options));
        let tls = tls_only(&plan.bucket_arn(&target.bucket.name));
        resources.push(bucket_policy("OutputBucketPolicy", "OutputBucket", &[tls]));
    }
    resources.push(role(plan, target));
    resources.push(output_policy(plan, target));
    resources.push(artifact_policy(plan, target));
    Template {
        header: format!(
            "{GENERATED}\n\nAccount {}, region {}. Deployed after the dev stack's first step, \
             whose output DeployKeyId is the parameter here.",
            target.account, target.region
        ),
        description: format!(
            "Target {} of pipeline {}: output bucket and deploy role",
            target.name, plan.dev.pipeline
        ),
        parameters: vec![key_parameter()],
        conditions: Vec::new(),
        resources,
        outputs: outputs(target),
    }
}

fn key_parameter() -> Parameter {
    Parameter {
        id: "DeployKeyId".to_owned(),
        description: "ID of the dev account's key, from the output DeployKeyId of the dev stack"
            .to_owned(),
        label: "ID of the dev account's key".to_owned(),
        default: None,
        allowed_values: Vec::new(),
        allowed_pattern: Some((
            "^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$".to_owned(),
            "is a key ID, neither an ARN nor an alias".to_owned(),
        )),
    }
}

fn role(plan: &Plan, target: &TargetPlan) -> Resource {
    // The service role stands before this stack is deployed, so the trust can name it.
    let mut trust = Statement::allow("ServiceRoleAssumesTheRole", "")
        .aws(list([&plan.dev.service_role.arn]))
        .actions(["sts:AssumeRole"]);
    if plan.permissions == Permissions::Article {
        trust = trust.without_sid().when(Value::Map(Vec::new()));
    }
    let properties = map([("RoleName", target.role.name.as_str())])
        .with(
            "Description",
            format!("Deploys for pipeline {}", plan.dev.pipeline),
        )
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some("PermissionsBoundary", target.permissions_boundary.as_ref())
        .with_some("Tags", tags(plan));
    let comment = "The role in which the pipeline deploys. It trusts exactly the pipeline's \
                   service role. If that role is ever deleted and made again, this trust is dead: \
                   IAM remembers the role, not its name.";
    Resource::new("DeployRole", "AWS::IAM::Role", comment, properties).suppress(
        "CFN_NO_EXPLICIT_RESOURCE_NAMES",
        "The dev account's policies name it.",
    )
}

fn output_policy(plan: &Plan, target: &TargetPlan) -> Resource {
    let bucket = plan.bucket_arn(&target.bucket.name);
    let statements = match plan.permissions {
        Permissions::Article => vec![
            Statement::allow("", "Writes the deployed files.")
                .without_sid()
                .action_list(["s3:Put*"])
                .on(list([format!("{bucket}/*")])),
            Statement::allow("", "Looks at the bucket.")
                .without_sid()
                .action_list(["s3:ListBucket"])
                .on(list([bucket])),
        ],
        Permissions::Least => least_output_statements(plan, target, bucket),
    };
    let mut statements = statements;
    if let Some(key) = &target.encryption_key {
        statements.push(
            Statement::allow(
                "EncryptDeployedFiles",
                "Encrypts them with the bucket's own key.",
            )
            .actions(["kms:Decrypt", "kms:GenerateDataKey"])
            .on(key),
        );
    }
    suppress_wildcards(
        plan,
        managed_policy(
            "OutputBucketDeployAccess",
            &target.output_policy,
            "Deploying: the role writes into the output bucket.",
            "Deploys into the output bucket",
            Value::reference("DeployRole"),
            document(&statements),
        ),
    )
}

fn least_output_statements(plan: &Plan, target: &TargetPlan, bucket: String) -> Vec<Statement> {
    let objects = plan.output_objects_arn(target);
    let write = Statement::allow("WriteDeployedFiles", "Writes the deployed files.");
    let write = if target.canned_acl.is_some() {
        write.actions(["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"])
    } else {
        write.actions(["s3:PutObject"])
    };
    vec![
        write.on(objects),
        Statement::allow(
            "ReadOutputBucket",
            "Looks at the bucket, as AWS documents it for the action; not proven to be necessary.",
        )
        .actions([
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
            "s3:GetBucketVersioning",
            "s3:ListBucket",
        ])
        .on(bucket),
    ]
}

fn artifact_policy(plan: &Plan, target: &TargetPlan) -> Resource {
    let key = Value::Sub(format!(
        "arn:{}:kms:{}:{}:key/${{DeployKeyId}}",
        plan.partition.as_str(),
        plan.dev.region,
        plan.dev.account
    ));
    let bucket = plan.bucket_arn(&plan.dev.artifact_bucket.name);
    let statements = match plan.permissions {
        Permissions::Least => [
            Statement::allow("DecryptArtifacts", "Decrypts what the pipeline encrypted.")
                .actions(["kms:Decrypt", "kms:DescribeKey"])
                .on(key),
            Statement::allow("ReadArtifacts", "Reads this pipeline's artifacts.")
                .actions(["s3:GetObject", "s3:GetObjectVersion"])
                .on(plan.artifact_objects_arn()),
            Statement::allow("ListArtifactBucket", "Looks for them.")
                .actions(["s3:ListBucket"])
                .on(bucket),
        ],
        Permissions::Article => [
            Statement::allow("", "Decrypts what the pipeline encrypted.")
                .without_sid()
                .actions([
                    "kms:DescribeKey",
                    "kms:GenerateDataKey*",
                    "kms:Encrypt",
                    "kms:ReEncrypt*",
                    "kms:Decrypt",
                ])
                .on(list([key])),
            Statement::allow("", "Reads the pipeline's artifacts.")
                .without_sid()
                .action_list(["s3:Get*"])
                .on(list([format!("{bucket}/*")])),
            Statement::allow("", "Looks for them.")
                .without_sid()
                .action_list(["s3:ListBucket"])
                .on(list([bucket])),
        ],
    };
    suppress_wildcards(
        plan,
        managed_policy(
            "DevKmsS3Access",
            &target.artifact_policy,
            "Reading: the role fetches the artifact from the dev account. The dev account's key \
             policy and bucket policy must allow it too.",
            "Reads the pipeline's artifacts in the dev account",
            Value::reference("DeployRole"),
            document(&statements),
        ),
    )
}

fn suppress_wildcards(plan: &Plan, resource: Resource) -> Resource {
    if plan.permissions == Permissions::Article {
        resource.suppress(
            "IAM_NO_WILDCARD_ACTIONS",
            "permissions is article: these are the procedure's own wildcards.",
        )
    } else {
        resource
    }
}

fn outputs(target: &TargetPlan) -> Vec<Output> {
    let bucket = if target.bucket.create {
        Value::reference("OutputBucket")
    } else {
        Value::from(target.bucket.name.as_str())
    };
    let output = |id: &str, description: &str, value: Value| Output {
        id: id.to_owned(),
        description: description.to_owned(),
        value,
        condition: None,
    };
    vec![
        output(
            "DeployRoleArn",
            "ARN of the deploy role",
            Value::attribute("DeployRole", "Arn"),
        ),
        output("OutputBucketName", "Output bucket", bucket),
    ]
}
