//! Text in a drawn diagram: its width and its lines. The program does not know the reader's fonts,
//! so the widths are upper bounds for the widest common fonts (DejaVu Sans, Verdana).

/// Size of a node's name, in pixels.
pub(super) const NAME_SIZE: f64 = 13.0;
/// Size of all other text, in pixels. No text is smaller.
pub(super) const TEXT_SIZE: f64 = 12.0;
/// Width of a character in a monospaced font, as a fraction of the font size.
const MONOSPACED: f64 = 0.605;

/// Returns the maximum width of a text in the font of names.
pub(super) fn name_width(text: &str) -> f64 {
    let units: f64 = text.chars().map(|c| if c <= 'ÿ' { 1.0 } else { 2.0 }).sum();
    units * NAME_SIZE * MONOSPACED
}

/// Returns the maximum width of a text in the font of labels.
pub(super) fn text_width(text: &str, is_bold: bool) -> f64 {
    let part = |c: char| match c {
        'i' | 'j' | 'l' | '\'' | ' ' => 0.35,
        ',' | '.' | '/' | ':' | ';' | 'I' | 'J' | '|' => 0.40,
        '-' | 'f' => 0.45,
        'r' | 't' | '!' | '(' | ')' | '[' | ']' | '_' => 0.50,
        'c' | 's' | 'z' | 'L' | '?' | '*' => 0.65,
        'm' | 'w' | 'M' | '@' | '%' => 1.05,
        'W' => 1.15,
        'a'..='z' | '0'..='9' | 'C' | 'E' | 'F' | 'P' | 'S' | 'T' | 'Y' | 'Z' => 0.75,
        'O' | 'Q' | '&' => 0.90,
        c if c.is_ascii() => 0.85,
        '\u{a0}' => 0.35,
        _ => 1.1,
    };
    let bold = text.chars().map(part).sum::<f64>() * TEXT_SIZE;
    if is_bold { bold } else { bold * 0.93 }
}

/// Splits a name into lines, after a separator where possible. The entire name is kept, so
/// different names stay different.
pub(super) fn name_lines(name: &str, width: f64) -> Vec<String> {
    let may_break: [fn(char, char) -> bool; 1] = [|before, after| {
        matches!(before, '-' | '_' | '/' | ':' | '.' | '@' | ' ')
            || before.is_lowercase() && after.is_uppercase()
    }];
    lines(name, width, name_width, &may_break)
}

/// Splits text into lines, at a space where possible, or else after a hyphen.
pub(super) fn text_lines(text: &str, width: f64) -> Vec<String> {
    let may_break: [fn(char, char) -> bool; 2] = [
        |before, _| before == ' ',
        |before, after| before == '-' && after != ' ',
    ];
    lines(text, width, |line| text_width(line, true), &may_break)
}

/// Splits a text into lines. Tries the break conditions in order. The first one that matches
/// anywhere in a line determines where the line ends.
fn lines(
    text: &str,
    width: f64,
    measure: fn(&str) -> f64,
    may_break: &[fn(char, char) -> bool],
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    loop {
        let fits = |count: &usize| {
            let line: String = rest[..*count].iter().collect();
            measure(line.trim_end()) <= width
        };
        // A single character cannot be split, regardless of the width.
        if rest.len() < 2 || fits(&rest.len()) {
            lines.push(rest.into_iter().collect::<String>().trim_end().to_owned());
            return lines;
        }
        let most = (1..rest.len()).take_while(fits).last().unwrap_or(1);
        let breaks = may_break.iter().find_map(|may_break| {
            let mut ends = (1..=most).rev();
            ends.find(|end| may_break(rest[end - 1], rest[*end]))
        });
        let left = rest.split_off(breaks.unwrap_or(most));
        let line: String = rest.into_iter().collect();
        lines.push(line.trim_end().to_owned());
        rest = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_breaks_after_a_separator_and_stays_whole() {
        let name = "codepipeline-output-bucket-logs";
        let lines = name_lines(name, name_width("codepipeline-output-bu"));
        assert_eq!(lines, ["codepipeline-output-", "bucket-logs"]);
        let hard = "x".repeat(40);
        let lines = name_lines(&hard, name_width(&hard[..25]));
        assert_eq!(lines.concat(), hard);
        assert_eq!(lines[0].len(), 25);
    }

    #[test]
    fn a_text_breaks_at_its_spaces_first() {
        let width = text_width("artifact bucket, us-", true);
        let lines = text_lines("artifact bucket, us-east-1", width);
        assert_eq!(lines, ["artifact bucket,", "us-east-1"]);
    }

    #[test]
    fn an_empty_name_and_no_width_end() {
        assert_eq!(name_lines("", 0.0), [""]);
        assert_eq!(name_lines("ab", 0.0), ["a", "b"]);
    }
}
