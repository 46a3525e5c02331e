//! A zip file that the user made: whether it can be read, whole, and where its files would land.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
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

fn total(archive: &mut Archive<'_>) -> u64 {
    (0..archive.len())
        .filter_map(|index| archive.by_index_raw(index).ok().map(|entry| entry.size()))
        .fold(0, u64::saturating_add)
}

/// What is in a zip file.
#[derive(Default)]
struct Found {
    files: u64,
    /// First parts of the names, and whether a file stands there itself.
    tops: BTreeSet<String>,
    at_top: bool,
    links: Vec<String>,
    backslashes: Vec<String>,
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
        let Ok(name) = raw.name().map(|name| name.into_owned()) else {
            return Err(format!("the name of entry {} is no text", index + 1));
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
        let last = name.rsplit('/').next().unwrap_or_default();
        if name.starts_with("__MACOSX/") || matches!(last, ".DS_Store" | "Thumbs.db") {
            self.rubbish.push(name);
        }
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
        let mut several = |names: &[String], what: &str| {
            if let Some(first) = names.first() {
                let more = match names.len() {
                    1 => String::new(),
                    more => format!(" and {} more", more - 1),
                };
                warnings.push(format!("`{first}`{more} in `{shown}`: {what}"));
            }
        };
        several(
            &self.links,
            "a symbolic link, which is deployed as a small file that names its aim.",
        );
        several(
            &self.backslashes,
            "a backslash is part of the object's key, and no folder.",
        );
        several(
            &self.rubbish,
            "the desktop's own file, which is deployed too.",
        );
        warnings
    }
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
