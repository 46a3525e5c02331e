//! The values that the user gives for parameters of the templates: each must be one that some
//! template declares and CloudFormation takes.
//!
//! Follows the AWS document *CloudFormation template reference guide*, section *Parameters*.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::input::{InputError, Inputs};
use crate::config::near;
use crate::diagnostic::{Node, Source};

/// The step that is proven decides it.
pub(super) use crate::stacks::CREATE_PIPELINE;

/// Checks the values of parameters.
///
/// # Errors
/// No template declares a parameter, a value is none that CloudFormation takes for it, or one is
/// given twice.
pub(super) fn check(inputs: &Inputs, templates: &[Arc<Node>]) -> Result<(), Vec<InputError>> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, value) in &inputs.parameters {
        if !seen.insert(name) {
            errors.push(match name.as_str() {
                CREATE_PIPELINE => InputError::given(
                    format!("`{name}` is decided by the step that is proven"),
                    "leave it out; `s3ferry prove --step dev` proves the stack without its pipeline",
                ),
                _ => InputError::given(
                    format!("--parameter gives `{name}` twice"),
                    "give it once; commas separate the items of a list",
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

/// The error of a parameter that no template declares.
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
        "the templates have no parameters that need a value: leave the option out".to_owned()
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

/// Why CloudFormation would not take a value; `None`: it would.
fn refusal(source: &Source, name: &str, parameter: &Node, value: &str) -> Option<InputError> {
    let setting = |key| parameter.get(key).and_then(Node::scalar_text);
    let kind = setting("Type").unwrap_or("String");
    let line = source.position(parameter.span.start).line;
    let place = format!("{}:{line}", source.name());
    if kind.starts_with("AWS::SSM::") {
        return Some(InputError::given(
            format!("`{name}` is of type {kind}: its value is in Parameter Store ({place})"),
            "declare it as a String to give its value here",
        ));
    }
    let items: Vec<&str> = match is_list(kind) {
        true => value.split(',').map(str::trim).collect(),
        false => vec![value],
    };
    let refused = items.into_iter().find_map(|item| {
        let why = unfit(parameter, kind, item)?;
        Some((item, why))
    });
    let (item, (message, help)) = refused?;
    Some(InputError::given(
        format!("`{item}` is not a value of the parameter `{name}`: {message} ({place})"),
        help,
    ))
}

/// Whether a parameter of a type is a list, which is given with commas.
pub(super) fn is_list(kind: &str) -> bool {
    kind == "CommaDelimitedList" || kind.starts_with("List<")
}

/// What is wrong with one value, and what to give instead.
fn unfit(parameter: &Node, kind: &str, value: &str) -> Option<(String, String)> {
    let setting = |key: &str| parameter.get(key).and_then(Node::scalar_text);
    let number = |key: &str| setting(key).and_then(|text| text.parse::<f64>().ok());
    let length = |key: &str| setting(key).and_then(|text| text.parse::<usize>().ok());
    if let Some(allowed) = parameter.get("AllowedValues").and_then(Node::items) {
        let allowed: Vec<&str> = allowed.iter().filter_map(Node::scalar_text).collect();
        if !allowed.contains(&value) {
            let help = format!("the allowed values are: {}", allowed.join(", "));
            return Some(("it is not an allowed value".to_owned(), help));
        }
    }
    if kind == "Number" || kind == "List<Number>" {
        let Ok(given) = value.parse::<f64>() else {
            return Some(("it is not a number".to_owned(), "give a number".to_owned()));
        };
        if let Some(least) = number("MinValue").filter(|least| given < *least) {
            let help = format!("give {least} or more");
            return Some(("it is too small".to_owned(), help));
        }
        if let Some(most) = number("MaxValue").filter(|most| given > *most) {
            return Some(("it is too large".to_owned(), format!("give {most} or less")));
        }
        return None;
    }
    // The whole value must match. What this syntax does not know is left to CloudFormation.
    let pattern = setting("AllowedPattern");
    let expression = pattern.and_then(|text| regex::Regex::new(&format!("^(?:{text})$")).ok());
    if let (Some(pattern), Some(expression)) = (pattern, expression)
        && !expression.is_match(value)
    {
        let help = setting("ConstraintDescription").map_or_else(
            || "give a value that matches the pattern as a whole".to_owned(),
            str::to_owned,
        );
        return Some((format!("it does not match the pattern `{pattern}`"), help));
    }
    let characters = value.chars().count();
    if let Some(least) = length("MinLength").filter(|least| characters < *least) {
        let help = format!("give {least} characters or more");
        return Some(("it is too short".to_owned(), help));
    }
    if let Some(most) = length("MaxLength").filter(|most| characters > *most) {
        let help = format!("give {most} characters or less");
        return Some(("it is too long".to_owned(), help));
    }
    None
}
