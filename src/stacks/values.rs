//! Values that several resources share.

use crate::aws::arn;
use crate::plan::Plan;
use crate::template::{Value, list};

/// Logical ID of the dev stack's key.
///
/// A key cannot be changed to or from a multi-Region key: CloudFormation fails such an update. The
/// two kinds therefore have different logical IDs. Changing the setting creates a new key and
/// retains the old one.
pub(super) fn key_logical_id(plan: &Plan) -> &'static str {
    if plan.dev.multi_region {
        "MultiRegionDeployKey"
    } else {
        "DeployKey"
    }
}

/// Returns the ARN of a region's key as the text of a `!Sub`. `id` is the name of the parameter or
/// resource whose reference returns the key ID.
pub(super) fn key_arn_text(plan: &Plan, region: &str, id: &str) -> String {
    let id = format_args!("${{{id}}}");
    arn::key(plan.partition, region, &plan.dev.account, id)
}

/// Returns the ARN of the service role. For a role in the stack, it is a reference, so that
/// CloudFormation creates the role before the resources that name it.
pub(super) fn service_role_arn(plan: &Plan) -> Value {
    if plan.dev.service_role.create {
        Value::attribute("ServiceRole", "Arn")
    } else {
        Value::from(plan.dev.service_role.arn.as_str())
    }
}

/// Returns a single value as a scalar and several values as a list.
pub(super) fn one_or_list(mut values: Vec<String>) -> Value {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => only.into(),
        (last, _) => list(values.into_iter().chain(last)),
    }
}

/// Converts a name to a part of a Sid, which can contain only letters and digits.
pub(super) fn alphanumeric(name: &str) -> String {
    let mut upper = true;
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(if upper { c.to_ascii_uppercase() } else { c });
        }
        upper = !c.is_ascii_alphanumeric();
    }
    out
}
