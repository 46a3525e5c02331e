//! Creates a reproducible zip file from a folder: the same files always produce the same bytes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::escape::shown;
use crate::plan::TargetPlan;
use zip::ZipWriter;

use super::content::Text;
use super::inspected::{Inspected, cannot_read};
use super::limits;
use super::site::Site;
use super::warning::quoted;
use crate::cli::Failure;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::zip_file::entry_options;

/// Maximum number of hidden files listed.
const NAMED: usize = 3;

/// A file in the folder.
struct Entry {
    /// Name in the zip file, with `/` as the separator.
    name: String,
    path: PathBuf,
    size: u64,
}

struct Walk<'w> {
    root: PathBuf,
    shown: &'w Path,
    take_hidden: bool,
    entries: Vec<Entry>,
    hidden: Vec<String>,
}

/// Creates a zip file from a folder. Returns the zip file and the inspection results.
pub(super) fn make(
    folder: &Path,
    take_hidden: bool,
    targets: &[TargetPlan],
    screen: &Screen<'_>,
) -> Result<(File, Inspected), Failure> {
    let root = folder.canonicalize();
    let mut walk = Walk {
        root: root.map_err(|error| cannot_read(folder, &error))?,
        shown: folder,
        take_hidden,
        entries: Vec::new(),
        hidden: Vec::new(),
    };
    let root = walk.root.clone();
    walk.folder(&root, "")?;
    let Walk {
        mut entries,
        hidden,
        ..
    } = walk;
    say_hidden(screen, &hidden);
    if entries.is_empty() {
        return Err(Failure::new(
            format!("no files to deploy in `{}`", folder.display()),
            if hidden.is_empty() {
                "specify the folder that contains the built site"
            } else {
                "to include hidden files, use --hidden"
            },
        ));
    }
    entries.sort_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
    let mut site = Site::new(folder, targets);
    for entry in &entries {
        site.file(&entry.name, false)
            .map_err(|problem| Failure::new(problem, "rename the file"))?;
    }
    if let Some(problem) = site.conflict() {
        return Err(Failure::new(problem, "rename one of them"));
    }
    let files = site.files();
    let note = limits::files(folder, files, targets)?;
    let total = entries.iter().map(|entry| entry.size).sum();
    let bar = screen.bytes("Zipping", total);
    let file = tempfile::tempfile().map_err(|error| cannot_write(&error))?;
    let file = write(file, &entries, &mut site, &|bytes| bar.inc(bytes));
    drop(bar);
    let mut warnings = site.warnings();
    warnings.extend(note);
    Ok((file?, Inspected { files, warnings }))
}

/// Writes the entries in order.
fn write(
    file: File,
    entries: &[Entry],
    site: &mut Site<'_>,
    progress: &dyn Fn(u64),
) -> Result<File, Failure> {
    let mut zip = ZipWriter::new(file);
    let mut buffer = vec![0; 1 << 18];
    for entry in entries {
        let mut source =
            File::open(&entry.path).map_err(|error| cannot_read(&entry.path, &error))?;
        zip.start_file(entry.name.as_str(), entry_options(entry.size))
            .map_err(|error| cannot_write(&error))?;
        let mut text = Text::of(&entry.name);
        loop {
            let count = source
                .read(&mut buffer)
                .map_err(|error| cannot_read(&entry.path, &error))?;
            if count == 0 {
                break;
            }
            zip.write_all(&buffer[..count])
                .map_err(|error| cannot_write(&error))?;
            if let Some(text) = &mut text {
                text.read(&buffer[..count]);
            }
            progress(count as u64);
        }
        if let Some(text) = &text {
            site.text(&entry.name, text);
        }
    }
    zip.finish().map_err(|error| cannot_write(&error))
}

fn cannot_write(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        format!("cannot write the zip file: {error}"),
        "make sure that the temporary directory (TMPDIR) exists, is writable, and has free space",
    )
}

fn say_hidden(screen: &Screen<'_>, hidden: &[String]) {
    if hidden.is_empty() {
        return;
    }
    let mut named = hidden
        .iter()
        .take(NAMED)
        .map(|name| shown(name).into_owned())
        .collect::<Vec<_>>()
        .join(", ");
    if hidden.len() > NAMED {
        named.push_str(&format!(" and {} more", hidden.len() - NAMED));
    }
    screen.says(format!(
        "Skipped hidden files: {named}. To include them, use --hidden."
    ));
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        let listing = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let listing = listing.map_err(|error| cannot_read(folder, &error))?;
        for found in listing {
            let name = self.name(&found.file_name(), prefix)?;
            if !self.take_hidden && found.file_name().as_encoded_bytes().starts_with(b".") {
                self.hidden.push(name);
                continue;
            }
            let kind = found
                .file_type()
                .map_err(|error| cannot_read(&found.path(), &error))?;
            if kind.is_dir() {
                self.folder(&found.path(), &format!("{name}/"))?;
            } else {
                let path = if kind.is_symlink() {
                    self.link(&found.path(), &name)?
                } else {
                    found.path()
                };
                self.file(path, name)?;
            }
        }
        self.hidden.sort();
        Ok(())
    }

    fn file(&mut self, path: PathBuf, name: String) -> Result<(), Failure> {
        let data = fs::metadata(&path).map_err(|error| cannot_read(&path, &error))?;
        if !data.is_file() {
            return Err(Failure::new(
                format!("{} is neither a file nor a folder", quoted(&name)),
                "remove it from the folder",
            ));
        }
        self.entries.push(Entry {
            size: data.len(),
            path,
            name,
        });
        Ok(())
    }

    fn name(&self, name: &OsStr, prefix: &str) -> Result<String, Failure> {
        let Some(text) = name.to_str() else {
            return Err(Failure::new(
                format!(
                    "a file name in `{}` is not valid UTF-8: {}",
                    self.shown.display(),
                    quoted(&format!("{prefix}{}", name.to_string_lossy()))
                ),
                "rename the file: S3 object keys must be UTF-8",
            ));
        };
        Ok(format!("{prefix}{text}"))
    }

    /// Resolves a symbolic link to a file. A bucket cannot contain links, so the content of the
    /// file is included. A link must not point outside the folder, because the site may be public.
    fn link(&self, path: &Path, name: &str) -> Result<PathBuf, Failure> {
        let refused = |why: &str| {
            Failure::new(
                format!("{} is a symbolic link {why}", quoted(name)),
                "replace it with a copy of the file, or remove it from the folder",
            )
        };
        let Ok(found) = path.canonicalize() else {
            return Err(refused("with a missing target"));
        };
        if !found.starts_with(&self.root) {
            return Err(refused("to a file outside the folder"));
        }
        if found.is_dir() {
            return Err(refused("to a folder"));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(&path, "x".repeat(100_000)).expect("written");
        let entries = |size| {
            [Entry {
                name: "a".to_owned(),
                path: path.clone(),
                size,
            }]
        };
        let bytes = || {
            let mut file = write(
                tempfile::tempfile().expect("a file"),
                &entries(100_000),
                &mut Site::new(folder.path(), &[]),
                &|_| {},
            )
            .expect("written");
            super::super::inspected::digest(&mut file).expect("read")
        };
        let first = bytes();
        filetime(&path);
        assert_eq!(first, bytes());
    }

    fn filetime(path: &Path) {
        let file = File::options().append(true).open(path).expect("open");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000))
            .expect("set");
    }
}
