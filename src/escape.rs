//! Escapes untrusted text for output: API responses, file names, text in templates, configuration
//! values, and error messages from the operating system and from crates.
//!
//! Untrusted text can contain terminal control characters (including C1), bidirectional controls
//! that reorder text, zero-width characters that hide text, and line breaks that forge log lines.
//! Text output shows them in the form `\u{9b}`. JSON and XML output use their own escapes, which
//! preserve the value.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns whether a character is hidden: a control character, a line or paragraph separator, a
/// format character (Unicode category Cf, which includes the bidirectional controls), or another
/// invisible character (property `Default_Ignorable_Code_Point`).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD
            | 0x034F
            | 0x0600..=0x0605
            | 0x061C
            | 0x06DD
            | 0x070F
            | 0x0890..=0x0891
            | 0x08E2
            | 0x115F..=0x1160
            | 0x17B4..=0x17B5
            | 0x180B..=0x180F
            | 0x200B..=0x200F
            | 0x2028..=0x202E
            | 0x2060..=0x206F
            | 0x3164
            | 0xFE00..=0xFE0F
            | 0xFEFF
            | 0xFFA0
            | 0xFFF0..=0xFFFB
            | 0x110BD
            | 0x110CD
            | 0x13430..=0x1343F
            | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF)
}

/// Escapes all hidden characters in a single-line value, including line breaks and tabs.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |out, c| {
        let _ = write!(out, "{}", c.escape_unicode());
    })
}

/// Escapes all hidden characters in multi-line text except line breaks and tabs.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, hides_in_lines, |out, c| {
        let _ = write!(out, "{}", c.escape_unicode());
    })
}

/// Escapes output so that CI systems do not interpret it as commands. GitHub Actions interprets
/// lines that begin with `::`, even after whitespace, and `##[` anywhere. Azure Pipelines
/// interprets `##vso[` and `##[`, and TeamCity interprets `##teamcity[`.
pub(crate) fn without_commands(output: &str) -> Cow<'_, str> {
    if !output.contains("::") && !output.contains("##") {
        return Cow::Borrowed(output);
    }
    let mut found = false;
    let mut out = String::with_capacity(output.len() + 16);
    for line in output.split_inclusive('\n') {
        let content = line.trim_start();
        if let Some(rest) = content.strip_prefix("::") {
            found = true;
            out.push_str(&line[..line.len() - content.len()]);
            out.push_str("\\u{3a}:");
            out.push_str(rest);
        } else {
            out.push_str(line);
        }
    }
    let out = match found {
        true => Cow::Owned(out),
        false => Cow::Borrowed(output),
    };
    replaced_hashes(out, "#\\u{23}")
}

/// Escapes hidden characters in a JSON document with JSON escapes. Outside strings, the serialized
/// documents contain no hidden characters except line breaks and tabs.
pub(crate) fn json(document: &str) -> Cow<'_, str> {
    let shown = escaped(document, hides_in_lines, |out, c| {
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    });
    replaced_hashes(shown, "#\\u0023")
}

/// Returns a quoted string that YAML reads unchanged.
pub(crate) fn yaml_string(text: &str) -> String {
    json(&serde_json::Value::from(text).to_string()).into_owned()
}

/// Escapes a JSON document for a YAML parser: all characters in the Basic Multilingual Plane except
/// printable ASCII, line breaks, and tabs. A YAML parser rejects control characters and does not
/// support surrogate pairs in escapes.
pub(crate) fn for_yaml(document: &str) -> Cow<'_, str> {
    let is_other = |c: char| !matches!(c, '\n' | '\t' | ' '..='~' | '\u{10000}'..);
    escaped(document, is_other, |out, c| {
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    })
}

/// Replaces hidden characters in an XML document with character references. XML cannot represent
/// most ASCII control characters, so the writer of the document must remove them first.
pub(crate) fn xml(document: &str) -> Cow<'_, str> {
    let shown = escaped(document, hides_in_lines, |out, c| {
        let _ = write!(out, "&#x{:x};", u32::from(c));
    });
    replaced_hashes(shown, "#&#x23;")
}

/// Returns whether a character is invisible or looks like a space: a hidden character, or
/// whitespace other than a space.
pub(crate) fn is_unseen(c: char) -> bool {
    is_hidden(c) || (c.is_whitespace() && c != ' ')
}

/// Escapes all characters that are invisible or look like a space.
pub(crate) fn spelled(text: &str) -> Cow<'_, str> {
    escaped(text, is_unseen, |out, c| {
        let _ = write!(out, "{}", c.escape_unicode());
    })
}

/// Formats an unknown key in backticks. Names the first invisible character in the key, if any.
pub(crate) fn key(text: &str) -> String {
    let spelled = spelled(text);
    match text.chars().find(|c| is_unseen(*c)) {
        Some(c) => format!("`{spelled}`, which contains {}", named(c)),
        None => format!("`{spelled}`"),
    }
}

/// Returns the code point and name of a character: `U+200B ZERO WIDTH SPACE`.
pub(crate) fn named(c: char) -> String {
    let code = u32::from(c);
    let name = match NAMES.binary_search_by_key(&code, |(known, _)| *known) {
        Ok(at) => NAMES[at].1,
        Err(_) if c.is_control() => "control character",
        Err(_) if (0xFE00..=0xFE0F).contains(&code) || (0xE0100..=0xE01EF).contains(&code) => {
            "VARIATION SELECTOR"
        }
        Err(_) if (0xE0000..=0xE007F).contains(&code) => "TAG CHARACTER",
        Err(_) if c.is_whitespace() => "whitespace",
        Err(_) if is_hidden(c) => "invisible character",
        Err(_) => "",
    };
    format!("U+{code:04X} {name}").trim_end().to_owned()
}

/// Names of common hidden characters and spaces, sorted by code point (Unicode Standard,
/// *NamesList*; control characters by their aliases).
const NAMES: &[(u32, &str)] = &[
    (0x00, "NULL"),
    (0x07, "BELL"),
    (0x08, "BACKSPACE"),
    (0x09, "TAB"),
    (0x0A, "LINE FEED"),
    (0x0B, "LINE TABULATION"),
    (0x0C, "FORM FEED"),
    (0x0D, "CARRIAGE RETURN"),
    (0x1B, "ESCAPE"),
    (0x7F, "DELETE"),
    (0x85, "NEXT LINE"),
    (0x90, "DEVICE CONTROL STRING"),
    (0x9B, "CONTROL SEQUENCE INTRODUCER"),
    (0x9C, "STRING TERMINATOR"),
    (0x9D, "OPERATING SYSTEM COMMAND"),
    (0xA0, "NO-BREAK SPACE"),
    (0xAD, "SOFT HYPHEN"),
    (0x034F, "COMBINING GRAPHEME JOINER"),
    (0x061C, "ARABIC LETTER MARK"),
    (0x1680, "OGHAM SPACE MARK"),
    (0x180E, "MONGOLIAN VOWEL SEPARATOR"),
    (0x2002, "EN SPACE"),
    (0x2003, "EM SPACE"),
    (0x2007, "FIGURE SPACE"),
    (0x2009, "THIN SPACE"),
    (0x200A, "HAIR SPACE"),
    (0x200B, "ZERO WIDTH SPACE"),
    (0x200C, "ZERO WIDTH NON-JOINER"),
    (0x200D, "ZERO WIDTH JOINER"),
    (0x200E, "LEFT-TO-RIGHT MARK"),
    (0x200F, "RIGHT-TO-LEFT MARK"),
    (0x2028, "LINE SEPARATOR"),
    (0x2029, "PARAGRAPH SEPARATOR"),
    (0x202A, "LEFT-TO-RIGHT EMBEDDING"),
    (0x202B, "RIGHT-TO-LEFT EMBEDDING"),
    (0x202C, "POP DIRECTIONAL FORMATTING"),
    (0x202D, "LEFT-TO-RIGHT OVERRIDE"),
    (0x202E, "RIGHT-TO-LEFT OVERRIDE"),
    (0x202F, "NARROW NO-BREAK SPACE"),
    (0x205F, "MEDIUM MATHEMATICAL SPACE"),
    (0x2060, "WORD JOINER"),
    (0x2061, "FUNCTION APPLICATION"),
    (0x2062, "INVISIBLE TIMES"),
    (0x2063, "INVISIBLE SEPARATOR"),
    (0x2064, "INVISIBLE PLUS"),
    (0x2066, "LEFT-TO-RIGHT ISOLATE"),
    (0x2067, "RIGHT-TO-LEFT ISOLATE"),
    (0x2068, "FIRST STRONG ISOLATE"),
    (0x2069, "POP DIRECTIONAL ISOLATE"),
    (0x3000, "IDEOGRAPHIC SPACE"),
    (0x3164, "HANGUL FILLER"),
    (0xFEFF, "ZERO WIDTH NO-BREAK SPACE"),
    (0xFFA0, "HALFWIDTH HANGUL FILLER"),
];

fn hides_in_lines(c: char) -> bool {
    is_hidden(c) && c != '\n' && c != '\t'
}

/// Replaces the characters that `is_bad` selects with the output of `write`. Returns the text
/// unchanged if it contains none of them.
fn escaped(
    text: &str,
    is_bad: fn(char) -> bool,
    write: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    let Some(first) = text.find(is_bad) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if is_bad(c) {
            write(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Replaces the two hashes at the beginning of a command, such as `##vso[`.
fn replaced_hashes<'t>(text: Cow<'t, str>, with: &str) -> Cow<'t, str> {
    let begins_command = |rest: &str| {
        rest.trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .starts_with('[')
    };
    let mut out = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(at) = text[from..].find("##").map(|found| from + found) {
        if begins_command(&text[at + 2..]) {
            out.push_str(&text[copied..at]);
            out.push_str(with);
            copied = at + 2;
        }
        // The second hash can also begin a command.
        from = at + 1;
    }
    if copied == 0 {
        return text;
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_format_and_invisible_characters_are_escaped_in_one_form() {
        for (text, form) in [
            ("plain text: ä 漢字 🚀", "plain text: ä 漢字 🚀"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
            ("\u{2028}\u{85}\u{7f}\0", "\\u{2028}\\u{85}\\u{7f}\\u{0}"),
            ("a\u{200b}\u{ad}\u{feff}", "a\\u{200b}\\u{ad}\\u{feff}"),
            ("\u{e0041}\u{fe0f}", "\\u{e0041}\\u{fe0f}"),
        ] {
            assert_eq!(shown(text), form);
            assert!(!shown(text).chars().any(is_hidden));
        }
    }

    #[test]
    fn lines_keep_only_line_breaks_and_tabs() {
        assert_eq!(lines("a\n\tb\u{9b}\n"), "a\n\tb\\u{9b}\n");
    }

    #[test]
    fn no_line_is_a_command_of_a_ci_system() {
        for (text, form) in [
            ("::error::x", "\\u{3a}:error::x"),
            ("a\n \u{a0} ::set-env", "a\n \u{a0} \\u{3a}:set-env"),
            ("AWS::S3::Bucket", "AWS::S3::Bucket"),
            ("a ##[error]b", "a #\\u{23}[error]b"),
            ("##vso[task.setvariable]", "#\\u{23}vso[task.setvariable]"),
            ("###[group]", "##\\u{23}[group]"),
            ("## Heading", "## Heading"),
        ] {
            assert_eq!(without_commands(text), form);
        }
    }

    #[test]
    fn json_and_xml_keep_the_value() {
        let value = serde_json::json!({ "a\u{9b}": "\u{202e}\u{7f}\u{1b}\n##[x]\u{e0041}" });
        let text = format!("{value:#}\n");
        let safe = json(&text);
        assert!(!safe.chars().any(hides_in_lines), "{safe}");
        assert!(!safe.contains("##["), "{safe}");
        let read: serde_json::Value = serde_json::from_str(&safe).expect("JSON");
        assert_eq!(read, value);
        let yaml = for_yaml("\"ä\u{9b}\u{feff}🚀\"");
        assert_eq!(yaml, "\"\\u00e4\\u009b\\ufeff🚀\"");
        assert_eq!(xml("<a>\u{9b}##[b]</a>"), "<a>&#x9b;#&#x23;[b]</a>");
    }

    #[test]
    fn unseen_characters_have_names() {
        assert_eq!(named('\u{200b}'), "U+200B ZERO WIDTH SPACE");
        assert_eq!(named('\u{a0}'), "U+00A0 NO-BREAK SPACE");
        assert_eq!(named('\u{91}'), "U+0091 control character");
        assert_eq!(named('\u{fe0f}'), "U+FE0F VARIATION SELECTOR");
        assert_eq!(named('\u{430}'), "U+0430");
        assert_eq!(key("Sid"), "`Sid`");
        let shown = "`S\\u{200d}id`, which contains U+200D ZERO WIDTH JOINER";
        assert_eq!(key("S\u{200d}id"), shown);
        assert_eq!(spelled("\u{a0}a b\u{200b}"), "\\u{a0}a b\\u{200b}");
        assert!(NAMES.is_sorted_by_key(|(code, _)| *code));
    }
}
