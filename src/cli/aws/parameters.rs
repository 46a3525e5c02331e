//! Checks the template parameters that the user sets.

use crate::aws::names::is_key_id;
use crate::deploy::StackStep;
use crate::stacks::{CREATE_PIPELINE, KEY_ID};

use crate::cli::Failure;

/// Rejects parameters that no selected template has, repeated parameters, and the parameter that
/// s3ferry sets itself.
pub(crate) fn check(
    given: &[(String, String)],
    selected: &[StackStep],
    all: &[StackStep],
) -> Result<(), Failure> {
    for (number, (name, _)) in given.iter().enumerate() {
        if name == CREATE_PIPELINE {
            return Err(Failure::new(
                format!("{CREATE_PIPELINE} cannot be set: it depends on the deployed stacks"),
                "to create the pipeline even if the targets cannot be read, use --create-pipeline",
            ));
        }
        if given[..number].iter().any(|(other, _)| other == name) {
            return Err(Failure::new(
                format!("duplicate --parameter `{name}`"),
                "specify each parameter once",
            ));
        }
        let has = |step: &StackStep| step.template.parameters.contains(name);
        if !all.iter().any(has) {
            return Err(Failure::new(
                format!("no template has a parameter `{name}`"),
                format!("the target templates have the parameter {KEY_ID}"),
            ));
        }
        if !selected.iter().any(has) {
            return Err(Failure::new(
                format!("no stack of this profile has a parameter `{name}`"),
                "remove the option",
            ));
        }
    }
    match given.iter().find(|(name, _)| name == KEY_ID) {
        Some((_, value)) if !is_key_id(value) => Err(Failure::new(
            format!("`{value}` is not a key ID"),
            format!("use the output {KEY_ID} of the dev stack, not an ARN or an alias"),
        )),
        _ => Ok(()),
    }
}
