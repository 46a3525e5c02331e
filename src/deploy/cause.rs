//! Finds the first cause of a failed operation among the cancellations that follow it, and
//! suggests fixes for known causes.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::events::Event;
use super::said::{is_consequence, points_to_validation};
use super::{Access, DeployError, one_line, validation};
use crate::aws::quotas::{
    Increase, MANAGED_POLICIES_PER_ROLE, MANAGED_POLICY, TRUST_POLICY, grouped,
};
use crate::escape::shown;
use crate::failure;

/// The cause of a failed operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Cause {
    /// Logical ID of the resource that failed first.
    #[serde(rename = "resource")]
    pub logical_id: String,
    /// Resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Status code of the resource.
    pub status: String,
    /// Reason that AWS gives, on one line.
    pub reason: String,
    /// Suggested fix. Empty for an unknown cause.
    pub hint: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!(
            "{} ({}) failed: {}",
            self.logical_id, self.resource_type, self.reason
        );
        out.write_str(&shown(&text))
    }
}

/// Returns the first cause of a failed operation. If CloudFormation's validation failed, the
/// stack events only refer to its findings, which *DescribeEvents* returns.
pub(crate) async fn find(
    access: &Access,
    stack: &str,
    events: &[Event],
) -> Result<Option<Cause>, DeployError> {
    let found = first(events);
    if found
        .as_ref()
        .is_some_and(|cause| !points_to_validation(&cause.reason))
    {
        return Ok(found);
    }
    let validations = validation::of_last_operation(access, stack).await?;
    if let Some(first) = validations.failed.first() {
        return Ok(Some(Cause {
            logical_id: first.logical_id.clone(),
            resource_type: first.resource_type.clone(),
            status: "CREATE_FAILED".to_owned(),
            reason: first.reason.clone(),
            hint: hint(&first.resource_type, &first.reason),
        }));
    }
    Ok(match (found, validations.gap(access)) {
        (Some(mut cause), Some(gap)) => {
            cause.hint = gap;
            Some(cause)
        }
        (None, Some(gap)) => Some(Cause {
            logical_id: stack.to_owned(),
            resource_type: "AWS::CloudFormation::Stack".to_owned(),
            status: String::new(),
            reason: "the stack events give no reason".to_owned(),
            hint: gap,
        }),
        (found, None) => found,
    })
}

/// Returns the first cause in the events of one operation. The oldest event comes first.
pub(crate) fn first(events: &[Event]) -> Option<Cause> {
    let failed = |event: &&Event| event.status.ends_with("_FAILED");
    let own = |event: &&Event| !is_consequence(&event.reason);
    let with_reason = |event: &&Event| !event.reason.is_empty();
    // A stack can fail before any of its resources fails.
    let whole = |event: &&Event| event.whole_stack && event.status.contains("ROLLBACK");
    let found = (events.iter().filter(failed).filter(own))
        .find(|event| !event.whole_stack)
        .or_else(|| events.iter().filter(failed).find(with_reason))
        .or_else(|| events.iter().filter(whole).find(with_reason))?;
    Some(Cause {
        logical_id: found.logical_id.clone(),
        resource_type: found.resource_type.clone(),
        status: found.status.clone(),
        reason: one_line(&found.reason),
        hint: hint(&found.resource_type, &found.reason),
    })
}

/// Returns the suggested fix for a known reason, or an empty string.
pub(crate) fn hint(resource_type: &str, reason: &str) -> String {
    let lower = reason.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if let Some(meaning) = failure::of_save(reason) {
        return format!("{}: {}", meaning.cause, meaning.next);
    }
    let text = match resource_type {
        _ if has("invalid principal") || has("malformedpolicydocument") && has("principal") => {
            "the policy references a role or user that does not exist: deploy the stack that \
             creates it, or recreate the role or user if it was deleted"
        }
        _ if has("attempting to import") => {
            "these resources already belong to another stack, possibly one that a live pipeline \
             uses: do not delete them; choose other names in the configuration"
        }
        "AWS::S3::Bucket" if has("already exists") || has("already owned") => {
            "bucket names are globally unique: choose another name in the configuration, or set \
             `create: false` for the bucket if you own it"
        }
        "AWS::S3::BucketPolicy" if has("already exist") => {
            "the bucket already has a policy: specify it as `existing_policy` to keep its \
            statements"
        }
        "AWS::KMS::Alias" if has("already exists") => {
            "another key, possibly one that a live pipeline uses, has this alias: choose another \
             `dev.key.alias`"
        }
        _ if has("already exists") => {
            "a resource outside the stack already has this name: choose another name in the \
             configuration"
        }
        _ if has("limitexceeded") || has("limit exceeded") || has("quota") || has("too many") => {
            return exceeded_quota(&lower);
        }
        _ if has("accessdenied") || has("access denied") || has("not authorized to perform") => {
            let action = after(reason, "perform: ").unwrap_or_else(|| "the action".to_owned());
            return format!(
                "the deployer lacks {action}: `s3ferry deployer-policy` prints the required policy"
            );
        }
        _ if has("not empty") => {
            "empty the bucket first, including all object versions, then delete the stack again"
        }
        _ if has("stack policy") => {
            "the stack policy protects this resource: review the change, and allow it with \
             --allow-replacement if it is intended"
        }
        _ => "",
    };
    text.to_owned()
}

/// Returns the suggested fix for an exceeded quota. Errors from IAM name the quota.
fn exceeded_quota(lower: &str) -> String {
    let iam = [
        ("aclsizeperrole", TRUST_POLICY, "trust fewer principals"),
        (
            "policiesperrole",
            MANAGED_POLICIES_PER_ROLE,
            "attach fewer policies",
        ),
        ("policysize", MANAGED_POLICY, "shorten or split the policy"),
    ];
    for (name, quota, restructure) in iam {
        if !lower.contains(name) {
            continue;
        }
        let value = grouped(quota.value);
        let increase = match quota.increase {
            Increase::UpTo(most) => format!(", or request an increase (up to {})", grouped(most)),
            _ => "; this quota cannot be increased".to_owned(),
        };
        return format!(
            "{} ({value} {}): {restructure}{increase}",
            quota.name, quota.unit
        );
    }
    "an AWS quota is exceeded: remove unused resources, or request an increase in Service Quotas"
        .to_owned()
}

/// Returns the word after `mark`, without quotation marks and punctuation.
fn after(text: &str, mark: &str) -> Option<String> {
    let at = text.find(mark)? + mark.len();
    let word = text[at..].split_whitespace().next()?;
    let word = word.trim_matches(['\'', '"', '`', '.', ',', ';', '(', ')', '[', ']']);
    (!word.is_empty()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancellations_are_not_the_cause() {
        let events = [
            Event::of("stack", "CREATE_IN_PROGRESS", "User Initiated"),
            Event::of("DeployKey", "CREATE_FAILED", "Resource creation cancelled"),
            Event::of(
                "ServiceRole",
                "CREATE_FAILED",
                "Invalid principal in policy",
            ),
            Event::of("Bucket", "CREATE_FAILED", "Resource creation cancelled"),
            Event::of(
                "stack",
                "ROLLBACK_IN_PROGRESS",
                "The following resource(s) failed to create: [ServiceRole, DeployKey].",
            ),
        ];
        let cause = first(&events).unwrap();
        assert_eq!(cause.logical_id, "ServiceRole");
        assert!(cause.hint.contains("does not exist"), "{}", cause.hint);
    }

    #[test]
    fn hints_name_the_role_and_the_action() {
        let reason = "arn:aws:iam::111111111111:role/pipeline is not authorized to perform \
                      AssumeRole on role arn:aws:iam::222222222222:role/prods3role (Service: \
                      AWSCodePipeline; Status Code: 400)";
        let said = hint("AWS::CodePipeline::Pipeline", reason);
        assert!(
            said.contains("arn:aws:iam::222222222222:role/prods3role"),
            "{said}"
        );
        let reason = "CodePipeline is not authorized to perform AssumeRole on role \
                      arn:aws:iam::111111111111:role/service-role/pipeline";
        let said = hint("AWS::CodePipeline::Pipeline", reason);
        assert!(said.contains("codepipeline.amazonaws.com"), "{said}");
        let reason = "Action configuration for action 'Deploy' is missing required configuration \
                      'Extract' (Error Code: InvalidActionDeclarationException)";
        let said = hint("AWS::CodePipeline::Pipeline", reason);
        assert!(said.contains("`s3ferry lint`"), "{said}");
        let reason = "User: arn:aws:iam::111111111111:user/me is not authorized to perform: \
                      kms:CreateKey on resource: * (Status Code: 400)";
        assert!(hint("AWS::KMS::Key", reason).contains("lacks kms:CreateKey:"));
        let reason = "User: arn:aws:iam::111111111111:user/me is not authorized to perform: \
                      sts:AssumeRole on resource: arn:aws:iam::222222222222:role/prods3role";
        let said = hint("AWS::CodePipeline::Pipeline", reason);
        assert!(said.contains("lacks sts:AssumeRole:"), "{said}");
    }

    #[test]
    fn an_increase_is_suggested_only_where_aws_grants_one() {
        let said = |reason| hint("AWS::IAM::Role", reason);
        let trust = said("Cannot exceed quota for ACLSizePerRole: 2048");
        assert!(
            trust.contains("request an increase (up to 8,192)"),
            "{trust}"
        );
        let many = said("Cannot exceed quota for PoliciesPerRole: 20");
        assert!(many.contains("request an increase (up to 25)"), "{many}");
        let size = said("Cannot exceed quota for PolicySize: 6144");
        assert!(size.contains("this quota cannot be increased"), "{size}");
    }
}
