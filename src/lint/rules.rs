//! The built-in rules and users' rules.
//!
//! Each built-in rule is in a separate file that starts with a comment header. Only users' files
//! are parsed with Guard, because their rules are not known in advance. This module does not
//! evaluate rules.

use std::io::Cursor;

use cfn_guard::commands::Executable;
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ParseTreeBuilder};

use super::cycles::circular;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};

/// A Guard rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Rule {
    /// Name, such as `S3_BUCKET_VERSIONED`.
    pub name: String,
    /// Severity of its findings.
    pub severity: Severity,
    /// The requirement of the rule, in one sentence; empty without a header.
    pub what: String,
    /// The reason for the requirement; empty without a header.
    pub why: String,
    /// How to fix a finding; empty without a header.
    pub fix: String,
    /// The controls of public standards that the rule covers.
    pub controls: Vec<String>,
    /// The file that contains the rule.
    pub file: String,
    /// The text of the whole file, which may contain other rules.
    #[serde(skip)]
    pub text: String,
}

const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/guard_rules.rs"));

/// Returns the built-in rules, sorted by file. Their text is not parsed.
pub fn embedded() -> Vec<Rule> {
    EMBEDDED
        .iter()
        .map(|(file, text)| rule(file, text))
        .collect()
}

/// Returns whether the rule is built in. The text of a built-in rule can be joined with the text of
/// other built-in rules.
pub(super) fn is_embedded(rule: &Rule) -> bool {
    EMBEDDED
        .binary_search_by_key(&rule.file.as_str(), |(file, _)| file)
        .is_ok_and(|at| EMBEDDED[at].1 == rule.text)
}

/// Returns the rules of a user's Guard file. A header applies to all rules in the file. Like Guard,
/// this function accepts a file without rules, such as a file that contains only comments.
///
/// # Errors
///
/// Returns an error if the text is not a valid Guard file.
pub fn from_source(source: &Source) -> Result<Vec<Rule>, Diagnostic> {
    let text = source.text();
    let is_blank = |line: &str| line.trim().is_empty() || line.trim().starts_with('#');
    if text.lines().all(is_blank) {
        return Ok(Vec::new());
    }
    if let Some(at) = too_deep(text) {
        let span = Span {
            start: at,
            end: at + 1,
        };
        return Err(
            Diagnostic::new(span, format!("nested more than {DEPTH_LIMIT} levels deep"))
                .help("move part of the rule into a named rule"),
        );
    }
    let tree = parse_tree(text).map_err(|message| syntax_problem(source, &message))?;
    if let Some(name) = circular(&tree) {
        let definition = match name.strip_prefix('%') {
            Some(variable) => format!("let {variable} "),
            None => format!("rule {name} "),
        };
        let at = text.find(&definition).unwrap_or_default();
        let span = Span {
            start: at,
            end: at + definition.trim_end().len(),
        };
        return Err(
            Diagnostic::new(span, format!("`{name}` has a circular definition"))
                .help("remove the circular reference"),
        );
    }
    let names = rule_names(&tree);
    let rule = rule(source.name(), text);
    let named = |name: &&str| Rule {
        name: (*name).to_owned(),
        ..rule.clone()
    };
    Ok(names.iter().map(named).collect())
}

/// The maximum nesting depth of brackets. Deeper nesting is rejected, because it could overflow the
/// stack of Guard's recursive parser.
const DEPTH_LIMIT: usize = 64;

/// Returns the position where brackets outside strings, regular expressions, and comments are
/// nested too deeply.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut is_escaped = false;
    let bytes = text.as_bytes();
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            // A message, `<<…>>`, can span several lines.
            (Some(b'<'), b'>') if bytes.get(at + 1) == Some(&b'>') => quote = None,
            (Some(b'<'), _) => {}
            (None, b'<') if bytes.get(at + 1) == Some(&b'<') => quote = Some(byte),
            // Strings and expressions end on the same line.
            (Some(_), b'\n') => (quote, is_escaped) = (None, false),
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(b'#'), _) => {}
            (Some(_), b'\\') => is_escaped = true,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'/' | b'#') => quote = Some(byte),
            (None, b'{' | b'(' | b'[') => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return Some(at);
                }
            }
            (None, b'}' | b')' | b']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    None
}

fn parse_tree(text: &str) -> Result<serde_json::Value, String> {
    let command = ParseTreeBuilder::default()
        .print_json(true)
        .try_build()
        .map_err(|error| error.to_string())?;
    let mut writer = Writer::new_with_err(WriteBuffer::Vec(vec![]), WriteBuffer::Vec(vec![]))
        .map_err(|error| error.to_string())?;
    let mut reader = Reader::new(ReadBuffer::Cursor(Cursor::new(text.as_bytes().to_vec())));
    command
        .execute(&mut writer, &mut reader)
        .map_err(|error| error.to_string())?;
    let answer = writer.into_string().map_err(|error| error.to_string())?;
    serde_json::from_str(&answer).map_err(|error| error.to_string())
}

fn rule_names(tree: &serde_json::Value) -> Vec<&str> {
    let mut names: Vec<&str> = tree["guard_rules"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|rule| rule["rule_name"].as_str())
        .collect();
    // A file can contain several rules with the same name, for different conditions.
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

/// Converts a Guard syntax error. Its message contains the position: `… at line 4 at column 21,
/// when handling X, fragment Y`.
fn syntax_problem(source: &Source, message: &str) -> Diagnostic {
    let number = |after: &str| -> Option<usize> {
        let rest = &message[message.find(after)? + after.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    let expected = message
        .split_once("when handling ")
        .and_then(|(_, rest)| rest.split_once(", fragment"))
        .map(|(expected, _)| expected.trim())
        .filter(|expected| !expected.is_empty());
    let span = match (number("at line "), number("at column ")) {
        (Some(line), Some(column)) => span_at(source, line, column),
        _ => Span::default(),
    };
    let problem = Diagnostic::new(span, "not a valid Guard rule file")
        .help("fix the syntax here or in the preceding clause");
    match expected {
        Some(expected) => problem.label(expected.to_owned()),
        None => problem,
    }
}

/// Returns the span from a position to the end of its line.
fn span_at(source: &Source, line: usize, column: usize) -> Span {
    let text = source.text();
    let start_of_line = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let line = source.line(line);
    let skipped: usize = line
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    Span {
        start: (start_of_line + skipped).min(text.len()),
        end: (start_of_line + line.trim_end().len())
            .max(start_of_line + skipped)
            .min(text.len()),
    }
}

/// Creates the rule that a file defines, from the comments in the file header. The first comment
/// line is the rule's name.
fn rule(file: &str, text: &str) -> Rule {
    let mut rule = Rule {
        name: String::new(),
        file: file.to_owned(),
        severity: Severity::Error,
        what: String::new(),
        why: String::new(),
        fix: String::new(),
        controls: Vec::new(),
        text: text.to_owned(),
    };
    for line in text.lines().map_while(|line| line.strip_prefix('#')) {
        let line = line.trim();
        match line.split_once(':').map(|(key, value)| (key, value.trim())) {
            Some(("Severity", value)) => {
                let mut all = [Severity::Warning, Severity::Note].into_iter();
                let found = all.find(|severity| severity.name() == value);
                rule.severity = found.unwrap_or(Severity::Error);
            }
            Some(("What", value)) => value.clone_into(&mut rule.what),
            Some(("Why", value)) => value.clone_into(&mut rule.why),
            Some(("Fix", value)) => value.clone_into(&mut rule.fix),
            Some(("Controls", value)) if value != "none" => {
                let controls = value.split(';').map(|control| control.trim().to_owned());
                rule.controls = controls.filter(|control| !control.is_empty()).collect();
            }
            _ if rule.name.is_empty() => line.clone_into(&mut rule.name),
            _ => {}
        }
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_have_headers() {
        let rules = embedded();
        assert!(!rules.is_empty());
        for rule in &rules {
            assert!(is_embedded(rule), "{}", rule.file);
            assert!(
                !rule.what.is_empty() && !rule.fix.is_empty(),
                "{}",
                rule.file
            );
        }
    }

    #[test]
    fn brackets_are_counted_where_they_nest() {
        let deep = format!("rule a {{\n{}", "(".repeat(100));
        let problem = from_source(&Source::new("m", deep)).expect_err("a fault");
        assert!(problem.message.contains("levels deep"), "{problem:?}");
        let wide =
            "  Resources.*.A == \"((((\" # {{{{\n  Resources.*.B == /\\/[({]/ <<it's\n((\n>>\n";
        assert_eq!(
            too_deep(&format!("rule a {{\n{}}}", wide.repeat(100))),
            None
        );
    }
}
