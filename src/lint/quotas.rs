//! AWS's quotas, held against a template: what is used of each, and what goes beyond.
//!
//! Sizes of policies are upper bounds: what AWS decides at deployment (a key's ID) is counted
//! with the longest text that it can become.

use serde_json::Value as Json;

use super::{Finding, Severity};
use crate::config::Quotas;
use crate::syntax::{Entry, Node, Source, Span};

/// The longest text that a `Ref` or `GetAtt` of ours becomes: a multi-Region key's ARN.
const RESOLVED_LENGTH: usize = 100;

/// How much of one quota is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// What is counted: `managed policy DevKmsS3Access`.
    pub what: String,
    /// What it is counted in.
    pub unit: &'static str,
    /// How much is used.
    pub used: u64,
    /// How much is allowed.
    pub limit: u64,
    /// What to do when it is too much.
    pub way_out: &'static str,
    /// The rule's name.
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
    pub fn percent(&self) -> u64 {
        (self.used * 100).div_ceil(self.limit.max(1))
    }

    /// Whether going beyond it only asks for another way to deploy.
    pub fn is_soft(&self) -> bool {
        self.rule == TEMPLATE_INLINE
    }
}

/// What goes beyond its quota.
pub fn findings(source: &Source, template: &Node, quotas: &Quotas) -> Vec<Finding> {
    let mut found: Vec<Finding> = usages(source, template, quotas)
        .into_iter()
        .filter(|usage| usage.used > usage.limit)
        .map(|usage| Finding {
            rule: usage.rule.to_owned(),
            // A larger template still deploys, from a bucket.
            severity: if usage.is_soft() {
                Severity::Warning
            } else {
                Severity::Error
            },
            resource: usage.resource,
            path: usage.path,
            span: usage.span,
            message: format!(
                "{} has {} {}, and AWS allows {}",
                usage.what, usage.used, usage.unit, usage.limit
            ),
            fix: Some(usage.way_out.to_owned()),
        })
        .collect();
    found.extend(too_few_stages(template));
    found
}

const TEMPLATE_INLINE: &str = "QUOTA_TEMPLATE_INLINE_SIZE";

/// How much of each quota a template uses (AWS CloudFormation, IAM, KMS, S3 and CodePipeline,
/// each service's *Quotas*).
pub fn usages(source: &Source, template: &Node, quotas: &Quotas) -> Vec<Usage> {
    let mut meter = Meter {
        template,
        quotas,
        found: Vec::new(),
    };
    let bytes = source.text().len() as u64;
    let whole = |rule, limit, way_out| Usage {
        what: "template".to_owned(),
        unit: "bytes",
        used: bytes,
        limit,
        way_out,
        rule,
        resource: None,
        path: String::new(),
        span: Span::default(),
    };
    meter.found.push(whole(
        TEMPLATE_INLINE,
        51_200,
        "deploy it from a bucket, or write it as JSON without indentation",
    ));
    if bytes > 51_200 {
        let way_out = "split the targets over several configurations";
        meter
            .found
            .push(whole("QUOTA_TEMPLATE_SIZE", 1_000_000, way_out));
    }
    meter.sections();
    for resource in resources(template) {
        meter.resource(resource);
    }
    meter.found
}

/// How much of its quota a bucket policy of its own uses.
pub fn bucket_policy_usage(text: &str) -> Usage {
    Usage {
        what: "bucket policy".to_owned(),
        unit: "bytes",
        used: text.len() as u64,
        limit: 20_480,
        way_out: BUCKET_POLICY_WAY_OUT,
        rule: "QUOTA_BUCKET_POLICY_SIZE",
        resource: None,
        path: String::new(),
        span: Span::default(),
    }
}

const BUCKET_POLICY_WAY_OUT: &str = "name an organization instead of accounts, or give some targets a pipeline and artifact \
     bucket of their own";

fn resources(template: &Node) -> &[Entry] {
    template
        .get("Resources")
        .and_then(Node::entries)
        .unwrap_or_default()
}

struct Meter<'t> {
    template: &'t Node,
    quotas: &'t Quotas,
    found: Vec<Usage>,
}

impl Meter<'_> {
    fn add(
        &mut self,
        rule: &'static str,
        (what, unit): (&str, &'static str),
        (used, limit): (usize, u64),
        way_out: &'static str,
        (resource, path, span): (&Entry, &str, Span),
    ) {
        self.found.push(Usage {
            what: format!("{what} {}", resource.key),
            unit,
            used: used as u64,
            limit,
            way_out,
            rule,
            resource: Some(resource.key.clone()),
            path: format!("Resources.{}.Properties.{path}", resource.key),
            span,
        });
    }

    fn sections(&mut self) {
        for (section, limit) in [
            ("Resources", 500),
            ("Parameters", 200),
            ("Outputs", 200),
            ("Mappings", 200),
        ] {
            let Some(entry) = self.template.entry(section) else {
                continue;
            };
            self.found.push(Usage {
                what: format!("section {section}"),
                unit: "entries",
                used: entry.value.entries().map_or(0, <[_]>::len) as u64,
                limit,
                way_out: "split the stack",
                rule: "QUOTA_TEMPLATE_ENTRIES",
                resource: None,
                path: section.to_owned(),
                span: entry.key_span,
            });
        }
    }

    fn resource(&mut self, resource: &Entry) {
        let Some(properties) = resource.value.get("Properties") else {
            return;
        };
        match resource.value.get("Type").and_then(Node::as_str) {
            Some("AWS::IAM::ManagedPolicy") => {
                self.policy(
                    resource,
                    "PolicyDocument",
                    "QUOTA_MANAGED_POLICY_SIZE",
                    ("managed policy", "characters"),
                    6_144,
                    "name fewer targets in it, or an organization, or shorten their names",
                );
                self.name(resource, "ManagedPolicyName", "managed policy name", 128);
            }
            Some("AWS::IAM::Role") => self.role(resource, properties),
            Some("AWS::KMS::Key" | "AWS::KMS::ReplicaKey") => self.policy(
                resource,
                "KeyPolicy",
                "QUOTA_KEY_POLICY_SIZE",
                ("key policy", "bytes"),
                32_768,
                "name an organization instead of accounts, or give some targets a pipeline and key of \
                 their own",
            ),
            Some("AWS::S3::BucketPolicy") => self.policy(
                resource,
                "PolicyDocument",
                "QUOTA_BUCKET_POLICY_SIZE",
                ("bucket policy", "bytes"),
                20_480,
                BUCKET_POLICY_WAY_OUT,
            ),
            Some("AWS::CodePipeline::Pipeline") => self.pipeline(resource, properties),
            Some("AWS::Events::Rule") => {
                if let Some(targets) = properties.entry("Targets") {
                    let used = targets.value.items().map_or(0, <[_]>::len);
                    self.add(
                        "QUOTA_RULE_TARGETS",
                        ("rule", "targets"),
                        (used, 5),
                        "use a second rule",
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
        what: (&str, &'static str),
        limit: u64,
        way_out: &'static str,
    ) {
        if let Some(document) = resource.value.at(["Properties", property]) {
            let used = policy_length(&document.to_json());
            let place = (resource, property, document.span);
            self.add(rule, what, (used, limit), way_out, place);
        }
    }

    fn name(&mut self, resource: &Entry, property: &str, what: &str, limit: u64) {
        if let Some(node) = resource.value.at(["Properties", property])
            && node.tag.is_none()
            && let Some(name) = node.as_str()
        {
            let used = name.chars().count();
            let place = (resource, property, node.span);
            self.add(
                "QUOTA_NAME_LENGTH",
                (what, "characters"),
                (used, limit),
                "shorten it",
                place,
            );
        }
    }

    fn role(&mut self, resource: &Entry, properties: &Node) {
        self.name(resource, "RoleName", "role name", 64);
        let limit = self.quotas.trust_policy_characters.unwrap_or(2_048);
        self.policy(
            resource,
            "AssumeRolePolicyDocument",
            "QUOTA_TRUST_POLICY_SIZE",
            ("trust policy", "characters"),
            limit,
            "trust fewer principals, or have the quota raised and configure \
             `quotas.trust_policy_characters`",
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
                ("inline policies of", "characters"),
                (used, 10_240),
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
            ("role", "managed policies"),
            (
                attached,
                self.quotas.managed_policies_per_role.unwrap_or(10),
            ),
            "join policies, or have the quota raised and configure \
             `quotas.managed_policies_per_role`",
            (resource, "RoleName", resource.key_span),
        );
    }

    fn pipeline(&mut self, resource: &Entry, properties: &Node) {
        self.name(resource, "Name", "pipeline name", 100);
        let Some(stages) = properties.get("Stages") else {
            return;
        };
        let items = stages.items().unwrap_or_default();
        let actions = |stage: &Node| {
            stage
                .get("Actions")
                .and_then(Node::items)
                .map_or(0, <[_]>::len)
        };
        self.add(
            "QUOTA_PIPELINE_STAGES",
            ("pipeline", "stages"),
            (items.len(), 50),
            "use several pipelines",
            (resource, "Stages", stages.span),
        );
        let limit = self.quotas.actions_per_stage.unwrap_or(50);
        for (index, stage) in items.iter().enumerate() {
            self.add(
                "QUOTA_STAGE_ACTIONS",
                (&format!("stage {} of", index + 1), "actions"),
                (actions(stage), limit),
                "use several stages, or have the quota raised and configure \
                 `quotas.actions_per_stage`",
                (resource, "Stages", stage.span),
            );
        }
        self.add(
            "QUOTA_PIPELINE_ACTIONS",
            ("pipeline", "actions"),
            (
                items.iter().map(actions).sum(),
                self.quotas.actions_per_pipeline.unwrap_or(500),
            ),
            "use several pipelines, or have the quota raised and configure \
             `quotas.actions_per_pipeline`",
            (resource, "Stages", stages.span),
        );
    }
}

fn too_few_stages(template: &Node) -> impl Iterator<Item = Finding> {
    resources(template).iter().filter_map(|resource| {
        let kind = resource.value.get("Type").and_then(Node::as_str);
        let stages = resource.value.at(["Properties", "Stages"])?;
        let few = stages.items()?.len() < 2;
        (kind == Some("AWS::CodePipeline::Pipeline") && few).then(|| Finding {
            rule: "QUOTA_PIPELINE_STAGES".to_owned(),
            severity: Severity::Error,
            resource: Some(resource.key.clone()),
            path: format!("Resources.{}.Properties.Stages", resource.key),
            span: stages.span,
            message: "a pipeline has at least 2 stages".to_owned(),
            fix: Some("add a stage that deploys".to_owned()),
        })
    })
}

/// Whether a resource is a managed policy that attaches itself to the role.
fn attaches_to(resource: &Entry, role: &str) -> bool {
    resource.value.get("Type").and_then(Node::as_str) == Some("AWS::IAM::ManagedPolicy")
        && resource
            .value
            .at(["Properties", "Roles"])
            .map(Node::to_json)
            .and_then(|roles| roles.as_array().cloned())
            .is_some_and(|roles| roles.contains(&serde_json::json!({ "Ref": role })))
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
