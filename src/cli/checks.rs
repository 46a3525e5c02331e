//! The checks that templates pass before they are written or deployed: lint and proof.

use super::project::{Generated, Project};
use super::{Failure, Global, lint, output, proof_reports, prove, reports};

/// Lints what was generated, with the Guard rules or against the quotas only; tells whether there
/// is an error.
pub(crate) fn lint(
    global: &Global,
    guard: bool,
    project: &Project,
    generated: &[Generated],
) -> Result<bool, Failure> {
    let templates = generated.iter().filter(|file| file.template);
    let sources: Vec<_> = templates.map(|file| file.source.clone()).collect();
    let rules = if guard {
        s3ferry::lint::embedded()
    } else {
        Vec::new()
    };
    let reports = lint::check(&rules, &sources, &project.plan.quotas)?;
    let failed = reports.iter().any(|(_, report)| report.has_errors());
    if failed
        || reports
            .iter()
            .any(|(_, report)| !report.findings.is_empty())
    {
        output::note(global, reports::text(&reports, global.verbose).trim_end());
    }
    Ok(failed)
}

/// Proves what was generated; tells whether there is an error.
pub(crate) fn prove(
    global: &Global,
    project: &Project,
    generated: &[Generated],
) -> Result<bool, Failure> {
    let proof = prove::of_generated(&project.plan, generated)?;
    let shown = proof_reports::complaints(&proof);
    if !shown.is_empty() {
        output::note(global, &shown);
    }
    Ok(proof.has_errors())
}
