//! Findings, as text for people and as files for machines.

mod junit;
mod sarif;

pub(crate) use junit::junit;
pub(crate) use sarif::{SarifRule, sarif};

use std::collections::BTreeSet;

use crate::diagnostic::Source;
use crate::escape::shown;
use crate::lint::{Figures, Report, all_findings, other_rule};

use super::diagnostics::render;
use super::output::Text;

/// The reason that is shown for a suppression without one.
const NO_REASON: &str = "no reason is given";

/// Maximum number of findings in the text, unless `--verbose` is set.
const MOST_SHOWN: usize = 50;

/// Returns each finding with its source line, and a summary. If there are many findings, returns
/// only the most severe ones, unless `verbose` is set.
pub(crate) fn text(reports: &[(Source, Report)], verbose: bool) -> Text {
    let mut found: Vec<_> = all_findings(reports).enumerate().collect();
    let more = match verbose {
        true => 0,
        false => found.len().saturating_sub(MOST_SHOWN),
    };
    if more > 0 {
        found.sort_by_key(|(_, (_, finding))| finding.severity);
        found.truncate(MOST_SHOWN);
        found.sort_by_key(|(number, _)| *number);
    }
    let mut out = Text::new();
    for (_, (source, finding)) in found {
        out.append(&render(source, finding));
        out.push_str("\n\n");
    }
    if more > 0 {
        let findings = plural(more, "more finding");
        out.push_str(&format!("… and {findings}: --verbose shows all\n\n"));
    }
    for (source, report) in reports.iter().filter(|_| verbose) {
        for suppressed in &report.suppressed {
            out.push_str(&format!(
                "suppressed: {} on {} ({}): {}\n",
                shown(&suppressed.rule),
                shown(&suppressed.resource),
                place(source, suppressed.span.start),
                shown(suppressed.reason.as_deref().unwrap_or(NO_REASON)),
            ));
        }
    }
    let figures = Figures::of(reports);
    let notes = match figures.notes {
        0 => String::new(),
        notes => format!("{}, ", plural(notes, "note")),
    };
    out.prose(format_args!(
        "Checked {} against {} and the quotas: {}, {}, {notes}{} suppressed.",
        plural(reports.len(), "template"),
        plural(figures.rules, "rule"),
        plural(figures.errors, "error"),
        plural(figures.warnings, "warning"),
        figures.suppressed,
    ));
    out
}

pub(crate) fn plural(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// `file:line:column`
fn place(source: &Source, start: usize) -> String {
    let position = source.position(start);
    format!("{}:{}:{}", source.name(), position.line, position.column)
}

/// Returns whether the lint checks a rule: a rule in `names`, or a built-in rule that is not a
/// Guard rule. Templates can also suppress rules from other rule sets, which have no findings here.
fn is_checked(rule: &str, names: &BTreeSet<&str>) -> bool {
    names.contains(rule) || other_rule(rule).is_some()
}
