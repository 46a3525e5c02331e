//! Calls of intrinsic functions.

use std::collections::HashMap;

use super::super::NO_VALUE;
use super::super::functions::{SubPart, sub_parts};
use super::{Resolver, Text, UNKNOWN, known_text, unknown_in};
use crate::diagnostic::{Node, Span, Value};

impl Resolver<'_> {
    /// Evaluates a function. Returns `None` for `AWS::NoValue`.
    pub(super) fn call(&self, name: &str, argument: &Node, span: Span) -> Option<Node> {
        Some(match name {
            "Ref" => match argument.scalar_text() {
                Some(NO_VALUE) => return None,
                Some(id) => self.reference(id, span),
                None => self.unknown("`Ref` requires a logical ID", span),
            },
            "GetAtt" => self.get_att(argument, span),
            "Sub" => self.sub(argument, span),
            "Join" => self.join(&self.argument(name, argument)?, span),
            "Select" => self.select(&self.argument(name, argument)?, span),
            "Split" => self.split(&self.argument(name, argument)?, span),
            "If" => return self.choose(argument, span),
            "FindInMap" => self.find_in_map(&self.argument(name, argument)?, span),
            UNKNOWN => argument.clone(),
            "ToJsonString" => {
                let value = self.argument(name, argument)?;
                match unknown_in(&value) {
                    Some(part) if self.marker.is_none() => self.unknown_by(part, span),
                    _ => Node::synthetic(Value::String(value.to_json().to_string()), span),
                }
            }
            "ImportValue" => self.unknown("`ImportValue` returns an output of another stack", span),
            _ => self.unknown(format!("the value of `{name}` is known only to AWS"), span),
        })
    }

    /// Resolves the argument of a function. In the short form, the tag of the argument names the
    /// function.
    fn argument(&self, name: &str, node: &Node) -> Option<Node> {
        match node.tag.as_deref() == Some(name) {
            true => Some(self.plain(node)),
            false => self.resolve(node),
        }
    }

    fn get_att(&self, argument: &Node, span: Span) -> Node {
        if let Some((id, name)) = argument.scalar_text().and_then(|text| text.split_once('.')) {
            return self.attribute_node(id, name, span);
        }
        let Some([id, name]) = argument.items() else {
            return self.unknown("`GetAtt` requires a logical ID and an attribute", span);
        };
        let name = self.resolve(name);
        match (id.as_str(), name.as_ref().and_then(known_text)) {
            (Some(id), Some(name)) => self.attribute_node(id, name, span),
            _ => self.unknown("the attribute of `GetAtt` is unknown", span),
        }
    }

    fn sub(&self, argument: &Node, span: Span) -> Node {
        let (template, variables) = match argument.items() {
            Some([template, variables]) => (template, Some(variables)),
            Some(_) => return self.unknown("`Sub` requires a string or a list of two items", span),
            None => (argument, None),
        };
        let Some(template) = template.scalar_text() else {
            return self.unknown("`Sub` requires a string", span);
        };
        let mut made = Text::known("");
        // Each variable is resolved once.
        let mut resolved: HashMap<&str, Option<Node>> = HashMap::new();
        for part in sub_parts(template) {
            let name = match part {
                SubPart::Text(text) => {
                    made.text.push_str(text);
                    continue;
                }
                SubPart::Variable(name) => name,
            };
            if let Some(literal) = name.strip_prefix('!') {
                made.text.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let name = name.trim();
            let given = variables.and_then(|variables| variables.get(name));
            let value = match (given, name.split_once('.')) {
                (Some(given), _) => {
                    let value = resolved.entry(name).or_insert_with(|| self.resolve(given));
                    match value {
                        Some(value) => value.clone(),
                        None => continue,
                    }
                }
                (None, Some((id, attribute))) => self.attribute_node(id, attribute, span),
                (None, None) => self.reference(name, span),
            };
            match self.text(&value) {
                Some(part) => {
                    made.text.push_str(&part.text);
                    made.is_known &= part.is_known;
                }
                None => match unknown_in(&value) {
                    Some(_) if self.marker.is_none() => return value,
                    _ => return self.unknown(format!("`{name}` is not a string"), span),
                },
            }
        }
        self.limited(made, span)
    }

    fn join(&self, argument: &Node, span: Span) -> Node {
        let parts = argument.items().unwrap_or_default();
        let is_open = |node: &Node| node.tag.is_some();
        let is_open = match parts {
            // With a marker, the items may be unknown.
            [delimiter, list] if self.marker.is_some() => is_open(delimiter) || is_open(list),
            _ => true,
        };
        if let Some(part) = unknown_in(argument).filter(|_| is_open) {
            return self.unknown_by(part, span);
        }
        let [delimiter, list] = parts else {
            return self.unknown("`Join` requires a delimiter and a list", span);
        };
        let items = list.items().unwrap_or_default().iter();
        let texts: Option<Vec<Text>> = items.map(|item| self.text(item)).collect();
        let Some(texts) = texts else {
            return self.unknown("`Join` requires a list of strings", span);
        };
        let is_known = texts.iter().all(|text| text.is_known);
        let texts: Vec<String> = texts.into_iter().map(|text| text.text).collect();
        let text = texts.join(known_text(delimiter).unwrap_or_default());
        self.limited(Text { text, is_known }, span)
    }

    fn select(&self, argument: &Node, span: Span) -> Node {
        let Some([index, list]) = argument.items() else {
            return self.unknown("`Select` requires an index and a list", span);
        };
        let index = known_text(index).and_then(|text| text.parse::<usize>().ok());
        let items = list.items().filter(|_| list.tag.is_none());
        match (index, items) {
            (Some(index), Some(items)) => match items.get(index) {
                Some(item) => Node {
                    span,
                    ..item.clone()
                },
                None => self.unknown(
                    format!("`Select` refers to item {index}, which does not exist"),
                    span,
                ),
            },
            _ => match unknown_in(argument) {
                Some(part) => self.unknown_by(part, span),
                None => self.unknown("`Select` requires an index and a list", span),
            },
        }
    }

    fn split(&self, argument: &Node, span: Span) -> Node {
        if let Some(part) = unknown_in(argument) {
            return self.unknown_by(part, span);
        }
        let parts: Option<Vec<&str>> = argument
            .items()
            .and_then(|items| items.iter().map(known_text).collect());
        match parts.as_deref() {
            Some([delimiter, text]) if !delimiter.is_empty() => {
                let items = text.split(*delimiter).map(|item| {
                    let (text, is_known) = (item.to_owned(), true);
                    self.limited(Text { text, is_known }, span)
                });
                Node::synthetic(Value::Sequence(items.collect()), span)
            }
            _ => self.unknown("`Split` requires a delimiter and a string", span),
        }
    }

    fn choose(&self, argument: &Node, span: Span) -> Option<Node> {
        let Some([name, yes, no]) = argument.items() else {
            return Some(self.unknown("`If` requires a condition and two values", span));
        };
        match name.scalar_text().and_then(|name| self.condition(name)) {
            Some(true) => self.resolve(yes),
            Some(false) => self.resolve(no),
            None => Some(self.unknown("the condition of `If` is unknown", span)),
        }
    }

    fn find_in_map(&self, argument: &Node, span: Span) -> Node {
        let keys: Option<Vec<&str>> = argument
            .items()
            .and_then(|items| items.iter().take(3).map(known_text).collect());
        let found = match keys.as_deref() {
            Some([map, first, second]) => self.root.at(["Mappings", *map, *first, *second]),
            _ => None,
        };
        let default = || argument.items()?.get(3)?.get("DefaultValue");
        let has_unknown = keys.is_none();
        match found.or_else(|| default().filter(|_| !has_unknown)) {
            Some(value) => value.placed(span),
            None => match unknown_in(argument) {
                Some(part) => self.unknown_by(part, span),
                None => self.unknown("`FindInMap` finds no value", span),
            },
        }
    }
}
