//! Builds the templates of the stacks from a plan. This module determines all of their contents.

mod bucket;
mod build;
mod contradiction;
mod dev;
mod generated;
mod invalidation;
mod key;
mod key_grants;
mod lifecycle;
mod limits;
mod merge;
mod pipeline;
mod policy;
mod readers;
mod region;
mod roles;
mod safety;
mod source;
mod stack_set_roles;
mod store;
mod target;
mod values;

pub(crate) use generated::is_generated;
pub use key_grants::{KeyGrant, key_grants};
pub use limits::complaints;
pub use merge::{MergeError, is_merged_bucket_policy, merged_bucket_policy};
pub(crate) use stack_set_roles::stack_set_roles;

use std::sync::Arc;

use crate::aws::Region;
use crate::plan::{Plan, SourcePlan};
use crate::template::{Parameter, Template};

/// Name of the dev stack's output that contains the key ID. The parameter that passes the ID to all
/// other stacks has the same name.
pub(crate) const KEY_ID: &str = "DeployKeyId";

/// Name of the dev stack's output that contains the service role's ARN. Every dev stack has this
/// output.
pub(crate) const SERVICE_ROLE_ARN: &str = "ServiceRoleArn";

/// Name of a stack's output that contains the pipeline name. The dev stack has this output only
/// after its pipeline is created.
pub(crate) const PIPELINE_NAME: &str = "PipelineName";

/// Name of the output that contains the deploy role's ARN in a target's stack.
pub(crate) const DEPLOY_ROLE_ARN: &str = "DeployRoleArn";

/// Name of the dev stack's parameter that controls whether the stack creates the pipeline.
pub(crate) const CREATE_PIPELINE: &str = "CreatePipeline";

/// Types of the resources whose loss would destroy objects or make artifacts unreadable to the
/// targets. Replacing or deleting such a resource requires the user's consent, and a stack policy
/// protects it.
pub(crate) const GUARDED_TYPES: [&str; 4] = [
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::S3::Bucket",
    "AWS::IAM::Role",
];

/// A template and the name of its file.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Name of the file: `dev`, `dev-REGION`, `dev-pipeline-NUMBER`, or the name of the target.
    pub name: String,
    /// Account and region of the stack.
    pub side: Side,
    /// The template.
    pub template: Arc<Template>,
}

/// The account and region of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// In the dev account and the pipeline's region: the key, the buckets, the roles, and, in a
    /// second step, the first pipeline.
    Dev,
    /// In the dev account and another region: the pipeline's resources in that region.
    Region(Region),
    /// In each instance of a target, identified by its index in [`Plan::targets`].
    Target(usize),
    /// In the dev account and the pipeline's region: an additional pipeline, identified by its
    /// index in [`Plan::pipelines`].
    Pipeline(usize),
}

/// Returns the names and locations of the stacks of a plan, in the order of a first deployment:
/// the dev stack, the stacks of other regions, the targets' stacks, and the additional pipelines
/// from the last to the second. The dev stack is then deployed again, with its pipeline.
pub(crate) fn names(plan: &Plan) -> Vec<(String, Side)> {
    let mut found = vec![("dev".to_owned(), Side::Dev)];
    found.extend(plan.regions.iter().map(|region| {
        let name = format!("dev-{}", region.region);
        (name, Side::Region(region.region.clone()))
    }));
    let targets = plan.targets.iter().enumerate();
    found.extend(targets.map(|(number, target)| (target.name.clone(), Side::Target(number))));
    found.extend((1..plan.pipelines.len()).rev().map(|number| {
        let name = format!("dev-pipeline-{}", number + 1);
        (name, Side::Pipeline(number))
    }));
    found
}

/// Builds the stacks of a plan, in the order of [`names`].
pub fn stacks(plan: &Plan) -> Vec<Stack> {
    names(plan)
        .into_iter()
        .map(|(name, side)| Stack {
            name,
            template: Arc::new(match &side {
                Side::Dev => dev::template(plan),
                Side::Region(region) => region::template(plan, plan.store(region)),
                Side::Target(number) => target::template(plan, &plan.targets[*number]),
                Side::Pipeline(number) => pipeline::further(plan, *number),
            }),
            side,
        })
        .collect()
}

/// Returns the parameter that all stacks except the dev stack have. The ARN of the key is built
/// from this parameter and the known account and region.
fn key_parameter() -> Parameter {
    Parameter {
        id: KEY_ID.to_owned(),
        description: "ID of the dev account's key, from the DeployKeyId output of the dev stack"
            .to_owned(),
        label: "ID of the dev account's key".to_owned(),
        default: None,
        allowed_values: Vec::new(),
        allowed_pattern: Some((
            "^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$".to_owned(),
            "must be a key ID, not an ARN or an alias".to_owned(),
        )),
    }
}

/// Returns the requirements on existing resources that no stack configures.
pub fn requirements(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    if let SourcePlan::Repository(source) = &plan.dev.source {
        found.push(format!(
            "connection `{}` must have the status AVAILABLE, with access to the repository `{}`: \
             open it in the AWS console (Developer Tools, Connections), and complete a pending \
             connection there",
            source.connection, source.repository
        ));
    }
    let existing = plan.dev.source.object().map(|source| &source.bucket);
    if let Some(source) = existing.filter(|bucket| !bucket.create) {
        found.push(format!(
            "source bucket `{0}` must be versioned: run `aws s3api put-bucket-versioning --bucket {0} \
             --versioning-configuration Status=Enabled`",
            source.name
        ));
        if plan.has_change_rule() {
            found.push(format!(
                "source bucket `{0}` must send events to EventBridge: add \
                 EventBridgeConfiguration={{}} to the output of `aws s3api \
                 get-bucket-notification-configuration --bucket {0}`, and apply the result with \
                 `aws s3api put-bucket-notification-configuration`",
                source.name
            ));
        }
    }
    if let Some(build) = plan
        .dev
        .build
        .as_ref()
        .filter(|build| build.settings.is_none())
    {
        found.push(format!(
            "CodeBuild project `{}` must have the service role {}, the type CODEPIPELINE for its source \
             and its artifacts, and the key in the DeployKeyArn output of the dev stack as its \
             encryption key; the dev stack attaches a policy for the artifacts to the \
             role, but not for logs, secrets, or anything else that the build uses",
            build.project, build.role.arn
        ));
    }
    found.extend(invalidation::requirements(plan));
    if !plan.dev.create_pipeline && plan.has_change_rule() {
        found.push(format!(
            "the EventBridge rule that starts pipeline `{}` must pass the version in the event, or \
             two quick uploads can both deploy the second version: set the `InputTransformer` of \
             the rule's target to {}, but use the name of the pipeline's source action (requires \
             pipeline type V2)",
            plan.dev.pipeline,
            pipeline::transformer().to_json()
        ));
    }
    found
}

/// The condition key of the encryption context that S3 passes to KMS.
const ENCRYPTED_ARN: &str = "kms:EncryptionContext:aws:s3:arn";

const GENERATED: &str = "Generated by s3ferry from its configuration; `s3ferry synth` overwrites \
                         this file.\nChange the configuration instead.";

fn tags(plan: &Plan) -> Option<crate::template::Value> {
    use crate::template::{list, map};
    let tags = plan.tags.iter();
    (!plan.tags.is_empty())
        .then(|| list(tags.map(|(key, value)| map([("Key", key), ("Value", value)]))))
}
