//! Writing regular files: all of them, each as a whole, or none.
//!
//! The content is written to temporary files beside the files to replace, and renamed when all
//! are complete. While that happens, their folders are locked, so that two runs cannot leave a
//! mix of their files. The lock is on the folder itself (`flock`): there is no lock file, and the
//! system releases the lock of a process that is killed. A temporary file that exists when a
//! folder is locked is therefore a leftover of a killed run, and is removed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::{Failure, reason};

/// The names of temporary files: six random letters and digits are between these.
const TEMPORARY: (&str, &str) = (".s3ferry-", ".tmp");

/// How long another run may hold the lock; it holds it while it writes, not while it computes.
const WAIT: Duration = Duration::from_secs(30);

/// A path with more symbolic links leads back to itself.
const MOST_LINKS: usize = 40;

/// Replaces one file, or creates it.
///
/// # Errors
/// The folder or the file cannot be written; then nothing has changed.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Writer::lock(&[path.to_path_buf()])?.replace(&[(path, text.as_bytes())])
}

/// The folder that a path is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Follows symbolic links, so that a link stays a link and its target is replaced. The last one
/// may lead to a file that does not exist.
///
/// # Errors
/// The links lead back to themselves, or a link cannot be read.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Failure> {
    let mut found = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&found) {
            Ok(target) if !is_descriptor(&found) => {
                found = found.parent().unwrap_or(Path::new("")).join(target);
            }
            // It is no link, or does not exist.
            _ => return Ok(found),
        }
    }
    Err(Failure::new(
        format!(
            "`{}` is a symbolic link that leads back to itself",
            path.display()
        ),
        "remove the link",
    ))
}

/// Whether a path names an open file of a process, as `/dev/fd/1` does. It looks like a link, and
/// what it leads to may have no path.
pub(super) fn is_descriptor(path: &Path) -> bool {
    fs::canonicalize(folder_of(path)).is_ok_and(|folder| {
        folder == Path::new("/dev/fd") || folder.starts_with("/proc") && folder.ends_with("fd")
    })
}

/// The right to write to the folders of some files. No other run writes to them meanwhile.
pub(crate) struct Writer {
    /// Open and locked folders.
    _locks: Vec<File>,
}

impl Writer {
    /// Creates the folders of the files where they are missing, waits until no other run writes
    /// to them, and removes what killed runs left behind.
    ///
    /// # Errors
    /// A folder cannot be created, or another run does not end.
    pub(crate) fn lock(files: &[PathBuf]) -> Result<Self, Failure> {
        let mut folders = Vec::new();
        for file in files {
            let real = resolve(file)?;
            let folder = folder_of(&real);
            if real == *file {
                fs::create_dir_all(folder).map_err(|error| cannot_write(file, &error))?;
            } else if !folder.is_dir() {
                return Err(Failure::new(
                    format!(
                        "cannot write `{}`: it is a symbolic link into the folder `{}`, which does \
                         not exist",
                        file.display(),
                        folder.display()
                    ),
                    "create the folder, or remove the link",
                ));
            }
            let folder = fs::canonicalize(folder).map_err(|error| cannot_write(file, &error))?;
            folders.push(folder);
        }
        // All runs lock in the same order, so that none waits for another one that waits for it.
        folders.sort();
        folders.dedup();
        let mut locks = Vec::new();
        for folder in &folders {
            if let Some(lock) = lock(folder)? {
                remove_leftovers(folder);
                locks.push(lock);
            }
        }
        Ok(Self { _locks: locks })
    }

    /// Replaces files, or creates them. An existing file keeps its mode, and its owner where
    /// the system allows that.
    ///
    /// # Errors
    /// A file cannot be written; then nothing has changed.
    pub(crate) fn replace(&self, files: &[(&Path, &[u8])]) -> Result<(), Failure> {
        let mut staged = Vec::new();
        for (path, bytes) in files {
            let real = resolve(path)?;
            let file = stage(&real, bytes).map_err(|error| cannot_write(path, &error))?;
            staged.push((path, real, file));
        }
        for (path, real, file) in staged {
            file.persist(real)
                .map_err(|error| cannot_write(path, &error.error))?;
        }
        Ok(())
    }
}

/// A temporary file that is ready to be renamed.
fn stage(real: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let existing = match fs::metadata(real) {
        Ok(data) if data.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(data) if !data.is_file() => {
            return Err(io::Error::other(NotRegular));
        }
        Ok(data) => {
            // A rename needs no permission for the file itself, and a user who protects a file
            // expects that it is protected.
            OpenOptions::new().write(true).open(real)?;
            Some(data)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    // Temporary files are private by default; what is checked in should not be.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder_of(real))?;
    file.write_all(bytes)?;
    if let Some(existing) = existing {
        keep(&existing, file.as_file())?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// What is neither a file nor a folder.
#[derive(Debug, thiserror::Error)]
#[error("it is not a regular file")]
struct NotRegular;

/// Gives a new file the mode and the owner of the one that it replaces.
#[cfg(unix)]
fn keep(existing: &Metadata, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (existing.uid(), existing.gid()) {
        // Only root may give files away; for everybody else the new file is their own.
        let _ = fchown(file, Some(existing.uid()), Some(existing.gid()));
    }
    file.set_permissions(fs::Permissions::from_mode(existing.mode() & 0o777))
}

#[cfg(not(unix))]
fn keep(_: &Metadata, _: &File) -> io::Result<()> {
    Ok(())
}

/// Locks a folder; `None` where the system or the file system has no such locks.
///
/// # Errors
/// Another run holds the lock for too long.
#[cfg(unix)]
fn lock(folder: &Path) -> Result<Option<File>, Failure> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;
    let Ok(file) = File::open(folder) else {
        return Ok(None);
    };
    let start = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(Errno::WOULDBLOCK | Errno::INTR) if start.elapsed() < WAIT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => {
                return Err(Failure::new(
                    format!(
                        "another run of s3ferry is writing to `{}` for more than {} seconds",
                        folder.display(),
                        WAIT.as_secs()
                    ),
                    "wait for it to end, or stop it",
                ));
            }
            // Some network file systems do not lock folders.
            Err(_) => return Ok(None),
        }
    }
}

#[cfg(not(unix))]
fn lock(_: &Path) -> Result<Option<File>, Failure> {
    Ok(None)
}

/// Removes the temporary files in a locked folder. One that cannot be removed does no harm.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(is_temporary)
            && entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a name is one that this program gives to temporary files. The first version gave them
/// no ending; `.s3ferry-backup` is somebody else's.
fn is_temporary(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(TEMPORARY.0) else {
        return false;
    };
    let random = rest.strip_suffix(TEMPORARY.1);
    let is_random = |text: &str| text.len() == 6 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    match random {
        Some(random) => is_random(random),
        None => is_random(rest) && rest.bytes().any(|byte| !byte.is_ascii_lowercase()),
    }
}

/// Why a file cannot be written.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let folder = folder_of(path).display();
    let (why, help) = match error.kind() {
        ErrorKind::IsADirectory => ("it is a folder".to_owned(), "name a file".to_owned()),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => (
            format!("`{folder}` is not a folder"),
            "choose another folder".to_owned(),
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => (
            reason(error),
            format!("check the permissions of the file and of the folder `{folder}`"),
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (reason(error), "free some space".to_owned())
        }
        _ => match error
            .get_ref()
            .is_some_and(|inner| inner.is::<NotRegular>())
        {
            true => (NotRegular.to_string(), "move it away".to_owned()),
            false => (reason(error), format!("check the folder `{folder}`")),
        },
    };
    Failure::new(format!("cannot write `{}`: {why}", path.display()), help)
}
