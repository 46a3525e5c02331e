//! The artifact bucket's statements, and their merge into the policy that a bucket has already.

use serde_json::Value as Json;

use crate::cfn::{Value, map};
use crate::config::Permissions;
use crate::iam::{Policy, PolicyKind};
use crate::plan::{Plan, TargetPlan};
use crate::syntax::{self, Problem, Source};

use super::contradiction::contradictions;
use super::key::alphanumeric;
use super::policy::{Statement, document, only_role, tls_only};

/// Why an existing policy cannot be merged: every problem, with its place in the policy's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the existing bucket policy cannot be merged")]
pub struct MergeError(pub Vec<Problem>);

/// The statements that the artifact bucket's policy needs.
///
/// A bucket of somebody else's may serve other pipelines, with other keys: there, the rules for
/// uploads hold for this pipeline's folder only.
pub(super) fn artifact_bucket_statements(plan: &Plan) -> Vec<Statement> {
    let bucket = plan.bucket_arn(&plan.dev.artifact_bucket.name);
    let own = plan.dev.artifact_bucket.create;
    let mut statements = Vec::new();
    if plan.permissions == Permissions::Article {
        // The procedure's policy begins with them; a bucket that CodePipeline made has them.
        statements.extend(article_denials(&bucket));
        statements.extend(
            plan.targets
                .iter()
                .flat_map(|target| article_access(plan, target)),
        );
        return statements;
    }
    statements.push(tls_only(&bucket));
    let uploads = if own {
        format!("{bucket}/*")
    } else {
        plan.artifact_objects_arn()
    };
    statements.push(unencrypted_uploads(&uploads));
    if plan.dev.existing_policy.is_none() {
        let other_key = map([
            (
                "StringNotEquals",
                map([(KEY_HEADER, Value::attribute("DeployKey", "Arn"))]),
            ),
            ("Null", map([(KEY_HEADER, false)])),
        ]);
        statements.push(
            Statement::deny(
                "DenyUploadsWithAnotherKey",
                "Nor with another key, where an upload names one.",
            )
            .everybody()
            .actions(["s3:PutObject"])
            .on(&uploads)
            .when(other_key),
        );
    }
    statements.extend(
        plan.targets
            .iter()
            .flat_map(|target| least_access(plan, target)),
    );
    statements
}

const KEY_HEADER: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";

fn unencrypted_uploads(objects: &str) -> Statement {
    let encrypted = map([("s3:x-amz-server-side-encryption", "aws:kms")]);
    Statement::deny(
        "DenyUnEncryptedObjectUploads",
        "Nothing is stored without KMS encryption.",
    )
    .everybody()
    .actions(["s3:PutObject"])
    .on(objects)
    .when(map([("StringNotEquals", encrypted)]))
}

fn least_access(plan: &Plan, target: &TargetPlan) -> [Statement; 2] {
    let bucket = plan.bucket_arn(&plan.dev.artifact_bucket.name);
    let name = alphanumeric(&target.name);
    let root = plan.account_arn(&target.account);
    let comment = format!(
        "Target {}: its deploy role, and nobody else of its account, reads.",
        target.name
    );
    [
        Statement::allow(&format!("DeployRoleReadsArtifacts{name}"), &comment)
            .aws(&root)
            .actions(["s3:GetObject", "s3:GetObjectVersion"])
            .on(plan.artifact_objects_arn())
            .when(only_role(plan, &target.role.arn)),
        Statement::allow(&format!("DeployRoleListsArtifacts{name}"), "")
            .aws(&root)
            .actions(["s3:ListBucket"])
            .on(bucket)
            .when(only_role(plan, &target.role.arn)),
    ]
}

fn article_denials(bucket: &str) -> [Statement; 2] {
    let objects = format!("{bucket}/*");
    [
        unencrypted_uploads(&objects),
        Statement::deny(
            "DenyInsecureConnections",
            "Nobody reaches the objects without TLS.",
        )
        .everybody()
        .actions(["s3:*"])
        .on(objects)
        .when(map([("Bool", map([("aws:SecureTransport", false)]))])),
    ]
}

fn article_access(plan: &Plan, target: &TargetPlan) -> [Statement; 2] {
    let bucket = plan.bucket_arn(&plan.dev.artifact_bucket.name);
    let root = plan.account_arn(&target.account);
    let comment = format!("Target {}: its whole account.", target.name);
    [
        Statement::allow("", &comment)
            .aws(&root)
            .actions(["s3:Get*", "s3:Put*"])
            .on(format!("{bucket}/*")),
        Statement::allow("", "")
            .aws(&root)
            .actions(["s3:ListBucket"])
            .on(bucket),
    ]
}

/// The policy of an artifact bucket that has one already: its statements, unchanged and in
/// order, and behind them those of ours that it does not have yet.
///
/// # Errors
/// What is wrong with the existing policy.
pub fn merged_bucket_policy(plan: &Plan, existing: &Source) -> Result<String, MergeError> {
    let node = syntax::read(existing).map_err(|problem| MergeError(vec![problem]))?;
    let parsed = Policy::parse(&node, PolicyKind::Resource).map_err(MergeError)?;
    let contradictions = contradictions(plan, &parsed);
    if !contradictions.is_empty() {
        return Err(MergeError(contradictions));
    }
    let mut policy: Json = serde_json::from_str(existing.text()).map_err(|error| {
        let problem = Problem::new(node.span, format!("this is not JSON: {error}"))
            .help("write what `aws s3api get-bucket-policy --query Policy` prints");
        MergeError(vec![problem])
    })?;
    // Parsed above: `Statement` is there, an object or a list.
    let mut single = Vec::new();
    let statements = match policy.get_mut("Statement") {
        Some(Json::Array(statements)) => statements,
        Some(object) => {
            single.push(object.take());
            &mut single
        }
        None => &mut single,
    };
    let wanted = document(&artifact_bucket_statements(plan)).to_json();
    for ours in wanted["Statement"].as_array().into_iter().flatten() {
        if !statements.iter().any(|theirs| same_statement(theirs, ours)) {
            statements.push(ours.clone());
        }
    }
    if !single.is_empty() {
        policy["Statement"] = Json::Array(single);
    }
    let mut text = format!("{policy:#}");
    text.push('\n');
    Ok(text)
}

/// Whether two statements differ in nothing but their Sid.
fn same_statement(a: &Json, b: &Json) -> bool {
    let bare = |statement: &Json| {
        let mut fields = statement.as_object().cloned().unwrap_or_default();
        fields.remove("Sid");
        fields
    };
    bare(a) == bare(b)
}
