//! `s3ferry report`: one page for the security reviewer of the target accounts.

use std::path::PathBuf;

use crate::checked::lint_refusal;
use crate::lint;
use crate::proof::Conclusion;
use crate::report;

use super::output::{self, note, thousands};
use super::progress::Progress;
use super::project::Project;
use super::proof::ProofInput;
use super::{Failure, Global, Outcome, files, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry report                                write report.html for the templates in stacks/
  s3ferry report --out change-4711.html
  s3ferry report --scp root.json --scp unit.json
                                                include the policies of the organization
  s3ferry report --strict                       fail on unproven results and on excess permissions
  s3ferry report --policy my-bucket=policy.json
                                                include the policy of an existing bucket

The page is self-contained, so you can attach it to a change request. It has a diagram of the run,
the calls of each arrow with the statements that decide them, the attacks that are denied, the
purpose of each statement, lint findings, quotas, and the templates with their digests. It prints in
A4 landscape format. Templates are printed only if they are expanded in the browser.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportOptions {
    #[command(flatten)]
    input: ProofInput,
    /// Treat unproven calls, unresolved values, and excess permissions as errors
    #[arg(long, help_heading = "Checks")]
    strict: bool,
    /// Write the page to this file, or to standard output if `-`
    #[arg(
        long,
        value_name = "FILE",
        default_value = "report.html",
        help_heading = "Output"
    )]
    out: PathBuf,
}

/// Writes the report, even if it has errors.
pub(crate) fn run(global: &Global, options: &ReportOptions) -> Result<Outcome, Failure> {
    let project = Project::load_or_example(global, options.input.example)?;
    let mut inputs = options.input.read(&project, false)?;
    inputs.by_region = true;
    let progress = Progress::start(global, "Checking and proving the templates");
    let checked = inputs.check(lint::embedded(), project.plan.quotas)?;
    let page = report::page(&checked);
    drop(progress);
    let is_file = files::put(&options.out, &page)?;
    let outcome = checked.proof.outcome();
    let lint_fails = lint_refusal(&checked.reports).is_some();
    let details = |command| {
        let command = shell::command(global, &options.input.example.words(command));
        format!("The report has errors. Run `{command}` for the details.")
    };
    let next = match outcome.conclusion() {
        _ if lint_fails => details("lint"),
        Conclusion::Failed => details("prove"),
        Conclusion::Unproven => {
            "Some results are unproven. The report lists the missing inputs.".to_owned()
        }
        Conclusion::Excess => {
            "Some statements have excess permissions. The report lists them.".to_owned()
        }
        Conclusion::Proven => {
            "Next: open it in a browser, or attach it to the change request.".to_owned()
        }
    };
    let size = thousands(page.len().div_ceil(1000));
    let written = match is_file {
        true => format!("Wrote {}, {size} KB. ", output::path(&options.out)),
        false => String::new(),
    };
    note(global, &format!("{written}{next}"));
    Ok(Outcome::findings(
        lint_fails || outcome.fails(options.strict),
    ))
}
