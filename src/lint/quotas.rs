//! AWS's quotas, held against a template: what is used of each, and what goes beyond.
//!
//! The values are those of [`crate::aws::quotas`]. Sizes of policies are upper bounds: what AWS
//! decides at deployment (a key's ID) is counted with the longest text that it can become.

mod pipeline;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use crate::aws::quotas::{self as table, Increase, Quota, grouped};
use crate::config::Quotas;
use crate::diagnostic::{Diagnostic, Entry, Node, Severity, Source, Span};
use crate::template::{function, resources, type_of};

/// The longest text that a `Ref` or `GetAtt` of ours becomes: a multi-Region key's ARN.
const RESOLVED_LENGTH: usize = 100;

/// How much of one quota is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Usage {
    /// What is counted: `managed policy DevKmsS3Access`.
    pub what: String,
    pub quota: Quota,
    /// How much is used.
    pub used: u64,
    /// How much is allowed in the configured accounts.
    pub limit: u64,
    /// A lower limit that is exceeded, and that AWS states elsewhere.
    pub advised: Option<u64>,
    /// What to do when it is too much.
    pub fix: String,
    pub rule: &'static str,
    /// The resource, if it is about one.
    pub resource: Option<String>,
    /// The place in the template, as a path.
    pub path: String,
    /// The place in the text.
    pub span: Span,
}

impl Usage {
    /// The used part in percent, rounded up.
    pub(crate) fn percent(&self) -> u64 {
        (self.used * 100).div_ceil(self.limit.max(1))
    }

    /// Whether going beyond it only asks for another way to deploy.
    pub(crate) fn is_soft(&self) -> bool {
        self.rule == TEMPLATE_INLINE
    }

    /// Returns the finding that it is, if it goes beyond the quota.
    fn finding(self) -> Option<Diagnostic> {
        let Self { what, used, .. } = &self;
        let (used, unit) = (grouped(*used), self.quota.unit);
        let (severity, message) = if self.used > self.limit {
            // A larger template still deploys, from a bucket.
            let severity = if self.is_soft() {
                Severity::Warning
            } else {
                Severity::Error
            };
            let limit = grouped(self.limit);
            let message = format!("{what} has {used} {unit}, and AWS allows {limit}");
            (severity, message)
        } else {
            let advised = grouped(self.advised?);
            let message = format!(
                "{what} has {used} {unit}; *{}* allows {}, and in an older row {advised}",
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

/// What goes beyond its quota.
pub fn findings(source: &Source, template: &Node, quotas: &Quotas) -> Vec<Diagnostic> {
    let usages = usages(source, template, quotas).into_iter();
    let mut found: Vec<Diagnostic> = usages.filter_map(Usage::finding).collect();
    found.extend(pipeline::too_few_stages(template));
    found
}

const TEMPLATE_INLINE: &str = "QUOTA_TEMPLATE_INLINE_SIZE";

/// How much of each quota a template uses.
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
        "deploy it from a bucket, or write it as JSON without indentation",
    ));
    if bytes > table::TEMPLATE_INLINE.length() {
        meter.found.push(whole(
            "QUOTA_TEMPLATE_SIZE",
            table::TEMPLATE_IN_BUCKET,
            "split the targets over several configurations",
        ));
    }
    meter.sections();
    for resource in resources(template) {
        meter.resource(resource);
    }
    meter.found
}

/// How much of its quota a bucket policy of its own uses.
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

/// Returns the usage of a quota by nothing in particular.
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

/// Returns what to do about a quota: restructure, and request an increase only where AWS grants
/// one.
fn fix(quota: Quota, limit: u64, restructure: &str) -> String {
    let setting = match quota {
        table::TRUST_POLICY => Some("trust_policy_characters"),
        table::MANAGED_POLICIES_PER_ROLE => Some("managed_policies_per_role"),
        _ => None,
    };
    match (quota.increase, setting) {
        (Increase::UpTo(most), Some(setting)) if limit < most => format!(
            "{restructure}; or request an increase (up to {}), and set `quotas.{setting}` to it",
            grouped(most)
        ),
        (Increase::UpTo(_) | Increase::Fixed, _) => {
            format!("{restructure}: AWS does not raise this quota")
        }
        (Increase::OnRequest, _) => format!("{restructure}, or request an increase"),
    }
}

const SHORTER_BUCKET_POLICY: &str = "name an organization instead of accounts, or give some targets a separate pipeline and \
     artifact bucket";

struct Meter<'t> {
    template: &'t Node,
    quotas: &'t Quotas,
    found: Vec<Usage>,
}

impl Meter<'_> {
    /// Measures a quota of a resource. `what` is followed by the resource's name.
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
                    "name fewer targets in it, or an organization, or shorten their names",
                );
                let what = "managed policy name";
                self.name(resource, "ManagedPolicyName", table::POLICY_NAME, what);
            }
            Some("AWS::IAM::Role") => self.role(resource, properties),
            Some("AWS::KMS::Key" | "AWS::KMS::ReplicaKey") => self.policy(
                resource,
                "KeyPolicy",
                "QUOTA_KEY_POLICY_SIZE",
                (table::KEY_POLICY, "key policy"),
                "name an organization instead of accounts, or give some targets a separate \
                 pipeline and key",
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
        self.name(resource, "RoleName", table::ROLE_NAME, "role name");
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
                ("inline policies of", used),
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

/// Whether a resource is a managed policy that attaches itself to the role.
fn attaches_to(resource: &Entry, role: &str) -> bool {
    let roles = resource.value.at(["Properties", "Roles"]);
    let roles = roles.filter(|roles| roles.tag.is_none());
    let mut roles = roles.and_then(Node::items).unwrap_or_default().iter();
    let is_role = |node| matches!(function(node), Some(("Ref", id)) if id.as_str() == Some(role));
    type_of(&resource.value) == Some("AWS::IAM::ManagedPolicy") && roles.any(is_role)
}

/// The length of a policy document as AWS counts it, without whitespace.
pub(crate) fn policy_length(document: &Json) -> usize {
    serde_json::to_string(&resolved(document)).map_or(0, |text| text.chars().count())
}

/// The document with every intrinsic function replaced by text as long as it can become.
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
