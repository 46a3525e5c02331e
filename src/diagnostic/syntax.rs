//! Error messages and fixes for invalid YAML.

use granit_parser::ErrorKind;

use super::read::DEPTH_LIMIT;
use super::{Diagnostic, Span};

/// Returns the error for text that is nested too deeply.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(span, format!("nested more than {DEPTH_LIMIT} levels deep"))
}

/// Returns the error that the parser found at a byte offset.
pub(super) fn problem(text: &str, at: usize, kind: &ErrorKind) -> Diagnostic {
    let span = Span { start: at, end: at };
    if matches!(kind, ErrorKind::RecursionLimitExceeded) {
        return too_deep(span);
    }
    if let Some((unseen, c)) = unseen(text, at) {
        return refused(
            unseen,
            &format!("this line contains {}", crate::escape::named(c)),
            "replace it with a space",
        );
    }
    if is_of_tab(kind)
        && let Some(tabs) = tabs(text, at)
    {
        return refused(
            tabs,
            "tabs cannot be used for indentation",
            "indent the line with spaces",
        );
    }
    let (what, help) = words(kind);
    refused(span, &what, &help)
}

fn refused(span: Span, what: &str, help: &str) -> Diagnostic {
    Diagnostic::new(span, format!("invalid YAML: {what}")).help(help)
}

/// Returns the message and the help for a parser error.
fn words(kind: &ErrorKind) -> (String, String) {
    let closing = |open: &char| if *open == '[' { ']' } else { '}' };
    let (what, help) = match kind {
        ErrorKind::UnclosedFlowCollection { open } => {
            return (
                format!("unclosed `{open}`"),
                format!("add `{}`", closing(open)),
            );
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return (
                format!("`{open}` is closed by `{close}`"),
                format!("write `{}` instead of `{close}`", closing(open)),
            );
        }
        ErrorKind::UnexpectedCharacter { character } if "@`%".contains(*character) => {
            return (
                format!("text cannot begin with `{character}`"),
                "put the text in quotes".to_owned(),
            );
        }
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            return (
                format!("unexpected {}", crate::escape::named(*character)),
                "save the file as UTF-8 text".to_owned(),
            );
        }
        ErrorKind::UnclosedQuotedScalar => (
            "unclosed quote",
            "add the same quote at the end of the text",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "unexpected text after the closing quote",
            "put the whole text in quotes, or add `:` or `,` after the closing quote",
        ),
        ErrorKind::MappingValueNotAllowed => (
            "missing key before `:`",
            "add `:` and a space after the key in the line above, or put text with `: ` in quotes",
        ),
        ErrorKind::InvalidColonPlacement => (
            "missing key before `:`",
            "close the preceding bracket, or put text with `: ` in quotes",
        ),
        ErrorKind::SimpleKeyExpected => (
            "missing `:` after the key",
            "write `key: value`, or indent text that continues the line above",
        ),
        ErrorKind::ExpectedBlockMappingKey => (
            "a key is expected here",
            "indent the line like the other keys of its mapping",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed => (
            "a list cannot start here",
            "write each `- ` on a separate line",
        ),
        other => {
            return (
                other.to_string(),
                "check the indentation and quotes around this line".to_owned(),
            );
        }
    };
    (what.to_owned(), help.to_owned())
}

/// Returns whether a tab caused the parser error.
fn is_of_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
    )
}

/// Finds the first tabs in the indentation of a line, starting at the line of the byte offset. The
/// parser reports an error in multi-line text at the beginning of the text.
fn tabs(text: &str, at: usize) -> Option<Span> {
    let before = text.get(..at)?;
    let mut start = before.rfind('\n').map_or(0, |end| end + 1);
    for line in text[start..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(Span {
                start: start + tab,
                end: start + indent,
            });
        }
        start += line.len();
    }
    None
}

/// Invisible characters that look like a space or like nothing, and that YAML reads as text.
const SPACES: [char; 6] = [
    '\u{a0}', '\u{2007}', '\u{200b}', '\u{202f}', '\u{3000}', '\u{feff}',
];

/// Returns the first invisible character in the line of a byte offset or in the line above. YAML
/// reads such a character as text, so the parser's error does not name it. Comments can contain any
/// character.
fn unseen(text: &str, at: usize) -> Option<(Span, char)> {
    let line = text.get(..at)?.matches('\n').count();
    let mut start = 0;
    for (number, line_text) in text.split_inclusive('\n').enumerate().take(line + 1) {
        let code = match line_text.find(" #") {
            _ if line_text.trim_start().starts_with('#') => "",
            Some(comment) => &line_text[..comment],
            None => line_text,
        };
        let found = code.char_indices().find(|(_, c)| SPACES.contains(c));
        if let (Some((offset, c)), true) = (found, number + 1 >= line) {
            let start = start + offset;
            let end = start + c.len_utf8();
            return Some((Span { start, end }, c));
        }
        start += line_text.len();
    }
    None
}
