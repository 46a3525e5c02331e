//! Reads the Step Functions state machines that actions start.
//!
//! A state machine can call any service. The proof models a standard state machine that invalidates a
//! CloudFront distribution ([`states`]). Any other state or setting makes the calls of the state
//! machine unproven.
//!
//! Follows *AWS Step Functions invoke action reference*, *Amazon States Language*, and
//! *AWS::StepFunctions::StateMachine* in the AWS documentation.

use std::sync::Arc;

use super::{Reader, states};
use crate::aws::arn::{self, Arn};
use crate::definition::model::ActionPart;
use crate::diagnostic::Node;
use crate::run::Instance;
use crate::run::landscape::Value;
use crate::run::pipeline::Machine;
use crate::template::{known_text, unknown_in};

const MACHINE: &str = "AWS::StepFunctions::StateMachine";

/// Properties of a state machine that cause no calls, or whose calls are modeled.
const PROPERTIES: [&str; 6] = [
    "Definition",
    "DefinitionSubstitutions",
    "RoleArn",
    "StateMachineName",
    "StateMachineType",
    "Tags",
];
/// Settings of the action that cause no further calls.
const SETTINGS: [&str; 4] = [
    "ExecutionNamePrefix",
    "Input",
    "InputType",
    "StateMachineArn",
];

impl Reader<'_, '_> {
    /// Reads an action that starts a state machine.
    pub(super) fn machine(
        &mut self,
        part: ActionPart<'_, Node>,
        target: String,
        instance: Option<Arc<Instance>>,
    ) -> Machine {
        let node = part.0;
        let arn = part.setting("StateMachineArn");
        let arn = self.setting(arn, "the state machine", node);
        let mut machine = Machine {
            target,
            instance,
            role: arn.clone(),
            distribution: arn.clone(),
            arn,
            unknown: Some("the state machine that no template contains".to_owned()),
            place: self.place(node),
        };
        let Ok(wanted) = &machine.arn else {
            return machine;
        };
        let place = Arn::parse(wanted).map(|arn| (arn.account, arn.region));
        let world = self.world;
        let made = world.resources.iter().find(|resource| {
            let resolver = &world.resolvers[resource.resolver];
            let here = resolver.deployment();
            // A fleet has many state machines, but only a few in each account.
            place == Some((here.account, here.region))
                && resource.node.get("Type").and_then(Node::as_str) == Some(MACHINE)
                && resolver.attribute(resource.id, "Arn").as_ref() == Some(wanted)
        });
        let Some(made) = made else {
            let reason = format!("the role of the state machine {wanted}");
            machine.role = Err(self.doubt(node, &reason));
            machine.distribution.clone_from(&machine.role);
            return machine;
        };
        let mut reader = Reader::new(world, made, &mut *self.doubts);
        let node = made.node;
        let role = reader.resolver.property(node, "RoleArn");
        machine.role = reader.text(role.as_ref(), "the role of the state machine", node);
        machine.place = reader.place(node);
        let settings = part.get("Configuration");
        let setting = settings.and_then(|settings| beyond(settings, &SETTINGS));
        let distribution = match setting {
            Some(setting) => Err(format!("the setting `{setting}` of the action")),
            None => reader.distribution_id(node),
        };
        machine.unknown = distribution.as_ref().err().cloned();
        machine.distribution = match distribution {
            Ok(id) => {
                let here = reader.resolver.deployment();
                id.map(|id| arn::distribution(here.partition, here.account, id))
            }
            Err(what) => Err(reader.doubt(node, &what)),
        };
        machine
    }

    /// Returns the ID of the distribution that a state machine invalidates.
    ///
    /// # Errors
    /// Returns the part of the state machine that the proof does not model.
    fn distribution_id(&mut self, machine: &Node) -> Result<Value, String> {
        let property = |name: &str| self.resolver.property(machine, name);
        let (definition, substitutions, kind) = (
            property("Definition"),
            property("DefinitionSubstitutions"),
            property("StateMachineType"),
        );
        let properties = machine.get("Properties");
        if let Some(other) = properties.and_then(|node| beyond(node, &PROPERTIES)) {
            return Err(format!("the setting `{other}` of the state machine"));
        }
        if kind.is_some_and(|kind| known_text(&kind) != Some("STANDARD")) {
            return Err("a state machine that is not standard".to_owned());
        }
        let definition = definition.ok_or("a state machine without `Definition`")?;
        if unknown_in(&definition).is_some() {
            return Err("a definition that cannot be resolved".to_owned());
        }
        let partition = self.resolver.deployment().partition;
        let id = states::distribution(&definition.to_json(), partition)?;
        let name = id.strip_prefix("${").and_then(|id| id.strip_suffix('}'));
        Ok(match name {
            Some(name) => {
                let values = substitutions.as_ref();
                let value = values.and_then(|values| values.get(name));
                self.text(value, &format!("the substitution {name}"), &definition)
            }
            None if id.contains("${") => {
                Err(self.doubt(&definition, &format!("the distribution `{id}`")))
            }
            None => Ok(id),
        })
    }
}

/// Returns the first key that is not in the list.
fn beyond(node: &Node, known: &[&str]) -> Option<String> {
    let mut entries = node.entries().unwrap_or_default().iter();
    let found = entries.find(|entry| !known.contains(&entry.key.as_str()));
    found.map(|entry| entry.key.clone())
}
