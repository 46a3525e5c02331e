//! The dev account's stack: key, buckets, service role, and the pipeline once its targets stand.

use crate::cfn::{Condition, Output, Parameter, Resource, Template, Value};
use crate::config::{DetectChanges, Permissions};
use crate::plan::Plan;

use super::bucket::{BucketOptions, bucket, bucket_policy, log_bucket};
use super::merge::artifact_bucket_statements;
use super::policy::tls_only;
use super::{GENERATED, key, pipeline, roles};

/// The template of the dev account.
pub(super) fn template(plan: &Plan) -> Template {
    let mut resources: Vec<Resource> = key::key(plan).into();
    resources.extend(buckets(plan));
    resources.extend(roles::service_role(plan));
    resources.extend(pipeline::pipeline(plan));
    Template {
        header: format!(
            "{GENERATED}\n\nAccount {}, region {}. Deployed twice: first without the pipeline, \
             then the targets, then with it.",
            plan.dev.account, plan.dev.region
        ),
        description: format!(
            "Dev side of pipeline {}: its key, buckets, service role and the pipeline itself",
            plan.dev.pipeline
        ),
        parameters: vec![Parameter {
            id: "CreatePipeline".to_owned(),
            description: "Whether the pipeline exists; true only after the targets are deployed, \
                          and never false again"
                .to_owned(),
            label: "Create the pipeline".to_owned(),
            default: Some("false".to_owned()),
            allowed_values: vec!["false".to_owned(), "true".to_owned()],
            allowed_pattern: None,
        }],
        conditions: vec![Condition {
            id: pipeline::CONDITION.to_owned(),
            test: Value::Equals(
                Box::new(Value::reference("CreatePipeline")),
                Box::new(Value::from("true")),
            ),
        }],
        resources,
        outputs: outputs(plan),
    }
}

fn buckets(plan: &Plan) -> Vec<Resource> {
    let dev = &plan.dev;
    let mut resources = Vec::new();
    let log_bucket_name = dev.log_bucket.as_deref();
    if let Some(name) = log_bucket_name {
        let logged: Vec<&str> = [&dev.source_bucket, &dev.artifact_bucket]
            .into_iter()
            .filter(|bucket| bucket.create)
            .map(|bucket| bucket.name.as_str())
            .collect();
        resources.extend(log_bucket(plan, &dev.account, name, &logged));
    }
    if dev.source_bucket.create {
        let options = BucketOptions {
            id: "SourceBucket",
            name: &dev.source_bucket.name,
            comment: "Source of the pipeline: a new version of the object starts it.",
            key: None,
            events: dev.detect_changes == DetectChanges::Events,
            log_bucket: log_bucket_name,
        };
        let mut source = bucket(plan, options);
        if dev.detect_changes == DetectChanges::Polling {
            source = source.suppress(
                "JOB_SOURCE_BUCKET_NOTIFIES",
                "detect_changes is polling in the configuration.",
            );
        }
        resources.push(source);
        let tls = tls_only(&plan.bucket_arn(&dev.source_bucket.name));
        resources.push(bucket_policy("SourceBucketPolicy", "SourceBucket", &[tls]));
    }
    let article = plan.permissions == Permissions::Article;
    let suppress = |resource: Resource| {
        let reason = "permissions is article: these are the procedure's own statements.";
        if article {
            resource
                .suppress("S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED", reason)
                .suppress("S3_BUCKET_TLS_ONLY", reason)
                .suppress("S3_BUCKET_SSL_REQUESTS_ONLY", reason)
        } else {
            resource
        }
    };
    if dev.artifact_bucket.create {
        let options = BucketOptions {
            id: "ArtifactBucket",
            name: &dev.artifact_bucket.name,
            comment: "Artifact store of the pipeline.",
            key: Some(Value::attribute("DeployKey", "Arn")),
            events: false,
            log_bucket: log_bucket_name,
        };
        let bucket = bucket(plan, options);
        resources.push(if article {
            bucket.suppress("S3_BUCKET_TLS_ONLY", "permissions is article.")
        } else {
            bucket
        });
        let statements = artifact_bucket_statements(plan);
        resources.push(suppress(bucket_policy(
            "ArtifactBucketPolicy",
            "ArtifactBucket",
            &statements,
        )));
    } else if dev.existing_policy.is_none() {
        let statements = artifact_bucket_statements(plan);
        let mut policy = bucket_policy("ArtifactBucketPolicy", "", &statements);
        policy.comment = "The artifact bucket exists already and has no policy; this becomes its \
                          only one, and stays when the stack goes."
            .to_owned();
        if let Value::Map(fields) = &mut policy.properties
            && let Some(field) = fields.first_mut()
        {
            field.value = Value::from(dev.artifact_bucket.name.as_str());
        }
        resources.push(suppress(policy.retained()));
    }
    resources
}

fn outputs(plan: &Plan) -> Vec<Output> {
    let dev = &plan.dev;
    let output = |id: &str, description: &str, value: Value| Output {
        id: id.to_owned(),
        description: description.to_owned(),
        value,
        condition: None,
    };
    let bucket = |id: &str, bucket: &crate::plan::BucketPlan| {
        if bucket.create {
            Value::reference(id)
        } else {
            Value::from(bucket.name.as_str())
        }
    };
    let mut pipeline = output("PipelineName", "The pipeline", Value::reference("Pipeline"));
    pipeline.condition = Some(pipeline::CONDITION.to_owned());
    let mut pipeline_arn = output(
        "PipelineArn",
        "ARN of the pipeline",
        plan.pipeline_arn().into(),
    );
    pipeline_arn.condition = Some(pipeline::CONDITION.to_owned());
    vec![
        output(
            "DeployKeyId",
            "ID of the key; the parameter of every target's stack",
            Value::reference("DeployKey"),
        ),
        output(
            "DeployKeyArn",
            "ARN of the key",
            Value::attribute("DeployKey", "Arn"),
        ),
        output(
            "DeployKeyAliasName",
            "Alias of the key",
            Value::reference("DeployKeyAlias"),
        ),
        output(
            "SourceBucketName",
            "Source bucket",
            bucket("SourceBucket", &dev.source_bucket),
        ),
        output(
            "ArtifactBucketName",
            "Artifact bucket",
            bucket("ArtifactBucket", &dev.artifact_bucket),
        ),
        output(
            "ServiceRoleArn",
            "ARN of the pipeline's service role; the targets' roles trust it",
            roles::service_role_arn(plan),
        ),
        pipeline,
        pipeline_arn,
    ]
}
