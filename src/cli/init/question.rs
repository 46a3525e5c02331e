//! The questions of `s3ferry init`, which an option can answer instead of the user.

use std::io::{BufRead as _, IsTerminal as _};

use crate::aws::names::account_id_problem;
use crate::cli::Failure;
use crate::cli::output;
use crate::config::pipeline_region_problem;

pub(super) const REGION: Question = Question {
    option: "--region",
    text: "Region",
    default: Some("us-east-1"),
    check: |text| match pipeline_region_problem(text, "the pipeline") {
        Some(problem) => Err(problem),
        None => Ok(text.to_owned()),
    },
};

/// A value that comes from an option or from a prompt on the terminal.
pub(super) struct Question<'q> {
    option: &'q str,
    text: &'q str,
    pub(super) default: Option<&'q str>,
    /// Returns the normalized value, or the problem and the fix.
    check: fn(&str) -> Result<String, (String, String)>,
}

impl<'q> Question<'q> {
    pub(super) fn account(option: &'q str, text: &'q str) -> Self {
        Self {
            option,
            text,
            default: None,
            check: account_id,
        }
    }

    /// Returns the value of the option, if set.
    pub(super) fn given(&self, value: Option<&str>) -> Result<Option<String>, Failure> {
        let checked = value.map(self.check).transpose();
        checked.map_err(|(message, help)| match help.is_empty() {
            true => Failure::new(message, format!("set {} to 12 digits", self.option)),
            false => Failure::new(message, help),
        })
    }

    /// Prompts on the terminal until the answer is valid.
    pub(super) fn ask(&self) -> Result<String, Failure> {
        let missing = |why: &str| {
            Failure::new(
                format!("{} is required{why}", self.option),
                format!("set {}", self.option),
            )
        };
        if !std::io::stdin().is_terminal() {
            return match self.default {
                Some(value) => Ok(value.to_owned()),
                None => Err(missing(": standard input is not a terminal")),
            };
        }
        let default = self.default.map(|value| format!(" [{value}]"));
        let prompt = format!("{}{}: ", self.text, default.unwrap_or_default());
        loop {
            output::ask(&prompt);
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            let is_text =
                !matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::InvalidData);
            let answer = match (read, line.trim(), self.default) {
                (Err(_), ..) if !is_text => {
                    output::error("  the answer is not valid UTF-8");
                    continue;
                }
                (Ok(0) | Err(_), ..) => {
                    // The error starts on a new line.
                    output::error("");
                    return Err(missing(""));
                }
                (Ok(_), "", Some(default)) => default,
                (Ok(_), answer, _) => answer,
            };
            match (self.check)(answer) {
                Ok(value) => return Ok(value),
                Err((message, help)) if help.is_empty() => output::error(&format!("  {message}")),
                Err((message, help)) => output::error(&format!("  {message}: {help}")),
            }
        }
    }
}

/// Normalizes and checks an account ID. The AWS console shows account IDs with hyphens.
fn account_id(text: &str) -> Result<String, (String, String)> {
    let id: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    if id.is_empty() {
        return Err(("the account ID is empty".to_owned(), String::new()));
    }
    match account_id_problem(&id) {
        None => Ok(id),
        Some(problem) => Err((problem, String::new())),
    }
}
