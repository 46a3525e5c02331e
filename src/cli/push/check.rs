//! A zip file that the user made: whether it can be read, whole, and where its files would land.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use s3ferry::plan::TargetPlan;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::limits;
use crate::cli::screen::Screen;
use crate::cli::{Failure, Global, output};

/// Checks a zip file; gives the number of files in it.
///
/// # Errors
/// It is none, it is broken, or something in it cannot be deployed.
pub(super) fn zip(
    global: &Global,
    path: &Path,
    file: &File,
    targets: &[TargetPlan],
    screen: &Screen,
) -> Result<u64, Failure> {
    let shown = path.display();
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(|error| {
        Failure::new(
            format!("`{shown}` is not a zip file that can be read: {error}"),
            "make it again, or push the folder itself",
        )
    })?;
    let bar = screen.bytes("Checking", total(&mut archive));
    let mut found = Found::default();
    for index in 0..archive.len() {
        if let Err(problem) = found.entry(&mut archive, index, targets, &|bytes| bar.inc(bytes)) {
            bar.finish_and_clear();
            return Err(Failure::new(
                format!("`{shown}`: {problem}"),
                "make the zip file again",
            ));
        }
    }
    bar.finish_and_clear();
    // The archive keeps the last one of a name only.
    let problem = if archive.has_duplicate_names() {
        let name = repeated(file, archive.central_directory_start()).unwrap_or_default();
        Some(format!(
            "two entries have the name `{name}`, and one of them would be lost"
        ))
    } else {
        found
            .file_and_folder()
            .map(|name| format!("`{name}` is a file and a folder, and cannot be extracted as both"))
    };
    if let Some(problem) = problem {
        return Err(Failure::new(
            format!("`{shown}`: {problem}"),
            "make the zip file again",
        ));
    }
    if found.files == 0 {
        return Err(Failure::new(
            format!("there is no file in `{shown}`"),
            "zip the folder that holds the built site, or push that folder",
        ));
    }
    if let Some(note) = limits::files(path, found.files, targets)? {
        output::note(global, &note);
    }
    for warning in found.warnings(path, targets) {
        output::note(global, &warning);
    }
    Ok(found.files)
}

type Archive<'f> = ZipArchive<io::BufReader<&'f File>>;

/// A name that the central directory has twice (PKWARE, *APPNOTE*, 4.3.12).
fn repeated(file: &File, start: u64) -> Option<String> {
    let mut reader = io::BufReader::new(file);
    reader.seek(SeekFrom::Start(start)).ok()?;
    let mut seen = BTreeSet::new();
    loop {
        let mut header = [0; 46];
        reader.read_exact(&mut header).ok()?;
        if !header.starts_with(b"PK\x01\x02") {
            return None;
        }
        let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let mut name = vec![0; usize::from(number(28))];
        reader.read_exact(&mut name).ok()?;
        reader
            .seek_relative(i64::from(number(30)) + i64::from(number(32)))
            .ok()?;
        let name = String::from_utf8_lossy(&name).into_owned();
        if !seen.insert(name.clone()) {
            return Some(name);
        }
    }
}

fn total(archive: &mut Archive<'_>) -> u64 {
    (0..archive.len())
        .filter_map(|index| archive.by_index_raw(index).ok().map(|entry| entry.size()))
        .fold(0, u64::saturating_add)
}

/// What is in a zip file.
#[derive(Default)]
struct Found {
    files: u64,
    /// Names of the files.
    names: BTreeSet<String>,
    /// Names of the folders that have entries of their own, without the last `/`.
    folders: BTreeSet<String>,
    /// First parts of the names, and whether a file stands there itself.
    tops: BTreeSet<String>,
    at_top: bool,
    links: Vec<String>,
    backslashes: Vec<String>,
    /// Names with `./` or `//`.
    unusual: Vec<String>,
    rubbish: Vec<String>,
}

impl Found {
    fn entry(
        &mut self,
        archive: &mut Archive<'_>,
        index: usize,
        targets: &[TargetPlan],
        progress: &dyn Fn(u64),
    ) -> Result<(), String> {
        let raw = archive
            .by_index_raw(index)
            .map_err(|error| format!("entry {} cannot be read: {error}", index + 1))?;
        // As it stands: without a flag for UTF-8 another reader may take it for something else.
        let Ok(name) = str::from_utf8(raw.name_raw()).map(str::to_owned) else {
            return Err(format!(
                "the name of entry {} is not UTF-8, as an object's key is: `{}`",
                index + 1,
                String::from_utf8_lossy(raw.name_raw())
            ));
        };
        let method = raw.compression();
        if raw.encrypted() {
            return Err(format!(
                "`{name}` is encrypted, and CodePipeline has no password"
            ));
        }
        if !matches!(
            method,
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(format!(
                "`{name}` is compressed with {method}, and every reader takes deflate only"
            ));
        }
        if leads_out(&name) {
            return Err(format!("`{name}` is a path that leads out of the zip file"));
        }
        if raw.is_symlink() {
            self.links.push(name.clone());
        }
        let is_folder = raw.is_dir();
        drop(raw);
        if is_folder {
            self.folders.insert(name.trim_end_matches('/').to_owned());
            return Ok(());
        }
        if let Some(problem) = limits::key_problem(&name, targets) {
            return Err(format!("`{name}` cannot be deployed: {problem}"));
        }
        let mut entry = archive
            .by_index(index)
            .map_err(|error| broken(&name, &error))?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            // The end of the entry compares its checksum.
            match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => progress(count as u64),
                Err(error) => return Err(format!("`{name}` is damaged: {error}")),
            }
        }
        self.count(name);
        Ok(())
    }

    fn count(&mut self, name: String) {
        self.files += 1;
        match name.split_once('/') {
            Some((top, _)) => {
                self.tops.insert(top.to_owned());
            }
            None => self.at_top = true,
        }
        if name.contains('\\') {
            self.backslashes.push(name.clone());
        }
        if name.split('/').any(|part| part.is_empty() || part == ".") {
            self.unusual.push(name.clone());
        }
        self.names.insert(name.clone());
        let last = name.rsplit('/').next().unwrap_or_default();
        if name.starts_with("__MACOSX/") || matches!(last, ".DS_Store" | "Thumbs.db") {
            self.rubbish.push(name);
        }
    }

    /// A name that is a file's, and a folder's too.
    fn file_and_folder(&self) -> Option<&str> {
        let above = self.names.iter().flat_map(|name| {
            let slashes = name.match_indices('/');
            slashes.map(|(at, _)| &name[..at])
        });
        let mut folders = above.chain(self.folders.iter().map(String::as_str));
        folders.find(|folder| self.names.contains(*folder))
    }

    fn warnings(&self, path: &Path, targets: &[TargetPlan]) -> Vec<String> {
        let shown = path.display();
        let mut warnings = Vec::new();
        let extracted = targets.iter().find(|target| target.object_key.is_none());
        let Some(target) = extracted else {
            return warnings;
        };
        let mut tops = self.tops.iter();
        if let (Some(top), None, false) = (tops.next(), tops.next(), self.at_top) {
            let folder = match target.path.as_str() {
                "" => String::new(),
                path => format!("{path}/"),
            };
            warnings.push(format!(
                "Everything in `{shown}` is below `{top}/`, so the site lands in \
                 s3://{}/{folder}{top}/. To have it above, push the folder `{top}` itself.",
                target.names.bucket
            ));
        }
        let said = [
            (
                &self.links,
                "a symbolic link, which is deployed as a small file that names its aim.",
            ),
            (&self.backslashes, BACKSLASH),
            (
                &self.unusual,
                "`./` or `//` may become part of the object's key, which no browser asks for.",
            ),
            (
                &self.rubbish,
                "the desktop's own file, which is deployed too.",
            ),
        ];
        warnings.extend((said.iter()).filter_map(|(names, what)| several(path, names, what)));
        warnings
    }
}

/// What is said of a name with a backslash.
pub(super) const BACKSLASH: &str = "a backslash is part of the object's key, and no folder.";

/// What is said of some names, if there are any.
pub(super) fn several(path: &Path, names: &[String], what: &str) -> Option<String> {
    let first = names.first()?;
    let more = match names.len() {
        1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    Some(format!("`{first}`{more} in `{}`: {what}", path.display()))
}

fn broken(name: &str, error: &ZipError) -> String {
    format!("`{name}` cannot be read: {error}")
}

/// Whether a name is an absolute path, or climbs above the folder that it is extracted to.
fn leads_out(name: &str) -> bool {
    let name = name.replace('\\', "/");
    let drive = name.get(1..2) == Some(":") && name.starts_with(|c: char| c.is_ascii_alphabetic());
    name.starts_with('/') || drive || name.split('/').any(|part| part == "..")
}
