//! The YAML writer. YAML 1.1 readers (CloudFormation, PyYAML) and YAML 1.2 readers interpret its
//! output identically: every ambiguous scalar is quoted.

use std::fmt::Write as _;

use super::value::{Field, Item, Value};
use crate::escape::{is_hidden, shown};

/// The column at which comments are wrapped.
const WIDTH: usize = 100;

/// Words that YAML 1.1 or 1.2 reads as a boolean or as null, in lowercase.
const RESERVED: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Writes a document: `header` as a comment, followed by a mapping. Blank lines separate the
/// top-level keys and the keys of `Resources`.
pub(super) fn write(header: &str, document: &Value) -> String {
    let mut out = String::new();
    comment(&mut out, header, 0);
    let Value::Map(sections) = document else {
        return out;
    };
    for section in sections {
        if !matches!(
            section.key.as_str(),
            "AWSTemplateFormatVersion" | "Description"
        ) {
            out.push('\n');
        }
        match &section.value {
            Value::Map(fields) if section.key == "Resources" => {
                out.push_str("Resources:\n");
                for (index, resource) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push('\n');
                    }
                    field(&mut out, resource, 2);
                }
            }
            _ => field(&mut out, section, 0),
        }
    }
    out
}

fn comment(out: &mut String, text: &str, indent: usize) {
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && indent + line.len() + word.len() + 3 > WIDTH {
                let _ = writeln!(out, "{:indent$}# {line}", "");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&shown(word));
        }
        let _ = writeln!(out, "{}", format!("{:indent$}# {line}", "").trim_end());
    }
}

fn field(out: &mut String, field: &Field, indent: usize) {
    comment(out, &field.comment, indent);
    let _ = write!(out, "{:indent$}{}:", "", scalar(&field.key));
    value(out, &field.value, indent + 2);
}

/// Writes a value after `key:`, with a line break at its end.
fn value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Map(fields) if !fields.is_empty() => {
            out.push('\n');
            for entry in fields {
                field(out, entry, indent);
            }
        }
        Value::List(items) if !items.is_empty() => {
            out.push('\n');
            for entry in items {
                item(out, entry, indent);
            }
        }
        Value::String(text) if is_block(text) => {
            out.push_str(" |\n");
            for line in text.lines() {
                let _ = writeln!(out, "{}", format!("{:indent$}{line}", "").trim_end());
            }
        }
        other => {
            let _ = writeln!(out, " {}", inline(other));
        }
    }
}

/// Returns whether a literal block can contain the text unchanged: several lines without escapes,
/// with one line break at the end.
fn is_block(text: &str) -> bool {
    let is_shown = |c: char| (' '..='~').contains(&c) || (c.is_alphanumeric() && !is_hidden(c));
    let Some(body) = text.strip_suffix('\n') else {
        return false;
    };
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && body
            .split('\n')
            .all(|line| line.chars().all(is_shown) && !line.ends_with(' '))
        && !body.ends_with('\n')
}

fn item(out: &mut String, item: &Item, indent: usize) {
    comment(out, &item.comment, indent);
    match &item.value {
        Value::Map(fields) if !fields.is_empty() => {
            // The first field is on the line of the dash, and the others are below it.
            let mut body = String::new();
            for entry in fields {
                field(&mut body, entry, indent + 2);
            }
            let body = body.get(indent + 2..).unwrap_or_default();
            let _ = write!(out, "{:indent$}- {body}", "");
        }
        Value::List(items) if !items.is_empty() => {
            let _ = write!(out, "{:indent$}-", "");
            value(out, &item.value, indent + 2);
        }
        other => {
            let _ = writeln!(out, "{:indent$}- {}", "", inline(other));
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Ref(id) => format!("!Ref {id}"),
        Value::GetAtt(id, attribute) => format!("!GetAtt {id}.{attribute}"),
        Value::Sub(text) => format!("!Sub {}", quoted(text)),
        Value::Equals(a, b) => format!("!Equals [{}, {}]", flow(a), flow(b)),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// Returns a value for use within brackets, where a comma would end a plain scalar.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => inline(other),
    }
}

/// Returns a scalar for a string, without quotes if it is unambiguous.
fn scalar(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " /_.:@+=,()-*';".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(allowed)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains("  ")
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

/// Returns a string in double quotes. Characters that are neither ASCII nor letters or digits are
/// escaped, because YAML 1.1 interprets some of them as line breaks.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        let code = u32::from(c);
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            ' '..='~' => write!(out, "{c}"),
            _ if c.is_alphanumeric() && !is_hidden(c) => write!(out, "{c}"),
            _ if code <= 0xFF => write!(out, "\\x{code:02x}"),
            _ if code <= 0xFFFF => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_yaml_reader_could_misread_is_quoted() {
        for text in [
            "no",
            "On",
            "y",
            "NULL",
            "012345678901",
            "12:30:45",
            "2012-10-17",
            "1e3",
            ".5",
            "~",
            "",
            "*",
            "- a",
            "a: b",
            "a #b",
            "ends:",
            "true",
            "0x1F",
            "=",
            "<<",
            "é",
            "{a}",
            "!x",
        ] {
            assert!(scalar(text).starts_with('"'), "{text} is {}", scalar(text));
        }
        for text in [
            "arn:aws:s3:::bucket/key",
            "s3:GetObject",
            "AWS::S3::Bucket",
            "/service-role/",
        ] {
            assert_eq!(scalar(text), text);
        }
    }

    #[test]
    fn text_with_several_lines_is_a_literal_block() {
        let written = |text: &str| write("", &super::super::map([("Text", text)]));
        assert!(written("one: 1\n  two: '2'\n").ends_with("Text: |\n  one: 1\n    two: '2'\n"));
        for odd in [
            "one\ntwo",
            "one\n",
            " one\ntwo\n",
            "one\ntwo\n\n",
            "one \ntwo\n",
            "one\n\ttwo\n",
            "\none\ntwo\n",
        ] {
            assert!(written(odd).contains("Text: \""), "{odd:?}");
        }
        for text in ["one: 1\n  two: '2'\n", "# a\n\nb\n"] {
            let read: serde_yaml::Value = serde_yaml::from_str(&written(text)).expect("YAML");
            assert_eq!(read["Text"].as_str(), Some(text));
        }
    }

    #[test]
    fn odd_characters_are_escaped() {
        assert_eq!(
            quoted("a\"\\\u{2028}\u{1F600}\u{7f}é"),
            r#""a\"\\\u2028\U0001f600\x7fé""#
        );
    }
}
