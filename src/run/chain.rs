//! Whether a run reaches its last action: what CodePipeline refuses of a pipeline ends it at once, and an
//! entry condition that the previous pipeline does not meet ends it there.
//!
//! Follows the AWS documents *How do stage conditions work?*, *VariableCheck* and *AWS CodePipeline
//! invoke action reference*; what CodePipeline refuses is read with the pipelines.

use super::landscape::Place;
use super::pipeline::{Gate, Invoke, Pipeline};

/// What ends a run before its last action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The condition.
    pub place: Place,
    /// Logical ID of its pipeline.
    pub resource: String,
    /// Why the run ends there.
    pub reason: String,
    /// What to do.
    pub fix: &'static str,
}

/// What CodePipeline refuses or what fails in every run, and the conditions that the pipelines' own
/// starts do not meet.
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
        // Known only in a run.
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
        fix: "pass the variable in `Variables` of the invoke action",
        reason: format!(
            "stage {} of pipeline {} requires {}={}, and pipeline {}, which starts it, {how}: the \
             run ends before this stage",
            gate.stage, next.name, gate.variable, gate.value, pipeline.name
        ),
    })
}
