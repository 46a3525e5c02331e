//! What is not deployed: names that cannot be had, and templates that nobody has reviewed.

use std::path::Path;

use crate::checked::{Synthesis, SynthesizedFile};
use crate::deploy::StackStep;
use crate::diagnostic::Source;
use crate::plan::Plan;

use crate::cli::{Failure, Global, files, shell};

/// Bucket names of AWS's example. Names are taken worldwide, and these are.
const EXAMPLE_BUCKETS: [&str; 3] = [
    "codepipeline-input-bucket",
    "codepipeline-us-east-1-0123456789",
    "codepipeline-output-bucket",
];

/// Refuses the example's bucket names, for buckets that would be made.
pub(crate) fn example_buckets(plan: &Plan) -> Result<(), Failure> {
    let dev = [&plan.dev.source_bucket, &plan.dev.artifact_bucket];
    let targets = plan.instances().map(|(_, instance)| &instance.bucket);
    let found = dev
        .into_iter()
        .chain(targets)
        .find(|bucket| bucket.create && EXAMPLE_BUCKETS.contains(&bucket.name.as_str()));
    match found {
        None => Ok(()),
        Some(bucket) => Err(Failure::new(
            format!(
                "`{}` is the name of the example's bucket, and bucket names are taken worldwide",
                bucket.name
            ),
            "name buckets of your own in the configuration; `s3ferry init` writes one with \
             unique names",
        )),
    }
}

/// The first checked-in file that is not what the configuration makes.
pub(crate) fn first_stale<'s>(out: &Path, synthesis: &'s Synthesis) -> Option<&'s Source> {
    let is_stale = |one: &&SynthesizedFile| {
        files::bytes_if_any(&out.join(&one.path), "file")
            .is_ok_and(|found| found.is_some_and(|found| found != one.file.text().as_bytes()))
    };
    let first = synthesis.files.iter().find(is_stale);
    first.map(|one| one.file.source())
}

/// Refuses to deploy something else than what is checked in.
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
            format!("`{}` is not what the configuration makes", file.name()),
            format!(
                "`{}` shows the difference, `{}` writes it; what is deployed is what was reviewed",
                synth(&["--check"]),
                synth(&[])
            ),
        )),
    }
}

/// Refuses `--retain-stacks` where none of the stacks is a stack set's: it would do nothing, and
/// a user who wants to keep stacks would lose them.
pub(crate) fn idle_retain_stacks<'s>(
    mut steps: impl Iterator<Item = &'s StackStep>,
) -> Result<(), Failure> {
    if steps.any(|step| step.stack_set) {
        return Ok(());
    }
    Err(Failure::new(
        "--retain-stacks keeps the stacks of a stack set, and no stack set is concerned here",
        "leave the option out, or name the profile of a target with `stack_set:`",
    ))
}
