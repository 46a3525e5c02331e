//! Checks a zip file from the user: whether the S3 deploy action can extract it, and how the action
//! treats the entries.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::plan::TargetPlan;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::content::Text;
use super::inspected::{Inspected, cannot_read};
use super::limits;
use super::site::Site;
use super::warning::{Code, Names, Warning, quoted};
use crate::cli::Failure;
use crate::cli::aws::screen::Screen;

/// Maximum number of uncompressed bytes to read. Typical artifacts are smaller.
const CHECKED: u64 = 8 * 1024 * 1024 * 1024;

/// Compression methods of an entry (PKWARE, *APPNOTE*, 4.4.5).
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

type Archive<'f> = ZipArchive<io::BufReader<&'f File>>;

/// Checks a zip file.
pub(super) fn zip(
    path: &Path,
    file: &File,
    targets: &[TargetPlan],
    screen: &Screen<'_>,
) -> Result<Inspected, Failure> {
    let shown = quoted(&path.to_string_lossy());
    let refused =
        |problem: String| Failure::new(format!("{shown}: {problem}"), "recreate the zip file");
    let mut site = Site::new(path, targets);
    let claimed = end::entries(file).unwrap_or_default();
    if !limits::entries(path, claimed, site.is_extracted())? {
        // The zip file is deployed as is, so its entries are not checked.
        return Ok(Inspected {
            files: claimed,
            warnings: Vec::new(),
        });
    }
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(|error| {
        Failure::new(
            format!(
                "{shown} is not a valid zip file: {error}; CodePipeline would fail with \
                 \"The archive is malformed.\""
            ),
            "recreate it, or push the folder itself",
        )
    })?;
    let bar = screen.bytes("Checking", unpacked(&archive).min(CHECKED));
    let mut budget = CHECKED;
    let mut unchecked = Names::default();
    for index in 0..archive.len() {
        let left = entry(&mut archive, index, &mut site, budget, &|bytes| {
            bar.inc(bytes);
        });
        match left {
            Ok(left) => budget = left,
            Err(Stop::Unchecked(name)) => unchecked.add(&name),
            Err(Stop::Diagnostic(problem)) => {
                drop(bar);
                return Err(refused(problem));
            }
        }
    }
    drop(bar);
    // The archive exposes only the last entry for each name.
    if archive.has_duplicate_names() {
        let start = archive.central_directory_start();
        let hidden = repeated(file, start, &mut site);
        if let Some(problem) = hidden.map_err(|error| cannot_read(path, &error))? {
            return Err(refused(problem));
        }
    }
    if let Some(problem) = site.conflict() {
        return Err(refused(problem));
    }
    let files = site.files();
    if files == 0 {
        return Err(Failure::new(
            format!("{shown} contains no files"),
            "zip the folder that contains the built site, or push that folder",
        ));
    }
    let mut warnings = Vec::from_iter(limits::files(path, files, targets)?);
    if !unchecked.is_empty() {
        let message = format!(
            "the content of {} was not checked: the uncompressed files exceed 8 GiB",
            unchecked.shown()
        );
        warnings.push(Warning::new(Code::Unchecked, unchecked, message, ""));
    }
    warnings.extend(site.warnings());
    Ok(Inspected { files, warnings })
}

/// Returns the total uncompressed size, according to the central directory.
fn unpacked(archive: &Archive<'_>) -> u64 {
    (0..archive.len())
        .filter_map(|index| Some(archive.by_index_data(index).ok()?.size()))
        .fold(0, u64::saturating_add)
}

/// Why an entry was not fully read.
enum Stop {
    /// The reason why the entry cannot be deployed.
    Diagnostic(String),
    /// The name of the entry at which the read limit was reached.
    Unchecked(String),
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Self::Diagnostic(problem)
    }
}

/// Checks an entry. Returns the remaining read limit in bytes.
fn entry(
    archive: &mut Archive<'_>,
    index: usize,
    site: &mut Site<'_>,
    budget: u64,
    progress: &dyn Fn(u64),
) -> Result<u64, Stop> {
    // Use only the central directory: reading each local header takes too long.
    let raw = archive
        .by_index_data(index)
        .map_err(|error| format!("cannot read entry {}: {error}", index + 1))?;
    // Use the raw bytes: without the UTF-8 flag, other readers may decode them differently.
    let name = match str::from_utf8(raw.name_raw()) {
        Ok(name) => name.to_owned(),
        Err(_) if !site.is_extracted() => String::from_utf8_lossy(raw.name_raw()).into_owned(),
        Err(_) => {
            return Err(Stop::Diagnostic(format!(
                "S3 object keys must be valid UTF-8, but the name of entry {} is not: {}",
                index + 1,
                quoted(&String::from_utf8_lossy(raw.name_raw()))
            )));
        }
    };
    let (method, is_encrypted) = (raw.compression(), raw.encrypted());
    let (is_link, size) = (raw.is_symlink(), raw.size());
    if raw.is_dir() {
        site.folder(&name);
        return Ok(budget);
    }
    let is_readable = !is_encrypted
        && matches!(
            method,
            CompressionMethod::Stored | CompressionMethod::Deflated
        );
    if !is_readable && site.is_extracted() {
        return Err(Stop::Diagnostic(if is_encrypted {
            encrypted(&name)
        } else {
            format!(
                "{} is compressed with {method}, but only deflate is supported",
                quoted(&name)
            )
        }));
    }
    site.file(&name, is_link)?;
    if !is_readable {
        return Ok(budget);
    }
    if size > budget {
        return Err(Stop::Unchecked(name));
    }
    let mut text = if is_link { None } else { Text::of(&name) };
    let read = content(archive, index, size, |bytes| {
        progress(bytes.len() as u64);
        if let Some(text) = &mut text {
            text.read(bytes);
        }
    });
    read.map_err(|problem| format!("{} {problem}", quoted(&name)))?;
    if let Some(text) = &text {
        site.text(&name, text);
    }
    Ok(budget - size)
}

/// Explains why an encrypted entry is refused.
fn encrypted(name: &str) -> String {
    format!(
        "{} is encrypted, and CodePipeline cannot decrypt it",
        quoted(name)
    )
}

/// Reads the content of an entry, which also verifies its checksum. The reader never reads more
/// than the size in the central directory.
///
/// # Errors
/// Returns a description of the problem if the content is damaged.
fn content(
    archive: &mut Archive<'_>,
    index: usize,
    size: u64,
    mut take: impl FnMut(&[u8]),
) -> Result<(), String> {
    let broken = |error: ZipError| format!("cannot be read: {error}");
    let mut entry = archive.by_index(index).map_err(broken)?;
    let mut buffer = vec![0; 1 << 16];
    let mut seen = 0;
    loop {
        match entry.read(&mut buffer) {
            Ok(0) if seen < size => {
                return Err(format!(
                    "is damaged: it has {seen} bytes, but the zip directory specifies {size}"
                ));
            }
            Ok(0) => return Ok(()),
            Ok(count) => {
                seen += count as u64;
                take(&buffer[..count]);
            }
            Err(error) => return Err(format!("is damaged: {error}")),
        }
    }
}

/// Adds the entries with repeated names in the central directory (PKWARE, *APPNOTE*, 4.3.12).
/// Returns the reason why an entry cannot be extracted, if any. The archive exposes only the last
/// entry for each name, so the content of the others is not read.
fn repeated(file: &File, start: u64, site: &mut Site<'_>) -> io::Result<Option<String>> {
    let mut reader = io::BufReader::new(file);
    reader.seek(SeekFrom::Start(start))?;
    let mut seen = HashSet::new();
    while reader.fill_buf()?.starts_with(b"PK\x01\x02") {
        let mut header = [0; 46];
        reader.read_exact(&mut header)?;
        let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let mut name = vec![0; usize::from(number(28))];
        reader.read_exact(&mut name)?;
        reader.seek_relative(i64::from(number(30)) + i64::from(number(32)))?;
        let is_encrypted = number(8) & 1 == 1;
        let is_readable = !is_encrypted && matches!(number(10), STORED | DEFLATED);
        if !is_readable && site.is_extracted() {
            let name = String::from_utf8_lossy(&name);
            return Ok(Some(match is_encrypted {
                true => encrypted(&name),
                false => format!(
                    "a copy of {} uses a compression method other than deflate",
                    quoted(&name)
                ),
            }));
        }
        if seen.contains(&name) {
            let shown = String::from_utf8_lossy(&name);
            if !shown.ends_with('/') {
                site.again(&shown);
            }
        } else {
            seen.insert(name);
        }
    }
    Ok(None)
}

/// Reads the end of a zip file.
mod end {
    use std::fs::File;
    use std::io::{self, Read as _, Seek as _, SeekFrom};

    /// Size of the end record without its comment (PKWARE, *APPNOTE*, 4.3.16).
    const RECORD: usize = 22;
    /// Maximum size of the comment.
    const COMMENT: usize = 65_535;
    /// Size of the locator of the 64-bit record, which directly precedes the end record (4.3.15).
    const LOCATOR: usize = 20;

    /// Returns the number of entries that the end record declares, or `None` if there is no end
    /// record.
    pub(super) fn entries(mut file: &File) -> Option<u64> {
        let length = file.seek(SeekFrom::End(0)).ok()?;
        let start = length.saturating_sub((RECORD + COMMENT + LOCATOR) as u64);
        let tail = read(file, start, usize::try_from(length - start).ok()?).ok()?;
        let at = (0..=tail.len().checked_sub(RECORD)?)
            .rev()
            .find(|at| tail[*at..].starts_with(b"PK\x05\x06"))?;
        let entries = u16::from_le_bytes([tail[at + 10], tail[at + 11]]);
        if entries != u16::MAX {
            return Some(u64::from(entries));
        }
        let locator = tail.get(at.checked_sub(LOCATOR)?..at)?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Some(u64::from(entries));
        }
        let offset = u64::from_le_bytes(locator[8..16].try_into().ok()?);
        let record = read(file, offset, 40).ok()?;
        Some(u64::from_le_bytes(record[32..40].try_into().ok()?))
    }

    fn read(mut file: &File, start: u64, count: usize) -> io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; count];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
