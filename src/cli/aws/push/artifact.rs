//! The zip file to upload.

use std::fs::File;
use std::path::Path;

use super::inspected::{Inspected, cannot_read, digest};
use super::options::PushOptions;
use super::warning::Warning;
use super::{archive, check, limits};
use crate::cli::Failure;
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;

/// The zip file to upload, on disk.
pub(super) struct Artifact {
    /// The zip file. A temporary file has no name, so the system always deletes it.
    pub(super) file: File,
    /// Size of the zip file in bytes.
    pub(super) size: u64,
    /// Number of files in the zip file.
    pub(super) files: u64,
    /// Warnings about the files.
    pub(super) warnings: Vec<Warning>,
    /// SHA-256 of the zip file, in hexadecimal.
    pub(super) sha256: String,
}

pub(super) fn artifact(
    path: &Path,
    options: &PushOptions,
    project: &Project,
    screen: &Screen<'_>,
) -> Result<Artifact, Failure> {
    let shown = path.display();
    let data = std::fs::metadata(path).map_err(|error| {
        Failure::new(
            format!("cannot read `{shown}`: {error}"),
            "specify a folder or a zip file; `s3ferry sample` writes a sample zip file",
        )
    })?;
    let targets = &project.plan.targets;
    let (mut file, Inspected { files, warnings }) = if data.is_dir() {
        archive::make(path, options.hidden, targets, screen)?
    } else if !data.is_file() {
        // Check before opening: opening a named pipe would block until another process opens it for
        // writing.
        return Err(Failure::new(
            format!("`{shown}` is neither a file nor a folder"),
            "specify a folder or a zip file",
        ));
    } else {
        let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
        let inspected = check::zip(path, &file, targets, screen)?;
        (file, inspected)
    };
    let (size, sha256) = digest(&mut file).map_err(|error| cannot_read(path, &error))?;
    limits::size(path, size)?;
    Ok(Artifact {
        file,
        size,
        files,
        warnings,
        sha256,
    })
}
