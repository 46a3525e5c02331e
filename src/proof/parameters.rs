//! Checks parameter values from the user. A template must declare each parameter, and
//! CloudFormation must accept the value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::input::{InputError, Inputs};
use crate::config::near;
use crate::diagnostic::{Node, Source};
use crate::stacks::CREATE_PIPELINE;
use crate::template::parameters;

/// Checks the parameter values.
///
/// # Errors
/// Returns an error if no template declares a parameter, if CloudFormation does not accept a value,
/// or if a parameter is specified twice.
pub(super) fn check(inputs: &Inputs, templates: &[Arc<Node>]) -> Result<(), Vec<InputError>> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, value) in &inputs.parameters {
        if !seen.insert(name) {
            errors.push(match name.as_str() {
                CREATE_PIPELINE => InputError::given(
                    format!("`{name}` is determined by the step to prove"),
                    "omit it; `s3ferry prove --step dev` proves the stack without its pipeline",
                ),
                _ => InputError::given(
                    format!("duplicate --parameter `{name}`"),
                    "specify each parameter once, and separate list items with commas",
                ),
            });
            continue;
        }
        if name == CREATE_PIPELINE {
            continue;
        }
        let mut is_declared = false;
        for (stack, template) in inputs.stacks.iter().zip(templates) {
            let Some(parameter) = template.at(["Parameters", name]) else {
                continue;
            };
            is_declared = true;
            if let Some(error) = refusal(&stack.template, name, parameter, value) {
                errors.push(error);
                break;
            }
        }
        if !is_declared {
            errors.push(unknown(name, inputs, templates));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Returns the error for a parameter that no template declares.
fn unknown(name: &str, inputs: &Inputs, templates: &[Arc<Node>]) -> InputError {
    let mut declared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (stack, template) in inputs.stacks.iter().zip(templates) {
        let parameters = template.get("Parameters").and_then(Node::entries);
        for entry in parameters.unwrap_or_default() {
            if entry.key != CREATE_PIPELINE {
                let files = declared.entry(&entry.key).or_default();
                files.push(stack.template.name());
            }
        }
    }
    let hint = near(name, declared.keys().copied())
        .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let help = if declared.is_empty() {
        "omit the option: the templates have no parameters that need a value".to_owned()
    } else {
        let all = declared.iter().map(|(name, files)| match files.as_slice() {
            [file] => format!("{name} ({file})"),
            [first, others @ ..] => format!("{name} ({first} and {} more)", others.len()),
            [] => (*name).to_owned(),
        });
        format!("the parameters are: {}", all.collect::<Vec<_>>().join(", "))
    };
    InputError::given(format!("no template has a parameter `{name}`{hint}"), help)
}

/// Returns why CloudFormation does not accept a value, or `None` if it does.
fn refusal(source: &Source, name: &str, parameter: &Node, value: &str) -> Option<InputError> {
    let kind = parameters::type_of(parameter);
    let line = source.position(parameter.span.start).line;
    let place = format!("{}:{line}", source.name());
    if parameters::is_stored(kind) {
        return Some(InputError::given(
            format!("`{name}` has type {kind}: its value is in Parameter Store ({place})"),
            "declare it as a String to specify its value here",
        ));
    }
    let (item, message, help) = parameters::refusal(parameter, value)?;
    Some(InputError::given(
        format!("`{item}` is not a valid value for the parameter `{name}`: {message} ({place})"),
        help,
    ))
}
