//! Merges the required statements into the existing policy of an artifact bucket.

use serde_json::Value as Json;

use crate::diagnostic::{self, Diagnostic, Source};
use crate::escape;
use crate::plan::Plan;
use crate::policy::document::{Policy, PolicyKind};

use super::contradiction::contradictions;
use super::policy::document;
use super::store::statements as store_statements;

/// The problems that prevent a merge, with their positions in the policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the existing bucket policy cannot be merged")]
pub struct MergeError(pub Vec<Diagnostic>);

/// Merges the required statements into an existing policy of an artifact bucket. The existing
/// statements stay unchanged and in order. Missing statements are appended.
///
/// # Errors
/// Returns an error if the existing policy is invalid or denies a call of the pipeline.
pub fn merged_bucket_policy(plan: &Plan, existing: &Source) -> Result<String, MergeError> {
    let node = diagnostic::read(existing).map_err(|problem| MergeError(vec![problem]))?;
    let parsed = Policy::parse(&node, PolicyKind::Resource).map_err(MergeError)?;
    let contradictions = contradictions(plan, &parsed);
    if !contradictions.is_empty() {
        return Err(MergeError(contradictions));
    }
    let mut policy: Json = serde_json::from_str(existing.text()).map_err(|error| {
        let problem = Diagnostic::new(node.span, format!("invalid JSON: {error}"))
            .help("use the output of `aws s3api get-bucket-policy --query Policy`");
        MergeError(vec![problem])
    })?;
    // The policy was parsed above, so `Statement` is an object or a list.
    let mut single = Vec::new();
    let statements = match policy.get_mut("Statement") {
        Some(Json::Array(statements)) => statements,
        Some(object) => {
            single.push(object.take());
            &mut single
        }
        None => &mut single,
    };
    let store = plan.store(&plan.dev.region);
    let wanted = document(&store_statements(plan, store, None)).to_json();
    for ours in wanted["Statement"].as_array().into_iter().flatten() {
        if !statements.iter().any(|theirs| same_statement(theirs, ours)) {
            statements.push(ours.clone());
        }
    }
    if !single.is_empty() {
        policy["Statement"] = Json::Array(single);
    }
    Ok(escape::json(&format!("{policy:#}\n")).into_owned())
}

/// The first parts of the Sids that only the statements in [`super::store`] have.
const OWN_SIDS: [&str; 3] = ["DeployRoleReads", "DeployRoleLists", "DeployRolesRead"];

/// Returns whether an earlier run merged this policy. Such a policy contains one of the required
/// statements or a statement with one of the tool's Sids.
pub fn is_merged_bucket_policy(plan: &Plan, text: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Json>(text) else {
        return false;
    };
    let store = plan.store(&plan.dev.region);
    let wanted = document(&store_statements(plan, store, None)).to_json();
    let statements = |policy: &Json| policy["Statement"].as_array().cloned().unwrap_or_default();
    let ours = statements(&wanted);
    statements(&policy).iter().any(|found| {
        let sid = found["Sid"].as_str().unwrap_or_default();
        OWN_SIDS.iter().any(|own| sid.starts_with(own))
            || ours.iter().any(|ours| same_statement(found, ours))
    })
}

/// Returns whether two statements differ at most in their Sid.
fn same_statement(a: &Json, b: &Json) -> bool {
    let bare = |statement: &Json| {
        let mut fields = statement.as_object().cloned().unwrap_or_default();
        fields.remove("Sid");
        fields
    };
    bare(a) == bare(b)
}
