//! The inspection results of an artifact, and helpers to read files.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::warning::Warning;
use crate::cli::Failure;

/// The inspection results of an artifact before the upload.
pub(super) struct Inspected {
    /// Number of files.
    pub(super) files: u64,
    /// Unexpected effects of the S3 deploy action on the files.
    pub(super) warnings: Vec<Warning>,
}

pub(super) fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("cannot read `{}`: {error}", path.display()),
        "check the file permissions",
    )
}

/// Returns the size and the SHA-256 of a file. Reads the file in chunks.
pub(super) fn digest(file: &mut File) -> std::io::Result<(u64, String)> {
    file.rewind()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
    let digest = hasher.finalize();
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    Ok((size, digits.collect()))
}
