//! How problems look: message, place, the lines with the offending text underlined, the fix.

use std::io::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use s3ferry::lint::{Finding, Severity};
use s3ferry::syntax::{Problem, Source, Span};

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
    Document(Box<Source>, Vec<Problem>),
    /// Problems of several documents.
    Documents(Vec<(Box<Source>, Vec<Problem>)>),
    /// Several failures of the same input.
    Several(Vec<Failure>),
}

impl Failure {
    /// Bad usage or input without a place in a file.
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::with_code(message, help, 2)
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
    #[cfg(feature = "deploy")]
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Message { message, .. } => message.clone(),
            Self::Document(source, problems) => first_problem(source, problems),
            Self::Documents(documents) => documents
                .first()
                .map(|(source, problems)| first_problem(source, problems))
                .unwrap_or_default(),
            Self::Several(failures) => failures.first().map(Self::message).unwrap_or_default(),
        }
    }

    /// The problems of a document.
    pub(crate) fn document(source: Source, problems: Vec<Problem>) -> Self {
        Self::Document(Box::new(source), problems)
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Message { code, .. } => *code,
            Self::Document(..) | Self::Documents(_) => 2,
            Self::Several(failures) => failures.first().map_or(2, Self::exit_code),
        }
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self) {
        let _ = writeln!(anstream::stderr().lock(), "{}", self.rendered().trim_end());
    }

    fn rendered(&self) -> String {
        match self {
            Self::Message { message, help, .. } => {
                let mut group = Group::with_title(Level::ERROR.primary_title(message));
                if !help.is_empty() {
                    group = group.element(Level::HELP.message(help));
                }
                format!("{}\n", Renderer::styled().render(&[group]))
            }
            Self::Document(source, problems) => problems
                .iter()
                .map(|problem| format!("{}\n\n", render_problem(source, problem)))
                .collect(),
            Self::Documents(documents) => documents
                .iter()
                .flat_map(|(source, problems)| {
                    let shown = |problem| format!("{}\n\n", render_problem(source, problem));
                    problems.iter().map(shown)
                })
                .collect(),
            Self::Several(failures) => failures
                .iter()
                .map(|failure| format!("{}\n\n", failure.rendered().trim_end()))
                .collect(),
        }
    }
}

#[cfg(feature = "deploy")]
impl From<s3ferry::deploy::DeployError> for Failure {
    fn from(error: s3ferry::deploy::DeployError) -> Self {
        use s3ferry::deploy::ErrorKind;
        let code = match error.kind {
            ErrorKind::Failed => 1,
            ErrorKind::Input => 2,
            ErrorKind::Aws => 3,
        };
        Self::with_code(error.message, error.help, code)
    }
}

#[cfg(feature = "deploy")]
fn first_problem(source: &Source, problems: &[Problem]) -> String {
    let message = problems.first().map(|problem| problem.message.as_str());
    format!("{}: {}", source.name(), message.unwrap_or_default())
}

fn render_problem(source: &Source, problem: &Problem) -> String {
    render(
        source,
        problem.span,
        &Level::ERROR,
        None,
        &problem.message,
        &problem.label,
        problem.help.as_deref(),
    )
}

/// A finding with the lines of the template.
pub(crate) fn render_finding(source: &Source, finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    render(
        source,
        finding.span,
        &level,
        Some(&finding.rule),
        &finding.message,
        finding.resource.as_deref().unwrap_or_default(),
        finding.fix.as_deref(),
    )
}

fn render(
    source: &Source,
    span: Span,
    level: &Level<'_>,
    id: Option<&str>,
    message: &str,
    label: &str,
    help: Option<&str>,
) -> String {
    let span = visible(source, span);
    let mut annotation = AnnotationKind::Primary.span(span.start..span.end);
    if !label.is_empty() {
        annotation = annotation.label(label);
    }
    let mut title = level.clone().primary_title(message);
    if let Some(id) = id {
        title = title.id(id);
    }
    let snippet = Snippet::source(source.text())
        .path(source.name())
        .annotation(annotation);
    let mut group = Group::with_title(title).element(snippet);
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    Renderer::styled().render(&[group])
}

/// The part of a span that is worth underlining: its first line.
fn visible(source: &Source, span: Span) -> Span {
    let start = span.start.min(source.text().len());
    let end = span.end.clamp(start, source.text().len());
    let first_line = source.text()[start..end].lines().next().map_or(0, str::len);
    Span {
        start,
        end: start + first_line,
    }
}
