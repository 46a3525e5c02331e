//! `s3ferry completions`: prints a completion script for a shell, and answers the requests of the
//! script.
//!
//! The script calls the program, so it completes names from the configuration.

use std::path::PathBuf;

use crate::plan::Plan;
use crate::run::Step;
use clap::Arg;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use super::output::{Text, print};
use super::project::Project;
use super::{Failure, Global, Outcome};

/// The environment variable with which a script requests completions.
const VARIABLE: &str = "S3FERRY_COMPLETE";

const EXAMPLES: &str = "\
Examples:
  s3ferry completions bash > ~/.local/share/bash-completion/completions/s3ferry
  echo 'source <(s3ferry completions bash)' >> ~/.bashrc
  echo 'source <(s3ferry completions zsh)' >> ~/.zshrc
  s3ferry completions fish > ~/.config/fish/completions/s3ferry.fish

Profiles, targets, accounts, and regions are completed from the configuration.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompleteOptions {
    /// Shell that runs the script
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(options: &CompleteOptions) -> Result<Outcome, Failure> {
    let failure =
        |why: &str| Failure::new(format!("cannot create the completion script: {why}"), "");
    let shells = Shells::builtins();
    let shell = shells
        .completer(&options.shell.to_string())
        .ok_or_else(|| failure("unknown shell"))?;
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "s3ferry", "s3ferry", "s3ferry", &mut script)
        .map_err(|error| failure(&error.to_string()))?;
    print(Text::own(String::from_utf8_lossy(&script)))?;
    Ok(Outcome::Done)
}

/// Answers the request of a completion script and exits. Without a request, does nothing.
pub(crate) fn answer(command: fn() -> clap::Command) {
    CompleteEnv::with_factory(|| with_values(command()))
        .var(VARIABLE)
        .complete();
}

/// Adds the possible values to the options of the command line.
fn with_values(mut command: clap::Command) -> clap::Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in &names {
        command = command.mut_subcommand(name, |sub| sub.mut_args(|argument| of(name, argument)));
    }
    let pages = move || candidates(&names);
    command.mut_subcommand("man", |sub| {
        sub.mut_arg("command", |argument| {
            argument.add(ArgValueCandidates::new(pages))
        })
    })
}

fn of(command: &str, argument: Arg) -> Arg {
    let values: fn(&Plan) -> Vec<String> = match (command, argument.get_id().as_str()) {
        (_, "call") => {
            let steps = || candidates(&Step::ALL.map(Step::name));
            return argument.add(ArgValueCandidates::new(steps));
        }
        // The configuration that `init` writes does not exist yet.
        ("init", _) => return argument,
        #[cfg(feature = "deploy")]
        (_, "profile") => |plan| {
            let steps = crate::deploy::stack_steps(plan).into_iter();
            steps.map(|step| step.profile).collect()
        },
        (_, "target") => |plan| plan.targets.iter().map(|one| one.name.clone()).collect(),
        (_, "account") => |plan| {
            plan.instances()
                .map(|(_, one)| one.account.to_string())
                .collect()
        },
        (_, "region") => |plan| {
            plan.instances()
                .map(|(_, one)| one.region.to_string())
                .collect()
        },
        _ => return argument,
    };
    argument.add(ArgValueCandidates::new(move || {
        let mut found = configured().as_ref().map(values).unwrap_or_default();
        found.sort();
        found.dedup();
        candidates(&found)
    }))
}

fn candidates(values: &[impl AsRef<str>]) -> Vec<CompletionCandidate> {
    let values = values.iter();
    values
        .map(|value| CompletionCandidate::new(value.as_ref()))
        .collect()
}

/// Returns the plan of the configuration that the incomplete command line names. Returns `None` for
/// an invalid configuration, because an error message would interrupt the user's typing.
fn configured() -> Option<Plan> {
    let words: Vec<_> = std::env::args_os().collect();
    let named = words.iter().enumerate().find_map(|(index, word)| {
        let word = word.to_str()?;
        match word.strip_prefix("--config=") {
            Some(path) => Some(PathBuf::from(path)),
            None if word == "--config" => words.get(index + 1).map(PathBuf::from),
            None => None,
        }
    });
    let global = Global {
        config: named,
        color: "never".to_owned(),
        quiet: true,
        verbose: false,
    };
    Project::load(&global).ok().map(|project| project.plan)
}
