//! Options for reproducible zip files: the same files always produce the same bytes.

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime};

/// Minimum size of an entry that requires the 64-bit fields of the format.
const LARGE: u64 = u32::MAX as u64;

/// Returns the metadata of an entry. It does not depend on the machine or the time.
pub(crate) fn entry_options(size: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .large_file(size >= LARGE)
}
