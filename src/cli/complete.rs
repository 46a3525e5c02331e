//! `s3ferry completions`: the completion script of a shell.

use clap_complete::Shell;

use super::output::print;
use super::{Failure, Outcome};

/// Options of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  s3ferry completions bash > /etc/bash_completion.d/s3ferry")]
pub(crate) struct Options {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(options: &Options, command: &mut clap::Command) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, command, "s3ferry", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
