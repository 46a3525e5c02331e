//! The quotas of CodePipeline and S3 that a site can exceed.

use std::path::Path;

use crate::aws::quotas::{DEPLOY_ACTION, DEPLOYED_FILES, OBJECT_KEY, SOURCE_OBJECT, grouped};
use crate::escape::named;
use crate::plan::TargetPlan;

use super::warning::{Code, Names, Warning, quoted};
use crate::cli::Failure;

/// Files from which the deploy action's time may become short.
const MANY_FILES: u64 = DEPLOYED_FILES.value / 2;

const RESTRUCTURE: &str =
    "AWS does not raise this quota: deploy less, or split the site over several pipelines";

/// Whether CodePipeline takes an artifact of this size.
pub(super) fn size(path: &Path, size: u64) -> Result<(), Failure> {
    if size <= SOURCE_OBJECT.value {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "`{}` has {} bytes as a zip file, and CodePipeline takes {}",
            path.display(),
            grouped(size),
            grouped(SOURCE_OBJECT.value),
        ),
        RESTRUCTURE,
    ))
}

/// Entries of a zip file that is looked into: more than any site has with its folders.
const ENTRIES: u64 = 250_000;

/// Whether the S3 deploy action takes so many files; gives what the user should know about them.
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
            "{} has {shown} files, and the S3 deploy action has {} minutes to put them; AWS raises \
             this quota on request",
            quoted(&path.to_string_lossy()),
            DEPLOY_ACTION.value
        );
        let warning = Warning::new(Code::ManyFiles, Names::default(), message, "");
        return Ok(Some(warning));
    }
    Err(too_many(path, &shown))
}

/// Whether a zip file can be looked into with so many entries, as its end says.
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
            "{} has {files} files, and the S3 deploy action extracts {}",
            quoted(&path.to_string_lossy()),
            grouped(DEPLOYED_FILES.value)
        ),
        RESTRUCTURE,
    )
}

/// Whether a file's name can be an object's key in each target; otherwise why not.
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
            "as an object's key it has {length} bytes, and S3 allows {}",
            OBJECT_KEY.value
        )
    })
}
