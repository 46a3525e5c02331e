//! The stack of a target: the output bucket, the deploy role, the policies of the role, and the
//! resources that invalidate a distribution ([`invalidation`]).

use std::collections::BTreeSet;

use crate::config::Permissions;
use crate::plan::{Plan, TargetPlan};
use crate::template::{Output, Resource, Template, Value, list, map};

use super::bucket::{BucketOptions, bucket, bucket_arn, bucket_policy, log_bucket};
use super::invalidation;
use super::lifecycle::Contents;
use super::policy::{Statement, document, tls_only};
use super::roles::managed_policy;
use super::values::key_arn_text;
use super::{DEPLOY_ROLE_ARN, GENERATED, KEY_ID, key_parameter, tags};

/// Builds the template of a target.
pub(super) fn template(plan: &Plan, target: &TargetPlan) -> Template {
    let names = Names { plan, target };
    let mut resources = Vec::new();
    let bucket_name = names.text(&target.names.bucket);
    if target.create_bucket {
        if let Some(name) = &target.names.log_bucket {
            let (account, name) = (names.account(), names.text(name));
            let sources = std::slice::from_ref(&bucket_name);
            resources.extend(log_bucket(plan, account, name, sources));
        }
        let options = BucketOptions {
            id: "OutputBucket",
            name: bucket_name.clone(),
            comment: "Output bucket of the pipeline. This account owns all objects, regardless of \
                      who writes them.",
            contents: Contents::Files,
            key: target.encryption_key.as_ref().map(Value::from),
            events: false,
            log_bucket: target.names.log_bucket.is_some(),
        };
        resources.push(bucket(plan, options));
        let arn = bucket_arn(plan, &bucket_name);
        let statements: Vec<Statement> = std::iter::once(tls_only(&arn))
            .chain(invalidation::read_access(&names, &arn))
            .collect();
        let bucket = Value::reference("OutputBucket");
        resources.push(bucket_policy("OutputBucketPolicy", bucket, &statements));
    }
    resources.push(role(&names));
    resources.push(output_policy(&names));
    resources.push(artifact_policy(&names));
    resources.extend(invalidation::invalidation(&names));
    Template {
        header: format!(
            "{GENERATED}\n\n{}. Deployed after the first deployment of the dev stack. The \
             parameter's value is the `DeployKeyId` output of the dev stack.",
            where_to(target)
        ),
        description: format!(
            "Target {} of pipeline {}: output bucket and deploy role",
            target.name, plan.dev.pipeline
        ),
        parameters: vec![key_parameter()],
        mappings: invalidation::distributions(target),
        conditions: Vec::new(),
        resources,
        outputs: outputs(&names),
    }
}

/// Returns the accounts and regions of the template, for its header.
fn where_to(target: &TargetPlan) -> String {
    let regions: BTreeSet<&str> = (target.instances.iter())
        .map(|instance| instance.region.as_str())
        .collect();
    let regions = Vec::from_iter(regions).join(", ");
    let first = target.instances.first();
    let account = first.map_or("", |instance| instance.account.as_str());
    match (target.many_accounts, target.many_regions) {
        (false, false) => format!("Account {account}, region {regions}"),
        (false, true) => format!("Account {account}, regions {regions}"),
        // Omit the number of accounts, so that a new account does not change the template.
        (true, false) => format!("Every account of the target, region {regions}"),
        (true, true) => format!("Every account of the target, regions {regions}"),
    }
}

/// The names in a target's template.
pub(super) struct Names<'p> {
    pub(super) plan: &'p Plan,
    pub(super) target: &'p TargetPlan,
}

impl Names<'_> {
    /// Replaces the placeholders in a pattern with the account and region, or with pseudo
    /// parameters where they differ between the instances.
    pub(super) fn text(&self, pattern: &str) -> Value {
        let target = self.target;
        let Some(first) = target.instances.first() else {
            return pattern.into();
        };
        let account = if target.many_accounts {
            "${AWS::AccountId}"
        } else {
            &first.account
        };
        let region = if target.many_regions {
            "${AWS::Region}"
        } else {
            &first.region
        };
        let text = pattern.replace("{account}", account);
        Value::text(text.replace("{region}", region))
    }

    /// Returns the account of the stack.
    pub(super) fn account(&self) -> Value {
        self.text("{account}")
    }

    /// Builds the statement that trusts the service role. This role exists before the stack is
    /// deployed, so a trust policy can name it.
    pub(super) fn trust_of_service_role(&self) -> Statement {
        Statement::allow(
            "ServiceRoleAssumesTheRole",
            "Only the pipeline's service role.",
        )
        .aws(list([&self.plan.dev.service_role.arn]))
        .actions(["sts:AssumeRole"])
    }

    /// Builds a role with the permissions boundary of the target. `does` is the beginning of its
    /// description.
    pub(super) fn role(
        &self,
        id: &str,
        name: &str,
        does: &str,
        comment: &str,
        trust: Statement,
    ) -> Resource {
        let boundary = self.target.names.permissions_boundary.as_deref();
        let boundary = boundary.map(|pattern| self.text(pattern));
        let properties = map([("RoleName", self.text(name))])
            .with(
                "Description",
                format!("{does} for pipeline {}", self.plan.dev.pipeline),
            )
            .with("AssumeRolePolicyDocument", document(&[trust]))
            .with_some("PermissionsBoundary", boundary)
            .with_some("Tags", tags(self.plan));
        Resource::new(id, "AWS::IAM::Role", comment, properties)
    }

    /// Returns the artifact bucket of the region.
    fn artifact_bucket(&self) -> Value {
        let first = self.target.instances.first();
        let region = first.map_or(self.plan.dev.region.as_str(), |instance| &instance.region);
        let name = &self.plan.store(region).bucket.name;
        if self.target.many_regions {
            self.text(&self.plan.dev.artifact_bucket_pattern)
        } else {
            name.as_str().into()
        }
    }
}

fn role(names: &Names<'_>) -> Resource {
    let Names { plan, target } = names;
    let mut trust = names.trust_of_service_role();
    if plan.permissions == Permissions::Article {
        trust = trust.without_sid().when(Value::Map(Vec::new()));
    }
    let comment = "The role that the pipeline uses to deploy. It trusts only the pipeline's \
                   service role. If that role is deleted and recreated, this trust stops working, \
                   because IAM stores the unique ID of the role instead of its name.";
    names
        .role("DeployRole", &target.names.role, "Deploys", comment, trust)
        .suppress(
            "CFN_NO_EXPLICIT_RESOURCE_NAMES",
            "The dev account's policies refer to it by name.",
        )
}

fn output_policy(names: &Names<'_>) -> Resource {
    let Names { plan, target } = names;
    let bucket = bucket_arn(plan, &names.text(&target.names.bucket));
    let statements = match plan.permissions {
        Permissions::Article => vec![
            Statement::allow("", "Writes the deployed files.")
                .without_sid()
                .action_list(["s3:Put*"])
                .on(list([bucket.suffixed("/*")])),
            Statement::allow("", "Lists the bucket.")
                .without_sid()
                .action_list(["s3:ListBucket"])
                .on(list([bucket.clone()])),
        ],
        Permissions::Least => least_output_statements(names, &bucket),
    };
    let mut statements = statements;
    if target.tagged_objects {
        statements.push(
            Statement::allow(
                "TagDeployedFiles",
                "tagged_objects is set in the configuration. AWS documents these permissions for \
                 the S3 deploy action if the objects have tags.",
            )
            .actions([
                "s3:GetObjectTagging",
                "s3:GetObjectVersionTagging",
                "s3:PutObjectTagging",
            ])
            .on(written_objects(target, &bucket))
            .owned_by(names.account()),
        );
    }
    if let Some(key) = &target.encryption_key {
        statements.push(
            Statement::allow(
                "EncryptDeployedFiles",
                "Encrypts the files with the bucket's key.",
            )
            .actions(["kms:Decrypt", "kms:GenerateDataKey"])
            .on(key),
        );
    }
    let mut comment = "Allows the role to deploy to the output bucket.".to_owned();
    if plan.permissions == Permissions::Least {
        comment.push_str(
            " The conditions name this account. If the bucket is deleted, the role cannot write to \
             a bucket of the same name in another account.",
        );
    }
    suppress_wildcards(
        plan,
        managed_policy(
            "OutputBucketDeployAccess",
            names.text(&target.names.output_policy),
            &comment,
            "Deploys to the output bucket",
            Value::reference("DeployRole"),
            document(&statements),
        ),
    )
}

/// Returns the ARN of the objects that the deploy actions of a target write.
pub(super) fn written_objects(target: &TargetPlan, bucket: &Value) -> Value {
    bucket.suffixed(&format!("/{}", target.written_keys()))
}

fn least_output_statements(names: &Names<'_>, bucket: &Value) -> Vec<Statement> {
    let target = names.target;
    let write = Statement::allow("WriteDeployedFiles", "Writes the deployed files.");
    let write = if target.canned_acl.is_some() {
        write.actions(["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"])
    } else {
        write.actions(["s3:PutObject"])
    };
    vec![
        write
            .on(written_objects(target, bucket))
            .owned_by(names.account()),
        Statement::allow(
            "ReadOutputBucket",
            "Reads the bucket's settings. AWS documents these permissions for the S3 deploy \
             action, but they are not known to be required.",
        )
        .actions([
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
            "s3:GetBucketVersioning",
            "s3:ListBucket",
        ])
        .on(bucket.clone())
        .owned_by(names.account()),
    ]
}

fn artifact_policy(names: &Names<'_>) -> Resource {
    let Names { plan, target } = names;
    let region = match target.instances.first() {
        Some(first) if !target.many_regions => &first.region,
        _ => "${AWS::Region}",
    };
    let key = Value::Sub(key_arn_text(plan, region, KEY_ID));
    let name = names.artifact_bucket();
    let bucket = bucket_arn(plan, &name);
    let prefix = plan.bucket_arn("");
    let objects = plan.artifact_objects_arns("").into_iter().map(|arn| {
        let keys = arn.strip_prefix(&prefix).unwrap_or_default();
        bucket.suffixed(keys)
    });
    let mut objects: Vec<Value> = objects.collect();
    let objects = match (objects.len(), objects.pop()) {
        (1, Some(only)) => only,
        (_, last) => list(objects.into_iter().chain(last)),
    };
    let dev = plan.dev.account.as_str();
    let mut reads = vec!["s3:GetObject", "s3:GetObjectVersion"];
    if target.tagged_objects {
        reads.extend(["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]);
        reads.sort_unstable();
    }
    let statements = match plan.permissions {
        Permissions::Least => [
            Statement::allow(
                "DecryptArtifacts",
                "Decrypts the pipeline's artifacts. DescribeKey is part of AWS's published \
                 cross-account procedure.",
            )
            .actions(["kms:Decrypt", "kms:DescribeKey"])
            .on(key),
            Statement::allow(
                "ReadArtifacts",
                if target.tagged_objects {
                    "Reads this pipeline's artifacts and their tags."
                } else {
                    "Reads this pipeline's artifacts."
                },
            )
            .actions(reads)
            .on(objects)
            .owned_by(dev),
            Statement::allow(
                "ListArtifactBucket",
                "Lists artifacts, as in AWS's published cross-account procedure. Without this \
                 permission, S3 returns the same error for a missing artifact as for a forbidden \
                 one.",
            )
            .actions(["s3:ListBucket"])
            .on(bucket)
            .owned_by(dev),
        ],
        Permissions::Article => [
            Statement::allow("", "Decrypts the pipeline's artifacts.")
                .without_sid()
                .actions([
                    "kms:DescribeKey",
                    "kms:GenerateDataKey*",
                    "kms:Encrypt",
                    "kms:ReEncrypt*",
                    "kms:Decrypt",
                ])
                .on(list([key])),
            Statement::allow("", "Reads the pipeline's artifacts.")
                .without_sid()
                .action_list(["s3:Get*"])
                .on(list([bucket.suffixed("/*")])),
            Statement::allow("", "Lists the artifacts.")
                .without_sid()
                .action_list(["s3:ListBucket"])
                .on(list([bucket])),
        ],
    };
    let mut comment = "Allows the role to read artifacts in the dev account. The key policy and \
                       bucket policy in the dev account must also allow it."
        .to_owned();
    if plan.permissions == Permissions::Least {
        comment.push_str(
            " The conditions name the dev account. If its bucket is deleted, the role cannot read \
             from a bucket of the same name in another account.",
        );
    }
    suppress_wildcards(
        plan,
        managed_policy(
            "DevKmsS3Access",
            names.text(&target.names.artifact_policy),
            &comment,
            "Reads the pipeline's artifacts in the dev account",
            Value::reference("DeployRole"),
            document(&statements),
        ),
    )
}

fn suppress_wildcards(plan: &Plan, resource: Resource) -> Resource {
    if plan.permissions == Permissions::Article {
        resource.suppress(
            "IAM_NO_WILDCARD_ACTIONS",
            "`permissions: article` is set. These wildcards come from the AWS procedure.",
        )
    } else {
        resource
    }
}

fn outputs(names: &Names<'_>) -> Vec<Output> {
    let target = names.target;
    let bucket = if target.create_bucket {
        Value::reference("OutputBucket")
    } else {
        names.text(&target.names.bucket)
    };
    let output = |id: &str, description: &str, value: Value| Output {
        id: id.to_owned(),
        description: description.to_owned(),
        value,
        condition: None,
    };
    vec![
        output(
            DEPLOY_ROLE_ARN,
            "ARN of the deploy role",
            Value::attribute("DeployRole", "Arn"),
        ),
        output("OutputBucketName", "Name of the output bucket", bucket),
    ]
}
