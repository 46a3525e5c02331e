//! Checks the names that are derived from a configuration. Reports names that are too long and
//! names that two resources would share.

use crate::aws::names::characters;
use std::collections::{BTreeSet, HashMap};

use super::{InstancePlan, Plan};
use crate::aws::quotas::{BUCKET_NAME, ROLE_NAME};
use crate::aws::regions::{AS_OF, has_account_namespace};
use crate::config::{BucketNamespace, Complaint, Config};

/// Returns all problems with the names.
pub(super) fn complaints(plan: &Plan, config: &Config) -> Vec<Complaint> {
    let mut found = Vec::new();
    plan.lengths(config, &mut found);
    plan.namespace(&mut found);
    plan.collisions(config, &mut found);
    found.extend(super::stack_set::complaints(config));
    found.extend(super::lifecycle::complaints(plan));
    found.extend(super::invalidation::complaints(plan));
    for (index, target) in plan.targets.iter().enumerate() {
        if target.instances.is_empty() {
            found.push(Complaint::new(
                &format!("targets.{index}.accounts_file"),
                format!("the accounts of target `{}` are unknown", target.name),
                "read its accounts file first",
            ));
        }
    }
    found
}

impl Plan {
    fn lengths(&self, config: &Config, found: &mut Vec<Complaint>) {
        let mut check = |path: &str, what: &str, name: &str, limit: usize, help: String| {
            if name.len() > limit {
                found.push(Complaint::new(
                    path,
                    format!(
                        "{what} `{name}` has {}; at most {limit} are allowed",
                        characters(name.len())
                    ),
                    help,
                ));
            }
        };
        let shorter = |name: &str, limit: usize, path: &str| {
            let more = name.len().saturating_sub(limit);
            format!("shorten `{path}` by {}", characters(more))
        };
        // In the account-regional namespace, the configured name is only a part of the name.
        let dev = &self.dev;
        let source = dev.source.object().map(|source| &source.bucket);
        for (path, what, bucket) in [
            ("dev.source.bucket", "the source bucket", source),
            (
                "dev.artifacts.bucket",
                "the artifact bucket",
                Some(&dev.artifact_bucket),
            ),
        ] {
            if let Some(bucket) = bucket {
                let help = shorter(&bucket.name, BUCKET_NAME.length(), path);
                check(path, what, &bucket.name, BUCKET_NAME.length(), help);
            }
        }
        if let Some(name) = &dev.log_bucket {
            let path = match source {
                Some(source) if source.create => "dev.source.bucket",
                _ => "dev.artifacts.bucket",
            };
            let help = format!(
                "{}, or set `access_logs: false`",
                shorter(name, BUCKET_NAME.length(), path)
            );
            let what = "the log bucket of the dev account";
            check(path, what, name, BUCKET_NAME.length(), help);
        }
        for region in &self.regions {
            let path = "dev.artifacts.bucket";
            let names = std::iter::once(&region.artifact_bucket.name).chain(&region.log_bucket);
            if let Some(name) = names.max_by_key(|name| name.len()) {
                let what = format!("in region `{}`, the artifact or log bucket", region.region);
                let help = shorter(name, BUCKET_NAME.length(), path);
                check(path, &what, name, BUCKET_NAME.length(), help);
            }
        }
        for (index, target) in self.targets.iter().enumerate() {
            let at = |key: &str| format!("targets.{index}.{key}");
            let role_path = at(if config.targets[index].role.is_some() {
                "role"
            } else {
                "name"
            });
            let longest = |of: fn(&InstancePlan) -> &str| {
                let names = target.instances.iter().map(of);
                names.max_by_key(|name| name.len()).unwrap_or_default()
            };
            let name = longest(|instance| &instance.role.name);
            check(
                &role_path,
                "the deploy role",
                name,
                ROLE_NAME.length(),
                shorter(name, ROLE_NAME.length(), &role_path),
            );
            let path = at("bucket");
            let name = longest(|instance| &instance.bucket.name);
            let help = shorter(name, BUCKET_NAME.length(), &path);
            let what = "the output bucket";
            check(&path, what, name, BUCKET_NAME.length(), help);
            let name = longest(|instance| instance.log_bucket.as_deref().unwrap_or_default());
            let help = format!(
                "{}, or set `access_logs: false`",
                shorter(name, BUCKET_NAME.length(), &path)
            );
            check(&path, "the log bucket", name, BUCKET_NAME.length(), help);
        }
    }

    /// Checks that all created buckets are in regions with the account-regional namespace.
    fn namespace(&self, found: &mut Vec<Complaint>) {
        if self.bucket_namespace == BucketNamespace::Global {
            return;
        }
        let created = self.buckets().filter(|(bucket, ..)| bucket.create);
        let regions: BTreeSet<&str> = created.map(|(_, _, region)| region).collect();
        for region in regions {
            if !has_account_namespace(region) {
                found.push(Complaint::new(
                    "bucket_namespace",
                    format!(
                        "the buckets in `{region}` cannot be in the account-regional namespace: S3 \
                         does not offer it there (as of {AS_OF})"
                    ),
                    "set `bucket_namespace: global`, or choose another region",
                ));
            }
        }
    }

    fn collisions(&self, config: &Config, found: &mut Vec<Complaint>) {
        let dev = &self.dev;
        let mut buckets = Names::default();
        let source = dev.source.object();
        if let Some(source) = source {
            buckets.claim(
                "",
                &source.bucket.name,
                "the source bucket",
                "dev.source.bucket",
                found,
            );
        }
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
                if source.is_some() {
                    "dev.source.bucket"
                } else {
                    "dev.artifacts.bucket"
                },
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
        if let Some(build) = &dev.build {
            roles.claim(
                account,
                &build.role.name,
                "the role of the build",
                match build.settings {
                    Some(_) => "dev.pipeline.name",
                    None => "dev.build.role",
                },
                found,
            );
        }
        if self.makes_change_rule() {
            roles.claim(
                account,
                &dev.change_rule,
                "the change rule's role",
                "dev.pipeline.name",
                found,
            );
        }
        for region in &self.regions {
            let of = |what: &str| format!("the {what} in `{}`", region.region);
            let path = "dev.artifacts.bucket";
            let name = &region.artifact_bucket.name;
            buckets.claim("", name, &of("artifact bucket"), path, found);
            if let Some(name) = &region.log_bucket {
                buckets.claim("", name, &of("log bucket"), path, found);
            }
        }
        let mut policies = Names::default();
        let mut machines = Names::default();
        // Configurations from before stage safety may use the name of its policy.
        let safety_policy = self.has_safety_policy().then_some(&dev.safety_policy);
        for name in [
            &dev.source_policy,
            &dev.artifact_policy,
            &dev.assume_policy,
            &dev.invoke_policy,
            &dev.change_rule,
        ]
        .into_iter()
        .chain((dev.build.iter()).flat_map(|build| [&build.policy, &build.start_policy]))
        .chain(safety_policy)
        {
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
            let role_path = at(if config.targets[index].role.is_some() {
                "role"
            } else {
                "name"
            });
            let before = found.len();
            for instance in &target.instances {
                let of = |what: &str| {
                    if target.is_generic() {
                        let (account, region) = (&instance.account, &instance.region);
                        format!(
                            "the {what} of target `{}` in {account}, {region}",
                            target.name
                        )
                    } else {
                        format!("the {what} of target `{}`", target.name)
                    }
                };
                buckets.claim(
                    "",
                    &instance.bucket.name,
                    &of("output bucket"),
                    &at("bucket"),
                    found,
                );
                if let Some(name) = &instance.log_bucket {
                    buckets.claim("", name, &of("log bucket"), &at("bucket"), found);
                }
                roles.claim(
                    &instance.account,
                    &instance.role.name,
                    &of("deploy role"),
                    &role_path,
                    found,
                );
                let mut policy = |name: &str, found: &mut Vec<Complaint>| {
                    policies.claim(&instance.account, name, &of("policy"), &at("name"), found);
                };
                policy(&instance.output_policy, found);
                policy(&instance.artifact_policy, found);
                if let Some(invalidation) = &instance.invalidation {
                    for role in [&invalidation.machine_role, &invalidation.start_role] {
                        let what = of("role for invalidations");
                        roles.claim(&instance.account, &role.name, &what, &role_path, found);
                        policy(&role.name, found);
                    }
                    let scope = format!("{}/{}", instance.account, instance.region);
                    let what = of("state machine");
                    machines.claim(&scope, &invalidation.machine, &what, &role_path, found);
                }
                // The names of the instances have the same pattern, so one message is enough.
                if target.is_generic() && found.len() > before {
                    break;
                }
            }
        }
    }
}

/// Names that are in use, with their scope: an account, an account and a region, or one shared scope
/// for buckets.
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
        // IAM names are unique regardless of case.
        let key = (scope.to_owned(), name.to_lowercase());
        if let Some(other) = self.0.get(&key) {
            found.push(Complaint::new(
                path,
                format!("{other} and {owner} are both named `{name}`"),
                "rename one of them",
            ));
        } else {
            self.0.insert(key, owner.to_owned());
        }
    }
}
