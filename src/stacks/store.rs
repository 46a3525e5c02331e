//! An artifact store: the bucket and the statements that its policy needs.

use std::collections::BTreeSet;

use crate::config::Permissions;
use crate::plan::{Plan, Store, TargetPlan};
use crate::template::{Item, Resource, Value, map};

use super::bucket::{BucketOptions, bucket, bucket_policy};
use super::key::REPLICA;
use super::lifecycle::Contents;
use super::policy::{Statement, tls_only};
use super::readers::{Readers, readers};
use super::values::{self, one_or_list};

/// Builds the artifact bucket and its policy, unless they already exist. The key is in the same
/// stack.
pub(super) fn store(plan: &Plan, store: Store<'_>) -> Vec<Resource> {
    let key = if store.is_main {
        Value::attribute(values::key_logical_id(plan), "Arn")
    } else {
        Value::attribute(REPLICA, "Arn")
    };
    let article = plan.permissions == Permissions::Article;
    let suppress = |resource: Resource| {
        let reason = "`permissions: article` is set. These statements come from the AWS procedure.";
        if article {
            resource
                .suppress("S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED", reason)
                .suppress("S3_BUCKET_TLS_ONLY", reason)
                .suppress("S3_BUCKET_SSL_REQUESTS_ONLY", reason)
        } else {
            resource
        }
    };
    let mut resources = Vec::new();
    if store.bucket.create {
        let options = BucketOptions {
            id: "ArtifactBucket",
            name: store.bucket.name.as_str().into(),
            comment: if store.is_main {
                "Artifact store of the pipeline."
            } else {
                "Artifact store of the pipeline in this region. CodePipeline copies the artifacts \
                 to it."
            },
            contents: Contents::Artifacts,
            key: Some(key.clone()),
            events: false,
            log_bucket: store.log_bucket.is_some(),
        };
        let bucket = bucket(plan, options);
        resources.push(if article {
            bucket.suppress("S3_BUCKET_TLS_ONLY", "`permissions: article` is set.")
        } else {
            bucket
        });
        let statements = statements(plan, store, Some(&key));
        resources.push(suppress(bucket_policy(
            "ArtifactBucketPolicy",
            Value::reference("ArtifactBucket"),
            &statements,
        )));
    } else if plan.dev.existing_policy.is_none() {
        let statements = statements(plan, store, Some(&key));
        let name = Value::from(store.bucket.name.as_str());
        let mut policy = bucket_policy("ArtifactBucketPolicy", name, &statements);
        policy.comment = "The artifact bucket already exists and has no policy. This policy is \
                          retained when the stack is deleted."
            .to_owned();
        resources.push(suppress(policy.retained()));
    }
    resources
}

/// Builds the statements that the policy of the artifact bucket needs.
///
/// An existing bucket may serve other pipelines with other keys. The rules for uploads then apply
/// only to the folder of this pipeline.
///
/// `key` is the ARN of the store's key. Without it, uploads with other keys are not denied.
pub(super) fn statements(plan: &Plan, store: Store<'_>, key: Option<&Value>) -> Vec<Statement> {
    let bucket = plan.bucket_arn(&store.bucket.name);
    let own = store.bucket.create;
    let objects = || one_or_list(plan.artifact_objects_arns(&store.bucket.name));
    let mut statements = Vec::new();
    if plan.permissions == Permissions::Article {
        // The policy in the procedure begins with these statements, as does the policy of a bucket
        // that CodePipeline created.
        statements.extend(article_denials(&bucket));
        let targets = plan.targets.iter();
        statements.extend(targets.flat_map(|target| article_access(plan, store, target)));
        return statements;
    }
    statements.push(tls_only(&bucket.as_str().into()));
    let uploads = if own {
        Value::from(format!("{bucket}/*"))
    } else {
        objects()
    };
    statements.push(unencrypted_uploads(uploads.clone()));
    if let Some(key) = key {
        let other_key = map([
            ("StringNotEquals", map([(KEY_HEADER, key.clone())])),
            ("Null", map([(KEY_HEADER, false)])),
        ]);
        statements.push(
            Statement::deny(
                "DenyUploadsWithAnotherKey",
                "An upload must not specify a different key.",
            )
            .everybody()
            .actions(["s3:PutObject"])
            .on(uploads)
            .when(other_key),
        );
    }
    for tagged in [false, true] {
        let which = |target: &TargetPlan| target.tagged_objects == tagged;
        for readers in readers(plan, store.region, which) {
            statements.extend(least_access(readers, &bucket, objects(), tagged));
        }
    }
    statements
}

const KEY_HEADER: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";

fn unencrypted_uploads(objects: impl Into<Value>) -> Statement {
    let encrypted = map([("s3:x-amz-server-side-encryption", "aws:kms")]);
    Statement::deny(
        "DenyUnEncryptedObjectUploads",
        "An upload must request KMS encryption in its header. The bucket default is not enough.",
    )
    .everybody()
    .actions(["s3:PutObject"])
    .on(objects)
    .when(map([("StringNotEquals", encrypted)]))
}

/// Builds the statements that allow roles to read artifacts. With `tagged`, they can also read the
/// tags.
fn least_access(readers: Readers, bucket: &str, objects: Value, tagged: bool) -> Vec<Statement> {
    let (what, mut actions) = if tagged {
        (
            "TaggedArtifacts",
            vec![
                "s3:GetObject",
                "s3:GetObjectTagging",
                "s3:GetObjectVersion",
                "s3:GetObjectVersionTagging",
            ],
        )
    } else {
        ("Artifacts", vec!["s3:GetObject", "s3:GetObjectVersion"])
    };
    let reads = if tagged {
        "can read artifacts and their tags"
    } else {
        "can read artifacts"
    };
    let Readers {
        name,
        comment,
        why,
        principal,
        condition,
        is_one,
    } = readers;
    if is_one {
        return vec![
            Statement::allow(
                &format!("DeployRoleReads{what}{name}"),
                &format!("{comment} {reads}. {why}"),
            )
            .aws(principal.clone())
            .actions(actions)
            .on(objects)
            .when(condition.clone()),
            Statement::allow(
                &format!("DeployRoleListsArtifacts{name}"),
                "The same role lists artifacts, as in AWS's published cross-account procedure. \
                 Without this permission, S3 returns the same error for a missing artifact as for \
                 a forbidden one.",
            )
            .aws(principal)
            .actions(["s3:ListBucket"])
            .on(bucket)
            .when(condition),
        ];
    }
    // Use one statement for the bucket and its objects to halve the length. The bucket actions have
    // no effect on the objects.
    let mut resources = vec![Item {
        comment: String::new(),
        value: bucket.into(),
    }];
    match objects {
        Value::List(items) => resources.extend(items),
        value => resources.push(Item {
            comment: String::new(),
            value,
        }),
    }
    actions.push("s3:ListBucket");
    vec![
        Statement::allow(
            &format!("DeployRolesRead{what}{name}"),
            &format!("{comment} {reads}. {why}"),
        )
        .aws(principal)
        .actions(actions)
        .on(Value::List(resources))
        .when(condition),
    ]
}

fn article_denials(bucket: &str) -> [Statement; 2] {
    let objects = format!("{bucket}/*");
    [
        unencrypted_uploads(&objects),
        Statement::deny(
            "DenyInsecureConnections",
            "Requests for objects must use TLS.",
        )
        .everybody()
        .actions(["s3:*"])
        .on(objects)
        .when(map([("Bool", map([("aws:SecureTransport", false)]))])),
    ]
}

fn article_access(plan: &Plan, store: Store<'_>, target: &TargetPlan) -> Vec<Statement> {
    let bucket = plan.bucket_arn(&store.bucket.name);
    let accounts: BTreeSet<&str> = (target.instances_in(store.region))
        .map(|instance| instance.account.as_str())
        .collect();
    let roots: Vec<String> = accounts
        .iter()
        .map(|account| plan.account_arn(account))
        .collect();
    let comment = match roots.len() {
        0 => return Vec::new(),
        1 => format!("Target {}: its entire account.", target.name),
        _ => format!("Target {}: all of its accounts.", target.name),
    };
    let roots = one_or_list(roots);
    vec![
        Statement::allow("", &comment)
            .aws(roots.clone())
            .actions(["s3:Get*", "s3:Put*"])
            .on(format!("{bucket}/*")),
        Statement::allow("", "")
            .aws(roots)
            .actions(["s3:ListBucket"])
            .on(bucket),
    ]
}
