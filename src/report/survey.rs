//! The content to review: the files of a proof and every statement in them, whether the proof
//! evaluated it or not. The page therefore shows every statement that allows something.

use std::collections::{BTreeMap, BTreeSet};

use super::Contents;
use crate::diagnostic::{Node, Source, Value, read};
use crate::proof::{StatementUse, outsiders};
use crate::run::Place;

/// A file that the page shows.
pub(super) struct File {
    /// The file's index in the files of the proof; `None` if the user stated that the file does not
    /// exist.
    pub(super) number: Option<usize>,
    /// The reason why the file was given; `None` for a template.
    pub(super) given_for: Option<String>,
    /// Whether its statements only limit the permissions of others.
    limits: bool,
}

/// The use of a statement in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It allows actions that calls need or that have a documented reason.
    Needed,
    /// It also allows other actions.
    Excess,
    /// It allows something, in a policy that the proof does not evaluate.
    Unchecked,
    /// It allows nothing by itself, because its policy only limits other policies.
    Limit,
    Denies,
}

/// A statement of a document.
pub(super) struct Statement<'p> {
    pub(super) place: Place,
    pub(super) sid: Option<String>,
    pub(super) used_as: Use,
    /// The result of the proof.
    pub(super) proven: Option<&'p StatementUse>,
    /// Principals in accounts that are not part of the run, and `*` without a condition.
    pub(super) outsiders: Vec<String>,
}

/// The files and their statements.
pub(super) struct Survey<'p> {
    pub(super) files: Vec<File>,
    pub(super) statements: Vec<Statement<'p>>,
}

impl Survey<'_> {
    /// Returns the statements that allow something and that the proof does not evaluate.
    pub(super) fn unchecked(&self) -> impl Iterator<Item = &Statement<'_>> {
        let statements = self.statements.iter();
        statements.filter(|statement| statement.used_as == Use::Unchecked)
    }

    /// Returns the statements of a file, in its order.
    pub(super) fn of_file(&self, number: usize) -> impl Iterator<Item = &Statement<'_>> {
        let from = self
            .statements
            .partition_point(|statement| statement.place.file < number);
        let rest = self.statements[from..].iter();
        rest.take_while(move |statement| statement.place.file == number)
    }
}

pub(super) fn survey<'p>(contents: &Contents<'p>) -> Survey<'p> {
    let files = files(contents);
    let stacks = contents.inputs.stacks.iter();
    let accounts: BTreeSet<&str> = stacks
        .flat_map(|stack| &stack.instances)
        .map(|instance| instance.account.as_str())
        .collect();
    let uses: BTreeMap<(usize, usize), &StatementUse> = contents
        .proof
        .excess
        .statements
        .iter()
        .map(|found| ((found.place.file, found.place.span.start), found))
        .collect();
    let mut statements = Vec::new();
    for file in &files {
        let Some(number) = file.number else { continue };
        let Ok(document) = read(&contents.proof.files[number]) else {
            continue;
        };
        each_statement(&document, &mut |node| {
            let denies = node.get("Effect").and_then(Node::as_str) == Some("Deny");
            let proven = uses.get(&(number, node.span.start)).copied();
            statements.push(Statement {
                place: Place {
                    file: number,
                    span: node.span,
                },
                sid: node.get("Sid").and_then(Node::as_str).map(str::to_owned),
                used_as: match proven {
                    _ if denies => Use::Denies,
                    _ if file.limits => Use::Limit,
                    Some(used) if used.is_unexplained() => Use::Excess,
                    Some(_) => Use::Needed,
                    None => Use::Unchecked,
                },
                proven,
                outsiders: outsiders(node, &accounts),
            });
        });
    }
    statements.sort_by_key(|statement| (statement.place.file, statement.place.span.start));
    Survey { files, statements }
}

/// Returns the templates and the additional files.
fn files(contents: &Contents<'_>) -> Vec<File> {
    let inputs = contents.inputs;
    let mut files: Vec<File> = (0..inputs.stacks.len())
        .map(|number| File {
            number: Some(number),
            given_for: None,
            limits: false,
        })
        .collect();
    let mut add = |source: Option<&Source>, what: String, limits: bool| {
        let behind = contents.proof.files.iter().enumerate();
        let mut behind = behind.skip(inputs.stacks.len());
        let number = source.and_then(|source| {
            let same = behind
                .find(|(_, file)| file.name() == source.name() && file.text() == source.text());
            same.map(|(number, _)| number)
        });
        let shown = number.is_none() || files.iter().all(|file| file.number != number);
        if shown {
            files.push(File {
                number,
                given_for: Some(what),
                limits,
            });
        }
    };
    for (kind, levels) in [("service", &inputs.scps), ("resource", &inputs.rcps)] {
        for (level, source) in levels.iter().enumerate() {
            let what = format!("{kind} control policies, level {} from the root", level + 1);
            add(Some(source), what, true);
        }
    }
    for (kind, named, limits) in [
        ("permissions boundary of", &inputs.boundaries, true),
        ("policy of", &inputs.bucket_policies, false),
        ("policy of", &inputs.policies, false),
        (
            "other identity-based policies of",
            &inputs.identities,
            false,
        ),
    ] {
        for file in named {
            add(
                file.source.as_ref(),
                format!("{kind} {}", file.name),
                limits,
            );
        }
    }
    files
}

/// Calls a function with every statement of a document, in its order.
fn each_statement<'n>(node: &'n Node, found: &mut dyn FnMut(&'n Node)) {
    match &node.value {
        Value::Mapping(entries) => {
            let is_one = node.get("Effect").and_then(Node::as_str).is_some()
                && (node.get("Action").is_some() || node.get("NotAction").is_some());
            if is_one {
                found(node);
            } else {
                for entry in entries {
                    each_statement(&entry.value, found);
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| each_statement(item, found)),
        _ => {}
    }
}
