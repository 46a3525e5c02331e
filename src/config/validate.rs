//! Validates the values of a configuration, individually and in combination.

use crate::aws::partition_of;
use std::collections::HashMap;

use super::names::{
    header_problem, object_key_problem, organization_problem, path_problem, profile_problem,
    target_problem,
};
use super::{CannedAcl, Complaint, Config, Target, pipeline_region_problem, stack_set_rules};
use crate::aws::arn;
use crate::aws::arn_kind::ArnKind;
use crate::aws::names::{
    account_id_problem, alias_problem, bucket_problem, pipeline_problem, role_problem,
};
use crate::aws::quotas::{TAG_KEY, TAG_VALUE, TAGS};

/// Returns all problems with the values.
pub(super) fn complaints(config: &Config) -> Vec<Complaint> {
    let mut found = Found(Vec::new());
    found.dev(config);
    for (index, target) in config.targets.iter().enumerate() {
        found.target(config, index, target);
    }
    if config.targets.is_empty() {
        found.add(
            "targets",
            "no targets",
            "add a target with `name` and `account`",
        );
    }
    found.safety(config);
    config.quotas.check(config, &mut found);
    found.repeated(config);
    found.tags(config);
    if let Some(id) = &config.organization {
        found.name(
            "organization",
            organization_problem(id),
            "use the ID from `aws organizations describe-organization`: `o-` and 10 to 32 \
             lowercase letters and digits",
        );
    }
    found.0
}

/// Checks that an ARN names a resource in the partition, region, and account of its user. `what` and
/// `user` are the words for both, such as `key` and `bucket`.
pub(super) fn place_problem(
    arn: &str,
    kind: ArnKind,
    what: &str,
    user: &str,
    (partition, region, account): (&str, &str, &str),
) -> Option<String> {
    Some(match kind.parse(arn) {
        Err(fault) => format!("`{arn}` {fault}"),
        Ok(found) if found.account != account => format!(
            "the {what} belongs to account {}, but the {user} belongs to account {account}",
            found.account
        ),
        Ok(found) if found.region != region => format!(
            "the {what} is in region {}, but the {user} is in {region}",
            found.region
        ),
        Ok(found) if found.partition != partition => format!(
            "the {what} is in partition `{}`, but the {user} is in `{partition}`",
            found.partition
        ),
        Ok(_) => return None,
    })
}

/// Normalizes the name of a target to the part that distinguishes files and statement IDs.
fn bare_name(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

pub(super) struct Found(Vec<Complaint>);

impl Found {
    pub(super) fn add(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Complaint::new(path, message, help));
    }

    pub(super) fn complain(&mut self, complaint: Complaint) {
        self.0.push(complaint);
    }

    pub(super) fn name(&mut self, path: &str, problem: Option<String>, help: &str) {
        if let Some(message) = problem {
            self.add(path, message, help);
        }
    }

    pub(super) fn account(&mut self, path: &str, id: &str) {
        self.name(
            path,
            account_id_problem(id),
            "write the 12 digits of the account ID in quotes",
        );
    }

    fn dev(&mut self, config: &Config) {
        let dev = &config.dev;
        self.account("dev.account", &dev.account);
        self.profile("dev.profile", &dev.profile);
        if let Some((message, help)) = pipeline_region_problem(&dev.region, "the pipeline") {
            self.add("dev.region", message, help);
        }
        self.name(
            "dev.key.alias",
            alias_problem(&dev.key.alias),
            "use a name such as `s3deploykey`",
        );
        for (index, arn) in dev.key.administrators.iter().enumerate() {
            let path = format!("dev.key.administrators.{index}");
            self.iam_arn(config, &path, arn, &dev.account, ArnKind::RoleOrUser);
        }
        let bucket_help = "see the S3 bucket naming rules";
        self.source(config);
        self.build(config);
        if let Some(bucket) = &dev.artifacts.bucket {
            let bucket = bucket.replace("{region}", &dev.region);
            self.name("dev.artifacts.bucket", bucket_problem(&bucket), bucket_help);
        }
        if dev.artifacts.existing_policy.is_some() && dev.artifacts.create {
            self.add(
                "dev.artifacts.existing_policy",
                "`existing_policy` requires an existing bucket",
                "set `create: false`, or remove `existing_policy`",
            );
        }
        self.name(
            "dev.pipeline.name",
            pipeline_problem(&dev.pipeline.name),
            "use a name such as `crossaccountdeploy`",
        );
        if let Some(arn) = &dev.pipeline.service_role {
            let path = "dev.pipeline.service_role";
            self.iam_arn(config, path, arn, &dev.account, ArnKind::Role);
        }
        if let Some(arn) = &dev.permissions_boundary {
            let path = "dev.permissions_boundary";
            self.iam_arn(config, path, arn, &dev.account, ArnKind::Policy);
        }
    }

    fn target(&mut self, config: &Config, index: usize, target: &Target) {
        let at = |key: &str| format!("targets.{index}.{key}");
        let problem = target_problem(&target.name);
        self.name(&at("name"), problem, "use a name such as `prod`");
        self.account_and_region(config, index, target);
        // One account is enough for the check, because all account IDs have the same length. The
        // validity of a name can depend only on the region.
        let places = target.places(&config.dev.region);
        let (account, region) = places
            .iter()
            .max_by_key(|(_, region)| region.len())
            .map_or(("000000000000", config.dev.region.as_str()), |place| {
                (place.0.as_str(), place.1.as_str())
            });
        let expand = |text: &str| {
            text.replace("{account}", account)
                .replace("{region}", region)
        };
        self.name(
            &at("bucket"),
            bucket_problem(&expand(&target.bucket)),
            "see the S3 bucket naming rules; `{account}` and `{region}` are allowed",
        );
        if let Some(role) = &target.role {
            self.name(
                &at("role"),
                role_problem(&expand(role)),
                "use a name such as `prods3role`",
            );
        }
        self.patterns(config, index, target);
        if let Some(profile) = &target.profile {
            self.profile(&at("profile"), &expand(profile));
        }
        if let Some(value) = &target.cache_control {
            self.name(
                &at("cache_control"),
                header_problem(value),
                "use a value such as `max-age=300`",
            );
        }
        if !target.path.is_empty() {
            self.name(
                &at("path"),
                path_problem(&target.path),
                "use a path such as `site/assets`",
            );
        }
        match (&target.object_key, target.extract) {
            (None, false) => self.add(
                &at("extract"),
                "`extract: false` requires `object_key`",
                "add `object_key:`, or remove `extract: false`",
            ),
            (Some(_), true) => self.add(
                &at("object_key"),
                "`object_key` requires `extract: false`",
                "set `extract: false`, or use `path:` for the folder to extract to",
            ),
            (Some(key), false) => {
                self.name(
                    &at("object_key"),
                    object_key_problem(key),
                    "use a key such as `site.zip`",
                );
                if !target.path.is_empty() {
                    self.add(
                        &at("path"),
                        "`path` and `extract: false` cannot be used together",
                        "write the full key in `object_key:`",
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
                    "ACLs are disabled on the output bucket, so S3 rejects `{}`",
                    acl.as_str()
                ),
                "set `bucket-owner-full-control`, remove `canned_acl`, or use an existing bucket \
                 with `create: false`",
            );
        }
        if let Some(arn) = &target.encryption_key {
            if target.has_many_accounts() || target.has_many_regions() {
                self.add(
                    &at("encryption_key"),
                    "a key belongs to one account and region, but this target has several",
                    "add a separate target for each account and region with a key",
                );
            } else {
                self.encryption_key(config, &at("encryption_key"), arn, account, region);
            }
        }
        if let Some(arn) = &target.permissions_boundary {
            let path = at("permissions_boundary");
            self.iam_arn(config, &path, &expand(arn), account, ArnKind::Policy);
        }
        self.invalidation(config, index, target);
        self.0
            .extend(stack_set_rules::complaints(config, index, target));
    }

    /// Checks the ARN of a customer managed key in an account and region.
    pub(super) fn encryption_key(
        &mut self,
        config: &Config,
        path: &str,
        arn: &str,
        account: &str,
        region: &str,
    ) {
        let partition = partition_of(&config.dev.region).as_str();
        let form = format!(
            "use `{}` with the key ID: in another account, an alias or a bare ID refers to a \
             different key",
            arn::key(partition, region, account, "ID")
        );
        let place = (partition, region, account);
        self.name(
            path,
            place_problem(arn, ArnKind::Key, "key", "bucket", place),
            &form,
        );
    }

    /// Checks the ARN of an IAM resource in an account and the configuration's partition.
    pub(super) fn iam_arn(
        &mut self,
        config: &Config,
        path: &str,
        arn: &str,
        account: &str,
        kind: ArnKind,
    ) {
        let partition = partition_of(&config.dev.region).as_str();
        let resource = match kind {
            ArnKind::Policy => "policy",
            _ => "role",
        };
        let message = match kind.parse(arn) {
            Err(fault) => format!("`{arn}` {fault}"),
            // AWS managed policies do not belong to an account.
            Ok(found) if found.account != account && found.account != "aws" => format!(
                "`{arn}` belongs to account {}, but must belong to account {account}",
                found.account
            ),
            Ok(found) if found.partition != partition => format!(
                "`{arn}` is in partition `{}`, but the dev region is in `{partition}`",
                found.partition
            ),
            Ok(_) => return,
        };
        let resource = format_args!("{resource}/NAME");
        let form = format!("use the form `{}`", arn::iam(partition, account, resource));
        self.add(path, message, form);
    }

    fn profile(&mut self, path: &str, name: &str) {
        self.name(
            path,
            profile_problem(name),
            "use a profile from `aws configure list-profiles`",
        );
    }

    fn repeated(&mut self, config: &Config) {
        let mut names: HashMap<String, usize> = HashMap::new();
        for (index, target) in config.targets.iter().enumerate() {
            if let Some(first) = names.insert(bare_name(&target.name), index) {
                self.add(
                    &format!("targets.{index}.name"),
                    format!("targets {} and {} have the same name", first + 1, index + 1),
                    "give each target a unique name; case, `-`, and `_` are ignored",
                );
            }
        }
    }

    fn tags(&mut self, config: &Config) {
        if config.tags.len() > TAGS.length() {
            let message = format!("AWS allows at most {} tags per resource", TAGS.value);
            self.add("tags", message, "remove some of the tags");
        }
        for (key, value) in &config.tags {
            let fault = if key.is_empty() || key.chars().count() > TAG_KEY.length() {
                format!("a tag key must have 1 to {} characters", TAG_KEY.value)
            } else if value.chars().count() > TAG_VALUE.length() {
                format!(
                    "a tag value can have at most {} characters",
                    TAG_VALUE.value
                )
            } else if key.to_lowercase().starts_with("aws:") {
                "AWS reserves tag keys that begin with `aws:`".to_owned()
            } else if key
                .chars()
                .chain(value.chars())
                .any(|c| !(c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)))
            {
                "only letters, digits, spaces, and `_.:/=+-@` are allowed".to_owned()
            } else {
                continue;
            };
            self.0.push(Complaint {
                path: vec!["tags".to_owned(), key.clone()],
                message: format!("`{key}` is not a valid tag: {fault}"),
                help: "rename or shorten it".to_owned(),
            });
        }
    }
}
