//! `s3ferry report`: one page for the security reviewer of the targets' accounts.

use std::path::PathBuf;

use crate::checked::lint_refusal;
use crate::lint;
use crate::proof::Conclusion;
use crate::report;

use super::output::{self, note, thousands};
use super::project::Project;
use super::proof::ProofInput;
use super::{Failure, Global, Outcome, files};

const EXAMPLES: &str = "\
Examples:
  s3ferry report                                report.html, of the templates in stacks/
  s3ferry report --out change-4711.html
  s3ferry report --scp root.json --scp unit.json
                                                with the organization's policies as well
  s3ferry report --strict                       fail unless all is proven and nothing is excess
  s3ferry report --policy my-bucket=policy.json with the policy of a bucket that exists

The page loads nothing and works from a file, so it can be attached to a change request. It has
the picture of the run, behind every arrow the calls and the statements that decide them, the
attacks that are denied, what each statement is for, lint, quotas, and the templates with their
digests.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportOptions {
    /// Write the page to this file; `-`: to standard output
    #[arg(
        long,
        value_name = "FILE",
        default_value = "report.html",
        help_heading = "Output"
    )]
    out: PathBuf,
    #[command(flatten)]
    input: ProofInput,
    /// Exit with 1 also for unproven results, unresolved values and unexplained excess
    #[arg(long, help_heading = "Checks")]
    strict: bool,
}

/// Writes the report; one with errors in it is written, too.
pub(crate) fn run(global: &Global, options: &ReportOptions) -> Result<Outcome, Failure> {
    let project = Project::load_or_example(global, options.input.example)?;
    let mut inputs = options.input.read(&project, false)?;
    inputs.by_region = true;
    let checked = inputs.check(lint::embedded(), project.plan.quotas)?;
    let page = report::page(&checked);
    let is_file = files::put(&options.out, &page)?;
    let outcome = checked.proof.outcome();
    let lint_fails = lint_refusal(&checked.reports).is_some();
    let next = match outcome.conclusion() {
        _ if lint_fails => "It has errors: `s3ferry lint` explains them here, too.",
        Conclusion::Failed => "It has errors: `s3ferry prove` explains them here, too.",
        Conclusion::Unproven => "Some of it is unproven: the page names what is missing.",
        Conclusion::Excess => "Some statements grant what no call needs: the page names them.",
        Conclusion::Proven => "Next: open it in a browser, or attach it to the change request.",
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
