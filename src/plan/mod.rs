//! Every name, account and region, decided once from the configuration. The stacks write what
//! stands here; nothing else derives a name.
//!
//! Here live the names ([`names`]), the distribution of the targets' instances over stages and
//! pipelines ([`waves`]), their stack sets ([`stack_set`]) and what is refused because of the names
//! ([`checks`]).

mod checks;
mod names;
mod stack_set;
mod waves;

use crate::aws::arn;
use crate::aws::partition_of;
use crate::aws::{
    AccountId, BucketName, Partition, PipelineName, Region, RoleName, quotas::STACK_NAME,
};
use crate::config::{CannedAcl, Complaint, Config, DetectChanges, Permissions, Quotas};

pub(crate) use stack_set::{SelfManaged, ServiceManaged, StackSetPermissions, StackSetPlan};

/// CodePipeline cuts the pipeline's name to this many characters in the keys of its artifacts.
const ARTIFACT_FOLDER_LENGTH: usize = 20;

/// Name of the source action of every pipeline.
pub(crate) const SOURCE_ACTION: &str = "Source";
/// Name of the stage that starts the next pipeline.
pub(crate) const NEXT_STAGE: &str = "Next";
/// Name of the action in it.
pub(crate) const START_NEXT: &str = "StartNext";
/// The pipeline variable that tells an additional pipeline what started the execution.
pub(crate) const STARTED_BY: &str = "StartedBy";
/// Its value when nobody sets it: on creation, or when a person starts the pipeline.
pub(crate) const STARTED_DIRECTLY: &str = "direct";
/// Its value when the previous pipeline starts the execution. Names of pipelines may contain dots,
/// which values of variables may not (AWS CloudFormation, *AWS::CodePipeline::Pipeline*), so the
/// value is not the name.
pub(crate) const STARTED_BY_PREVIOUS: &str = "previous-pipeline";

/// What will be made, where, and under which names.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The partition of all accounts.
    pub partition: Partition,
    /// The dev account's side.
    pub dev: DevPlan,
    /// The other regions that are deployed to: a support stack of the dev account in each.
    pub regions: Vec<RegionPlan>,
    /// The targets, in the order of the waves.
    pub targets: Vec<TargetPlan>,
    /// The pipelines: the first, which a source change starts, and those that the one before them
    /// starts.
    pub pipelines: Vec<PipelinePlan>,
    /// The organization that cross-account statements require, if any.
    pub organization: Option<String>,
    /// What the policies grant.
    pub permissions: Permissions,
    /// Raised quotas, and how many actions are put together.
    pub quotas: Quotas,
    /// Tags of every resource, by key.
    pub tags: Vec<(String, String)>,
    /// What the names of the stacks begin with: the pipeline's name, or the one that it had when the
    /// stacks were created.
    stack_prefix: String,
}

/// The dev account's side.
#[derive(Debug, Clone)]
pub struct DevPlan {
    /// Account ID.
    pub account: AccountId,
    /// Region of the pipeline.
    pub region: Region,
    /// Named profile of the AWS configuration that deploys the stack.
    pub profile: String,
    /// Alias of the key, with `alias/`.
    pub key_alias: String,
    /// ARNs of the key's administrators.
    pub key_administrators: Vec<String>,
    /// Days until a scheduled deletion of the key.
    pub key_deletion_window_days: u32,
    /// Whether the key is a multi-Region primary key.
    pub multi_region: bool,
    /// The source bucket.
    pub source_bucket: BucketPlan,
    /// Key of the source object.
    pub source_object_key: String,
    /// ARN of the customer managed key that encrypts the source bucket by default.
    pub source_encryption_key: Option<String>,
    /// How a source change starts the pipeline.
    pub detect_changes: DetectChanges,
    /// The artifact bucket.
    pub artifact_bucket: BucketPlan,
    /// The name of the artifact bucket of any region, with `{region}` for it.
    pub artifact_bucket_pattern: String,
    /// File with the artifact bucket's current policy, beside the configuration.
    pub existing_policy: Option<String>,
    /// Log bucket, when one is made.
    pub log_bucket: Option<BucketName>,
    /// Name of the first pipeline.
    pub pipeline: PipelineName,
    /// `false`: the pipeline exists, and its stack never makes it.
    pub create_pipeline: bool,
    /// The pipeline's service role.
    pub service_role: RolePlan,
    /// Managed policy for the source bucket.
    pub source_policy: String,
    /// Managed policy for artifact bucket and key.
    pub artifact_policy: String,
    /// Managed policy for the deploy roles; with many of them there are more, numbered from 2.
    pub assume_policy: String,
    /// Managed policy with which a pipeline starts the next, where there are several.
    pub invoke_policy: String,
    /// Name of the change rule, of its role and of that role's policy.
    pub change_rule: String,
    /// Permissions boundary of the roles that are made.
    pub permissions_boundary: Option<String>,
}

/// A bucket, and whether it is made.
#[derive(Debug, Clone)]
pub struct BucketPlan {
    /// Bucket name.
    pub name: BucketName,
    /// `false`: it exists.
    pub create: bool,
}

/// A role, and whether it is made.
#[derive(Debug, Clone)]
pub struct RolePlan {
    /// Name without path.
    pub name: RoleName,
    /// Path, with a slash on both ends.
    pub path: String,
    /// ARN.
    pub arn: String,
    /// `false`: it exists.
    pub create: bool,
}

/// The dev account's side in another region: what the pipeline needs there.
#[derive(Debug, Clone)]
pub struct RegionPlan {
    /// Region.
    pub region: Region,
    /// Artifact bucket; it is always made.
    pub artifact_bucket: BucketPlan,
    /// Log bucket, when one is made.
    pub log_bucket: Option<BucketName>,
}

/// A target's side: one template, deployed to each of its instances.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    /// Name, also of the file.
    pub name: String,
    /// Whether the template serves several accounts: then it names none.
    pub many_accounts: bool,
    /// Whether the template serves several regions: then it names none.
    pub many_regions: bool,
    /// Names as patterns, in which `{account}` and `{region}` stand for the instance's.
    pub names: TargetNames,
    /// Whether the output bucket is made.
    pub create_bucket: bool,
    /// Deployment path without slashes at its ends; empty for the bucket's root.
    pub path: String,
    /// Key of the one object, when the artifact is not extracted.
    pub object_key: Option<String>,
    /// Canned ACL of the objects.
    pub canned_acl: Option<CannedAcl>,
    /// `Cache-Control` of the objects.
    pub cache_control: Option<String>,
    /// Whether the source object has tags, which the deploy role copies to the deployed objects.
    pub tagged_objects: bool,
    /// ARN of the key that encrypts the output bucket.
    pub encryption_key: Option<String>,
    /// Whether an approval stands before the first deploy action.
    pub approval: bool,
    /// Where it is deployed to, in the configuration's order.
    pub instances: Vec<InstancePlan>,
    /// Its stack set, as the configuration says, or as it would be by default.
    pub stack_set: StackSetPlan,
    /// Whether the configuration wants it deployed as a stack set.
    pub by_stack_set: bool,
}

/// Names that the instances of a target have in common, as patterns.
#[derive(Debug, Clone)]
pub struct TargetNames {
    /// Output bucket.
    pub bucket: String,
    /// Log bucket, when one is made.
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

/// A target in one account and region: one deploy action.
#[derive(Debug, Clone)]
pub struct InstancePlan {
    /// Account ID.
    pub account: AccountId,
    /// Region.
    pub region: Region,
    /// Named profile of the AWS configuration that deploys the stack.
    pub profile: String,
    /// Output bucket.
    pub bucket: BucketPlan,
    /// Log bucket, when one is made.
    pub log_bucket: Option<BucketName>,
    /// Deploy role.
    pub role: RolePlan,
    /// Managed policy for the output bucket.
    pub output_policy: String,
    /// Managed policy for the dev account's key and artifact bucket.
    pub artifact_policy: String,
    /// Permissions boundary of the deploy role.
    pub permissions_boundary: Option<String>,
    /// Number of its pipeline in [`Plan::pipelines`].
    pub pipeline: usize,
    /// Stage in the pipeline.
    pub stage: String,
    /// Deploy action in the stage.
    pub action: String,
    /// Namespace of the deploy action's variables; an action that is one of many has none.
    pub namespace: Option<String>,
}

/// A pipeline.
#[derive(Debug, Clone)]
pub struct PipelinePlan {
    /// Name.
    pub name: PipelineName,
    /// The stages that deploy, in order.
    pub stages: Vec<StagePlan>,
}

/// A stage: deploy actions of one target, at the same time.
#[derive(Debug, Clone)]
pub struct StagePlan {
    /// Name.
    pub name: String,
    /// Number of the target in [`Plan::targets`].
    pub target: usize,
    /// Whether somebody approves before it.
    pub approval: bool,
    /// Numbers of its instances in [`TargetPlan::instances`].
    pub instances: Vec<usize>,
}

/// An artifact store: of the pipeline's own region, or of another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store<'p> {
    pub region: &'p str,
    /// Artifact bucket.
    pub bucket: &'p BucketPlan,
    /// Log bucket, when one is made.
    pub log_bucket: Option<&'p str>,
    /// Whether it is the pipeline's own.
    pub is_main: bool,
}

impl Plan {
    /// Decides every name.
    ///
    /// # Errors
    /// Names that are too long once derived, and names that two things would share.
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
            stack_prefix: config.dev.pipeline.name.clone(),
        };
        let complaints = checks::complaints(&plan, config);
        if complaints.is_empty() {
            Ok(plan)
        } else {
            Err(complaints)
        }
    }

    /// Every target with each of its instances, in the order of the waves.
    pub fn instances(&self) -> impl Iterator<Item = (&TargetPlan, &InstancePlan)> {
        let targets = self.targets.iter();
        targets.flat_map(|target| {
            target
                .instances
                .iter()
                .map(move |instance| (target, instance))
        })
    }

    /// The artifact stores: the pipeline's own first.
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

    /// The artifact store of a region; of one that has none, the pipeline's own.
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

    /// Name of the CloudFormation stack that is made from a template, by the template's name.
    ///
    /// A stack's name has letters, digits and hyphens only; a pipeline's may have more.
    pub(crate) fn stack_name(&self, template: &str) -> String {
        names::stack_name(&self.stack_prefix, template, STACK_NAME.length())
    }

    /// Keeps the names of stacks that were created under another name of the pipeline.
    pub fn set_stack_prefix(&mut self, prefix: &str) {
        for target in &mut self.targets {
            target
                .stack_set
                .set_prefix(&self.stack_prefix, prefix, &target.name);
        }
        prefix.clone_into(&mut self.stack_prefix);
    }

    /// ARN of a bucket.
    pub(crate) fn bucket_arn(&self, bucket: &str) -> String {
        arn::bucket(self.partition, bucket)
    }

    /// ARN patterns of the objects that the pipelines keep in an artifact bucket.
    ///
    /// CodePipeline cuts a long pipeline name in their keys; a name that is cut is followed by
    /// the wildcard directly, so that the pattern holds whether it is cut or not. Several
    /// pipelines are told apart by a hyphen and a number behind the name.
    pub(crate) fn artifact_objects_arns(&self, bucket: &str) -> Vec<String> {
        let bucket = self.bucket_arn(bucket);
        let name = &self.dev.pipeline;
        let length = name.chars().count();
        if length > ARTIFACT_FOLDER_LENGTH {
            let folder: String = name.chars().take(ARTIFACT_FOLDER_LENGTH).collect();
            return vec![format!("{bucket}/{folder}*")];
        }
        let mut found = vec![format!("{bucket}/{name}/*")];
        if self.pipelines.len() > 1 && length < ARTIFACT_FOLDER_LENGTH {
            found.push(format!("{bucket}/{name}-*"));
        }
        found
    }

    /// ARN of the source object.
    pub(crate) fn source_object_arn(&self) -> String {
        let bucket = self.bucket_arn(&self.dev.source_bucket.name);
        format!("{bucket}/{}", self.dev.source_object_key)
    }

    /// The buckets of the source, the artifacts and the targets, each with its account and region.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&BucketPlan, &str, &str)> {
        let dev = self.dev.account.as_str();
        let source = (&self.dev.source_bucket, dev, self.dev.region.as_str());
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
        std::iter::once(source).chain(stores).chain(outputs)
    }

    /// The existing buckets whose default encryption uses a customer managed key, with its ARN: what
    /// no template says.
    pub(crate) fn existing_bucket_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        let source = &self.dev.source_bucket;
        let source = (!source.create).then_some((source, &self.dev.source_encryption_key));
        let outputs = self
            .instances()
            .filter(|(_, instance)| !instance.bucket.create)
            .map(|(target, instance)| (&instance.bucket, &target.encryption_key));
        source
            .into_iter()
            .chain(outputs)
            .filter_map(|(bucket, key)| Some((bucket.name.as_str(), key.as_deref()?)))
    }

    /// The encryption contexts that S3 gives KMS for the source object, as patterns of a policy: the
    /// bucket's ARN with an S3 Bucket Key, the object's without (Amazon S3, *Using server-side
    /// encryption with AWS KMS keys*, section *Encryption context*).
    pub(crate) fn source_encryption_contexts(&self) -> [String; 2] {
        let bucket = self.bucket_arn(&self.dev.source_bucket.name);
        let objects = format!("{bucket}/*");
        [bucket, objects]
    }

    /// ARN of a pipeline, by its name.
    pub(crate) fn pipeline_arn(&self, name: &str) -> String {
        arn::pipeline(self.partition, &self.dev.region, &self.dev.account, name)
    }

    /// Whether a rule starts the first pipeline on a change of the source. A pipeline that exists has a
    /// rule of its own.
    pub(crate) fn makes_change_rule(&self) -> bool {
        self.dev.create_pipeline && self.dev.detect_changes == DetectChanges::Events
    }

    /// ARN of the rule that starts the first pipeline.
    pub(crate) fn change_rule_arn(&self) -> String {
        let dev = &self.dev;
        arn::rule(self.partition, &dev.region, &dev.account, &dev.change_rule)
    }

    /// ARN of an account's root, which stands for the whole account.
    pub(crate) fn account_arn(&self, account: &str) -> String {
        arn::root(self.partition, account)
    }

    /// ARN of the role of a name, without a path, in an account or with `*` in any.
    pub(crate) fn role_arn(&self, account: &str, name: &str) -> String {
        arn::role(self.partition, account, name)
    }
}

impl TargetPlan {
    /// The instances in a region.
    pub(crate) fn instances_in<'p>(
        &'p self,
        region: &'p str,
    ) -> impl Iterator<Item = &'p InstancePlan> + 'p {
        let instances = self.instances.iter();
        instances.filter(move |instance| instance.region == region)
    }

    /// Whether its template serves several instances, so that it names no account or region.
    pub(crate) fn is_generic(&self) -> bool {
        self.many_accounts || self.many_regions
    }

    /// Keys of the objects that its deploy actions write, as a pattern of a policy.
    pub(crate) fn written_keys(&self) -> String {
        match (&self.object_key, self.path.as_str()) {
            (Some(key), _) => key.clone(),
            (None, "") => "*".to_owned(),
            (None, path) => format!("{path}/*"),
        }
    }
}
