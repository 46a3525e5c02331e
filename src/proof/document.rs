//! A policy document in a template, split into its known and unknown parts.

use crate::diagnostic::{Diagnostic, Entry, Node, Span, Value};
use crate::policy::document::{Effect, Policy, PolicyKind, Version};
use crate::template::unknown_in;

/// A policy document without its unknown parts.
#[derive(Debug, Clone)]
pub(super) struct Document {
    /// The known statements.
    pub(super) solid: Policy,
    /// The known statements, and everything that the unknown Allow statements might cover.
    pub(super) at_most: Option<Policy>,
    /// The known statements, and everything that the unknown Deny statements might cover.
    pub(super) at_least: Option<Policy>,
    /// The unknown statements.
    pub(super) unknown: Vec<UnknownStatement>,
}

/// A statement that cannot be resolved.
#[derive(Debug, Clone)]
pub(super) struct UnknownStatement {
    pub(super) span: Span,
    pub(super) reason: String,
    /// `None` if even the effect is unknown.
    pub(super) effect: Option<Effect>,
}

impl Document {
    /// Reads a resolved policy document. With `uncertain`, it is unknown whether the document
    /// exists.
    pub(super) fn read(
        node: &Node,
        kind: PolicyKind,
        uncertain: Option<&str>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut unknown = Vec::new();
        let mut widened = Vec::new();
        let statements = node.get("Statement").filter(|list| list.tag.is_none());
        for statement in statements.map_or(&[][..], Node::one_or_many) {
            let part = unknown_in(statement);
            let reason = match (part, uncertain) {
                (Some(part), _) => part.as_str().unwrap_or_default(),
                (None, Some(reason)) => reason,
                (None, None) => continue,
            };
            let effect = match statement.get("Effect").and_then(Node::as_str) {
                Some("Allow") => Some(Effect::Allow),
                Some("Deny") => Some(Effect::Deny),
                _ => None,
            };
            unknown.push(UnknownStatement {
                span: part.map_or(statement.span, |part| part.span),
                reason: reason.to_owned(),
                effect,
            });
            let wanted: &[&str] = match effect {
                Some(Effect::Allow) => &["Allow"],
                Some(Effect::Deny) => &["Deny"],
                None => &["Allow", "Deny"],
            };
            widened.extend(wanted.iter().map(|effect| widen(statement, effect, kind)));
        }
        if statements.is_none()
            && let Some(part) = unknown_in(node)
        {
            unknown.push(UnknownStatement {
                span: part.span,
                reason: part.as_str().unwrap_or_default().to_owned(),
                effect: None,
            });
            widened.extend(["Allow", "Deny"].map(|effect| widen(part, effect, kind)));
        }
        if unknown.is_empty() {
            let solid = Policy::parse(node, kind)?;
            return Ok(Self::solid(solid));
        }
        let known: Vec<Node> = statements
            .map_or(&[][..], Node::one_or_many)
            .iter()
            .filter(|statement| unknown_in(statement).is_none() && uncertain.is_none())
            .cloned()
            .collect();
        let with = |effect: &str| {
            let more = widened
                .iter()
                .filter(|statement| statement.get("Effect").and_then(Node::as_str) == Some(effect));
            let all: Vec<Node> = known.iter().chain(more).cloned().collect();
            parse(node, all, kind)
        };
        Ok(Self {
            at_most: Some(with("Allow")?),
            at_least: Some(with("Deny")?),
            solid: parse(node, known.clone(), kind)?,
            unknown,
        })
    }

    /// Sets the location of the document and of all its statements.
    pub(super) fn stand_at(&mut self, span: Span) {
        let widened = [&mut self.at_most, &mut self.at_least];
        let policies = widened.into_iter().flatten().chain([&mut self.solid]);
        for policy in policies {
            policy.span = span;
            for statement in &mut policy.statements {
                statement.span = span;
            }
        }
        for unknown in &mut self.unknown {
            unknown.span = span;
        }
    }

    /// Returns a document without unknown statements.
    pub(super) fn solid(policy: Policy) -> Self {
        Self {
            solid: policy,
            at_most: None,
            at_least: None,
            unknown: Vec::new(),
        }
    }
}

/// Reads a policy document with its statements replaced. An empty list is valid.
fn parse(node: &Node, statements: Vec<Node>, kind: PolicyKind) -> Result<Policy, Vec<Diagnostic>> {
    if statements.is_empty() {
        return Ok(Policy {
            kind,
            version: Version::default(),
            id: None,
            statements: Vec::new(),
            span: node.span,
        });
    }
    let list = Node::synthetic(Value::Sequence(statements), node.span);
    let entries = node.entries().unwrap_or_default().iter();
    let known = entries
        .filter(|entry| entry.key != "Statement" && unknown_in(&entry.value).is_none())
        .cloned();
    let entries = known.chain([entry("Statement", list, node.span)]).collect();
    let whole = Node::synthetic(Value::Mapping(entries), node.span);
    Policy::parse(&whole, kind)
}

fn entry(key: &str, value: Node, span: Span) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span: span,
        value,
    }
}

/// Returns a statement that covers everything that an unknown statement might cover.
fn widen(statement: &Node, effect: &str, kind: PolicyKind) -> Node {
    let span = statement.span;
    let text = |key: &str, text: &str| {
        let value = Value::String(text.to_owned());
        entry(key, Node::synthetic(value, span), span)
    };
    let mut out = vec![text("Effect", effect)];
    // A trust policy has only `sts` actions and no resource.
    let is_trust = kind == PolicyKind::Trust;
    let any_action = if is_trust { "sts:*" } else { "*" };
    let has_principal = !matches!(kind, PolicyKind::Identity | PolicyKind::Session);
    let Some(entries) = statement.entries().filter(|_| statement.tag.is_none()) else {
        out.push(text("Action", any_action));
        out.extend((!is_trust).then(|| text("Resource", "*")));
        out.extend(has_principal.then(|| text("Principal", "*")));
        return Node::synthetic(Value::Mapping(out), span);
    };
    for known in entries {
        let is_unknown = unknown_in(&known.value).is_some();
        match known.key.as_str() {
            "Effect" => {}
            _ if !is_unknown => out.push(known.clone()),
            "Action" | "NotAction" => out.push(text("Action", any_action)),
            "Resource" | "NotResource" => out.push(text("Resource", "*")),
            "Principal" | "NotPrincipal" => out.push(text("Principal", "*")),
            "Condition" => {
                let blocks = known.value.entries().unwrap_or_default().iter();
                let blocks = blocks.filter(|block| unknown_in(&block.value).is_none());
                let value = Value::Mapping(blocks.cloned().collect());
                out.push(entry("Condition", Node::synthetic(value, span), span));
            }
            _ => {}
        }
    }
    Node::synthetic(Value::Mapping(out), span)
}
