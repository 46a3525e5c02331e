//! The configuration file: its types, its parser with positions, and its validation.
//!
//! The [`crate::plan`] module derives other names from the configured names.

mod accounts;
mod buckets;
mod build;
mod cron;
mod instances;
mod invalidation;
mod model;
mod names;
mod places;
mod quotas;
mod regions;
mod safety;
mod safety_rules;
mod schema;
mod source;
mod stack_set;
mod stack_set_rules;
mod validate;

pub(crate) use buckets::*;
pub(crate) use build::{BUILD_STAGE, Compute, Environment};
pub(crate) use instances::Listed;
pub(crate) use model::*;

pub(crate) use regions::pipeline_region_problem;
pub(crate) use safety::*;
pub use schema::{json_schema, near};
pub(crate) use stack_set::*;

use crate::diagnostic::{self, Diagnostic, Node, Source, Span};

/// The built-in example, which is the file `s3ferry.yaml` in the repository.
pub const EXAMPLE: &str = include_str!("../../s3ferry.yaml");

/// A parsed configuration, with its syntax tree for error positions.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text.
    pub source: Source,
    /// The settings.
    pub config: Config,
    node: Node,
}

/// A problem with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Path of the setting: keys and list indexes from the root. The setting may be missing from
    /// the file, because a default can also be invalid.
    pub path: Vec<String>,
    /// Description of the problem.
    pub message: String,
    /// Suggested fix.
    pub help: String,
}

impl Complaint {
    /// Creates a complaint about the setting at `path`, whose steps are separated by dots.
    pub(crate) fn new(path: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.split('.').map(str::to_owned).collect(),
            message: message.into(),
            help: help.into(),
        }
    }
}

impl Document {
    /// Parses and validates a configuration.
    ///
    /// # Errors
    /// Returns an error if the configuration is invalid. The error contains all problems, in the
    /// order of the file.
    pub fn read(source: Source) -> Result<Self, Vec<Diagnostic>> {
        let node = diagnostic::read(&source).map_err(|problem| vec![problem])?;
        let problems = schema::check(&node);
        if !problems.is_empty() {
            return Err(problems);
        }
        let config: Config = serde_yaml::from_str(source.text()).map_err(|error| {
            let at = error.location().map_or(0, |location| location.index());
            let at = at.min(source.text().len());
            vec![Diagnostic::new(
                Span { start: at, end: at },
                format!("invalid configuration: {error}"),
            )]
        })?;
        let document = Self {
            source,
            config,
            node,
        };
        document.check()?;
        Ok(document)
    }

    /// Validates the values. Call this method again after the accounts files are read.
    ///
    /// # Errors
    /// Returns an error if the configuration is invalid. The error contains all problems, in the
    /// order of the file.
    pub fn check(&self) -> Result<(), Vec<Diagnostic>> {
        let complaints = validate::complaints(&self.config);
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(self.problems(&complaints))
        }
    }

    /// Adds positions to complaints and sorts them in the order of the file.
    pub fn problems(&self, complaints: &[Complaint]) -> Vec<Diagnostic> {
        let mut problems: Vec<Diagnostic> = complaints
            .iter()
            .map(|complaint| {
                let mut problem = Diagnostic::new(self.span(&complaint.path), &complaint.message);
                if !complaint.help.is_empty() {
                    problem = problem.help(&complaint.help);
                }
                problem
            })
            .collect();
        problems.sort_by_key(|problem| problem.span);
        problems
    }

    /// Returns the path of the setting at an offset: keys and list indexes from the root. The path
    /// is empty if the text cannot be parsed.
    pub(crate) fn path_at(source: &Source, offset: usize) -> Vec<String> {
        let mut path = Vec::new();
        let Ok(root) = diagnostic::read(source) else {
            return path;
        };
        let mut node = &root;
        loop {
            let entries = node.entries().unwrap_or_default().iter();
            let mut entries = entries.filter(|entry| {
                (entry.key_span.start..=entry.value.span.end.max(entry.key_span.end))
                    .contains(&offset)
            });
            let items = node.items().unwrap_or_default().iter().enumerate();
            let mut items =
                items.filter(|(_, item)| (item.span.start..=item.span.end).contains(&offset));
            node = match (entries.next_back(), items.next_back()) {
                (Some(entry), _) => {
                    path.push(entry.key.clone());
                    &entry.value
                }
                (None, Some((index, item))) => {
                    path.push(index.to_string());
                    item
                }
                (None, None) => return path,
            };
        }
    }

    /// Returns the position of a setting, or of its nearest parent in the file.
    fn span(&self, path: &[String]) -> Span {
        let mut node = &self.node;
        let mut span = Span::default();
        for step in path {
            let found = match (node.items(), step.parse::<usize>()) {
                (Some(items), Ok(index)) => items.get(index),
                _ => match node.entry(step) {
                    Some(entry) => {
                        span = entry.key_span;
                        Some(&entry.value)
                    }
                    None => None,
                },
            };
            let Some(found) = found else {
                return span;
            };
            node = found;
            match node.entries() {
                // Underlining the first key is more readable than underlining the whole block.
                Some([first, ..]) => span = first.key_span,
                _ => span = node.span,
            }
        }
        span
    }
}
