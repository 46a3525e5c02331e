//! What the values of a configuration must satisfy, each on its own or together with others.

use std::collections::HashMap;

use super::names::{
    account_id_problem, alias_problem, arn_parts, bucket_problem, object_key_problem,
    pipeline_problem, role_problem, target_problem,
};
use super::{CannedAcl, Complaint, Config, Target, near_region, partition_of, stack_set_rules};

/// Everything that is wrong with the values.
pub(super) fn complaints(config: &Config) -> Vec<Complaint> {
    let mut found = Found(Vec::new());
    found.dev(config);
    for (index, target) in config.targets.iter().enumerate() {
        found.target(config, index, target);
    }
    if config.targets.is_empty() {
        found.add(
            "targets",
            "there is no target",
            "add a target with `name` and `account`",
        );
    }
    found.repeated(config);
    found.tags(config);
    if let Some(id) = &config.organization {
        let tail = id.strip_prefix("o-").unwrap_or_default();
        let valid = (10..=32).contains(&tail.len())
            && tail
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !valid {
            found.add(
                "organization",
                format!("`{id}` is not the ID of an organization"),
                "write `o-` and 10 to 32 lowercase letters and digits; see `aws organizations \
                 describe-organization`",
            );
        }
    }
    found.0
}

/// A target's name as far as it tells files and statement IDs apart.
fn bare_name(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// Why this is no region, and what to do.
pub(super) fn unknown_region(region: &str) -> Option<(String, String)> {
    if super::is_region(region) {
        return None;
    }
    let partition = partition_of(region).as_str();
    let help = match near_region(region) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write a region's code, such as `us-east-1`".to_owned(),
    };
    Some((
        format!("partition `{partition}` has no region `{region}`"),
        help,
    ))
}

struct Found(Vec<Complaint>);

impl Found {
    fn add(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Complaint::new(path, message, help));
    }

    fn name(&mut self, path: &str, problem: Option<String>, help: &str) {
        if let Some(message) = problem {
            self.add(path, message, help);
        }
    }

    fn account(&mut self, path: &str, id: &str) {
        self.name(
            path,
            account_id_problem(id),
            "write the 12 digits of the account ID in quotes",
        );
    }

    fn region(&mut self, path: &str, region: &str) {
        if let Some((message, help)) = unknown_region(region) {
            self.add(path, message, help);
        }
    }

    fn dev(&mut self, config: &Config) {
        let dev = &config.dev;
        self.account("dev.account", &dev.account);
        self.region("dev.region", &dev.region);
        self.name(
            "dev.key.alias",
            alias_problem(&dev.key.alias),
            "such as `s3deploykey`",
        );
        for (index, arn) in dev.key.administrators.iter().enumerate() {
            let path = format!("dev.key.administrators.{index}");
            self.iam_arn(config, &path, arn, &dev.account, &["role/", "user/"]);
        }
        let bucket_help = "see the S3 bucket naming rules";
        self.name(
            "dev.source.bucket",
            bucket_problem(&dev.source.bucket),
            bucket_help,
        );
        self.name(
            "dev.source.object_key",
            object_key_problem(&dev.source.object_key),
            "such as `sample-website.zip`",
        );
        if let Some(bucket) = &dev.artifacts.bucket {
            self.name("dev.artifacts.bucket", bucket_problem(bucket), bucket_help);
        }
        if dev.artifacts.existing_policy.is_some() && dev.artifacts.create {
            self.add(
                "dev.artifacts.existing_policy",
                "`existing_policy` is for a bucket that exists already",
                "set `create: false` beside it, or remove it",
            );
        }
        self.name(
            "dev.pipeline.name",
            pipeline_problem(&dev.pipeline.name),
            "such as `crossaccountdeploy`",
        );
        if let Some(arn) = &dev.pipeline.service_role {
            self.iam_arn(
                config,
                "dev.pipeline.service_role",
                arn,
                &dev.account,
                &["role/"],
            );
        }
        if let Some(arn) = &dev.permissions_boundary {
            self.boundary(config, "dev.permissions_boundary", arn, &dev.account);
        }
    }

    fn target(&mut self, config: &Config, index: usize, target: &Target) {
        let at = |key: &str| format!("targets.{index}.{key}");
        self.name(&at("name"), target_problem(&target.name), "such as `prod`");
        self.account_and_region(config, index, target);
        let account = target.account.as_deref().unwrap_or_default();
        let region = target.region.as_deref().unwrap_or(&config.dev.region);
        let expand = |text: &str| {
            text.replace("{account}", account)
                .replace("{region}", region)
        };
        self.name(
            &at("bucket"),
            bucket_problem(&expand(&target.bucket)),
            "see the S3 bucket naming rules; `{account}` and `{region}` may be used",
        );
        if let Some(role) = &target.role {
            self.name(
                &at("role"),
                role_problem(&expand(role)),
                "such as `prods3role`",
            );
        }
        if !target.path.is_empty() {
            self.name(
                &at("path"),
                object_key_problem(&target.path),
                "such as `site/assets`",
            );
        }
        match (&target.object_key, target.extract) {
            (None, false) => self.add(
                &at("extract"),
                "`extract: false` puts one object, and `object_key` does not say under which key",
                "add `object_key:`, or remove `extract: false`",
            ),
            (Some(_), true) => self.add(
                &at("object_key"),
                "`object_key` is for `extract: false`",
                "write the folder that is extracted to as `path:`, or set `extract: false`",
            ),
            (Some(key), false) => {
                self.name(
                    &at("object_key"),
                    object_key_problem(key),
                    "such as `site.zip`",
                );
                if !target.path.is_empty() {
                    self.add(
                        &at("path"),
                        "`path` is where an artifact is extracted to, and this one is not extracted",
                        "write the whole key as `object_key:`",
                    );
                }
            }
            (None, true) => {}
        }
        if let Some(acl) = target.canned_acl
            && target.create
            && acl != CannedAcl::BucketOwnerFullControl
        {
            self.add(
                &at("canned_acl"),
                format!(
                    "the output bucket enforces its owner's ownership, and then S3 refuses `{}`",
                    acl.as_str()
                ),
                "write `bucket-owner-full-control`, leave it out, or use a bucket of your own \
                 with `create: false`",
            );
        }
        if let Some(arn) = &target.encryption_key {
            self.encryption_key(config, index, arn, account, region);
        }
        if let Some(arn) = &target.permissions_boundary {
            self.boundary(config, &at("permissions_boundary"), arn, account);
        }
        self.0
            .extend(stack_set_rules::complaints(config, index, target));
    }

    fn account_and_region(&mut self, config: &Config, index: usize, target: &Target) {
        let at = |key: &str| format!("targets.{index}.{key}");
        match (&target.account, &target.accounts) {
            (Some(id), None) => self.account(&at("account"), id),
            (None, None) => self.add(
                &at("account"),
                format!("target `{}` has no account", target.name),
                "add `account:` with the 12 digits in quotes",
            ),
            (Some(_), Some(_)) => self.add(
                &at("accounts"),
                "`account` and `accounts` are both given",
                "keep `account`",
            ),
            (None, Some(_)) => self.add(
                &at("accounts"),
                "a target with a list of accounts is not supported yet",
                "write one target for each account, each with `account:`",
            ),
        }
        if target.regions.is_some() {
            self.add(
                &at("regions"),
                "a target with a list of regions is not supported yet",
                "write one `region:`, the dev account's",
            );
        }
        let Some(region) = &target.region else {
            return;
        };
        self.region(&at("region"), region);
        if !super::is_region(region) || *region == config.dev.region {
            return;
        }
        if partition_of(region) != partition_of(&config.dev.region) {
            self.add(
                &at("region"),
                format!(
                    "`{region}` is in partition `{}`, and the dev region in `{}`: accounts of one \
                     cannot be reached from the other",
                    partition_of(region).as_str(),
                    partition_of(&config.dev.region).as_str()
                ),
                "choose regions of one partition",
            );
        } else if !config.dev.key.multi_region {
            self.add(
                &at("region"),
                format!(
                    "target `{}` is in `{region}` and the pipeline in `{}`: that needs a \
                     multi-Region key",
                    target.name, config.dev.region
                ),
                "set `multi_region: true` under `dev.key` before the first deploy (a later \
                 change replaces the key)",
            );
        } else {
            self.add(
                &at("region"),
                "a target in another region than the pipeline's is not supported yet",
                format!("write `region: {}`", config.dev.region),
            );
        }
    }

    fn encryption_key(&mut self, config: &Config, index: usize, arn: &str, id: &str, region: &str) {
        let path = format!("targets.{index}.encryption_key");
        let form = format!(
            "write `arn:{}:kms:{region}:{id}:key/…`: an alias or a bare ID means another key in \
             another account",
            partition_of(&config.dev.region).as_str()
        );
        match arn_parts(arn) {
            Some([_, partition, "kms", key_region, account, resource])
                if resource.starts_with("key/") =>
            {
                let wanted = partition_of(&config.dev.region).as_str();
                if account != id || key_region != region || partition != wanted {
                    self.add(
                        &path,
                        "the key must be in the target's account, region and partition",
                        form,
                    );
                }
            }
            _ => self.add(&path, format!("`{arn}` is not the ARN of a KMS key"), form),
        }
    }

    fn iam_arn(&mut self, config: &Config, path: &str, arn: &str, account: &str, kinds: &[&str]) {
        let partition = partition_of(&config.dev.region).as_str();
        let kind = kinds.join("…` or `").replace('/', "");
        let form = format!("write `arn:{partition}:iam::{account}:{}…`", kinds[0]);
        match arn_parts(arn) {
            Some([_, found, "iam", "", owner, resource])
                if kinds.iter().any(|kind| resource.starts_with(kind))
                    && !resource.ends_with('/') =>
            {
                if resource.contains(['*', '?']) {
                    self.add(path, format!("`{arn}` has a wildcard"), form);
                } else if owner != account {
                    self.add(
                        path,
                        format!("`{arn}` is of account {owner}, and must be of account {account}"),
                        form,
                    );
                } else if found != partition {
                    self.add(
                        path,
                        format!(
                            "`{arn}` is in partition `{found}`, and the region in `{partition}`"
                        ),
                        form,
                    );
                }
            }
            _ => self.add(
                path,
                format!("`{arn}` is not the ARN of an IAM `{kind}`"),
                form,
            ),
        }
    }

    fn boundary(&mut self, config: &Config, path: &str, arn: &str, account: &str) {
        // AWS's own managed policies may serve as a boundary too.
        let managed_by_aws = matches!(
            arn_parts(arn),
            Some([_, _, "iam", "", "aws", resource]) if resource.starts_with("policy/")
        );
        if !managed_by_aws {
            self.iam_arn(config, path, arn, account, &["policy/"]);
        }
    }

    fn repeated(&mut self, config: &Config) {
        let mut names: HashMap<String, usize> = HashMap::new();
        for (index, target) in config.targets.iter().enumerate() {
            if let Some(first) = names.insert(bare_name(&target.name), index) {
                self.add(
                    &format!("targets.{index}.name"),
                    format!("targets {} and {} have the same name", first + 1, index + 1),
                    "give each target a name of its own; upper and lower case, `-` and `_` do not count",
                );
            }
        }
    }

    fn tags(&mut self, config: &Config) {
        if config.tags.len() > 50 {
            self.add("tags", "AWS allows 50 tags on a resource", "remove some");
        }
        for (key, value) in &config.tags {
            let fault = if key.is_empty() || key.chars().count() > 128 {
                "a tag's key has 1 to 128 characters"
            } else if value.chars().count() > 256 {
                "a tag's value has at most 256 characters"
            } else if key.to_lowercase().starts_with("aws:") {
                "AWS reserves tags that begin with `aws:`"
            } else if key
                .chars()
                .chain(value.chars())
                .any(|c| !(c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)))
            {
                "a tag has letters, digits, spaces and `_.:/=+-@`"
            } else {
                continue;
            };
            self.0.push(Complaint {
                path: vec!["tags".to_owned(), key.clone()],
                message: format!("`{key}` cannot be a tag: {fault}"),
                help: "rename or shorten it".to_owned(),
            });
        }
    }
}
