//! Borderless tables that fit a given width.
//!
//! A table that is too wide wraps its cells between words. If that is not enough, each row becomes
//! a block with one line per cell. Text is never shortened, so two names never look alike.

use unicode_width::UnicodeWidthStr as _;

/// The space between two columns.
const GAP: usize = 2;
/// Words up to this width are never broken, so names and account IDs stay intact.
const LONGEST_WORD: usize = 40;
/// Longer words break after one of these.
const SEPARATORS: &str = "/:,;=&_-.";
/// A wrapped column that is narrower than this has at most `FEW_LINES` lines in a cell.
const NARROW: usize = 16;
const FEW_LINES: usize = 3;
/// Minimum width of the cells in a block: the length of an account ID. With less space, the cells
/// go below the column names.
const LEAST_CELL: usize = 12;

/// Lays out a table with aligned columns. The columns in `right` are right-aligned. Without a
/// width, the table is as wide as its longest cells.
pub(super) fn layout(
    header: &[&str],
    rows: &[Vec<String>],
    right: &[usize],
    width: Option<usize>,
) -> String {
    let natural: Vec<usize> = (0..header.len())
        .map(|at| cells(header, rows, at).map(longest_line).max().unwrap_or(0))
        .collect();
    let widths = match width {
        Some(width) if total(&natural) > width => fitted(header, rows, &natural, width),
        _ => Some(natural),
    };
    match (widths, width) {
        (Some(widths), _) => columns(header, rows, right, &widths),
        (None, width) => blocks(header, rows, width.unwrap_or(usize::MAX)),
    }
}

/// Returns the header and the cells of a column.
fn cells<'t>(
    header: &'t [&'t str],
    rows: &'t [Vec<String>],
    at: usize,
) -> impl Iterator<Item = &'t str> {
    let below = rows.iter().filter_map(move |row| row.get(at));
    std::iter::once(header[at]).chain(below.map(String::as_str))
}

fn longest_line(text: &str) -> usize {
    text.lines().map(str::width).max().unwrap_or(0)
}

fn total(widths: &[usize]) -> usize {
    let filled = widths.iter().rposition(|width| *width > 0);
    let shown = filled.map_or(0, |last| last + 1);
    widths[..shown].iter().sum::<usize>() + GAP * shown.saturating_sub(1)
}

/// Returns column widths that fit, or `None` if the columns would be too narrow to read.
fn fitted(
    header: &[&str],
    rows: &[Vec<String>],
    natural: &[usize],
    width: usize,
) -> Option<Vec<usize>> {
    let least: Vec<usize> = (0..header.len())
        .map(|at| {
            let words = cells(header, rows, at).flat_map(str::split_whitespace);
            let longest = words.map(str::width).max().unwrap_or(0);
            // Indented cells keep their indent.
            (longest + indent(header[at])).min(LONGEST_WORD)
        })
        .collect();
    let mut widths = natural.to_vec();
    while total(&widths) > width {
        let widest = (0..widths.len())
            .filter(|&at| widths[at] > least[at])
            .max_by_key(|&at| widths[at])?;
        widths[widest] -= 1;
    }
    let is_readable = (0..header.len()).all(|at| {
        let lines = |cell| wrapped(cell, widths[at]).len();
        widths[at] == natural[at]
            || widths[at] >= NARROW
            || cells(header, rows, at).map(lines).max().unwrap_or(0) <= FEW_LINES
    });
    is_readable.then_some(widths)
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Returns the table with these column widths.
fn columns(header: &[&str], rows: &[Vec<String>], right: &[usize], widths: &[usize]) -> String {
    let mut out = String::new();
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(widths)
            .map(|(cell, &width)| wrapped(cell, width))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
        for number in 0..height {
            let mut line = String::new();
            for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let text = cell.get(number).map_or("", String::as_str);
                let space = " ".repeat(width.saturating_sub(text.width()));
                if right.contains(&at) {
                    line += &space;
                    line += text;
                } else {
                    line += text;
                    line += &space;
                }
                line += &" ".repeat(GAP);
            }
            out += line.trim_end();
            out.push('\n');
        }
    }
    out
}

/// Returns a block per row: the name of each column and its cell, without empty cells.
fn blocks(header: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let margin = header.first().map_or(0, |first| indent(first));
    let names = header.iter().map(|name| name.trim().width());
    let names = names.max().unwrap_or(0);
    let indented = margin + names + GAP;
    let is_below = width.saturating_sub(indented) < LEAST_CELL;
    let left = if is_below { margin + GAP } else { indented };
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        for (name, cell) in header.iter().zip(row) {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            let name = format!("{}{}", " ".repeat(margin), name.trim());
            let lines = wrapped(cell, width.saturating_sub(left));
            let mut first = name.as_str();
            if is_below {
                out += first;
                out.push('\n');
                first = "";
            }
            for line in &lines {
                out += first;
                out += &" ".repeat(left - first.width());
                out += line;
                out.push('\n');
                first = "";
            }
        }
    }
    out
}

/// Wraps a cell into lines of at most `width` columns.
pub(super) fn wrapped(cell: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in cell.lines() {
        if line.width() <= width {
            lines.push(line.to_owned());
            continue;
        }
        let margin = " ".repeat(indent(line).min(width - 1));
        let mut current = margin.clone();
        let mut is_empty = true;
        for word in line.split_whitespace() {
            let mut word = word;
            if !is_empty && current.width() + 1 + word.width() <= width {
                current.push(' ');
                current += word;
                continue;
            }
            if !is_empty {
                lines.push(std::mem::replace(&mut current, margin.clone()));
            }
            while current.width() + word.width() > width {
                let (head, tail) = broken(word, width - current.width());
                lines.push(format!("{current}{head}"));
                current.clone_from(&margin);
                word = tail;
            }
            current += word;
            is_empty = false;
        }
        if !is_empty {
            lines.push(current);
        }
    }
    lines
}

/// Wraps a paragraph into lines of at most `width` columns. Text between backticks, such as a
/// command, is never broken, so that it can be copied. An indented paragraph has a hanging indent.
pub(super) fn paragraph(text: &str, width: usize) -> Vec<String> {
    let left = indent(text);
    let hanging = " ".repeat(if left > 0 { left + 2 } else { 0 });
    let mut lines = vec![" ".repeat(left)];
    let mut add = |word: &str| {
        let line = lines.last().map_or("", String::as_str);
        if !line.trim().is_empty() && line.width() + word.trim_end().width() > width {
            lines.push(hanging.clone());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    };
    let mut word = String::new();
    for part in text[left..].split_inclusive(' ') {
        word += part;
        if word.matches('`').count().is_multiple_of(2) {
            add(&word);
            word.clear();
        }
    }
    if !word.is_empty() {
        add(&word);
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Returns the part of a word that fits, and the rest. ARNs and URLs break after a separator.
fn broken(word: &str, width: usize) -> (&str, &str) {
    let mut fits = 0;
    let mut separator = 0;
    let mut used = 0;
    for (at, c) in word.char_indices() {
        let mut bytes = [0; 4];
        used += c.encode_utf8(&mut bytes).width();
        if used > width {
            break;
        }
        fits = at + c.len_utf8();
        if SEPARATORS.contains(c) {
            separator = fits;
        }
    }
    if fits == 0 {
        // No character fits, but the loop must make progress.
        fits = word.chars().next().map_or(0, char::len_utf8);
    }
    // A separator near the beginning would leave most of the line empty.
    word.split_at(if separator * 2 > fits {
        separator
    } else {
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        let own = |row: &&[&str]| row.iter().map(|&cell| cell.to_owned()).collect();
        rows.iter().map(own).collect()
    }

    fn widest(text: &str) -> usize {
        text.lines().map(str::width).max().unwrap_or(0)
    }

    /// Returns the text without whitespace.
    fn letters(text: &str) -> String {
        text.split_whitespace().collect()
    }

    #[test]
    fn columns_are_aligned_and_numbers_to_the_right() {
        let rows = rows(&[&["a", "1", "x"], &["bcd", "20", ""]]);
        assert_eq!(
            layout(&["name", "no", "what"], &rows, &[1], None),
            "name  no  what\na      1  x\nbcd   20\n"
        );
    }

    #[test]
    fn words_wrap_before_a_row_becomes_a_block() {
        let header = ["account", "reason"];
        let rows = rows(&[&["111111111111", "one two three four five six seven"]]);
        let text = layout(&header, &rows, &[], Some(34));
        assert_eq!(
            text,
            "account       reason\n111111111111  one two three four\n              five six seven\n"
        );
        let text = layout(&header, &rows, &[], Some(24));
        assert_eq!(
            text,
            "account  111111111111\nreason   one two three\n         four five six\n         seven\n"
        );
    }

    #[test]
    fn a_command_in_a_paragraph_is_never_broken() {
        assert_eq!(
            paragraph("Next: run `s3ferry deploy --profile dev`, then wait.", 24),
            ["Next: run", "`s3ferry deploy --profile dev`,", "then wait."]
        );
        assert_eq!(
            paragraph("an unclosed ` quote", 5),
            ["an", "unclosed", "` quote"]
        );
        assert_eq!(paragraph("", 10), [""]);
        assert_eq!(paragraph("  one two three", 9), ["  one two", "    three"]);
    }

    #[test]
    fn every_width_is_kept_and_nothing_is_left_out() {
        let header = ["  output", "value", "changed (UTC)"];
        let rows = rows(&[
            &[
                "  DeployRoleArn",
                "arn:aws:iam::111111111111:role/service-role/AWSCodePipelineServiceRole-us-east-1",
                "2026-11-26 05:12",
            ],
            &["  Site", "größe 日本語 names of any kind", ""],
        ]);
        for width in 30..140 {
            let text = layout(&header, &rows, &[], Some(width));
            assert!(widest(&text) <= width, "{width}\n{text}");
            for part in ["DeployRoleArn", "2026-11-26", "日本語"] {
                assert!(text.contains(part), "{width}: {part}\n{text}");
            }
            let kept = letters(&text);
            for cell in rows.iter().flatten() {
                // The parts of a wrapped cell are separated by parts of other cells.
                let pieces = cell.split(|c: char| c == ' ' || SEPARATORS.contains(c));
                assert!(
                    pieces
                        .into_iter()
                        .all(|piece| kept.contains(piece) || piece.width() > width - 20),
                    "{width}: {cell}\n{text}"
                );
            }
        }
    }
}
