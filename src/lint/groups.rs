//! Groups the rules for Guard.
//!
//! A built-in rule is evaluated for one resource at a time, and only for resources of the types
//! that it names. Rules that name the same types are evaluated together: their text is joined,
//! without comments. A user's file is evaluated unchanged, for the whole template.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Rule;
use super::rules::is_embedded;

/// The maximum number of rules that are evaluated together. Guard keeps a record of every
/// comparison until it has evaluated the last rule, which requires a lot of memory for pipelines
/// with hundreds of actions.
const TOGETHER: usize = 16;

/// Rules that are evaluated together.
#[derive(Debug)]
pub(super) struct Group<'r> {
    /// Their text.
    pub(super) text: Cow<'r, str>,
    /// Their names.
    pub(super) names: Vec<&'r str>,
    /// The resource types that they check; `None` for the whole template.
    pub(super) types: Option<BTreeSet<&'r str>>,
    /// The words in the text of the built-in rules.
    pub(super) words: HashSet<&'r str>,
}

impl Group<'_> {
    /// Returns whether the group applies to resources of a type, or, for `None`, to a whole
    /// template.
    pub(super) fn concerns(&self, kind: Option<&str>) -> bool {
        match (&self.types, kind) {
            (Some(types), Some(kind)) => types.contains(kind),
            (None, None) => true,
            _ => false,
        }
    }

    /// Returns a rule in the group that was not evaluated, if there is one.
    pub(super) fn missing_in(&self, evaluated: &BTreeSet<String>) -> Option<&str> {
        self.names
            .iter()
            .find(|name| !evaluated.contains(**name))
            .copied()
    }
}

/// Divides rules into groups.
pub(super) fn groups(rules: &[Rule]) -> Vec<Group<'_>> {
    let mut ours: BTreeMap<(BTreeSet<&str>, [bool; 2]), Vec<&Rule>> = BTreeMap::new();
    let mut theirs: Vec<Group> = Vec::new();
    let mut files: Vec<&str> = Vec::new();
    for rule in rules {
        if is_embedded(rule) {
            let words = words(&rule.text);
            // Most of a pipeline is the configuration of its actions, which few rules check.
            let looks_at = ["Actions", "Configuration"].map(|word| words.contains(word));
            let types = resource_types(&rule.text);
            ours.entry((types, looks_at)).or_default().push(rule);
        } else if let Some(at) = files.iter().position(|file| *file == rule.file) {
            theirs[at].names.push(&rule.name);
        } else {
            files.push(&rule.file);
            theirs.push(Group {
                text: Cow::Borrowed(&rule.text),
                names: vec![&rule.name],
                types: None,
                words: HashSet::new(),
            });
        }
    }
    let portions = ours.iter().flat_map(|((types, _), rules)| {
        let portions = rules.chunks(TOGETHER);
        portions.map(|rules| Group {
            text: rules.iter().map(|rule| spare(&rule.text)).collect(),
            names: rules.iter().map(|rule| rule.name.as_str()).collect(),
            types: (!types.is_empty()).then(|| types.clone()),
            words: rules.iter().flat_map(|rule| words(&rule.text)).collect(),
        })
    });
    portions.chain(theirs).collect()
}

/// Returns the words in a rule's clauses, including the names of all properties that it checks.
fn words(text: &str) -> HashSet<&str> {
    let clauses = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let clauses = clauses.map(|line| line.split("<<").next().unwrap_or(line));
    clauses
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Returns the resource types that a rule names: `AWS::S3::Bucket`, but not `AWS::AccountId`.
fn resource_types(text: &str) -> BTreeSet<&str> {
    text.split('\'')
        .filter(|part| part.starts_with("AWS::") && part.matches("::").count() == 2)
        .collect()
}

/// The replacement for a violation message. It marks the clauses that report a problem.
const MARK: &str = "<<!>>";

/// The start of filter lines that exclude resources that suppress the rule. Such lines are not
/// evaluated here, because the report removes and counts suppressed findings.
const SUPPRESSION: &str = "Metadata.guard.SuppressedRules";

/// The end of filter lines that exclude a choice between values (`Fn::If`). Guard cannot evaluate a
/// choice without the normal form.
const CHOICE: &str = "'Fn::If' not exists";

/// Returns a rule's text without comments, violation messages, and lines that are only needed when
/// Guard runs without s3ferry.
fn spare(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        let is_for_guard_alone = line.starts_with(SUPPRESSION) || line.ends_with(CHOICE);
        if line.is_empty() || line.trim_start().starts_with('#') || is_for_guard_alone {
            continue;
        }
        let (clause, violation) = line.split_once("<<").unwrap_or((line, ""));
        all.push_str(clause);
        if !violation.is_empty() {
            all.push_str(MARK);
        }
        all.push('\n');
    }
    all
}

/// Returns the violation message of a built-in rule: the problem and the fix.
pub(super) fn violation(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("<<Violation: ")?;
    let (words, _) = rest.split_once(">>")?;
    let (message, fix) = words.split_once("Fix:")?;
    Some((message.trim().trim_end_matches('.'), fix.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::embedded;

    #[test]
    fn violation_texts_are_one_for_each_rule_and_end_their_lines() {
        for rule in embedded() {
            let mut texts = BTreeSet::new();
            for line in rule.text.lines().map(str::trim) {
                if let Some((_, text)) = line.split_once("<<") {
                    assert!(line.ends_with(">>"), "{}: {line}", rule.name);
                    texts.insert(text.to_owned());
                }
            }
            assert_eq!(texts.len(), 1, "{}: {texts:?}", rule.name);
            assert!(violation(&rule.text).is_some(), "{}", rule.name);
        }
    }

    #[test]
    fn every_built_in_rule_names_resource_types() {
        let rules = embedded();
        let groups = groups(&rules);
        assert!(groups.iter().all(|group| group.types.is_some()));
        let names: usize = groups.iter().map(|group| group.names.len()).sum();
        assert_eq!(names, rules.len());
        assert!(groups.len() < rules.len());
    }

    #[test]
    fn pseudo_parameters_are_no_types() {
        assert_eq!(
            resource_types("Type == 'AWS::S3::Bucket' X == 'AWS::AccountId'"),
            BTreeSet::from(["AWS::S3::Bucket"])
        );
    }
}
