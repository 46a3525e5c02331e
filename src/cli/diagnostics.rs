//! How problems look: message, place, the lines with the offending text underlined, the fix.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use s3ferry::escape::{lines, shown};
use s3ferry::lint::{Finding, Severity};
use s3ferry::syntax::{Problem, Source, Span};

use super::output::{self, Text};

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
    /// A failure, and what else is to know.
    #[cfg(feature = "deploy")]
    Noted(Box<Failure>, String),
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
            Self::Message { message, .. } => shown(message).into_owned(),
            Self::Document(source, problems) => first_problem(source, problems),
            Self::Documents(documents) => documents
                .first()
                .map(|(source, problems)| first_problem(source, problems))
                .unwrap_or_default(),
            Self::Several(failures) => failures.first().map(Self::message).unwrap_or_default(),
            Self::Noted(failure, _) => failure.message(),
        }
    }

    /// The same failure with a note: a sentence without its period.
    #[cfg(feature = "deploy")]
    pub(crate) fn with_note(self, note: String) -> Self {
        Self::Noted(Box::new(self), note)
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
            #[cfg(feature = "deploy")]
            Self::Noted(failure, _) => failure.exit_code(),
        }
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self) {
        output::error(self.rendered().trim_end());
    }

    fn rendered(&self) -> Text {
        let mut out = Text::new();
        let mut add = |rendered: Text| {
            out.append(&rendered.trim_end());
            out.push_str("\n\n");
        };
        match self {
            Self::Message { message, help, .. } => {
                add(titled(&Level::ERROR, None, message, help));
            }
            Self::Document(source, problems) => {
                for problem in problems {
                    add(render_problem(source, problem));
                }
            }
            Self::Documents(documents) => {
                for (source, problems) in documents {
                    for problem in problems {
                        add(render_problem(source, problem));
                    }
                }
            }
            Self::Several(failures) => {
                for failure in failures {
                    add(failure.rendered());
                }
            }
            #[cfg(feature = "deploy")]
            Self::Noted(failure, note) => {
                let mut both = failure.rendered().trim_end();
                both.push_str("\n");
                both.append(&titled(&Level::NOTE, None, note, ""));
                add(both);
            }
        }
        out
    }
}

/// Warns of something that does not stop the command.
#[cfg(feature = "deploy")]
pub(crate) fn warn(global: &super::Global, message: &str, help: &str) {
    let mut group = Group::with_title(Level::WARNING.primary_title(message));
    if !help.is_empty() {
        group = group.element(Level::HELP.message(help));
    }
    super::output::note(global, &Renderer::styled().render(&[group]));
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
    format!("{}: {}", source.name(), shown(message.unwrap_or_default()))
}

/// A message without a place in a file, with its help, which may be empty.
pub(crate) fn titled(level: &Level<'_>, id: Option<&str>, message: &str, help: &str) -> Text {
    // Help can have lines of its own, such as a list.
    let (message, help) = (shown(message), lines(help));
    let mut title = level.clone().primary_title(message.as_ref());
    if let Some(id) = id {
        title = title.id(id);
    }
    let mut group = Group::with_title(title);
    if !help.is_empty() {
        group = group.element(Level::HELP.message(help.as_ref()));
    }
    Text::rendered(Renderer::styled().render(&[group]))
}

fn render_problem(source: &Source, problem: &Problem) -> Text {
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
pub(crate) fn render_finding(source: &Source, finding: &Finding) -> Text {
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
) -> Text {
    let line = Line::of(source, span);
    let (message, label, help) = (shown(message), shown(label), help.map(lines));
    let id = id.map(shown);
    let mut annotation = AnnotationKind::Primary.span(line.start..line.end);
    if !label.is_empty() {
        annotation = annotation.label(label.as_ref());
    }
    let mut title = level.clone().primary_title(message.as_ref());
    if let Some(id) = &id {
        title = title.id(id.as_ref());
    }
    let snippet = Snippet::source(line.text.as_str())
        .line_start(line.number)
        .path(source.name())
        .annotation(annotation);
    let mut group = Group::with_title(title).element(snippet);
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_ref()));
    }
    Text::rendered(Renderer::styled().render(&[group]))
}

/// The line that a problem is shown with: the first one of its span. It is escaped, so that its
/// bytes are not those of the document.
struct Line {
    number: usize,
    text: String,
    start: usize,
    end: usize,
}

impl Line {
    fn of(source: &Source, span: Span) -> Self {
        let text = source.text();
        let start = span.start.min(text.len());
        let number = source.position(start).line;
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = source.line(number);
        let start = (start - begin).min(line.len());
        let end = (span.end.saturating_sub(begin)).clamp(start, line.len());
        let [before, inside, after] = [&line[..start], &line[start..end], &line[end..]].map(lines);
        Self {
            number,
            start: before.len(),
            end: before.len() + inside.len(),
            text: format!("{before}{inside}{after}"),
        }
    }
}
