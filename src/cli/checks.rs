//! The checks that templates pass before they are written or deployed: lint and proof.

use crate::checked::{CheckError, Refusal, lint_refusal, proof_refusal};
use crate::diagnostic::Source;
use crate::lint::Report;
use crate::proof::Proof;

use super::output::{self, Stream, Text};
use super::proof::complaints;
use super::{Failure, Global, reports};

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
        let text = reports::text(reports, global.verbose).trim_end();
        show(global, text, lint_refusal(reports).is_some());
    }
}

/// Shows the problems of a proof. Returns the reason to refuse the templates, if there is one. With
/// `strict`, unproven calls, unresolved values, and excess are errors.
pub(crate) fn show_proof(global: &Global, proof: &Proof, strict: bool) -> Option<Refusal> {
    let shown = complaints(proof, strict);
    let refusal = proof_refusal(proof, strict);
    if !shown.is_empty() {
        show(global, shown, refusal.is_some());
    }
    refusal
}

/// Prints findings. Findings that block the templates are errors, so they are printed even with
/// `--quiet`.
fn show(global: &Global, text: Text, is_refused: bool) {
    if is_refused {
        output::error(text.fitted(Stream::Notes));
    } else {
        output::note(global, text);
    }
}
