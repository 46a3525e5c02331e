//! What CodePipeline takes (AWS CodePipeline, *Quotas in AWS CodePipeline*).

use std::path::Path;

use s3ferry::plan::TargetPlan;

use super::warning::{Code, Names, Warning, quoted};
use crate::cli::Failure;
use crate::cli::output::thousands;

/// Bytes of an artifact whose source is S3.
const ARTIFACT: u64 = 7 * 1024 * 1024 * 1024;
/// Files that an S3 deploy action extracts.
const FILES: u64 = 100_000;
/// Files from which the action's 90 minutes may become short.
const MANY_FILES: u64 = 50_000;
/// Bytes of an object's key (Amazon S3, *Naming Amazon S3 objects*).
const KEY: usize = 1024;

const WAY_OUT: &str = "this is CodePipeline's limit: deploy less, or in several pipelines";

/// Whether CodePipeline takes an artifact of this size.
///
/// # Errors
/// It does not.
pub(super) fn size(path: &Path, size: u64) -> Result<(), Failure> {
    if size <= ARTIFACT {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "`{}` has {} bytes as a zip file, and CodePipeline takes {}",
            path.display(),
            thousands(usize::try_from(size).unwrap_or(usize::MAX)),
            thousands(usize::try_from(ARTIFACT).unwrap_or(usize::MAX)),
        ),
        WAY_OUT,
    ))
}

/// Entries of a zip file that is looked into: more than any site has with its folders.
const ENTRIES: u64 = 250_000;

/// Whether the S3 deploy action takes so many files; gives what the user should know about them.
///
/// # Errors
/// It does not.
pub(super) fn files(
    path: &Path,
    files: u64,
    targets: &[TargetPlan],
) -> Result<Option<Warning>, Failure> {
    let extracted = targets.iter().any(|target| target.object_key.is_none());
    let shown = thousands(usize::try_from(files).unwrap_or(usize::MAX));
    if !extracted || files <= MANY_FILES {
        return Ok(None);
    }
    if files <= FILES {
        let message = format!(
            "{} has {shown} files, and the S3 deploy action has 90 minutes to put them",
            quoted(&path.to_string_lossy())
        );
        let warning = Warning::new(Code::ManyFiles, Names::default(), message, "");
        return Ok(Some(warning));
    }
    Err(too_many(path, &shown))
}

/// Whether a zip file can be looked into with so many entries, as its end says.
///
/// # Errors
/// It has more than can be deployed.
pub(super) fn entries(path: &Path, entries: u64, is_extracted: bool) -> Result<bool, Failure> {
    if entries > ENTRIES && is_extracted {
        let shown = thousands(usize::try_from(entries).unwrap_or(usize::MAX));
        return Err(too_many(path, &shown));
    }
    Ok(entries <= ENTRIES)
}

fn too_many(path: &Path, files: &str) -> Failure {
    Failure::new(
        format!(
            "{} has {files} files, and the S3 deploy action extracts {}",
            quoted(&path.to_string_lossy()),
            thousands(usize::try_from(FILES).unwrap_or(usize::MAX))
        ),
        WAY_OUT,
    )
}

/// Whether a file's name can be an object's key in each target; otherwise why not.
pub(super) fn key_problem(name: &str, targets: &[TargetPlan]) -> Option<String> {
    if let Some(bad) = name.chars().find(|c| c.is_control()) {
        return Some(format!("it has the control character {bad:?}"));
    }
    let prefix = targets
        .iter()
        .filter(|target| target.object_key.is_none() && !target.path.is_empty())
        .map(|target| target.path.len() + 1)
        .max()
        .unwrap_or_default();
    let length = prefix + name.len();
    (length > KEY).then(|| format!("as an object's key it has {length} bytes, and S3 allows {KEY}"))
}
