//! Changes of JSON text that leave everything else as it is, byte for byte.

use std::ops::Range;

use crate::syntax::{Entry, Node, Value};

/// Changes of one text.
pub(super) struct Editor<'t> {
    text: &'t str,
    changes: Vec<(Range<usize>, String)>,
}

/// A value to set.
pub(super) enum New {
    /// A string.
    Text(String),
    /// A mapping of strings.
    Mapping(Vec<(&'static str, String)>),
}

impl<'t> Editor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            changes: Vec::new(),
        }
    }

    /// Sets members of a mapping: those that are there in their places, the others at its end, in
    /// the order given. A member that has its value already is left alone.
    pub(super) fn set(&mut self, mapping: &Node, members: Vec<(&str, New)>) {
        let mut added = String::new();
        let entries = mapping.entries().unwrap_or_default();
        let style = Style::of(self.text, mapping);
        for (key, value) in members {
            match (mapping.entry(key), value) {
                (Some(entry), New::Text(text)) => {
                    if entry.value.as_str() != Some(&text) {
                        self.replace(&entry.value, json(&text));
                    }
                }
                (Some(entry), New::Mapping(inner)) if entry.value.entries().is_some() => {
                    let inner = inner
                        .into_iter()
                        .map(|(key, text)| (key, New::Text(text)))
                        .collect();
                    self.set(&entry.value, inner);
                }
                (Some(entry), New::Mapping(inner)) => {
                    self.replace(&entry.value, style.mapping(&inner));
                }
                (None, value) => {
                    let value = match value {
                        New::Text(text) => json(&text),
                        New::Mapping(inner) => style.mapping(&inner),
                    };
                    if !entries.is_empty() || !added.is_empty() {
                        added.push(',');
                    }
                    added.push_str(&style.between);
                    added.push_str(&format!("{}:{}{value}", json(key), style.colon));
                }
            }
        }
        if added.is_empty() {
            return;
        }
        let at = match entries.last() {
            Some(last) => end(self.text, &last.value),
            None => mapping.span.start + 1,
        };
        self.changes.push((at..at, added));
    }

    /// Removes a member of a mapping, with the comma that goes with it.
    pub(super) fn remove(&mut self, mapping: &Node, key: &str) {
        let entries = mapping.entries().unwrap_or_default();
        let Some(index) = entries.iter().position(|entry| entry.key == key) else {
            return;
        };
        let stop = end(self.text, &entries[index].value);
        let range = match (index.checked_sub(1), entries.get(index + 1)) {
            (Some(before), _) => end(self.text, &entries[before].value)..stop,
            (None, Some(after)) => entries[index].key_span.start..after.key_span.start,
            (None, None) => entries[index].key_span.start..stop,
        };
        self.changes.push((range, String::new()));
    }

    fn replace(&mut self, node: &Node, text: String) {
        let range = node.span.start..end(self.text, node);
        self.changes.push((range, text));
    }

    /// The changed text.
    pub(super) fn finish(mut self) -> String {
        self.changes.sort_by_key(|(range, _)| range.start);
        let mut out = String::with_capacity(self.text.len() + 1024);
        let mut at = 0;
        for (range, new) in self.changes {
            out.push_str(&self.text[at..range.start]);
            out.push_str(&new);
            at = range.end;
        }
        out.push_str(&self.text[at..]);
        out
    }
}

/// Where a value of JSON ends: after its closing bracket, which the tree does not know.
pub(super) fn end(text: &str, node: &Node) -> usize {
    let last = match &node.value {
        Value::Mapping(entries) => entries.last().map(|entry| &entry.value),
        Value::Sequence(items) => items.last(),
        _ => return node.span.end,
    };
    let inner = last.map_or(node.span.start + 1, |last| end(text, last));
    let closing = text[inner..].find(['}', ']']);
    closing.map_or(text.len(), |closing| inner + closing + 1)
}

/// A string in JSON.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// How a mapping is laid out.
struct Style {
    /// What stands before a member that is not the first: a line break and spaces, or a space.
    between: String,
    /// What stands after a colon.
    colon: &'static str,
    /// One step of indentation; empty for a mapping on one line.
    step: String,
}

impl Style {
    fn of(text: &str, mapping: &Node) -> Self {
        let entries = mapping.entries().unwrap_or_default();
        let Some(last) = entries.last() else {
            return Self {
                between: String::new(),
                colon: " ",
                step: String::new(),
            };
        };
        let spaced = |entry: &Entry| {
            let between = &text[entry.key_span.end..entry.value.span.start];
            between.contains(char::is_whitespace)
        };
        let between = gap_before(text, last.key_span.start);
        let close = gap_before(text, end(text, mapping) - 1);
        let step = match (between.rsplit_once('\n'), close.rsplit_once('\n')) {
            (Some((_, inner)), Some((_, outer))) => inner.strip_prefix(outer).unwrap_or("  "),
            _ => "",
        };
        // The first of several on one line stands behind a bracket, without a space.
        let between = match (between, entries) {
            ("", [only]) if spaced(only) => " ",
            (between, _) => between,
        };
        Self {
            between: between.to_owned(),
            colon: if spaced(last) { " " } else { "" },
            step: step.to_owned(),
        }
    }

    /// A mapping as the value of a member.
    fn mapping(&self, members: &[(&str, String)]) -> String {
        let member =
            |(key, value): &(&str, String)| format!("{}:{}{}", json(key), self.colon, json(value));
        let members: Vec<String> = members.iter().map(member).collect();
        if self.step.is_empty() {
            let comma = if self.colon.is_empty() { "," } else { ", " };
            return format!("{{{}}}", members.join(comma));
        }
        let inner = format!("{}{}", self.between, self.step);
        let members = members.join(&format!(",{inner}"));
        format!("{{{inner}{members}{}}}", self.between)
    }
}

/// The white space before a place.
fn gap_before(text: &str, at: usize) -> &str {
    let before = &text[..at];
    &before[before.trim_end().len()..]
}

/// JSON laid out with a member a line, as the AWS CLI prints it. Every scalar stays as it is
/// written.
pub(super) fn laid_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut chars = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
    };
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '"' => {
                out.push(c);
                while let Some(c) = chars.next() {
                    out.push(c);
                    match c {
                        '\\' => out.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                if let Some(closing) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(closing);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}
