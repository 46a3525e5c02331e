//! Findings as JUnit XML, in the format that Jenkins and other tools read (`junit-10.xsd`).

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::lint::{Report, Rule, Suppressed};
use quick_junit::{
    NonSuccessKind, Report as JunitReport, SerializeError, TestCase, TestCaseStatus, TestSuite,
};

use super::{NO_REASON, is_checked, place};

/// Returns a suite for each template. A suite has a case for each rule and for each other check
/// with findings. A case fails if it has an error. Each suppressed rule of a resource is a skipped
/// case.
///
/// # Errors
/// Returns an error if the report cannot be written as XML.
pub(crate) fn junit(
    reports: &[(Source, Report)],
    rules: &[Rule],
) -> Result<String, SerializeError> {
    let mut whole = JunitReport::new("s3ferry lint");
    for (source, report) in reports {
        let mut suite = TestSuite::new(source.name());
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let others = report.findings.iter().map(Diagnostic::code);
        // A file can have several rules with the same name.
        for name in rules.iter().map(|rule| rule.name.as_str()).chain(others) {
            if names.insert(name) {
                let findings = report.findings.iter();
                let of_rule = findings.filter(|finding| finding.code() == name);
                suite.add_test_case(case(source, name, of_rule));
            }
        }
        let suppressed = report.suppressed.iter();
        for one in suppressed.filter(|one| is_checked(&one.rule, &names)) {
            suite.add_test_case(skipped(source, one));
        }
        whole.add_test_suite(suite);
    }
    let text = whole.to_string()?;
    // The writer also counts the skipped cases of all suites, in an attribute of the first element.
    // The common schema does not have this attribute.
    Ok(text.replacen(&format!(" skipped=\"{}\"", whole.skipped), "", 1))
}

fn case<'f>(
    source: &Source,
    name: &str,
    findings: impl IntoIterator<Item = &'f Diagnostic>,
) -> TestCase {
    let mut lines = Vec::new();
    let mut first_error = None;
    for finding in findings {
        let place = place(source, finding.span.start);
        let severity = finding.severity.name();
        lines.push(format!("{place}: {severity}: {}", finding.message));
        lines.extend(finding.help.iter().map(|fix| format!("  fix: {fix}")));
        if finding.severity == Severity::Error && first_error.is_none() {
            first_error = Some(format!("{place}: {}", finding.message));
        }
    }
    let text = lines.join("\n");
    let mut case = match first_error {
        Some(message) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(name).set_message(message);
            status.set_description(text);
            TestCase::new(name, status)
        }
        // Do not report warnings and notes as failed tests, because a build server would fail the
        // build.
        None => {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            if !text.is_empty() {
                case.set_system_out(text);
            }
            case
        }
    };
    case.set_classname(source.name());
    case
}

fn skipped(source: &Source, suppressed: &Suppressed) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(suppressed.reason.as_deref().unwrap_or(NO_REASON));
    let name = format!("{} on {}", suppressed.rule, suppressed.resource);
    let mut case = TestCase::new(name, status);
    case.set_classname(source.name());
    case
}
