//! The dev account's roles and the managed policies on them. Managed policies of their own
//! break the circle between a role, the key policy that names it, and the key that it may use.

use std::collections::BTreeSet;

use crate::aws::quotas::MANAGED_POLICY;
use crate::config::Permissions;
use crate::plan::{InstancePlan, Plan, Store, TargetPlan};
use crate::template::{Resource, Value, list, map};

use super::policy::{Statement, document, single_statement_document};
use super::values::{self, alphanumeric, key_arn_text, one_or_list};
use super::{ENCRYPTED_ARN, tags};

/// How much of a managed policy the ARNs of the assumed roles can take: the rest is left for what
/// surrounds them.
const ASSUMED_ROLES_LENGTH: usize = MANAGED_POLICY.length() - 300;

fn service_role_name(plan: &Plan) -> Value {
    if plan.dev.service_role.create {
        Value::reference("ServiceRole")
    } else {
        Value::from(plan.dev.service_role.name.as_str())
    }
}

/// The service role, if it is made, and its policies.
pub(super) fn service_role(plan: &Plan) -> Vec<Resource> {
    let mut resources = Vec::new();
    let role = &plan.dev.service_role;
    if role.create {
        // CodePipeline documents no source condition for this trust, and one on a key that it
        // does not send would stop every run.
        let trust = Statement::allow(
            "CodePipelineAssumesTheRole",
            "CodePipeline, and no other service.",
        )
        .service("codepipeline.amazonaws.com")
        .actions(["sts:AssumeRole"]);
        let properties = map([
            ("RoleName", role.name.as_str()),
            ("Path", role.path.as_str()),
        ])
        .with(
            "Description",
            format!("Service role of pipeline {}", plan.dev.pipeline),
        )
        .with("AssumeRolePolicyDocument", document(&[trust]))
        .with_some(
            "PermissionsBoundary",
            plan.dev.permissions_boundary.as_ref(),
        )
        .with_some("Tags", tags(plan));
        let comment = "The pipeline's service role. What it may do stands in the policies below. \
                       CodePipeline documents no source condition for its trust, so there is none.";
        let role = Resource::new("ServiceRole", "AWS::IAM::Role", comment, properties).suppress(
            "CFN_NO_EXPLICIT_RESOURCE_NAMES",
            "The targets' trust policies name it.",
        );
        resources.push(role);
    }
    resources.push(source_policy(plan));
    resources.push(artifact_policy(plan));
    resources.extend(assume_policies(plan));
    resources.extend(invoke_policy(plan));
    resources
}

/// A managed policy on one role.
pub(super) fn managed_policy(
    id: &str,
    name: impl Into<Value>,
    comment: &str,
    description: &str,
    role: Value,
    document: Value,
) -> Resource {
    let properties = map([("ManagedPolicyName", name.into())])
        .with("Description", description)
        .with("Roles", list([role]))
        .with("PolicyDocument", document);
    Resource::new(id, "AWS::IAM::ManagedPolicy", comment, properties).suppress(
        "CFN_NO_EXPLICIT_RESOURCE_NAMES",
        "Permissions to deploy it are granted by name.",
    )
}

const BUCKET_READS: [&str; 3] = [
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
];

fn source_policy(plan: &Plan) -> Resource {
    let bucket = plan.bucket_arn(&plan.dev.source_bucket.name);
    let account = plan.dev.account.as_str();
    let mut statements = vec![
        Statement::allow(
            "ReadSourceBucket",
            "The source action looks at the bucket's settings, as AWS documents it for the action.",
        )
        .actions(BUCKET_READS)
        .on(bucket.as_str())
        .owned_by(account),
        Statement::allow(
            "ListSourceBucket",
            "Without it, S3 answers 403 for a missing source object, as for a forbidden one. It \
             also allows listing the bucket: AWS does not document that s3:prefix is set when S3 \
             checks this permission for a missing object, so no condition names the object.",
        )
        .actions(["s3:ListBucket"])
        .on(bucket)
        .owned_by(account),
        Statement::allow(
            "ReadSourceObject",
            "It reads this one object, in any version, and its tags, as AWS documents it for the \
             action.",
        )
        .actions([
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
        ])
        .on(plan.source_object_arn())
        .owned_by(account),
    ];
    if let Some(key) = &plan.dev.source_encryption_key {
        statements.push(decrypt_source(plan, key));
    }
    managed_policy(
        "SourcePolicy",
        &plan.dev.source_policy,
        "Source stage: the service role reads the source. The conditions name the bucket's \
         account: if the bucket is deleted, a bucket of the same name in another account is not \
         read.",
        "Reads the pipeline's source",
        service_role_name(plan),
        document(&statements),
    )
}

/// Decrypting the source with its bucket's own key (Amazon S3, *Using server-side encryption with
/// AWS KMS keys*, sections *Permissions* and *Encryption context*).
fn decrypt_source(plan: &Plan, key: &str) -> Statement {
    let contexts = list(plan.source_encryption_contexts());
    let context = map([(ENCRYPTED_ARN, contexts)]);
    Statement::allow(
        "DecryptSource",
        "The bucket encrypts with this key. S3 decrypts for the role, and names the bucket or the \
         object as the encryption context, so the key opens nothing else. The key's own policy is in \
         no template: it must let the account's IAM policies decide, or allow the role as well.",
    )
    .actions(["kms:Decrypt"])
    .on(key)
    .when(map([("StringLike", context)]))
}

fn artifact_policy(plan: &Plan) -> Resource {
    let stores: Vec<Store<'_>> = plan.stores().collect();
    let buckets = stores
        .iter()
        .map(|store| plan.bucket_arn(&store.bucket.name));
    let objects = stores
        .iter()
        .flat_map(|store| plan.artifact_objects_arns(&store.bucket.name));
    let keys: Value = if plan.regions.is_empty() {
        Value::attribute(values::key_logical_id(plan), "Arn")
    } else {
        list(stores.iter().map(|store| key_arn(plan, *store)))
    };
    let account = plan.dev.account.as_str();
    let statements = [
        Statement::allow(
            "ReadArtifactBucket",
            "CodePipeline looks at the store's settings, as AWS documents it for a service role.",
        )
        .actions(BUCKET_READS)
        .on(one_or_list(buckets.collect()))
        .owned_by(account),
        Statement::allow(
            "StoreArtifacts",
            "It stores artifacts and reads them back, in this pipeline's folder only; PutObjectAcl \
             is what AWS documents for a service role, and the tagging actions are what it \
             documents for source objects with tags. CodePipeline cuts the folder's name to 20 \
             characters.",
        )
        .actions([
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
            "s3:PutObject",
            "s3:PutObjectAcl",
            "s3:PutObjectTagging",
        ])
        .on(one_or_list(objects.collect()))
        .owned_by(account),
        Statement::allow(
            "EncryptArtifacts",
            "It encrypts them with this key; DescribeKey is what AWS's default policy gives a key's users.",
        )
        .actions(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])
        .on(keys),
    ];
    managed_policy(
        "ArtifactPolicy",
        &plan.dev.artifact_policy,
        "The service role stores the artifacts, encrypted. The conditions name the bucket's account: \
         if the bucket is deleted, nothing is stored in a bucket of the same name in another \
         account.",
        "Stores the pipeline's artifacts",
        service_role_name(plan),
        document(&statements),
    )
}

/// ARN of a store's key, in the stack that makes the key: a replica has the same ID.
pub(super) fn key_arn(plan: &Plan, store: Store<'_>) -> Value {
    if store.is_main {
        return Value::attribute(values::key_logical_id(plan), "Arn");
    }
    Value::Sub(key_arn_text(
        plan,
        store.region,
        values::key_logical_id(plan),
    ))
}

/// The policies with which the service role becomes the deploy roles: as many as it takes to name
/// them all.
fn assume_policies(plan: &Plan) -> Vec<Resource> {
    let comment = "It assumes exactly these roles. Each of them trusts exactly the service role.";
    let (mut statements, named) = match &plan.organization {
        Some(organization) => by_organization(plan, organization),
        None => (Vec::new(), plan.instances().collect()),
    };
    let patterns = !statements.is_empty();
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    let mut length = 0;
    for (_, instance) in named {
        let arn = instance.role.arn.as_str();
        length += arn.len() + 3;
        match chunks.last_mut().filter(|_| length <= ASSUMED_ROLES_LENGTH) {
            Some(chunk) => chunk.push(arn),
            None => {
                length = arn.len() + 3;
                chunks.push(vec![arn]);
            }
        }
    }
    let mut documents: Vec<Vec<Statement>> = chunks
        .into_iter()
        .map(|roles| {
            let statement = Statement::allow("AssumeDeployRoles", comment);
            vec![statement.actions(["sts:AssumeRole"]).on(list(roles))]
        })
        .collect();
    match documents.as_mut_slice() {
        // What is short stands beside what is.
        [only] if patterns => only.append(&mut statements),
        _ if patterns => documents.push(statements),
        _ => {}
    }
    let documents = documents.into_iter().enumerate();
    documents
        .map(|(number, statements)| {
            let number = match number {
                0 => String::new(),
                _ => (number + 1).to_string(),
            };
            let document = match (plan.permissions, statements.as_slice()) {
                (Permissions::Article, [only]) => {
                    single_statement_document(&only.clone().without_sid())
                }
                _ => document(&statements),
            };
            let name = match number.as_str() {
                "" => plan.dev.assume_policy.clone(),
                number => format!("{}-{number}", plan.dev.assume_policy),
            };
            let policy = managed_policy(
                &format!("AssumeDeployRolesPolicy{number}"),
                &name,
                "Deploy stage: the service role becomes the target's deploy role.",
                "Assumes the deploy roles of the pipeline's targets",
                service_role_name(plan),
                document,
            );
            if patterns {
                policy.suppress(
                    "IAM_ASSUME_ROLE_EXACT",
                    "organization is set in the configuration: the role's name is exact, and its \
                     account must be one of the organization's.",
                )
            } else {
                policy
            }
        })
        .collect()
}

type Named<'p> = Vec<(&'p TargetPlan, &'p InstancePlan)>;

/// With an organization, the roles of targets with many accounts by name; and the others.
fn by_organization<'p>(plan: &'p Plan, organization: &str) -> (Vec<Statement>, Named<'p>) {
    let mut statements = Vec::new();
    for target in plan.targets.iter().filter(|target| target.many_accounts) {
        let name = target.names.role.replace("{account}", "*");
        let regions = target.instances.iter().map(|instance| &instance.region);
        let roles: BTreeSet<String> = regions
            .map(|region| plan.role_arn("*", &name.replace("{region}", region)))
            .collect();
        let condition = map([("StringEquals", map([("aws:ResourceOrgID", organization)]))]);
        statements.push(
            Statement::allow(
                &format!("AssumeDeployRoles{}", alphanumeric(&target.name)),
                &format!(
                    "Target {}: the roles of this name in the organization's accounts.",
                    target.name
                ),
            )
            .actions(["sts:AssumeRole"])
            .on(one_or_list(roles.into_iter().collect()))
            .when(condition),
        );
    }
    let named = plan.instances().filter(|(target, _)| !target.many_accounts);
    (statements, named.collect())
}

/// With several pipelines, each starts the next (AWS CodePipeline, *AWS CodePipeline invoke action
/// reference*).
fn invoke_policy(plan: &Plan) -> Option<Resource> {
    let next: Vec<String> = plan
        .pipelines
        .iter()
        .skip(1)
        .map(|pipeline| plan.pipeline_arn(&pipeline.name))
        .collect();
    if next.is_empty() {
        return None;
    }
    let statement = Statement::allow("StartNextPipeline", "One pipeline starts the next.")
        .actions(["codepipeline:StartPipelineExecution"])
        .on(one_or_list(next));
    Some(managed_policy(
        "NextPipelinePolicy",
        &plan.dev.invoke_policy,
        "Last stage: the service role starts the pipeline that goes on.",
        "Starts the pipelines that follow the first",
        service_role_name(plan),
        document(&[statement]),
    ))
}
