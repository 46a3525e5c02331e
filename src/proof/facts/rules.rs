//! Reads the EventBridge rules that start pipelines.

use super::super::world::World;
use super::Reader;
use crate::diagnostic::Node;
use crate::run::Doubt;
use crate::run::pipeline::{Pipeline, Rule};
use crate::template::{known_text, unknown_in};

/// Adds the rules that start the pipelines. A rule with an unknown target becomes a [`Doubt`].
pub(super) fn rules(world: &World<'_>, pipelines: &mut [Pipeline], doubts: &mut Vec<Doubt>) {
    for resource in &world.resources {
        if resource.node.get("Type").and_then(Node::as_str) != Some("AWS::Events::Rule") {
            continue;
        }
        let resolver = &world.resolvers[resource.resolver];
        let mut reader = Reader::new(world, resource, doubts);
        let arn = resolver.attribute(resource.id, "Arn");
        let targets = resolver.property(resource.node, "Targets");
        reader.undecided(targets.as_ref(), "the targets of the rule");
        for target in targets.as_ref().and_then(Node::items).unwrap_or_default() {
            let node = target.get("Arn").unwrap_or(target);
            let Some(started) = known_text(node) else {
                if let Some(part) = unknown_in(node) {
                    let why = part.as_str().unwrap_or_default();
                    reader.doubt(node, &format!("the target of the rule: {why}"));
                }
                continue;
            };
            let mut pipelines = pipelines.iter_mut();
            let Some(pipeline) = pipelines.find(|pipeline| pipeline.arn == started) else {
                continue;
            };
            let arn = arn.clone().ok_or(());
            let arn = arn.map_err(|()| reader.doubt(resource.node, "the rule's name is unknown"));
            let role = target.get("RoleArn");
            let role = reader.text(role, "the role of the rule's target", target);
            pipeline.rules.push(Rule {
                arn,
                role,
                place: reader.place(target),
            });
        }
    }
}
