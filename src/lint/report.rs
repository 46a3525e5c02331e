//! What the lint says about a template.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Severity, Span};

/// A rule that a resource asks to be left alone by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The rule's name.
    pub rule: String,
    /// The logical ID of the resource.
    pub resource: String,
    /// Why, in the words of the resource's `Metadata.guard.Reasons`.
    pub reason: Option<String>,
    /// Where the resource asks.
    pub span: Span,
}

/// What the rules say about one template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings, by position.
    pub findings: Vec<Diagnostic>,
    /// The suppressions, by position.
    pub suppressed: Vec<Suppressed>,
    /// How many rules were checked, whether they applied or not.
    pub rules_checked: usize,
}

impl Report {
    /// Whether a finding is an error.
    pub fn has_errors(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.severity == Severity::Error)
    }

    /// Adds findings of another check.
    pub fn add(&mut self, findings: Vec<Diagnostic>) {
        self.findings.extend(findings);
        self.sort();
    }

    /// Brings everything into the order of the text, each thing once.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            (a.span, a.code(), a.path(), &a.message).cmp(&(b.span, b.code(), b.path(), &b.message))
        });
        let mut seen = HashSet::new();
        self.findings.retain(|finding| {
            let place = (
                finding.resource().map(str::to_owned),
                finding.path().to_owned(),
            );
            seen.insert((finding.code().to_owned(), place))
        });
        self.suppressed
            .sort_by(|a, b| (a.span, &a.rule).cmp(&(b.span, &b.rule)));
        self.suppressed.dedup();
    }
}
