//! Values that several resources share.

use crate::aws::arn;
use crate::plan::Plan;
use crate::template::{Value, list};

/// Logical ID of the dev stack's key.
///
/// A key cannot become a multi-Region key, nor stop being one: CloudFormation fails such an
/// update. So it is another resource then: a new key beside the old one, which is retained.
pub(super) fn key_logical_id(plan: &Plan) -> &'static str {
    if plan.dev.multi_region {
        "MultiRegionDeployKey"
    } else {
        "DeployKey"
    }
}

/// ARN of the key of a region, its ID by the reference `id`, as the text of a `!Sub`.
pub(super) fn key_arn_text(plan: &Plan, region: &str, id: &str) -> String {
    let id = format_args!("${{{id}}}");
    arn::key(plan.partition, region, &plan.dev.account, id)
}

/// The service role's ARN: of the role in the stack, so that what names it waits for it, or of
/// the existing one.
pub(super) fn service_role_arn(plan: &Plan) -> Value {
    if plan.dev.service_role.create {
        Value::attribute("ServiceRole", "Arn")
    } else {
        Value::from(plan.dev.service_role.arn.as_str())
    }
}

/// One value as itself, several as a list.
pub(super) fn one_or_list(mut values: Vec<String>) -> Value {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => only.into(),
        (last, _) => list(values.into_iter().chain(last)),
    }
}

/// A name as part of a Sid, which has letters and digits only.
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
