//! The parameters of the templates: those that the user gives.

use crate::aws::names::is_key_id;
use crate::deploy::StackStep;
use crate::stacks::{CREATE_PIPELINE, KEY_ID};

use crate::cli::Failure;

/// Refuses parameters that no selected template has, one that is given twice, and the way back
/// from `true` to `false`.
pub(crate) fn check(
    given: &[(String, String)],
    selected: &[StackStep],
    all: &[StackStep],
) -> Result<(), Failure> {
    for (number, (name, _)) in given.iter().enumerate() {
        if name == CREATE_PIPELINE {
            return Err(Failure::new(
                format!("{CREATE_PIPELINE} is decided by what is deployed already"),
                "to make the pipeline though the targets cannot be seen, give --create-pipeline",
            ));
        }
        if given[..number].iter().any(|(other, _)| other == name) {
            return Err(Failure::new(
                format!("--parameter gives `{name}` twice"),
                "give it once",
            ));
        }
        let has = |step: &StackStep| step.template.parameters.contains(name);
        if !all.iter().any(has) {
            return Err(Failure::new(
                format!("no template has a parameter `{name}`"),
                format!("the targets' templates have {KEY_ID}"),
            ));
        }
        if !selected.iter().any(has) {
            return Err(Failure::new(
                format!("no stack of this profile has a parameter `{name}`"),
                "leave the option out",
            ));
        }
    }
    match given.iter().find(|(name, _)| name == KEY_ID) {
        Some((_, value)) if !is_key_id(value) => Err(Failure::new(
            format!("`{value}` is not a key ID"),
            format!("give the output {KEY_ID} of the dev stack, not an ARN or an alias"),
        )),
        _ => Ok(()),
    }
}
