//! `s3ferry lint`: Guard rules and quotas, on the generated or any other templates.

use std::path::{Path, PathBuf};

use crate::checked::lint_files;
use crate::config::Quotas;
use crate::diagnostic::Kind;
use crate::lint::{self, Rule};
use crate::template::TemplateFile;

use super::locate::ExampleOption;
use super::output::{Text, print, table};
use super::project::Project;
use super::proof_input::templates;
use super::{Failure, Global, Outcome, files, reports};

const EXAMPLES: &str = "\
Examples:
  s3ferry lint                            the templates in stacks/, or those of the configuration
  s3ferry lint stacks/*.yaml other.json   any CloudFormation templates
  s3ferry lint --rules our-rules          with Guard rules of your own as well
  s3ferry lint --format sarif > lint.sarif
  s3ferry lint --list-rules";

/// LintOptions of `lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LintOptions {
    /// CloudFormation templates, YAML or JSON [default: those in stacks/, where it has them, or
    /// those of the configuration]
    #[arg(conflicts_with = "example")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    example: ExampleOption,
    /// Folder (or file) of Guard rules to check as well; may be repeated
    #[arg(long, value_name = "DIR", help_heading = "Rules")]
    rules: Vec<PathBuf>,
    /// Leave out the embedded rules
    #[arg(long, help_heading = "Rules")]
    no_default_rules: bool,
    /// List the rules and stop
    #[arg(long, help_heading = "Rules")]
    list_rules: bool,
    /// Format of the findings
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code-scanning services.
    Sarif,
    /// JUnit XML, for CI servers.
    Junit,
}

/// Lints templates.
pub(crate) fn run(global: &Global, options: &LintOptions) -> Result<Outcome, Failure> {
    if options.list_rules && !matches!(options.format, Format::Text | Format::Json) {
        return Err(Failure::new(
            "SARIF and JUnit hold findings, and --list-rules lists rules",
            "list them with --format text or json",
        ));
    }
    let rules = rules(options)?;
    if options.list_rules {
        list(&rules, options.format)?;
        return Ok(Outcome::Done);
    }
    let (templates, quotas) = if options.files.is_empty() {
        let project = Project::load_or_example(global, options.example)?;
        // What is checked in is what gets deployed, whoever edited it: as for `prove`.
        let inputs = templates(&project, None, false)?;
        (
            inputs.stacks.into_iter().map(|one| one.template).collect(),
            project.plan.quotas,
        )
    } else {
        let templates: Result<Vec<TemplateFile>, Failure> = options
            .files
            .iter()
            .map(|path| Ok(files::read(path, "template", Kind::Template)?.into()))
            .collect();
        let project = Project::load_if_any(global)?;
        let quotas = project.map_or_else(Quotas::default, |project| project.plan.quotas);
        (templates?, quotas)
    };
    if rules.is_empty() {
        return Err(Failure::new(
            "nothing was checked: there are no rules",
            "name rules with --rules, or leave out --no-default-rules",
        ));
    }
    let reports = lint_files(&rules, &templates, &quotas)?;
    print(match options.format {
        Format::Text => reports::text(&reports, global.verbose),
        Format::Json => Text::json(&reports::json(&reports)),
        Format::Sarif => Text::json(&reports::sarif(&reports, &rules)?),
        Format::Junit => Text::xml(&reports::junit(&reports, &rules)?),
    })?;
    let found = reports.iter().any(|(_, report)| report.has_errors());
    Ok(if found {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

fn rules(options: &LintOptions) -> Result<Vec<Rule>, Failure> {
    let mut rules = if options.no_default_rules {
        Vec::new()
    } else {
        lint::embedded()
    };
    for path in &options.rules {
        let mut paths = Vec::new();
        if path.is_dir() {
            guard_files(path, &mut paths)?;
            paths.sort();
            if paths.is_empty() {
                return Err(Failure::new(
                    format!("folder `{}` has no Guard rules", path.display()),
                    "name a folder with `.guard` files",
                ));
            }
        } else {
            paths.push(path.clone());
        }
        for path in paths {
            let source = files::read(&path, "rules file", Kind::Rules)?;
            let more = lint::from_source(&source)
                .map_err(|problem| Failure::document(source, vec![problem]))?;
            rules.extend(more);
        }
    }
    Ok(rules)
}

fn guard_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::new(
            format!("cannot read folder `{}`: {error}", folder.display()),
            "",
        )
    })?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.is_symlink() {
            guard_files(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|ext| ext == "guard" || ext == "ruleset")
        {
            found.push(path);
        }
    }
    Ok(())
}

fn list(rules: &[Rule], format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return print(Text::json(&reports::rules_json(rules)));
    }
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|rule| {
            let severity = rule.severity.name().to_owned();
            vec![
                rule.name.clone(),
                severity,
                rule.what.clone(),
                rule.controls.join("; "),
            ]
        })
        .collect();
    print(&table(
        &["rule", "severity", "what it wants", "controls"],
        &rows,
        &[],
    ))
}
