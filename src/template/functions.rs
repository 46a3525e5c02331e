//! Templates as written: resources, and calls of intrinsic functions in short form (`!Sub x`) and
//! long form (`{"Fn::Sub": "x"}`).

use crate::diagnostic::{Entry, Node};

/// Returns the resources of a template, in order.
pub(crate) fn resources(template: &Node) -> &[Entry] {
    let resources = template.get("Resources").and_then(Node::entries);
    resources.unwrap_or_default()
}

/// Returns the type of a resource, such as `AWS::S3::Bucket`.
pub(crate) fn type_of(resource: &Node) -> Option<&str> {
    resource.get("Type")?.as_str()
}

/// Returns the function that a node calls, without `Fn::`, and its argument. In the short form, the
/// argument is the node itself, whose tag is the function.
pub(crate) fn function(node: &Node) -> Option<(&str, &Node)> {
    if let Some(tag) = &node.tag {
        return Some((tag, node));
    }
    let [only] = node.entries()? else { return None };
    let name = match only.key.as_str() {
        "Ref" => "Ref",
        key => key.strip_prefix("Fn::")?,
    };
    Some((name, &only.value))
}

/// A part of the text of `Fn::Sub`.
pub(super) enum SubPart<'t> {
    /// Text that stays as it is.
    Text(&'t str),
    /// The content of `${…}`; for `${!…}`, with the exclamation mark.
    Variable(&'t str),
}

/// Splits the text of `Fn::Sub`.
pub(super) fn sub_parts(text: &str) -> impl Iterator<Item = SubPart<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let variable = rest
            .strip_prefix("${")
            .and_then(|rest| rest.split_once('}'));
        if let Some((name, behind)) = variable {
            rest = behind;
            return Some(SubPart::Variable(name));
        }
        // A `${` without a closing brace is text.
        let end = rest.find("${").filter(|at| *at > 0).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(end);
        rest = behind;
        (!text.is_empty()).then_some(SubPart::Text(text))
    })
}
