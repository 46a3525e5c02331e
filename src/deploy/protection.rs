//! The protection of a deployed stack: its stack policy and termination protection. A change set
//! can set neither.

use serde_json::{Value, json};

use super::{Access, DeployError};
use crate::doctor::compare::statements;

/// Returns the stack policy (AWS CloudFormation, *Prevent updates to stack resources*). It allows
/// all updates except the replacement and deletion of the named resources.
pub(crate) fn policy(protected: &[String]) -> Value {
    let mut statements = vec![json!({
        "Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"
    })];
    if !protected.is_empty() {
        let resources: Vec<String> = protected
            .iter()
            .map(|id| format!("LogicalResourceId/{id}"))
            .collect();
        statements.push(json!({
            "Effect": "Deny", "Principal": "*",
            "Action": ["Update:Replace", "Update:Delete"], "Resource": resources
        }));
    }
    json!({ "Statement": statements })
}

/// Sets the policy of a stack unless it is already set. Returns whether it changed.
pub(crate) async fn ensure(
    access: &Access,
    stack: &str,
    wanted: &Value,
) -> Result<bool, DeployError> {
    if read(access, stack).await?.as_ref() == Some(wanted) {
        return Ok(false);
    }
    set(access, stack, wanted).await?;
    Ok(true)
}

/// Returns the policy of a stack, or `None` if it has no policy.
async fn read(access: &Access, stack: &str) -> Result<Option<Value>, DeployError> {
    let answer = access
        .cloudformation()
        .get_stack_policy()
        .stack_name(stack)
        .send()
        .await
        .map_err(|error| access.error("cloudformation:GetStackPolicy", &error))?;
    let text = answer.stack_policy_body.unwrap_or_default();
    Ok(serde_json::from_str(&text).ok())
}

/// The protection that a stack policy provides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The policy protects all required resources.
    InForce,
    /// There is no policy, or it allows replacing or deleting these resources.
    Open(Vec<String>),
    /// The policy cannot be read. Contains the reason.
    Unread(String),
}

/// Reads the policy of a stack and evaluates it for the given resources. Returns `Unread` if AWS
/// denies access, because the rest of the stack can still be shown.
pub(crate) async fn look(
    access: &Access,
    stack: &str,
    protected: &[String],
) -> Result<Guard, DeployError> {
    match read(access, stack).await {
        Ok(policy) => {
            let open = unprotected(policy.as_ref(), protected);
            Ok(match open.as_slice() {
                [] => Guard::InForce,
                _ => Guard::Open(open),
            })
        }
        Err(error) if error.code.is_some() => Ok(Guard::Unread(error.message)),
        Err(error) => Err(error),
    }
}

/// Returns the resources that a policy does not protect from replacement or deletion. Conditions
/// are assumed to allow the change.
fn unprotected(policy: Option<&Value>, protected: &[String]) -> Vec<String> {
    let Some(policy) = policy else {
        return protected.to_vec();
    };
    let statements = statements(policy);
    let applies = |statement: &Value, effect: &str, action: &str, id: &str| {
        let is_effect = statement["Effect"] == effect;
        let is_certain = effect == "Allow" || statement.get("Condition").is_none();
        let resource = format!("LogicalResourceId/{id}");
        is_effect
            && is_certain
            && names(statement, "Action", action)
            && names(statement, "Resource", &resource)
    };
    let may = |action: &str, id: &str| {
        let any = |effect| {
            let mut all = statements.iter();
            all.any(|statement| applies(statement, effect, action, id))
        };
        any("Allow") && !any("Deny")
    };
    let open = |id: &&String| may("Update:Replace", id) || may("Update:Delete", id);
    protected.iter().filter(open).cloned().collect()
}

/// Returns whether a member of a statement, or its negation such as `NotAction`, matches a value.
fn names(statement: &Value, member: &str, value: &str) -> bool {
    let is_match = |pattern: &Value| pattern.as_str().is_some_and(|text| matches(text, value));
    let listed = |patterns: &Value| match patterns {
        Value::Array(all) => all.iter().any(is_match),
        one => is_match(one),
    };
    match (statement.get(member), statement.get(format!("Not{member}"))) {
        (Some(patterns), _) => listed(patterns),
        (None, Some(patterns)) => !listed(patterns),
        (None, None) => false,
    }
}

/// Returns whether a pattern with `*` matches a string. `?` has no special meaning in a logical ID.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let ends = |after: &str, at: usize| after.get(at..).is_some_and(|end| matches(rest, end));
    let after = text.strip_prefix(start);
    after.is_some_and(|after| (0..=after.len()).any(|at| ends(after, at)))
}

pub(crate) async fn set(access: &Access, stack: &str, policy: &Value) -> Result<(), DeployError> {
    access
        .cloudformation()
        .set_stack_policy()
        .stack_name(stack)
        .stack_policy_body(policy.to_string())
        .send()
        .await
        .map_err(|error| access.error("cloudformation:SetStackPolicy", &error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(policy: &Value) -> Vec<String> {
        unprotected(Some(policy), &["Key".to_owned(), "Bucket".to_owned()])
    }

    #[test]
    fn our_own_policy_protects_and_others_are_evaluated() {
        let protected = ["Key".to_owned(), "Bucket".to_owned()];
        assert_eq!(open(&policy(&protected)), [""; 0]);
        assert_eq!(unprotected(None, &protected), protected);
        assert_eq!(open(&policy(&[])), protected);
        assert_eq!(open(&policy(&protected[..1])), ["Bucket"]);
        let allow = |action: Value, resource: &str| json!({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource});
        // Actions that no statement allows are denied.
        let modify = allow(json!(["Update:Modify"]), "*");
        assert_eq!(open(&json!({"Statement": modify})), [""; 0]);
        let deny = json!({
            "Effect": "Deny", "Principal": "*", "NotAction": "Update:Modify", "Resource": "*"
        });
        let all = allow(json!("Update:*"), "*");
        assert_eq!(open(&json!({"Statement": [all, deny]})), [""; 0]);
        let other = json!({
            "Effect": "Deny", "Principal": "*", "Action": "Update:*",
            "NotResource": "LogicalResourceId/Buck*"
        });
        assert_eq!(open(&json!({"Statement": [all, other]})), ["Bucket"]);
        // A replacement is sufficient to lose a key.
        let half = json!({
            "Effect": "Deny", "Principal": "*", "Action": "Update:Delete", "Resource": "*"
        });
        assert_eq!(open(&json!({"Statement": [all, half]})), protected);
    }
}
