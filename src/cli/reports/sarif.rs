//! Findings as SARIF 2.1.0 (OASIS, *Static Analysis Results Interchange Format*).

use std::collections::BTreeSet;
use std::path::{Component, Path};

use crate::diagnostic::{Severity, Source, Span};
use crate::lint::{Report, Suppressed, other_rule};
use serde_sarif::sarif;

use super::is_checked;

/// A rule in SARIF. An empty text is replaced with another text of the rule.
pub(crate) struct SarifRule<'r> {
    pub(crate) name: &'r str,
    /// The severity of its findings, if they all have the same.
    pub(crate) severity: Option<Severity>,
    pub(crate) what: &'r str,
    pub(crate) why: &'r str,
    pub(crate) fix: &'r str,
}

/// Returns the findings and the suppressed rules as results, with every rule that is checked or has
/// a result.
pub(crate) fn sarif<'r>(
    reports: &'r [(Source, Report)],
    rules: impl IntoIterator<Item = SarifRule<'r>>,
) -> sarif::Sarif {
    let mut rules: Vec<SarifRule> = rules.into_iter().collect();
    let mut names: BTreeSet<&str> = rules.iter().map(|rule| rule.name).collect();
    let mut results: Vec<sarif::Result> = Vec::new();
    for (source, report) in reports {
        let suppressed = report.suppressed.iter();
        let suppressed = suppressed.filter(|one| is_checked(&one.rule, &names));
        let suppressed: Vec<&Suppressed> = suppressed.collect();
        let codes = report.findings.iter().map(|finding| finding.code());
        for code in codes.chain(suppressed.iter().map(|one| one.rule.as_str())) {
            if names.insert(code) {
                let other = other_rule(code);
                rules.push(SarifRule {
                    name: code,
                    severity: other.map(|rule| rule.severity),
                    what: other.map_or("", |rule| rule.what),
                    why: "",
                    fix: "",
                });
            }
        }
        for finding in &report.findings {
            let fix = finding.help.as_ref();
            let fix = fix.map_or_else(String::new, |fix| format!(". Fix: {fix}"));
            let message = finding.message.clone() + &fix;
            let what = (finding.code(), finding.severity, message);
            let mut result = result(source, finding.span, what);
            if let (Some(resource), Some(location)) = (
                finding.resource(),
                result.locations.as_mut().and_then(|all| all.first_mut()),
            ) {
                location.logical_locations = Some(vec![logical(resource, finding.path())]);
            }
            results.push(result);
        }
        for one in suppressed {
            let severity = rules.iter().find(|rule| rule.name == one.rule);
            let severity = severity.and_then(|rule| rule.severity);
            let message = format!("{} is suppressed on {}", one.rule, one.resource);
            let what = (
                one.rule.as_str(),
                severity.unwrap_or(Severity::Error),
                message,
            );
            let mut result = result(source, one.span, what);
            result.suppressions = Some(vec![suppression(one)]);
            results.push(result);
        }
    }
    // A template can be given twice, with different paths.
    let mut seen = BTreeSet::new();
    results.retain(|result| seen.insert(serde_json::to_string(result).unwrap_or_default()));

    let mut driver = sarif::ToolComponent::builder()
        .name("s3ferry")
        .version(env!("CARGO_PKG_VERSION"))
        .rules(rules.iter().map(descriptor).collect::<Vec<_>>())
        .build();
    driver.information_uri = Some(env!("CARGO_PKG_REPOSITORY").to_owned());
    let run = sarif::Run::builder()
        .tool(sarif::Tool::builder().driver(driver).build())
        .column_kind("unicodeCodePoints")
        .results(results)
        .build();
    sarif::Sarif::builder()
        .version("2.1.0")
        .schema("https://json.schemastore.org/sarif-2.1.0.json")
        .runs(vec![run])
        .build()
}

fn descriptor(rule: &SarifRule) -> sarif::ReportingDescriptor {
    // A user's rule may have no header, but the schema requires a description.
    let or = |text, other| if str::is_empty(text) { other } else { text };
    let what = or(rule.what, rule.name);
    let text = |text: &str| {
        let message = sarif::MultiformatMessageString::builder();
        message.text(text.to_owned()).build()
    };
    let mut descriptor = sarif::ReportingDescriptor::builder()
        .id(rule.name.to_owned())
        .short_description(text(what))
        .full_description(text(or(rule.why, what)))
        .help(text(or(rule.fix, what)))
        .build();
    descriptor.default_configuration = rule.severity.map(|severity| {
        let level = serde_json::json!(severity.name());
        sarif::ReportingConfiguration::builder()
            .level(level)
            .build()
    });
    descriptor
}

fn result(
    source: &Source,
    span: Span,
    (rule, severity, message): (&str, Severity, String),
) -> sarif::Result {
    let start = source.position(span.start);
    let end = source.position(span.end);
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let region = sarif::Region::builder()
        .start_line(number(start.line))
        .start_column(number(start.column))
        .end_line(number(end.line))
        .end_column(number(end.column))
        .build();
    let file = sarif::ArtifactLocation::builder()
        .uri(uri(source.name(), std::env::current_dir().ok().as_deref()))
        .build();
    let place = sarif::PhysicalLocation::builder()
        .artifact_location(file)
        .region(region)
        .build();
    sarif::Result::builder()
        .rule_id(rule)
        .level(match severity {
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

/// Returns the logical location in a template: its resource and the path.
fn logical(resource: &str, path: &str) -> sarif::LogicalLocation {
    sarif::LogicalLocation::builder()
        .name(resource)
        .fully_qualified_name(path)
        .kind("resource")
        .build()
}

fn suppression(suppressed: &Suppressed) -> sarif::Suppression {
    let kind = serde_json::json!("inSource");
    let mut suppression = sarif::Suppression::builder().kind(kind).build();
    suppression.justification.clone_from(&suppressed.reason);
    suppression
}

/// Returns a file name as a URI, relative to the folder `here` if the file is below it.
fn uri(name: &str, here: Option<&Path>) -> String {
    let path = Path::new(name);
    let path = here
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path);
    let shown = path.to_string_lossy();
    if path.is_absolute() {
        let slashes = shown.replace('\\', "/");
        return format!("file:///{}", encoded(slashes.trim_start_matches('/')));
    }
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let parts = parts.map(|part| encoded(&part.as_os_str().to_string_lossy()));
    parts.collect::<Vec<_>>().join("/")
}

/// Percent-encodes characters with a special meaning in a URI. A colon has a special meaning in the
/// first segment of a relative path.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_relative_uris() {
        let here = Some(Path::new("/work here"));
        for (name, expected) in [
            ("stacks/dev.yaml", "stacks/dev.yaml"),
            ("./stacks/./dev.yaml", "stacks/dev.yaml"),
            ("../dev.yaml", "../dev.yaml"),
            ("/work here/stacks/dev.yaml", "stacks/dev.yaml"),
            ("/else where/dev.yaml", "file:///else%20where/dev.yaml"),
            ("a b#c?d%e:f.yaml", "a%20b%23c%3Fd%25e%3Af.yaml"),
            ("ü.yaml", "%C3%BC.yaml"),
        ] {
            assert_eq!(uri(name, here), expected, "{name}");
        }
        assert_eq!(uri("/a/b.yaml", None), "file:///a/b.yaml");
    }
}
