//! The kinds of documents, and a check that a file looks like the expected kind.
//!
//! A configuration or an option can name any file, such as `/etc/shadow`. An error may quote a file
//! only if the file looks like the expected kind. For any other file, the error reports only that
//! the file is of another kind.

use super::{Node, Source, Value, read_last_values};

/// The expected kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An s3ferry configuration.
    Configuration,
    /// The accounts of a target, as comma-separated values.
    Accounts,
    /// A CloudFormation template.
    Template,
    /// A policy document, or a list of them.
    Policy,
    /// The definition of a pipeline.
    Definition,
    /// Authorization cases.
    Cases,
    /// Guard rules.
    Rules,
}

impl Kind {
    /// Returns the name of the kind, and the reason to give for a file that is not of this kind.
    pub fn name_and_sign(self) -> (&'static str, &'static str) {
        match self {
            Self::Configuration => (
                "an s3ferry configuration",
                "it has neither `dev` nor `targets`",
            ),
            Self::Accounts => ("an accounts file", "its first line has no `account` column"),
            Self::Template => ("a CloudFormation template", "it has no `Resources`"),
            Self::Policy => ("a policy document", "it has no `Statement`"),
            Self::Definition => ("a pipeline definition", "it has no `stages`"),
            Self::Cases => (
                "an authorization case file",
                "it has no cases with a `request`",
            ),
            Self::Rules => ("a Guard rule file", "it contains no `rule`"),
        }
    }

    /// Returns whether a document looks like this kind, so that an error may quote it. An empty
    /// document counts, because it contains no secrets.
    ///
    /// The check uses the keys of the document, or its lines if it has a syntax error.
    pub fn fits(self, source: &Source) -> bool {
        let text = source.text();
        let is_blank = |line: &str| line.trim().is_empty() || line.trim().starts_with('#');
        if text.lines().all(is_blank) {
            return true;
        }
        match self {
            Self::Accounts => text
                .lines()
                .find(|line| !line.trim().is_empty())
                .is_some_and(
                    // A misspelled column name may also be quoted.
                    |first| {
                        first
                            .split(',')
                            .any(|field| is_column(field.trim().trim_matches('"')))
                    },
                ),
            Self::Rules => text.lines().any(|line| {
                let line = line.trim_start();
                ["rule ", "let ", "AWS::", "when "]
                    .iter()
                    .any(|start| line.starts_with(start))
            }),
            Self::Cases => text.contains("\"request\"") || has_key_line(text, &["request"]),
            Self::Configuration | Self::Template | Self::Policy | Self::Definition => {
                let keys = self.keys();
                match read_last_values(source) {
                    Ok((node, _)) => is_empty(&node) || has_key(&node, keys),
                    Err(_) => has_key_line(text, keys),
                }
            }
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Configuration => &["dev", "targets"],
            Self::Template => &["Resources", "AWSTemplateFormatVersion"],
            Self::Policy => &["Statement"],
            Self::Definition => &["pipeline", "stages"],
            Self::Accounts | Self::Cases | Self::Rules => &[],
        }
    }
}

/// Returns whether a field of the first line is a column name, possibly misspelled.
fn is_column(field: &str) -> bool {
    let is_word =
        field.len() <= 12 && (field.chars()).all(|c| c.is_ascii_alphabetic() || "_- ".contains(c));
    is_word
        && ["account", "region", "name"]
            .iter()
            .any(|column| strsim::jaro_winkler(&field.to_lowercase(), column) > 0.8)
}

/// Returns whether a document contains nothing to quote.
fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Mapping(entries) => entries.is_empty(),
        Value::Sequence(items) => items.is_empty(),
        _ => false,
    }
}

/// Returns whether a document, or an item of a list, has one of the keys.
fn has_key(node: &Node, keys: &[&str]) -> bool {
    match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .any(|entry| keys.iter().any(|key| entry.key.eq_ignore_ascii_case(key))),
        Value::Sequence(items) => items.iter().any(|item| has_key(item, keys)),
        _ => false,
    }
}

/// Returns whether a line of invalid YAML or JSON begins with one of the keys.
fn has_key_line(text: &str, keys: &[&str]) -> bool {
    let begins = |part: &str| {
        let part = part.trim_start_matches([' ', '\t', '-', '{', '[', ',']);
        keys.iter().any(|key| {
            let rest = match part.strip_prefix(['"', '\'']) {
                Some(quoted) => quoted
                    .strip_prefix(key)
                    .and_then(|rest| rest.strip_prefix(['"', '\''])),
                None => part.strip_prefix(key),
            };
            // `dev:x:1000` is from /etc/group, but `dev: x` is from a configuration.
            rest.map(str::trim_start)
                .and_then(|rest| rest.strip_prefix(':'))
                .is_some_and(|rest| {
                    part.starts_with(['"', '\''])
                        || rest.is_empty()
                        || rest.starts_with([' ', '\t'])
                })
        })
    };
    let is_json = text.trim_start().starts_with(['{', '[']);
    text.lines().any(begins) || is_json && text.split(['{', ',']).any(begins)
}
