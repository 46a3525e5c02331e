//! What is wrong with a text that is not YAML, and what to do.

use granit_parser::ErrorKind;

use super::read::DEPTH_LIMIT;
use super::{Diagnostic, Span};

/// The problem of a text that is nested too deep.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(span, format!("nested more than {DEPTH_LIMIT} levels deep"))
}

/// The problem that the parser found at a byte of a text.
pub(super) fn problem(text: &str, at: usize, kind: &ErrorKind) -> Diagnostic {
    let span = Span { start: at, end: at };
    if matches!(kind, ErrorKind::RecursionLimitExceeded) {
        return too_deep(span);
    }
    if is_of_tab(kind)
        && let Some(tabs) = tabs(text, at)
    {
        return refused(tabs, "a tab indents this line", "indent it with spaces");
    }
    let (what, help) = words(kind);
    refused(span, &what, &help)
}

fn refused(span: Span, what: &str, help: &str) -> Diagnostic {
    Diagnostic::new(span, format!("this is not valid YAML: {what}")).help(help)
}

/// What is wrong and what to do.
fn words(kind: &ErrorKind) -> (String, String) {
    let closing = |open: &char| if *open == '[' { ']' } else { '}' };
    let (what, help) = match kind {
        ErrorKind::UnclosedFlowCollection { open } => {
            return (
                format!("the `{open}` here is not closed"),
                format!("add `{}`", closing(open)),
            );
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return (
                format!("the `{open}` here is closed by a `{close}`"),
                format!("write `{}` instead of `{close}`", closing(open)),
            );
        }
        ErrorKind::UnexpectedCharacter { character } if "@`%".contains(*character) => {
            return (
                format!("text cannot begin with a `{character}`"),
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
            "the quote here is not closed",
            "add the same quote at the end of the text",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote",
            "put the whole text in quotes, or write `:` or `,` behind them",
        ),
        ErrorKind::MappingValueNotAllowed => (
            "there is no key for this `:`",
            "write `:` and a space after the key in the line above, or put text with `: ` in quotes",
        ),
        ErrorKind::InvalidColonPlacement => (
            "there is no key for this `:`",
            "close the bracket that is open before it, or put text with `: ` in quotes",
        ),
        ErrorKind::SimpleKeyExpected => (
            "there is no `:` after this key",
            "write `key: value`, or indent text that continues the line above",
        ),
        ErrorKind::ExpectedBlockMappingKey => (
            "there is no key where one is expected",
            "indent the line like the other keys of its mapping",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed => (
            "a list cannot begin here",
            "write each `- ` in a line of its own",
        ),
        other => {
            return (
                other.to_string(),
                "check indentation and quotes around this line".to_owned(),
            );
        }
    };
    (what.to_owned(), help.to_owned())
}

/// Whether the parser says that a tab is the reason.
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

/// The first tabs that indent a line, in the line of a byte or below. A problem of a text of several
/// lines is placed at its beginning.
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
