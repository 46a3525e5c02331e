//! The commands, one file each, and what they share: arguments, exit codes, files, messages.
//!
//! This is the only part of the program that reads files, writes files, or prints.

mod authorize;
#[cfg(feature = "deploy")]
mod aws;
mod checks;
mod complete;
mod diagnostics;
mod excerpt;
mod files;
mod graph;
mod help;
mod init;
mod json;
mod lint;
mod locate;
mod man;
mod output;
mod progress;
mod project;
mod proof;
mod prove;
mod report;
mod reports;
mod schema;
mod shell;
mod synth;
mod table;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::escape::{lines, shown};
use clap::{Args, ColorChoice, CommandFactory, Parser, Subcommand};

pub(crate) use diagnostics::Failure;

const ABOUT: &str = "Deploy from CodePipeline in one AWS account to an S3 bucket in another";

const EXAMPLES: &str = "\
Examples:
  s3ferry init --dev-account 111111111111 --prod-account 222222222222
                         write s3ferry.yaml with unique bucket names
  s3ferry synth          write the CloudFormation templates to stacks/
  s3ferry synth --check  fail in CI if stacks/ is stale
  s3ferry report         write a page for the security reviewer
  s3ferry deploy --all   deploy all stacks after confirmation
  s3ferry push site/     upload a site and follow the pipeline that deploys it
  s3ferry status         show the state of the stacks and the next step
  s3ferry doctor         find out why a deployed pipeline does not work

Exit codes:
  0              success
  1              findings, a failed proof, stale files, or a failed stack or execution
  2              invalid usage, configuration, or input, unused input, or the wrong account
  3              AWS cannot be reached or rejects a request
  4              doctor: no problem found, but some checks are incomplete
  129, 130, 143  interrupted by SIGHUP, SIGINT (Ctrl-C), or SIGTERM";

/// The result of a command that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Success, without findings.
    Done,
    /// Findings, or stale files.
    Findings,
    /// No findings, but some checks could not be completed.
    Incomplete,
    /// A signal interrupted the command.
    #[cfg(feature = "deploy")]
    Interrupted(aws::signal::Signal),
}

#[derive(Debug, Parser)]
#[command(name = "s3ferry", version, about = ABOUT, after_help = EXAMPLES, color = ColorChoice::Auto)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = help::GLOBAL)]
pub(crate) struct Global {
    /// Use this configuration file [default: s3ferry.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set when to use colors; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub(crate) color: String,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print details, such as suppressed findings and denied attacks
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented s3ferry.yaml
    Init(init::InitOptions),
    /// Write the CloudFormation templates
    Synth(synth::SynthOptions),
    /// Check templates against Guard rules and AWS quotas
    Lint(lint::LintOptions),
    /// Prove that every call of an execution is allowed
    Prove(prove::ProveOptions),
    /// Draw a diagram of the accounts, resources, and calls
    Graph(graph::GraphOptions),
    /// Write an HTML page for the security reviewer
    Report(report::ReportOptions),
    /// List the accounts, regions, buckets, and roles
    Targets(targets::TargetsOptions),
    #[cfg(feature = "deploy")]
    #[command(flatten)]
    Aws(aws::Command),
    /// Evaluate requests in JSON against policies
    Authorize(authorize::AuthorizeOptions),
    /// Print the JSON Schema of the configuration or of command output
    Schema(schema::SchemaOptions),
    /// Print a completion script for a shell
    Completions(complete::CompleteOptions),
    /// Print the manual pages
    Man(man::ManOptions),
}

impl Outcome {
    /// Returns `Findings` if there are some, and `Done` otherwise.
    fn findings(are_some: bool) -> Self {
        match are_some {
            true => Self::Findings,
            false => Self::Done,
        }
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    // The message of a panic can contain untrusted text.
    std::panic::set_hook(Box::new(|info| {
        // A panic in Guard becomes an error of the lint.
        if std::thread::current().name() != Some(crate::lint::GUARD_THREAD) {
            output::error(&info.to_string());
        }
    }));
    complete::answer(Cli::command);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // The message quotes the argument, so hidden characters are escaped.
            let arguments = std::env::args_os();
            let arguments = arguments.map(|one| shown(&one.to_string_lossy()).into_owned());
            let laid_out = help::laid_out(Cli::command()).try_get_matches_from(arguments);
            let error = laid_out.err().unwrap_or(error);
            // A request for help exits with 0, and everything else with 2.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let text = error.render().to_string();
            if code == 0 {
                let help = help::restored(&error.render().ansi().to_string());
                // A closed pipe is not an error.
                let _ = output::print(output::Text::own(help));
            } else if lines(&text) == text {
                let _ = error.print();
            } else {
                // The message quotes the value of an environment variable.
                output::error(text.trim_end());
            }
            return ExitCode::from(code);
        }
    };
    output::set_color(&cli.global.color);
    let result = match &cli.command {
        Command::Init(options) => init::run(&cli.global, options),
        Command::Synth(options) => synth::run(&cli.global, options),
        Command::Lint(options) => lint::run(&cli.global, options),
        Command::Prove(options) => prove::run(&cli.global, options),
        Command::Graph(options) => graph::run(&cli.global, options),
        Command::Report(options) => report::run(&cli.global, options),
        Command::Targets(options) => targets::run(&cli.global, options),
        #[cfg(feature = "deploy")]
        Command::Aws(command) => aws::run(&cli.global, command),
        Command::Authorize(options) => authorize::run(&cli.global, options),
        Command::Schema(options) => schema::run(options),
        Command::Completions(options) => complete::run(options),
        Command::Man(options) => man::run(&cli.global, options, &Cli::command()),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Ok(Outcome::Incomplete) => ExitCode::from(4),
        #[cfg(feature = "deploy")]
        Ok(Outcome::Interrupted(signal)) => ExitCode::from(signal.exit_code()),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.exit_code())
        }
    }
}
