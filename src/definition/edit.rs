//! Edits values in JSON text and preserves the rest of the text byte for byte.

use std::ops::Range;

use crate::diagnostic::{Entry, Node, Value};

/// Pending changes to JSON text.
pub(super) struct Editor<'t> {
    text: &'t str,
    changes: Vec<(Range<usize>, String)>,
}

/// A value to set.
pub(super) enum New {
    Text(String),
    Mapping(Vec<(String, New)>),
}

impl New {
    /// Creates a mapping of strings.
    pub(super) fn strings<const N: usize>(members: [(&str, &str); N]) -> Self {
        let member = |(key, text): (&str, &str)| (key.to_owned(), Self::Text(text.to_owned()));
        Self::Mapping(members.map(member).into())
    }
}

impl<'t> Editor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            changes: Vec::new(),
        }
    }

    /// Sets members of a mapping. Existing members keep their positions. New members are appended
    /// in the given order. A member that already has the value stays unchanged.
    pub(super) fn set(&mut self, mapping: &Node, members: Vec<(String, New)>) {
        let mut added = String::new();
        let entries = mapping.entries().unwrap_or_default();
        let style = Style::of(self.text, mapping);
        for (key, value) in members {
            match (mapping.entry(&key), value) {
                (Some(entry), New::Text(text)) => {
                    if entry.value.as_str() != Some(&text) {
                        self.replace(&entry.value, json(&text));
                    }
                }
                (Some(entry), New::Mapping(inner)) if entry.value.entries().is_some() => {
                    self.set(&entry.value, inner);
                }
                (Some(entry), value) => self.replace(&entry.value, style.value(&value, 0)),
                (None, value) => {
                    let value = style.value(&value, 0);
                    if !entries.is_empty() || !added.is_empty() {
                        added.push(',');
                    }
                    added.push_str(&style.between);
                    added.push_str(&format!("{}:{}{value}", json(&key), style.colon));
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

    /// Removes a member of a mapping and the member's comma.
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

    /// Adds the changes of another editor of the same text.
    pub(super) fn merge(&mut self, other: Self) {
        self.changes.extend(other.changes);
    }

    fn replace(&mut self, node: &Node, text: String) {
        let range = node.span.start..end(self.text, node);
        self.changes.push((range, text));
    }

    /// Moves a member one level deeper under another name: `"a": x` becomes
    /// `"key": {"inner": x, …others}`, with `changes` applied to `x`.
    pub(super) fn nest(
        &mut self,
        mapping: &Node,
        entry: &Entry,
        (key, inner): (&str, &str),
        changes: Self,
        others: &[(String, New)],
    ) {
        let style = Style::of(self.text, mapping);
        let range = entry.value.span.start..end(self.text, &entry.value);
        let deeper = format!("\n{}", style.step);
        let value = changes.finish_part(range.clone()).replace('\n', &deeper);
        let nested = match style.step.as_str() {
            "" => String::new(),
            step => format!("{}{step}", style.between),
        };
        let comma = if style.step.is_empty() && !style.colon.is_empty() {
            ", "
        } else {
            ","
        };
        let mut members = vec![format!("{}:{}{value}", json(inner), style.colon)];
        for (name, other) in others {
            let other = style.value(other, 1);
            members.push(format!("{}:{}{other}", json(name), style.colon));
        }
        let members = members.join(&format!("{comma}{nested}"));
        let outer = if style.step.is_empty() {
            ""
        } else {
            &style.between
        };
        let new = format!("{}:{}{{{nested}{members}{outer}}}", json(key), style.colon);
        self.changes.push((entry.key_span.start..range.end, new));
    }

    /// Returns the changed text.
    pub(super) fn finish(self) -> String {
        let whole = 0..self.text.len();
        self.finish_part(whole)
    }

    /// Returns a part of the changed text that contains all changes.
    fn finish_part(mut self, part: Range<usize>) -> String {
        self.changes.sort_by_key(|(range, _)| range.start);
        let mut out = String::with_capacity(part.len() + 1024);
        let mut at = part.start;
        for (range, new) in self.changes {
            out.push_str(&self.text[at..range.start]);
            out.push_str(&new);
            at = range.end;
        }
        out.push_str(&self.text[at..part.end]);
        out
    }
}

/// Returns the end of a JSON value, after its closing bracket. The tree does not contain this
/// position.
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

/// Returns a string in JSON syntax.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The layout of a mapping.
struct Style {
    /// The text before a member other than the first: a line break and spaces, or a space.
    between: String,
    /// The text after a colon.
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
        // A single member follows the bracket directly, so it does not show the spacing.
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

    /// Returns the text of a member's value. `depth` is the depth of the member below the mapping.
    fn value(&self, value: &New, depth: usize) -> String {
        let members = match value {
            New::Text(text) => return json(text),
            New::Mapping(members) => members,
        };
        let member = |(key, value): &(String, New)| {
            let value = self.value(value, depth + 1);
            format!("{}:{}{value}", json(key), self.colon)
        };
        let members: Vec<String> = members.iter().map(member).collect();
        if self.step.is_empty() {
            let comma = if self.colon.is_empty() { "," } else { ", " };
            return format!("{{{}}}", members.join(comma));
        }
        let outer = format!("{}{}", self.between, self.step.repeat(depth));
        let inner = format!("{outer}{}", self.step);
        let members = members.join(&format!(",{inner}"));
        format!("{{{inner}{members}{outer}}}")
    }
}

/// Returns the whitespace before a position.
fn gap_before(text: &str, at: usize) -> &str {
    let before = &text[..at];
    &before[before.trim_end().len()..]
}

/// Formats JSON with one member per line, like the AWS CLI. Scalars stay as written.
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
