//! Determines where lines can break in names and ARNs. Lines break after a separator or between
//! words if possible.

use maud::{Markup, html};

/// The maximum length of a part without a break, so that the part fits on a screen that is 400
/// pixels wide.
const LONGEST: usize = 28;

/// Returns a text in which a long word can break after `:` and `/`. A long part of such a word can
/// also break after other separators and before uppercase letters.
pub(super) fn breakable(text: &str) -> Markup {
    let parts = parts(text);
    html! {
        @for (number, part) in parts.iter().enumerate() {
            @if number > 0 { wbr; }
            (part)
        }
    }
}

/// Splits a text at the positions where a line can break, except at spaces.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for word in text.split_inclusive(char::is_whitespace) {
        // A short word stays whole: no line ends with `s3:`.
        let pieces = match length(word) <= LONGEST {
            true => vec![word.to_owned()],
            false => split(word, |before, _| matches!(before, ':' | '/')),
        };
        let pieces = pieces.into_iter().flat_map(|piece| {
            if length(&piece) <= LONGEST {
                return vec![piece];
            }
            let words = split(&piece, |before, after| {
                matches!(before, '-' | '_' | '.' | '=' | ',' | '@')
                    || before.is_lowercase() && after.is_uppercase()
            });
            words.iter().flat_map(|word| chunks(word)).collect()
        });
        for (number, piece) in pieces.enumerate() {
            match parts.last_mut().filter(|_| number == 0) {
                Some(last) => last.push_str(&piece),
                None => parts.push(piece),
            }
        }
    }
    parts
}

/// Splits a word between two characters that meet a condition. No piece begins with a space.
fn split(word: &str, is_break: impl Fn(char, char) -> bool) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut before = None;
    for c in word.chars() {
        let breaks = before.is_some_and(|before| is_break(before, c) && !c.is_whitespace());
        if breaks && !matches!(c, ':' | '/') {
            pieces.push(String::new());
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
        before = Some(c);
    }
    pieces
}

/// Splits text that has no separator, such as a digest.
fn chunks(word: &str) -> Vec<String> {
    if length(word) <= LONGEST {
        return vec![word.to_owned()];
    }
    let chars: Vec<char> = word.chars().collect();
    let count = chars.len().div_ceil(LONGEST);
    chars
        .chunks(chars.len().div_ceil(count))
        .map(|chunk| chunk.iter().collect())
        .collect()
}

fn length(word: &str) -> usize {
    word.trim_end().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        breakable(text).into_string().replace("<wbr>", "|")
    }

    #[test]
    fn lines_break_after_separators() {
        assert_eq!(shown("s3:PutBucketPolicy"), "s3:PutBucketPolicy");
        assert_eq!(
            shown("arn:aws:s3:::site-of-production/* and more"),
            "arn:|aws:|s3:::|site-of-production/|* and more"
        );
        assert_eq!(shown("note: see below"), "note: see below");
    }

    #[test]
    fn a_long_name_breaks_between_its_words() {
        assert_eq!(
            shown("AWSCodePipelineServiceRole-us-east-1"),
            "AWSCode|Pipeline|Service|Role-|us-|east-|1"
        );
        let digest = "0123456789abcdef".repeat(4);
        assert_eq!(shown(&digest).split('|').map(str::len).max(), Some(22));
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(shown("a<b>"), "a&lt;b&gt;");
        assert_eq!(shown(""), "");
    }
}
