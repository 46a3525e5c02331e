//! The rules outside of Guard files: the quotas, and the rules about the template itself.

use crate::diagnostic::Severity;

/// A rule that is checked without Guard, with its description for output formats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherRule {
    /// Its name, such as `QUOTA_NAME_LENGTH`.
    pub(crate) name: &'static str,
    /// The usual severity of its findings.
    pub(crate) severity: Severity,
    /// What it requires.
    pub(crate) what: &'static str,
}

const OTHERS: &[OtherRule] = &[
    quota(
        "QUOTA_BUCKET_POLICY_SIZE",
        "A bucket policy is not larger than S3 allows.",
    ),
    quota(
        "QUOTA_CONFIGURATION_VALUE",
        "A value in an action's configuration is not longer than CodePipeline allows.",
    ),
    quota(
        "QUOTA_INLINE_POLICIES_SIZE",
        "The total size of a role's inline policies is not larger than IAM allows.",
    ),
    quota(
        "QUOTA_KEY_POLICY_SIZE",
        "A key policy is not larger than KMS allows.",
    ),
    quota(
        "QUOTA_MANAGED_POLICIES_PER_ROLE",
        "A role has no more managed policies than IAM allows.",
    ),
    quota(
        "QUOTA_MANAGED_POLICY_SIZE",
        "A managed policy is not larger than IAM allows.",
    ),
    quota("QUOTA_NAME_LENGTH", "A name is not longer than AWS allows."),
    quota(
        "QUOTA_PIPELINE_ACTIONS",
        "A pipeline has no more actions than CodePipeline allows.",
    ),
    quota(
        "QUOTA_PIPELINE_STAGES",
        "A pipeline has no fewer stages than CodePipeline requires, and no more than it allows.",
    ),
    quota(
        "QUOTA_RULE_TARGETS",
        "An EventBridge rule has no more targets than EventBridge allows.",
    ),
    quota(
        "QUOTA_STAGE_ACTIONS",
        "A stage has no more actions than CodePipeline allows.",
    ),
    quota(
        "QUOTA_TEMPLATE_ENTRIES",
        "A section of a template has no more entries than CloudFormation allows.",
    ),
    OtherRule {
        name: "QUOTA_TEMPLATE_INLINE_SIZE",
        severity: Severity::Warning,
        what: "A template is not larger than CloudFormation accepts in a request.",
    },
    quota(
        "QUOTA_TEMPLATE_SIZE",
        "A template is not larger than CloudFormation accepts from a bucket.",
    ),
    quota(
        "QUOTA_TRUST_POLICY_SIZE",
        "A trust policy is not larger than IAM allows.",
    ),
    OtherRule {
        name: super::suppress::UNKNOWN_SUPPRESSION,
        severity: Severity::Warning,
        what: "Every entry of `Metadata.guard.SuppressedRules` names a rule.",
    },
    OtherRule {
        name: super::repeated::REPEATED_KEY,
        severity: Severity::Warning,
        what: "No mapping in a template contains the same key twice.",
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

/// Returns the rules about the template itself. Resources can suppress them like Guard rules.
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

/// Returns the rule with this name, if it is outside of Guard files.
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
