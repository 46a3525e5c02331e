//! Reading and writing files. A file is written whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use s3ferry::syntax::Source;

use super::Failure;

/// No file that is read here is larger, by far.
const SIZE_LIMIT: u64 = 32 * 1024 * 1024;

/// Reads a text file.
///
/// # Errors
/// It is not there, cannot be read, is too large or is not text.
pub(crate) fn read(path: &Path, what: &str) -> Result<Source, Failure> {
    let shown = path.display();
    let size = fs::metadata(path).map_or(0, |data| data.len());
    if size > SIZE_LIMIT {
        return Err(Failure::new(
            format!("{what} `{shown}` is too large to be one"),
            "",
        ));
    }
    let bytes = fs::read(path).map_err(|error| {
        Failure::new(
            format!("cannot read {what} `{shown}`: {error}"),
            "check the path",
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(
            format!("{what} `{shown}` is not UTF-8 text: byte {at} is none"),
            "save it as UTF-8",
        )
    })?;
    // An editor's byte order mark is no part of the document.
    let text = text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text);
    Ok(Source::new(shown.to_string(), text))
}

/// Writes a file by way of a temporary one beside it.
///
/// # Errors
/// The folder or the file cannot be written; then nothing has changed.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    write_bytes(path, text.as_bytes())
}

/// Writes a file of any kind, likewise.
///
/// # Errors
/// The folder or the file cannot be written; then nothing has changed.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".s3ferry-");
        // Temporary files are private by default; what is checked in should not be.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    });
    written.map_err(|error| {
        Failure::new(
            format!("cannot write `{}`: {error}", path.display()),
            "check the folder's permissions and free space",
        )
    })
}
