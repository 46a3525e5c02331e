//! The checks that templates pass before they are written or deployed: lint and proof.

use s3ferry::proof::Conclusion;

use super::project::{Generated, Project};
use super::{Failure, Global, lint, output, proof_complaints, prove, reports};

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
        let text = reports::text(&reports, global.verbose);
        output::note(global, text.trim_end());
    }
    Ok(failed)
}

/// Proves what was generated; tells why nothing may come of it, if so. With `strict`, unproven
/// results, unresolved values and unexplained excess are errors, too.
pub(crate) fn prove(
    global: &Global,
    project: &Project,
    generated: &[Generated],
    strict: bool,
) -> Result<Option<&'static str>, Failure> {
    let proof = prove::of_generated(&project.plan, generated)?;
    let shown = proof_complaints::complaints(&proof, strict);
    if !shown.is_empty() {
        output::note(global, &shown);
    }
    let outcome = proof.outcome();
    Ok(match (outcome.conclusion(), outcome.empty) {
        _ if !outcome.fails(strict) => None,
        (Conclusion::Failed, Some(_)) => Some("no run of the pipeline was checked"),
        (Conclusion::Failed, None) if outcome.denied + outcome.obstacles > 0 => {
            Some("a run of the pipeline would fail")
        }
        (Conclusion::Failed, None) if outcome.allowed_attacks > 0 => {
            Some("a call that must not be allowed is allowed")
        }
        (Conclusion::Failed, None) => Some("the templates name actions that do not exist"),
        (Conclusion::Unproven, _) => Some("with --strict, what is unproven is an error"),
        (Conclusion::Excess | Conclusion::Proven, _) => {
            Some("with --strict, unexplained excess is an error")
        }
    })
}
