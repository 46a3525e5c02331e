//! What the lint says about a template.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Severity, Source, Span};

/// A rule that a resource asks to be left alone by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The rule's name.
    pub rule: String,
    /// The logical ID of the resource.
    pub resource: String,
    /// Why, in the words of the entry (`RULE: reason`) or of the resource's `Metadata.guard.Reasons`.
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
        self.drop_statements_of_parts();
        self.suppressed
            .sort_by(|a, b| (a.span, &a.rule).cmp(&(b.span, &b.rule)));
        self.suppressed.dedup();
    }
}

impl Report {
    /// Drops what is said about a whole statement of a policy, where the same is said about its parts:
    /// Guard reports a value that is not in a list at both places.
    fn drop_statements_of_parts(&mut self) {
        let key = |finding: &Diagnostic, path: &str| {
            let code = finding.code().to_owned();
            (code, finding.message.clone(), path.to_owned())
        };
        let in_parts: HashSet<_> = self
            .findings
            .iter()
            .filter_map(|part| Some(key(part, statement(part.path())?)))
            .collect();
        self.findings
            .retain(|whole| !in_parts.contains(&key(whole, whole.path())));
    }
}

/// The statement that a path leads into: `….Statement.0` of `….Statement.0.Action`.
fn statement(path: &str) -> Option<&str> {
    let list = path.rfind(".Statement.")? + ".Statement.".len();
    let (index, _) = path[list..].split_once('.')?;
    let is_index = index.bytes().all(|byte| byte.is_ascii_digit());
    is_index.then(|| &path[..list + index.len()])
}

/// The findings of several templates.
pub(crate) fn all_findings(
    reports: &[(Source, Report)],
) -> impl Iterator<Item = (&Source, &Diagnostic)> {
    reports.iter().flat_map(|(source, report)| {
        let findings = report.findings.iter();
        findings.map(move |finding| (source, finding))
    })
}

/// The numbers of a lint of several templates.
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
