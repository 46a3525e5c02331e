//! `s3ferry authorize`: evaluates requests against their policies.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Kind, Source};
use crate::policy::evaluation::{CaseResult, evaluate_cases};

use super::json::Version;
use super::output::{Text, print, table};
use super::{Failure, Global, Outcome, files};

const EXAMPLES: &str = "\
Examples:
  s3ferry authorize cases.json  a case, a list of cases, or one case per line
  s3ferry authorize --format text cases.jsonl
  generate-cases | s3ferry authorize -

A case:
  {\"id\": \"reads\",
   \"request\": {
     \"principal\": \"arn:aws:sts::222222222222:assumed-role/prods3role/session\",
     \"action\": \"s3:GetObject\", \"resource\": \"arn:aws:s3:::bucket/key\",
     \"resourceAccount\": \"111111111111\",
     \"context\": {\"aws:SecureTransport\": \"true\"}},
   \"identityPolicies\": [], \"resourcePolicy\": null, \"scps\": [], \"rcps\": [],
   \"permissionBoundary\": null, \"sessionPolicy\": null,
   \"expect\": \"ImplicitlyDenied\"}

`scps` and `rcps` are lists of levels, from the root to the account. A level is a list of policies.
Every level of `rcps` includes RCPFullAWSAccess, because AWS attaches it and it cannot be detached.
A level of `scps` includes only the listed policies.

Exit codes:
  0  every decision matches the expected decision
  1  a decision differs from the expected decision
  2  a case cannot be read or has an unknown action";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AuthorizeOptions {
    /// JSON files with cases; `-` reads standard input
    #[arg(required = true, value_name = "CASES")]
    cases: Vec<PathBuf>,
    /// Set the output format
    #[arg(long, value_enum, default_value = "json", help_heading = "Output")]
    format: Format,
}

/// The format of the decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// One JSON object per line.
    Json,
}

/// Evaluates the cases.
pub(crate) fn run(_: &Global, options: &AuthorizeOptions) -> Result<Outcome, Failure> {
    let mut results: Vec<CaseResult> = Vec::new();
    let mut failed: Vec<Failure> = Vec::new();
    for path in &options.cases {
        let source = read(path)?;
        let mut problems = Vec::new();
        for outcome in evaluate_cases(&source) {
            match outcome.result {
                Ok(result) => results.push(result),
                Err(more) => problems.extend(more),
            }
        }
        if !problems.is_empty() {
            failed.push(Failure::document(source, problems));
        }
    }
    print(match options.format {
        Format::Text => Text::from(&text(&results)),
        Format::Json => Text::documents(results.iter().map(|result| Document {
            version: Version,
            result,
        }))?,
    })?;
    if !failed.is_empty() {
        return Err(Failure::Several(failed));
    }
    let wrong = results.iter().any(CaseResult::is_mismatch);
    Ok(Outcome::findings(wrong))
}

fn read(path: &Path) -> Result<Source, Failure> {
    if path == Path::new("-") {
        return files::read_stdin("cases", Kind::Cases);
    }
    files::read(path, "cases", Kind::Cases)
}

/// One line of the output of `s3ferry authorize --format json`: the result of a case.
#[derive(serde::Serialize, schemars::JsonSchema)]
#[schemars(title = "s3ferry authorize")]
pub(crate) struct Document<'r> {
    version: Version,
    #[serde(flatten)]
    result: &'r CaseResult,
}

fn text(results: &[CaseResult]) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .map(|result| {
            let expected = match result.expected {
                Some(expected) if result.is_mismatch() => format!("expected {expected:?}"),
                _ => String::new(),
            };
            vec![
                result.id.clone(),
                format!("{:?}", result.decision),
                expected,
                result.reason.because.clone(),
            ]
        })
        .collect();
    table(&["case", "decision", "", "reason"], &rows, &[])
}
