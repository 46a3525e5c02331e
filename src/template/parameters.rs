//! The types of parameters, and the values that CloudFormation accepts for them.
//!
//! Follows *CloudFormation template reference guide*, section *Parameters*, in the AWS
//! documentation.

use crate::diagnostic::Node;

/// Returns the type of a parameter.
pub(crate) fn type_of(parameter: &Node) -> &str {
    let kind = parameter.get("Type").and_then(Node::scalar_text);
    kind.unwrap_or("String")
}

/// Returns whether the values of a type are in Parameter Store.
pub(crate) fn is_stored(kind: &str) -> bool {
    kind.starts_with("AWS::SSM::")
}

/// Returns the value, or the item of a list, that CloudFormation rejects for a parameter, with the
/// reason and a help text.
pub(crate) fn refusal<'v>(parameter: &Node, value: &'v str) -> Option<(&'v str, String, String)> {
    let kind = type_of(parameter);
    let items: Vec<&str> = match is_list(kind) {
        true => value.split(',').map(str::trim).collect(),
        false => vec![value],
    };
    items.into_iter().find_map(|item| {
        let (message, help) = unfit(parameter, kind, item)?;
        Some((item, message, help))
    })
}

/// Returns whether a type is a list, whose items are separated by commas.
pub(super) fn is_list(kind: &str) -> bool {
    kind == "CommaDelimitedList" || kind.starts_with("List<")
}

/// Returns the problem with a value and a help text, if the value is not valid.
fn unfit(parameter: &Node, kind: &str, value: &str) -> Option<(String, String)> {
    let setting = |key: &str| parameter.get(key).and_then(Node::scalar_text);
    let number = |key: &str| setting(key).and_then(|text| text.parse::<f64>().ok());
    let length = |key: &str| setting(key).and_then(|text| text.parse::<usize>().ok());
    if let Some(allowed) = parameter.get("AllowedValues").and_then(Node::items) {
        let allowed: Vec<&str> = allowed.iter().filter_map(Node::scalar_text).collect();
        if !allowed.contains(&value) {
            let help = format!("specify one of the allowed values: {}", allowed.join(", "));
            return Some(("it is not an allowed value".to_owned(), help));
        }
    }
    if kind == "Number" || kind == "List<Number>" {
        let Ok(given) = value.parse::<f64>() else {
            return Some((
                "it is not a number".to_owned(),
                "specify a number".to_owned(),
            ));
        };
        if let Some(least) = number("MinValue").filter(|least| given < *least) {
            let help = format!("specify {least} or more");
            return Some(("it is too small".to_owned(), help));
        }
        if let Some(most) = number("MaxValue").filter(|most| given > *most) {
            let help = format!("specify {most} or less");
            return Some(("it is too large".to_owned(), help));
        }
        return None;
    }
    // The whole value must match. Patterns that the `regex` crate does not support are left to
    // CloudFormation.
    let pattern = setting("AllowedPattern");
    let expression = pattern.and_then(|text| regex::Regex::new(&format!("^(?:{text})$")).ok());
    if let (Some(pattern), Some(expression)) = (pattern, expression)
        && !expression.is_match(value)
    {
        let help = setting("ConstraintDescription").map_or_else(
            || "specify a value that matches the entire pattern".to_owned(),
            str::to_owned,
        );
        return Some((format!("it does not match the pattern `{pattern}`"), help));
    }
    let characters = value.chars().count();
    if let Some(least) = length("MinLength").filter(|least| characters < *least) {
        let help = format!("specify at least {least} characters");
        return Some(("it is too short".to_owned(), help));
    }
    if let Some(most) = length("MaxLength").filter(|most| characters > *most) {
        let help = format!("specify at most {most} characters");
        return Some(("it is too long".to_owned(), help));
    }
    None
}
