//! Commands of this program that the user is told to run.

#[cfg(feature = "deploy")]
use super::Global;

#[cfg(feature = "deploy")]
pub(crate) use s3ferry::shell::Command;
pub(crate) use s3ferry::shell::word;

/// A command of this program, with the configuration that this run was given.
#[cfg(feature = "deploy")]
pub(crate) fn command(global: &Global, words: &[&str]) -> String {
    let command = Command::new("s3ferry");
    let command = words.iter().fold(command, Command::arg);
    let config = global.config.as_ref().map(|path| path.to_string_lossy());
    command.maybe("--config", config).to_string()
}
