//! Findings, written for people and for machines.

use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::escape::shown;
use crate::lint::{Figures, Report, Rule, all_findings};
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};
use serde_sarif::sarif;

use super::diagnostics::render;
use super::output::Text;

/// As many findings are shown to people, unless they ask for all.
const MOST_SHOWN: usize = 50;

/// For people: each finding with its lines, and a summary. Of many findings, the worst, unless
/// `verbose` is set.
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
                shown(suppressed.reason.as_deref().unwrap_or("no reason is given")),
            ));
        }
    }
    let figures = Figures::of(reports);
    out.push_str(&format!(
        "{} and the quotas on {}: {}, {}, {} suppressed.\n",
        plural(figures.rules, "rule"),
        plural(reports.len(), "template"),
        plural(figures.errors, "error"),
        plural(figures.warnings, "warning"),
        figures.suppressed,
    ));
    out
}

fn plural(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// `file:line:column`
fn place(source: &Source, start: usize) -> String {
    let position = source.position(start);
    format!("{}:{}:{}", source.name(), position.line, position.column)
}

/// A rule, as SARIF describes it. Empty texts are left to the others.
pub(crate) struct SarifRule<'r> {
    pub(crate) name: &'r str,
    pub(crate) what: &'r str,
    pub(crate) why: &'r str,
    pub(crate) fix: &'r str,
}

/// SARIF 2.1.0 (OASIS, *Static Analysis Results Interchange Format*).
pub(crate) fn sarif<'r>(
    reports: &[(Source, Report)],
    rules: impl IntoIterator<Item = SarifRule<'r>>,
) -> sarif::Sarif {
    let descriptors = rules.into_iter().map(|rule| {
        // A user's own rule may have no header; the schema wants a description all the same.
        let or = |text: &'r str, other| if text.is_empty() { other } else { text };
        let what = or(rule.what, rule.name);
        let text = |text: &str| {
            let message = sarif::MultiformatMessageString::builder();
            message.text(text.to_owned()).build()
        };
        sarif::ReportingDescriptor::builder()
            .id(rule.name.to_owned())
            .short_description(text(what))
            .full_description(text(or(rule.why, what)))
            .help(text(or(rule.fix, what)))
            .build()
    });
    let driver = sarif::ToolComponent::builder()
        .name("s3ferry")
        .version(env!("CARGO_PKG_VERSION"))
        .rules(descriptors.collect::<Vec<_>>())
        .build();
    let results = all_findings(reports).map(|(source, finding)| sarif_result(source, finding));
    let run = sarif::Run::builder()
        .tool(sarif::Tool::builder().driver(driver).build())
        .column_kind("unicodeCodePoints")
        .results(results.collect::<Vec<_>>())
        .build();
    sarif::Sarif::builder()
        .version("2.1.0")
        .schema("https://json.schemastore.org/sarif-2.1.0.json")
        .runs(vec![run])
        .build()
}

fn sarif_result(source: &Source, finding: &Diagnostic) -> sarif::Result {
    let start = source.position(finding.span.start);
    let end = source.position(finding.span.end);
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let region = sarif::Region::builder()
        .start_line(number(start.line))
        .start_column(number(start.column))
        .end_line(number(end.line))
        .end_column(number(end.column))
        .build();
    let file = sarif::ArtifactLocation::builder()
        .uri(source.name().replace('\\', "/"))
        .build();
    let place = sarif::PhysicalLocation::builder()
        .artifact_location(file)
        .region(region)
        .build();
    let fix = finding.help.iter().map(|fix| format!(". Fix: {fix}"));
    let message = finding.message.clone() + &fix.collect::<String>();
    sarif::Result::builder()
        .rule_id(finding.code())
        .level(match finding.severity {
            Severity::Error => sarif::ResultLevel::Error,
            Severity::Warning => sarif::ResultLevel::Warning,
            Severity::Note => sarif::ResultLevel::Note,
        })
        .message(sarif::Message::builder().text(message).build())
        .locations(vec![
            sarif::Location::builder().physical_location(place).build(),
        ])
        .build()
}

/// JUnit XML: a suite for each template, a case for each rule, and one for each other finding.
///
/// # Errors
/// The report cannot be written as XML.
pub(crate) fn junit(
    reports: &[(Source, Report)],
    rules: &[Rule],
) -> Result<String, quick_junit::SerializeError> {
    let mut whole = JunitReport::new("s3ferry lint");
    for (source, report) in reports {
        let mut suite = TestSuite::new(source.name());
        for rule in rules {
            let findings = report.findings.iter();
            let of_rule = findings.filter(|finding| finding.code() == rule.name);
            suite.add_test_case(junit_case(source, &rule.name, of_rule));
        }
        for finding in &report.findings {
            if rules.iter().all(|rule| rule.name != finding.code()) {
                suite.add_test_case(junit_case(source, finding.code(), [finding]));
            }
        }
        whole.add_test_suite(suite);
    }
    whole.to_string()
}

fn junit_case<'f>(
    source: &Source,
    name: &str,
    findings: impl IntoIterator<Item = &'f Diagnostic>,
) -> TestCase {
    let (mut lines, mut failed) = (Vec::new(), false);
    for finding in findings {
        let place = place(source, finding.span.start);
        let fix = finding.help.as_deref().unwrap_or_default();
        let line = format!("{place}: {} {fix}", finding.message);
        lines.push(line.trim_end().to_owned());
        failed |= finding.severity == Severity::Error;
    }
    let mut status = TestCaseStatus::success();
    if let (true, Some(first)) = (failed, lines.first()) {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(name).set_message(first);
        status.set_description(lines.join("\n"));
    }
    let mut case = TestCase::new(name, status);
    // Warnings are no failed tests; they stand in the case's output.
    if !failed && !lines.is_empty() {
        case.set_system_out(lines.join("\n"));
    }
    case.set_classname(source.name());
    case
}
