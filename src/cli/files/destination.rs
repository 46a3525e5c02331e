//! The destinations of `--out`: standard output, a stream, or a regular file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::is_input;
use super::replace::{Writer, cannot_write, folder_of, is_descriptor, resolve};
use crate::cli::Failure;

/// The kind of destination that a path for `--out` names.
enum Destination {
    /// `-`, or the device of standard output.
    Stdout,
    /// A FIFO, a character device, or a socket, which is opened for writing.
    Stream,
    /// Another open file of this process, such as `/dev/fd/3`. Output is appended to it.
    Descriptor,
    /// A new file, or a regular file, which is replaced atomically.
    File,
}

/// Returns whether a path for `--out` names standard output: `-` or `/dev/stdout`.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
        || resolve(path)
            .is_ok_and(|real| real.file_name().is_some_and(|name| name == "1") && is_own(&real))
}

/// Returns whether writing to a path for `--out` replaces an existing file, or the target of a
/// symbolic link.
pub(crate) fn is_replaced(path: &Path) -> bool {
    matches!(destination(path), Ok(Destination::File)) && path.symlink_metadata().is_ok()
}

/// Writes to the destination of `--out`. Returns whether to report the path: `false` for standard
/// output.
///
/// # Errors
/// Returns an error if the path is a folder, is an input of the command, or cannot be written. In
/// this case, the file does not change.
pub(crate) fn put(path: &Path, content: impl AsRef<[u8]>) -> Result<bool, Failure> {
    let bytes = content.as_ref();
    let written = match destination(path)? {
        Destination::Stdout => {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Destination::Stream => stream(path, OpenOptions::new().write(true), bytes),
        Destination::Descriptor => stream(path, OpenOptions::new().append(true), bytes),
        Destination::File if is_input(path) => {
            return Err(Failure::new(
                format!(
                    "cannot write `{}`: the command reads this file",
                    path.display()
                ),
                "specify another file with --out",
            ));
        }
        Destination::File => {
            Writer::lock(&[path.to_path_buf()])?.replace(&[(path, bytes)])?;
            return Ok(true);
        }
    };
    match written {
        // A closed pipe is not an error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let shown = if is_stdout(path) {
                Path::new("standard output")
            } else {
                path
            };
            Err(cannot_write(shown, &error))
        }
        _ => Ok(!is_stdout(path)),
    }
}

fn stream(path: &Path, options: &OpenOptions, bytes: &[u8]) -> io::Result<()> {
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.flush()
}

fn destination(path: &Path) -> Result<Destination, Failure> {
    if is_stdout(path) {
        return Ok(Destination::Stdout);
    }
    let real = resolve(path)?;
    let refuse = |what: &str| {
        let link = if real == path {
            ""
        } else {
            "a symbolic link to "
        };
        Failure::new(
            format!("cannot write `{}`: it is {link}{what}", path.display()),
            "specify a file, or use `-` for standard output",
        )
    };
    match fs::metadata(&real) {
        Err(_) => Ok(Destination::File),
        Ok(data) if data.is_dir() => Err(refuse("a folder")),
        Ok(data) if data.is_file() => Ok(if is_descriptor(&real) {
            Destination::Descriptor
        } else {
            Destination::File
        }),
        Ok(data) if is_block_device(&data) => Err(refuse("a block device")),
        Ok(_) => Ok(Destination::Stream),
    }
}

/// Returns whether a path names an open file of this process.
fn is_own(path: &Path) -> bool {
    let own: PathBuf = ["/proc", &std::process::id().to_string(), "fd"]
        .iter()
        .collect();
    fs::canonicalize(folder_of(path))
        .is_ok_and(|folder| folder == own || folder == Path::new("/dev/fd"))
}

#[cfg(unix)]
fn is_block_device(data: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    data.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_block_device(_: &fs::Metadata) -> bool {
    false
}
