//! Checks before a deployment: refuses unavailable bucket names and templates that were not
//! reviewed.

use std::path::Path;

use crate::checked::{Synthesis, SynthesizedFile};
use crate::deploy::StackStep;
use crate::diagnostic::Source;
use crate::plan::Plan;

use crate::cli::project::example_bucket;
use crate::cli::{Failure, Global, files, shell};

/// Refuses to create buckets whose names come from the example.
pub(crate) fn example_buckets(plan: &Plan) -> Result<(), Failure> {
    let found = example_bucket(plan);
    match found {
        None => Ok(()),
        Some(bucket) => Err(Failure::new(
            format!(
                "`{}` is a bucket name from the example, and bucket names are globally unique",
                bucket.name
            ),
            "choose other bucket names in the configuration, or run `s3ferry init` to generate \
             unique names",
        )),
    }
}

/// Returns the first checked-in file that does not match the configuration.
pub(crate) fn first_stale<'s>(out: &Path, synthesis: &'s Synthesis) -> Option<&'s Source> {
    let is_stale = |one: &&SynthesizedFile| {
        files::bytes_if_any(&out.join(&one.path), "file")
            .is_ok_and(|found| found.is_some_and(|found| found != one.file.text().as_bytes()))
    };
    let first = synthesis.files.iter().find(is_stale);
    first.map(|one| one.file.source())
}

/// Refuses to deploy templates that differ from the checked-in files.
pub(crate) fn stale_templates(
    global: &Global,
    out: &Path,
    synthesis: &Synthesis,
) -> Result<(), Failure> {
    let synth = |words: &[&str]| {
        let folder = out.to_string_lossy();
        let mut all = vec!["synth"];
        if folder != "stacks" {
            all.extend(["--out", &*folder]);
        }
        all.extend(words);
        shell::command(global, &all)
    };
    match first_stale(out, synthesis) {
        None => Ok(()),
        Some(file) => Err(Failure::finding(
            format!("`{}` does not match the configuration", file.name()),
            format!(
                "run `{}` to see the difference or `{}` to update the file; s3ferry deploys only \
                 templates that match the checked-in files",
                synth(&["--check"]),
                synth(&[])
            ),
        )),
    }
}

/// Refuses `--retain-stacks` if no stack set is selected. The option would have no effect, and the
/// user would lose the stacks.
pub(crate) fn idle_retain_stacks<'s>(
    mut steps: impl Iterator<Item = &'s StackStep>,
) -> Result<(), Failure> {
    if steps.any(|step| step.stack_set) {
        return Ok(());
    }
    Err(Failure::new(
        "--retain-stacks applies only to stack sets, and no stack set is selected",
        "remove the option, or select the profile of a target with `stack_set:`",
    ))
}
