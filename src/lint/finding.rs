//! What a lint has to say.

use serde::Serialize;

use crate::diagnostic::Span;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The template must not be deployed.
    Error,
    /// The template works, but should be better.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// The logical ID of the resource; `None` where the finding is about the template.
    pub resource: Option<String>,
    /// The place in the template, as `Resources.Key.Properties.EnableKeyRotation`.
    pub path: String,
    /// The place in the text.
    #[serde(serialize_with = "span")]
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: Option<String>,
}

/// A rule that a resource asks to be left alone by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// The rule's name.
    pub rule: String,
    /// The logical ID of the resource.
    pub resource: String,
    /// Why, in the words of the resource's `Metadata.guard.Reasons`.
    pub reason: Option<String>,
    /// Where the resource asks.
    #[serde(serialize_with = "span")]
    pub span: Span,
}

/// What the rules say about one template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The findings, by position.
    pub findings: Vec<Finding>,
    /// The suppressions, by position.
    pub suppressed: Vec<Suppressed>,
    /// How many rules were checked, whether they applied or not.
    pub rules_checked: usize,
}

impl Report {
    /// Whether a finding is an error.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// Adds findings of another check.
    pub fn add(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
        self.sort();
    }

    /// Brings everything into the order of the text, each thing once.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            (a.span, &a.rule, &a.path, &a.message).cmp(&(b.span, &b.rule, &b.path, &b.message))
        });
        let mut seen = std::collections::HashSet::new();
        self.findings.retain(|finding| {
            seen.insert((
                finding.rule.clone(),
                finding.resource.clone(),
                finding.path.clone(),
            ))
        });
        self.suppressed
            .sort_by(|a, b| (a.span, &a.rule).cmp(&(b.span, &b.rule)));
        self.suppressed.dedup();
    }
}

fn span<S: serde::Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    (span.start, span.end).serialize(serializer)
}
