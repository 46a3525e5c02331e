//! The warnings about an artifact that `push` reports before the upload.

use crate::diagnostic::Severity;
use crate::escape::shown;
use annotate_snippets::Level;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::screen::Screen;
use crate::cli::diagnostics::titled;
use crate::cli::output::Text;
use crate::cli::{Failure, output};

/// Maximum number of names in a warning.
const NAMED: usize = 3;

/// The kinds of warnings, in output order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    /// All files are in one folder
    SingleFolder,
    /// There is no index.html at the top level
    NoIndex,
    /// Names contain `\`, which becomes `/`
    Backslash,
    /// Names begin with `/`, which is kept
    LeadingSlash,
    /// Names contain `./` or `//`
    UnusualPath,
    /// A name occurs more than once
    DuplicateName,
    /// Entries are symbolic links
    SymbolicLink,
    /// Files created by the operating system, such as .DS_Store
    DesktopFile,
    /// Pages, documents, or scripts get application/octet-stream
    ContentType,
    /// Non-ASCII text does not declare its character set
    Charset,
    /// The content is too large to check completely
    Unchecked,
    /// Names differ only in case
    Case,
    /// Other files get application/octet-stream
    OctetStream,
    /// Scripts get application/x-javascript
    Javascript,
    /// The number of files is close to the limit of the deploy action
    ManyFiles,
}

impl Code {
    /// Returns the name on the command line and in JSON.
    pub(super) fn name(self) -> String {
        use clap::ValueEnum as _;
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Returns the severity. A warning indicates a probable mistake. A note is for information
    /// only.
    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Case | Self::OctetStream | Self::Javascript | Self::ManyFiles => Severity::Note,
            _ => Severity::Warning,
        }
    }
}

/// The first names of a kind, and the total number.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(super) struct Names {
    /// The first names in the folder or zip file.
    #[serde(rename = "names")]
    first: Vec<String>,
    /// Number of names.
    count: u64,
}

impl Names {
    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Formats the names, such as `a`, `b`, `c` and 7 more.
    pub(super) fn shown(&self) -> String {
        let named: Vec<String> = self.first.iter().map(|name| quoted(name)).collect();
        let mut text = named.join(", ");
        match self.count.saturating_sub(self.first.len() as u64) {
            0 => {}
            more => text.push_str(&format!(" and {more} more")),
        }
        text
    }
}

/// Adds a warning about these names, if there are any. The names replace `{}` in the message.
pub(super) fn add(found: &mut Vec<Warning>, code: Code, names: Names, message: &str, help: &str) {
    if !names.is_empty() {
        let message = message.replace("{}", &names.shown());
        found.push(Warning::new(code, names, message, help));
    }
}

/// Formats a name in backticks. Escapes characters that hide text, reverse it, or end the line.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", shown(name))
}

/// A warning or a note.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Warning {
    /// Kind, as in `--allow`.
    pub(super) code: Code,
    /// Severity; `--strict` refuses to upload if there are warnings.
    severity: Severity,
    /// Effect of the S3 deploy action, as one sentence without a period.
    message: String,
    /// Help; may be empty.
    #[serde(skip)]
    help: String,
    #[serde(flatten)]
    names: Names,
}

impl Warning {
    pub(super) fn new(
        code: Code,
        names: Names,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            help: help.into(),
            names,
        }
    }

    fn text(&self) -> Text {
        let level = match self.severity {
            Severity::Note => Level::NOTE,
            _ => Level::WARNING,
        };
        titled(&level, &self.code.name(), &self.message, &self.help)
    }
}

/// Removes the allowed kinds, then sorts, prints, and returns the others.
pub(super) fn report(screen: &Screen, mut found: Vec<Warning>, allowed: &[Code]) -> Vec<Warning> {
    found.retain(|warning| !allowed.contains(&warning.code));
    found.sort_by_key(|warning| warning.code);
    for warning in &found {
        output::note(screen.global, warning.text());
    }
    found
}

/// Refuses an artifact with warnings. Accepts notes.
pub(super) fn refuse(found: &[Warning]) -> Result<(), Failure> {
    let codes: Vec<String> = found
        .iter()
        .filter(|warning| warning.severity == Severity::Warning)
        .map(|warning| warning.code.name())
        .collect();
    if codes.is_empty() {
        return Ok(());
    }
    Err(Failure::finding(
        format!("--strict refused the upload: {}", codes.join(", ")),
        format!(
            "fix the files, or accept a kind of warning, for example with `--allow {}`",
            codes[0]
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_and_the_first_are_shown() {
        let mut names = Names::default();
        for name in ["a", "b\u{202e}c", "d\ne", "f", "g"] {
            names.add(name);
        }
        assert_eq!(names.shown(), "`a`, `b\\u{202e}c`, `d\\u{a}e` and 2 more");
    }
}
