//! The pipeline, and the rule that starts it. They stand under a condition: CodePipeline
//! refuses a pipeline whose deploy roles cannot be assumed yet.

use crate::cfn::{Resource, Value, list, map};
use crate::config::{CannedAcl, DetectChanges};
use crate::plan::{Plan, TargetPlan};

use super::policy::{Statement, document};
use super::roles::{SERVICE_ROLE_POLICIES, managed_policy, service_role_arn};
use super::tags;

/// Condition under which the pipeline exists.
pub(super) const CONDITION: &str = "PipelineCreated";

/// The pipeline, and with change detection by events its rule and the rule's role.
pub(super) fn pipeline(plan: &Plan) -> Vec<Resource> {
    let mut resources = vec![pipeline_resource(plan)];
    if plan.dev.detect_changes == DetectChanges::Events {
        resources.extend(change_rule(plan));
    }
    for resource in &mut resources {
        resource.condition = Some(CONDITION.to_owned());
    }
    resources
}

fn pipeline_resource(plan: &Plan) -> Resource {
    let dev = &plan.dev;
    let key = map([("Id", Value::attribute("DeployKey", "Arn"))]).with("Type", "KMS");
    let bucket = if dev.artifact_bucket.create {
        Value::reference("ArtifactBucket")
    } else {
        Value::from(dev.artifact_bucket.name.as_str())
    };
    let store = map([("Type", Value::from("S3"))])
        .with("Location", bucket)
        .with("EncryptionKey", key);
    let stages = std::iter::once(source_stage(plan)).chain(plan.targets.iter().map(deploy_stage));
    let properties = map([("Name", dev.pipeline.as_str()), ("PipelineType", "V2")])
        .with("RoleArn", service_role_arn(plan))
        .with("ArtifactStore", store)
        .with("Stages", list(stages))
        .with_some("Tags", tags(plan));
    let comment = "The pipeline. It comes last, after the targets: CodePipeline checks on every \
                   change that the service role can assume the role of each action.";
    let mut resource = Resource::new(
        "Pipeline",
        "AWS::CodePipeline::Pipeline",
        comment,
        properties,
    );
    resource.depends_on = SERVICE_ROLE_POLICIES.map(str::to_owned).to_vec();
    for (create, id) in [
        (dev.source_bucket.create, "SourceBucket"),
        (dev.artifact_bucket.create, "ArtifactBucketPolicy"),
    ] {
        if create {
            resource.depends_on.push(id.to_owned());
        }
    }
    if dev.detect_changes == DetectChanges::Polling {
        resource = resource.suppress(
            "CODEPIPELINE_SOURCE_NO_POLLING",
            "detect_changes is polling in the configuration.",
        );
    }
    let acl_of_own = |target: &TargetPlan| {
        target
            .canned_acl
            .is_some_and(|acl| acl != CannedAcl::BucketOwnerFullControl)
    };
    if plan.targets.iter().any(acl_of_own) {
        resource = resource.suppress(
            "CODEPIPELINE_DEPLOY_ACL",
            "canned_acl is set in the configuration, for a bucket that exists already.",
        );
    }
    resource
}

fn action(name: &str, category: &str, provider: &str, run_order: u32) -> Value {
    let kind = map([
        ("Category", category),
        ("Owner", "AWS"),
        ("Provider", provider),
        ("Version", "1"),
    ]);
    map([("Name", Value::from(name))])
        .with("ActionTypeId", kind)
        .with("RunOrder", run_order)
}

fn source_stage(plan: &Plan) -> Value {
    let dev = &plan.dev;
    let polls = dev.detect_changes == DetectChanges::Polling;
    let configuration = map([
        ("S3Bucket", dev.source_bucket.name.as_str()),
        ("S3ObjectKey", dev.source_object_key.as_str()),
        ("PollForSourceChanges", if polls { "true" } else { "false" }),
    ]);
    let source = action("Source", "Source", "S3", 1)
        .with("Region", dev.region.as_str())
        .with("Namespace", "SourceVariables")
        .with("Configuration", configuration)
        .with("OutputArtifacts", list([map([("Name", "SourceArtifact")])]));
    map([("Name", Value::from("Source"))]).with("Actions", list([source]))
}

fn deploy_stage(target: &TargetPlan) -> Value {
    let mut configuration = map([
        ("BucketName", target.bucket.name.as_str()),
        (
            "Extract",
            if target.object_key.is_some() {
                "false"
            } else {
                "true"
            },
        ),
    ]);
    // The action's one key is the object's, or with extraction the deployment path.
    let path = (!target.path.is_empty()).then_some(&target.path);
    configuration = configuration
        .with_some("ObjectKey", target.object_key.as_ref().or(path))
        .with_some("CannedACL", target.canned_acl.map(CannedAcl::as_str))
        .with_some("CacheControl", target.cache_control.as_ref())
        .with_some("KMSEncryptionKeyARN", target.encryption_key.as_ref());
    let run_order = if target.approval { 2 } else { 1 };
    let deploy = action("Deploy", "Deploy", "S3", run_order)
        .with("RoleArn", target.role.arn.as_str())
        .with("Region", target.region.as_str())
        .with("Namespace", target.namespace.as_str())
        .with("Configuration", configuration)
        .with("InputArtifacts", list([map([("Name", "SourceArtifact")])]));
    let mut actions = Vec::new();
    if target.approval {
        actions.push(action("Approve", "Approval", "Manual", 1));
    }
    actions.push(deploy);
    map([("Name", Value::from(target.stage.as_str()))]).with("Actions", list(actions))
}

fn change_rule(plan: &Plan) -> [Resource; 3] {
    let dev = &plan.dev;
    // EventBridge documents both source conditions for the role of a rule.
    let conditions = map([
        (
            "ArnEquals",
            map([("aws:SourceArn", plan.change_rule_arn())]),
        ),
        (
            "StringEquals",
            map([("aws:SourceAccount", dev.account.as_str())]),
        ),
    ]);
    let trust = Statement::allow("EventBridgeAssumesTheRole", "")
        .service("events.amazonaws.com")
        .actions(["sts:AssumeRole"])
        .when(conditions);
    let role = map([("RoleName", dev.change_rule.as_str())])
        .with("Description", format!("Starts pipeline {}", dev.pipeline))
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some("PermissionsBoundary", dev.permissions_boundary.as_ref())
        .with_some("Tags", tags(plan));
    let statement = Statement::allow("StartThePipeline", "It starts this pipeline and no other.")
        .actions(["codepipeline:StartPipelineExecution"])
        .on(plan.pipeline_arn());
    let detail = map([
        (
            "bucket",
            map([("name", list([dev.source_bucket.name.as_str()]))]),
        ),
        (
            "object",
            map([("key", list([dev.source_object_key.as_str()]))]),
        ),
    ]);
    let pattern = map([
        ("source", list(["aws.s3"])),
        ("detail-type", list(["Object Created"])),
    ])
    .with("detail", detail);
    let target = map([("Id", Value::from("Pipeline"))])
        .with("Arn", plan.pipeline_arn())
        .with("RoleArn", Value::attribute("ChangeRuleRole", "Arn"));
    let rule = map([("Name", dev.change_rule.as_str())])
        .with(
            "Description",
            format!("A new version of the source starts {}", dev.pipeline),
        )
        .with("State", "ENABLED")
        .with("EventPattern", pattern)
        .with("Targets", list([target]))
        .with_some("Tags", tags(plan));
    let role = Resource::new(
        "ChangeRuleRole",
        "AWS::IAM::Role",
        "The role in which the rule starts the pipeline; EventBridge takes it for this rule only.",
        role,
    )
    .suppress(
        "CFN_NO_EXPLICIT_RESOURCE_NAMES",
        "Reviewers look for it by its name.",
    );
    let policy = managed_policy(
        "ChangeRulePolicy",
        &dev.change_rule,
        "",
        "Starts the pipeline",
        Value::reference("ChangeRuleRole"),
        document(&[statement]),
    );
    let mut rule = Resource::new(
        "ChangeRule",
        "AWS::Events::Rule",
        "Starts the pipeline when a new version of the source is uploaded.",
        rule,
    );
    rule.depends_on = vec!["ChangeRulePolicy".to_owned(), "Pipeline".to_owned()];
    [role, policy, rule]
}
