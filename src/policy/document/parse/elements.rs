//! Reads the parts of elements, and reports unknown ones.

use super::Reader;
use crate::diagnostic::{Diagnostic, Entry, Node, Span, Value, may_be_name};

impl Reader {
    pub(super) fn problem(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    pub(super) fn fault(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problem(Diagnostic::new(span, message).help(help));
    }

    /// Returns the part, or reports its problem.
    pub(super) fn read<T>(&mut self, part: Result<T, Diagnostic>) -> Option<T> {
        part.map_err(|problem| self.problem(problem)).ok()
    }

    pub(super) fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        let entries = node.entries().filter(|_| node.tag.is_none());
        if entries.is_none() {
            self.fault(
                node.span,
                format!("{what} must be a mapping, but this is {}", kind_of(node)),
                "write `{…}` with its elements",
            );
        }
        entries
    }

    pub(super) fn known_elements(&mut self, entries: &[Entry], known: &[&str], what: &str) {
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                self.unknown(entry, known, &format!("element of {what}"));
            }
        }
    }

    pub(super) fn unknown(&mut self, entry: &Entry, known: &[&str], what: &str) {
        let near = known
            .iter()
            .filter(|_| may_be_name(&entry.key))
            .map(|name| {
                let distance =
                    strsim::damerau_levenshtein(&name.to_lowercase(), &entry.key.to_lowercase());
                (distance, *name)
            })
            .min()
            .filter(|(distance, _)| *distance <= 2);
        let help = match near {
            Some((0, name)) => format!("write `{name}`: names are case-sensitive here"),
            Some((_, name)) => format!("did you mean `{name}`?"),
            None => format!("use one of: {}", known.join(", ")),
        };
        self.fault(
            entry.key_span,
            format!("unknown {what}: {}", entry.shown_key()),
            help,
        );
    }

    /// Returns an element or its negation. A statement can have only one of them.
    pub(super) fn either<'n>(
        &mut self,
        node: &'n Node,
        name: &str,
        negation: &str,
    ) -> Option<(&'n Entry, bool)> {
        let negated = node.entry(negation);
        match node.entry(name) {
            Some(entry) => {
                if let Some(other) = negated {
                    self.fault(
                        other.key_span,
                        format!("the statement has both `{name}` and `{negation}`"),
                        "keep one of them",
                    );
                }
                Some((entry, false))
            }
            None => negated.map(|entry| (entry, true)),
        }
    }

    pub(super) fn text(&mut self, node: &Node, name: &str) -> Option<String> {
        let value = node.get(name)?;
        match value.scalar_text() {
            Some(text) if value.tag.is_none() => Some(text.to_owned()),
            _ => {
                self.problem(Diagnostic::new(
                    value.span,
                    format!("`{name}` must be a string, but this is {}", kind_of(value)),
                ));
                None
            }
        }
    }

    /// Returns the strings in a single string or a list. Reports a problem if the result is empty.
    pub(super) fn texts<'n>(&mut self, node: &'n Node, name: &str) -> Vec<(&'n str, Span)> {
        if node.items().is_some_and(<[Node]>::is_empty) {
            self.problem(Diagnostic::new(node.span, format!("`{name}` is empty")));
        }
        let mut texts = Vec::new();
        for item in node.one_or_many() {
            let text = match &item.value {
                Value::String(text) => Some(text),
                // An unquoted account ID keeps its digits.
                Value::Number(text) if name == "AWS" => Some(text),
                _ => None,
            };
            match text.filter(|_| item.tag.is_none()) {
                Some(text) => texts.push((text.as_str(), item.span)),
                None => self.problem(Diagnostic::new(
                    item.span,
                    format!(
                        "`{name}` must contain strings, but this is {}",
                        kind_of(item)
                    ),
                )),
            }
        }
        texts
    }
}

pub(super) fn kind_of(node: &Node) -> String {
    match &node.tag {
        Some(tag) => format!("an unresolved `!{tag}`"),
        None => node.kind().to_owned(),
    }
}
