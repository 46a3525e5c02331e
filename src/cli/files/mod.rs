//! Reading and writing files: bounded reads and atomic writes.

mod destination;
mod replace;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::diagnostic::{Kind, Source};

use super::Failure;

pub(crate) use destination::{is_replaced, is_stdout, put};
pub(crate) use replace::{Writer, folder_of, write};

/// The maximum size of a file in MiB. AWS allows 1 MB for a template, and less for a policy.
const SIZE_LIMIT: u64 = 8;

/// Returns the maximum size of a kind of file in MiB.
const fn limit_of(kind: Kind) -> u64 {
    match kind {
        // A list of 10,000 accounts takes 0.2 MiB. Longer lists belong in an accounts file.
        Kind::Configuration => 4,
        // Programs generate case files, and each case contains policies.
        Kind::Cases => 32,
        _ => SIZE_LIMIT,
    }
}

/// Reads a text file.
///
/// # Errors
/// Returns an error if the file does not exist, cannot be read, is too large, or is not UTF-8 text.
pub(crate) fn read(path: &Path, what: &str, kind: Kind) -> Result<Source, Failure> {
    let shown = path.display().to_string();
    let bytes = bytes_of(path, what, limit_of(kind))?;
    remember(path);
    Ok(text(bytes, shown, what)?.of_kind(kind))
}

/// Reads a text file that only s3ferry writes. Such a file needs no [`Kind`].
///
/// # Errors
/// Returns an error if the file does not exist, cannot be read, is too large, or is not UTF-8 text.
pub(crate) fn read_text(path: &Path, what: &str) -> Result<Source, Failure> {
    let shown = path.display().to_string();
    text(bytes_of(path, what, SIZE_LIMIT)?, shown, what)
}

/// Reads standard input.
///
/// # Errors
/// Returns an error if standard input cannot be read, is too large, or is not UTF-8 text.
pub(crate) fn read_stdin(what: &str, kind: Kind) -> Result<Source, Failure> {
    let name = "standard input";
    let bytes = bounded(io::stdin().lock(), what, name, limit_of(kind))?;
    Ok(text(bytes, name.to_owned(), what)?.of_kind(kind))
}

/// Returns the bytes of a regular file, or `None` if the file does not exist.
///
/// # Errors
/// Returns an error if the path is not a regular file, or if the file cannot be read or is too
/// large.
pub(crate) fn bytes_if_any(path: &Path, what: &str) -> Result<Option<Vec<u8>>, Failure> {
    match fs::metadata(path) {
        Ok(data) if data.is_file() => bytes_of(path, what, SIZE_LIMIT).map(Some),
        Ok(_) => Err(Failure::new(
            format!("`{}` is not a regular file", path.display()),
            "move the file or choose another folder",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, what, &error)),
    }
}

/// Returns the failure for a folder that cannot be read.
pub(crate) fn cannot_read_folder(folder: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!(
            "cannot read folder `{}`: {}",
            folder.display(),
            reason(error)
        ),
        "check the permissions of the folder",
    )
}

/// Returns the sorted paths in a folder. Returns no paths if the folder does not exist.
pub(crate) fn paths_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

pub(crate) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let found = path.extension().and_then(|extension| extension.to_str());
    found.is_some_and(|found| extensions.contains(&found))
}

/// Returns the text of an operating system error, without its number or the name of a temporary
/// file.
pub(crate) fn reason(error: &io::Error) -> String {
    if let Some(code) = error.raw_os_error() {
        let text = io::Error::from_raw_os_error(code).to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        let mut letters = text.chars();
        return match letters.next() {
            Some(first) => first.to_lowercase().chain(letters).collect(),
            None => String::new(),
        };
    }
    // Libraries wrap the error to add a path.
    let inner = error.get_ref().and_then(std::error::Error::source);
    match inner.and_then(<dyn std::error::Error>::downcast_ref::<io::Error>) {
        Some(inner) => reason(inner),
        None => error.kind().to_string(),
    }
}

/// The files that this process has read as input. None of them may be replaced by output.
static INPUTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Returns whether a path names a file that was read as input, even through a link.
fn is_input(path: &Path) -> bool {
    let inputs = INPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    fs::canonicalize(path).is_ok_and(|real| inputs.contains(&real))
}

fn remember(path: &Path) {
    if let Ok(real) = fs::canonicalize(path) {
        let mut inputs = INPUTS.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.insert(real);
    }
}

fn bytes_of(path: &Path, what: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|error| cannot_read(path, what, &error))?;
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        return Err(Failure::new(
            format!("cannot read {what} `{}`: it is a folder", path.display()),
            "specify a file",
        ));
    }
    bounded(file, what, &path.display().to_string(), limit)
}

/// Reads to the end, but no further than the limit. The metadata does not contain the size of a
/// device, a pipe, or a growing file.
fn bounded(reader: impl Read, what: &str, name: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let most = limit * 1024 * 1024;
    let mut bytes = Vec::new();
    let read = reader.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| cannot_read(Path::new(name), what, &error))?;
    if bytes.len() as u64 > most {
        return Err(Failure::new(
            format!("{what} `{name}` is too large: the limit is {limit} MiB"),
            "specify another file",
        ));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>, name: String, what: &str) -> Result<Source, Failure> {
    // UTF-16 without a byte order mark can be valid UTF-8, with a NUL next to each ASCII letter.
    let is_utf16 = matches!(
        bytes.get(..2),
        Some([0xff, 0xfe] | [0xfe, 0xff] | [0, 1..=0xff] | [1..=0xff, 0])
    );
    let unreadable = |problem: &str| {
        Failure::new(
            format!("cannot read {what} `{name}`: {problem}"),
            "save the file as UTF-8",
        )
    };
    if is_utf16 {
        return Err(unreadable("it is UTF-16"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        unreadable(&format!("invalid UTF-8 on line {line}"))
    })?;
    // Editors may add a byte order mark, which is not part of the document.
    let text = match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    };
    Ok(Source::new(name, text))
}

fn cannot_read(path: &Path, what: &str, error: &io::Error) -> Failure {
    let help = match error.kind() {
        io::ErrorKind::NotFound if path.is_symlink() => "restore the target of the link",
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "check the permissions of the file and its folder",
        _ => "check the file",
    };
    Failure::new(
        format!("cannot read {what} `{}`: {}", path.display(), reason(error)),
        help,
    )
}
