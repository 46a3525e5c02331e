//! The configuration file's types, one field for each key, with the descriptions and examples
//! that the JSON Schema shows. Defaults that depend on other keys are the plan's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::names;
use super::stack_set::StackSet;
use crate::aws::arn_kind as arn;

/// Configuration of s3ferry: one pipeline in a dev account, and the targets that it deploys to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account that owns the pipeline.
    pub dev: Dev,
    /// The places that are deployed to, in the order of the pipeline's stages.
    #[schemars(length(min = 1))]
    pub targets: Vec<Target>,
    /// ID of the AWS organization of all accounts, such as `o-exampleorg1`.
    #[serde(default)]
    #[schemars(example = &"o-exampleorg1")]
    #[schemars(regex(pattern = names::ORGANIZATION))]
    pub organization: Option<String>,
    /// What the policies grant: `least`, the actions that AWS documents for each call, or
    /// `article`, the wildcards of AWS's published procedure, statement by statement.
    #[serde(default)]
    pub permissions: Permissions,
    /// Quotas of the accounts that AWS raised, by name.
    #[serde(default)]
    pub quotas: Quotas,
    /// Tags, put on every resource that takes them.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// The dev account: key, buckets, pipeline and service role.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dev {
    /// Account ID: twelve digits, in quotes.
    #[schemars(example = &"111111111111")]
    #[schemars(regex(pattern = names::ACCOUNT_ID))]
    pub account: String,
    /// Region of the pipeline.
    #[serde(default = "default_region")]
    #[schemars(example = &"us-east-1")]
    pub region: String,
    /// Named profile of the AWS configuration that deploys the dev stack.
    #[serde(default = "default_dev_profile")]
    #[schemars(regex(pattern = names::PROFILE))]
    pub profile: String,
    /// The KMS key that encrypts the artifacts.
    #[serde(default)]
    pub key: Key,
    /// Where the pipeline takes its source from.
    #[serde(default)]
    pub source: SourceBucket,
    /// Where the pipeline stores its artifacts.
    #[serde(default)]
    pub artifacts: Artifacts,
    /// The pipeline and its role.
    #[serde(default)]
    pub pipeline: Pipeline,
    /// ARN of a managed policy that is set as permissions boundary on every role created here.
    #[serde(default)]
    #[schemars(example = &"arn:aws:iam::111111111111:policy/boundary")]
    #[schemars(regex(pattern = arn::POLICY_ARN))]
    pub permissions_boundary: Option<String>,
    /// Whether the buckets created here, and the targets', log their accesses to a log bucket.
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
    /// ARNs of IAM roles or users of the dev account that administer the key.
    #[schemars(example = ["arn:aws:iam::111111111111:role/key-admin"])]
    #[schemars(inner(regex(pattern = arn::ROLE_OR_USER_ARN)))]
    pub administrators: Vec<String>,
    /// Days between the scheduling of the key's deletion and the deletion.
    #[schemars(range(min = 7, max = 30))]
    pub deletion_window_days: u32,
    /// Whether the key is a multi-Region primary key. A later change replaces the key.
    pub multi_region: bool,
}

/// The bucket that the pipeline's source action watches.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceBucket {
    /// Bucket name.
    #[schemars(example = &"codepipeline-input-bucket")]
    pub bucket: String,
    /// Key of the zip file that the pipeline deploys.
    #[schemars(example = &"sample-website.zip")]
    #[schemars(regex(pattern = names::OBJECT_KEY_TEXT))]
    pub object_key: String,
    /// `false`: the bucket exists in the dev account; it must be versioned and send events to
    /// EventBridge.
    pub create: bool,
    /// How the pipeline learns of a new version.
    pub detect_changes: DetectChanges,
    /// ARN of a customer managed KMS key of the dev account and region that encrypts the bucket by
    /// default: the service role may then decrypt with it. A bucket that is created here gets it as
    /// its default encryption.
    #[schemars(
        example = &"arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555"
    )]
    #[schemars(regex(pattern = arn::KEY_ARN))]
    pub encryption_key: Option<String>,
}

/// How a source change starts the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DetectChanges {
    /// An EventBridge rule starts it at once.
    #[default]
    Events,
    /// CodePipeline asks S3 about once a minute.
    Polling,
}

/// The artifact bucket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Artifacts {
    /// Bucket name; by default `codepipeline-{region}-0123456789`. `{region}` stands for the
    /// store's region: with targets in other regions each has a bucket of its own, named so, or
    /// with the region added at the end.
    #[schemars(example = &"codepipeline-us-east-1-0123456789")]
    pub bucket: Option<String>,
    /// `false`: the bucket exists.
    pub create: bool,
    /// For a bucket that exists: the file with its current policy (JSON), whose statements are
    /// kept. The path is relative to the configuration file, and may lead out of its folder.
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
    /// `false`: the pipeline exists; `s3ferry adopt` changes it, and no stack has it.
    pub create: bool,
    /// ARN of a service role of the dev account that exists already; without it, one is created.
    #[schemars(example = &"arn:aws:iam::111111111111:role/service-role/pipeline")]
    #[schemars(regex(pattern = arn::ROLE_ARN))]
    pub service_role: Option<String>,
}

/// A place that is deployed to: accounts and regions, each with an output bucket and a role.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name: of the template's file, and in the names of stages and policies.
    #[schemars(example = &"prod")]
    pub name: String,
    /// Account ID: twelve digits, in quotes.
    #[serde(default)]
    #[schemars(example = &"222222222222")]
    #[schemars(regex(pattern = names::ACCOUNT_ID))]
    pub account: Option<String>,
    /// Several account IDs, instead of `account`: one template serves them all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    #[schemars(inner(regex(pattern = names::ACCOUNT_ID)))]
    pub accounts: Option<Vec<String>>,
    /// A CSV file with the accounts, instead of `account` or `accounts`: its first line names the
    /// columns, `account` and if wanted `region` and `name` (a note). The path is relative to the
    /// configuration file, and may lead out of its folder.
    #[serde(default)]
    #[schemars(example = &"accounts.csv")]
    pub accounts_file: Option<String>,
    /// What the accounts file says, once it is read.
    #[serde(skip)]
    #[schemars(skip)]
    pub listed: Vec<Listed>,
    /// Region of the output bucket; by default the dev region.
    #[serde(default)]
    #[schemars(example = &"us-east-1")]
    pub region: Option<String>,
    /// Several regions, instead of `region`: each account has a bucket and a role in each.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub regions: Option<Vec<String>>,
    /// Named profile of the AWS configuration that deploys the stack; by default the name. With
    /// several accounts `{account}` and `{region}` stand for the instance's.
    #[serde(default)]
    #[schemars(regex(pattern = names::PROFILE))]
    pub profile: Option<String>,
    /// Output bucket; `{account}` and `{region}` stand for the target's, and must be used where it
    /// has several.
    #[serde(default = "default_output_bucket")]
    #[schemars(example = &"codepipeline-output-bucket")]
    pub bucket: String,
    /// `false`: the bucket exists in the target's account.
    #[serde(default = "yes")]
    pub create: bool,
    /// Name of the deploy role; by default the target's name and `s3role`, and with `regions` the
    /// region. `{account}` and `{region}` may be used.
    #[serde(default)]
    #[schemars(example = &"prods3role")]
    #[schemars(regex(pattern = names::ROLE))]
    pub role: Option<String>,
    /// Deployment path: the folder of the bucket that the files are extracted to.
    #[serde(default)]
    #[schemars(example = &"site")]
    #[schemars(regex(pattern = names::PATH))]
    pub path: String,
    /// Whether the artifact is extracted; `false` puts it as one object, under `object_key`.
    #[serde(default = "yes")]
    pub extract: bool,
    /// Key of the one object, with `extract: false`.
    #[serde(default)]
    #[schemars(example = &"releases/site.zip")]
    #[schemars(regex(pattern = names::OBJECT_KEY_TEXT))]
    pub object_key: Option<String>,
    /// Canned ACL of the deployed objects. A bucket that is created here enforces its owner's
    /// ownership, and then only `bucket-owner-full-control` is possible.
    #[serde(default)]
    pub canned_acl: Option<CannedAcl>,
    /// `Cache-Control` of the deployed objects.
    #[serde(default)]
    #[schemars(example = &"max-age=300")]
    #[schemars(regex(pattern = names::HEADER))]
    pub cache_control: Option<String>,
    /// Whether the source object has S3 object tags: the deploy role may then read the artifact's
    /// tags and tag the deployed objects.
    #[serde(default)]
    pub tagged_objects: bool,
    /// ARN of a customer managed KMS key of the target's account and region that encrypts the
    /// deployed objects. A bucket that is created here gets it as its default encryption. Name it
    /// for an existing bucket whose default encryption uses such a key, too.
    #[serde(default)]
    #[schemars(
        example = &"arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555"
    )]
    #[schemars(regex(pattern = arn::KEY_ARN))]
    pub encryption_key: Option<String>,
    /// Whether somebody approves in the pipeline before this target is deployed.
    #[serde(default)]
    pub approval: bool,
    /// ARN of a managed policy that is set as permissions boundary on the deploy role.
    #[serde(default)]
    #[schemars(regex(pattern = names::BOUNDARY))]
    pub permissions_boundary: Option<String>,
    /// Deployment by CloudFormation StackSets.
    #[serde(default)]
    pub stack_set: Option<StackSet>,
}

/// A line of an accounts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Account ID.
    pub account: String,
    /// Region, where the file has a column for it.
    pub region: Option<String>,
}

impl Target {
    /// Whether its template serves several accounts.
    pub(crate) fn has_many_accounts(&self) -> bool {
        self.accounts.is_some() || self.accounts_file.is_some()
    }

    /// Whether its template serves several regions.
    pub(crate) fn has_many_regions(&self) -> bool {
        self.regions.is_some() || self.listed.iter().any(|line| line.region.is_some())
    }

    /// Every account and region that it is deployed to, in the configuration's order.
    pub(crate) fn places(&self, dev_region: &str) -> Vec<(String, String)> {
        let regions = match (&self.regions, &self.region) {
            (Some(regions), _) => regions.clone(),
            (None, Some(region)) => vec![region.clone()],
            (None, None) => vec![dev_region.to_owned()],
        };
        let mut found = Vec::new();
        let mut add = |account: &str, own: Option<&String>| match own {
            Some(region) => found.push((account.to_owned(), region.clone())),
            None => found.extend(
                regions
                    .iter()
                    .map(|region| (account.to_owned(), region.clone())),
            ),
        };
        for account in self.account.iter().chain(self.accounts.iter().flatten()) {
            add(account, None);
        }
        for line in &self.listed {
            add(&line.account, line.region.as_ref());
        }
        found
    }
}

/// A canned ACL, as the S3 deploy action takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are S3's own")]
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
    /// The name as S3 writes it.
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

/// What the policies grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Permissions {
    /// What each call of a run needs, and no more.
    #[default]
    Least,
    /// The wildcards of AWS's published procedure.
    Article,
}

/// Quotas of the accounts that AWS raised, and how many actions the plan puts together. Defaults
/// and maximums are in `docs/quotas.md`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Characters of a role's trust policy: 2,048, which AWS raises up to 8,192.
    pub trust_policy_characters: Option<u64>,
    /// Managed policies attached to a role: 20, which AWS raises up to 25.
    pub managed_policies_per_role: Option<u64>,
    /// Actions that the plan puts into a stage: 50 by default, and at most 100, AWS's fixed limit.
    /// A change moves deploy actions to other stages.
    pub actions_per_stage: Option<u64>,
    /// Actions that the plan puts into a pipeline before it opens another one: 500 by default, and
    /// at most 1,000, AWS's fixed limit. A change moves the accounts of a large fleet to other
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

impl Default for SourceBucket {
    fn default() -> Self {
        Self {
            bucket: "codepipeline-input-bucket".to_owned(),
            object_key: "sample-website.zip".to_owned(),
            create: true,
            detect_changes: DetectChanges::default(),
            encryption_key: None,
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
        }
    }
}
