//! The engine: asks Guard, and says what it answers at its place in the template.
//!
//! What Guard gets is prepared by [`super::groups`] and [`super::template`]; what it answers is
//! read by [`super::answer`].

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use cfn_guard::commands::Executable;
use cfn_guard::commands::validate::{OutputFormatType, ShowSummaryType};
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ValidateBuilder};

use super::answer::{self, Answer, Failure, Message};
use super::groups::{Group, groups, violation};
use super::normal::{DERIVED, normal};
use super::numbers::unquoted_account_ids;
use super::rules::is_embedded;
use super::suppress::{Suppressions, names_in_filters, suppressions};
use super::template::Place;
use super::{Report, Rule, embedded, others, template};
use crate::diagnostic::{Diagnostic, Entry, Node, Severity, Source};
use crate::escape::for_yaml;
use crate::template::{OpenLoop, resources, without_loops};

/// Why a lint could not say anything. Every one of these would otherwise look like "no
/// findings".
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// There are no rules, or no templates.
    #[error("nothing was checked: there are no {0}")]
    Nothing(&'static str),
    /// A template has no resources.
    #[error("nothing was checked: `{0}` has no resources")]
    NoResources(String),
    /// Two files hold rules of the same name.
    #[error("the rule `{rule}` is in `{first}` and in `{second}`")]
    SameName {
        /// The name.
        rule: String,
        /// The file that came first.
        first: String,
        /// The other file.
        second: String,
    },
    /// Guard refused the rules or the template.
    #[error("Guard could not check `{template}`: {reason}")]
    Refused {
        /// The name of the template's source.
        template: String,
        /// What Guard says.
        reason: String,
    },
    /// Guard did not answer in its usual form.
    #[error("Guard's answer on `{template}` was not understood: {reason}")]
    Answer {
        /// The name of the template's source.
        template: String,
        /// What was not understood.
        reason: String,
    },
    /// Guard panicked, or its thread could not be started.
    #[error("Guard broke off while checking `{0}`")]
    BrokeOff(String),
}

/// Guard evaluates recursively, deeper than a document is nested.
const STACK_SIZE: usize = 16 * 1024 * 1024;

/// Checks templates against rules; one report for each template, in their order.
///
/// # Errors
/// Where something could not be checked, which is never the same as "no findings".
pub fn check(rules: &[Rule], templates: &[(&Source, &Node)]) -> Result<Vec<Report>, LintError> {
    if rules.is_empty() {
        return Err(LintError::Nothing("rules"));
    }
    if templates.is_empty() {
        return Err(LintError::Nothing("templates"));
    }
    let by_name = by_name(rules)?;
    if let Some((source, _)) = templates
        .iter()
        .find(|(_, node)| resources(node).is_empty())
    {
        return Err(LintError::NoResources(source.name().to_owned()));
    }
    let known = known_names(rules);
    let suppressed: Vec<Suppressions> = templates
        .iter()
        .map(|(_, node)| suppressions(node, &known))
        .collect();
    let mut reports: Vec<Report> = suppressed
        .iter()
        .map(|suppressed| Report {
            findings: suppressed.findings.clone(),
            suppressed: suppressed.valid.clone(),
            rules_checked: by_name.len(),
        })
        .collect();
    let groups = groups(rules);
    let has_own = rules.iter().any(is_embedded);
    let types = groups
        .iter()
        .flat_map(|group| group.types.iter().flatten().copied())
        .collect();
    let expanded: Vec<(Cow<'_, Node>, Vec<OpenLoop>)> = templates
        .iter()
        .map(|(_, node)| without_loops(node))
        .collect();
    let mut documents = Vec::new();
    for (at, ((source, node), (expanded, open))) in templates.iter().zip(&expanded).enumerate() {
        let (name, suppressed) = (source.name(), &suppressed[at]);
        documents.push(Document {
            template: at,
            name,
            resource: None,
            node: Cow::Borrowed(*node),
            suppressed,
        });
        if has_own {
            let normal = normal(expanded, open, &types);
            reports[at].findings.extend(unquoted_account_ids(node));
            reports[at].findings.extend(normal.notes);
            documents.extend(normal.resources.into_iter().map(|resource| Document {
                template: at,
                name,
                resource: Some((resource.entry, resource.kind)),
                node: Cow::Owned(template::alone(resource.entry, resource.node)),
                suppressed,
            }));
        }
    }
    let tasks = tasks(&groups, &documents);
    for (task, answers) in tasks.iter().zip(run(&tasks)) {
        for (document, answer) in task.documents.iter().zip(answers?) {
            let report = &mut reports[document.template];
            let template = match document.resource {
                Some(_) => expanded[document.template].0.as_ref(),
                None => templates[document.template].1,
            };
            for failure in answer.failures {
                report
                    .findings
                    .extend(finding(&by_name, document, template, failure));
            }
        }
    }
    for report in &mut reports {
        report.leave_out_suppressed();
        report.sort();
    }
    Ok(reports)
}

/// How many documents Guard gets at once: enough to make up for reading the rules, and few enough
/// to keep all threads busy.
const DOCUMENTS_TOGETHER: usize = 32;

/// Divides the work; the long tasks first, so that no thread is left alone with one at the end.
fn tasks<'d>(groups: &'d [Group<'d>], documents: &'d [Document<'d>]) -> Vec<Task<'d>> {
    let mut tasks: Vec<Task> = Vec::new();
    for group in groups {
        let concerned: Vec<&Document> = documents
            .iter()
            .filter(|document| group.concerns(document.resource.map(|(_, kind)| kind)))
            .collect();
        tasks.extend(concerned.chunks(DOCUMENTS_TOGETHER).map(|documents| Task {
            group,
            documents: documents.to_vec(),
        }));
    }
    tasks.sort_by_key(|task| Reverse(task.group.text.len() * task.documents.len()));
    tasks
}

fn by_name(rules: &[Rule]) -> Result<HashMap<&str, &Rule>, LintError> {
    let mut by_name: HashMap<&str, &Rule> = HashMap::new();
    for rule in rules {
        let Some(first) = by_name.insert(&rule.name, rule) else {
            continue;
        };
        // Clauses outside any rule all go by the same name, in every file.
        if first.file != rule.file && rule.name != "default" {
            return Err(LintError::SameName {
                rule: rule.name.clone(),
                first: first.file.clone(),
                second: rule.file.clone(),
            });
        }
    }
    Ok(by_name)
}

/// The names that may be suppressed: a suppression of a built-in rule is no mistake, whether
/// the rule is checked this time or not.
fn known_names(rules: &[Rule]) -> BTreeSet<String> {
    let filters = rules.iter().filter(|rule| !is_embedded(rule));
    rules
        .iter()
        .map(|rule| rule.name.clone())
        .chain(filters.flat_map(|rule| names_in_filters(&rule.text).map(str::to_owned)))
        .chain(embedded().into_iter().map(|rule| rule.name))
        .chain(others::suppressible().map(str::to_owned))
        .collect()
}

/// A template as it is written, or one of its resources in normal form.
struct Document<'t> {
    template: usize,
    name: &'t str,
    /// The resource as it is written, and its type.
    resource: Option<(&'t Entry, &'t str)>,
    node: Cow<'t, Node>,
    suppressed: &'t Suppressions,
}

/// One question to Guard: some rules, which it parses once, and all documents that they concern.
struct Task<'t> {
    group: &'t Group<'t>,
    documents: Vec<&'t Document<'t>>,
}

impl Task<'_> {
    /// The templates that it is about.
    fn names(&self) -> String {
        let documents = self.documents.iter();
        let mut names: Vec<&str> = documents.map(|document| document.name).collect();
        names.dedup();
        names.join("`, `")
    }
}

/// Runs all tasks on as many threads as there are cores; the answers come in the tasks' order.
fn run(tasks: &[Task]) -> Vec<Result<Vec<Answer>, LintError>> {
    let next = AtomicUsize::new(0);
    let answers: Vec<OnceLock<_>> = tasks.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let Some((task, answer)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            tasks.get(at).zip(answers.get(at))
        } {
            if let Ok(said) = catch_unwind(AssertUnwindSafe(|| ask(task))) {
                // Every task is taken once.
                let _ = answer.set(said);
            }
        }
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(tasks.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            // A thread that cannot be started leaves its work to the others, or undone.
            let _ = std::thread::Builder::new()
                .stack_size(STACK_SIZE)
                .spawn_scoped(scope, work);
        }
    });
    answers
        .into_iter()
        .zip(tasks)
        .map(|(answer, task)| {
            let broke_off = || Err(LintError::BrokeOff(task.names()));
            answer.into_inner().unwrap_or_else(broke_off)
        })
        .collect()
}

/// Asks Guard through its `validate` command, with a payload and its structured output: the
/// library's own `run_checks` cuts long reports short.
fn ask(task: &Task) -> Result<Vec<Answer>, LintError> {
    let refused = |reason: String| LintError::Refused {
        template: task.names(),
        reason,
    };
    let data: Vec<String> = task
        .documents
        .iter()
        .map(|document| match document.resource {
            Some(_) => template::to_spare_json(&document.node, &task.group.words),
            None => template::to_guard_json(&document.node, &document.suppressed.for_users),
        })
        .map(|json| for_yaml(&json).into_owned())
        .collect();
    let payload = serde_json::json!({ "rules": [task.group.text], "data": data }).to_string();
    let command = ValidateBuilder::default()
        .payload(true)
        .structured(true)
        .output_format(OutputFormatType::JSON)
        .show_summary(vec![ShowSummaryType::None])
        .try_build()
        .map_err(|error| refused(error.to_string()))?;
    let mut reader = Reader::new(ReadBuffer::Cursor(Cursor::new(payload.into_bytes())));
    let mut writer = Writer::new_with_err(WriteBuffer::Vec(vec![]), WriteBuffer::Vec(vec![]))
        .map_err(|error| refused(error.to_string()))?;
    match command.execute(&mut writer, &mut reader) {
        // Its codes for "compliant" and "not compliant".
        Ok(0 | 19) => {}
        Ok(code) => {
            let said = writer.err_to_stripped().unwrap_or_default();
            return Err(refused(format!("it ended with {code}. {}", said.trim())));
        }
        Err(error) => return Err(refused(error.to_string())),
    }
    writer
        .into_string()
        .map_err(|error| error.to_string())
        .and_then(|text| answer::read(&text, task.documents.len()))
        .and_then(|answers| {
            let missing = answers
                .iter()
                .find_map(|answer| task.group.missing_in(&answer.evaluated));
            match missing {
                Some(rule) => Err(format!("it says nothing about the rule `{rule}`")),
                None => Ok(answers),
            }
        })
        .map_err(|reason| LintError::Answer {
            template: task.names(),
            reason,
        })
}

fn finding(
    by_name: &HashMap<&str, &Rule>,
    document: &Document,
    template: &Node,
    failure: Failure,
) -> Option<Diagnostic> {
    let rule = by_name.get(failure.rule.as_str()).copied();
    let is_normal = document.resource.is_some();
    // A clause of ours without a message is a part of a filter, or cannot be evaluated.
    if is_normal && !matches!(failure.message, Message::Author(_)) {
        return None;
    }
    let mut place = template::locate(&document.node, &failure.path, &failure.missing);
    if let Some((entry, _)) = document.resource {
        if place.resource.is_none() {
            // What is missing altogether is reported at the resource.
            place.resource = Some(entry.key.clone());
            place.span = entry.key_span;
        }
        let path = template::path_to(template, &entry.key, place.span);
        // What is missing has no other path than in the normal form.
        if place.absent.is_empty() || place.path.contains(DERIVED) {
            place.path = path.unwrap_or_default();
        }
    }
    let severity = rule.map_or(Severity::Error, |rule| rule.severity);
    let (message, help) = match rule {
        Some(rule) if is_normal && failure.is_open => return Some(undecided(rule, place)),
        _ => words(rule, failure.message),
    };
    let rule = (failure.rule.as_str(), severity);
    let finding = Diagnostic::new(place.span, message);
    let mut finding = finding.of_rule(rule, place.resource.as_deref(), place.path);
    finding.help = help;
    Some(finding)
}

/// A rule that holds or not, depending on a value that is unknown.
fn undecided(rule: &Rule, place: Place) -> Diagnostic {
    let message = format!("cannot be decided: {}", rule.what);
    let named = (rule.name.as_str(), Severity::Note);
    Diagnostic::new(place.span, message)
        .of_rule(named, place.resource.as_deref(), place.path)
        .help("the value is known only when the stack is deployed; check it there")
}

/// What is wrong and what to do: in the words of the rule's author, or else of its header.
fn words(rule: Option<&Rule>, message: Message) -> (String, Option<String>) {
    let own = rule
        .filter(|rule| is_embedded(rule))
        .and_then(|rule| violation(&rule.text));
    if let Some((message, fix)) = own {
        return (message.to_owned(), Some(fix.to_owned()));
    }
    let header = |text: fn(&Rule) -> &String| {
        rule.map(|rule| text(rule).clone())
            .filter(|text| !text.is_empty())
    };
    let (message, fix) = match message {
        Message::Author(words) => {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let words = words.strip_prefix("Violation:").unwrap_or(&words).trim();
            match words.split_once("Fix:") {
                Some((message, fix)) => {
                    let message = message.trim().trim_end_matches('.');
                    (message.to_owned(), Some(fix.trim().to_owned()))
                }
                None => (words.to_owned(), None),
            }
        }
        Message::Clause(clause) => (
            header(|rule| &rule.what).unwrap_or_else(|| format!("this does not hold: {clause}")),
            None,
        ),
    };
    (message, fix.or_else(|| header(|rule| &rule.fix)))
}
