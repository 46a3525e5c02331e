//! The rules that are not in Guard files: the quotas, and the rules about the template itself.

use crate::diagnostic::Severity;

/// A rule that is checked without Guard, with its description for output formats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherRule {
    /// Its name, such as `QUOTA_NAME_LENGTH`.
    pub(crate) name: &'static str,
    /// The usual severity of its findings.
    pub(crate) severity: Severity,
    /// The requirement of the rule.
    pub(crate) what: &'static str,
}

const OTHERS: &[OtherRule] = &[
    quota(
        "QUOTA_BUCKET_POLICY_SIZE",
        "A bucket policy does not exceed the S3 size limit.",
    ),
    quota(
        "QUOTA_CONFIGURATION_VALUE",
        "An action configuration value does not exceed the CodePipeline length limit.",
    ),
    quota(
        "QUOTA_INLINE_POLICIES_SIZE",
        "The inline policies of a role do not exceed the IAM size limit.",
    ),
    quota(
        "QUOTA_KEY_POLICY_SIZE",
        "A key policy does not exceed the AWS KMS size limit.",
    ),
    quota(
        "QUOTA_MANAGED_POLICIES_PER_ROLE",
        "A role does not exceed the IAM limit for managed policies.",
    ),
    quota(
        "QUOTA_MANAGED_POLICY_SIZE",
        "A managed policy does not exceed the IAM size limit.",
    ),
    quota(
        "QUOTA_NAME_LENGTH",
        "A name does not exceed the AWS length limit.",
    ),
    quota(
        "QUOTA_PIPELINE_ACTIONS",
        "A pipeline does not exceed the CodePipeline limit for actions.",
    ),
    quota(
        "QUOTA_PIPELINE_STAGES",
        "The number of stages in a pipeline is within the CodePipeline limits.",
    ),
    quota(
        "QUOTA_RULE_TARGETS",
        "An EventBridge rule does not exceed the EventBridge limit for targets.",
    ),
    quota(
        "QUOTA_STAGE_ACTIONS",
        "A stage does not exceed the CodePipeline limit for actions.",
    ),
    quota(
        "QUOTA_TEMPLATE_ENTRIES",
        "A template section does not exceed the CloudFormation limit for entries.",
    ),
    OtherRule {
        name: "QUOTA_TEMPLATE_INLINE_SIZE",
        severity: Severity::Warning,
        what: "A template does not exceed the CloudFormation size limit for inline templates.",
    },
    quota(
        "QUOTA_TEMPLATE_SIZE",
        "A template does not exceed the CloudFormation size limit for templates in a bucket.",
    ),
    quota(
        "QUOTA_TRUST_POLICY_SIZE",
        "A trust policy does not exceed the IAM size limit.",
    ),
    OtherRule {
        name: super::suppress::UNKNOWN_SUPPRESSION,
        severity: Severity::Warning,
        what: "Every entry of `Metadata.guard.SuppressedRules` names a rule.",
    },
    OtherRule {
        name: super::repeated::REPEATED_KEY,
        severity: Severity::Warning,
        what: "A mapping in a template has no duplicate keys.",
    },
    OtherRule {
        name: super::numbers::UNQUOTED_ACCOUNT_ID,
        severity: Severity::Error,
        what: "An account ID with a leading zero is in quotes.",
    },
    OtherRule {
        name: super::normal::NOT_CHECKED,
        severity: Severity::Note,
        what: "Every part of a template can be checked.",
    },
];

/// Returns the names of the rules about the template itself. Resources can suppress these rules in
/// the same way as Guard rules.
pub(super) fn suppressible() -> impl Iterator<Item = &'static str> {
    let names = OTHERS.iter().map(|rule| rule.name);
    names.filter(|name| name.starts_with("LINT_"))
}

const fn quota(name: &'static str, what: &'static str) -> OtherRule {
    OtherRule {
        name,
        severity: Severity::Error,
        what,
    }
}

/// Returns the rule with this name, if it is not in a Guard file.
pub(crate) fn other_rule(name: &str) -> Option<OtherRule> {
    OTHERS.iter().find(|rule| rule.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quota_is_described() {
        let mut found = 0;
        for text in [
            include_str!("quotas.rs"),
            include_str!("quotas/pipeline.rs"),
        ] {
            for name in text.split('"').filter(|part| part.starts_with("QUOTA_")) {
                assert!(other_rule(name).is_some(), "{name}");
                found += 1;
            }
        }
        assert!(found >= OTHERS.len() - suppressible().count(), "{found}");
    }
}
