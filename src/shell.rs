//! Formats suggested commands for a POSIX shell.

use std::fmt;
use std::fmt::Write as _;

use crate::escape::{self, is_hidden};

/// A shell command, built from fixed words and untrusted values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command(String);

impl Command {
    /// Starts a command with these words, which are not quoted.
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// Starts an `s3ferry` command with these words.
    pub(crate) fn s3ferry(words: &str) -> Self {
        Self(format!("s3ferry {words}"))
    }

    /// Starts an `aws` command with these words.
    pub(crate) fn aws(words: &str) -> Self {
        Self(format!("aws {words}"))
    }

    /// Adds a value.
    #[must_use]
    pub(crate) fn arg(mut self, value: impl AsRef<str>) -> Self {
        self.0.push(' ');
        self.0.push_str(&word(value.as_ref()));
        self
    }

    /// Adds words without quoting.
    #[must_use]
    pub(crate) fn words(mut self, words: &str) -> Self {
        if !words.is_empty() {
            self.0.push(' ');
            self.0.push_str(words);
        }
        self
    }

    /// Adds an option with its value.
    #[must_use]
    pub(crate) fn option(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        self.0.push(' ');
        self.0.push_str(name);
        // A value that begins with a hyphen would be parsed as an option.
        self.0.push(if value.starts_with('-') { '=' } else { ' ' });
        self.0.push_str(&word(value));
        self
    }

    /// Adds an option with a JSON value.
    #[must_use]
    pub(crate) fn json(self, name: &str, value: &serde_json::Value) -> Self {
        self.option(name, escape::json(&value.to_string()))
    }

    /// Adds an option if it has a value.
    #[must_use]
    pub(crate) fn maybe(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.option(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Quotes a word that a shell would not read literally. Hidden characters are written as bytes
/// (`$'…'`, POSIX.1-2024), so that the command can be displayed and copied.
pub(crate) fn word(text: &str) -> String {
    if text.chars().any(is_hidden) {
        return escaped_word(text);
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    // zsh replaces a word that begins with `=` with the path of a command.
    if !text.is_empty() && !text.starts_with('=') && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn escaped_word(text: &str) -> String {
    let mut out = "$'".to_owned();
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if is_hidden(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(out, "\\{byte:03o}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_split_or_expand_are_quoted() {
        for (text, shown) in [
            ("site/v1.zip", "site/v1.zip"),
            ("my site", "'my site'"),
            ("", "''"),
            ("~/site", "'~/site'"),
            ("it's $HOME", "'it'\\''s $HOME'"),
            ("arn:aws:kms:::key/*=FILE", "'arn:aws:kms:::key/*=FILE'"),
            ("=ls", "'=ls'"),
            ("größe", "'größe'"),
            ("a\n'b\\\u{9b}c\u{1b}1", "$'a\\n\\'b\\\\\\302\\233c\\0331'"),
        ] {
            assert_eq!(word(text), shown);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_parses_the_original_values() {
        for value in [
            "prod team $(id)",
            "a'b`c`\"d\\",
            "-x",
            "=ls",
            "*",
            "#a",
            "a\n\u{9b}b",
        ] {
            let command = Command::new("printf %s").arg(value).to_string();
            let output = std::process::Command::new("bash")
                .args(["-c", &command])
                .output()
                .expect("bash");
            assert_eq!(String::from_utf8_lossy(&output.stdout), value, "{command}");
        }
    }

    #[test]
    fn values_of_options_are_never_parsed_as_options() {
        let command = Command::s3ferry("deploy").option("--profile", "--all");
        assert_eq!(command.to_string(), "s3ferry deploy --profile=--all");
        let command = Command::aws("iam get-role")
            .option("--role-name", "a b")
            .maybe("--profile", None::<&str>);
        assert_eq!(command.to_string(), "aws iam get-role --role-name 'a b'");
        let command = Command::new("s3ferry deploy").option("--profile", "prod team");
        assert_eq!(command.to_string(), "s3ferry deploy --profile 'prod team'");
    }
}
