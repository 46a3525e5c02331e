//! The CodePipeline and S3 quotas that a site can exceed.

use std::path::Path;

use crate::aws::quotas::{DEPLOY_ACTION, DEPLOYED_FILES, OBJECT_KEY, SOURCE_OBJECT, grouped};
use crate::escape::named;
use crate::plan::TargetPlan;

use super::warning::{Code, Names, Warning, quoted};
use crate::cli::Failure;

/// Number of files above which the deploy action may time out.
const MANY_FILES: u64 = DEPLOYED_FILES.value / 2;

const RESTRUCTURE: &str =
    "this quota cannot be increased: make the site smaller, or split it across several pipelines";

/// Checks whether CodePipeline accepts an artifact of this size.
pub(super) fn size(path: &Path, size: u64) -> Result<(), Failure> {
    if size <= SOURCE_OBJECT.value {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "the zip file of `{}` is {} bytes, but the CodePipeline limit is {}",
            path.display(),
            grouped(size),
            grouped(SOURCE_OBJECT.value),
        ),
        RESTRUCTURE,
    ))
}

/// Maximum number of zip entries to check, including folders. No typical site has more.
const ENTRIES: u64 = 250_000;

/// Checks whether the S3 deploy action supports this number of files. Returns a warning if the
/// number is close to the limit.
pub(super) fn files(
    path: &Path,
    files: u64,
    targets: &[TargetPlan],
) -> Result<Option<Warning>, Failure> {
    let extracted = targets.iter().any(|target| target.object_key.is_none());
    let shown = grouped(files);
    if !extracted || files <= MANY_FILES {
        return Ok(None);
    }
    if files <= DEPLOYED_FILES.value {
        let message = format!(
            "{} contains {shown} files, and the S3 deploy action must upload them within {} \
             minutes; you can request a quota increase",
            quoted(&path.to_string_lossy()),
            DEPLOY_ACTION.value
        );
        let warning = Warning::new(Code::ManyFiles, Names::default(), message, "");
        return Ok(Some(warning));
    }
    Err(too_many(path, &shown))
}

/// Returns whether to check the entries of a zip file with this declared number of entries.
pub(super) fn entries(path: &Path, entries: u64, is_extracted: bool) -> Result<bool, Failure> {
    if entries > ENTRIES && is_extracted {
        let shown = grouped(entries);
        return Err(too_many(path, &shown));
    }
    Ok(entries <= ENTRIES)
}

fn too_many(path: &Path, files: &str) -> Failure {
    Failure::new(
        format!(
            "{} contains {files} files, but the S3 deploy action extracts at most {}",
            quoted(&path.to_string_lossy()),
            grouped(DEPLOYED_FILES.value)
        ),
        RESTRUCTURE,
    )
}

/// Returns the reason why a file name is not a valid object key in at least one target, or `None`
/// if it is valid in all targets.
pub(super) fn key_problem(name: &str, targets: &[TargetPlan]) -> Option<String> {
    if let Some(bad) = name.chars().find(|c| c.is_control()) {
        return Some(format!("it contains {}", named(bad)));
    }
    let prefix = targets
        .iter()
        .filter(|target| target.object_key.is_none() && !target.path.is_empty())
        .map(|target| target.path.len() + 1)
        .max()
        .unwrap_or_default();
    let length = prefix + name.len();
    (length > OBJECT_KEY.length()).then(|| {
        format!(
            "its object key is {length} bytes long, but the S3 limit is {}",
            OBJECT_KEY.value
        )
    })
}
