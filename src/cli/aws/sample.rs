//! `s3ferry sample`: writes a small sample website for testing the pipeline.

use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use zip::ZipWriter;

use crate::cli::aws::zip_file::entry_options;
use crate::cli::output::{self, print_wrapped};
use crate::cli::{Failure, Global, Outcome, files, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry sample
  s3ferry push sample-website.zip";

/// The files of the site, in the order in which they appear in the zip file.
const FILES: [(&str, &str); 3] = [
    (
        "error.html",
        include_str!("../../../data/sample/error.html"),
    ),
    (
        "index.html",
        include_str!("../../../data/sample/index.html"),
    ),
    ("style.css", include_str!("../../../data/sample/style.css")),
];

/// Options of `s3ferry sample`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SampleOptions {
    /// Overwrite an existing file
    #[arg(long, help_heading = "Behavior")]
    force: bool,
    /// Write the zip file to this path, or to standard output if `-`
    #[arg(
        long,
        value_name = "FILE",
        default_value = "sample-website.zip",
        help_heading = "Output"
    )]
    out: PathBuf,
}

/// Writes the zip file.
pub(crate) fn run(global: &Global, options: &SampleOptions) -> Result<Outcome, Failure> {
    let shown = output::path(&options.out);
    if files::is_replaced(&options.out) && !options.force {
        return Err(Failure::new(
            format!("`{shown}` already exists"),
            "use --force to overwrite it, or --out to choose another file",
        ));
    }
    let bytes = zipped()
        .map_err(|error| Failure::new(format!("cannot create the zip file: {error}"), ""))?;
    if files::put(&options.out, &bytes)? && !global.quiet {
        print_wrapped(&format!(
            "Wrote {shown} ({} files, {} bytes).\nNext: run `s3ferry push {}` to upload it and \
             follow the pipeline.\n",
            FILES.len(),
            output::thousands(bytes.len()),
            shell::word(&options.out.to_string_lossy())
        ))?;
    }
    Ok(Outcome::Done)
}

fn zipped() -> Result<Vec<u8>, zip::result::ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in FILES {
        zip.start_file(name, entry_options(text.len() as u64))?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}
