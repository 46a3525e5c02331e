//! The pipelines, and the rule that starts the first one. The pipeline in the dev stack has a
//! condition, because CodePipeline rejects a pipeline whose deploy roles cannot be assumed yet.

use std::collections::BTreeSet;

use crate::config::{CannedAcl, DetectChanges};
use crate::plan::{
    InstancePlan, NEXT_STAGE, ObjectSource, PipelinePlan, Plan, START_NEXT, STARTED_BY,
    STARTED_BY_PREVIOUS, STARTED_DIRECTLY, SourcePlan, StagePlan, Store,
};
use crate::template::{Output, Resource, Template, Value, list, map};

use super::build;
use super::invalidation;
use super::policy::{Statement, document};
use super::roles::{key_arn, managed_policy};
use super::safety;
use super::source::{OBJECT_VERSION, source_revisions, source_stage, trigger};
use super::values::{key_arn_text, service_role_arn};
use super::{GENERATED, KEY_ID, PIPELINE_NAME, key_parameter, tags};

/// Name of the condition that creates the pipeline.
pub(super) const CONDITION: &str = "PipelineCreated";

/// The resources that the pipeline uses, as references where they are in the same stack.
pub(super) struct Surroundings {
    /// Logical IDs of the resources that must exist before the pipeline.
    pub(super) depends_on: Vec<String>,
    /// ARN of the service role.
    pub(super) service_role: Value,
    /// Artifact bucket of the pipeline's region.
    pub(super) bucket: Value,
    /// Name of the project that builds the source, if there is one.
    pub(super) project: Option<Value>,
    /// Returns the ARN of a store's key.
    pub(super) key: fn(&Plan, Store<'_>) -> Value,
}

/// Builds the first pipeline. If the configuration detects changes with events, also builds the
/// rule that starts the pipeline, and the rule's role. `policies` are the logical IDs of the
/// service role's policies.
pub(super) fn first(plan: &Plan, policies: Vec<String>) -> Vec<Resource> {
    let dev = &plan.dev;
    let mut depends_on = policies;
    let creates_source = (dev.source.object()).is_some_and(|source| source.bucket.create);
    for (create, id) in [
        (creates_source, "SourceBucket"),
        (dev.artifact_bucket.create, "ArtifactBucketPolicy"),
    ] {
        if create {
            depends_on.push(id.to_owned());
        }
    }
    let surroundings = Surroundings {
        depends_on,
        service_role: service_role_arn(plan),
        bucket: if dev.artifact_bucket.create {
            Value::reference("ArtifactBucket")
        } else {
            Value::from(dev.artifact_bucket.name.as_str())
        },
        project: dev.build.as_ref().map(|build| match build.settings {
            Some(_) => Value::reference(build::PROJECT),
            None => Value::from(build.project.as_str()),
        }),
        key: key_arn,
    };
    let mut resources = vec![pipeline(plan, 0, surroundings)];
    if let SourcePlan::Object(source) = &dev.source
        && plan.makes_change_rule()
    {
        resources.extend(change_rule(plan, source));
    }
    for resource in &mut resources {
        resource.condition = Some(CONDITION.to_owned());
    }
    resources
}

fn pipeline(plan: &Plan, number: usize, surroundings: Surroundings) -> Resource {
    let dev = &plan.dev;
    let pipeline = &plan.pipelines[number];
    let properties = map([("Name", pipeline.name.as_str()), ("PipelineType", "V2")])
        .with_some("ExecutionMode", safety::execution_mode(dev.execution_mode))
        .with("RoleArn", surroundings.service_role.clone());
    let properties = stores(plan, pipeline, properties, &surroundings);
    let next = plan.pipelines.get(number + 1);
    // The first stage after the source checks what started an additional pipeline.
    let builds = surroundings.project.is_some();
    let building = (surroundings.project)
        .map(|project| build::build_stage(plan, project, safety::start_check(number > 0)));
    let deploying = pipeline.stages.iter().enumerate();
    let deploying =
        deploying.map(|(at, stage)| deploy_stage(plan, stage, number > 0 && at == 0 && !builds));
    let stages = std::iter::once(source_stage(plan, number))
        .chain(building)
        .chain(deploying)
        .chain(next.map(|next| next_stage(plan, next)));
    let triggers = match &dev.source {
        SourcePlan::Repository(source) if number == 0 => trigger(source),
        _ => None,
    };
    let properties = properties
        .with_some("Variables", (number > 0).then(started_by))
        .with_some("Triggers", triggers)
        .with("Stages", list(stages))
        .with_some("Tags", tags(plan));
    let comment = if number == 0 {
        let start = match &dev.source {
            SourcePlan::Object(_) => "",
            SourcePlan::Repository(_) => {
                " Afterward, only pushes to the repository start it: a pull request, such as one \
                 from a fork, does not start it before it is merged."
            }
        };
        format!(
            "The pipeline. It is created last, after the targets: on every change, CodePipeline \
             checks that the service role can assume each action's role. Creating the pipeline \
             starts it with the newest version of the source.{start}"
        )
    } else {
        format!(
            "An additional pipeline. The previous pipeline starts it with the same version of the \
             source and {STARTED_BY}={STARTED_BY_PREVIOUS}. Every other execution, such as \
             the one that starts when the pipeline is created, fails before it deploys anything."
        )
    };
    let mut resource = Resource::new(
        "Pipeline",
        "AWS::CodePipeline::Pipeline",
        &comment,
        properties,
    );
    resource.depends_on = surroundings.depends_on;
    if number == 0 && !dev.create_pipeline && plan.has_change_rule() {
        resource = resource.suppress(
            "DEPLOYMENT_SOURCE_CHANGES_DETECTED",
            "The pipeline and the rule that starts it already exist.",
        );
        resource = resource.suppress(
            "DEPLOYMENT_CREATION_GUARDED",
            "The pipeline already exists, so this stack never creates it.",
        );
    }
    if number == 0 && dev.source.detect_changes() == Some(DetectChanges::Polling) {
        resource = resource.suppress(
            "CODEPIPELINE_SOURCE_NO_POLLING",
            "detect_changes is polling in the configuration.",
        );
    }
    if number > 0 {
        resource = resource.suppress(
            "DEPLOYMENT_SOURCE_CHANGES_DETECTED",
            "The previous pipeline starts it.",
        );
    }
    let acl_of_own = |stage: &StagePlan| {
        plan.targets[stage.target]
            .canned_acl
            .is_some_and(|acl| acl != CannedAcl::BucketOwnerFullControl)
    };
    if pipeline.stages.iter().any(acl_of_own) {
        resource = resource.suppress(
            "CODEPIPELINE_DEPLOY_ACL",
            "canned_acl is set in the configuration, for an existing bucket.",
        );
    }
    resource
}

/// Adds the artifact store. If actions are in other regions, adds one store for each region.
/// Follows *Add a cross-Region action* in the AWS documentation.
fn stores(
    plan: &Plan,
    pipeline: &PipelinePlan,
    properties: Value,
    surroundings: &Surroundings,
) -> Value {
    let used: BTreeSet<&str> = pipeline
        .stages
        .iter()
        .flat_map(|stage| {
            let target = &plan.targets[stage.target];
            let instances = stage.instances.iter();
            instances.map(|instance| target.instances[*instance].region.as_str())
        })
        .collect();
    let store = |store: Store<'_>| {
        let bucket = if store.is_main {
            surroundings.bucket.clone()
        } else {
            Value::from(store.bucket.name.as_str())
        };
        let key = map([("Id", (surroundings.key)(plan, store))]).with("Type", "KMS");
        map([("Type", Value::from("S3"))])
            .with("Location", bucket)
            .with("EncryptionKey", key)
    };
    let mut needed = plan
        .stores()
        .filter(|store| store.is_main || used.contains(store.region))
        .peekable();
    let main = needed.next();
    match (main, needed.peek()) {
        (Some(main), None) => properties.with("ArtifactStore", store(main)),
        (main, _) => {
            let all = main.into_iter().chain(needed);
            let all = all.map(|each| {
                map([("Region", Value::from(each.region))]).with("ArtifactStore", store(each))
            });
            properties.with("ArtifactStores", list(all))
        }
    }
}

/// Builds an action of a provider in AWS.
pub(super) fn action(name: &str, category: &str, provider: &str, run_order: u32) -> Value {
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

/// Builds a stage. The first stage after the source checks what started an additional
/// pipeline.
fn deploy_stage(plan: &Plan, stage: &StagePlan, checks_start: bool) -> Value {
    let target = &plan.targets[stage.target];
    let mut actions = Vec::new();
    if stage.approval {
        actions.push(safety::approval(&target.safety));
    }
    actions.extend(
        stage
            .instances
            .iter()
            .map(|instance| deploy_action(plan, stage, &target.instances[*instance])),
    );
    let run_order = if stage.approval { 3 } else { 2 };
    actions
        .extend((stage.instances.iter()).filter_map(|instance| {
            invalidation::invoke_action(plan, target, *instance, run_order)
        }));
    let entry = safety::before_entry(&target.safety, checks_start);
    map([("Name", Value::from(stage.name.as_str()))])
        .with_some("BeforeEntry", entry)
        .with_some("OnFailure", safety::on_failure(target.safety.on_failure))
        .with("Actions", list(actions))
}

fn deploy_action(plan: &Plan, stage: &StagePlan, instance: &InstancePlan) -> Value {
    let target = &plan.targets[stage.target];
    let mut configuration = map([
        ("BucketName", instance.bucket.name.as_str()),
        (
            "Extract",
            if target.object_key.is_some() {
                "false"
            } else {
                "true"
            },
        ),
    ]);
    // `ObjectKey` is the key of the object. If the artifact is extracted, it is the deployment
    // path.
    let path = (!target.path.is_empty()).then_some(&target.path);
    configuration = configuration
        .with_some("ObjectKey", target.object_key.as_ref().or(path))
        .with_some("CannedACL", target.canned_acl.map(CannedAcl::as_str))
        .with_some("CacheControl", target.cache_control.as_ref())
        .with_some("KMSEncryptionKeyARN", target.encryption_key.as_ref());
    let run_order = if stage.approval { 2 } else { 1 };
    action(&instance.action, "Deploy", "S3", run_order)
        .with("RoleArn", instance.role.arn.as_str())
        .with("Region", instance.region.as_str())
        .with_some("Namespace", instance.namespace.as_ref())
        .with("Configuration", configuration)
        .with(
            "InputArtifacts",
            list([map([("Name", plan.deployed_artifact())])]),
        )
}

/// Builds the variable that the condition of an additional pipeline checks.
fn started_by() -> Value {
    list([map([
        ("Name", STARTED_BY),
        ("DefaultValue", STARTED_DIRECTLY),
        (
            "Description",
            "The cause of the execution. The previous pipeline sets this variable.",
        ),
    ])])
}

/// Builds the stage that starts the next pipeline with the same version of the source. Follows *AWS
/// CodePipeline invoke action reference* in the AWS documentation.
fn next_stage(plan: &Plan, next: &PipelinePlan) -> Value {
    let revisions = match &plan.dev.source {
        SourcePlan::Object(_) => {
            source_revisions(OBJECT_VERSION, "\"#{SourceVariables.VersionId}\"")
        }
        SourcePlan::Repository(_) => {
            source_revisions("COMMIT_ID", "\"#{SourceVariables.CommitId}\"")
        }
    };
    let configuration = map([
        ("PipelineName", next.name.to_string()),
        ("SourceRevisions", revisions),
        (
            "Variables",
            format!("[{{\"name\":\"{STARTED_BY}\",\"value\":\"{STARTED_BY_PREVIOUS}\"}}]"),
        ),
    ]);
    let invoke =
        action(START_NEXT, "Invoke", "CodePipeline", 1).with("Configuration", configuration);
    map([("Name", Value::from(NEXT_STAGE))]).with("Actions", list([invoke]))
}

/// Builds the template of an additional pipeline.
pub(super) fn further(plan: &Plan, number: usize) -> Template {
    let dev = &plan.dev;
    let surroundings = Surroundings {
        depends_on: Vec::new(),
        service_role: dev.service_role.arn.as_str().into(),
        bucket: dev.artifact_bucket.name.as_str().into(),
        project: (dev.build.as_ref()).map(|build| build.project.as_str().into()),
        key: |plan, store| Value::Sub(key_arn_text(plan, store.region, KEY_ID)),
    };
    let name = &plan.pipelines[number].name;
    Template {
        header: format!(
            "{GENERATED}\n\nAccount {}, region {}. Deployed after the targets and before the \
             previous pipeline, which starts this one.",
            dev.account, dev.region
        ),
        description: format!("Pipeline {name}, which the pipeline before it starts"),
        parameters: vec![key_parameter()],
        mappings: Vec::new(),
        conditions: Vec::new(),
        resources: vec![pipeline(plan, number, surroundings)],
        outputs: vec![
            Output {
                id: PIPELINE_NAME.to_owned(),
                description: "Name of the pipeline".to_owned(),
                value: Value::reference("Pipeline"),
                condition: None,
            },
            Output {
                id: "PipelineArn".to_owned(),
                description: "ARN of the pipeline".to_owned(),
                value: plan.pipeline_arn(name).into(),
                condition: None,
            },
        ],
    }
}

/// Builds the input that a rule passes to the pipeline: the version in the event. EventBridge adds
/// the quotes around the version.
pub(super) fn transformer() -> Value {
    map([(
        "InputPathsMap",
        map([("revision", "$.detail.object.version-id")]),
    )])
    .with(
        "InputTemplate",
        format!(
            "{{\"sourceRevisions\":{}}}",
            source_revisions(OBJECT_VERSION, "<revision>")
        ),
    )
}

fn change_rule(plan: &Plan, source: &ObjectSource) -> [Resource; 3] {
    let dev = &plan.dev;
    // AWS documents both source conditions for the role of an EventBridge rule.
    let trust = Statement::allow(
        "EventBridgeAssumesTheRole",
        "Only EventBridge, for this rule in this account.",
    )
    .service("events.amazonaws.com")
    .actions(["sts:AssumeRole"])
    .for_source(plan.change_rule_arn(), dev.account.as_str());
    let role = map([("RoleName", dev.change_rule.as_str())])
        .with("Description", format!("Starts pipeline {}", dev.pipeline))
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some("PermissionsBoundary", dev.permissions_boundary.as_ref())
        .with_some("Tags", tags(plan));
    let statement = Statement::allow("StartThePipeline", "Starts only this pipeline.")
        .actions(["codepipeline:StartPipelineExecution"])
        .on(plan.pipeline_arn(&dev.pipeline));
    let detail = map([
        (
            "bucket",
            map([("name", list([source.bucket.name.as_str()]))]),
        ),
        ("object", map([("key", list([source.key.as_str()]))])),
    ]);
    let pattern = map([
        ("source", list(["aws.s3"])),
        ("detail-type", list(["Object Created"])),
    ])
    .with("detail", detail);
    let target = map([("Id", Value::from("Pipeline"))])
        .with("Arn", plan.pipeline_arn(&dev.pipeline))
        .with("RoleArn", Value::attribute("ChangeRuleRole", "Arn"))
        .with("InputTransformer", transformer());
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
        "The role that the rule uses to start the pipeline. EventBridge can assume it only for \
         this rule.",
        role,
    )
    .suppress(
        "CFN_NO_EXPLICIT_RESOURCE_NAMES",
        "A fixed name makes the role easy to find in a review.",
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
        "Starts the pipeline when a new version of the source is uploaded, and passes this \
         version. Otherwise, the execution would use the newest version, which might be a later \
         one.",
        rule,
    );
    rule.depends_on = vec!["ChangeRulePolicy".to_owned(), "Pipeline".to_owned()];
    [role, policy, rule]
}
