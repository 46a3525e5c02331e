//! How problems look: message, place, the lines with the offending text underlined, the fix.

use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::escape::{lines, shown};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::excerpt::{Excerpt, shortened};
use super::output::{self, Text};

/// As many errors are shown. A file with more has the same mistake many times, or is another file.
const MOST_SHOWN: usize = 20;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something without a place in a file.
    Message {
        /// What is wrong.
        message: String,
        /// What to do; may be empty.
        help: String,
        /// The exit code.
        code: u8,
    },
    /// Problems of one document.
    Document(Box<Source>, Vec<Diagnostic>),
    /// Several failures of the same input.
    Several(Vec<Failure>),
    /// A failure, and what else is to know.
    Noted(Box<Failure>, String),
}

impl Failure {
    /// Bad usage or input without a place in a file.
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::with_code(message, help, 2)
    }

    /// A refusal, or something that failed at AWS: exit code 1.
    pub(crate) fn finding(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::with_code(message, help, 1)
    }

    /// A failure with an exit code of its own.
    pub(crate) fn with_code(message: impl Into<String>, help: impl Into<String>, code: u8) -> Self {
        Self::Message {
            message: message.into(),
            help: help.into(),
            code,
        }
    }

    /// What is wrong, in one line.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Message { message, .. } => shortened(&shown(message)).into_owned(),
            Self::Document(source, problems) => {
                let message = problems.first().map(|problem| shown(&problem.message));
                let message = message.unwrap_or_default();
                format!("{}: {}", source.name(), shortened(&message))
            }
            Self::Several(failures) => failures.first().map(Self::message).unwrap_or_default(),
            Self::Noted(failure, _) => failure.message(),
        }
    }

    /// The same failure with a note: a sentence without its period.
    pub(crate) fn with_note(self, note: String) -> Self {
        Self::Noted(Box::new(self), note)
    }

    /// The problems of a document. One that is not of the kind that was asked for has one problem,
    /// which quotes nothing of it.
    pub(crate) fn document(source: Source, problems: Vec<Diagnostic>) -> Self {
        let Some(kind) = source.misses_kind() else {
            return Self::Document(Box::new(source), problems);
        };
        let (name, sign) = kind.name_and_sign();
        Self::new(
            format!("`{}` is not {name}: {sign}", source.name()),
            "check the path and the content of the file",
        )
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Message { code, .. } => *code,
            Self::Document(..) => 2,
            Self::Several(failures) => failures.first().map_or(2, Self::exit_code),
            Self::Noted(failure, _) => failure.exit_code(),
        }
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self) {
        output::error(self.rendered().trim_end());
    }

    fn rendered(&self) -> Text {
        if let Self::Noted(failure, note) = self {
            let mut both = failure.rendered().trim_end();
            both.push_str("\n");
            both.append(&titled(&Level::NOTE, "", note, ""));
            return both;
        }
        let mut parts = Vec::new();
        self.parts(&mut parts);
        let mut out = Text::new();
        for part in parts.iter().take(MOST_SHOWN) {
            let text = match part {
                Part::Message(message, help) => titled(&Level::ERROR, "", message, help),
                Part::Problem(source, problem) => render(source, problem),
                Part::Note(note) => titled(&Level::NOTE, "", note, ""),
            };
            out.append(&text.trim_end());
            out.push_str("\n\n");
        }
        if let Some(more @ 1..) = parts.len().checked_sub(MOST_SHOWN) {
            let plural = if more == 1 { "" } else { "s" };
            out.push_str(&format!("… and {more} more error{plural}\n"));
        }
        out
    }

    /// What there is to show, in its order.
    fn parts<'f>(&'f self, found: &mut Vec<Part<'f>>) {
        match self {
            Self::Message { message, help, .. } => found.push(Part::Message(message, help)),
            Self::Document(source, problems) => {
                let part = |problem| Part::Problem(source, problem);
                found.extend(problems.iter().map(part));
            }
            Self::Several(failures) => failures.iter().for_each(|failure| failure.parts(found)),
            Self::Noted(failure, note) => {
                failure.parts(found);
                found.push(Part::Note(note));
            }
        }
    }
}

/// One error of a failure.
enum Part<'f> {
    Message(&'f str, &'f str),
    Problem(&'f Source, &'f Diagnostic),
    Note(&'f str),
}

/// Warns of something that does not stop the command.
pub(crate) fn warn(global: &super::Global, message: &str, help: &str) {
    output::note(global, titled(&Level::WARNING, "", message, &shown(help)));
}

#[cfg(feature = "deploy")]
impl From<crate::deploy::DeployError> for Failure {
    fn from(error: crate::deploy::DeployError) -> Self {
        use crate::deploy::ErrorKind;
        let code = match error.kind {
            ErrorKind::Failed => 1,
            ErrorKind::Input => 2,
            ErrorKind::Aws => 3,
        };
        Self::with_code(error.message, error.help, code)
    }
}

/// A message without a place in a file, with its help, which may be empty.
pub(crate) fn titled(level: &Level<'_>, code: &str, message: &str, help: &str) -> Text {
    rendered(level, code, message, None, help)
}

/// A diagnostic with the line that it is about.
pub(crate) fn render(source: &Source, diagnostic: &Diagnostic) -> Text {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    rendered(
        &level,
        diagnostic.code(),
        &diagnostic.message,
        Some((source, diagnostic)),
        diagnostic.help.as_deref().unwrap_or_default(),
    )
}

/// A message; code and help may be empty.
fn rendered(
    level: &Level<'_>,
    code: &str,
    message: &str,
    place: Option<(&Source, &Diagnostic)>,
    help: &str,
) -> Text {
    // Help can have lines of its own, such as a list.
    let (message, code, help) = (shown(message), shown(code), lines(help));
    let mut title = level.clone().primary_title(shortened(&message));
    if !code.is_empty() {
        title = title.id(&*code);
    }
    let mut group = Group::with_title(title);
    let place = place.map(|(source, diagnostic)| {
        let excerpt = Excerpt::of(source, diagnostic.span);
        (source, excerpt, shown(&diagnostic.label))
    });
    if let Some((source, excerpt, label)) = &place {
        let mut annotation = AnnotationKind::Primary.span(excerpt.underlined.clone());
        if !label.is_empty() {
            annotation = annotation.label(shortened(label));
        }
        let snippet = Snippet::source(excerpt.text.as_str())
            .path(source.name())
            .line_start(excerpt.line)
            .annotation(annotation);
        group = group.element(snippet);
    }
    if !help.is_empty() {
        group = group.element(Level::HELP.message(shortened(&help)));
    }
    let mut rendered = Renderer::styled().render(&[group]);
    if let Some((source, excerpt, _)) = &place
        && excerpt.column != excerpt.shown_column
    {
        // The renderer counts the columns of the text that it was given.
        let place = |column| format!("{}:{}:{column}", source.name(), excerpt.line);
        rendered = rendered.replacen(&place(excerpt.shown_column), &place(excerpt.column), 1);
    }
    Text::rendered(rendered)
}
