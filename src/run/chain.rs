//! Determines whether an execution reaches its last action. Settings that CodePipeline rejects
//! prevent the execution. An entry condition ends the execution if the preceding pipeline does not
//! pass the required value.
//!
//! Follows *How do stage conditions work?*, *VariableCheck*, and *AWS CodePipeline invoke action
//! reference* in the AWS documentation. The settings that CodePipeline rejects are read with the
//! pipelines.

use super::landscape::Place;
use super::pipeline::{Gate, Invoke, Pipeline};

/// A condition that ends an execution before its last action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Its location.
    pub place: Place,
    /// Logical ID of the pipeline.
    pub resource: String,
    /// Why the execution ends.
    pub reason: String,
    /// How to fix it.
    pub fix: &'static str,
}

/// Returns the settings that CodePipeline rejects or that make every execution fail, and the entry
/// conditions that the preceding pipelines do not meet.
pub(crate) fn obstacles(pipelines: &[Pipeline]) -> Vec<Obstacle> {
    let mut found: Vec<Obstacle> = pipelines
        .iter()
        .flat_map(|pipeline| pipeline.faults.iter().cloned())
        .collect();
    for pipeline in pipelines {
        for (name, invoke) in pipeline.invokes() {
            let next = pipelines.iter().filter(|next| next.name == name);
            for next in next {
                let gates = next.gates.iter();
                found.extend(gates.filter_map(|gate| obstacle(pipeline, invoke, next, gate)));
            }
        }
    }
    found
}

fn obstacle(
    pipeline: &Pipeline,
    invoke: &Invoke,
    next: &Pipeline,
    gate: &Gate,
) -> Option<Obstacle> {
    let passed = invoke.variables.as_ref()?;
    let passed = passed.iter().find(|(name, _)| *name == gate.variable);
    let value = match passed {
        // The value is known only at run time.
        Some((_, value)) if value.contains("#{") => return None,
        Some((_, value)) => Some(value),
        None => {
            let mut declared = next.variables.iter();
            let declared = declared.find(|(name, _)| *name == gate.variable);
            declared.map(|(_, default)| default)
        }
    };
    if value == Some(&gate.value) {
        return None;
    }
    let how = match (passed, value) {
        (Some(_), Some(value)) => format!("passes {}={value}", gate.variable),
        (_, Some(value)) => format!("does not pass {}, whose default is {value}", gate.variable),
        (_, None) => format!("does not pass {}", gate.variable),
    };
    Some(Obstacle {
        place: gate.place,
        resource: gate.resource.clone(),
        fix: "pass the variable in the invoke action's `Variables`",
        reason: format!(
            "stage {} of pipeline {} requires {}={}, but pipeline {}, which starts it, {how}: the \
             execution ends before this stage",
            gate.stage, next.name, gate.variable, gate.value, pipeline.name
        ),
    })
}
