//! The lint report of a template.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Severity, Source, Span};

/// A rule that a resource suppresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The rule's name.
    pub rule: String,
    /// The logical ID of the resource.
    pub resource: String,
    /// The reason, from the entry (`RULE: reason`) or from the resource's `Metadata.guard.Reasons`.
    pub reason: Option<String>,
    /// The position of the entry.
    pub span: Span,
}

/// The results of the rules for one template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings, by position.
    pub findings: Vec<Diagnostic>,
    /// The suppressions, by position.
    pub suppressed: Vec<Suppressed>,
    /// The number of checked rules, including rules that did not apply.
    pub rules_checked: usize,
}

impl Report {
    /// Returns whether a finding is an error.
    pub fn has_errors(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.severity == Severity::Error)
    }

    /// Adds findings from another check.
    pub fn add(&mut self, findings: Vec<Diagnostic>) {
        self.findings.extend(findings);
        self.sort();
    }

    /// Adds findings of a rule that resources can suppress.
    pub(crate) fn add_suppressible(&mut self, findings: Vec<Diagnostic>) {
        self.findings.extend(findings);
        self.leave_out_suppressed();
        self.sort();
    }

    /// Removes the findings that resources suppress.
    pub(super) fn leave_out_suppressed(&mut self) {
        let suppressed: HashSet<_> = self
            .suppressed
            .iter()
            .map(|one| (one.rule.as_str(), one.resource.as_str()))
            .collect();
        self.findings.retain(|finding| {
            let resource = finding.resource().unwrap_or_default();
            !suppressed.contains(&(finding.code(), resource))
        });
    }

    /// Sorts everything by position and removes duplicates.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            (a.span, a.code(), a.path(), &a.message).cmp(&(b.span, b.code(), b.path(), &b.message))
        });
        // Several outcomes of conditions, or several clauses of a rule, can find the same problem.
        let mut seen = HashSet::new();
        self.findings.retain(|finding| {
            seen.insert((
                finding.code().to_owned(),
                finding.span,
                finding.message.clone(),
            ))
        });
        let faults: HashSet<_> = self
            .findings
            .iter()
            .filter(|finding| finding.severity != Severity::Note)
            .map(|finding| (finding.code().to_owned(), finding.span))
            .collect();
        self.findings.retain(|finding| {
            let place = (finding.code().to_owned(), finding.span);
            finding.severity != Severity::Note || !faults.contains(&place)
        });
        self.suppressed
            .sort_by(|a, b| (a.span, &a.rule).cmp(&(b.span, &b.rule)));
        self.suppressed.dedup();
    }
}

/// Returns the findings of several templates.
pub(crate) fn all_findings(
    reports: &[(Source, Report)],
) -> impl Iterator<Item = (&Source, &Diagnostic)> {
    reports.iter().flat_map(|(source, report)| {
        let findings = report.findings.iter();
        findings.map(move |finding| (source, finding))
    })
}

/// Lint statistics for several templates.
pub(crate) struct Figures {
    pub rules: usize,
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
    pub suppressed: usize,
}

impl Figures {
    pub(crate) fn of(reports: &[(Source, Report)]) -> Self {
        let count = |severity| {
            let findings = all_findings(reports);
            let found = findings.filter(|(_, finding)| finding.severity == severity);
            found.count()
        };
        let rules = reports.iter().map(|(_, report)| report.rules_checked);
        let suppressed = reports.iter().map(|(_, report)| report.suppressed.len());
        Self {
            rules: rules.max().unwrap_or(0),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
            suppressed: suppressed.sum(),
        }
    }
}
