//! The search for the configuration: the file from `--config`, `s3ferry.yaml`, or the built-in
//! example.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::diagnostic::may_be_name;

use super::files::{folder_of, reason};
use super::{Failure, Global, shell};

/// The default configuration file.
pub(crate) const DEFAULT_CONFIG: &str = "s3ferry.yaml";

/// The option of commands that do not need the user's accounts.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct ExampleOption {
    /// Use the built-in example configuration instead of a file
    #[arg(long, help_heading = "Input")]
    pub(crate) example: bool,
}

impl ExampleOption {
    /// Returns the words of a command that uses the same configuration.
    pub(crate) fn words(self, command: &str) -> Vec<&str> {
        match self.example {
            true => vec![command, "--example"],
            false => vec![command],
        }
    }
}

/// The result of the search.
pub(crate) enum Located {
    File(PathBuf),
    /// There is no configuration. The failure explains why.
    Missing(Failure),
}

/// Searches for the configuration.
///
/// # Errors
/// Returns an error if the `--config` file does not exist but a similar name does, or if
/// `s3ferry.yaml` is a broken symbolic link.
pub(crate) fn locate(global: &Global, has_example: bool) -> Result<Located, Failure> {
    if let Some(path) = &global.config {
        return match near_misses(path).as_slice() {
            [] => Ok(Located::File(path.clone())),
            found => Err(not_found(path, found)),
        };
    }
    let path = PathBuf::from(DEFAULT_CONFIG);
    match path.metadata() {
        Ok(_) => Ok(Located::File(path)),
        Err(error) if path.is_symlink() => Err(broken_link(&path, &error)),
        // Other errors are reported when the file is read.
        Err(error) if error.kind() != ErrorKind::NotFound => Ok(Located::File(path)),
        Err(_) => Ok(Located::Missing(missing(has_example))),
    }
}

fn broken_link(path: &Path, error: &std::io::Error) -> Failure {
    let shown = path.display();
    let (message, help) = match (error.kind(), path.read_link()) {
        (ErrorKind::NotFound, Ok(target)) => (
            format!(
                "`{shown}` is a symbolic link to `{}`, which does not exist",
                target.display()
            ),
            "restore the file or remove the link",
        ),
        (ErrorKind::PermissionDenied, Ok(target)) => (
            format!(
                "`{shown}` is a symbolic link to `{}`: {}",
                target.display(),
                reason(error)
            ),
            "check the permissions of the file and its folder",
        ),
        _ => (
            format!("`{shown}` is a symbolic link that points to itself"),
            "remove the link",
        ),
    };
    Failure::new(message, help)
}

/// Returns the failure for a missing configuration. It lists files with similar names.
fn missing(has_example: bool) -> Failure {
    let default = Path::new(DEFAULT_CONFIG);
    let nearby = near_misses(default);
    if !nearby.is_empty() {
        return not_found(default, &nearby);
    }
    if let Some(path) = in_parent() {
        let shown = path.display().to_string();
        return Failure::new(
            format!("{DEFAULT_CONFIG} not found in this folder (found `{shown}`)"),
            format!(
                "run the command in that folder, or use --config {}",
                shell::word(&shown)
            ),
        );
    }
    let example = match has_example {
        true => ", or --example for the built-in example",
        false => "",
    };
    Failure::new(
        format!("{DEFAULT_CONFIG} not found in this folder"),
        format!("run `s3ferry init` to create one, or specify one with --config FILE{example}"),
    )
}

fn not_found(path: &Path, nearby: &[PathBuf]) -> Failure {
    let shown = path.display();
    let list: Vec<String> = (nearby.iter())
        .map(|path| format!("`{}`", path.display()))
        .collect();
    let first = nearby.first().map(|path| path.to_string_lossy());
    Failure::new(
        format!("{shown} not found (found {})", list.join(" and ")),
        format!(
            "rename it to {shown}, or use --config {}",
            shell::word(&first.unwrap_or_default())
        ),
    )
}

/// Returns the files with a name similar to that of a missing file: for `s3ferry.yaml`, for
/// example, `s3ferry.yml`, `S3ferry.yaml`, `s3ferry.yaml.txt`, and `s3fery.yaml`.
fn near_misses(path: &Path) -> Vec<PathBuf> {
    let is_missing = path
        .symlink_metadata()
        .is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let (true, Some(wanted)) = (is_missing, path.file_name()) else {
        return Vec::new();
    };
    let wanted = wanted.to_string_lossy().to_lowercase();
    let stem = wanted.split('.').next().unwrap_or_default();
    let is_near = |name: &str| {
        let name = name.to_lowercase();
        let bare = name.trim_start_matches('.');
        let is_yaml = bare.contains(".yaml") || bare.contains(".yml");
        is_yaml && !stem.is_empty() && bare.starts_with(stem)
            || may_be_name(&name) && strsim::damerau_levenshtein(&name, &wanted) <= 2
    };
    let entries = std::fs::read_dir(folder_of(path))
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_near))
        .map(|entry| match path.parent() {
            Some(folder) => folder.join(entry.file_name()),
            None => PathBuf::from(entry.file_name()),
        })
        .filter(|path| !path.is_dir())
        .collect();
    found.sort();
    found.truncate(3);
    found
}

/// Returns the configuration of a parent folder.
fn in_parent() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let mut up = PathBuf::new();
    for folder in here.ancestors().skip(1) {
        up.push("..");
        if folder.join(DEFAULT_CONFIG).is_file() {
            return Some(up.join(DEFAULT_CONFIG));
        }
    }
    None
}
