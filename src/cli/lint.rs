//! `s3ferry lint`: checks generated or other templates against Guard rules and quotas.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::checked::lint_files;
use crate::config::Quotas;
use crate::diagnostic::{Diagnostic, Kind, Severity, Source, Span};
use crate::escape::shown;
use crate::lint::{self, Report, Rule};
use crate::template::TemplateFile;
use schemars::JsonSchema;
use serde::Serialize;

use super::json::Version;
use super::locate::ExampleOption;
use super::output::{self, Text, print, table};
use super::progress::Progress;
use super::project::Project;
use super::proof::{TEMPLATES, templates};
use super::reports::{self, SarifRule};
use super::{Failure, Global, Outcome, files};

const EXAMPLES: &str = "\
Examples:
  s3ferry lint                       check the templates in stacks/
  s3ferry lint other.json templates  check any CloudFormation templates
  cat template.yaml | s3ferry lint -   check standard input
  s3ferry lint --rules our-rules     also check custom Guard rules
  s3ferry lint --strict              also fail on warnings and notes
  s3ferry lint --format sarif > lint.sarif
  s3ferry lint --list-rules";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LintOptions {
    /// Templates, or folders of templates without subfolders; `-` reads standard input [default:
    /// the templates in stacks/, or else those generated from the configuration]
    #[arg(conflicts_with = "example")]
    files: Vec<PathBuf>,
    /// List the rules and exit
    #[arg(long, help_heading = "Selection")]
    list_rules: bool,
    #[command(flatten)]
    example: ExampleOption,
    /// Also check the Guard rules in this folder or file; can be repeated
    #[arg(long, value_name = "PATH", help_heading = "Input")]
    rules: Vec<PathBuf>,
    /// Do not check the built-in rules
    #[arg(long, help_heading = "Checks")]
    no_default_rules: bool,
    /// Also exit with code 1 for warnings and notes
    #[arg(long, help_heading = "Checks")]
    strict: bool,
    /// Set the format of the findings
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
}

/// The format of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Human-readable text.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning services.
    Sarif,
    /// JUnit XML, for CI servers.
    Junit,
}

/// The output of `s3ferry lint --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry lint")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document<'r> {
    version: Version,
    /// Paths of the checked templates.
    files: Vec<&'r str>,
    /// Findings of all severities.
    findings: Vec<Finding<'r>>,
    /// Suppressions, including unused ones.
    suppressed: Vec<Suppressed<'r>>,
    /// Paths of the rule files that were skipped because they contain no rule.
    files_without_rules: &'r [String],
}

/// A finding.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Finding<'r> {
    /// Name of the rule.
    rule: &'r str,
    /// Severity.
    severity: Severity,
    /// Path of the template.
    file: &'r str,
    /// First line, from 1.
    line: usize,
    /// First column, from 1.
    column: usize,
    /// Last line.
    end_line: usize,
    /// Column after the last character.
    end_column: usize,
    /// Logical ID; null for a finding about the whole template.
    resource: Option<&'r str>,
    /// Path in the template.
    path: &'r str,
    /// The problem.
    message: &'r str,
    /// How to fix it.
    fix: Option<&'r str>,
}

/// A suppressed finding.
#[derive(Serialize, JsonSchema)]
struct Suppressed<'r> {
    /// Name of the rule.
    rule: &'r str,
    /// Path of the template.
    file: &'r str,
    /// Line, from 1.
    line: usize,
    /// Logical ID.
    resource: &'r str,
    /// The reason in the template.
    reason: Option<&'r str>,
}

impl<'r> Document<'r> {
    fn new(reports: &'r [(Source, Report)], files_without_rules: &'r [String]) -> Self {
        let mut document = Self {
            version: Version,
            files: Vec::new(),
            findings: Vec::new(),
            suppressed: Vec::new(),
            files_without_rules,
        };
        for (source, report) in reports {
            let file = source.name();
            document.files.push(file);
            document
                .findings
                .extend(report.findings.iter().map(|finding| {
                    let start = source.position(finding.span.start);
                    let end = source.position(finding.span.end);
                    Finding {
                        rule: finding.code(),
                        severity: finding.severity,
                        file,
                        line: start.line,
                        column: start.column,
                        end_line: end.line,
                        end_column: end.column,
                        resource: finding.resource(),
                        path: finding.path(),
                        message: &finding.message,
                        fix: finding.help.as_deref(),
                    }
                }));
            let suppressed = report.suppressed.iter().map(|suppressed| Suppressed {
                rule: &suppressed.rule,
                file,
                line: source.position(suppressed.span.start).line,
                resource: &suppressed.resource,
                reason: suppressed.reason.as_deref(),
            });
            document.suppressed.extend(suppressed);
        }
        document
    }
}

/// The output of `s3ferry lint --list-rules --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry lint --list-rules")]
#[serde(rename_all = "camelCase")]
pub(crate) struct RulesDocument<'r> {
    version: Version,
    /// The rules.
    rules: &'r [Rule],
    /// Paths of the rule files that were skipped because they contain no rule.
    files_without_rules: &'r [String],
}

/// Lints templates.
pub(crate) fn run(global: &Global, options: &LintOptions) -> Result<Outcome, Failure> {
    if options.list_rules && !matches!(options.format, Format::Text | Format::Json) {
        return Err(Failure::new(
            "--list-rules does not support the SARIF or JUnit format",
            "use --format text or --format json",
        ));
    }
    if !options.list_rules {
        lint::prepare();
    }
    let Rules { rules, skipped } = rules(options)?;
    if options.list_rules {
        list(global, &rules, &skipped, options.format)?;
        return Ok(Outcome::Done);
    }
    let (templates, quotas) = if options.files.is_empty() {
        let project = Project::load_or_example(global, options.example)?;
        // Like `prove`, check the templates in the folder, because they are the ones to be
        // deployed.
        let inputs = templates(&project, None, false)?;
        (
            inputs.stacks.into_iter().map(|one| one.template).collect(),
            project.plan.quotas,
        )
    } else {
        let templates = named_templates(global, &options.files);
        let project = Project::load_if_any(global)?;
        let quotas = project.map_or_else(Quotas::default, |project| project.plan.quotas);
        (templates?, quotas)
    };
    if rules.is_empty() {
        return Err(Failure::new(
            "nothing was checked: there are no rules",
            "specify rules with --rules, or omit --no-default-rules",
        ));
    }
    let progress = Progress::start(
        global,
        format!("Checking {}", reports::plural(templates.len(), "template")),
    );
    let reports = lint_files(&rules, &templates, &quotas)?;
    drop(progress);
    print(match options.format {
        Format::Text => {
            let mut text = reports::text(&reports, global.verbose);
            text.append(&without_rules(global, &skipped));
            text
        }
        Format::Json => Text::document(&Document::new(&reports, &skipped))?,
        Format::Sarif => {
            let rules = rules.iter().map(|rule| SarifRule {
                name: &rule.name,
                severity: Some(rule.severity),
                what: &rule.what,
                why: &rule.why,
                fix: &rule.fix,
            });
            Text::document(&reports::sarif(&reports, rules))?
        }
        Format::Junit => {
            let text = reports::junit(&reports, &rules)
                .map_err(|error| Failure::new(format!("cannot write JUnit XML: {error}"), ""))?;
            Text::xml(&format!("{}\n", text.trim_end()))
        }
    })?;
    let mut reports = reports.iter();
    Ok(Outcome::findings(reports.any(|(_, report)| {
        report.has_errors() || options.strict && !report.findings.is_empty()
    })))
}

/// Reads the templates that the arguments name: files, folders, and `-` for standard input.
///
/// A file that is named several times is checked once. Subfolders are not searched.
fn named_templates(global: &Global, paths: &[PathBuf]) -> Result<Vec<TemplateFile>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(files::read_stdin("template", Kind::Template)?.into());
            continue;
        }
        if !path.is_dir() {
            found.push(files::read(path, "template", Kind::Template)?.into());
            continue;
        }
        let listed =
            files::paths_in(path).map_err(|error| files::cannot_read_folder(path, &error))?;
        let (before, mut skipped) = (found.len(), 0);
        for path in listed {
            // A broken link is reported when it is read.
            if !files::has_extension(&path, &TEMPLATES) || path.exists() && !path.is_file() {
                continue;
            }
            // A folder can contain other YAML files. A template with a syntax error is reported.
            let source = files::read(&path, "template", Kind::Template)?;
            match source.misses_kind() {
                None => found.push(source.into()),
                Some(_) => skipped += 1,
            }
        }
        if skipped > 0 {
            let files = reports::plural(skipped, "file");
            output::note(global, &format!("Skipped {files} without `Resources`."));
        }
        if found.len() == before {
            return Err(Failure::new(
                format!("folder `{}` contains no templates", path.display()),
                "specify a folder with `.yaml`, `.yml`, `.json`, or `.template` files",
            ));
        }
    }
    let mut names = BTreeSet::new();
    found.retain(|template: &TemplateFile| names.insert(template.name().to_owned()));
    Ok(found)
}

/// The rules to check.
struct Rules {
    rules: Vec<Rule>,
    /// Names of the files that were skipped because they contain no rule.
    skipped: Vec<String>,
}

fn rules(options: &LintOptions) -> Result<Rules, Failure> {
    let mut rules = if options.no_default_rules {
        Vec::new()
    } else {
        lint::embedded()
    };
    let mut skipped = Vec::new();
    for path in &options.rules {
        let mut paths = Vec::new();
        let is_folder = path.is_dir();
        if is_folder {
            guard_files(path, &mut paths)?;
            paths.sort();
        } else {
            paths.push(path.clone());
        }
        let before = rules.len();
        for path in paths {
            let source = files::read(&path, "rule file", Kind::Rules)?;
            let more = match lint::from_source(&source) {
                Ok(more) => more,
                Err(problem) => return Err(Failure::document(source, vec![problem])),
            };
            // A folder of rules may contain files with only comments.
            if more.is_empty() && !is_folder {
                return Err(Failure::document(source, vec![no_rule()]));
            }
            if more.is_empty() {
                skipped.push(source.name().to_owned());
            }
            rules.extend(more);
        }
        if rules.len() == before {
            return Err(Failure::new(
                format!(
                    "nothing was checked: folder `{}` contains no Guard rules",
                    path.display()
                ),
                "specify a folder with `.guard` files that contain rules",
            ));
        }
    }
    Ok(Rules { rules, skipped })
}

fn no_rule() -> Diagnostic {
    Diagnostic::new(Span::default(), "the rule file contains no rules")
        .help("write `rule NAME { … }`; see *Writing AWS CloudFormation Guard rules*")
}

/// Describes the skipped rule files, if any.
fn without_rules(global: &Global, skipped: &[String]) -> Text {
    let mut out = Text::new();
    if skipped.is_empty() {
        return out;
    }
    for name in skipped.iter().filter(|_| global.verbose) {
        out.push_str(&format!("without rules: {}\n", shown(name)));
    }
    let files = reports::plural(skipped.len(), "file");
    out.push_str(&format!("Skipped {files} without rules.\n"));
    out
}

fn guard_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let paths =
        files::paths_in(folder).map_err(|error| files::cannot_read_folder(folder, &error))?;
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            guard_files(&path, found)?;
        } else if files::has_extension(&path, &["guard", "ruleset"]) {
            found.push(path);
        }
    }
    Ok(())
}

fn list(
    global: &Global,
    rules: &[Rule],
    skipped: &[String],
    format: Format,
) -> Result<(), Failure> {
    if format == Format::Json {
        return print(Text::document(&RulesDocument {
            version: Version,
            rules,
            files_without_rules: skipped,
        })?);
    }
    let rows = rules.iter().map(|rule| {
        let (name, severity) = (rule.name.clone(), rule.severity.name().to_owned());
        vec![name, severity, rule.what.clone(), rule.controls.join("; ")]
    });
    let header = ["rule", "severity", "requirement", "controls"];
    let mut text = Text::from(table(&header, &rows.collect::<Vec<_>>(), &[]).as_str());
    text.append(&without_rules(global, skipped));
    print(text)
}
