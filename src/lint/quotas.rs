//! Checks a template against the AWS quotas: measures the usage of each quota, and reports exceeded
//! quotas.
//!
//! The values are in [`crate::aws::quotas`]. Sizes of policies are upper bounds: a value that AWS
//! assigns during the deployment, such as a key ID, counts with its maximum length.

mod pipeline;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use crate::aws::quotas::{self as table, Increase, Quota, grouped};
use crate::config::Quotas;
use crate::diagnostic::{Diagnostic, Entry, Node, Severity, Source, Span};
use crate::template::{function, resources, type_of};

/// The maximum length of a resolved `Ref` or `GetAtt` in s3ferry's templates, which is the length
/// of a multi-Region key's ARN.
const RESOLVED_LENGTH: usize = 100;

/// The usage of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The measured item, such as `managed policy DevKmsS3Access`.
    pub what: String,
    pub quota: Quota,
    /// The amount used.
    pub used: u64,
    /// The amount allowed in the configured accounts.
    pub limit: u64,
    /// A lower limit that AWS documents elsewhere, if the usage exceeds it.
    pub advised: Option<u64>,
    /// The fix if the quota is exceeded.
    pub fix: String,
    pub rule: &'static str,
    /// The logical ID of the resource, if the quota applies to one.
    pub resource: Option<String>,
    /// The path in the template.
    pub path: String,
    /// The position in the text.
    pub span: Span,
}

impl Usage {
    /// Returns the usage as a percentage, rounded up.
    pub(crate) fn percent(&self) -> u64 {
        (self.used * 100).div_ceil(self.limit.max(1))
    }

    /// Returns whether exceeding the quota only requires a different deployment method.
    pub(crate) fn is_soft(&self) -> bool {
        self.rule == TEMPLATE_INLINE
    }

    /// Returns the finding if the quota is exceeded.
    fn finding(self) -> Option<Diagnostic> {
        let Self { what, used, .. } = &self;
        let (used, unit) = (grouped(*used), self.quota.unit);
        let (severity, message) = if self.used > self.limit {
            // A larger template can still be deployed from a bucket.
            let severity = if self.is_soft() {
                Severity::Warning
            } else {
                Severity::Error
            };
            let limit = grouped(self.limit);
            let message = format!("{what} has {used} {unit}, but AWS allows {limit}");
            (severity, message)
        } else {
            let advised = grouped(self.advised?);
            let message = format!(
                "{what} has {used} {unit}; *{}* allows {}, but an older table row allows only \
                 {advised}",
                self.quota.document,
                grouped(self.limit)
            );
            (Severity::Warning, message)
        };
        let rule = (self.rule, severity);
        let finding = Diagnostic::new(self.span, message).help(self.fix);
        Some(finding.of_rule(rule, self.resource.as_deref(), self.path))
    }
}

/// Returns the findings about exceeded quotas.
pub fn findings(source: &Source, template: &Node, quotas: &Quotas) -> Vec<Diagnostic> {
    let usages = usages(source, template, quotas).into_iter();
    let mut found: Vec<Diagnostic> = usages.filter_map(Usage::finding).collect();
    found.extend(pipeline::too_few_stages(template));
    found
}

const TEMPLATE_INLINE: &str = "QUOTA_TEMPLATE_INLINE_SIZE";

/// Returns the usage of each quota in a template.
pub(crate) fn usages(source: &Source, template: &Node, quotas: &Quotas) -> Vec<Usage> {
    let mut meter = Meter {
        template,
        quotas,
        found: Vec::new(),
    };
    let bytes = source.text().len();
    let whole = |rule, quota: Quota, restructure| Usage {
        what: "template".to_owned(),
        ..measured(rule, quota, bytes, restructure)
    };
    meter.found.push(whole(
        TEMPLATE_INLINE,
        table::TEMPLATE_INLINE,
        "deploy it from a bucket, or use JSON without indentation",
    ));
    if bytes > table::TEMPLATE_INLINE.length() {
        meter.found.push(whole(
            "QUOTA_TEMPLATE_SIZE",
            table::TEMPLATE_IN_BUCKET,
            "split the targets across several configurations",
        ));
    }
    meter.sections();
    for resource in resources(template) {
        meter.resource(resource);
    }
    meter.found
}

/// Returns the quota usage of a separate bucket policy.
pub(crate) fn bucket_policy_usage(text: &str) -> Usage {
    Usage {
        what: "bucket policy".to_owned(),
        ..measured(
            "QUOTA_BUCKET_POLICY_SIZE",
            table::BUCKET_POLICY,
            text.len(),
            SHORTER_BUCKET_POLICY,
        )
    }
}

/// Returns the usage of a quota, without an item or a position.
fn measured(rule: &'static str, quota: Quota, used: usize, restructure: &str) -> Usage {
    Usage {
        what: String::new(),
        used: used as u64,
        limit: quota.value,
        advised: None,
        fix: fix(quota, quota.value, restructure),
        quota,
        rule,
        resource: None,
        path: String::new(),
        span: Span::default(),
    }
}

/// Returns the fix for an exceeded quota: a change of the template, or a quota increase if AWS
/// grants one.
fn fix(quota: Quota, limit: u64, restructure: &str) -> String {
    let setting = match quota {
        table::TRUST_POLICY => Some("trust_policy_characters"),
        table::MANAGED_POLICIES_PER_ROLE => Some("managed_policies_per_role"),
        _ => None,
    };
    match (quota.increase, setting) {
        (Increase::UpTo(most), Some(setting)) if limit < most => format!(
            "{restructure}, or request an increase (up to {}) and update `quotas.{setting}`",
            grouped(most)
        ),
        (Increase::UpTo(_) | Increase::Fixed, _) => {
            format!("{restructure}: this quota cannot be increased")
        }
        (Increase::OnRequest, _) => format!("{restructure}, or request an increase"),
    }
}

const SHORTER_BUCKET_POLICY: &str = "specify an organization instead of accounts, or use a \
     separate pipeline and artifact bucket for some targets";

struct Meter<'t> {
    template: &'t Node,
    quotas: &'t Quotas,
    found: Vec<Usage>,
}

impl Meter<'_> {
    /// Measures a quota of a resource. The logical ID of the resource is appended to `what`.
    fn add(
        &mut self,
        rule: &'static str,
        quota: Quota,
        (what, used): (&str, usize),
        restructure: &str,
        (resource, path, span): (&Entry, &str, Span),
    ) {
        let limit = match quota {
            table::TRUST_POLICY => self.quotas.trust_policy(),
            table::MANAGED_POLICIES_PER_ROLE => self.quotas.managed_policies(),
            _ => quota.value,
        };
        self.found.push(Usage {
            what: format!("{what} {}", resource.key),
            limit,
            fix: fix(quota, limit, restructure),
            resource: Some(resource.key.clone()),
            path: format!("Resources.{}.Properties.{path}", resource.key),
            span,
            ..measured(rule, quota, used, restructure)
        });
    }

    fn sections(&mut self) {
        for (section, quota) in [
            ("Resources", table::RESOURCES),
            ("Parameters", table::PARAMETERS),
            ("Outputs", table::OUTPUTS),
            ("Mappings", table::MAPPINGS),
        ] {
            let Some(entry) = self.template.entry(section) else {
                continue;
            };
            let used = entry.value.entries().map_or(0, <[_]>::len);
            self.found.push(Usage {
                what: format!("section {section}"),
                path: section.to_owned(),
                span: entry.key_span,
                ..measured("QUOTA_TEMPLATE_ENTRIES", quota, used, "split the stack")
            });
        }
    }

    fn resource(&mut self, resource: &Entry) {
        let Some(properties) = resource.value.get("Properties") else {
            return;
        };
        match type_of(&resource.value) {
            Some("AWS::IAM::ManagedPolicy") => {
                self.policy(
                    resource,
                    "PolicyDocument",
                    "QUOTA_MANAGED_POLICY_SIZE",
                    (table::MANAGED_POLICY, "managed policy"),
                    "specify fewer targets or an organization, or shorten the target names",
                );
                let what = "managed policy name of resource";
                self.name(resource, "ManagedPolicyName", table::POLICY_NAME, what);
            }
            Some("AWS::IAM::Role") => self.role(resource, properties),
            Some("AWS::KMS::Key" | "AWS::KMS::ReplicaKey") => self.policy(
                resource,
                "KeyPolicy",
                "QUOTA_KEY_POLICY_SIZE",
                (table::KEY_POLICY, "key policy"),
                "specify an organization instead of accounts, or use a separate pipeline and key \
                 for some targets",
            ),
            Some("AWS::S3::BucketPolicy") => self.policy(
                resource,
                "PolicyDocument",
                "QUOTA_BUCKET_POLICY_SIZE",
                (table::BUCKET_POLICY, "bucket policy"),
                SHORTER_BUCKET_POLICY,
            ),
            Some("AWS::CodePipeline::Pipeline") => self.pipeline(resource, properties),
            Some("AWS::Events::Rule") => {
                if let Some(targets) = properties.entry("Targets") {
                    let used = targets.value.items().map_or(0, <[_]>::len);
                    self.add(
                        "QUOTA_RULE_TARGETS",
                        table::RULE_TARGETS,
                        ("rule", used),
                        "use a second rule with the same pattern",
                        (resource, "Targets", targets.key_span),
                    );
                }
            }
            _ => {}
        }
    }

    fn policy(
        &mut self,
        resource: &Entry,
        property: &str,
        rule: &'static str,
        (quota, what): (Quota, &str),
        restructure: &str,
    ) {
        if let Some(document) = resource.value.at(["Properties", property]) {
            let used = policy_length(&document.to_json());
            let place = (resource, property, document.span);
            self.add(rule, quota, (what, used), restructure, place);
        }
    }

    fn name(&mut self, resource: &Entry, property: &str, quota: Quota, what: &str) {
        if let Some(node) = resource.value.at(["Properties", property])
            && node.tag.is_none()
            && let Some(name) = node.as_str()
        {
            let used = name.chars().count();
            let place = (resource, property, node.span);
            self.add(
                "QUOTA_NAME_LENGTH",
                quota,
                (what, used),
                "shorten the name",
                place,
            );
        }
    }

    fn role(&mut self, resource: &Entry, properties: &Node) {
        let what = "role name of resource";
        self.name(resource, "RoleName", table::ROLE_NAME, what);
        self.policy(
            resource,
            "AssumeRolePolicyDocument",
            "QUOTA_TRUST_POLICY_SIZE",
            (table::TRUST_POLICY, "trust policy"),
            "trust fewer principals",
        );
        if let Some(inline) = properties.get("Policies") {
            let documents = inline.items().unwrap_or_default();
            let used = documents
                .iter()
                .filter_map(|policy| policy.get("PolicyDocument"))
                .map(|document| policy_length(&document.to_json()))
                .sum();
            self.add(
                "QUOTA_INLINE_POLICIES_SIZE",
                table::INLINE_POLICIES,
                ("inline policy text of", used),
                "use managed policies",
                (resource, "Policies", inline.span),
            );
        }
        let attached = properties.get("ManagedPolicyArns").and_then(Node::items);
        let attached = attached.map_or(0, <[_]>::len)
            + resources(self.template)
                .iter()
                .filter(|other| attaches_to(other, &resource.key))
                .count();
        self.add(
            "QUOTA_MANAGED_POLICIES_PER_ROLE",
            table::MANAGED_POLICIES_PER_ROLE,
            ("role", attached),
            "combine policies",
            (resource, "RoleName", resource.key_span),
        );
    }
}

/// Returns whether a resource is a managed policy that attaches itself to the role.
fn attaches_to(resource: &Entry, role: &str) -> bool {
    let roles = resource.value.at(["Properties", "Roles"]);
    let roles = roles.filter(|roles| roles.tag.is_none());
    let mut roles = roles.and_then(Node::items).unwrap_or_default().iter();
    let is_role = |node| matches!(function(node), Some(("Ref", id)) if id.as_str() == Some(role));
    type_of(&resource.value) == Some("AWS::IAM::ManagedPolicy") && roles.any(is_role)
}

/// Returns the length of a policy document as AWS counts it, without whitespace.
pub(crate) fn policy_length(document: &Json) -> usize {
    serde_json::to_string(&resolved(document)).map_or(0, |text| text.chars().count())
}

/// Returns the document with each intrinsic function replaced by text of its maximum length.
fn resolved(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            if let (1, Some((key, inner))) = (fields.len(), fields.iter().next()) {
                match (key.as_str(), inner) {
                    ("Fn::Sub", Json::String(text)) => {
                        let variables = text.matches("${").count();
                        return Json::from("x".repeat(text.len() + variables * 24));
                    }
                    (key, _) if key == "Ref" || key.starts_with("Fn::") => {
                        return Json::from("x".repeat(RESOLVED_LENGTH));
                    }
                    _ => {}
                }
            }
            Json::Object(
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), resolved(value)))
                    .collect(),
            )
        }
        Json::Array(items) => items.iter().map(resolved).collect(),
        other => other.clone(),
    }
}
