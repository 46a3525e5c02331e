//! How the zip files of a site are written: the same bytes for the same files, whoever makes them and
//! when.

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime};

/// From this size on an entry needs the format's 64-bit fields.
const LARGE: u64 = u32::MAX as u64;

/// What stands beside each entry: nothing of this machine or this moment.
pub(crate) fn entry_options(size: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .large_file(size >= LARGE)
}
