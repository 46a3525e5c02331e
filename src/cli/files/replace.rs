//! Atomic writes of several regular files.
//!
//! The content is written to temporary files in the same folder. They are renamed when all are
//! complete. Meanwhile, the folders are locked, so two runs never leave a mix of their files. The
//! lock is on the folder itself (`flock`): there is no lock file, and the system releases the lock
//! if a process is killed. A temporary file in a folder that was just locked is therefore left over
//! from a killed run, and is removed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::{Failure, reason};

/// The prefix and suffix of temporary files. Six random letters and digits come between them.
const TEMPORARY: (&str, &str) = (".s3ferry-", ".tmp");

/// The maximum time to wait for the lock. A run holds the lock only while it writes.
const WAIT: Duration = Duration::from_secs(30);

/// The maximum number of symbolic links to follow. A path with more links is treated as a loop.
const MOST_LINKS: usize = 40;

/// Replaces or creates a file.
///
/// # Errors
/// Returns an error if the folder or the file cannot be written. In this case, nothing changes.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Writer::lock(&[path.to_path_buf()])?.replace(&[(path, text.as_bytes())])
}

/// Returns the folder of a path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Follows symbolic links, so that the target is replaced instead of the link. The target does not
/// have to exist.
///
/// # Errors
/// Returns an error if the links form a loop.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Failure> {
    let mut found = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&found) {
            Ok(target) if !is_descriptor(&found) => {
                found = found.parent().unwrap_or(Path::new("")).join(target);
            }
            // The path is not a link, or it does not exist.
            _ => return Ok(found),
        }
    }
    Err(Failure::new(
        format!(
            "`{}` is a symbolic link that points to itself",
            path.display()
        ),
        "remove the link",
    ))
}

/// Returns whether a path names an open file of a process, such as `/dev/fd/1`. It looks like a
/// link, but its target does not always have a path.
pub(super) fn is_descriptor(path: &Path) -> bool {
    fs::canonicalize(folder_of(path)).is_ok_and(|folder| {
        folder == Path::new("/dev/fd") || folder.starts_with("/proc") && folder.ends_with("fd")
    })
}

/// The locked folders of some files. No other run writes to them.
pub(crate) struct Writer {
    /// The open, locked folders.
    _locks: Vec<File>,
}

impl Writer {
    /// Creates missing folders, waits until no other run writes to them, and removes temporary
    /// files of killed runs.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be created or another run holds the lock for too long.
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
                    "create the folder or remove the link",
                ));
            }
            let folder = fs::canonicalize(folder).map_err(|error| cannot_write(file, &error))?;
            folders.push(folder);
        }
        // All runs lock in the same order to avoid a deadlock.
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

    /// Replaces or creates files. An existing file keeps its mode, and its owner if the system
    /// allows that.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
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

/// Writes a temporary file that is ready to be renamed.
fn stage(real: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let existing = match fs::metadata(real) {
        Ok(data) if data.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(data) if !data.is_file() => {
            return Err(io::Error::other(NotRegular));
        }
        Ok(data) => {
            // A rename does not need permission for the file itself, but users do not expect a
            // write-protected file to be replaced.
            OpenOptions::new().write(true).open(real)?;
            Some(data)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    // Temporary files are private by default, but files under version control should not be.
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

/// The error for a path that is neither a file nor a folder.
#[derive(Debug, thiserror::Error)]
#[error("it is not a regular file")]
struct NotRegular;

/// Sets the mode and the owner of a new file to those of the replaced file.
#[cfg(unix)]
fn keep(existing: &Metadata, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (existing.uid(), existing.gid()) {
        // Only root can change the owner. A file that another user writes belongs to that user.
        let _ = fchown(file, Some(existing.uid()), Some(existing.gid()));
    }
    file.set_permissions(fs::Permissions::from_mode(existing.mode() & 0o777))
}

#[cfg(not(unix))]
fn keep(_: &Metadata, _: &File) -> io::Result<()> {
    Ok(())
}

/// Locks a folder. Returns `None` if the file system does not support the lock.
///
/// # Errors
/// Returns an error if another run holds the lock for too long.
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
                        "another s3ferry process has been writing to `{}` for more than {} seconds",
                        folder.display(),
                        WAIT.as_secs()
                    ),
                    "wait for it to finish, or stop it",
                ));
            }
            // Some network file systems cannot lock folders.
            Err(_) => return Ok(None),
        }
    }
}

#[cfg(not(unix))]
fn lock(_: &Path) -> Result<Option<File>, Failure> {
    Ok(None)
}

/// Removes the temporary files in a locked folder. A file that cannot be removed does no harm.
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

/// Returns whether s3ferry gives this name to temporary files. The first version used no suffix. A
/// name such as `.s3ferry-backup` belongs to the user.
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

/// Returns the failure for a file that cannot be written.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let folder = folder_of(path).display();
    let (why, help) = match error.kind() {
        ErrorKind::IsADirectory => ("it is a folder".to_owned(), "specify a file".to_owned()),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => (
            format!("`{folder}` is not a folder"),
            "choose another folder".to_owned(),
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => (
            reason(error),
            format!("check the permissions of the file and of the folder `{folder}`"),
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (reason(error), "free up disk space".to_owned())
        }
        _ => match error
            .get_ref()
            .is_some_and(|inner| inner.is::<NotRegular>())
        {
            true => (NotRegular.to_string(), "move the file".to_owned()),
            false => (reason(error), format!("check the folder `{folder}`")),
        },
    };
    Failure::new(format!("cannot write `{}`: {why}", path.display()), help)
}
