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
            arn,
            calls: Vec::new(),
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
            return machine;
        };
        let mut reader = Reader::new(world, made, &mut *self.doubts);
        let node = made.node;
        let role = reader.resolver.property(node, "RoleArn");
        machine.role = reader.text(role.as_ref(), "the role of the state machine", node);
        machine.place = reader.place(node);
        (machine.calls, machine.unknown) = reader.definition(node);
        let settings = part.get("Configuration");
        if let Some(setting) = settings.and_then(|settings| beyond(settings, &SETTINGS)) {
            let what = format!("the setting `{setting}` of the action");
            machine.unknown.get_or_insert(what);
        }
        machine
    }

    /// Returns the calls of a state machine, and a setting or state whose calls are not modeled.
    fn definition(&mut self, machine: &Node) -> (Vec<(String, Value)>, Option<String>) {
        let property = |name: &str| self.resolver.property(machine, name);
        let (definition, substitutions, kind) = (
            property("Definition"),
            property("DefinitionSubstitutions"),
            property("StateMachineType"),
        );
        let properties = machine.get("Properties").and_then(Node::entries);
        let other = properties
            .unwrap_or_default()
            .iter()
            .find(|entry| !PROPERTIES.contains(&entry.key.as_str()));
        let mut unknown =
            other.map(|entry| format!("the setting `{}` of the state machine", entry.key));
        if kind
            .as_ref()
            .is_some_and(|kind| known_text(kind) != Some("STANDARD"))
        {
            unknown.get_or_insert_with(|| "a state machine that is not standard".to_owned());
        }
        let Some(definition) = &definition else {
            unknown.get_or_insert_with(|| "a state machine without `Definition`".to_owned());
            return (Vec::new(), unknown);
        };
        if [Some(definition), kind.as_ref()]
            .into_iter()
            .flatten()
            .find_map(unknown_in)
            .is_some()
        {
            unknown.get_or_insert_with(|| "a definition that cannot be resolved".to_owned());
        }
        if let Some(part) = states::difference(&definition.to_json()) {
            unknown.get_or_insert(part);
        }
        let mut calls: Vec<(String, Value)> = Vec::new();
        let states = definition.get("States").and_then(Node::entries);
        for state in states.unwrap_or_default() {
            let call = self.task(&state.value, substitutions.as_ref());
            calls.extend(call.filter(|call| !calls.contains(call)));
        }
        (calls, unknown)
    }

    /// Returns the call of a task, or `None` for another state.
    fn task(&mut self, state: &Node, substitutions: Option<&Node>) -> Option<(String, Value)> {
        let here = self.resolver.deployment();
        let (partition, account) = (here.partition, here.account);
        let service = format!("arn:{partition}{}", states::CLOUDFRONT);
        let resource = state.get("Resource").and_then(known_text)?;
        let action = match resource.strip_prefix(&service)? {
            "createInvalidation" => "cloudfront:CreateInvalidation",
            "getInvalidation" => "cloudfront:GetInvalidation",
            _ => return None,
        };
        let id = state.get("Parameters")?.get("DistributionId")?;
        let id = self
            .text(Some(id), "the distribution", state)
            .and_then(|id| {
                let name = id.strip_prefix("${").and_then(|id| id.strip_suffix('}'));
                match name {
                    None if id.contains("${") => {
                        Err(self.doubt(state, &format!("the distribution `{id}`")))
                    }
                    None => Ok(id),
                    Some(name) => {
                        let value = substitutions.and_then(|values| values.get(name));
                        self.text(value, &format!("the substitution {name}"), state)
                    }
                }
            });
        let distribution = id.map(|id| arn::distribution(partition, account, id));
        Some((action.to_owned(), distribution))
    }
}

/// Returns the first key that is not in the list.
fn beyond(node: &Node, known: &[&str]) -> Option<String> {
    let mut entries = node.entries().unwrap_or_default().iter();
    let found = entries.find(|entry| !known.contains(&entry.key.as_str()));
    found.map(|entry| entry.key.clone())
}
