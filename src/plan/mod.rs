//! Determines all names, accounts, and regions from the configuration. The stacks use them. No
//! other module derives names.
//!
//! The submodules derive the names ([`names`]), describe the source ([`source`]), the build
//! ([`build`]), the artifacts ([`artifacts`]), the stage safety ([`safety`]), and the invalidations
//! ([`invalidation`]), distribute the targets' instances over stages and pipelines ([`waves`]), plan the stack sets ([`stack_set`]), and check the names ([`checks`]) and
//! the lifecycle rules ([`lifecycle`]).

mod artifacts;
mod build;
mod checks;
mod invalidation;
mod lifecycle;
mod names;
mod safety;
mod source;
mod stack_set;
mod waves;

use crate::aws::arn;
use crate::aws::partition_of;
use crate::aws::{
    AccountId, BucketName, Partition, PipelineName, Region, RoleName, quotas::STACK_NAME,
};
use crate::config::{
    BucketNamespace, CannedAcl, Complaint, Config, DetectChanges, ExecutionMode, Lifecycle,
    Permissions, Quotas,
};

pub(crate) use artifacts::{BUILD_ARTIFACT, SOURCE_ARTIFACT, artifact_folder, artifact_name};
pub use build::{BuildPlan, BuildSettings};
pub use invalidation::{InstanceInvalidation, InvalidationPlan};
pub use safety::SafetyPlan;
pub use source::{ObjectSource, RepositorySource, SourcePlan};
pub(crate) use stack_set::{SelfManaged, ServiceManaged, StackSetPermissions, StackSetPlan};

/// Name of the source action of every pipeline.
pub(crate) const SOURCE_ACTION: &str = "Source";
/// Name of the stage that starts the next pipeline.
pub(crate) const NEXT_STAGE: &str = "Next";
/// Name of the action in that stage.
pub(crate) const START_NEXT: &str = "StartNext";
/// The pipeline variable that contains the cause of an additional pipeline's execution.
pub(crate) const STARTED_BY: &str = "StartedBy";
/// Its default value, for executions that start on creation or manually.
pub(crate) const STARTED_DIRECTLY: &str = "direct";
/// Its value when the previous pipeline starts the execution. The name of that pipeline cannot be
/// the value, because pipeline names can contain dots. According to the AWS documentation,
/// *AWS::CodePipeline::Pipeline*, values of variables cannot contain dots.
pub(crate) const STARTED_BY_PREVIOUS: &str = "previous-pipeline";

/// The resources to create, with their locations and names.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The partition of all accounts.
    pub partition: Partition,
    /// The dev account.
    pub dev: DevPlan,
    /// The other regions of the targets. Each has a support stack in the dev account.
    pub regions: Vec<RegionPlan>,
    /// The targets, in the order of the waves.
    pub targets: Vec<TargetPlan>,
    /// The pipelines. A source change starts the first, and each pipeline starts the next one.
    pub pipelines: Vec<PipelinePlan>,
    /// The organization that cross-account statements require, if any.
    pub organization: Option<String>,
    /// The style of the policies.
    pub permissions: Permissions,
    /// Increased quotas, and limits for the number of actions in a stage and a pipeline.
    pub quotas: Quotas,
    /// Tags of every resource, by key.
    pub tags: Vec<(String, String)>,
    /// Namespace of the created buckets.
    pub bucket_namespace: BucketNamespace,
    /// Lifecycle rules of the created buckets.
    pub lifecycle: Lifecycle,
    /// Prefix of the stack names: the name of the pipeline, or the name that the pipeline had when
    /// the stacks were created.
    stack_prefix: String,
}

/// The resources of the dev account.
#[derive(Debug, Clone)]
pub struct DevPlan {
    /// Account ID.
    pub account: AccountId,
    /// Region of the pipeline.
    pub region: Region,
    /// Named profile in the AWS configuration that deploys the stack.
    pub profile: String,
    /// Alias of the key, with `alias/`.
    pub key_alias: String,
    /// ARNs of the key's administrators.
    pub key_administrators: Vec<String>,
    /// Days until a scheduled deletion of the key.
    pub key_deletion_window_days: u32,
    /// Whether the key is a multi-Region primary key.
    pub multi_region: bool,
    /// The source.
    pub source: SourcePlan,
    /// The build between the source and the deploy stages, if there is one.
    pub build: Option<BuildPlan>,
    /// The artifact bucket.
    pub artifact_bucket: BucketPlan,
    /// The name of the artifact bucket in any region, with the placeholder `{region}`.
    pub artifact_bucket_pattern: String,
    /// File with the artifact bucket's current policy, relative to the configuration file.
    pub existing_policy: Option<String>,
    /// Log bucket, if one is created.
    pub log_bucket: Option<BucketName>,
    /// Name of the first pipeline.
    pub pipeline: PipelineName,
    /// Whether the stack creates the pipeline; `false` if it already exists.
    pub create_pipeline: bool,
    /// The pipeline's service role.
    pub service_role: RolePlan,
    /// Managed policy for the source.
    pub source_policy: String,
    /// Managed policy for the artifact bucket and the key.
    pub artifact_policy: String,
    /// Managed policy for the deploy roles. Additional policies are numbered, starting with 2.
    pub assume_policy: String,
    /// Managed policy that allows a pipeline to start the next one, if there are several.
    pub invoke_policy: String,
    /// Managed policy for alarms and approval notifications, if there are any.
    pub safety_policy: String,
    /// How the pipelines handle several executions.
    pub execution_mode: ExecutionMode,
    /// Name of the change rule, its role, and the policy of that role.
    pub change_rule: String,
    /// Permissions boundary of the created roles.
    pub permissions_boundary: Option<String>,
}

/// A bucket, and whether a stack creates it.
#[derive(Debug, Clone)]
pub struct BucketPlan {
    /// Bucket name.
    pub name: BucketName,
    /// Whether the stack creates it; `false` if it already exists.
    pub create: bool,
}

/// A role, and whether a stack creates it.
#[derive(Debug, Clone)]
pub struct RolePlan {
    /// Name without path.
    pub name: RoleName,
    /// Path, with a slash at both ends.
    pub path: String,
    /// ARN.
    pub arn: String,
    /// Whether the stack creates it; `false` if it already exists.
    pub create: bool,
}

/// The resources of the dev account that the pipeline needs in another region.
#[derive(Debug, Clone)]
pub struct RegionPlan {
    /// Region.
    pub region: Region,
    /// Artifact bucket, which is always created.
    pub artifact_bucket: BucketPlan,
    /// Log bucket, if one is created.
    pub log_bucket: Option<BucketName>,
}

/// A target: one template, deployed to each of its instances.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    /// Name of the target and of its file.
    pub name: String,
    /// Whether the template serves several accounts. Such a template does not name an account.
    pub many_accounts: bool,
    /// Whether the template serves several regions. Such a template does not name a region.
    pub many_regions: bool,
    /// Names as patterns with the placeholders `{account}` and `{region}`.
    pub names: TargetNames,
    /// Whether the stack creates the output bucket.
    pub create_bucket: bool,
    /// Deployment path without slashes at its ends; empty for the root of the bucket.
    pub path: String,
    /// Key of the object, if the artifact is not extracted.
    pub object_key: Option<String>,
    /// Canned ACL of the objects.
    pub canned_acl: Option<CannedAcl>,
    /// `Cache-Control` of the objects.
    pub cache_control: Option<String>,
    /// Whether the source object has tags, which the deploy role copies to the deployed objects.
    pub tagged_objects: bool,
    /// ARN of the key that encrypts the output bucket.
    pub encryption_key: Option<String>,
    /// Whether the first deploy action requires an approval.
    pub approval: bool,
    /// Stage safety.
    pub safety: SafetyPlan,
    /// The invalidation after each deployment, if there is one.
    pub invalidation: Option<InvalidationPlan>,
    /// The instances, in the order of the configuration.
    pub instances: Vec<InstancePlan>,
    /// The stack set of the target, from the configuration or with default settings.
    pub stack_set: StackSetPlan,
    /// Whether the configuration deploys the target as a stack set.
    pub by_stack_set: bool,
}

/// Names that the instances of a target share, as patterns.
#[derive(Debug, Clone)]
pub struct TargetNames {
    /// Output bucket.
    pub bucket: String,
    /// Log bucket, if one is created.
    pub log_bucket: Option<String>,
    /// Deploy role.
    pub role: String,
    /// Managed policy for the output bucket.
    pub output_policy: String,
    /// Managed policy for the dev account's key and artifact bucket.
    pub artifact_policy: String,
    /// ARN of the deploy role's permissions boundary.
    pub permissions_boundary: Option<String>,
}

/// A target in one account and region, with one deploy action.
#[derive(Debug, Clone)]
pub struct InstancePlan {
    /// Account ID.
    pub account: AccountId,
    /// Region.
    pub region: Region,
    /// Named profile in the AWS configuration that deploys the stack.
    pub profile: String,
    /// Output bucket.
    pub bucket: BucketPlan,
    /// Log bucket, if one is created.
    pub log_bucket: Option<BucketName>,
    /// Deploy role.
    pub role: RolePlan,
    /// Managed policy for the output bucket.
    pub output_policy: String,
    /// Managed policy for the dev account's key and artifact bucket.
    pub artifact_policy: String,
    /// Permissions boundary of the deploy role.
    pub permissions_boundary: Option<String>,
    /// The invalidation after the deployment, if there is one.
    pub invalidation: Option<InstanceInvalidation>,
    /// Index of its pipeline in [`Plan::pipelines`].
    pub pipeline: usize,
    /// Stage in the pipeline.
    pub stage: String,
    /// Deploy action in the stage.
    pub action: String,
    /// Namespace of the deploy action's variables; `None` if the target has several deploy actions.
    pub namespace: Option<String>,
}

/// A pipeline.
#[derive(Debug, Clone)]
pub struct PipelinePlan {
    /// Name.
    pub name: PipelineName,
    /// The deploy stages, in order.
    pub stages: Vec<StagePlan>,
}

/// A stage with parallel deploy actions of one target.
#[derive(Debug, Clone)]
pub struct StagePlan {
    /// Name.
    pub name: String,
    /// Index of the target in [`Plan::targets`].
    pub target: usize,
    /// Whether the stage begins with an approval.
    pub approval: bool,
    /// Indexes of its instances in [`TargetPlan::instances`].
    pub instances: Vec<usize>,
}

/// An artifact store in the region of the pipeline or in another region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store<'p> {
    pub region: &'p str,
    /// Artifact bucket.
    pub bucket: &'p BucketPlan,
    /// Log bucket, if one is created.
    pub log_bucket: Option<&'p str>,
    /// Whether the store is in the region of the pipeline.
    pub is_main: bool,
}

impl Plan {
    /// Determines all names.
    ///
    /// # Errors
    /// Returns an error if a derived name is too long, or if two resources share a name.
    pub fn new(config: &Config) -> Result<Self, Vec<Complaint>> {
        let partition = partition_of(&config.dev.region);
        let mut targets = names::targets(config, partition);
        let pipelines = waves::pipelines(config, &mut targets);
        let plan = Self {
            partition,
            dev: names::dev(config, partition),
            regions: names::regions(config, &targets),
            targets,
            pipelines,
            organization: config.organization.clone(),
            permissions: config.permissions,
            quotas: config.quotas.clone(),
            tags: config
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            bucket_namespace: config.bucket_namespace,
            lifecycle: config.lifecycle.clone(),
            stack_prefix: config.dev.pipeline.name.clone(),
        };
        let complaints = checks::complaints(&plan, config);
        if complaints.is_empty() {
            Ok(plan)
        } else {
            Err(complaints)
        }
    }

    /// Returns all instances with their targets, in the order of the waves.
    pub fn instances(&self) -> impl Iterator<Item = (&TargetPlan, &InstancePlan)> {
        let targets = self.targets.iter();
        targets.flat_map(|target| {
            target
                .instances
                .iter()
                .map(move |instance| (target, instance))
        })
    }

    /// Returns the artifact stores. The store in the region of the pipeline comes first.
    pub(crate) fn stores(&self) -> impl Iterator<Item = Store<'_>> {
        let main = Store {
            region: &self.dev.region,
            bucket: &self.dev.artifact_bucket,
            log_bucket: self.dev.log_bucket.as_deref(),
            is_main: true,
        };
        std::iter::once(main).chain(self.regions.iter().map(|region| Store {
            region: &region.region,
            bucket: &region.artifact_bucket,
            log_bucket: region.log_bucket.as_deref(),
            is_main: false,
        }))
    }

    /// Returns the artifact store of a region. If the region has none, returns the store in the
    /// region of the pipeline.
    pub(crate) fn store(&self, region: &str) -> Store<'_> {
        let mut stores = self.stores();
        let main = stores.next();
        let other = stores.find(|store| store.region == region);
        other.or(main).unwrap_or(Store {
            region: &self.dev.region,
            bucket: &self.dev.artifact_bucket,
            log_bucket: None,
            is_main: true,
        })
    }

    /// Returns the name of the CloudFormation stack for the template with this name.
    ///
    /// Stack names can contain only letters, digits, and hyphens. Pipeline names can contain other
    /// characters.
    pub(crate) fn stack_name(&self, template: &str) -> String {
        names::stack_name(&self.stack_prefix, template, STACK_NAME.length())
    }

    /// Keeps the names of stacks that were created when the pipeline had a different name.
    pub fn set_stack_prefix(&mut self, prefix: &str) {
        for target in &mut self.targets {
            target
                .stack_set
                .set_prefix(&self.stack_prefix, prefix, &target.name);
        }
        prefix.clone_into(&mut self.stack_prefix);
    }

    /// Returns the ARN of a bucket.
    pub(crate) fn bucket_arn(&self, bucket: &str) -> String {
        arn::bucket(self.partition, bucket)
    }

    /// Returns the ARN of a source object.
    pub(crate) fn source_object_arn(&self, source: &ObjectSource) -> String {
        format!("{}/{}", self.bucket_arn(&source.bucket.name), source.key)
    }

    /// Returns the source bucket, the artifact buckets, and the output buckets with their accounts
    /// and regions.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&BucketPlan, &str, &str)> {
        let dev = self.dev.account.as_str();
        let region = self.dev.region.as_str();
        let source = self.dev.source.object();
        let source = source.map(|source| (&source.bucket, dev, region));
        let stores = self
            .stores()
            .map(move |store| (store.bucket, dev, store.region));
        let outputs = self.instances();
        let outputs = outputs.map(|(_, instance)| {
            (
                &instance.bucket,
                instance.account.as_str(),
                instance.region.as_str(),
            )
        });
        source.into_iter().chain(stores).chain(outputs)
    }

    /// Returns the existing buckets whose default encryption uses a customer managed key, with the
    /// ARN of the key. No template contains this information.
    pub(crate) fn existing_bucket_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        let source = (self.dev.source.object())
            .filter(|source| !source.bucket.create)
            .map(|source| (&source.bucket, &source.encryption_key));
        let outputs = self
            .instances()
            .filter(|(_, instance)| !instance.bucket.create)
            .map(|(target, instance)| (&instance.bucket, &target.encryption_key));
        source
            .into_iter()
            .chain(outputs)
            .filter_map(|(bucket, key)| Some((bucket.name.as_str(), key.as_deref()?)))
    }

    /// Returns the encryption contexts that S3 passes to KMS for the source object, as policy
    /// patterns: the ARN of the bucket with an S3 Bucket Key, or else the ARN of the object.
    /// Follows the section *Encryption context* of *Using server-side encryption with AWS KMS keys*
    /// in the AWS documentation.
    pub(crate) fn source_encryption_contexts(&self, source: &ObjectSource) -> [String; 2] {
        let bucket = self.bucket_arn(&source.bucket.name);
        let objects = format!("{bucket}/*");
        [bucket, objects]
    }

    /// Returns the ARN of the pipeline with this name.
    pub(crate) fn pipeline_arn(&self, name: &str) -> String {
        arn::pipeline(self.partition, &self.dev.region, &self.dev.account, name)
    }

    /// Returns whether the dev stack creates a rule that starts the first pipeline when the source
    /// changes. An existing pipeline has its own rule.
    pub(crate) fn makes_change_rule(&self) -> bool {
        self.dev.create_pipeline && self.has_change_rule()
    }

    /// Returns whether an EventBridge rule starts the first pipeline when the source changes.
    pub(crate) fn has_change_rule(&self) -> bool {
        self.dev.source.detect_changes() == Some(DetectChanges::Events)
    }

    /// Returns the ARN of the rule that starts the first pipeline.
    pub(crate) fn change_rule_arn(&self) -> String {
        let dev = &self.dev;
        arn::rule(self.partition, &dev.region, &dev.account, &dev.change_rule)
    }

    /// Returns the ARN of the root user of an account. As a principal, it represents the whole
    /// account.
    pub(crate) fn account_arn(&self, account: &str) -> String {
        arn::root(self.partition, account)
    }

    /// Returns the ARN of the role with this name and without a path. The account `*` means any
    /// account.
    pub(crate) fn role_arn(&self, account: &str, name: &str) -> String {
        arn::role(self.partition, account, name)
    }
}

impl TargetPlan {
    /// Returns the instances in a region.
    pub(crate) fn instances_in<'p>(
        &'p self,
        region: &'p str,
    ) -> impl Iterator<Item = &'p InstancePlan> + 'p {
        let instances = self.instances.iter();
        instances.filter(move |instance| instance.region == region)
    }

    /// Returns whether the template serves several accounts or regions.
    pub(crate) fn is_generic(&self) -> bool {
        self.many_accounts || self.many_regions
    }

    /// Returns the keys of the objects that the deploy actions write, as a policy pattern.
    pub(crate) fn written_keys(&self) -> String {
        match (&self.object_key, self.path.as_str()) {
            (Some(key), _) => key.clone(),
            (None, "") => "*".to_owned(),
            (None, path) => format!("{path}/*"),
        }
    }
}
