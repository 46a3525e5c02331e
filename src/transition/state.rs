//! The proof that the pipeline works in the state between two steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Source;
use crate::plan::Plan;
use crate::proof::{self, Inputs, Known, Stack, Verdict};
use crate::run::Instance;
use crate::stacks::{CREATE_PIPELINE, Side};

/// A stack, or the instances of a stack set, in a state.
#[derive(Debug, Clone)]
pub(crate) struct StackState {
    /// Name of the template.
    pub name: String,
    /// Part of the deployment that the stack belongs to.
    pub side: Side,
    /// Accounts and regions.
    pub instances: Vec<(String, String)>,
    /// Text of the template.
    pub text: Arc<str>,
    /// Whether the source object has tags, which no template shows.
    pub tagged_objects: bool,
    /// Known values of parameters; others come from the outputs of the dev stack.
    pub parameters: BTreeMap<String, String>,
    /// IDs of keys that the stack created, by logical ID.
    pub key_ids: BTreeMap<String, String>,
}

/// A call of the pipeline that is denied or not proven to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable ID of the call.
    pub id: String,
    /// Whether the call is denied. If not, its result depends on unknown values.
    pub is_denied: bool,
    /// Description of the call.
    pub what: String,
}

/// The faults of the pipeline in a state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(BTreeMap<String, Fault>);

impl Faults {
    /// Returns the faults that the transition adds: denied calls that are not denied before it, and
    /// undecided calls that are faults neither before nor after it.
    pub(crate) fn beyond<'f>(&'f self, before: &'f Self, after: &'f Self) -> Vec<&'f Fault> {
        let is_known = |fault: &Fault| {
            let known = |faults: &Self| faults.0.get(&fault.id).map(|known| known.is_denied);
            match (known(before), known(after)) {
                (Some(true), _) => true,
                (Some(false), _) | (_, Some(_)) => !fault.is_denied,
                (None, None) => false,
            }
        };
        self.0.values().filter(|fault| !is_known(fault)).collect()
    }

    /// Returns whether a call of the pipeline is denied.
    pub(crate) fn has_denials(&self) -> bool {
        self.0.values().any(|fault| fault.is_denied)
    }
}

/// Proves a state. The first stack is the dev stack.
///
/// # Errors
/// Returns an error if the proof cannot read a template. The message gives the reason.
pub(crate) fn faults(plan: &Plan, stacks: &[StackState]) -> Result<Faults, String> {
    let inputs = inputs(plan, stacks);
    let proof = proof::prove(&inputs).map_err(|errors| {
        let first = errors.first().map(|error| match error.problems().first() {
            Some(problem) => format!("{error}: {}", problem.message),
            None => error.to_string(),
        });
        first.unwrap_or_default()
    })?;
    let mut found = BTreeMap::new();
    for (decided, _) in &proof.calls {
        let is_denied = match decided.verdict {
            Verdict::Allowed | Verdict::NotGranted => continue,
            Verdict::Unproven => false,
            _ => true,
        };
        let call = &decided.call;
        found.insert(
            call.id.clone(),
            Fault {
                id: call.id.clone(),
                is_denied,
                what: format!(
                    "{} cannot call {} on {}",
                    call.caller_shown(),
                    call.action,
                    call.resource
                ),
            },
        );
    }
    for obstacle in &proof.obstacles {
        let id = format!("obstacle/{}/{}", obstacle.resource, obstacle.reason);
        found.insert(
            id.clone(),
            Fault {
                id,
                is_denied: true,
                what: obstacle.reason.clone(),
            },
        );
    }
    Ok(Faults(found))
}

/// Builds the inputs for the proof of a state. Equal stacks of a target become one input with
/// several instances.
pub(crate) fn inputs(plan: &Plan, stacks: &[StackState]) -> Inputs {
    let mut inputs = Inputs::base(plan);
    let mut found: Vec<Stack> = Vec::new();
    for stack in stacks {
        let instances = stack.instances.iter().map(|(account, region)| {
            Arc::new(Instance {
                account: account.clone(),
                region: region.clone(),
            })
        });
        let parameters: Vec<(String, String)> = (stack.parameters.iter())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let alike = found.iter_mut().find(|known| {
            known.is_target
                && known.name == stack.name
                && known.tagged_objects == stack.tagged_objects
                && known.template.text() == &*stack.text
                && known.known.parameters == parameters
        });
        if let Some(alike) = alike {
            alike.instances.extend(instances);
            continue;
        }
        found.push(Stack {
            name: stack.name.clone(),
            is_target: matches!(stack.side, Side::Target(_)),
            // The call IDs of a target include the account and region in every state.
            is_generic: matches!(stack.side, Side::Target(_)),
            tagged_objects: stack.tagged_objects,
            instances: instances.collect(),
            template: Source::new(format!("{} (deployed)", stack.name), stack.text.to_string())
                .into(),
            known: Known {
                parameters,
                key_ids: (stack.key_ids.iter())
                    .map(|(id, key)| (id.clone(), key.clone()))
                    .collect(),
            },
        });
    }
    inputs.stacks = found;
    inputs.allow_unused = true;
    inputs.by_region = true;
    inputs
}

/// Returns the parameters of a dev stack with its pipeline.
pub(crate) fn with_pipeline() -> BTreeMap<String, String> {
    BTreeMap::from([(CREATE_PIPELINE.to_owned(), "true".to_owned())])
}
