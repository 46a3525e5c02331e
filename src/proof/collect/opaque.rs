//! Finds template features whose effects only CloudFormation knows: macros and loops, which can
//! change anything, and resources that create other resources.
//!
//! Follows *Transform*, *Fn::ForEach*, *AWS::CloudFormation::Stack*, and *Custom resources* in the
//! AWS documentation.

use super::super::resolve::Resolver;
use super::Collector;
use crate::diagnostic::{Node, Span, Value};
use crate::run::{Doubt, Place};

/// A transform that only adds functions. Each such function is an unknown value.
const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";

impl<'a> Collector<'a> {
    /// Records the features that can change anything in a template.
    pub(super) fn opaque(&mut self, resolver: &Resolver<'a>) {
        let file = resolver.deployment().file;
        let mut found = Vec::new();
        let transforms = resolver.section("Transform");
        for transform in transforms.into_iter().flat_map(Node::one_or_many) {
            if transform.scalar_text() != Some(LANGUAGE_EXTENSIONS) {
                let name = transform.scalar_text().unwrap_or("(unknown)");
                let reason = format!("the result of the transform {name}");
                found.push((transform.span, "Transform", reason));
            }
        }
        for entry in resolver.resources() {
            if entry.key.starts_with("Fn::ForEach") {
                let reason = "the resources that the loop creates".to_owned();
                found.push((entry.value.span, &entry.key, reason));
            } else if let Some(span) = macro_in(&entry.value) {
                let reason = "the result of the macro".to_owned();
                found.push((span, &entry.key, reason));
            }
        }
        for (span, resource, reason) in found {
            let doubt = Doubt::new(Place { file, span }, resource, reason);
            // Each instance of a template has the same [`Doubt`].
            if !self.world.opaque.contains(&doubt) {
                self.world.opaque.push(doubt);
            }
        }
    }
}

/// Returns the position of a macro call in a value.
fn macro_in(node: &Node) -> Option<Span> {
    let is_macro = |key: &str| key == "Fn::Transform" || key.starts_with("Fn::ForEach");
    if node.tag.as_deref() == Some("Transform") {
        return Some(node.span);
    }
    match &node.value {
        Value::Mapping(entries) => entries.iter().find_map(|entry| {
            let span = is_macro(&entry.key).then_some(entry.key_span);
            span.or_else(|| macro_in(&entry.value))
        }),
        Value::Sequence(items) => items.iter().find_map(macro_in),
        _ => None,
    }
}

/// Returns why a resource may change policies that are not in the template.
pub(super) fn reason(kind: &str, resource: &Node) -> Option<&'static str> {
    match kind {
        "AWS::CloudFormation::Stack" | "AWS::CloudFormation::StackSet" => {
            Some("the resources of the nested stack")
        }
        "AWS::CloudFormation::CustomResource" => Some("the effects of the custom resource"),
        kind if kind.starts_with("Custom::") => Some("the effects of the custom resource"),
        "AWS::Organizations::Policy" => {
            Some("a control policy: pass it to the proof with `--scp` or `--rcp`")
        }
        "AWS::Scheduler::Schedule" if text_in(resource, "codepipeline") => {
            Some("how the schedule starts the pipeline")
        }
        "" => Some("a resource without a type"),
        _ => None,
    }
}

/// Returns whether a value contains a string, ignoring case.
fn text_in(node: &Node, wanted: &str) -> bool {
    match &node.value {
        Value::Mapping(entries) => entries.iter().any(|entry| text_in(&entry.value, wanted)),
        Value::Sequence(items) => items.iter().any(|item| text_in(item, wanted)),
        Value::String(text) => text.to_lowercase().contains(wanted),
        _ => false,
    }
}
