//! The engine: runs Guard, and reports its findings at their positions in the template.
//!
//! [`super::groups`] and [`super::template`] prepare the input for Guard, and [`super::answer`]
//! reads its report.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::answer::{self, Answer, Failure, Message};
use super::groups::{Group, groups, violation};
use super::normal::{DERIVED, normal, open_loops};
use super::numbers::unquoted_account_ids;
use super::rules::is_embedded;
use super::suppress::{Suppressions, names_in_filters, suppressions};
use super::template::Place;
use super::validate::{GUARD_THREAD, STACK_SIZE, validate};
use super::{Report, Rule, embedded, others, template};
use crate::diagnostic::{Diagnostic, Entry, Node, Severity, Source};
use crate::escape::for_yaml;
use crate::template::{OpenLoop, loops_as_written, resources, without_loops};

/// The reason why linting has no result. Without an error, the result would look like "no
/// findings".
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// There are no rules or no templates.
    #[error("nothing was checked: there are no {0}")]
    Nothing(&'static str),
    /// A template has no resources.
    #[error("nothing was checked: `{0}` has no resources")]
    NoResources(String),
    /// Two files contain rules with the same name.
    #[error("duplicate rule `{rule}` in `{first}` and `{second}`")]
    SameName {
        /// The name.
        rule: String,
        /// The first file.
        first: String,
        /// The second file.
        second: String,
    },
    /// Guard rejected the rules or the template.
    #[error("Guard could not check `{template}`: {reason}")]
    Refused {
        /// The name of the template's source.
        template: String,
        /// Guard's message.
        reason: String,
    },
    /// Guard's report has an unexpected structure.
    #[error("cannot read Guard's report on `{template}`: {reason}")]
    Answer {
        /// The name of the template's source.
        template: String,
        /// The unexpected structure.
        reason: String,
    },
    /// Guard panicked, or its thread could not be started.
    #[error("Guard stopped unexpectedly while checking `{0}`")]
    BrokeOff(String),
}

/// Checks templates against rules. Returns one report for each template, in order.
///
/// # Errors
///
/// Returns an error if there is nothing to check, if two files define the same rule, or if a
/// template cannot be checked. None of these cases counts as "no findings".
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
    let expanded: Vec<(Cow<'_, Node>, Vec<OpenLoop>)> = templates
        .iter()
        .map(|(_, node)| without_loops(node))
        .collect();
    let suppressed: Vec<Suppressions> = expanded
        .iter()
        .map(|(node, _)| suppressions(node, &known))
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
    let has_others = rules.iter().any(|rule| !is_embedded(rule));
    let mut words: HashMap<&str, HashSet<&str>> = HashMap::new();
    for group in &groups {
        for kind in group.types.iter().flatten() {
            words.entry(kind).or_default().extend(&group.words);
        }
    }
    let mut documents = Vec::new();
    for (at, ((source, node), (expanded, open))) in templates.iter().zip(&expanded).enumerate() {
        let (name, suppressed) = (source.name(), &suppressed[at]);
        let document = |resource, node, at_most| Document {
            template: at,
            name,
            resource,
            node,
            at_most,
            suppressed,
        };
        documents.push(document(None, Cow::Borrowed(*node), None));
        if has_own {
            let normal = normal(expanded, open, &words);
            reports[at].findings.extend(unquoted_account_ids(node));
            reports[at].findings.extend(normal.notes);
            documents.extend(normal.resources.into_iter().map(|resource| {
                let alone = |node| template::alone(resource.entry, node);
                document(
                    Some((resource.entry, resource.kind)),
                    Cow::Owned(alone(resource.node)),
                    resource.at_most.map(alone),
                )
            }));
        }
        if has_others {
            let loops = loops_as_written(node);
            reports[at].findings.extend(open_loops(&loops));
        }
    }
    let tasks = tasks(&groups, &documents);
    let mut answers = Vec::new();
    for (task, said) in tasks.iter().zip(run(&tasks)) {
        answers.extend(task.questions.iter().zip(said?));
    }
    let broken: HashSet<(usize, bool, &str)> = answers
        .iter()
        .flat_map(|(question, answer)| {
            let broken = answer.failures.iter().filter(|failure| failure.is_ours());
            broken.map(|failure| (question.document, question.at_most, failure.rule.as_str()))
        })
        .collect();
    for (question, answer) in &answers {
        let document = &documents[question.document];
        let template = match document.resource {
            Some(_) => expanded[document.template].0.as_ref(),
            None => templates[document.template].1,
        };
        for failure in &answer.failures {
            let other = (question.document, !question.at_most, failure.rule.as_str());
            // The result is undecided if the rule fails in only one of the two evaluations.
            let is_open = question.at_most
                || failure.is_open
                || document.at_most.is_some() && !broken.contains(&other);
            let finding = finding(&by_name, document, question, template, failure, is_open);
            reports[document.template].findings.extend(finding);
        }
    }
    for report in &mut reports {
        report.leave_out_suppressed();
        report.sort();
    }
    Ok(reports)
}

/// The number of documents in one call to Guard: large enough to amortize the parsing of the rules,
/// and small enough to keep all threads busy.
const DOCUMENTS_TOGETHER: usize = 32;

/// Divides the work into tasks. Long tasks come first, so that no thread starts one at the end.
fn tasks<'d>(groups: &'d [Group<'d>], documents: &'d [Document<'d>]) -> Vec<Task<'d>> {
    let mut variants: HashMap<(usize, &str), usize> = HashMap::new();
    for document in documents {
        *variants.entry(document.id()).or_default() += 1;
    }
    let mut tasks: Vec<Task> = Vec::new();
    for group in groups {
        let mut seen = HashSet::new();
        let mut questions = Vec::new();
        for (at, document) in documents.iter().enumerate() {
            let concerns = group.concerns(document.resource.map(|(_, kind)| kind));
            // Outcomes of conditions may differ only in parts that these rules do not check.
            let mut is_new = || {
                let spare = |node| template::spare(node, &group.words);
                let both = (spare(&document.node), document.at_most.as_ref().map(spare));
                seen.insert((document.id(), format!("{both:?}")))
            };
            if !concerns || variants.get(&document.id()) > Some(&1) && !is_new() {
                continue;
            }
            let question = |at_most| Question {
                document: at,
                at_most,
            };
            questions.push(question(false));
            questions.extend(document.at_most.iter().map(|_| question(true)));
        }
        tasks.extend(questions.chunks(DOCUMENTS_TOGETHER).map(|questions| Task {
            group,
            documents,
            questions: questions.to_vec(),
        }));
    }
    tasks.sort_by_key(|task| Reverse(task.group.text.len() * task.questions.len()));
    tasks
}

fn by_name(rules: &[Rule]) -> Result<HashMap<&str, &Rule>, LintError> {
    let mut by_name: HashMap<&str, &Rule> = HashMap::new();
    for rule in rules {
        let Some(first) = by_name.insert(&rule.name, rule) else {
            continue;
        };
        // Clauses outside rules have the same name in every file.
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

/// Returns the names that can be suppressed. Built-in rules can be suppressed even if they are not
/// checked.
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

/// A template as written, or one of its resources in normal form.
struct Document<'t> {
    template: usize,
    name: &'t str,
    /// The resource as written, and its type.
    resource: Option<(&'t Entry, &'t str)>,
    node: Cow<'t, Node>,
    /// The resource with the widest permissions that it can grant, if they depend on unknown
    /// values.
    at_most: Option<Node>,
    suppressed: &'t Suppressions,
}

impl Document<'_> {
    /// Returns the template and the resource of the document.
    fn id(&self) -> (usize, &str) {
        let resource = self.resource.map(|(entry, _)| entry.key.as_str());
        (self.template, resource.unwrap_or_default())
    }
}

/// A document that Guard evaluates.
#[derive(Debug, Clone, Copy)]
struct Question {
    /// Its index.
    document: usize,
    /// Whether Guard evaluates the widest permissions of the resource.
    at_most: bool,
}

/// The input of one call to Guard: the rules, which Guard parses once, and the documents that the
/// rules apply to.
struct Task<'t> {
    group: &'t Group<'t>,
    documents: &'t [Document<'t>],
    questions: Vec<Question>,
}

impl<'t> Task<'t> {
    fn document(&self, question: &Question) -> (&'t Document<'t>, &'t Node) {
        let document = &self.documents[question.document];
        let node = document.at_most.as_ref().filter(|_| question.at_most);
        (document, node.unwrap_or(&document.node))
    }

    /// Returns the names of its templates.
    fn names(&self) -> String {
        let documents = self.questions.iter().map(|one| self.document(one).0);
        let mut names: Vec<&str> = documents.map(|document| document.name).collect();
        names.dedup();
        names.join("`, `")
    }
}

/// Runs all tasks, with one thread for each core. Returns the answers in the order of the tasks.
fn run(tasks: &[Task]) -> Vec<Result<Vec<Answer>, LintError>> {
    let next = AtomicUsize::new(0);
    let answers: Vec<OnceLock<_>> = tasks.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let Some((task, answer)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            tasks.get(at).zip(answers.get(at))
        } {
            if let Ok(said) = catch_unwind(AssertUnwindSafe(|| ask(task))) {
                // Each task runs once.
                let _ = answer.set(said);
            }
        }
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(tasks.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            // If a thread cannot be started, the other threads do its work. A task without an
            // answer becomes an error.
            let _ = std::thread::Builder::new()
                .name(GUARD_THREAD.to_owned())
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

/// Runs Guard and reads its report.
fn ask(task: &Task) -> Result<Vec<Answer>, LintError> {
    let refused = |reason: String| LintError::Refused {
        template: task.names(),
        reason,
    };
    let data: Vec<String> = task
        .questions
        .iter()
        .map(|question| match task.document(question) {
            (document, node) if document.resource.is_none() => {
                template::to_guard_json(node, &document.suppressed.for_users)
            }
            (_, node) => template::spare(node, &task.group.words)
                .to_json()
                .to_string(),
        })
        .map(|json| for_yaml(&json).into_owned())
        .collect();
    let text = validate(&task.group.text, &data).map_err(refused)?;
    answer::read(&text, task.questions.len())
        .and_then(|answers| {
            let missing = answers
                .iter()
                .find_map(|answer| task.group.missing_in(&answer.evaluated));
            match missing {
                Some(rule) => Err(format!("rule `{rule}` is missing")),
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
    question: &Question,
    template: &Node,
    failure: &Failure,
    is_open: bool,
) -> Option<Diagnostic> {
    let rule = by_name.get(failure.rule.as_str()).copied();
    let is_normal = document.resource.is_some();
    // In a built-in rule, a clause without a message is part of a filter or cannot be evaluated.
    if is_normal && !failure.is_ours() {
        return None;
    }
    let seen = document.at_most.as_ref().filter(|_| question.at_most);
    let seen = seen.unwrap_or(&document.node);
    let mut place = template::locate(seen, &failure.path, &failure.missing);
    if let Some((entry, _)) = document.resource {
        if place.resource.is_none() {
            // A missing property is reported at the resource.
            place.resource = Some(entry.key.clone());
            place.span = entry.key_span;
        }
        let path = template::path_to(template, &entry.key, place.span);
        // A missing property has no path in the template, only in the normal form.
        if place.absent.is_empty() || place.path.contains(DERIVED) {
            place.path = path.unwrap_or_default();
        }
    }
    let severity = rule.map_or(Severity::Error, |rule| rule.severity);
    let (message, help) = match rule {
        Some(rule) if is_normal && is_open => return Some(undecided(rule, place)),
        _ => words(rule, &failure.message),
    };
    let rule = (failure.rule.as_str(), severity);
    let finding = Diagnostic::new(place.span, message);
    let mut finding = finding.of_rule(rule, place.resource.as_deref(), place.path);
    finding.help = help;
    Some(finding)
}

/// Returns a note about a rule whose result depends on an unknown value.
fn undecided(rule: &Rule, place: Place) -> Diagnostic {
    let what = rule.what.trim_end_matches('.');
    let message = format!("depends on an unknown value: {what}");
    let named = (rule.name.as_str(), Severity::Note);
    Diagnostic::new(place.span, message)
        .of_rule(named, place.resource.as_deref(), place.path)
        .help(
            "add a default, `AllowedValues`, or an `AllowedPattern` to the parameter, or check the \
             value in the deployed stack",
        )
}

/// Returns the problem and the fix, from the rule's message or header.
fn words(rule: Option<&Rule>, message: &Message) -> (String, Option<String>) {
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
            header(|rule| &rule.what).unwrap_or_else(|| format!("this clause failed: {clause}")),
            None,
        ),
    };
    (message, fix.or_else(|| header(|rule| &rule.fix)))
}
