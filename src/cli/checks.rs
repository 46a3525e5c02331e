//! The checks that templates pass before they are written or deployed: lint and proof.

use crate::checked::{CheckError, Refusal, proof_refusal};
use crate::diagnostic::Source;
use crate::lint::Report;
use crate::proof::Proof;

use super::proof::complaints;
use super::{Failure, Global, output, reports};

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Template(source, problem) => Self::document(*source, vec![problem]),
            CheckError::Lint(error) => Self::new(error.to_string(), ""),
            CheckError::Proof(errors) => errors.into(),
        }
    }
}

/// Shows lint findings.
pub(crate) fn show_lint(global: &Global, reports: &[(Source, Report)]) {
    if reports
        .iter()
        .any(|(_, report)| !report.findings.is_empty())
    {
        let text = reports::text(reports, global.verbose);
        output::note(global, text.trim_end());
    }
}

/// Shows the problems of a proof. Returns the reason to refuse the templates, if there is one. With
/// `strict`, unproven calls, unresolved values, and excess are errors.
pub(crate) fn show_proof(global: &Global, proof: &Proof, strict: bool) -> Option<Refusal> {
    let shown = complaints(proof, strict);
    if !shown.is_empty() {
        output::note(global, shown);
    }
    proof_refusal(proof, strict)
}
