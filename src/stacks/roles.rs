//! The roles of the dev account and their managed policies. Separate managed policies break the
//! cycle between a role, the key policy that names it, and the key that the role can use.

use std::collections::BTreeSet;

use crate::aws::quotas::MANAGED_POLICY;
use crate::config::Permissions;
use crate::plan::{
    InstancePlan, ObjectSource, Plan, RepositorySource, SourcePlan, Store, TargetPlan,
};
use crate::run::CONNECTION_USES;
use crate::template::{Resource, Value, list, map};

use super::build;
use super::policy::{Statement, document, single_statement_document};
use super::safety;
use super::values::{self, alphanumeric, key_arn_text, one_or_list};
use super::{ENCRYPTED_ARN, tags};

/// Maximum length of the role ARNs in a managed policy. The rest is reserved for the statement that
/// contains the ARNs.
const ASSUMED_ROLES_LENGTH: usize = MANAGED_POLICY.length() - 300;

/// Returns the name of the service role. For a role in the stack, it is a reference.
pub(super) fn service_role_name(plan: &Plan) -> Value {
    if plan.dev.service_role.create {
        Value::reference("ServiceRole")
    } else {
        Value::from(plan.dev.service_role.name.as_str())
    }
}

/// Builds the service role, unless it already exists, and its policies.
pub(super) fn service_role(plan: &Plan) -> Vec<Resource> {
    let mut resources = Vec::new();
    let role = &plan.dev.service_role;
    if role.create {
        // CodePipeline documents no source condition for this trust policy. A condition key that
        // CodePipeline does not send would block every execution.
        let trust = Statement::allow("CodePipelineAssumesTheRole", "Only CodePipeline.")
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
        let comment = "The pipeline's service role. The policies below contain its permissions. \
                       CodePipeline documents no source condition for its trust policy, so it has \
                       none.";
        let role = Resource::new("ServiceRole", "AWS::IAM::Role", comment, properties).suppress(
            "CFN_NO_EXPLICIT_RESOURCE_NAMES",
            "The targets' trust policies refer to it by name.",
        );
        resources.push(role);
    }
    resources.push(source_policy(plan));
    resources.push(artifact_policy(plan));
    resources.extend(assume_policies(plan));
    resources.extend(invoke_policy(plan));
    resources.extend(build::start_policy(plan, service_role_name(plan)));
    resources.extend(safety::policy(plan));
    resources
}

/// Builds a managed policy and attaches it to a role.
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
        "Deployment permissions refer to it by name.",
    )
}

const BUCKET_READS: [&str; 3] = [
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
];

fn source_policy(plan: &Plan) -> Resource {
    match &plan.dev.source {
        SourcePlan::Object(source) => object_policy(plan, source),
        SourcePlan::Repository(source) => repository_policy(plan, source),
    }
}

/// Builds the policy for a repository. Follows *CodeStarSourceConnection for Bitbucket Cloud,
/// GitHub, GitHub Enterprise Server, GitLab.com, and GitLab self-managed actions* in the AWS
/// documentation.
fn repository_policy(plan: &Plan, source: &RepositorySource) -> Resource {
    let statement = Statement::allow(
        "UseConnection",
        "The source action reads the repository through this connection. AWS documents the action \
         with the new and the old prefix of the service. The action also covers writes, if the \
         connection's app has access to write.",
    )
    .actions(CONNECTION_USES)
    .on(source.connection.as_str());
    managed_policy(
        "SourcePolicy",
        &plan.dev.source_policy,
        "Source stage: the service role reads the repository through the connection. The pipeline \
         specifies the repository and the branch. AWS documents condition keys for both, but not \
         that CodePipeline sets these keys, so the policy has no condition.",
        "Reads the pipeline's source",
        service_role_name(plan),
        document(&[statement]),
    )
}

fn object_policy(plan: &Plan, source: &ObjectSource) -> Resource {
    let bucket = plan.bucket_arn(&source.bucket.name);
    let account = plan.dev.account.as_str();
    let mut statements = vec![
        Statement::allow(
            "ReadSourceBucket",
            "The source action reads the bucket's settings, as AWS documents for the action.",
        )
        .actions(BUCKET_READS)
        .on(bucket.as_str())
        .owned_by(account),
        Statement::allow(
            "ListSourceBucket",
            "Without this permission, S3 returns 403 for a missing source object, as for a \
             forbidden one. This permission also allows listing the bucket. No condition names the \
             object, because AWS does not document that s3:prefix is set when S3 checks this \
             permission for a missing object.",
        )
        .actions(["s3:ListBucket"])
        .on(bucket)
        .owned_by(account),
        Statement::allow(
            "ReadSourceObject",
            "The source action can read any version of this object and its tags, as AWS documents \
             for the action.",
        )
        .actions([
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
        ])
        .on(plan.source_object_arn(source))
        .owned_by(account),
    ];
    if let Some(key) = &source.encryption_key {
        statements.push(decrypt_source(plan, source, key));
    }
    managed_policy(
        "SourcePolicy",
        &plan.dev.source_policy,
        "Source stage: the service role reads the source. The conditions name the bucket's \
         account. If the bucket is deleted, the role cannot read a bucket of the same name in \
         another account.",
        "Reads the pipeline's source",
        service_role_name(plan),
        document(&statements),
    )
}

/// Builds the statement that allows decrypting the source with the source bucket's key. Follows the
/// sections *Permissions* and *Encryption context* of *Using server-side encryption with AWS KMS
/// keys* in the AWS documentation.
fn decrypt_source(plan: &Plan, source: &ObjectSource, key: &str) -> Statement {
    let contexts = list(plan.source_encryption_contexts(source));
    let context = map([(ENCRYPTED_ARN, contexts)]);
    Statement::allow(
        "DecryptSource",
        "The bucket encrypts objects with this key. S3 decrypts on behalf of the role and passes \
         the bucket or object as the encryption context, so the role cannot decrypt other data. \
         The key policy is not in a template. It must delegate to the account's IAM policies or \
         allow the role.",
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
            "CodePipeline reads the bucket's settings, as AWS documents for a service role.",
        )
        .actions(BUCKET_READS)
        .on(one_or_list(buckets.collect()))
        .owned_by(account),
        Statement::allow(
            "StoreArtifacts",
            "CodePipeline writes and reads artifacts only in this pipeline's folder, whose name it \
             truncates to 20 characters. AWS documents PutObjectAcl for a service role, and the \
             tagging actions for source objects with tags.",
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
            "CodePipeline encrypts artifacts with this key. AWS's default key policy gives key \
             users DescribeKey.",
        )
        .actions(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])
        .on(keys),
    ];
    managed_policy(
        "ArtifactPolicy",
        &plan.dev.artifact_policy,
        "Allows the service role to store encrypted artifacts. The conditions name the bucket's \
         account. If the bucket is deleted, the role cannot write to a bucket of the same name in \
         another account.",
        "Stores the pipeline's artifacts",
        service_role_name(plan),
        document(&statements),
    )
}

/// Returns the ARN of a store's key, for the stack that creates the primary key. A replica has the
/// same ID.
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

/// Builds the policies that allow the service role to assume the deploy roles. Their number depends
/// on the number of roles.
fn assume_policies(plan: &Plan) -> Vec<Resource> {
    let comment = "The service role can assume only these roles. They trust only this role.";
    let (mut statements, named) = match &plan.organization {
        Some(organization) => by_organization(plan, organization),
        None => (Vec::new(), plan.instances().collect()),
    };
    let patterns = !statements.is_empty();
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    let mut length = 0;
    for arn in (named.into_iter()).flat_map(|(_, instance)| instance.assumed_roles()) {
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
        // Short statements share a policy.
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
                "Deploy stage: the service role assumes the target's deploy role.",
                "Assumes the deploy roles of the pipeline's targets",
                service_role_name(plan),
                document,
            );
            if patterns {
                policy.suppress(
                    "IAM_ASSUME_ROLE_EXACT",
                    "organization is set in the configuration: the role name is exact, and its \
                     account must belong to the organization.",
                )
            } else {
                policy
            }
        })
        .collect()
}

type Named<'p> = Vec<(&'p TargetPlan, &'p InstancePlan)>;

/// Returns statements that name the organization for the targets with many accounts, and the
/// instances of the other targets.
fn by_organization<'p>(plan: &'p Plan, organization: &str) -> (Vec<Statement>, Named<'p>) {
    let mut statements = Vec::new();
    for target in plan.targets.iter().filter(|target| target.many_accounts) {
        let names = target.assumed_roles();
        let names: Vec<String> = names.map(|name| name.replace("{account}", "*")).collect();
        let regions = target.instances.iter().map(|instance| &instance.region);
        let roles: BTreeSet<String> = regions
            .flat_map(|region| (names.iter()).map(|name| name.replace("{region}", region)))
            .map(|name| plan.role_arn("*", &name))
            .collect();
        let condition = map([("StringEquals", map([("aws:ResourceOrgID", organization)]))]);
        statements.push(
            Statement::allow(
                &format!("AssumeDeployRoles{}", alphanumeric(&target.name)),
                &format!(
                    "Target {}: the roles with this name in the organization's accounts.",
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

/// Builds the policy that allows each pipeline to start the next one. Follows *AWS CodePipeline
/// invoke action reference* in the AWS documentation.
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
    let statement = Statement::allow("StartNextPipeline", "Each pipeline starts the next one.")
        .actions(["codepipeline:StartPipelineExecution"])
        .on(one_or_list(next));
    Some(managed_policy(
        "NextPipelinePolicy",
        &plan.dev.invoke_policy,
        "Last stage: the service role starts the next pipeline.",
        "Starts the pipelines that follow the first",
        service_role_name(plan),
        document(&[statement]),
    ))
}
