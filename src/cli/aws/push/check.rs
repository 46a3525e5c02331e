//! A zip file that the user made: whether the S3 deploy action can unpack it, and what it makes
//! of the entries.

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

/// Unpacked bytes that are read at most. An artifact without large repetitions has fewer.
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
        |problem: String| Failure::new(format!("{shown}: {problem}"), "make the zip file again");
    let mut site = Site::new(path, targets);
    let claimed = end::entries(file).unwrap_or_default();
    if !limits::entries(path, claimed, site.is_extracted())? {
        // It is put as it is, and not looked into.
        return Ok(Inspected {
            files: claimed,
            warnings: Vec::new(),
        });
    }
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(|error| {
        Failure::new(
            format!(
                "{shown} is not a zip file that can be read: {error}; CodePipeline fails with \
                 \"The archive is malformed.\""
            ),
            "make it again, or push the folder itself",
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
    // The archive keeps the last one of a name only.
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
            format!("there is no file in {shown}"),
            "zip the folder that holds the built site, or push that folder",
        ));
    }
    let mut warnings = Vec::from_iter(limits::files(path, files, targets)?);
    if !unchecked.is_empty() {
        let message = format!(
            "the content of {} was not checked: unpacked, the files have more than 8 GiB",
            unchecked.shown()
        );
        warnings.push(Warning::new(Code::Unchecked, unchecked, message, ""));
    }
    warnings.extend(site.warnings());
    Ok(Inspected { files, warnings })
}

/// The sizes of the files, as the directory says.
fn unpacked(archive: &Archive<'_>) -> u64 {
    (0..archive.len())
        .filter_map(|index| Some(archive.by_index_data(index).ok()?.size()))
        .fold(0, u64::saturating_add)
}

/// Why an entry is not read to its end.
enum Stop {
    /// It cannot be deployed; why.
    Diagnostic(String),
    /// Too much was read already; its name.
    Unchecked(String),
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Self::Diagnostic(problem)
    }
}

/// Checks an entry; gives how many bytes may still be read.
fn entry(
    archive: &mut Archive<'_>,
    index: usize,
    site: &mut Site<'_>,
    budget: u64,
    progress: &dyn Fn(u64),
) -> Result<u64, Stop> {
    // From the directory alone: to read each entry's own header takes too long.
    let raw = archive
        .by_index_data(index)
        .map_err(|error| format!("entry {} cannot be read: {error}", index + 1))?;
    // The raw bytes: without the flag for UTF-8, another reader may decode them differently.
    let name = match str::from_utf8(raw.name_raw()) {
        Ok(name) => name.to_owned(),
        Err(_) if !site.is_extracted() => String::from_utf8_lossy(raw.name_raw()).into_owned(),
        Err(_) => {
            return Err(Stop::Diagnostic(format!(
                "the name of entry {} is not UTF-8, as an object's key is: {}",
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
                "{} is compressed with {method}, and only deflate is sure to be understood",
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

/// Why an encrypted entry is refused.
fn encrypted(name: &str) -> String {
    format!(
        "{} is encrypted, and CodePipeline has no password",
        quoted(name)
    )
}

/// Reads the content of an entry to its end, where its checksum is compared; gives what is wrong
/// with it. The reader stops where there is more than the directory says.
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
                    "is damaged: it has {seen} bytes, and {size} by the zip file's directory"
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

/// Adds the entries whose names the central directory has already had (PKWARE, *APPNOTE*, 4.3.12);
/// gives why one of them cannot be unpacked. The archive hides all but the last of a name, so their
/// content is not read.
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
                    "{} is not compressed with deflate in every copy",
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

/// The end of a zip file, read before the rest of it.
mod end {
    use std::fs::File;
    use std::io::{self, Read as _, Seek as _, SeekFrom};

    /// The record without its comment, and the longest comment (PKWARE, *APPNOTE*, 4.3.16).
    const RECORD: usize = 22;
    const COMMENT: usize = 65_535;
    /// The locator of the 64-bit record, which precedes it directly (4.3.15).
    const LOCATOR: usize = 20;

    /// How many entries a zip file says it has; nothing where there is no end that says it.
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
