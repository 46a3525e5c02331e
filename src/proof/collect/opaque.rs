//! What CloudFormation makes of a template and nobody else can tell: macros and loops, which may change
//! anything, and resources that make others.
//!
//! Follows the AWS documents *Transform*, *Fn::ForEach*, *AWS::CloudFormation::Stack* and *Custom
//! resources*.

use super::super::resolve::Resolver;
use super::Collector;
use crate::diagnostic::{Node, Span, Value};
use crate::run::{Doubt, Place};

/// The transform that only adds functions, which are unknown values by themselves.
const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";

impl<'a> Collector<'a> {
    /// Notes what may change anything in a template.
    pub(super) fn opaque(&mut self, resolver: &Resolver<'a>) {
        let file = resolver.deployment().file;
        let mut found = Vec::new();
        let transforms = resolver.section("Transform");
        for transform in transforms.into_iter().flat_map(Node::one_or_many) {
            if transform.scalar_text() != Some(LANGUAGE_EXTENSIONS) {
                let name = transform.scalar_text().unwrap_or("a transform");
                let reason = format!("what the transform {name} makes of the template");
                found.push((transform.span, "Transform", reason));
            }
        }
        for entry in resolver.resources() {
            if entry.key.starts_with("Fn::ForEach") {
                let reason = "what the loop makes".to_owned();
                found.push((entry.value.span, &entry.key, reason));
            } else if let Some(span) = macro_in(&entry.value) {
                let reason = "what the macro makes of the resource".to_owned();
                found.push((span, &entry.key, reason));
            }
        }
        for (span, resource, reason) in found {
            let doubt = Doubt::new(Place { file, span }, resource, reason);
            // A template that serves several instances has the same doubt in each.
            if !self.world.opaque.contains(&doubt) {
                self.world.opaque.push(doubt);
            }
        }
    }
}

/// Where a macro is called within a value.
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

/// Why a resource of a type may change policies that are not in the template.
pub(super) fn reason(kind: &str, resource: &Node) -> Option<&'static str> {
    match kind {
        "AWS::CloudFormation::Stack" | "AWS::CloudFormation::StackSet" => {
            Some("what the nested stack makes")
        }
        "AWS::CloudFormation::CustomResource" => Some("what the custom resource does"),
        kind if kind.starts_with("Custom::") => Some("what the custom resource does"),
        "AWS::Organizations::Policy" => {
            Some("a control policy, which `--scp` and `--rcp` give to the proof")
        }
        "AWS::Scheduler::Schedule" if text_in(resource, "codepipeline") => {
            Some("how the schedule starts the pipeline")
        }
        "" => Some("a resource without a type"),
        _ => None,
    }
}

/// Whether a text occurs in a value, in any case.
fn text_in(node: &Node, wanted: &str) -> bool {
    match &node.value {
        Value::Mapping(entries) => entries.iter().any(|entry| text_in(&entry.value, wanted)),
        Value::Sequence(items) => items.iter().any(|item| text_in(item, wanted)),
        Value::String(text) => text.to_lowercase().contains(wanted),
        _ => false,
    }
}
