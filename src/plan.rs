//! Every name, account and region, decided once from the configuration. The stacks write what
//! stands here; nothing else derives a name.

use std::collections::HashMap;

use crate::config::{
    CannedAcl, Complaint, Config, DetectChanges, Partition, Permissions, Quotas, partition_of,
};

/// The longest bucket name (Amazon S3, *General purpose bucket naming rules*).
const BUCKET_NAME_LIMIT: usize = 63;
/// The longest role name (AWS IAM, *IAM and AWS STS quotas*).
const ROLE_NAME_LIMIT: usize = 64;
/// The longest managed policy name (the same document).
const POLICY_NAME_LIMIT: usize = 128;
/// CodePipeline cuts the pipeline's name to this many characters in the keys of its artifacts.
const ARTIFACT_FOLDER_LENGTH: usize = 20;

/// What will be made, where, and under which names.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The partition of all accounts.
    pub partition: Partition,
    /// The dev account's side.
    pub dev: DevPlan,
    /// The targets, in the order of the stages.
    pub targets: Vec<TargetPlan>,
    /// The organization that cross-account statements require, if any.
    pub organization: Option<String>,
    /// What the policies grant.
    pub permissions: Permissions,
    /// Raised quotas.
    pub quotas: Quotas,
    /// Tags of every resource, by key.
    pub tags: Vec<(String, String)>,
}

/// The dev account's side.
#[derive(Debug, Clone)]
pub struct DevPlan {
    /// Account ID.
    pub account: String,
    /// Region of the pipeline.
    pub region: String,
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
    /// How a source change starts the pipeline.
    pub detect_changes: DetectChanges,
    /// The artifact bucket.
    pub artifact_bucket: BucketPlan,
    /// File with the artifact bucket's current policy, beside the configuration.
    pub existing_policy: Option<String>,
    /// Log bucket, when one is made.
    pub log_bucket: Option<String>,
    /// Pipeline name.
    pub pipeline: String,
    /// `false`: the pipeline exists, and its stack never makes it.
    pub create_pipeline: bool,
    /// The pipeline's service role.
    pub service_role: RolePlan,
    /// Managed policy for the source bucket.
    pub source_policy: String,
    /// Managed policy for artifact bucket and key.
    pub artifact_policy: String,
    /// Managed policy for the deploy roles.
    pub assume_policy: String,
    /// Name of the change rule, of its role and of that role's policy.
    pub change_rule: String,
    /// Permissions boundary of the roles that are made.
    pub permissions_boundary: Option<String>,
}

/// A bucket, and whether it is made.
#[derive(Debug, Clone)]
pub struct BucketPlan {
    /// Bucket name.
    pub name: String,
    /// `false`: it exists.
    pub create: bool,
}

/// A role, and whether it is made.
#[derive(Debug, Clone)]
pub struct RolePlan {
    /// Name without path.
    pub name: String,
    /// Path, with a slash on both ends.
    pub path: String,
    /// ARN.
    pub arn: String,
    /// `false`: it exists.
    pub create: bool,
}

/// A target's side.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    /// Name, also of the file.
    pub name: String,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// Named profile of the AWS configuration that deploys the stack.
    pub profile: String,
    /// Output bucket.
    pub bucket: BucketPlan,
    /// Log bucket, when one is made.
    pub log_bucket: Option<String>,
    /// Deploy role.
    pub role: RolePlan,
    /// Managed policy for the output bucket.
    pub output_policy: String,
    /// Managed policy for the dev account's key and artifact bucket.
    pub artifact_policy: String,
    /// Deployment path without slashes at its ends; empty for the bucket's root.
    pub path: String,
    /// Key of the one object, when the artifact is not extracted.
    pub object_key: Option<String>,
    /// Canned ACL of the objects.
    pub canned_acl: Option<CannedAcl>,
    /// `Cache-Control` of the objects.
    pub cache_control: Option<String>,
    /// ARN of the key that encrypts the output bucket.
    pub encryption_key: Option<String>,
    /// Whether an approval stands before the deploy action.
    pub approval: bool,
    /// Permissions boundary of the deploy role.
    pub permissions_boundary: Option<String>,
    /// Stage in the pipeline.
    pub stage: String,
    /// Namespace of the deploy action's variables.
    pub namespace: String,
}

impl Plan {
    /// Decides every name.
    ///
    /// # Errors
    /// Names that are too long once derived, and names that two things would share.
    pub fn new(config: &Config) -> Result<Self, Vec<Complaint>> {
        let partition = partition_of(&config.dev.region);
        let dev = dev_plan(config, partition);
        let mut in_account: HashMap<&str, usize> = HashMap::new();
        let targets: Vec<TargetPlan> = config
            .targets
            .iter()
            .map(|target| {
                let account = target.account.as_deref().unwrap_or_default();
                let before = in_account.entry(account).or_default();
                let plan = target_plan(config, target, partition, *before == 0);
                *before += 1;
                plan
            })
            .collect();
        let plan = Self {
            partition,
            dev,
            targets,
            organization: config.organization.clone(),
            permissions: config.permissions,
            quotas: config.quotas.clone(),
            tags: config
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        };
        let complaints = plan.complaints(config);
        if complaints.is_empty() {
            Ok(plan)
        } else {
            Err(complaints)
        }
    }

    /// Name of the CloudFormation stack that is made from a template, by the template's name.
    ///
    /// A stack's name has letters, digits and hyphens only; a pipeline's may have more.
    pub fn stack_name(&self, template: &str) -> String {
        format!("{}-{template}", self.dev.pipeline)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect()
    }

    /// ARN of a bucket.
    pub fn bucket_arn(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}", self.partition.as_str())
    }

    /// ARN pattern of the objects that the pipeline keeps in its artifact bucket.
    ///
    /// CodePipeline cuts a long pipeline name in their keys; a name that is cut is followed by
    /// the wildcard directly, so that the pattern holds whether it is cut or not.
    pub fn artifact_objects_arn(&self) -> String {
        let bucket = self.bucket_arn(&self.dev.artifact_bucket.name);
        let name = &self.dev.pipeline;
        if name.chars().count() <= ARTIFACT_FOLDER_LENGTH {
            format!("{bucket}/{name}/*")
        } else {
            let folder: String = name.chars().take(ARTIFACT_FOLDER_LENGTH).collect();
            format!("{bucket}/{folder}*")
        }
    }

    /// ARN of the source object.
    pub fn source_object_arn(&self) -> String {
        let bucket = self.bucket_arn(&self.dev.source_bucket.name);
        format!("{bucket}/{}", self.dev.source_object_key)
    }

    /// ARN of the pipeline.
    pub fn pipeline_arn(&self) -> String {
        format!(
            "arn:{}:codepipeline:{}:{}:{}",
            self.partition.as_str(),
            self.dev.region,
            self.dev.account,
            self.dev.pipeline
        )
    }

    /// ARN of the rule that starts the pipeline.
    pub fn change_rule_arn(&self) -> String {
        format!(
            "arn:{}:events:{}:{}:rule/{}",
            self.partition.as_str(),
            self.dev.region,
            self.dev.account,
            self.dev.change_rule
        )
    }

    /// ARN of an account's root, which stands for the whole account.
    pub fn account_arn(&self, account: &str) -> String {
        format!("arn:{}:iam::{account}:root", self.partition.as_str())
    }

    /// ARN pattern of the objects that a target's deploy action writes.
    pub fn output_objects_arn(&self, target: &TargetPlan) -> String {
        let bucket = self.bucket_arn(&target.bucket.name);
        match (&target.object_key, target.path.as_str()) {
            (Some(key), _) => format!("{bucket}/{key}"),
            (None, "") => format!("{bucket}/*"),
            (None, path) => format!("{bucket}/{path}/*"),
        }
    }

    fn complaints(&self, config: &Config) -> Vec<Complaint> {
        let mut found = Vec::new();
        self.check_lengths(config, &mut found);
        self.check_collisions(config, &mut found);
        found
    }

    fn check_lengths(&self, config: &Config, found: &mut Vec<Complaint>) {
        let dev = &self.dev;
        let mut check = |path: &str, what: &str, name: &str, limit: usize, help: String| {
            if name.len() > limit {
                found.push(Complaint::new(
                    path,
                    format!(
                        "the {what} `{name}` has {} characters, and {limit} are allowed",
                        name.len()
                    ),
                    help,
                ));
            }
        };
        let shorter = |name: &str, limit: usize, path: &str| {
            format!(
                "make `{path}` {} characters shorter",
                name.len().saturating_sub(limit)
            )
        };
        let path = "dev.pipeline.name";
        if dev.service_role.create {
            let name = &dev.service_role.name;
            let help = format!(
                "{}, or name an existing role as `dev.pipeline.service_role`",
                shorter(name, ROLE_NAME_LIMIT, path)
            );
            check(path, "service role", name, ROLE_NAME_LIMIT, help);
        }
        if dev.detect_changes == DetectChanges::Events {
            let name = &dev.change_rule;
            check(
                path,
                "change rule's role",
                name,
                ROLE_NAME_LIMIT,
                shorter(name, ROLE_NAME_LIMIT, path),
            );
        }
        for name in [&dev.source_policy, &dev.artifact_policy, &dev.assume_policy] {
            check(
                path,
                "managed policy",
                name,
                POLICY_NAME_LIMIT,
                shorter(name, POLICY_NAME_LIMIT, path),
            );
        }
        if let Some(name) = &dev.log_bucket {
            let path = if dev.source_bucket.create {
                "dev.source.bucket"
            } else {
                "dev.artifacts.bucket"
            };
            let help = format!(
                "{}, or set `access_logs: false`",
                shorter(name, BUCKET_NAME_LIMIT, path)
            );
            check(path, "log bucket", name, BUCKET_NAME_LIMIT, help);
        }
        for (index, target) in self.targets.iter().enumerate() {
            let at = |key: &str| format!("targets.{index}.{key}");
            let role_path = at(if config.targets[index].role.is_some() {
                "role"
            } else {
                "name"
            });
            let name = &target.role.name;
            check(
                &role_path,
                "deploy role",
                name,
                ROLE_NAME_LIMIT,
                shorter(name, ROLE_NAME_LIMIT, &role_path),
            );
            if let Some(name) = &target.log_bucket {
                let path = at("bucket");
                let help = format!(
                    "{}, or set `access_logs: false`",
                    shorter(name, BUCKET_NAME_LIMIT, &path)
                );
                check(&path, "log bucket", name, BUCKET_NAME_LIMIT, help);
            }
        }
    }

    fn check_collisions(&self, config: &Config, found: &mut Vec<Complaint>) {
        let dev = &self.dev;
        let mut buckets = Names::default();
        buckets.claim(
            "",
            &dev.source_bucket.name,
            "the source bucket",
            "dev.source.bucket",
            found,
        );
        buckets.claim(
            "",
            &dev.artifact_bucket.name,
            "the artifact bucket",
            "dev.artifacts.bucket",
            found,
        );
        if let Some(name) = &dev.log_bucket {
            buckets.claim(
                "",
                name,
                "the dev account's log bucket",
                "dev.source.bucket",
                found,
            );
        }
        let mut roles = Names::default();
        let account = dev.account.as_str();
        roles.claim(
            account,
            &dev.service_role.name,
            "the service role",
            "dev.pipeline.service_role",
            found,
        );
        if dev.detect_changes == DetectChanges::Events {
            roles.claim(
                account,
                &dev.change_rule,
                "the change rule's role",
                "dev.pipeline.name",
                found,
            );
        }
        let mut policies = Names::default();
        for name in [
            &dev.source_policy,
            &dev.artifact_policy,
            &dev.assume_policy,
            &dev.change_rule,
        ] {
            policies.claim(
                account,
                name,
                "a policy of the pipeline",
                "dev.pipeline.name",
                found,
            );
        }
        for (index, target) in self.targets.iter().enumerate() {
            let at = |key: &str| format!("targets.{index}.{key}");
            let of = |what: &str| format!("the {what} of target `{}`", target.name);
            buckets.claim(
                "",
                &target.bucket.name,
                &of("output bucket"),
                &at("bucket"),
                found,
            );
            if let Some(name) = &target.log_bucket {
                buckets.claim("", name, &of("log bucket"), &at("bucket"), found);
            }
            let role_path = at(if config.targets[index].role.is_some() {
                "role"
            } else {
                "name"
            });
            roles.claim(
                &target.account,
                &target.role.name,
                &of("deploy role"),
                &role_path,
                found,
            );
            for name in [&target.output_policy, &target.artifact_policy] {
                policies.claim(&target.account, name, &of("policy"), &at("name"), found);
            }
        }
    }
}

/// Names that are taken, each within a scope (an account; buckets share one).
#[derive(Default)]
struct Names(HashMap<(String, String), String>);

impl Names {
    fn claim(
        &mut self,
        scope: &str,
        name: &str,
        owner: &str,
        path: &str,
        found: &mut Vec<Complaint>,
    ) {
        // IAM tells names apart by their letters, not by upper and lower case.
        let key = (scope.to_owned(), name.to_lowercase());
        if let Some(other) = self.0.get(&key) {
            found.push(Complaint::new(
                path,
                format!("{other} and {owner} are both named `{name}`"),
                "give one of them another name",
            ));
        } else {
            self.0.insert(key, owner.to_owned());
        }
    }
}

fn role_plan(partition: Partition, account: &str, path: &str, name: String) -> RolePlan {
    RolePlan {
        arn: format!("arn:{}:iam::{account}:role{path}{name}", partition.as_str()),
        path: path.to_owned(),
        name,
        create: true,
    }
}

fn dev_plan(config: &Config, partition: Partition) -> DevPlan {
    let dev = &config.dev;
    let (account, region, pipeline) = (&dev.account, &dev.region, &dev.pipeline.name);
    let service_role = match &dev.pipeline.service_role {
        None => role_plan(
            partition,
            account,
            "/service-role/",
            format!("AWSCodePipelineServiceRole-{region}-{pipeline}"),
        ),
        Some(arn) => {
            let resource = arn
                .split_once(":role")
                .map_or("/", |(_, resource)| resource);
            let (path, name) = resource.rsplit_once('/').unwrap_or(("", resource));
            RolePlan {
                name: name.to_owned(),
                path: format!("{path}/"),
                arn: arn.clone(),
                create: false,
            }
        }
    };
    let source_bucket = BucketPlan {
        name: dev.source.bucket.clone(),
        create: dev.source.create,
    };
    let artifact_bucket = BucketPlan {
        name: (dev.artifacts.bucket.clone())
            .unwrap_or_else(|| format!("codepipeline-{region}-0123456789")),
        create: dev.artifacts.create,
    };
    // An artifact bucket is often shared by pipelines, a source bucket seldom.
    let logged = [&source_bucket, &artifact_bucket]
        .into_iter()
        .find(|bucket| bucket.create && dev.access_logs);
    DevPlan {
        account: account.clone(),
        region: region.clone(),
        profile: dev.profile.clone(),
        key_alias: format!("alias/{}", dev.key.alias),
        key_administrators: dev.key.administrators.clone(),
        key_deletion_window_days: dev.key.deletion_window_days,
        multi_region: dev.key.multi_region,
        log_bucket: logged.map(|bucket| format!("{}-logs", bucket.name)),
        source_bucket,
        source_object_key: dev.source.object_key.clone(),
        detect_changes: dev.source.detect_changes,
        artifact_bucket,
        existing_policy: dev.artifacts.existing_policy.clone(),
        pipeline: pipeline.clone(),
        create_pipeline: dev.pipeline.create,
        source_policy: format!("{pipeline}-{region}-source"),
        artifact_policy: format!("{pipeline}-{region}-artifacts"),
        assume_policy: match config.targets.as_slice() {
            [only] => format!("assume{}", role_name(config, only)),
            _ => format!("{pipeline}-{region}-assume"),
        },
        change_rule: format!("{pipeline}-{region}-start"),
        service_role,
        permissions_boundary: dev.permissions_boundary.clone(),
    }
}

fn role_name(config: &Config, target: &crate::config::Target) -> String {
    let name = match &target.role {
        Some(role) => role.clone(),
        None => format!("{}s3role", target.name),
    };
    expand(config, target, &name)
}

fn expand(config: &Config, target: &crate::config::Target, text: &str) -> String {
    let region = target.region.as_ref().unwrap_or(&config.dev.region);
    text.replace("{account}", target.account.as_deref().unwrap_or_default())
        .replace("{region}", region)
}

fn target_plan(
    config: &Config,
    target: &crate::config::Target,
    partition: Partition,
    first_in_account: bool,
) -> TargetPlan {
    let account = target.account.clone().unwrap_or_default();
    let bucket = expand(config, target, &target.bucket);
    let only = config.targets.len() == 1;
    let policy = |name: &str| {
        if first_in_account {
            name.to_owned()
        } else {
            format!("{name}-{}", target.name)
        }
    };
    TargetPlan {
        log_bucket: (target.create && config.dev.access_logs).then(|| format!("{bucket}-logs")),
        bucket: BucketPlan {
            name: bucket,
            create: target.create,
        },
        role: role_plan(partition, &account, "/", role_name(config, target)),
        output_policy: policy("outputbucketdeployaccess"),
        artifact_policy: policy("devkmss3access"),
        account,
        region: target
            .region
            .clone()
            .unwrap_or_else(|| config.dev.region.clone()),
        profile: target
            .profile
            .clone()
            .unwrap_or_else(|| target.name.clone()),
        path: target.path.clone(),
        object_key: target.object_key.clone(),
        canned_acl: target.canned_acl,
        cache_control: target.cache_control.clone(),
        encryption_key: target.encryption_key.clone(),
        approval: target.approval,
        permissions_boundary: target.permissions_boundary.clone(),
        stage: if only {
            "Deploy".to_owned()
        } else {
            target.name.clone()
        },
        namespace: if only {
            "DeployVariables".to_owned()
        } else {
            format!("DeployVariables-{}", target.name)
        },
        name: target.name.clone(),
    }
}
