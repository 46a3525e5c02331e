//! The types of the configuration file, with one field for each key. The JSON Schema contains the
//! descriptions and examples of the keys. The plan sets defaults that depend on other keys.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::buckets::{BucketNamespace, Lifecycle};
use super::build::Build;
use super::instances::Listed;
use super::invalidation::Invalidate;
use super::names;
use super::safety::{Alarm, Approval, DeploymentWindow, ExecutionMode, OnFailure};
use super::stack_set::StackSet;
use crate::aws::arn_kind as arn;

/// Configuration of s3ferry: one pipeline in a dev account, and the targets that it deploys to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account that owns the pipeline.
    pub dev: Dev,
    /// The targets, in the order of the pipeline's stages.
    #[schemars(length(min = 1))]
    pub targets: Vec<Target>,
    /// ID of the AWS organization that contains all accounts, such as `o-exampleorg1`.
    #[serde(default)]
    #[schemars(example = &"o-exampleorg1")]
    #[schemars(regex(pattern = names::ORGANIZATION))]
    pub organization: Option<String>,
    /// Permissions in the policies: `least` grants the actions that AWS documents for each call.
    /// `article` uses the wildcards in AWS's published procedure, statement by statement.
    #[serde(default)]
    pub permissions: Permissions,
    /// Quotas that AWS increased for the accounts, by name.
    #[serde(default)]
    pub quotas: Quotas,
    /// Tags for all resources that support tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Lifecycle rules of the buckets that s3ferry creates. By default, S3 keeps all versions of all
    /// objects.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// Namespace of the buckets that s3ferry creates. With `account`, the configured names are
    /// prefixes. s3ferry appends `-ACCOUNT-REGION-an`, and no other account can create a bucket with
    /// such a name. Changing this setting later replaces the buckets.
    #[serde(default)]
    pub bucket_namespace: BucketNamespace,
}

/// The dev account: key, buckets, pipeline, and service role.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dev {
    /// Account ID: 12 digits in quotes.
    #[schemars(example = &"111111111111")]
    #[schemars(regex(pattern = names::ACCOUNT_ID))]
    pub account: String,
    /// Region of the pipeline.
    #[serde(default = "default_region")]
    #[schemars(example = &"us-east-1")]
    pub region: String,
    /// Named profile in the AWS configuration that deploys the dev stack.
    #[serde(default = "default_dev_profile")]
    #[schemars(regex(pattern = names::PROFILE))]
    pub profile: String,
    /// The KMS key that encrypts the artifacts.
    #[serde(default)]
    pub key: Key,
    /// The source of the pipeline: an object in an S3 bucket, or a repository.
    #[serde(default)]
    pub source: PipelineSource,
    /// The build between the source and the deploy stages; if not set, the pipeline deploys the
    /// source itself.
    #[serde(default)]
    pub build: Option<Build>,
    /// The artifact store of the pipeline.
    #[serde(default)]
    pub artifacts: Artifacts,
    /// The pipeline and its role.
    #[serde(default)]
    pub pipeline: Pipeline,
    /// ARN of a managed policy that is the permissions boundary of all roles created in this
    /// account.
    #[serde(default)]
    #[schemars(example = &"arn:aws:iam::111111111111:policy/boundary")]
    #[schemars(regex(pattern = arn::POLICY_ARN))]
    pub permissions_boundary: Option<String>,
    /// Whether the buckets created in the dev account and for the targets log access to a log
    /// bucket.
    #[serde(default = "yes")]
    pub access_logs: bool,
}

/// The customer managed key that encrypts the artifacts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Key {
    /// Alias, without `alias/`.
    #[schemars(example = &"s3deploykey")]
    pub alias: String,
    /// ARNs of IAM roles or users in the dev account that administer the key.
    #[schemars(example = ["arn:aws:iam::111111111111:role/key-admin"])]
    #[schemars(inner(regex(pattern = arn::ROLE_OR_USER_ARN)))]
    pub administrators: Vec<String>,
    /// Waiting period in days before a scheduled deletion of the key.
    #[schemars(range(min = 7, max = 30))]
    pub deletion_window_days: u32,
    /// Whether the key is a multi-Region primary key. Changing this setting later replaces the key.
    pub multi_region: bool,
}

/// The source of the pipeline. With `connection`, the source is a repository. Otherwise, it is an
/// object in an S3 bucket.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineSource {
    /// Name of the source bucket; default: `codepipeline-input-bucket`. A prefix of the name with
    /// `bucket_namespace: account`, unless `create` is `false`.
    #[schemars(example = &"codepipeline-input-bucket")]
    pub bucket: Option<String>,
    /// Key of the zip file that the pipeline deploys; default: `sample-website.zip`.
    #[schemars(example = &"sample-website.zip")]
    #[schemars(regex(pattern = names::OBJECT_KEY_TEXT))]
    pub object_key: Option<String>,
    /// Whether to create the bucket; default: `true`. With `false`, the bucket must exist in the
    /// dev account, be versioned, and send events to EventBridge.
    pub create: Option<bool>,
    /// How the pipeline detects a new version of the object; default: `events`.
    pub detect_changes: Option<DetectChanges>,
    /// ARN of the customer managed KMS key that encrypts the bucket by default. The key must be in
    /// the dev account and region. The service role can then decrypt with this key. If s3ferry
    /// creates the bucket, it sets this key as the default encryption key.
    #[schemars(
        example = &"arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555"
    )]
    #[schemars(regex(pattern = arn::KEY_ARN))]
    pub encryption_key: Option<String>,
    /// ARN of the connection to the repository's provider, in the dev account and region. The
    /// connection must exist and have the status `AVAILABLE`.
    #[schemars(
        example = &"arn:aws:codeconnections:us-east-1:111111111111:connection/11111111-2222-3333-4444-555555555555"
    )]
    #[schemars(regex(pattern = arn::CONNECTION_ARN))]
    pub connection: Option<String>,
    /// Full name of the repository. Requires `connection`.
    #[schemars(example = &"example/website")]
    pub repository: Option<String>,
    /// Branch that the pipeline deploys. Requires `connection`.
    #[schemars(example = &"main")]
    pub branch: Option<String>,
    /// The pushes that start the pipeline; default: every push to `branch`. Requires `connection`.
    pub trigger: Option<Trigger>,
}

/// Filters for the pushes that start the pipeline. Each list contains glob patterns. A pattern that
/// begins with `!` excludes what it matches. A list can have 8 patterns that include and 8 patterns
/// that exclude.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trigger {
    /// Branches; default: `branch`. A push to a matching branch deploys the commit of that branch.
    #[schemars(example = ["main"])]
    #[schemars(length(min = 1))]
    pub branches: Option<Vec<String>>,
    /// Paths of changed files.
    #[schemars(example = ["site/**", "!**/README.md"])]
    #[schemars(length(min = 1))]
    pub paths: Option<Vec<String>>,
    /// Tags, instead of `branches` and `paths`. Pushing a matching tag deploys the tagged commit,
    /// from any branch.
    #[schemars(example = ["v*"])]
    #[schemars(length(min = 1))]
    pub tags: Option<Vec<String>>,
}

/// How a change of the source object starts the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DetectChanges {
    /// An EventBridge rule starts the pipeline immediately.
    #[default]
    Events,
    /// CodePipeline polls S3 about once a minute.
    Polling,
}

/// The artifact bucket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Artifacts {
    /// Bucket name; default: `codepipeline-{region}-0123456789`. `{region}` is the region of the
    /// store. If targets are in other regions, each region has a separate bucket. In these regions,
    /// a name without `{region}` gets the region as a suffix. With `bucket_namespace: account`, the
    /// setting is a prefix of the names, and its default is `codepipeline-artifacts`. A bucket with
    /// `create: false` keeps its name.
    #[schemars(example = &"codepipeline-us-east-1-0123456789")]
    pub bucket: Option<String>,
    /// Whether to create the bucket; `false` if it already exists.
    pub create: bool,
    /// For an existing bucket: the JSON file with its current policy, whose statements are kept.
    /// The path is relative to the configuration file and can point outside its folder.
    #[schemars(example = &"policies/artifacts.json")]
    pub existing_policy: Option<String>,
}

/// The pipeline.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pipeline {
    /// Pipeline name.
    #[schemars(example = &"crossaccountdeploy")]
    pub name: String,
    /// Whether to create the pipeline. With `false`, the pipeline must exist, `s3ferry adopt`
    /// changes it, and no stack contains it.
    pub create: bool,
    /// ARN of an existing service role in the dev account; if not set, a role is created.
    #[schemars(example = &"arn:aws:iam::111111111111:role/service-role/pipeline")]
    #[schemars(regex(pattern = arn::ROLE_ARN))]
    pub service_role: Option<String>,
    /// How the pipelines handle several executions; default: `superseded`.
    pub execution_mode: Option<ExecutionMode>,
}

/// A deployment target: accounts and regions, each with an output bucket and a deploy role.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of the target. It is the name of the template file and part of the names of stages and
    /// policies.
    #[schemars(example = &"prod")]
    pub name: String,
    /// Account ID: 12 digits in quotes.
    #[serde(default)]
    #[schemars(example = &"222222222222")]
    #[schemars(regex(pattern = names::ACCOUNT_ID))]
    pub account: Option<String>,
    /// Several account IDs, instead of `account`. The accounts share one template.
    #[serde(default)]
    #[schemars(length(min = 1))]
    #[schemars(inner(regex(pattern = names::ACCOUNT_ID)))]
    pub accounts: Option<Vec<String>>,
    /// A CSV file with the accounts, instead of `account` or `accounts`. Its first line names the
    /// columns: `account`, and optionally `region`, `distribution` (for `invalidate`), and `name` (a
    /// note). The path is relative to the configuration file and can point outside its folder.
    #[serde(default)]
    #[schemars(example = &"accounts.csv")]
    pub accounts_file: Option<String>,
    /// Contents of the accounts file, after it is read.
    #[serde(skip)]
    #[schemars(skip)]
    pub listed: Vec<Listed>,
    /// Region of the output bucket; default: the dev region.
    #[serde(default)]
    #[schemars(example = &"us-east-1")]
    pub region: Option<String>,
    /// Several regions, instead of `region`. Each account has a bucket and a role for each region.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub regions: Option<Vec<String>>,
    /// Named profile in the AWS configuration that deploys the stack; default: the target name. The
    /// placeholders `{account}` and `{region}` are allowed.
    #[serde(default)]
    #[schemars(regex(pattern = names::PROFILE))]
    pub profile: Option<String>,
    /// Output bucket. The placeholder `{account}` is required if the target has several accounts,
    /// and `{region}` is required if the target has several regions. With `bucket_namespace:
    /// account`, the setting is a prefix of the name, and the placeholders are optional, unless
    /// `create` is `false`.
    #[serde(default = "default_output_bucket")]
    #[schemars(example = &"codepipeline-output-bucket")]
    pub bucket: String,
    /// Whether to create the bucket; `false` if it already exists in the target's account.
    #[serde(default = "yes")]
    pub create: bool,
    /// Name of the deploy role; default: the target name followed by `s3role` and, with `regions`,
    /// by the region. The placeholders `{account}` and `{region}` are allowed.
    #[serde(default)]
    #[schemars(example = &"prods3role")]
    #[schemars(regex(pattern = names::ROLE))]
    pub role: Option<String>,
    /// Deployment path: the folder in the bucket that the files are extracted to.
    #[serde(default)]
    #[schemars(example = &"site")]
    #[schemars(regex(pattern = names::PATH))]
    pub path: String,
    /// Whether to extract the artifact. If `false`, the artifact is stored as one object, and
    /// `object_key` is its key.
    #[serde(default = "yes")]
    pub extract: bool,
    /// Key of the deployed object. Requires `extract: false`.
    #[serde(default)]
    #[schemars(example = &"releases/site.zip")]
    #[schemars(regex(pattern = names::OBJECT_KEY_TEXT))]
    pub object_key: Option<String>,
    /// Canned ACL of the deployed objects. A created bucket has the Object Ownership setting
    /// "Bucket owner enforced", which allows only `bucket-owner-full-control`.
    #[serde(default)]
    pub canned_acl: Option<CannedAcl>,
    /// `Cache-Control` of the deployed objects.
    #[serde(default)]
    #[schemars(example = &"max-age=300")]
    #[schemars(regex(pattern = names::HEADER))]
    pub cache_control: Option<String>,
    /// The CloudFront distribution that serves the output bucket. After each deployment, the pipeline
    /// invalidates the distribution's cache.
    #[serde(default)]
    pub invalidate: Option<Invalidate>,
    /// Whether the source object has S3 object tags. The deploy role can then read the tags of the
    /// artifact and tag the deployed objects.
    #[serde(default)]
    pub tagged_objects: bool,
    /// ARN of a customer managed KMS key in the target's account and region that encrypts the
    /// deployed objects. If s3ferry creates the bucket, it sets this key as the default encryption
    /// key. Also specify the key of an existing bucket whose default encryption uses a customer
    /// managed key.
    #[serde(default)]
    #[schemars(
        example = &"arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555"
    )]
    #[schemars(regex(pattern = arn::KEY_ARN))]
    pub encryption_key: Option<String>,
    /// Whether the pipeline requires a manual approval before it deploys to this target, or the
    /// settings of the approval; default: `false`.
    #[serde(default)]
    pub approval: Approval,
    /// The times at which the stages of this target can start. An approval in the stage comes
    /// later and can take longer than the window.
    #[serde(default)]
    pub deployment_window: Option<DeploymentWindow>,
    /// A CloudWatch alarm that must be in the state `OK` before each stage of this target starts.
    #[serde(default)]
    pub alarm: Option<Alarm>,
    /// What happens if a stage of this target fails; default: `stop`.
    #[serde(default)]
    pub on_failure: Option<OnFailure>,
    /// ARN of a managed policy that is the permissions boundary of the deploy role and of the roles
    /// for `invalidate`.
    #[serde(default)]
    #[schemars(regex(pattern = names::BOUNDARY))]
    pub permissions_boundary: Option<String>,
    /// Deployment with CloudFormation StackSets.
    #[serde(default)]
    pub stack_set: Option<StackSet>,
}

/// A canned ACL that the S3 deploy action accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "S3 defines the names")]
pub enum CannedAcl {
    Private,
    PublicRead,
    PublicReadWrite,
    AuthenticatedRead,
    AwsExecRead,
    BucketOwnerRead,
    BucketOwnerFullControl,
}

impl CannedAcl {
    /// Returns the S3 name of the ACL.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
            Self::AuthenticatedRead => "authenticated-read",
            Self::AwsExecRead => "aws-exec-read",
            Self::BucketOwnerRead => "bucket-owner-read",
            Self::BucketOwnerFullControl => "bucket-owner-full-control",
        }
    }
}

/// Permissions in the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Permissions {
    /// Only the actions that each call of a pipeline execution needs.
    #[default]
    Least,
    /// The wildcards in AWS's published procedure.
    Article,
}

/// Quotas that AWS increased for the accounts, and the number of actions per stage and pipeline.
/// The quota reference in the documentation lists the defaults and maximums.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Length of a role trust policy in characters; default: 2,048. AWS can increase this quota to
    /// at most 8,192.
    pub trust_policy_characters: Option<u64>,
    /// Managed policies per role; default: 20. AWS can increase this quota to at most 25.
    pub managed_policies_per_role: Option<u64>,
    /// Maximum number of actions per stage; default: 50. The fixed AWS limit is 100. Changing this
    /// setting moves deploy actions to other stages.
    pub actions_per_stage: Option<u64>,
    /// Maximum number of actions per pipeline before another pipeline is added; default: 500. The
    /// fixed AWS limit is 1,000. Changing this setting moves the accounts of a large fleet to other
    /// pipelines.
    pub actions_per_pipeline: Option<u64>,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn default_dev_profile() -> String {
    "dev".to_owned()
}

fn default_output_bucket() -> String {
    "codepipeline-output-bucket".to_owned()
}

fn yes() -> bool {
    true
}

impl Default for Key {
    fn default() -> Self {
        Self {
            alias: "s3deploykey".to_owned(),
            administrators: Vec::new(),
            deletion_window_days: 30,
            multi_region: false,
        }
    }
}

impl Default for Artifacts {
    fn default() -> Self {
        Self {
            bucket: None,
            create: true,
            existing_policy: None,
        }
    }
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            name: "crossaccountdeploy".to_owned(),
            create: true,
            service_role: None,
            execution_mode: None,
        }
    }
}
