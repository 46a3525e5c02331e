//! The s3ferry commands that messages suggest.

use super::Global;

pub(crate) use crate::shell::Command;
pub(crate) use crate::shell::word;

/// Returns an s3ferry command for the stacks of a profile.
pub(crate) fn with_profile(words: &str, profile: &str) -> Command {
    Command::s3ferry(words).option("--profile", profile)
}

/// Returns the options that are set.
pub(crate) fn given<'o>(options: &[(bool, &'o str)]) -> Vec<&'o str> {
    let given = options.iter().filter(|(is_given, _)| *is_given);
    given.map(|(_, option)| *option).collect()
}

/// Returns an s3ferry command with the `--config` option of this run.
pub(crate) fn command(global: &Global, words: &[&str]) -> String {
    let command = Command::new("s3ferry");
    let command = words.iter().fold(command, Command::arg);
    let config = global.config.as_ref().map(|path| path.to_string_lossy());
    command.maybe("--config", config).to_string()
}
