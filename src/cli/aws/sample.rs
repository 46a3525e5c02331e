//! `s3ferry sample`: a small web site to try the pipeline with.

use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use zip::ZipWriter;

use crate::cli::aws::zip_file::entry_options;
use crate::cli::output::{self, print};
use crate::cli::{Failure, Global, Outcome, files, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry sample
  s3ferry push sample-website.zip";

/// The site's files, in the order of the zip file.
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

/// SampleOptions of `sample`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SampleOptions {
    /// Write the zip file here; `-`: to standard output
    #[arg(long, value_name = "FILE", default_value = "sample-website.zip")]
    out: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

/// Writes the zip file.
pub(crate) fn run(global: &Global, options: &SampleOptions) -> Result<Outcome, Failure> {
    let shown = output::path(&options.out);
    if files::is_replaced(&options.out) && !options.force {
        return Err(Failure::new(
            format!("`{shown}` exists already"),
            "write over it with --force, or name another file with --out",
        ));
    }
    let bytes =
        zipped().map_err(|error| Failure::new(format!("cannot make the zip file: {error}"), ""))?;
    if files::put(&options.out, &bytes)? && !global.quiet {
        print(&format!(
            "Wrote {shown} ({} files, {} bytes).\nNext: `s3ferry push {}` uploads it and follows the \
             pipeline.\n",
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
