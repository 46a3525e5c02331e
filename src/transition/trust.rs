//! The roles of the dev account that the deployed trust policies of targets name.
//!
//! IAM rejects a trust policy that names a role that does not exist. If a deploy is interrupted
//! after the dev stack has deleted its old service role, the trust policies of the targets still
//! name this role, and a transitional template must not repeat it.

use super::piece::Piece;
use crate::policy::document::Arn;
use crate::template::{Template, Value};

const ROLE: &str = "AWS::IAM::Role";
const PIPELINE: &str = "AWS::CodePipeline::Pipeline";

/// The roles that exist in the dev account as far as the deployed dev stack shows.
pub(super) struct Existing {
    account: String,
    /// The roles in the stack, as the ends of their ARNs, and the service roles of its pipelines.
    roles: Vec<String>,
}

impl Existing {
    /// Returns the roles of the deployed dev stack; `None` if it cannot be read, or if it contains no
    /// pipeline, whose role is then unknown.
    pub(super) fn of(dev: &Piece) -> Option<Self> {
        let template = &dev.deployed()?.template;
        let mut kinds = template
            .resources
            .iter()
            .map(|resource| resource.kind.as_str());
        if !kinds.any(|kind| kind == PIPELINE) {
            return None;
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_text).map(str::to_owned);
        let mut roles = Vec::new();
        for resource in &template.resources {
            let property = |name: &str| text(resource.properties.field(name));
            match resource.kind.as_str() {
                ROLE => {
                    let path = property("Path").unwrap_or_else(|| "/".to_owned());
                    // A role without a known name could be any role.
                    roles.push(format!(":role{path}{}", property("RoleName")?));
                }
                PIPELINE => roles.extend(property("RoleArn")),
                _ => {}
            }
        }
        let (account, _) = dev.places().first()?;
        Some(Self {
            account: account.clone(),
            roles,
        })
    }

    /// Returns whether a principal exists, or is not a role of the dev account.
    fn has(&self, principal: &str) -> bool {
        let is_role = Arn::parse(principal)
            .is_some_and(|arn| arn.account == self.account && arn.resource.starts_with("role/"));
        !is_role
            || self
                .roles
                .iter()
                .any(|role| principal.ends_with(role.as_str()))
    }

    /// Removes the roles that do not exist from the trust policies of a target's template.
    pub(super) fn keep_only(&self, template: &mut Template) {
        let roles = template.resources.iter_mut();
        for role in roles.filter(|resource| resource.kind == ROLE) {
            let Some(trust) = role.properties.field("AssumeRolePolicyDocument").cloned() else {
                continue;
            };
            role.properties
                .set("AssumeRolePolicyDocument", self.without_deleted(trust));
        }
    }

    fn without_deleted(&self, mut trust: Value) -> Value {
        let Some(Value::List(statements)) = trust.field("Statement").cloned() else {
            return trust;
        };
        let kept = statements.into_iter().filter_map(|mut statement| {
            let principal = statement.value.field("Principal");
            let Some(principals) = principal.and_then(|principal| principal.field("AWS")) else {
                return Some(statement);
            };
            let Value::List(mut principals) = principals.clone() else {
                let is_deleted = principals.as_text().is_some_and(|text| !self.has(text));
                return (!is_deleted).then_some(statement);
            };
            principals.retain(|item| item.value.as_text().is_none_or(|text| self.has(text)));
            if principals.is_empty() {
                return None;
            }
            let mut principal = statement.value.field("Principal")?.clone();
            principal.set("AWS", Value::List(principals));
            statement.value.set("Principal", principal);
            Some(statement)
        });
        let kept = kept.collect();
        trust.set("Statement", Value::List(kept));
        trust
    }
}
