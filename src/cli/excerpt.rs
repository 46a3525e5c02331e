//! Excerpts of documents and values in messages. They are short even if the input is long.

use std::borrow::Cow;
use std::ops::Range;

use crate::diagnostic::{Source, Span};
use crate::escape::lines;

/// Maximum length of a line in bytes. Longer lines are cut.
const LONGEST_LINE: usize = 1_000;

/// Maximum length of a word in a message, such as a value, in bytes. Longer words are shortened in
/// the middle.
const LONGEST_WORD: usize = 200;

/// Maximum length of a message in bytes. Longer messages are truncated.
const LONGEST_MESSAGE: usize = 4_000;

/// The source line of an error. The renderer gets only this line, because it would search the whole
/// document for each error.
pub(crate) struct Excerpt {
    /// The line's number, from 1.
    pub(crate) line: usize,
    /// The column of the error in the line, in characters from 1.
    pub(crate) column: usize,
    /// The column of the error in `text`.
    pub(crate) shown_column: usize,
    /// The escaped line, or the part of it around the error.
    pub(crate) text: String,
    /// The byte range of `text` to underline.
    pub(crate) underlined: Range<usize>,
}

impl Excerpt {
    /// Returns the excerpt for a span. If the span covers several lines, returns the first one.
    pub(crate) fn of(source: &Source, span: Span) -> Self {
        let position = source.position(span.start);
        let (number, start) = source.place(span.start);
        let line = source.line(number);
        // A span at the end of a line can start after the carriage return.
        let start = start.min(line.len());
        let end = floor(line, start + span.end.saturating_sub(span.start));
        let (from, to) = if line.len() > LONGEST_LINE {
            let from = floor(line, start.saturating_sub(LONGEST_LINE / 4));
            (from, floor(line, from + LONGEST_LINE))
        } else {
            (0, line.len())
        };
        let end = end.clamp(start, to);
        // Escaping changes byte offsets and columns.
        let [before, inside, after] =
            [&line[from..start], &line[start..end], &line[end..to]].map(lines);
        Self {
            line: number,
            column: position.column,
            shown_column: before.chars().count() + 1,
            underlined: before.len()..before.len() + inside.len(),
            text: format!("{before}{inside}{after}"),
        }
    }
}

/// Returns the nearest character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Shortens the long values of a message.
pub(crate) fn shortened(message: &str) -> Cow<'_, str> {
    if message.len() <= LONGEST_WORD {
        return Cow::Borrowed(message);
    }
    let mut out = String::new();
    for word in message.split_inclusive([' ', '\n']) {
        if out.len() >= LONGEST_MESSAGE {
            out.push('…');
            break;
        }
        if word.len() > LONGEST_WORD {
            out.push_str(&word[..floor(word, LONGEST_WORD / 2)]);
            out.push('…');
            out.push_str(&word[floor(word, word.len() - LONGEST_WORD / 10)..]);
        } else {
            out.push_str(word);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let text = format!("first\n{}é: {}\nlast", "x".repeat(5_000), "y".repeat(9_000));
        let source = Source::new("f", text.clone());
        let start = text.find('é').expect("there");
        let excerpt = Excerpt::of(
            &source,
            Span {
                start,
                end: start + 2,
            },
        );
        assert_eq!((excerpt.line, excerpt.column), (2, 5_001));
        assert_eq!(&excerpt.text[excerpt.underlined.clone()], "é");
        assert!(excerpt.text.len() <= LONGEST_LINE);
        let whole = Excerpt::of(
            &source,
            Span {
                start,
                end: text.len(),
            },
        );
        assert!(whole.text[whole.underlined].ends_with('y'));
    }

    #[test]
    fn a_place_past_the_end_is_the_end() {
        let source = Source::new("f", "a: é\r\n");
        for span in [
            Span {
                start: 99,
                end: 120,
            },
            Span { start: 3, end: 99 },
            Span::default(),
        ] {
            let excerpt = Excerpt::of(&source, span);
            assert!(excerpt.text.get(excerpt.underlined).is_some());
        }
    }

    #[test]
    fn a_value_is_shortened_and_a_sentence_is_not() {
        let sentence = "one of the regions that CodePipeline is in, ".repeat(20);
        assert_eq!(shortened(&sentence), sentence);
        let long = format!("`{}` is not a bucket name", "é".repeat(100_000));
        let shown = shortened(&long);
        assert!(shown.len() < 300, "{shown}");
        assert!(shown.starts_with("`é") && shown.contains("…é") && shown.ends_with("name"));
        assert!(shortened(&"word ".repeat(100_000)).len() < 5_000);
    }
}
