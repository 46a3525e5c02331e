//! Finds repeated keys in the mappings of a template. CloudFormation uses the last value, so the
//! other values are most likely a mistake.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Entry, Node, RepeatedKey, Severity, Source, Value};
use crate::escape::spelled;

/// The rule name of a finding about a duplicate key.
pub(crate) const REPEATED_KEY: &str = "LINT_REPEATED_KEY";

/// Returns a finding for each repeated key in a mapping of the template. Values that CloudFormation
/// ignores are not searched.
pub(crate) fn findings(
    source: &Source,
    template: &Node,
    repeated: &[RepeatedKey],
) -> Vec<Diagnostic> {
    if repeated.is_empty() {
        return Vec::new();
    }
    let mut search = Search {
        source,
        repeated: (repeated.iter()).map(|key| (key.last.start, key)).collect(),
        path: Vec::new(),
        found: Vec::new(),
    };
    search.node(template);
    search.found
}

struct Search<'a> {
    source: &'a Source,
    /// The repeated keys, by the start of their last occurrence.
    repeated: HashMap<usize, &'a RepeatedKey>,
    path: Vec<String>,
    found: Vec<Diagnostic>,
}

impl Search<'_> {
    fn node(&mut self, node: &Node) {
        match &node.value {
            Value::Sequence(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.path.push(number.to_string());
                    self.node(item);
                    self.path.pop();
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    self.path.push(entry.key.clone());
                    if let Some(key) = self.repeated.get(&entry.key_span.start) {
                        let finding = self.finding(entry, key);
                        self.found.push(finding);
                    }
                    self.node(&entry.value);
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    fn finding(&self, entry: &Entry, key: &RepeatedKey) -> Diagnostic {
        let (often, help) = match key.times {
            2 => (String::new(), "remove one of them"),
            more => (format!("{more} times, "), "remove all but one"),
        };
        let (line, _) = self.source.place(key.first.start);
        let message = format!(
            "duplicate key `{}` ({often}first on line {line}): CloudFormation uses the last value",
            spelled(&entry.key)
        );
        let resource = match &self.path[..] {
            [section, resource, ..] if section == "Resources" => Some(resource.as_str()),
            _ => None,
        };
        Diagnostic::new(entry.key_span, message).help(help).of_rule(
            (REPEATED_KEY, Severity::Warning),
            resource,
            self.path.join("."),
        )
    }
}
