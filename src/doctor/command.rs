//! Commands of the AWS CLI that a finding prints.

use serde_json::Value as Json;

use crate::{escape, shell};

/// An AWS CLI command in the making. Every value is one word for a shell.
#[derive(Debug, Clone)]
pub(super) struct Command(shell::Command);

impl Command {
    /// A command by its service and operation, such as `kms enable-key`.
    pub(super) fn new(operation: &str) -> Self {
        Self(shell::Command::aws(operation))
    }

    /// The same with an option.
    pub(super) fn with(self, option: &str, value: &str) -> Self {
        Self(self.0.option(option, value))
    }

    /// The same with an option that takes JSON.
    pub(super) fn json(self, option: &str, value: &Json) -> Self {
        self.with(option, &escape::json(&value.to_string()))
    }

    pub(super) fn text(self) -> String {
        self.0.to_string()
    }
}
