//! The dev stack: the key, the buckets, the service role, and, after the targets are deployed, the
//! pipeline.

use crate::plan::Plan;
use crate::template::{Condition, Output, Parameter, Resource, Template, Value};

use super::bucket::{BucketOptions, bucket, bucket_policy, log_bucket};
use super::lifecycle::Contents;
use super::policy::tls_only;
use super::{
    CREATE_PIPELINE, GENERATED, KEY_ID, PIPELINE_NAME, SERVICE_ROLE_ARN, build, key, pipeline,
    roles, store, values,
};

/// Builds the template of the dev stack.
pub(super) fn template(plan: &Plan) -> Template {
    let mut resources: Vec<Resource> = key::key(plan).into();
    resources.extend(buckets(plan));
    let roles = roles::service_role(plan);
    let policies = roles
        .iter()
        .filter(|resource| resource.kind == "AWS::IAM::ManagedPolicy")
        .map(|resource| resource.id.clone())
        .collect();
    resources.extend(roles);
    resources.extend(build::build(plan));
    resources.extend(pipeline::first(plan, policies));
    Template {
        header: format!(
            "{GENERATED}\n\nAccount {}, region {}. Deployed twice: without the pipeline before the \
             targets, and with the pipeline after them.",
            plan.dev.account, plan.dev.region
        ),
        description: format!(
            "Dev side of pipeline {}: its key, buckets, and service role, and the pipeline itself",
            plan.dev.pipeline
        ),
        parameters: vec![Parameter {
            id: CREATE_PIPELINE.to_owned(),
            description: "Whether to create the pipeline; set it to true after the targets are \
                          deployed, and never set it back to false"
                .to_owned(),
            label: "Create the pipeline".to_owned(),
            default: Some("false".to_owned()),
            allowed_values: vec!["false".to_owned(), "true".to_owned()],
            allowed_pattern: None,
        }],
        mappings: Vec::new(),
        conditions: vec![Condition {
            id: pipeline::CONDITION.to_owned(),
            test: Value::Equals(
                Box::new(Value::reference(CREATE_PIPELINE)),
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
    if let Some(name) = &dev.log_bucket {
        let source = dev.source.object().map(|source| &source.bucket);
        let logged: Vec<Value> = (source.into_iter())
            .chain([&dev.artifact_bucket])
            .filter(|bucket| bucket.create)
            .map(|bucket| Value::from(bucket.name.as_str()))
            .collect();
        resources.extend(log_bucket(
            plan,
            dev.account.as_str().into(),
            name.as_str().into(),
            &logged,
        ));
    }
    if let Some(source) = dev.source.object().filter(|source| source.bucket.create) {
        let options = BucketOptions {
            id: "SourceBucket",
            name: source.bucket.name.as_str().into(),
            comment: "The pipeline's source bucket. A new version of the source object starts the \
                      pipeline.",
            contents: Contents::Files,
            key: source.encryption_key.as_ref().map(Value::from),
            events: plan.has_change_rule(),
            log_bucket: dev.log_bucket.is_some(),
        };
        let mut resource = bucket(plan, options);
        if !plan.has_change_rule() {
            resource = resource.suppress(
                "DEPLOYMENT_SOURCE_BUCKET_NOTIFIES",
                "detect_changes is polling in the configuration.",
            );
        }
        resources.push(resource);
        let tls = tls_only(&plan.bucket_arn(&source.bucket.name).into());
        let bucket = Value::reference("SourceBucket");
        resources.push(bucket_policy("SourceBucketPolicy", bucket, &[tls]));
    }
    resources.extend(store::store(plan, plan.store(&dev.region)));
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
    let mut pipeline = output(
        PIPELINE_NAME,
        "Name of the pipeline",
        Value::reference("Pipeline"),
    );
    pipeline.condition = Some(pipeline::CONDITION.to_owned());
    let mut pipeline_arn = output(
        "PipelineArn",
        "ARN of the pipeline",
        plan.pipeline_arn(&plan.dev.pipeline).into(),
    );
    pipeline_arn.condition = Some(pipeline::CONDITION.to_owned());
    let source = dev.source.object().map(|source| {
        output(
            "SourceBucketName",
            "Name of the source bucket",
            bucket("SourceBucket", &source.bucket),
        )
    });
    let mut outputs = vec![
        output(
            KEY_ID,
            "ID of the key, which all other stacks receive as a parameter",
            Value::reference(values::key_logical_id(plan)),
        ),
        output(
            "DeployKeyArn",
            "ARN of the key",
            Value::attribute(values::key_logical_id(plan), "Arn"),
        ),
        output(
            "DeployKeyAliasName",
            "Alias of the key",
            Value::reference("DeployKeyAlias"),
        ),
    ];
    outputs.extend(source);
    outputs.extend([
        output(
            "ArtifactBucketName",
            "Name of the artifact bucket",
            bucket("ArtifactBucket", &dev.artifact_bucket),
        ),
        output(
            SERVICE_ROLE_ARN,
            "ARN of the pipeline's service role, which the targets' deploy roles trust",
            values::service_role_arn(plan),
        ),
        pipeline,
        pipeline_arn,
    ]);
    outputs
}
