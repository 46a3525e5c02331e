//! Parses a document tree into a policy. This module reads the elements, checks which elements the
//! kind of policy can have, and reports all problems at once. The modules of the elements parse the
//! values.

mod elements;

use super::policy::{Policy, PolicyKind, Version};
use super::{
    ActionPattern, Actions, Condition, ConditionValue, Effect, Operator, PrincipalElement,
    PrincipalEntry, PrincipalId, ResourcePattern, Resources, Statement,
};
use crate::diagnostic::{Diagnostic, Node, Span};
use elements::kind_of;

const POLICY_ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];

const STATEMENT_ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

const PRINCIPAL_TYPES: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// Returns an error if AWS would reject the policy. The error lists all problems, in document
    /// order.
    pub fn parse(node: &Node, kind: PolicyKind) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader {
            kind,
            version: Version::default(),
            problems: Vec::new(),
        };
        match reader.policy(node) {
            Some(policy) if reader.problems.is_empty() => Ok(policy),
            _ => {
                reader.problems.sort_by_key(|problem| problem.span);
                Err(reader.problems)
            }
        }
    }
}

struct Reader {
    kind: PolicyKind,
    version: Version,
    problems: Vec<Diagnostic>,
}

/// Each method that reads a required part returns `None` only after it reports a problem.
impl Reader {
    fn policy(&mut self, node: &Node) -> Option<Policy> {
        let entries = self.mapping(node, "a policy")?;
        self.known_elements(entries, &POLICY_ELEMENTS, "a policy");
        if let Some(version) = node.get("Version") {
            // The version determines whether the statements can contain variables.
            self.version = match version.as_str() {
                Some("2012-10-17") => Version::V2012,
                Some("2008-10-17") => Version::V2008,
                _ => {
                    self.fault(
                        version.span,
                        "the policy has an unknown `Version`",
                        "write \"2012-10-17\"",
                    );
                    Version::V2012
                }
            };
        }
        let id = self.text(node, "Id");
        let Some(list) = node.get("Statement") else {
            self.fault(
                node.span,
                "the policy has no `Statement`",
                "add at least one statement",
            );
            return None;
        };
        let statements: Vec<Statement> = list
            .one_or_many()
            .iter()
            .filter_map(|statement| self.statement(statement))
            .collect();
        if list.items().is_some_and(<[Node]>::is_empty) {
            self.fault(
                list.span,
                "the policy's `Statement` is empty",
                "add at least one statement",
            );
        }
        Some(Policy {
            kind: self.kind,
            version: self.version,
            id,
            statements,
            span: node.span,
        })
    }

    fn statement(&mut self, node: &Node) -> Option<Statement> {
        let entries = self.mapping(node, "a statement")?;
        self.known_elements(entries, &STATEMENT_ELEMENTS, "a statement");
        let sid = self.sid(node);
        let effect = self.effect(node);
        let principal = self.principal(node, effect);
        let actions = self.actions(node);
        let resources = self.resources(node);
        let conditions = node.get("Condition").map_or_else(Vec::new, |condition| {
            self.conditions(condition).unwrap_or_default()
        });
        Some(Statement {
            sid,
            effect: effect?,
            principal,
            actions: actions?,
            resources,
            conditions,
            span: node.span,
        })
    }

    fn sid(&mut self, node: &Node) -> Option<String> {
        let sid = self.text(node, "Sid")?;
        // Other services accept more characters, including spaces.
        let by_iam = matches!(
            self.kind,
            PolicyKind::Identity | PolicyKind::Session | PolicyKind::Trust
        );
        if by_iam && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let span = node.get("Sid").map_or(node.span, |node| node.span);
            self.fault(
                span,
                format!("the `Sid` `{sid}` is not alphanumeric"),
                "use only letters and digits",
            );
        }
        Some(sid)
    }

    fn effect(&mut self, node: &Node) -> Option<Effect> {
        let Some(effect) = node.get("Effect") else {
            self.fault(
                node.span,
                "the statement has no `Effect`",
                "write `Allow` or `Deny`",
            );
            return None;
        };
        match effect.as_str() {
            Some("Allow") => Some(Effect::Allow),
            Some("Deny") => Some(Effect::Deny),
            _ => {
                self.fault(
                    effect.span,
                    "the `Effect` is neither `Allow` nor `Deny`",
                    "write `Allow` or `Deny`, capitalized",
                );
                None
            }
        }
    }

    fn principal(&mut self, node: &Node, effect: Option<Effect>) -> Option<PrincipalElement> {
        let found = self.either(node, "Principal", "NotPrincipal");
        let name = self.kind.name();
        match self.kind {
            PolicyKind::Identity | PolicyKind::Session | PolicyKind::ServiceControl => {
                if let Some((entry, _)) = found {
                    self.fault(
                        entry.key_span,
                        format!("{name} cannot have a `{}`", entry.key),
                        "remove the element: the policy applies to its identities",
                    );
                }
                return None;
            }
            _ => {}
        }
        let Some((entry, negated)) = found else {
            self.fault(
                node.span,
                format!("a statement in {name} must have a `Principal`"),
                "add the principals that it applies to",
            );
            return None;
        };
        if negated && effect == Some(Effect::Allow) {
            self.fault(
                entry.key_span,
                "`NotPrincipal` is used with `Allow`",
                "list the allowed principals in `Principal`: `NotPrincipal` requires `Deny`",
            );
        }
        if negated && matches!(self.kind, PolicyKind::Trust | PolicyKind::ResourceControl) {
            self.fault(
                entry.key_span,
                format!("{name} cannot have a `NotPrincipal`"),
                "use `Principal`, with a condition on `aws:PrincipalArn`",
            );
        }
        let entries = self.principal_entries(&entry.value)?;
        let everyone = |entry: &PrincipalEntry| entry.id == PrincipalId::Everyone;
        if self.kind == PolicyKind::ResourceControl && !entries.iter().all(everyone) {
            self.fault(
                entry.value.span,
                "the `Principal` of a resource control policy must be `*`",
                "write `\"*\"`, and specify principals in a condition",
            );
        }
        Some(PrincipalElement {
            negated,
            entries,
            span: entry.value.span,
        })
    }

    fn principal_entries(&mut self, node: &Node) -> Option<Vec<PrincipalEntry>> {
        if node.as_str() == Some("*") {
            return Some(vec![PrincipalEntry::everyone(node.span)]);
        }
        let Some(types) = node.entries() else {
            self.fault(
                node.span,
                "the principal is neither `*` nor a mapping",
                "write `{\"AWS\": …}`, `{\"Service\": …}`, or `\"*\"`",
            );
            return None;
        };
        let mut entries = Vec::new();
        for entry in types {
            if !PRINCIPAL_TYPES.contains(&entry.key.as_str()) {
                self.unknown(entry, &PRINCIPAL_TYPES, "type of principal");
                continue;
            }
            for (text, span) in self.texts(&entry.value, &entry.key) {
                entries.extend(self.read(PrincipalEntry::parse(&entry.key, text, span)));
            }
        }
        if types.is_empty() {
            self.problem(Diagnostic::new(node.span, "the principal is empty"));
        }
        Some(entries)
    }

    fn actions(&mut self, node: &Node) -> Option<Actions> {
        let Some((entry, negated)) = self.either(node, "Action", "NotAction") else {
            self.fault(
                node.span,
                "the statement has no `Action`",
                "add the actions that it applies to, in `Action` or `NotAction`",
            );
            return None;
        };
        if negated && self.kind == PolicyKind::ResourceControl {
            self.fault(
                entry.key_span,
                "a resource control policy cannot have a `NotAction`",
                "list the actions in `Action`",
            );
        }
        let mut patterns = Vec::new();
        for (text, span) in self.texts(&entry.value, &entry.key) {
            let Some(action) = self.read(ActionPattern::parse(text, span)) else {
                continue;
            };
            if self.kind == PolicyKind::Trust && action.service() != "sts" {
                self.fault(
                    span,
                    format!("a role trust policy cannot allow or deny `{text}`"),
                    "use only `sts` actions, such as `sts:AssumeRole`",
                );
            }
            patterns.push(action);
        }
        Some(Actions {
            negated,
            patterns,
            span: entry.value.span,
        })
    }

    fn resources(&mut self, node: &Node) -> Option<Resources> {
        let found = self.either(node, "Resource", "NotResource");
        if self.kind == PolicyKind::Trust {
            if let Some((entry, _)) = found {
                self.fault(
                    entry.key_span,
                    format!("a role trust policy cannot have a `{}`", entry.key),
                    "remove the element: the policy's resource is the role",
                );
            }
            return None;
        }
        let Some((entry, negated)) = found else {
            // KMS accepts a key policy statement without `Resource`, but the statement has no
            // effect.
            if self.kind != PolicyKind::Key {
                self.fault(
                    node.span,
                    "the statement has no `Resource`",
                    "add the resources that it applies to",
                );
            }
            return None;
        };
        let mut patterns = Vec::new();
        for (text, span) in self.texts(&entry.value, &entry.key) {
            let variables = self.version == Version::V2012;
            let resource = ResourcePattern::parse(text, self.kind, variables, span);
            patterns.extend(self.read(resource));
        }
        Some(Resources {
            negated,
            patterns,
            span: entry.value.span,
        })
    }

    fn conditions(&mut self, node: &Node) -> Option<Vec<Condition>> {
        let mut conditions = Vec::new();
        for entry in self.mapping(node, "a `Condition`")? {
            let Some(operator) = Operator::parse(&entry.key) else {
                let mut problem = Diagnostic::new(
                    entry.key_span,
                    format!("unknown condition operator {}", entry.shown_key()),
                )
                .label("no such operator");
                if let Some(near) = Operator::nearest(&entry.key) {
                    problem = problem.help(format!("did you mean `{near}`?"));
                }
                self.problem(problem);
                continue;
            };
            let Some(keys) = self.mapping(&entry.value, "a condition operator") else {
                continue;
            };
            for key in keys {
                if !key.key.contains(':') {
                    self.fault(
                        key.key_span,
                        format!("the condition key `{}` has no prefix", key.key),
                        "write `aws:…` for a global key, or `service:…`",
                    );
                    continue;
                }
                let values = self.condition_values(operator, &key.value);
                conditions.push(Condition {
                    operator,
                    operator_text: entry.key.clone(),
                    key: key.key.clone(),
                    key_lower: key.key.to_lowercase().into(),
                    values,
                    span: Span {
                        start: key.key_span.start,
                        end: key.value.span.end.max(key.key_span.end),
                    },
                });
            }
        }
        Some(conditions)
    }

    fn condition_values(&mut self, operator: Operator, node: &Node) -> Vec<ConditionValue> {
        let variables = self.version == Version::V2012;
        let mut values = Vec::new();
        for item in node.one_or_many() {
            let Some(text) = item.scalar_text().filter(|_| item.tag.is_none()) else {
                self.problem(Diagnostic::new(
                    item.span,
                    format!(
                        "a condition value must be a string, but this is {}",
                        kind_of(item)
                    ),
                ));
                continue;
            };
            let value = ConditionValue::parse(operator, text, variables, item.span);
            values.extend(self.read(value));
        }
        values
    }
}
