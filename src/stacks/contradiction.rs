//! Finds statements in the existing policy of an artifact bucket that block the pipeline.

use crate::aws::arn;
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::policy::document::Policy;
use crate::policy::evaluation::{Context, Decision, PolicySet, Request, Verdict, explain};

/// A placeholder for the key ID, which AWS chooses. A statement that denies all keys except one
/// also denies this key.
const ANY_KEY_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Returns the statements of an existing bucket policy that deny a call of a pipeline execution.
pub(super) fn contradictions(plan: &Plan, existing: &Policy) -> Vec<Diagnostic> {
    let policies = PolicySet {
        resource: Some(existing),
        ..PolicySet::default()
    };
    let mut found: Vec<Diagnostic> = Vec::new();
    for (caller, request) in calls(plan) {
        let reason = explain(&request, &policies);
        if reason.decision != Decision::ExplicitlyDenied {
            continue;
        }
        let statements = reason.layers.iter().flat_map(|layer| &layer.statements);
        for statement in statements.filter(|statement| statement.verdict == Verdict::Denied) {
            let Some(denying) = existing.statements.get(statement.statement) else {
                continue;
            };
            let known = found.iter().any(|problem| problem.span == denying.span);
            if !known {
                found.push(
                    Diagnostic::new(
                        denying.span,
                        format!("this statement denies {} to {caller}", request.action()),
                    )
                    .label(format!("denies it on {}", request.resource()))
                    .help(
                        "exclude the role with a condition such as `ArnNotLike: \
                         {\"aws:PrincipalArn\": …}`, or use another bucket",
                    ),
                );
            }
        }
    }
    found
}

fn calls(plan: &Plan) -> Vec<(String, Request)> {
    let bucket = plan.bucket_arn(&plan.dev.artifact_bucket.name);
    let objects = plan.artifact_objects_arns(&plan.dev.artifact_bucket.name);
    let object = objects
        .first()
        .map_or(String::new(), |arn| arn.replace('*', "SourceArti/example"));
    let key = arn::key(
        plan.partition,
        &plan.dev.region,
        &plan.dev.account,
        ANY_KEY_ID,
    );
    let service_role = (
        plan.dev.service_role.arn.as_str(),
        plan.dev.account.as_str(),
    );
    let mut calls = Vec::new();
    let mut add = |who: &str, (role, account): (&str, &str), action: &str, resource: &str| {
        let mut context = Context::new()
            .with("aws:PrincipalArn", role)
            .with("aws:SecureTransport", "true")
            .with("aws:RequestedRegion", plan.dev.region.as_str());
        if let Some(id) = &plan.organization {
            context = context.with("aws:PrincipalOrgID", id.as_str());
        }
        if action == "s3:PutObject" {
            context = context
                .with("s3:x-amz-server-side-encryption", "aws:kms")
                .with(
                    "s3:x-amz-server-side-encryption-aws-kms-key-id",
                    key.as_str(),
                );
        }
        let name = role.rsplit('/').next().unwrap_or_default();
        let session = arn::session(plan.partition, account, name, "s3ferry");
        let owner = Some(plan.dev.account.as_str());
        // The ARNs come from a validated plan, so every request is valid.
        if let Ok(request) = Request::new(&session, action, resource, owner, context) {
            calls.push((who.to_owned(), request));
        }
    };
    for action in [
        "s3:GetBucketAcl",
        "s3:GetBucketLocation",
        "s3:GetBucketVersioning",
    ] {
        add("the service role", service_role, action, &bucket);
    }
    for action in [
        "s3:PutObject",
        "s3:PutObjectAcl",
        "s3:PutObjectTagging",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
    ] {
        add("the service role", service_role, action, &object);
    }
    let readers = plan.instances();
    for (target, instance) in readers.filter(|(_, instance)| instance.region == plan.dev.region) {
        let who = format!("the deploy role of target `{}`", target.name);
        let role = (instance.role.arn.as_str(), instance.account.as_str());
        add(&who, role, "s3:ListBucket", &bucket);
        for action in ["s3:GetObject", "s3:GetObjectVersion"] {
            add(&who, role, action, &object);
        }
        if target.tagged_objects {
            for action in ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"] {
                add(&who, role, action, &object);
            }
        }
    }
    calls
}
