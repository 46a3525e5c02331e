//! What keeps a deployed stack from harm: its stack policy and termination protection. A change
//! set can set neither.

use serde_json::{Value, json};

use super::{Access, DeployError};

/// The stack policy (AWS CloudFormation, *Prevent updates to stack resources*): everything may be
/// updated, but the named resources neither replaced nor deleted.
pub fn policy(protected: &[String]) -> Value {
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

/// Gives a stack its policy, unless it has it already. Tells whether it was changed.
///
/// # Errors
/// AWS refuses.
pub async fn ensure(access: &Access, stack: &str, wanted: &Value) -> Result<bool, DeployError> {
    let found = access
        .cloudformation()
        .get_stack_policy()
        .stack_name(stack)
        .send()
        .await
        .map_err(|error| access.error("cloudformation:GetStackPolicy", &error))?
        .stack_policy_body;
    let found = found.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if found.as_ref() == Some(wanted) {
        return Ok(false);
    }
    set(access, stack, wanted).await?;
    Ok(true)
}

/// Gives a stack its policy.
///
/// # Errors
/// AWS refuses.
pub async fn set(access: &Access, stack: &str, policy: &Value) -> Result<(), DeployError> {
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
