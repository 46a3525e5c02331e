//! Types of parameters, and the values that CloudFormation takes for them.
//!
//! Follows the AWS document *CloudFormation template reference guide*, section *Parameters*.

use crate::diagnostic::Node;

/// Returns the type of a parameter.
pub(crate) fn type_of(parameter: &Node) -> &str {
    let kind = parameter.get("Type").and_then(Node::scalar_text);
    kind.unwrap_or("String")
}

/// Whether the values of a type are in Parameter Store.
pub(crate) fn is_stored(kind: &str) -> bool {
    kind.starts_with("AWS::SSM::")
}

/// Returns the value, or item of a list, that CloudFormation does not take for a parameter, with the
/// reason and what to give instead.
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

/// Whether a parameter of a type is a list, which is given with commas.
pub(super) fn is_list(kind: &str) -> bool {
    kind == "CommaDelimitedList" || kind.starts_with("List<")
}

/// Returns what is wrong with one value, and what to give instead.
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
