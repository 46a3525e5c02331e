//! What is printed, and where: results to standard output, the rest to standard error.

use std::io::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::{Failure, Global};

/// Colours: `always`, `never`, or as the terminal and NO_COLOR say.
pub(crate) fn set_color(when: &str) {
    match when {
        "always" => anstream::ColorChoice::Always.write_global(),
        "never" => anstream::ColorChoice::Never.write_global(),
        _ => anstream::ColorChoice::Auto.write_global(),
    }
}

/// Whether standard error is written in colours.
#[cfg(feature = "deploy")]
pub(crate) fn colors() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Prints a result. A reader that has gone away is no error.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(
            format!("cannot write to standard output: {error}"),
            "",
        )),
        _ => Ok(()),
    }
}

/// Says something beside the result, unless the user wants quiet.
pub(crate) fn note(global: &Global, text: &str) {
    if !global.quiet {
        // Nothing can be said of a standard error that cannot be written.
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}

/// A table without lines: columns aligned, those of `right` to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    format!("{}\n", lines.join("\n"))
}

/// A number with commas between its thousands.
pub(crate) fn thousands(number: usize) -> String {
    s3ferry::aws::quotas::grouped(number as u64)
}
