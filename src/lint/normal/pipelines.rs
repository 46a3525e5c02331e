//! The parts of pipelines, event rules, and policies that relations depend on.

use std::collections::BTreeSet;

use super::facts::{Facts, Resource};
use super::nodes::{fact, is_open, may_be_any, may_be_equal};
use super::policy::{Kind, Parameters, canonical};
use crate::diagnostic::Node;
use crate::policy::document::{Pattern, glob};
use crate::template::function;

/// Returns the actions of a pipeline.
pub(super) fn actions(properties: &Node) -> impl Iterator<Item = &Node> {
    let stages = properties.get("Stages").and_then(Node::items);
    let actions = stages
        .unwrap_or_default()
        .iter()
        .filter_map(|stage| stage.get("Actions")?.items());
    actions.flatten()
}

/// Adds facts about source actions outside the first stage.
pub(super) fn late_sources(pipeline: &Resource<'_>, into: &mut Facts) {
    let stages = pipeline.properties.get("Stages").and_then(Node::items);
    for stage in stages.unwrap_or_default().iter().skip(1) {
        for action in stage
            .get("Actions")
            .map(Node::one_or_many)
            .unwrap_or_default()
        {
            let category = action.at(["ActionTypeId", "Category"]);
            if let Some(category) = category.filter(|node| node.as_str() == Some("Source")) {
                let key = (pipeline.id.to_owned(), action.span);
                into.actions
                    .entry(key)
                    .or_default()
                    .push(fact("LateSource", category.span));
            }
        }
    }
}

/// Adds facts about actions with the namespace of an earlier action.
pub(super) fn repeated_namespaces(pipeline: &Resource<'_>, into: &mut Facts) {
    let mut seen = BTreeSet::new();
    for action in actions(&pipeline.properties) {
        let Some(namespace) = action.get("Namespace") else {
            continue;
        };
        if namespace.as_str().is_some_and(|name| !seen.insert(name)) {
            let key = (pipeline.id.to_owned(), action.span);
            into.actions
                .entry(key)
                .or_default()
                .push(fact("RepeatedNamespace", namespace.span));
        }
    }
}

pub(super) fn is_action(action: &Node, category: &str, provider: &str) -> bool {
    let is = |key, wanted| {
        let found = action.at(["ActionTypeId", key]).and_then(Node::as_str);
        found == Some(wanted)
    };
    is("Category", category) && is("Provider", provider)
}

pub(super) fn setting<'n>(action: &'n Node, key: &str) -> Option<&'n str> {
    action.at(["Configuration", key])?.as_str()
}

/// Returns whether an event pattern can match uploads to one of these buckets.
///
/// Follows *Comparison operators for use in event patterns in Amazon EventBridge* in the AWS
/// documentation.
pub(super) fn hears_uploads(pattern: &Node, buckets: &[&str]) -> bool {
    let may_be = |path: &[&str], wanted: &[&str]| {
        let Some(values) = pattern.at(path.iter().copied()) else {
            return true;
        };
        values.one_or_many().iter().any(|value| {
            let fits = |text: &str| wanted.iter().any(|wanted| may_be_equal(wanted, text));
            let is_prefix = |prefix: &str| wanted.iter().any(|text| text.starts_with(prefix));
            match (value.as_str(), value.get("prefix").and_then(Node::as_str)) {
                (Some(text), _) => fits(text),
                (None, Some(prefix)) => is_prefix(prefix) || is_open(prefix),
                // Any other comparison may match.
                (None, None) => true,
            }
        })
    };
    let kinds = ["Object Created", "AWS API Call via CloudTrail"];
    may_be(&["source"], &["aws.s3"])
        && may_be(&["detail-type"], &kinds)
        && may_be(&["detail", "bucket", "name"], buckets)
}

/// Returns whether a pattern covers the ARN of a role, or can cover it once both are known.
pub(super) fn may_cover(pattern: &str, arn: &str) -> bool {
    let covers = |pattern: &str, text: &str| glob(Pattern::wild(pattern, false).tokens(), text);
    if !is_open(pattern) && !is_open(arn) {
        return covers(pattern, arn);
    }
    let part = |arn: &str, at| arn.split(':').nth(at).unwrap_or_default().to_owned();
    let may_agree = |at| {
        let (pattern, arn) = (part(pattern, at), part(arn, at));
        is_open(&pattern) || is_open(&arn) || covers(&pattern, &arn)
    };
    let are_arns = [pattern, arn].iter().all(|arn| arn.starts_with("arn:"));
    if are_arns && !(may_agree(2) && may_agree(4)) {
        return false;
    }
    let name = |arn: &str| {
        arn.rsplit('/')
            .next()
            .unwrap_or_default()
            .replace(".Arn}", "}")
    };
    let (named, wanted) = (name(pattern), name(arn));
    may_be_any(&named) || may_be_any(&wanted) || covers(&named, &wanted)
}

/// Collects the resources that a resource refers to with `DependsOn`, `Ref`, `Fn::GetAtt`, or
/// `Fn::Sub`.
pub(super) fn needs<'n>(node: &'n Node, into: &mut BTreeSet<&'n str>) {
    match function(node) {
        Some(("Ref", name)) => into.extend(name.as_str()),
        Some(("GetAtt", argument)) => {
            let name = argument.one_or_many().first().and_then(Node::as_str);
            into.extend(name.and_then(|name| name.split('.').next()));
        }
        Some(("Sub", argument)) => {
            let written = argument.one_or_many().first().and_then(Node::as_str);
            let variables = written.unwrap_or_default().split("${").skip(1);
            into.extend(variables.filter_map(|rest| rest.split(['}', '.']).next()));
        }
        _ => {}
    }
    for entry in node.entries().unwrap_or_default() {
        if entry.key == "DependsOn" {
            into.extend(entry.value.one_or_many().iter().filter_map(Node::as_str));
        }
        needs(&entry.value, into);
    }
    for item in node.items().unwrap_or_default() {
        needs(item, into);
    }
}

/// Returns the statements of a policy in normal form, or `None` if a statement is unknown.
pub(super) fn statements(
    policy: &Node,
    kind: Kind,
    parameters: Parameters<'_>,
) -> Option<Vec<Node>> {
    let document = canonical(policy, kind, parameters);
    let statements = document.get("Statement")?.items()?;
    let is_known = statements
        .iter()
        .all(|statement| statement.entries().is_some());
    is_known.then(|| statements.to_vec())
}
