//! Derives the names of the dev account's resources, the other regions, and the targets from the
//! configuration.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::{
    BucketPlan, DevPlan, InstancePlan, InvalidationPlan, ObjectSource, RegionPlan,
    RepositorySource, RolePlan, SafetyPlan, SourcePlan, StackSetPlan, TargetNames, TargetPlan,
};
use crate::aws::arn;
use crate::aws::{AccountId, BucketName, PipelineName, Region, RoleName};
use crate::aws::{
    Partition,
    quotas::{BUCKET_NAME, ROLE_NAME},
};
use crate::config::{BucketNamespace, Config, PipelineSource, Target};

/// Number of hash digits that distinguish shortened names.
const DIGITS: usize = 8;
/// The lengths of the shortest and longest region names, with room for new regions.
const REGION_LENGTHS: (usize, usize) = (9, 16);
/// The length of an account ID.
const ACCOUNT_LENGTH: usize = 12;

const ACCOUNT: &str = "{account}";
const REGION: &str = "{region}";

/// The end of a bucket name in the account-regional namespace. Follows *Namespaces for general purpose
/// buckets* in the AWS documentation.
const IN_ACCOUNT: &str = "-{account}-{region}-an";
/// The end of the name of a log bucket in the account-regional namespace.
const LOGS_IN_ACCOUNT: &str = "-logs-{account}-{region}-an";

pub(super) fn role_plan(partition: Partition, account: &str, path: &str, name: String) -> RolePlan {
    RolePlan {
        arn: arn::iam(partition, account, format_args!("role{path}{name}")),
        path: path.to_owned(),
        name: RoleName::new(name),
        create: true,
    }
}

/// Plans the use of a role that already exists.
pub(super) fn existing_role(arn: &str) -> RolePlan {
    let resource = arn
        .split_once(":role")
        .map_or("/", |(_, resource)| resource);
    let (path, name) = resource.rsplit_once('/').unwrap_or(("", resource));
    RolePlan {
        name: RoleName::new(name),
        path: format!("{path}/"),
        arn: arn.to_owned(),
        create: false,
    }
}

/// Replaces the placeholders of a pattern with an account and a region.
pub(super) fn expand(pattern: &str, account: &str, region: &str) -> String {
    pattern.replace(ACCOUNT, account).replace(REGION, region)
}

/// Derives a name from `stem` and `suffix`. If it is longer than `limit`, the stem is truncated,
/// and digits of a hash of the full name keep the derived name unique. A name within the limit is
/// never changed, because deployed resources use it.
pub(super) fn fitted(stem: &str, suffix: &str, limit: usize) -> String {
    let name = format!("{stem}{suffix}");
    if name.chars().count() <= limit {
        return name;
    }
    let room = limit.saturating_sub(suffix.chars().count() + DIGITS + 1);
    let cut: String = stem.chars().take(room).collect();
    let cut = cut.trim_end_matches(['-', '.']);
    format!("{cut}-{}{suffix}", digits(&name))
}

/// Derives a name like [`fitted`], but from a pattern with `{account}` and `{region}`. A pattern is
/// truncated only if it is too long for every region, so that adding a region never changes a name.
pub(super) fn fitted_pattern(stem: &str, suffix: &str, limit: usize) -> String {
    let pattern = format!("{stem}{suffix}");
    if expanded_length(&pattern, REGION_LENGTHS.0) <= limit {
        return pattern;
    }
    // The account and region distinguish the instances, so they follow the truncated stem.
    let mut tail = String::new();
    let mut used = expanded_length(suffix, REGION_LENGTHS.1) + DIGITS + 1;
    for (what, length) in [(ACCOUNT, ACCOUNT_LENGTH), (REGION, REGION_LENGTHS.1)] {
        if stem.contains(what) && !suffix.contains(what) {
            tail.push_str(&format!("-{what}"));
            used += length + 1;
        }
    }
    let literal = stem.replace(ACCOUNT, "").replace(REGION, "");
    let cut: String = literal.chars().take(limit.saturating_sub(used)).collect();
    let cut = cut.trim_end_matches(['-', '.']);
    format!("{cut}-{}{tail}{suffix}", digits(&pattern))
}

/// Returns the length of an expanded pattern for a region name of this length.
fn expanded_length(pattern: &str, region: usize) -> usize {
    let longer = |what: &str, length: usize| {
        let times = pattern.matches(what).count();
        (times * what.len(), times * length)
    };
    let (account, region) = (longer(ACCOUNT, ACCOUNT_LENGTH), longer(REGION, region));
    pattern.chars().count() + account.1 + region.1 - account.0 - region.0
}

fn digits(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chars().take(DIGITS).collect()
}

/// Derives a valid name for a stack or stack set from the name of a pipeline. Stack names can
/// contain only letters, digits, and hyphens, and must begin with a letter. Pipeline names can
/// contain other characters.
pub(super) fn stack_name(pipeline: &str, template: &str, limit: usize) -> String {
    let clean = |text: &str| -> String {
        let kept = text.chars();
        kept.map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect()
    };
    let mut stem = clean(pipeline);
    if !stem.starts_with(|c: char| c.is_ascii_alphabetic()) {
        stem.insert(0, 's');
    }
    fitted(&stem, &clean(&format!("-{template}")), limit)
}

/// Derives the name of a bucket from its configured name. Both can contain placeholders. An existing
/// bucket keeps its configured name.
fn bucket(config: &Config, stem: &str, create: bool) -> String {
    match config.bucket_namespace {
        BucketNamespace::Account if create => format!("{stem}{IN_ACCOUNT}"),
        _ => stem.to_owned(),
    }
}

/// Derives the name of the log bucket from the configured name of a bucket. Both can contain
/// placeholders.
fn logs(config: &Config, stem: &str) -> String {
    let suffix = match config.bucket_namespace {
        BucketNamespace::Global => "-logs",
        BucketNamespace::Account => LOGS_IN_ACCOUNT,
    };
    fitted_pattern(stem, suffix, BUCKET_NAME.length())
}

fn artifact_bucket_stem(config: &Config) -> &str {
    let default = match config.bucket_namespace {
        BucketNamespace::Account if config.dev.artifacts.create => "codepipeline-artifacts",
        _ => "codepipeline-{region}-0123456789",
    };
    config.dev.artifacts.bucket.as_deref().unwrap_or(default)
}

/// Derives the names of the artifact bucket and its log bucket in a region.
fn artifact_buckets(config: &Config, region: &str) -> (BucketPlan, BucketName) {
    let dev = &config.dev;
    let stem = artifact_bucket_stem(config);
    let is_main = region == dev.region;
    let in_account = config.bucket_namespace == BucketNamespace::Account;
    let stem = if stem.contains(REGION) || is_main || in_account {
        stem.replace(REGION, region)
    } else {
        fitted(stem, &format!("-{region}"), BUCKET_NAME.length())
    };
    let create = !is_main || dev.artifacts.create;
    let named = |pattern: String| BucketName::new(expand(&pattern, &dev.account, region));
    let name = named(bucket(config, &stem, create));
    (BucketPlan { name, create }, named(logs(config, &stem)))
}

/// Returns the regions of the targets, without the region of the pipeline.
pub(super) fn regions(config: &Config, targets: &[TargetPlan]) -> Vec<RegionPlan> {
    let mut seen = HashSet::from([config.dev.region.as_str()]);
    let instances = targets.iter().flat_map(|target| &target.instances);
    instances
        .filter(|instance| seen.insert(&instance.region))
        .map(|instance| {
            let (artifact_bucket, log_bucket) = artifact_buckets(config, &instance.region);
            RegionPlan {
                region: instance.region.clone(),
                log_bucket: config.dev.access_logs.then_some(log_bucket),
                artifact_bucket,
            }
        })
        .collect()
}

/// Plans the resources of the dev account.
pub(super) fn dev(config: &Config, partition: Partition) -> DevPlan {
    let dev = &config.dev;
    let (account, region, pipeline) = (&dev.account, &dev.region, &dev.pipeline.name);
    let service_role = match &dev.pipeline.service_role {
        None => role_plan(
            partition,
            account,
            "/service-role/",
            fitted(
                &format!("AWSCodePipelineServiceRole-{region}-{pipeline}"),
                "",
                ROLE_NAME.length(),
            ),
        ),
        Some(arn) => existing_role(arn),
    };
    let source = source(config);
    let (artifact_bucket, artifact_logs) = artifact_buckets(config, region);
    // Pipelines often share an artifact bucket, but rarely a source bucket.
    let log_bucket = match source.object() {
        Some(source) if source.bucket.create => {
            let pattern = logs(config, source_bucket_stem(&dev.source));
            Some(BucketName::new(expand(&pattern, account, region)))
        }
        _ => artifact_bucket.create.then_some(artifact_logs),
    };
    let artifact_pattern = bucket(config, artifact_bucket_stem(config), dev.artifacts.create);
    DevPlan {
        account: AccountId::new(account),
        region: Region::new(region),
        profile: dev.profile.clone(),
        key_alias: format!("alias/{}", dev.key.alias),
        key_administrators: dev.key.administrators.clone(),
        key_deletion_window_days: dev.key.deletion_window_days,
        multi_region: dev.key.multi_region,
        log_bucket: log_bucket.filter(|_| dev.access_logs),
        source,
        artifact_bucket,
        artifact_bucket_pattern: artifact_pattern.replace(ACCOUNT, account),
        existing_policy: dev.artifacts.existing_policy.clone(),
        pipeline: PipelineName::new(pipeline),
        create_pipeline: dev.pipeline.create,
        build: super::build::build(config, partition),
        source_policy: format!("{pipeline}-{region}-source"),
        artifact_policy: format!("{pipeline}-{region}-artifacts"),
        assume_policy: match config.targets.as_slice() {
            [only] if !only.has_many_accounts() && !only.has_many_regions() => {
                let place = only.places(region).into_iter().next().unwrap_or_default();
                format!("assume{}", expand(&role_pattern(only), &place.0, &place.1))
            }
            _ => format!("{pipeline}-{region}-assume"),
        },
        invoke_policy: format!("{pipeline}-{region}-next"),
        safety_policy: format!("{pipeline}-{region}-safety"),
        execution_mode: dev.pipeline.execution_mode.unwrap_or_default(),
        // The limit for the role is lower than the limit for the rule. The name of a rule, unlike
        // that of a pipeline, cannot contain `@`.
        change_rule: fitted(
            &pipeline.replace('@', "-"),
            &format!("-{region}-start"),
            ROLE_NAME.length(),
        ),
        service_role,
        permissions_boundary: dev.permissions_boundary.clone(),
    }
}

fn source_bucket_stem(source: &PipelineSource) -> &str {
    let given = source.bucket.as_deref();
    given.unwrap_or("codepipeline-input-bucket")
}

/// Plans the source, with the names of the procedure as defaults.
fn source(config: &Config) -> SourcePlan {
    let dev = &config.dev;
    let source = &dev.source;
    if let Some(connection) = &source.connection {
        return SourcePlan::Repository(RepositorySource {
            connection: connection.clone(),
            // The validation requires both.
            repository: source.repository.clone().unwrap_or_default(),
            branch: source.branch.clone().unwrap_or_default(),
            trigger: source.trigger.clone(),
        });
    }
    let create = source.create.unwrap_or(true);
    let pattern = bucket(config, source_bucket_stem(source), create);
    SourcePlan::Object(ObjectSource {
        bucket: BucketPlan {
            name: BucketName::new(expand(&pattern, &dev.account, &dev.region)),
            create,
        },
        key: (source.object_key.as_deref().unwrap_or("sample-website.zip")).to_owned(),
        encryption_key: source.encryption_key.clone(),
        detect_changes: source.detect_changes.unwrap_or_default(),
    })
}

fn role_pattern(target: &Target) -> String {
    match &target.role {
        Some(role) => role.clone(),
        // Roles are global, so each region needs a different name.
        None if target.has_many_regions() => format!("{}s3role-{REGION}", target.name),
        None => format!("{}s3role", target.name),
    }
}

/// Plans the targets with their instances, which are not yet assigned to a pipeline.
pub(super) fn targets(config: &Config, partition: Partition) -> Vec<TargetPlan> {
    // The first target in an account gets the policy names of the procedure. The other targets add
    // their own name.
    let mut taken: HashSet<String> = HashSet::new();
    let targets = config.targets.iter();
    targets
        .map(|target| {
            let places = target.places(&config.dev.region);
            let (many_accounts, many_regions) =
                (target.has_many_accounts(), target.has_many_regions());
            let is_first = match places.as_slice() {
                [(account, _)] if !many_accounts && !many_regions => taken.insert(account.clone()),
                _ => false,
            };
            let policy = |name: &str| {
                let region = if many_regions { "-{region}" } else { "" };
                if is_first {
                    name.to_owned()
                } else {
                    format!("{name}-{}{region}", target.name)
                }
            };
            let role = role_pattern(target);
            let invalidation = InvalidationPlan::new(target, &role);
            let names = TargetNames {
                log_bucket: (target.create && config.dev.access_logs)
                    .then(|| logs(config, &target.bucket)),
                bucket: bucket(config, &target.bucket, target.create),
                role,
                output_policy: policy("outputbucketdeployaccess"),
                artifact_policy: policy("devkmss3access"),
                permissions_boundary: target.permissions_boundary.clone(),
            };
            let instances = places
                .iter()
                .map(|(account, region)| InstancePlan {
                    invalidation: (invalidation.as_ref())
                        .map(|plan| plan.of(partition, target, (account, region))),
                    ..instance(partition, target, &names, account, region)
                })
                .collect();
            TargetPlan {
                name: target.name.clone(),
                many_accounts,
                many_regions,
                names,
                create_bucket: target.create,
                path: target.path.clone(),
                object_key: target.object_key.clone(),
                canned_acl: target.canned_acl,
                cache_control: target.cache_control.clone(),
                tagged_objects: target.tagged_objects,
                encryption_key: target.encryption_key.clone(),
                approval: target.approval.is_required(),
                safety: SafetyPlan::new(target),
                invalidation,
                instances,
                stack_set: StackSetPlan::new(config, target),
                by_stack_set: target.stack_set.is_some(),
            }
        })
        .collect()
}

fn instance(
    partition: Partition,
    target: &Target,
    names: &TargetNames,
    account: &str,
    region: &str,
) -> InstancePlan {
    let named = |pattern: &str| expand(pattern, account, region);
    InstancePlan {
        account: AccountId::new(account),
        region: Region::new(region),
        profile: named(target.profile.as_deref().unwrap_or(&target.name)),
        bucket: BucketPlan {
            name: BucketName::new(named(&names.bucket)),
            create: target.create,
        },
        log_bucket: names.log_bucket.as_deref().map(named).map(BucketName::new),
        role: role_plan(partition, account, "/", named(&names.role)),
        output_policy: named(&names.output_policy),
        artifact_policy: named(&names.artifact_policy),
        permissions_boundary: names.permissions_boundary.as_deref().map(named),
        invalidation: None,
        pipeline: 0,
        stage: String::new(),
        action: String::new(),
        namespace: None,
    }
}
