//! Findings, written for people and for machines.

use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::escape::shown;
use crate::lint::{Report, Rule};
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value as Json, json};
use serde_sarif::sarif;

use super::Failure;
use super::diagnostics::render;
use super::output::Text;

/// Version of the JSON shapes; it changes when a member changes its meaning or goes.
const JSON_VERSION: u32 = 1;

/// As many findings are shown to people, unless they ask for all.
const MOST_SHOWN: usize = 50;

/// For people: each finding with its lines, and a summary. Of many findings, the worst, unless
/// `verbose` is set.
pub(crate) fn text(reports: &[(Source, Report)], verbose: bool) -> Text {
    let all = reports
        .iter()
        .flat_map(|(source, report)| report.findings.iter().map(move |finding| (source, finding)));
    let mut found: Vec<(usize, (&Source, &Diagnostic))> = all.enumerate().collect();
    let more = found.len().saturating_sub(MOST_SHOWN);
    if more > 0 && !verbose {
        found.sort_by_key(|(_, (_, finding))| finding.severity);
        found.truncate(MOST_SHOWN);
        found.sort_by_key(|(number, _)| *number);
    }
    let mut out = Text::new();
    for (_, (source, finding)) in found {
        out.append(&render(source, finding));
        out.push_str("\n\n");
    }
    if more > 0 && !verbose {
        let plural = if more == 1 { "" } else { "s" };
        out.push_str(&format!(
            "… and {more} more finding{plural}: --verbose shows all\n\n"
        ));
    }
    if verbose {
        for (source, report) in reports {
            for suppressed in &report.suppressed {
                let position = source.position(suppressed.span.start);
                out.push_str(&format!(
                    "suppressed: {} on {} ({}:{}:{}): {}\n",
                    shown(&suppressed.rule),
                    shown(&suppressed.resource),
                    source.name(),
                    position.line,
                    position.column,
                    shown(suppressed.reason.as_deref().unwrap_or("no reason is given")),
                ));
            }
        }
    }
    out.push_str(&summary(reports));
    out
}

fn summary(reports: &[(Source, Report)]) -> String {
    let count = |severity| {
        let findings = reports.iter().flat_map(|(_, report)| &report.findings);
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let plural = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let suppressed: usize = reports
        .iter()
        .map(|(_, report)| report.suppressed.len())
        .sum();
    let rules = reports
        .iter()
        .map(|(_, report)| report.rules_checked)
        .max()
        .unwrap_or(0);
    format!(
        "{} and the quotas on {}: {}, {}, {} suppressed.\n",
        plural(rules, "rule"),
        plural(reports.len(), "template"),
        plural(count(Severity::Error), "error"),
        plural(count(Severity::Warning), "warning"),
        suppressed
    )
}

fn finding_json(source: &Source, finding: &Diagnostic) -> Json {
    let start = source.position(finding.span.start);
    let end = source.position(finding.span.end);
    json!({
        "rule": finding.code(),
        "severity": finding.severity.name(),
        "file": source.name(),
        "line": start.line,
        "column": start.column,
        "endLine": end.line,
        "endColumn": end.column,
        "resource": finding.resource(),
        "path": finding.path(),
        "message": finding.message,
        "fix": finding.help,
    })
}

/// One JSON object with all findings and suppressions.
pub(crate) fn json(reports: &[(Source, Report)]) -> String {
    let findings: Vec<Json> = reports
        .iter()
        .flat_map(|(source, report)| {
            report
                .findings
                .iter()
                .map(|finding| finding_json(source, finding))
        })
        .collect();
    let suppressed: Vec<Json> = reports
        .iter()
        .flat_map(|(source, report)| {
            report.suppressed.iter().map(|suppressed| {
                json!({
                    "rule": suppressed.rule,
                    "file": source.name(),
                    "line": source.position(suppressed.span.start).line,
                    "resource": suppressed.resource,
                    "reason": suppressed.reason,
                })
            })
        })
        .collect();
    let files: Vec<&str> = reports.iter().map(|(source, _)| source.name()).collect();
    let whole = json!({
        "version": JSON_VERSION,
        "files": files,
        "findings": findings,
        "suppressed": suppressed,
    });
    format!("{whole:#}\n")
}

/// The rules themselves as JSON.
pub(crate) fn rules_json(rules: &[Rule]) -> String {
    let rules: Vec<Json> = rules
        .iter()
        .map(|rule| {
            json!({
                "name": rule.name,
                "severity": rule.severity.name(),
                "what": rule.what,
                "why": rule.why,
                "fix": rule.fix,
                "controls": rule.controls,
                "file": rule.file,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "version": JSON_VERSION, "rules": rules }))
}

/// SARIF 2.1.0 (OASIS, *Static Analysis Results Interchange Format*).
///
/// # Errors
/// The log cannot be written as JSON.
pub(crate) fn sarif(reports: &[(Source, Report)], rules: &[Rule]) -> Result<String, Failure> {
    let descriptors: Vec<sarif::ReportingDescriptor> = rules
        .iter()
        .map(|rule| {
            let text = |text: &str| {
                sarif::MultiformatMessageString::builder()
                    .text(text.to_owned())
                    .build()
            };
            // A user's own rule may have no header; the schema wants a description all the same.
            let what = if rule.what.is_empty() {
                &rule.name
            } else {
                &rule.what
            };
            let why = if rule.why.is_empty() { what } else { &rule.why };
            let fix = if rule.fix.is_empty() { what } else { &rule.fix };
            sarif::ReportingDescriptor::builder()
                .id(rule.name.clone())
                .short_description(text(what))
                .full_description(text(why))
                .help(text(fix))
                .build()
        })
        .collect();
    let results: Vec<sarif::Result> = reports
        .iter()
        .flat_map(|(source, report)| {
            report
                .findings
                .iter()
                .map(|finding| sarif_result(source, finding))
        })
        .collect();
    let driver = sarif::ToolComponent::builder()
        .name("s3ferry")
        .version(env!("CARGO_PKG_VERSION"))
        .rules(descriptors)
        .build();
    let run = sarif::Run::builder()
        .tool(sarif::Tool::builder().driver(driver).build())
        .column_kind("unicodeCodePoints")
        .results(results)
        .build();
    let log = sarif::Sarif::builder()
        .version("2.1.0")
        .schema("https://json.schemastore.org/sarif-2.1.0.json")
        .runs(vec![run])
        .build();
    let mut text = serde_json::to_string_pretty(&log)
        .map_err(|error| Failure::new(format!("cannot write SARIF: {error}"), ""))?;
    text.push('\n');
    Ok(text)
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
    let location = sarif::Location::builder().physical_location(place).build();
    let fix = finding
        .help
        .as_ref()
        .map_or_else(String::new, |fix| format!(". Fix: {fix}"));
    sarif::Result::builder()
        .rule_id(finding.code())
        .level(match finding.severity {
            Severity::Error => sarif::ResultLevel::Error,
            Severity::Warning => sarif::ResultLevel::Warning,
            Severity::Note => sarif::ResultLevel::Note,
        })
        .message(
            sarif::Message::builder()
                .text(format!("{}{fix}", finding.message))
                .build(),
        )
        .locations(vec![location])
        .build()
}

/// JUnit XML: a suite for each template, a case for each rule, and one for each other finding.
///
/// # Errors
/// The report cannot be written as XML.
pub(crate) fn junit(reports: &[(Source, Report)], rules: &[Rule]) -> Result<String, Failure> {
    let mut whole = JunitReport::new("s3ferry lint");
    for (source, report) in reports {
        let mut suite = TestSuite::new(source.name());
        for rule in rules {
            let findings: Vec<&Diagnostic> = report
                .findings
                .iter()
                .filter(|finding| finding.code() == rule.name)
                .collect();
            suite.add_test_case(junit_case(source, &rule.name, &findings));
        }
        for finding in &report.findings {
            if rules.iter().all(|rule| rule.name != finding.code()) {
                suite.add_test_case(junit_case(source, finding.code(), &[finding]));
            }
        }
        whole.add_test_suite(suite);
    }
    let mut text = whole
        .to_string()
        .map_err(|error| Failure::new(format!("cannot write JUnit XML: {error}"), ""))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn junit_case(source: &Source, name: &str, findings: &[&Diagnostic]) -> TestCase {
    // Warnings are no failed tests; they stand in the case's output.
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let at = source.position(finding.span.start);
            let fix = finding.help.as_deref().unwrap_or_default();
            let (file, line, column) = (source.name(), at.line, at.column);
            format!("{file}:{line}:{column}: {} {fix}", finding.message)
                .trim_end()
                .to_owned()
        })
        .collect();
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let mut case = if failed {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status
            .set_type(name)
            .set_message(lines.first().cloned().unwrap_or_default());
        status.set_description(lines.join("\n"));
        TestCase::new(name, status)
    } else {
        TestCase::new(name, TestCaseStatus::success())
    };
    if !failed && !lines.is_empty() {
        case.set_system_out(lines.join("\n"));
    }
    case.set_classname(source.name());
    case
}
