//! The commands, one file each, and what they share: arguments, exit codes, files, messages.
//!
//! This is the only part of the program that reads files, writes them or prints.

mod authorize;
#[cfg(feature = "deploy")]
mod aws;
mod checks;
mod complete;
mod diagnostics;
mod excerpt;
mod files;
mod graph;
mod init;
mod json;
mod lint;
mod locate;
mod man;
mod output;
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

const ABOUT: &str = "Deploy from a CodePipeline in one AWS account into an S3 bucket of another";

const EXAMPLES: &str = "\
Examples:
  s3ferry init --dev-account 111111111111 --prod-account 222222222222
                               write s3ferry.yaml, with bucket names of your own
  s3ferry synth                write the CloudFormation templates to stacks/
  s3ferry synth --check        in CI: fail when stacks/ is stale
  s3ferry lint                 check the templates with the embedded Guard rules
  s3ferry prove                show that every call of a run is allowed, and nothing more
  s3ferry deploy --profile dev deploy the dev account's stack; then --profile prod, then dev again
  s3ferry push site/           upload a site, and follow the pipeline that deploys it
  s3ferry status               how the stacks stand, and what is next
  s3ferry doctor               find out why a deployed pipeline does not run

Exit codes:
  0  done
  1  findings, a run that is not proven, stale files, or a failed stack
  2  wrong usage, configuration or input, an input that would not be used, or the wrong account
  3  AWS could not be reached, or refused
  4  doctor: no problem found, but not everything could be read or decided
  129, 130, 143  interrupted by SIGHUP, SIGINT (Ctrl-C), SIGTERM";

/// How a command ended well: whether there is something to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing to mend.
    Done,
    /// Findings, or stale files.
    Findings,
    /// No findings, and not everything could be examined.
    Incomplete,
    /// A signal stopped it.
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

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Configuration file [default: s3ferry.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub(crate) color: String,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more, such as suppressed findings and allowed calls
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented s3ferry.yaml
    Init(init::InitOptions),
    /// Write the CloudFormation templates
    Synth(synth::SynthOptions),
    /// Check templates with AWS CloudFormation Guard rules and against AWS's quotas
    Lint(lint::LintOptions),
    /// Prove that a run of the pipeline will be allowed, and nothing more
    Prove(prove::ProveOptions),
    /// Draw the run of the pipeline: accounts, buckets, key, roles, and who calls what
    Graph(graph::GraphOptions),
    /// Write a page for the security reviewer: diagram, calls, statements, attacks, templates
    Report(report::ReportOptions),
    /// List what the configuration expands to: accounts, regions, buckets, roles, actions
    Targets(targets::TargetsOptions),
    #[cfg(feature = "deploy")]
    #[command(flatten)]
    Aws(aws::Command),
    /// Decide requests from JSON as AWS would
    Authorize(authorize::AuthorizeOptions),
    /// Print the JSON Schema of the configuration, or of a command's JSON
    Schema(schema::SchemaOptions),
    /// Print the completion script of a shell
    Completions(complete::CompleteOptions),
    /// Print the manual pages
    Man(man::ManOptions),
}

impl Outcome {
    /// Findings, if there are some.
    fn findings(are_some: bool) -> Self {
        match are_some {
            true => Self::Findings,
            false => Self::Done,
        }
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    // The message of a panic can hold text from outside, too.
    std::panic::set_hook(Box::new(|info| {
        // A panic of Guard becomes an error of the lint.
        if std::thread::current().name() != Some(crate::lint::GUARD_THREAD) {
            output::error(&info.to_string());
        }
    }));
    complete::answer(Cli::command);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // An argument is shown in the message: what it hides is escaped.
            let arguments = std::env::args_os();
            let arguments = arguments.map(|one| shown(&one.to_string_lossy()).into_owned());
            let error = Cli::try_parse_from(arguments).err().unwrap_or(error);
            // Asking for help is no mistake; everything else is one, with exit code 2.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let text = error.render().to_string();
            if lines(&text) == text {
                let _ = error.print();
            } else {
                // A value of the environment.
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
